"""`import resonet as rn`: every verb gives the command's numbers, is light to import, and shows itself safely."""

import doctest
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import resonet as rn
from resonet.api.inputs import as_images
from resonet.core.tabled import Table
from resonet.core.validity import ValidityWarning, collected

DIGITS = Path(__file__).parents[2] / "examples" / "digits"
MODEL, TEST, CALIBRATION = (DIGITS / f"digits_{name}" for name in ("relu.onnx", "test.npz", "calibration.npz"))
VERBS = [name for name in rn.__all__ if callable(getattr(rn, name)) and not isinstance(getattr(rn, name), type)]
OURS = {name for name in VERBS if getattr(getattr(rn, name), "__module__", "").startswith("resonet.api.")}


@pytest.fixture(scope="module")
def digits(tmp_path_factory) -> Path:
    """Folder of the digits network, calibrated; tests only read it, or add results."""
    folder = tmp_path_factory.mktemp("digits") / "build"
    rn.calibrate(rn.compile(MODEL, folder, calibration=CALIBRATION), engine="linear")
    return folder


def page(resonet, *arguments) -> dict:
    """The JSON object of a command."""
    done = resonet(*arguments, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


# Import


def test_nothing_is_imported_with_the_package():
    code = "import sys; before = set(sys.modules); import resonet; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert not loaded & {"numpy", "scipy", "xarray", "pandas", "skrf", "matplotlib", "jinja2", "onnx", "typer"}
    assert not [name for name in done.stdout.split() if name.startswith("resonet.")]


@pytest.mark.slow
def test_every_verb_has_an_example_that_is_right(digits):
    assert {"accuracy", "calibrate", "compile", "crosstalk", "effective_weights", "levels", "load"} <= OURS
    assert {"montecarlo", "sparameters", "sweep", "write_report"} <= OURS
    world = {"rn": rn, "digits": DIGITS, "build": digits}
    for name in sorted(OURS):
        found = doctest.DocTestFinder().find(getattr(rn, name), name, module=False, globs=world)
        assert [example for test in found for example in test.examples], name
        for test in found:
            told = []
            with collected():
                doctest.DocTestRunner().run(test, out=told.append)
            assert told == [], "".join(told)


def test_report_is_a_package_and_a_verb(digits, tmp_path):
    import_module("resonet.report.style")
    made = rn.report(digits, tmp_path / "page.html")
    assert made.file == tmp_path / "page.html"
    assert "<!DOCTYPE html>" in made.file.read_text(encoding="utf-8")
    assert rn.report.style.__name__ == "resonet.report.style"


def test_the_version_is_that_of_the_package():
    from importlib.metadata import version

    assert rn.__version__ == version("resonet")
    with pytest.raises(AttributeError):
        _ = rn.nothing_of_that_name


# The numbers of the commands


@pytest.mark.parametrize("given", ["path", "arrays"])
def test_compile_is_the_command(given, tmp_path, resonet):
    table = page(resonet, "compile", MODEL, "-o", tmp_path / "a", "--calibration", CALIBRATION, "--set", "plan.tile=20")
    with np.load(CALIBRATION) as file:
        own = CALIBRATION if given == "path" else file["images"]
    design = rn.compile(MODEL, tmp_path / "b", calibration=own, parameters={"plan.tile": 20})
    assert (tmp_path / "a" / "program.npz").read_bytes() == (tmp_path / "b" / "program.npz").read_bytes()
    for row in table["layers"]:
        scale = design.scales[row["name"]]
        assert (scale.offset, scale.full_scale) == tuple(row["input_scale"].values())
    assert rn.compile(MODEL, calibration=own, parameters={"plan": {"tile": 20}}).folder is None


@pytest.mark.slow
def test_calibrate_crosstalk_and_accuracy_are_the_commands(digits, tmp_path, resonet):
    calibrated = page(resonet, "calibrate", digits, "--engine", "linear")
    again = rn.calibrate(digits, engine="linear")
    for row in calibrated["layers"]:
        mine = again.to_pandas().loc[row["name"]]
        assert mine[["rms_after", "fill", "passes"]].tolist() == [row["rms_after"], row["fill"], row["passes"]]
    table = page(resonet, "crosstalk", digits, "--engine", "linear")
    weights, found = rn.effective_weights(digits, engine="linear"), rn.crosstalk(digits, engine="linear")
    for row, own in zip(table["layers"], found.layers, strict=True):
        for program, held in weights.programs.items():
            assert held[row["name"]].rms_error == row[f"rms_error_{program}"] == getattr(own, f"rms_error_{program}")
        assert own.worst_aggressor_db == row["worst_aggressor_db"]
    shares = page(resonet, "accuracy", digits, "--data", TEST, "--engine", "linear", "--noise", "--repeat", 2)
    with pytest.warns(ValidityWarning, match="^noise: accuracy of "):  # at the defaults
        mine = rn.accuracy(digits, TEST, engine="linear", noise=True, repeat=2)
    assert mine.software == shares["accuracy"]["software"]
    for program, share in mine.circuit.items():
        assert share == shares["accuracy"][f"circuit_{program}"]
        assert mine.with_noise[program] == shares["noise"]["programs"][program]["mean"]
    assert mine.to_pandas().loc["calibrated", "accuracy"] == mine.circuit["calibrated"]


@pytest.mark.slow
def test_accuracy_of_saturating_resonators_is_the_command(digits, tmp_path, resonet):
    with np.load(TEST) as file:
        few = {name: file[name][:20] for name in ("images", "labels")}
    np.savez(tmp_path / "few.npz", **few)
    words = ("--resonators", "saturating", "--engine", "linear", "--program", "calibrated", "--p-max", "2 nW,50 nW")
    rows = page(resonet, "accuracy", digits, "--data", tmp_path / "few.npz", *words)["accuracy"]["saturating"]
    keywords = {"resonators": "saturating", "engine": "linear", "program": "calibrated"}
    with collected():
        mine = rn.accuracy(rn.load(digits), tuple(few.values()), p_max=[2e-9, "50 nW"], **keywords)
    assert [(one.p_max, one.circuit) for one in mine.saturating] == [(row["p_max"], row["circuit"]) for row in rows]


@pytest.mark.slow
def test_levels_are_the_command(digits, resonet):
    tones = page(resonet, "levels", digits, "--engine", "linear")["levels"]["tones"]
    with collected() as warned:
        mine = rn.levels(digits, engine="linear").to_pandas()
    assert {one.code for one in warned} == {"noise"}
    assert mine["resonator"].tolist() == [tone["resonator"] for tone in tones]


@pytest.mark.slow
def test_sparameters_are_the_command(digits, resonet):
    words = ("--layer", "conv1", "--engine", "linear", "--bias", "5uA", "--z0", "75Ohm", "--points", 300)
    table = page(resonet, "sparams", digits, *words)
    mine = rn.sparameters(digits, "conv1", engine="linear", bias="5 uA", z0=75, points=300)
    columns = {"channel_hz", "resonance_hz", "s21_db", "s11_db"}
    assert set(mine.to_pandas().columns) == columns
    assert mine.to_pandas().to_dict("records") == table["channels"]
    network, data = mine.to_skrf(), mine.to_xarray()
    assert np.array_equal(data["s"].sel(into="far", out_of="rf"), network.s[:, 1, 0])
    assert network.z0[0, 0] == 75
    assert not np.array_equal(mine.to_skrf(unbiased=True).s, network.s)


@pytest.mark.slow
def test_chips_are_the_command(digits, tmp_path, resonet):
    words = ("--spread", "f_res=0.003", "--samples", 4, "--level", "programmed", "--data", TEST, "--jobs", 1)
    table = page(resonet, "montecarlo", digits, *words, "-o", tmp_path / "a")
    keywords = {"samples": 4, "levels": "programmed", "data": TEST, "jobs": 1, "folder": tmp_path / "b"}
    mine = rn.montecarlo(digits, {"f_res": "0.3 %"}, **keywords)
    assert (
        mine.to_xarray()["accuracy"].sel(level="programmed").values.tolist()
        == table["values"]["accuracy"]["programmed"]
    )
    assert mine.trained == table["software"]
    assert len(mine.to_pandas()) == 4


@pytest.mark.slow
def test_a_sweep_is_the_command(digits, tmp_path, resonet):
    words = ("--over", "device.damping=0.005:0.02:2", "--program", "coupled", "--engine", "linear", "--jobs", 1)
    rows = page(resonet, "sweep", digits, *words, "-o", tmp_path / "a")["points"]
    keywords = {"program": "coupled", "engine": "linear", "jobs": 1, "folder": tmp_path / "b"}
    mine = rn.sweep(digits, {"device.damping": [0.005, 0.02]}, **keywords)
    for number, row in enumerate(rows):
        errors = mine.to_xarray()["rms_error"].sel(program="coupled").isel(point=number)
        assert {str(name): float(errors.sel(layer=name)) for name in errors.layer.values} == row["rms_error"]["coupled"]
    assert mine.failed == {}


# Inputs and refusals


def test_a_design_needs_no_folder_for_what_it_computes():
    design = rn.compile(MODEL, calibration=CALIBRATION)
    found = rn.calibrate(design, engine="linear")
    held = rn.effective_weights(found.design, program="calibrated", engine="linear")
    assert found.converged
    assert max(one.rms_error for one in held["calibrated"].values()) < 1e-6
    data = held.to_xarray()
    assert data["conv1"].dims == ("program", "conv1_group", "conv1_output", "conv1_tap")
    assert np.array_equal(data["conv1_trained"], design.plan.layer("conv1").layer.matrix)


def test_images_are_arrays_or_files(digits):
    design = rn.load(digits)
    with np.load(TEST) as file:
        arrays = file["images"], file["labels"]
    shape, pixels = design.cnn.input_shape, design.pixels
    assert np.array_equal(as_images(arrays, shape, pixels).images, as_images(TEST, shape, pixels).images)
    with pytest.raises(rn.InputError, match=r"no labels"):
        rn.accuracy(design, arrays[0], engine="linear")
    with pytest.raises(rn.InputError, match=r"images of shape .* do not fit"):
        rn.accuracy(design, (arrays[0][:10, ..., :3], arrays[1][:10]), engine="linear")


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda d: rn.compile(MODEL, parameters={"plan.tiles": 3}), r"plan.*tiles.*possible"),
        (lambda d: rn.compile(MODEL, parameters={"tile": 3}), r"did you mean plan.tile"),
        (lambda d: rn.compile(MODEL, parameters={"plan.tile": -3}), r"^parameters: plan.tile = -3"),
        (lambda d: rn.compile(MODEL, parameters={"bus": {"node_capacitance": "1 GHz"}}), r"^parameters: bus.node_cap"),
        (lambda d: rn.compile(MODEL, force=True), r"force: changes nothing here"),
        (lambda d: rn.compile(MODEL, calibration=CALIBRATION, input_range=(0, 1)), r"input_range: changes nothing"),
        (lambda d: rn.load("nowhere"), r"nowhere: no design here"),
        (lambda d: rn.effective_weights(d, layer="conv9"), r"conv9.*possible.*conv1"),
        (lambda d: rn.effective_weights(d, engine="spice"), r"engine.*spice.*possible"),
        (lambda d: rn.accuracy(d, TEST, p_max=1e-9), r"p_max: changes nothing here; possible: with resonators"),
        (lambda d: rn.accuracy(d, TEST, sample=0), r"nothing spreads"),
        (lambda d: rn.sparameters(d, "conv1", block="tee", bias=1e-6), r"bias: changes nothing here"),
        (lambda d: rn.sparameters(d, "conv1", parts={"knob": "x.s2p"}), r"part 'knob': unknown; possible"),
        (lambda d: rn.sparameters(d, "conv1", start="5 s"), r"--start"),
        (lambda d: rn.montecarlo(d, {"f_ress": 0.1}), r"f_ress.*f_res"),
        (lambda d: rn.montecarlo(d), r"nothing spreads"),
        (lambda d: rn.montecarlo(d, {"f_res": "0.5 m%"}), r"spread.f_res = '0.5 m%'.*% takes no prefix"),
        (lambda d: rn.montecarlo(d, {"f_res": 0.1}, levels="gone"), r"levels 'gone': possible: all"),
        (lambda d: rn.montecarlo(rn.compile(MODEL), {"f_res": 0.1}), r"is in no folder; possible: compile\(MODEL"),
        (lambda d: rn.sweep(d, {"device.dampin": [1]}), r"possible"),
        (lambda d: rn.sweep(d, {"device.damping": [0.01]}, data=TEST), r"data: changes nothing here"),
        (lambda d: rn.write_report(d, kind="doc"), r"kind 'doc': possible: html"),
        (lambda d: rn.accuracy(d, TEST, resonators="zz"), r"resonators = 'zz': possible: linear, saturating"),
        (lambda d: rn.accuracy(d, TEST, balance="exact"), r"balance = 'exact': possible: fast, full"),
        (lambda d: rn.accuracy(d, TEST, seed=-1), r"seed = -1: possible: a whole number, 0 \.\.\."),
        (lambda d: rn.accuracy(d, TEST, repeat=1.5), r"repeat = 1.5: possible: a whole number, 1 \.\.\."),
        (lambda d: rn.accuracy(d, {"images": 3}), r"images: dict; possible: an .npz file, an array"),
        (lambda d: rn.accuracy(None, TEST), r"design: NoneType; possible: a path"),
        (lambda d: rn.sparameters(d, "conv1", points=0), r"points = 0: possible: a whole number, 1 \.\.\. 1000000"),
        (lambda d: rn.sparameters(d, "conv1", points=2.5), r"points = 2.5: possible"),
        (lambda d: rn.sparameters(d, "conv1", block="zz"), r"block = 'zz': possible: chain, bus, combiner, tee"),
        (
            lambda d: rn.compile(MODEL, parameters=["plan.tile=3"]),
            r"parameters, a mapping such as .* or a TOML file: list; possible: a path",
        ),
        (lambda d: rn.compile(MODEL, parameters={"plan.tile": 12, "plan": {"tile": 8}}), r"plan.tile'?: twice"),
        (lambda d: rn.compile(3), r"model: int; possible: a path"),
        (lambda d: rn.load(3), r"design: int; possible: a path"),
    ],
)
def test_a_mistake_is_one_line(call, told, digits):
    with pytest.raises(rn.InputError, match=told) as caught:
        call(digits)
    assert "\n" not in str(caught.value)


def test_a_changed_design_is_not_taken_for_its_folder(digits):
    from dataclasses import replace

    design = rn.load(digits)
    noise = replace(design.parameters.noise, temperature=77.0)
    other = replace(design, parameters=replace(design.parameters, noise=noise))
    with pytest.raises(rn.InputError, match="holds another design than this one"):
        rn.montecarlo(other, {"f_res": 0.01})


# How they show themselves


def test_records_show_themselves(digits):
    design = rn.load(digits)
    for record in (design, rn.effective_weights(design, engine="linear"), rn.crosstalk(design, engine="linear")):
        assert "conv1" in repr(record)
        assert record._repr_html_().count("<tr>") == 3
        assert len(repr(record)) < 1000


def test_html_is_escaped():
    made = Table("<b>&", ("name",), [["<script>alert(1)</script>\x1b[31m"]], ["</div>"])
    assert "<script>" not in made.html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\\x1b" in made.html
    assert "&lt;/div&gt;" in made.html
    assert "\x1b" not in str(made)


def test_long_tables_say_what_is_left_out():
    made = str(Table("rows", ("n",), [[str(n)] for n in range(50)]))
    assert made.splitlines()[-1] == "10 more rows"
    assert len(made.splitlines()) == 43
