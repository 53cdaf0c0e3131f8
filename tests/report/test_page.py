"""`resonet report`: what stands on the page, what does not, and that it cannot be made to do anything."""

import json
import re
import shutil
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import onnx
import plotly.graph_objects as go
import pytest

from resonet.api.gathering import gather
from resonet.cli import entry
from resonet.core.errors import InputError
from resonet.cosim.montecarlo.limits import parse_limit
from resonet.netlist.network import propagate, read_cnn
from resonet.report.page import data_sheet, judge, page_of, render
from resonet.report.page.charts import thinned
from resonet.report.page.frequencies import smith_plot
from resonet.report.page.pdf import BROWSERS, print_pdf
from resonet.report.page.render import embedded
from resonet.report.page.verdict import overall

ROOT = Path(__file__).parents[2]
HOSTILE = "<script>alert(1)</script>"
pytestmark = pytest.mark.slow


def run(*words) -> int:
    """A command with its record, in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["resonet", *map(str, words)])
        with pytest.raises(SystemExit) as caught:
            entry.main()
    return caught.value.code or 0


@pytest.fixture(scope="module")
def whole(tmp_path_factory, small_folder, small_model) -> Path:
    """A design folder in which everything was computed."""
    place = tmp_path_factory.mktemp("whole")
    images = np.random.default_rng(6).uniform(0, 1, (40, 1, 8, 8))
    labels = propagate(read_cnn(small_model), images).argmax(1)
    labels[:2] = (labels[:2] + 1) % 3
    np.savez(place / "images.npz", images=images, labels=labels)
    build, data = shutil.copytree(small_folder, place / "build"), place / "images.npz"
    run("calibrate", build)
    run("crosstalk", build)
    run("accuracy", build, "--data", data, "--program", "calibrated")
    run("accuracy", build, "--data", data, "--program", "calibrated", "--resonators", "saturating")
    run("levels", build, "--data", data)
    run("sparams", build, "--layer", "conv1", "--program", "coupled", "--metrics")
    run("sneak", build, "--layer", "conv1")
    run("layout", build, "--layer", "conv1", "--arrangement", "planar")
    run("crossbar", build, "--no-sweep")
    run("montecarlo", build, "--samples", 3, "--spread", "f_res=0.003", "--data", data, "--jobs", 1)
    run("run", build, "--data", data)
    return build


@pytest.fixture
def folder(whole, tmp_path) -> Path:
    """The same place, so that records hold, given back as it was."""
    copy = shutil.copytree(whole, tmp_path / "kept")
    yield whole
    shutil.rmtree(whole)
    shutil.copytree(copy, whole)


class Elements(HTMLParser):
    """Tags, anchors, links and texts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.names, self.links, self.data = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags.append((tag, given))
        self.names += [given["id"]] if "id" in given else []
        self.links += [given["href"]] if tag == "a" else []

    def handle_data(self, data):
        self.data.append(data)


def specs(text: str) -> dict[str, dict]:
    found = re.findall(r'<script type="application/json" data-of="([^"]*)">(.*?)</script>', text, re.DOTALL)
    return {name: json.loads(data) for name, data in found}


def without_plotly(text: str) -> str:
    head, _, rest = text.partition("</main>")
    return head + rest[rest.rindex("<script>") :]


def answer_of(folder: Path, name: str) -> dict:
    records = [json.loads(path.read_text()) for path in sorted((folder / "runs").glob(f"{name}_*.json"))]
    return next(record["answer"] for record in records if "saturating" not in record["arguments"])


def test_everything_that_was_computed_stands_on_the_page(whole, tmp_path):
    assert run("report", whole, "-o", tmp_path / "r.html") == 0
    text = (tmp_path / "r.html").read_text()
    shown = without_plotly(text)
    found = Elements(shown)
    assert len(found.names) == len(set(found.names))
    assert {link[1:] for link in found.links} <= set(found.names)
    assert {tag for tag, _ in found.tags} & {"iframe", "object", "form", "base"} == set()
    outside = [
        v
        for _, given in found.tags
        for k, v in given.items()
        if k in ("src", "href") and v[0] != "#" and v[:5] != "data:"
    ]
    assert outside == []
    names = set(specs(shown))
    parts = (
        "plan",
        "detuning",
        "error",
        "errors",
        "crosstalk",
        "causes",
        "s21",
        "s11",
        "smith",
        "levels",
        "noise",
        "crossbars",
    )
    assert names >= {"accuracy", "chips-accuracy", "chips-weight_error", *(f"layer0-{part}" for part in parts)}
    plots = [given for tag, given in found.tags if given.get("class") == "canvas"]
    assert len(plots) == len(names)
    assert all(given["role"] == "img" and len(given["aria-label"]) > 40 and given["tabindex"] == "0" for given in plots)
    assert "resonet sparams" in shown  # of the layer that has none
    assert "|S21| of a chain, program coupled" in shown  # another one than the page judges
    answer = answer_of(whole, "accuracy")
    assert f"{100 * answer['accuracy']['circuit_calibrated']:.2f} %" in shown
    assert len(text.encode()) < 8e6
    assert all(image["alt"] and image["src"].startswith("data:image/png") for tag, image in found.tags if tag == "img")


def test_plots_are_what_plotly_takes(whole):
    """plotly's own validation of every trace and layout, with colours in the place of their names."""

    def plain(value):
        if isinstance(value, dict):
            return {key: plain(one) for key, one in value.items()}
        if isinstance(value, list):
            return [plain(one) for one in value]
        return "#123456" if isinstance(value, str) and value.startswith("@") else value

    found = specs(render(page_of(gather(whole, (), None))))
    assert len(found) > 15
    for spec in found.values():
        assert go.Figure(plain(spec)).data


def test_the_same_folder_gives_the_same_bytes(whole, tmp_path):
    for name in ("a.html", "b.html"):
        assert run("report", whole, "-o", tmp_path / name) == 0
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "b.html"]


def test_numbers_of_the_verdict_are_the_stored_ones(whole):
    judged = {one.name: one for one in judge(gather(whole, (), None))}
    answer, chips, cascade = (answer_of(whole, name) for name in ("accuracy", "montecarlo", "run"))
    held = answer_of(whole, "crosstalk")["layers"]
    wanted = {
        "Accuracy, software": answer["accuracy"]["software"],
        "Accuracy, circuit": answer["accuracy"]["circuit_calibrated"],
        "Accuracy, circuit with noise": answer["noise"]["programs"]["calibrated"]["mean"],
        "Accuracy, with spread": float(np.median(chips["values"]["accuracy"]["calibrated"])),
        "RMS weight error, worst layer": max(row["rms_error_calibrated"] for row in held),
        "Worst crosstalk": max(row["worst_aggressor_db"] for row in held),
        "Energy of an image": cascade["energy"]["total"],
        "Latency of an image": cascade["latency"],
    }
    assert {name: judged[name].value for name in wanted} == pytest.approx(wanted, rel=1e-12)
    assert judged["Accuracy, with noise and saturation"].value is not None
    assert judged["Yield"].state == "not computed"  # no limit for a chip


def test_limits_pass_and_fail_and_the_yield_follows_them(whole):
    values = answer_of(whole, "montecarlo")["values"]["accuracy"]["calibrated"]
    between = (min(values) + max(values)) / 2 if min(values) < max(values) else min(values)
    given = (f"accuracy >= {between!r}", "crosstalk <= -300 dB", "passing >= 1 %", "latency <= 1 s", "software >= 0.5")
    found = gather(whole, given, None)
    judged = {one.name: one for one in judge(found)}
    kept = sum(value >= between for value in values) / len(values)
    assert judged["Yield"].value is not None
    assert judged["Worst crosstalk"].state == "fail"
    assert [judged[name].state for name in ("Latency of an image", "Accuracy, software")] == ["pass", "pass"]
    alone = {one.name: one for one in judge(gather(whole, (given[0], given[2]), None))}
    assert alone["Yield"].value == pytest.approx(kept)
    assert alone["Yield"].state == "pass"
    assert overall(judge(found))[0] == "fail"
    assert overall(judge(gather(whole, ("software >= 0.5",), None)))[0] == "pass"
    assert overall(judge(gather(whole, (), None)))[0] == "none"


def test_an_edited_limit_makes_no_number_stale(folder):
    path = folder / "design.toml"
    text = path.read_text()
    path.write_text(text.replace("[acceptance]\nsoftware = 0.0", "[acceptance]\nsoftware = 0.9"))
    assert path.read_text() != text
    judged = {one.name: one for one in judge(gather(folder, (), None))}
    assert (judged["Accuracy, software"].state, judged["Accuracy, software"].limit) == ("pass", "≥ 90 %")
    assert judged["Accuracy, circuit"].value is not None


def test_what_no_longer_holds_is_told_and_not_shown(folder):
    before = {one.name: one.found for one in judge(gather(folder, (), None))}
    path = folder / "design.toml"
    path.write_text(path.read_text().replace('bandwidth = "20 MHz"', 'bandwidth = "10 MHz"'))
    found = gather(folder, ("accuracy >= 1 %",), None)
    judged = {one.name: one for one in judge(found)}
    assert judged["Accuracy, circuit"].state == "stale"
    assert "design.toml" in judged["Accuracy, circuit"].how
    assert judged["Accuracy, circuit"].command.startswith("resonet accuracy")
    assert judged["Worst crosstalk"].found == before["Worst crosstalk"]  # weights know no bandwidth of neurons
    shown = without_plotly(render(page_of(found)))
    assert "Results that no longer hold" in shown
    assert "layer0-levels" not in specs(shown)
    assert found.runs == ()
    assert overall(judge(found))[0] == "open"


def test_a_stale_or_damaged_weight_is_told(folder):
    path = folder / "results" / "effective_conv1_calibrated.nc"
    path.write_bytes(path.read_bytes()[:2000])
    found = gather(folder, (), None)
    assert ("effective weights, conv1, calibrated", "changed: unreadable") in [
        (one.what, one.why) for one in found.stale
    ]
    assert {one.name: one for one in judge(found)}["Worst crosstalk"].state in ("stale", "not computed")
    assert "layer0-crosstalk" in specs(render(page_of(found)))  # of the program before


def test_a_bare_folder_has_a_page_with_every_command(build, tmp_path):
    assert run("report", build, "-o", tmp_path / "bare.html") == 0
    text = without_plotly((tmp_path / "bare.html").read_text())
    for word in ("accuracy", "montecarlo", "crosstalk", "sparams", "levels", "sneak", "crossbar", "layout", "run"):
        assert f"resonet {word} {build}" in text
    assert '<td class="number">nan' not in text
    assert set(specs(text)) == {f"layer{n}-{part}" for n in (0, 1) for part in ("plan", "detuning")}


def test_names_do_nothing(whole, tmp_path):
    """A layer, a file and a warning with markup in their names: nowhere but as text."""
    facts = gather(whole, (), None)
    design = facts.design
    first = design.plan.layers[0]
    named = replace(first, layer=replace(first.layer, name=HOSTILE))
    layers = tuple(
        replace(one, layer=HOSTILE) if one.layer == "conv1" else one for one in design.programs["calibrated"].layers
    )
    programs = design.programs | {"calibrated": replace(design.programs["calibrated"], layers=layers)}
    plan = replace(design.plan, layers=(named, *design.plan.layers[1:]))
    renamed = replace(design, plan=plan, programs=programs, cnn=replace(design.cnn, file=HOSTILE + '" onload="x'))
    weights = {
        method: {
            HOSTILE if name == "conv1" else name: replace(one, layer=HOSTILE if name == "conv1" else name)
            for name, one in own.items()
        }
        for method, own in facts.weights.items()
    }
    commands = facts.commands | {
        f"{word} {HOSTILE}": f"resonet {word} '{HOSTILE}'"
        for word in ("crosstalk", "layout", "sneak", "sparams", "metrics")
    }

    def swapped(value):
        if isinstance(value, dict):
            return {swapped(key): swapped(one) for key, one in value.items()}
        if isinstance(value, list):
            return [swapped(one) for one in value]
        return value.replace("conv1", HOSTILE) if isinstance(value, str) else value

    runs = tuple(replace(one, answer=swapped(dict(one.answer)), words=swapped(one.words)) for one in facts.runs)
    told = tuple(replace(one, text=f"layer {HOSTILE}: {HOSTILE}") for one in facts.warnings)
    chains = tuple(replace(one, layer=HOSTILE, name=HOSTILE) for one in facts.chains)
    drawings = tuple(replace(one, layer=HOSTILE, rows=((HOSTILE, HOSTILE),)) for one in facts.drawings)
    hostile = replace(
        facts, design=renamed, weights=weights, commands=commands, runs=runs, warnings=told, chains=chains,
        drawings=drawings, folder=HOSTILE, provenance=((HOSTILE, HOSTILE),), parameters=((HOSTILE,) * 4,),
    )  # fmt: skip
    text = without_plotly(render(page_of(hostile)))
    assert "alert(1)" in text
    assert "<script>alert" not in text
    assert 'onload="x' not in text
    tags = Elements(text).tags
    assert not [given for _, given in tags if any(key.startswith("on") for key in given)]
    assert HOSTILE not in data_sheet(hostile)


def test_a_model_file_with_hostile_names(tmp_path, small_model):
    model = onnx.load(small_model)
    for node in model.graph.node:
        node.name = HOSTILE + node.name
    onnx.save(model, tmp_path / "<b>&.onnx")
    assert run("compile", tmp_path / "<b>&.onnx", "-o", tmp_path / "build") == 0
    assert run("report", tmp_path / "build", "-o", tmp_path / "r.html") == 0
    text = without_plotly((tmp_path / "r.html").read_text())
    assert "<script>alert" not in text
    assert "<b>" not in text
    assert "&lt;b&gt;&amp;.onnx" in text


def test_json_cannot_end_its_element():
    text = embedded({"a": "</script><!--", "b": "\u2028&"})
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == {"a": "</script><!--", "b": "\u2028&"}


def test_the_data_sheet_has_the_stored_numbers(whole, tmp_path):
    assert run("report", whole, "--format", "data-sheet", "-o", tmp_path / "d.md") == 0
    text = (tmp_path / "d.md").read_text()
    rows = [
        tuple(cell.strip() for cell in line.strip("|").split(" | "))
        for line in text.splitlines()
        if line.startswith("|")
    ]
    chips = {(row["quantity"], row["level"]): row for row in answer_of(whole, "montecarlo")["quantities"]}
    own = chips[("accuracy", "calibrated")]
    wanted = tuple(f"{100 * own[key]:.2f} %" for key in ("least", "median", "most"))
    assert ("accuracy", "3 chips, calibrated", *wanted) in rows
    metrics = answer_of(whole, "sparams")["metrics"]
    loss = metrics["channels"]["insertion_loss"]
    bus = f"bus {metrics['bus']}, program coupled, by {metrics['engine']}"
    assert ("insertion loss", bus, *(f"{value:.3f} dB" for value in (min(loss), np.median(loss), max(loss)))) in rows
    worst = answer_of(whole, "crosstalk")["layers"][0]["worst_aggressor_db"]
    assert f"{worst:.1f} dB" in [row[-1] for row in rows if row[0] == "crosstalk"]
    assert data_sheet(gather(whole, (), None)) == text


def test_json_of_the_command(whole, resonet, tmp_path):
    found = resonet("report", whole, "--json", "-o", tmp_path / "r.html", "--spec", "software >= 101 %")
    assert found.code == 1
    found = json.loads(resonet("report", whole, "--json", "-o", tmp_path / "r.html", "--spec", "software >= 99 %").out)
    assert found["schema"] == "resonet.report/1"
    assert found["verdict"][0]["name"] == "Accuracy, software"
    assert found["state"] in ("pass", "fail")


@pytest.mark.parametrize("text", ["speed >= 1", "passing <= 0.9", "software >= fast"])
def test_wrong_limits_are_refused(whole, resonet, text):
    told = resonet("report", whole, "--spec", text)
    assert (told.code, told.out) == (1, "")
    assert told.err.startswith(f"resonet: --spec '{text}'")
    assert "possible" in told.err


def test_chips_of_montecarlo_have_no_limits_of_networks():
    with pytest.raises(InputError, match="possible"):
        parse_limit("passing >= 0.9")


def test_limits_of_montecarlo_alone_give_a_yield(folder):
    data = next(record for record in (folder / "runs").glob("montecarlo_*.json"))
    words = json.loads(data.read_text())["arguments"]
    words = [str(folder) if word.endswith("build") else word for word in words]
    assert run(*words, "--spec", "accuracy >= 0 %") == 0
    found = {one.name: one for one in judge(gather(folder, (), None))}["Yield"]
    assert (found.value, found.state) == (1.0, "no limit")
    assert "3 of 3 chips keep accuracy >= 0 %" in found.how


def test_wrong_targets(build, resonet, tmp_path):
    assert "a folder; possible: a file" in resonet("report", build, "-o", tmp_path).err
    assert "no design here" in resonet("report", tmp_path).err
    assert resonet("report", build, "--program", "calibrated").err.startswith(
        "resonet: small.onnx: no calibrated program"
    )


def test_a_pdf_needs_a_browser(build, resonet, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    told = resonet("report", build, "--format", "pdf")
    assert (told.code, told.out) == (1, "")
    assert all(name in told.err for name in BROWSERS)


def test_a_browser_that_prints_nothing_is_told(monkeypatch, tmp_path):
    fake = tmp_path / "chromium"
    fake.write_text("#!/bin/sh\necho broken >&2\nexit 3\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(Exception, match="exit status 3: broken; possible: --format html"):
        print_pdf("<html>", tmp_path / "r.pdf")
    assert not (tmp_path / "r.pdf").exists()


def test_a_browser_is_given_the_page(monkeypatch, tmp_path):
    fake = tmp_path / "chromium"
    fake.write_text(
        "#!/bin/sh\n"
        "for word; do case $word in --print-to-pdf=*) to=${word#*=};; file:*) from=${word#file://};; esac; done\n"
        '{ printf %s %PDF-; cat "$from"; } >"$to"\n'
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    print_pdf("<html>page", tmp_path / "r.pdf")
    assert (tmp_path / "r.pdf").read_bytes() == b"%PDF-<html>page"


def test_thinning_keeps_extremes():
    f = np.linspace(1, 2, 100_000)
    curve = np.sin(9 * f)
    curve[12_345] = 7.0
    pick = thinned(f, curve, keep=f[[50_001]])
    assert len(pick) < 1500
    assert {0, 12_345, 50_001, 99_999} <= set(pick.tolist())


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of linear sRGB."""
    xyz = (
        np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
        @ rgb
        / [0.9505, 1, 1.089]
    )
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
)
"""Machado, Oliveira, Fernandes, IEEE Trans. Vis. Comput. Graph. 15, 1291 (2009), severity 1."""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colours_stay_apart_for_deuteranopes(theme):
    css = (ROOT / "report/page/templates/page.css").read_text()
    block = re.search(
        r":root \{(.*?)\}" if theme == "light" else r':root\[data-theme="dark"\] \{(.*?)\}', css, re.DOTALL
    )
    known = dict(re.findall(r"--(\w+): #(\w{6});", block[1]))

    def seen(name):
        parts = np.array([int(known[name][n : n + 2], 16) / 255 for n in (0, 2, 4)])
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return lab(np.clip(DEUTERANOPIA @ linear, 0, 1)), linear

    used = ("blue", "orange", "green", "purple", "vermilion", "ink")
    shades = {name: seen(name)[0] for name in used}
    apart = {(a, b): np.linalg.norm(shades[a] - shades[b]) for a in used for b in used if a < b}
    assert min(apart.values()) > 10, sorted(apart.items(), key=lambda item: item[1])[:3]
    weights = np.array([0.2126, 0.7152, 0.0722])
    card = weights @ seen("card")[1]
    for name in used:  # 3 : 1 for graphical objects, WCAG 2.2, 1.4.11
        own = weights @ seen(name)[1]
        assert (max(own, card) + 0.05) / (min(own, card) + 0.05) >= 3, name


def test_of_strip_lines_no_command_is_named_that_refuses_them(tmp_path, small_model):
    build = tmp_path / "lines"
    run("compile", small_model, "-o", build, "--set", "feed.kind=stripline")
    facts = gather(build, ["passing >= 90 %"], None)
    text = render(page_of(facts))
    (layer,) = facts.design.fed_by("stripline")
    assert f"resonet sparams {build} --layer {layer}" not in text
    assert "resonet montecarlo" not in text
    assert "--noise" in facts.commands["accuracy"]
    judged = {one.name: one for one in judge(facts)}
    assert (judged["Yield"].state, judged["Yield"].how) == ("not computed", "of designs on buses only")
    assert overall(tuple(judged.values()))[0] == "open"


def test_the_smith_chart_is_told_at_the_channels(whole):
    facts = gather(whole, (), None)
    (ports,) = facts.chains
    table = smith_plot("x", ports).table
    assert [row[0] for row in table.rows] == [f"{f / 1e9:.4f}" for f in np.sort(ports.channels)[::-1]]
    s = np.interp(np.sort(ports.channels)[-1], ports.f, ports.s[:, 0, 0])
    assert table.rows[0][1].startswith(f"{((1 + s) / (1 - s)).real:.4g} ")
