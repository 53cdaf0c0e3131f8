"""The `resonet` command, as a user meets it: results, exit codes, one line for every mistake."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
import skrf
from conftest import RNG, Result, bare_run, complaint, entries, save_model, small_nodes, small_weights
from onnx import helper

from resonet.core.files import read_toml
from resonet.netlist.design import folder as folder_module
from resonet.netlist.network.forward import propagate
from resonet.netlist.network.onnx.read import read_cnn

COMMANDS = (
    *("compile", "plan", "calibrate", "quantise", "share", "crosstalk", "sneak", "sparams", "accuracy", "transient"),
    *("run", "levels", "layout", "crossbar", "device", "doctor", "demo"),
)
STRICT = ["-W", "error::RuntimeWarning", "-W", "error::UserWarning", "-W", "error::ResourceWarning"]


def command(*arguments, cwd: Path, timeout: float = 120, **environment: str) -> Result:
    """Run the command in a process of its own."""
    done = subprocess.run(
        [sys.executable, *STRICT, "-m", "resonet.cli.main", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def demo(tmp_path_factory) -> tuple[Path, dict]:
    """`resonet demo --json`, run once: its folder and its result."""
    cwd = tmp_path_factory.mktemp("demo run")
    result = command("demo", "--json", "--out", "my demo", cwd=cwd, timeout=300)
    assert result.code == 0, result.err
    assert all(re.match(r"resonet: .*: [\d,]+ of [\d,]+ after ", line) for line in result.err.splitlines())
    assert entries(cwd) == ["my demo"]
    return cwd / "my demo", json.loads(result.out)


@pytest.mark.slow
def test_demo_result(demo):
    _, found = demo
    assert set(found) >= {"layers", "accuracy", "transient"}
    assert [layer["name"] for layer in found["layers"]] == ["conv1", "conv2", "dense1"]
    assert [layer["chains"] for layer in found["layers"]] == [16, 32, 10]
    assert [layer["resonators"] for layer in found["layers"]] == [400, 4608, 8000]
    assert [layer["channels"] for layer in found["layers"]] == [25, 48, 48]
    for layer in found["layers"]:
        assert 0 < layer["rms_error_coupled"] < 0.02
        assert 2 * layer["rms_error_coupled"] < layer["rms_error_formula"] < 0.1
        assert layer["rms_error_calibrated"] < 1e-6
        assert -40 < layer["worst_aggressor_db"] < -6
    accuracy = found["accuracy"]
    assert accuracy["images"] == 10000
    assert accuracy["software"] >= 0.99
    assert accuracy["circuit_coupled"] >= 0.98
    assert 0.5 < accuracy["circuit_formula"] < accuracy["circuit_coupled"]
    assert abs(accuracy["circuit_calibrated"] - accuracy["software"]) <= 0.001
    assert [row["resonators"] for row in found["transient"]] == [9, 25]
    assert all(0 <= abs(row["difference_of_full_scale"]) <= 0.005 for row in found["transient"])


@pytest.mark.slow
def test_demo_files(demo):
    folder, _ = demo
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    pictures = ("overview", "weights", "crosstalk", "accuracy")
    assert {f"report/{name}.{kind}" for name in pictures for kind in ("png", "svg")} <= names
    assert [name for name in names if name.startswith("results/") and name.endswith(".s2p")]
    assert {
        f"results/effective_{n}_{m}.nc" for n in ("conv1", "conv2", "dense1") for m in ("formula", "coupled")
    } <= names
    assert {f"decks/{m}/conv1_t0_rf.cir" for m in ("formula", "coupled")} <= names
    assert not [name for name in names if Path(name).name.startswith(".")]
    for path in (folder / "results").glob("*.s2p"):
        network = skrf.Network(str(path))
        assert network.nports == 2
        assert np.all(np.isfinite(network.s))


DECKS = ("conv1_t0_rf", "dense1_t16_rf", "conv2_dc1", "conv1_t0_n0_sp")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("program", "name"),
    [
        *(("coupled", name) for name in DECKS),
        ("formula", DECKS[0]),
        *(pytest.param("formula", name, marks=pytest.mark.nightly) for name in DECKS[1:]),  # other currents alone
    ],
)
def test_demo_decks_run_bare(demo, tmp_path, program, name):
    deck = demo[0] / "decks" / program / f"{name}.cir"
    bare_run(deck, tmp_path)
    bare_run(Path(deck.name), deck.parent)


@pytest.mark.slow
@pytest.mark.parametrize("size", [9, pytest.param(25, marks=pytest.mark.nightly)])
def test_demo_transients_run_bare(demo, tmp_path, size):
    deck = demo[0] / "decks" / "coupled" / f"conv1_t0n0k{size}_tran.cir"
    if size == 25:  # as decks of the two passes do from their own folder in every run
        bare_run(Path(deck.name), deck.parent)
    bare_run(deck, tmp_path)


@pytest.fixture(scope="module")
def data(tmp_path_factory, small_model) -> Path:
    """Images for the small network, which gets 38 of their 40 labels right."""
    path = tmp_path_factory.mktemp("data") / "images.npz"
    images = RNG(6).uniform(0, 1, (40, 1, 8, 8))
    labels = propagate(read_cnn(small_model), images).argmax(1)
    labels[:2] = (labels[:2] + 1) % 3
    np.savez(path, images=images, labels=labels)
    return path


@pytest.fixture(scope="module")
def compiled(tmp_path_factory, small_model) -> Path:
    """Design folder of the small network, by the command."""
    cwd = tmp_path_factory.mktemp("compiled")
    result = command("compile", small_model, "-o", "build", cwd=cwd)
    assert (result.code, result.err) == (0, "")
    assert "small.onnx: 12 decks in build" in result.out
    assert re.search(r"dense1 +3 +108 +36 +1 +1 +-3\.3 dBm", result.out)
    return cwd / "build"


@pytest.fixture
def build(tmp_path, compiled) -> Path:
    return shutil.copytree(compiled, tmp_path / "build")


def test_no_arguments_give_help(resonet):
    for result, code in ((resonet(), 2), (resonet("--help"), 0)):
        assert result.code == code
        for name in COMMANDS:
            assert re.search(rf"\b{name}\b", result.out + result.err)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_an_example(resonet, name):
    result = resonet(name, "--help")
    assert (result.code, result.err) == (0, "")
    assert f"Example: resonet {name}" in result.out
    assert "--json" in result.out


def test_compile(resonet, tmp_path, small_model, data):
    result = resonet(
        *("compile", small_model, "-o", tmp_path / "b", "--json", "--calibration", data),
        *("--set", "plan.tile=16", "--set", "bus.node_capacitance=0.1 fF", "--set", "plan.p_max = 20nW"),
    )
    assert result.code == 0
    assert re.fullmatch(r"resonet: warning \[tone-power\] plan\.p_max: .* \(20 nW, limit 2\.099 nW\)\n", result.err)
    found = json.loads(result.out)
    assert found["folder"] == str(tmp_path / "b")
    assert [(row["name"], row["channels"], row["buses"]) for row in found["layers"]] == [
        ("conv1", 9, 1),
        ("dense1", 12, 3),
    ]
    assert all(row["coupled_residual"] < 1e-9 for row in found["layers"])
    assert found["decks"] == len(list((tmp_path / "b" / "decks").rglob("*.cir"))) == 16
    parameters = read_toml(tmp_path / "b" / "design.toml")
    assert (parameters["plan"]["tile"], parameters["plan"]["p_max"]) == (16, "20 nW")
    assert parameters["bus"]["node_capacitance"] == "100 aF"
    assert parameters["model"]["input_scales_from"] == "40 images"


def test_compile_warns_where_a_chain_cannot_hold_its_weights(resonet, tmp_path, small_model):
    result = resonet("compile", small_model, "-o", tmp_path / "b", "--set", "plan.f_max=1.1GHz")
    assert result.code == 0
    assert re.search(
        r"warning \[weights-held\] layer dense1: some chains cannot hold their weights \(off by up to \d", result.err
    )
    assert "possible: smaller plan.tile" in result.err


def test_compile_says_where_it_uses_less_of_the_range(resonet, tmp_path, small_model):
    arguments = ("compile", small_model, "-o", tmp_path / "b", "--set", "device.damping=0.08", "--set", "plan.tile=24")
    result = resonet(*arguments)
    assert result.code == 0
    found = json.loads(resonet(*arguments, "--json").out)
    fills = {row["name"]: row["fill"] for row in found["layers"]}
    assert 0.8 * 0.8 < fills["conv1"] < 0.79
    assert 0.07 < fills["dense1"] < 0.7
    notes = [line for line in result.out.splitlines() if line.startswith("note: ")]
    for note, (layer, fill) in zip(notes, fills.items(), strict=True):
        used = f"{100 * fill:.0f} % of a resonator's range, not 80 %"
        assert note.startswith(f"note: layer {layer}: its largest weight takes {used}")
    found = json.loads(resonet("compile", small_model, "-o", tmp_path / "c", "--json").out)
    assert [row["fill"] for row in found["layers"]] == pytest.approx([0.8, 0.8])


@pytest.mark.slow
def test_crosstalk(resonet, build):
    result = resonet("crosstalk", build, "--json")
    assert (result.code, result.err) == (0, "")
    found = json.loads(result.out)
    errors = [(row["rms_error_formula"], row["rms_error_coupled"]) for row in found["layers"]]
    assert errors[0] == pytest.approx((0.036627, 4.44e-05), rel=1e-2)
    assert errors[1] == pytest.approx((0.074229, 0.0088603), rel=1e-2)
    assert [row["worst_aggressor_db"] for row in found["layers"]] == pytest.approx([-22.318, -11.162], abs=1e-2)
    assert found["layers"][1]["worst_aggressor"] == "bus t0, chain 0: tone 1 -> resonator 0"
    assert sorted(found["figures"]) == sorted(str(path) for path in (build / "report").iterdir())
    text = resonet("crosstalk", build)
    assert (text.code, text.err) == (0, "")
    assert "7.42 %" in text.out
    assert "dense1: worst aggressor -11.2 dB, bus t0, chain 0: tone 1 -> resonator 0" in text.out
    one = json.loads(resonet("crosstalk", build, "--json", "--layer", "conv1", "--program", "formula", "--jobs", 1).out)
    assert [(row["name"], row["rms_error_coupled"]) for row in one["layers"]] == [("conv1", None)]


@pytest.mark.slow
def test_sparams(resonet, build):
    arguments = ("sparams", build, "--layer", "conv1", "--chain", "2", "--bias", "5uA", "--points", "200")
    result = resonet(*arguments, "--json")
    assert (result.code, result.err) == (0, "")
    found = json.loads(result.out)
    assert [row["channel_hz"] for row in found["channels"]] == pytest.approx(np.geomspace(20e9, 1e9, 9))
    assert all(abs(row["resonance_hz"] / row["channel_hz"] - 1) <= 0.0101 for row in found["channels"])
    assert all(-45 < row["s21_db"] < -35 for row in found["channels"])
    assert all(Path(path).parent == build / "report" for path in found["figures"])
    unbiased, biased = (skrf.Network(path) for path in found["touchstone"])
    assert "5ua" in found["touchstone"][1]
    assert (unbiased.f[0], unbiased.f[-1]) == pytest.approx((0.5e9, 25e9), rel=0.02)
    assert unbiased.is_reciprocal(tol=1e-9)
    change = np.abs(biased.s[:, 1, 0] / unbiased.s[:, 1, 0])
    assert 1e-3 < np.abs(change - 1).max() < 0.5
    assert (found["name"], found["engine"]) == ("conv1_t0_chain2_5ua_ngspice_coupled", "ngspice")
    before = [Path(path).read_bytes() for path in found["touchstone"]]
    other = json.loads(resonet(*arguments, "--json", "--program", "formula").out)
    assert not set(other["touchstone"] + other["figures"]) & set(found["touchstone"] + found["figures"])
    assert [Path(path).read_bytes() for path in found["touchstone"]] == before
    assert {row["channel_hz"] for row in other["channels"]} == {row["channel_hz"] for row in found["channels"]}
    assert all(
        a["resonance_hz"] != b["resonance_hz"] for a, b in zip(other["channels"], found["channels"], strict=True)
    )
    text = resonet(*arguments, "--start", "0.9GHz", "--stop", "21 GHz")
    assert (text.code, text.err) == (0, "")
    assert "20.0000 GHz" in text.out
    assert "Touchstone: " in text.out


@pytest.mark.slow
def test_accuracy(resonet, build, data):
    warned = r"resonet: warning \[noise\] accuracy of 95\.00 % without noise is \d+\.\d\d % with it at 2 nW a tone, "
    warned += r"20 MHz neurons, 300 K; possible: less neuron\.bandwidth, .*\n"
    result = resonet("accuracy", build, "--data", data, "--json")
    assert result.code == 0
    assert re.fullmatch(warned, result.err)
    page = json.loads(result.out)
    assert page["noise"]["operating_point"]["p_max"] == pytest.approx(2e-9)
    assert page["noise"]["programs"]["coupled"]["mean"] < 0.9  # of three classes, at 2 nW and 20 MHz
    assert set(page["arithmetic"].values()) == {"float64 (few images)"}
    found = page["accuracy"]
    assert found["images"] == 40
    assert found["software"] == pytest.approx(0.95)
    assert found["circuit_coupled"] == pytest.approx(0.95)
    assert found["same_class_coupled"] == 1.0
    assert 0.8 < found["same_class_formula"] < 1
    text = resonet("accuracy", build, "--data", data, "--program", "coupled")
    assert text.code == 0
    assert re.search(r"circuit, coupled +95\.00 % +100\.00 %", text.out)
    assert re.search(r"coupled, with noise +\d+\.\d\d % ", text.out)
    again = resonet("accuracy", build, "--data", data, "--program", "coupled", "--noise", "--repeat", 3)
    assert re.search(r"coupled, with noise +\d+\.\d\d % ± \d+\.\d\d ", again.out)
    assert "with noise: 2 nW a tone, 20 MHz neurons, 300 K, 3 repeats; seed 1" in again.out
    assert "formula" not in text.out
    quick = resonet("accuracy", build, "--data", data, "--engine", "linear", "--json")
    assert quick.code == 0
    assert json.loads(quick.out)["accuracy"] == pytest.approx(found, rel=1e-6)


@pytest.mark.slow
def test_accuracy_warns_where_inputs_are_cut_off(resonet, build, tmp_path, small_model):
    signed = tmp_path / "signed.npz"
    np.savez(signed, images=RNG(7).uniform(-1, 1, (30, 1, 8, 8)), labels=np.zeros(30, int))
    result = resonet("accuracy", build, "--data", signed)
    assert result.code == 0
    warned = (
        r"resonet: warning \[inputs-clipped\] layer conv1: 50\.62 % of its inputs lie beyond 0 \.\.\. 1, which its "
        r"tones carry, and are cut off"
    )
    assert re.match(warned, result.err)
    assert "possible: compile with --calibration, or with --input-range" in result.err
    clipped = json.loads(resonet("accuracy", build, "--data", signed, "--json").out)["clipped"]
    assert clipped["conv1"] == pytest.approx(np.mean(np.load(signed)["images"] < 0), abs=1e-12)
    for options in (["--input-range=-1,1"], ["--calibration", signed]):
        assert resonet("compile", small_model, "-o", build, "--force", *options).code == 0
        result = resonet("accuracy", build, "--data", signed, "--json")
        found = json.loads(result.out)
        assert (result.code, result.err) == (0, "")
        assert found["clipped"]["conv1"] == 0.0
        assert found["clipped"]["dense1"] < 0.01  # the circuit's activations may go a little beyond the software's
        assert found["accuracy"]["same_class_coupled"] >= 0.9


@pytest.mark.slow
def test_transient(resonet, build, data):
    arguments = ("transient", build, "--layer", "conv1", "--resonators", "2", "--chain", "1", "--points", "12")
    result = resonet(*arguments, "--json", "--data", data)
    assert (result.code, result.err) == (0, "")
    found = json.loads(result.out)
    assert found["difference_of_full_scale"] < 0.01  # at full power: of fourth order in the amplitude
    assert abs(found["two_pass"]) > 0.05 * found["full_scale"]
    assert found["full_scale"] == pytest.approx(8838.83 * 2e-9, rel=1e-4)
    assert Path(found["deck"]).parent == build / "decks" / "coupled"
    text = resonet(*arguments, "--prewarp", "tank")
    assert (text.code, text.err) == (0, "")
    assert "ngspice, coupled program, pre-warp: tank" in text.out
    assert "chain 1, 2" in text.out
    fast = json.loads(resonet(*arguments, "--engine", "fixed_step", "--json", "--data", data).out)
    assert (fast["engine"], fast["points"], fast["two_pass"]) == ("fixed_step", found["points"], found["two_pass"])
    assert fast["transient"] == pytest.approx(found["transient"], abs=1e-6 * found["full_scale"])
    assert resonet(*arguments, "--engine", "spectre").code == 1


def test_doctor(resonet):
    result = resonet("doctor", "--json")
    assert (result.code, result.err) == (0, "")
    found = json.loads(result.out)
    assert found["ok"] is True
    rows = {row["name"]: row for row in found["findings"]}
    assert rows["ngspice runs"] == {"name": "ngspice runs", "found": "yes", "needed": True, "remedy": ""}
    assert all(row["found"] for row in rows.values() if row["needed"])
    assert "ngspice runs" in resonet("doctor").out


def test_doctor_says_what_to_install(resonet, monkeypatch):
    monkeypatch.setenv("RESONET_NGSPICE", "/nonexistent")
    result = resonet("doctor", "--json")
    assert result.code == 1
    found = json.loads(result.out)
    assert found["ok"] is False
    assert "apt-get install ngspice" in next(row for row in found["findings"] if row["name"] == "ngspice")["remedy"]
    monkeypatch.setenv("RESONET_NGSPICE", "/no[/b]where")
    result = resonet("doctor")
    assert result.code == 1
    assert "MISSING" in result.out
    assert "'/no[/b]where'" in result.out


@pytest.mark.parametrize(
    "arguments",
    [
        ["nosuch"],
        ["compile", "model.onnx"],
        ["compile", "-o", "b"],
        ["compile", "m.onnx", "-o", "b", "--input-range", "1"],
        ["compile", "m.onnx", "-o", "b", "--input-range", "a,b"],
        ["compile", "m.onnx", "-o", "b", "--input-range", "nan,1"],
        ["compile", "m.onnx", "-o", "b", "--input-range", "0,inf"],
        ["compile", "m.onnx", "-o", "b", "--input-range", "0,1_0"],
        ["compile", "m.onnx", "-o", "b", "--input-shape", "1,２8,28"],
        ["transient", "b", "--layer", "conv1", "--points", "nan"],
        ["transient", "b", "--layer", "conv1", "--points", "2_0"],
        ["transient", "b", "--layer", "conv1", "--points", "20,5"],
        ["crosstalk", "b", "--jobs", "1_0"],
        ["crosstalk", "b", "--jobs", "２"],
        ["share", "b", "--layer", "conv1", "--spread", "0.1;0.2"],
        ["share", "b", "--layer", "conv1", "--lever", "1" * 8000],
        ["compile", "m.onnx", "-o", "b", "--input-shape", "1,[/red],2"],
        ["sparams", "b"],
        ["sparams", "b", "--layer", "conv1", "--points", "0"],
        ["crosstalk", "b", "--program", "best"],
        ["crosstalk", "b", "--jobs", "0"],
        ["accuracy", "b"],
        ["transient", "b", "--layer", "conv1", "--chain", "-1"],
    ],
)
def test_wrong_usage_is_status_2(resonet, arguments):
    result = resonet(*arguments)
    assert (result.code, result.out) == (2, "")
    assert "Usage: resonet" in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--tiles", "16,3_2"], "digits are written without marks"),
        (["--damping", "0,01"], "0: possible: 1e-05 ... 0.2"),
        (["--input-shape", "1;28;28"], "numbers separated by commas are expected, such as 1,28,28"),
    ],
)
def test_wrong_numbers_of_plan(resonet, small_model, options, words):
    result = resonet("plan", small_model, *options)
    assert (result.code, result.out) == (2, "")
    assert words in " ".join(result.err.replace("│", " ").split())


@pytest.mark.parametrize("family", [None, "fixed_volume"])
def test_plan_says_what_its_resonators_are(resonet, small_model, tmp_path, family):
    words = [
        "plan",
        small_model,
        "--layer",
        "conv1",
        "-o",
        tmp_path,
        "--tiles",
        "16",
        "--damping",
        "0.02",
        "--set",
        "noise.temperature=150",
    ]
    words += ["--family", family] if family else []
    devices = json.loads(resonet(*words, "--json").out)["devices"]
    found = {(d["family"], d["damping"], d["f0"]): d for d in devices}
    assert {name for name, *_ in found} == ({family} if family else {"fixed_threshold", "fixed_volume"})
    assert len(found) == (4 if family else 8)
    low, high = (found["fixed_volume", 0.02, f] for f in (1e9, 20e9))
    assert high["threshold_current"] / low["threshold_current"] == pytest.approx(20)
    assert low["sensitivity"] / high["sensitivity"] == pytest.approx(20)
    assert low["threshold_current"] * high["threshold_current"] == pytest.approx((2 * 10e-6) ** 2)  # of mid-band
    assert low["thermal_power"] == pytest.approx(0.0105 / 2 * 20**0.5, rel=2e-3)
    if family:
        shown = resonet(*words).out
        assert "--set device.damping=0.02 --set device.threshold_current=2e-05" in shown
        assert "every channel of the largest bus" in shown
        channels = json.loads(resonet(*words, "--json").out)["channels"]
        assert [own["device"]["f0"] for own in channels] == sorted(own["device"]["f0"] for own in channels)
        assert channels[-1]["device"]["f0"] == pytest.approx(20e9)
        answers = {round(own["tone_power"] * own["device"]["sensitivity"], 12) for own in channels}
        assert len(answers) == 1 < len(channels)
    refused = resonet(*words, "--set", "device.family=fixed_volume")
    assert refused.code == 1
    assert "device.family: no parameter of a network" in " ".join(refused.err.split())


def swap(op: str, **attributes):
    nodes = small_nodes()
    nodes[1] = helper.make_node(op, ["c"], ["r"], name="act", **attributes)
    return nodes


def bad_model(what: str, path: Path) -> Path:
    """A file that is no network for this hardware."""
    weights = small_weights()
    if what == "operator":
        return save_model(path, swap("Sin"), weights, (1, 8, 8), "y")
    if what == "dynamic":
        return save_model(path, small_nodes(), weights, (1, "h", "w"), "y")
    if what in ("nan", "inf"):
        weights["w1"][0, 0, 0, 0] = float(what)
        return save_model(path, small_nodes(), weights, (1, 8, 8), "y")
    whole = save_model(path, small_nodes(), weights, (1, 8, 8), "y").read_bytes()
    path.write_bytes({"empty": b"", "cut": whole[: len(whole) // 2], "text": b"hello world"}[what])
    return path


@pytest.mark.parametrize(
    ("what", "words"),
    [
        (
            "operator",
            "Sin 'act': is not supported: .*no neuron.*; possible: Relu, .*docs/guide/networks.md lists all operators",
        ),
        ("dynamic", r"input 'x' has the shape \[batch, 1, h, w\]; pass --input-shape"),
        ("nan", "Conv 'first': has weights that are NaN or infinite; possible: finite weights"),
        ("inf", "Conv 'first': has weights that are NaN or infinite"),
        ("empty", "is empty; give an .onnx file"),
        ("cut", "is damaged or cut off; possible: a model saved by"),
        ("text", "is not an ONNX file; possible: "),
    ],
)
def test_bad_models(resonet, tmp_path, what, words):
    path = bad_model(what, tmp_path / "bad.onnx")
    line = complaint(resonet("compile", path, "-o", tmp_path / "build"))
    assert re.search(re.escape(f"resonet: {path}: ") + words, line)
    assert entries(tmp_path) == ["bad.onnx"]


def test_missing_model_and_folder_for_a_model(resonet, tmp_path):
    line = complaint(resonet("compile", tmp_path / "none.onnx", "-o", tmp_path / "build"))
    assert "none.onnx: does not exist; give the path of an .onnx file" in line
    assert "is a folder; give the .onnx file in it" in complaint(resonet("compile", tmp_path, "-o", tmp_path / "build"))
    assert entries(tmp_path) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--set", "foo"], "setting 'foo': possible: SECTION.NAME=VALUE"),
        (["--set", "planet.tile=3"], "setting 'planet.tile=3': possible"),
        (["--set", "plan.tiles=3"], "plan.'tiles': no such parameter; possible: f_min, f_max, tile"),
        (["--set", "plan.tile=2.5"], "plan.tile = 2.5: a whole number is expected"),
        (["--set", "plan.tile=0"], "plan.tile = 0: must be within 1 ... 4096"),
        (["--set", "plan.f_max=5 parsec"], "plan.f_max = '5 parsec': the unit is Hz; possible: 1e+06 ... 1e+12 Hz"),
        (["--set", "plan.f_max=5 V"], "plan.f_max = '5 V': the unit is Hz"),
        (["--set", "plan.f_max="], "plan.f_max = '': not a number with a unit"),
        (["--set", "plan.f_min=30GHz"], "plan.f_min = 3e+10 Hz: must be below plan.f_max = 2e+10 Hz"),
        (["--set", "device.damping=nan"], "device.damping = 'nan': must be finite"),
        (["--set", "plan.fill=1e999"], "plan.fill = '1e999': beyond the range of floating point"),
        (["--input-range", "1,0"], "input range 1 ... 0: possible: two finite numbers"),
        (["--input-range", "0,1.7e308"], "activations overflow for any pixel within 0 ... 1.7e+308; possible: finite"),
        (["--input-shape", "1,9,8"], "to which the input shape 1,9,8 does not fit"),
        (["--input-shape=-1,8,8"], "to which the input shape -1,8,8 does not fit"),
        (["--design", "none.toml"], "none.toml: cannot be read (No such file or directory)"),
        (["--calibration", "none.npz"], "none.npz: no such file; possible: a .npz file with images [n, 1, 8, 8]"),
        (
            ["--set", "bus.node_capacitance=1nF"],
            "the parasitics leave a tone no current at its own resonator; possible",
        ),
    ],
)
def test_bad_options_of_compile(resonet, tmp_path, monkeypatch, small_model, options, words):
    monkeypatch.chdir(tmp_path)
    assert words in complaint(resonet("compile", small_model, "-o", "build", *options))
    assert entries(tmp_path) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[plan]\ntile = ", "not a TOML file"),
        ("[planet]\ntile = 3", "no such table 'planet'; possible: device, bus, plan"),
        (f"[plan]\ntile = {'9' * 400}", "a number of over 300 digits"),
        ("plan = 3", "[plan]: a table of parameters is expected"),
        ("[plan]\ntile = 'many'", "plan.tile = 'many': not a number with a unit"),
        ("[bus]\nimpedance = '50 V'", "bus.impedance = '50 V': the unit is Ohm"),
    ],
)
def test_bad_design_files(resonet, tmp_path, small_model, text, words):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    line = complaint(resonet("compile", small_model, "-o", tmp_path / "build", "--design", path))
    assert line.startswith(f"resonet: {path}: ")
    assert words in line
    assert entries(tmp_path) == ["mine.toml"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["crosstalk", "--layer", "conv7"], "layer 'conv7': no such weighted layer; possible: conv1, dense1"),
        (["sparams", "--layer", "conv7"], "layer 'conv7': no such weighted layer"),
        (["sparams", "--layer", "conv1", "--bus", "t9"], "layer conv1: no bus 't9'; possible: t0"),
        (["sparams", "--layer", "conv1", "--chain", "4"], "layer conv1, bus t0: no chain 4; possible: 0 ... 3"),
        (["sparams", "--layer", "conv1", "--bias", "5 parsec"], "--bias = '5 parsec': the unit is A; possible"),
        (["sparams", "--layer", "conv1", "--bias", "5mA"], "bias 0.005 A; possible: -0.0001 ... 0.0001 A"),
        (["sparams", "--layer", "conv1", "--start", "1 V"], "--start = '1 V': the unit is Hz"),
        (["sparams", "--layer", "conv1", "--start", "9GHz", "--stop", "1GHz"], "possible: 0 < start < stop"),
        (["sparams", "--layer", "conv1", "--points", "9999999"], "100001 points in all"),
        (["transient", "--layer", "fc"], "layer 'fc': no such weighted layer"),
        (["transient", "--layer", "conv1", "--chain", "4"], "layer conv1: no chain 4 on bus t0; possible: 0 ... 3"),
        (["transient", "--layer", "conv1", "--resonators", "10"], "10 resonators of a chain of 9; possible: 1 ... 9"),
        (["transient", "--layer", "conv1", "--points", "5"], "5 points per period"),
        (["accuracy", "--data", "none.npz"], "none.npz: no such file"),
    ],
)
def test_bad_requests_to_a_design(resonet, compiled, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    before = entries(compiled)
    name, *options = arguments
    assert words in complaint(resonet(name, compiled, *options))
    assert entries(compiled) == before
    assert entries(tmp_path) == []


def test_bad_data(resonet, build, tmp_path):
    images = RNG(2).uniform(size=(5, 1, 8, 8))
    for name, arrays, words in (
        ("nolabels", {"images": images}, "nolabels.npz: no labels; possible: a .npz file"),
        ("shape", {"images": images[..., :7], "labels": np.zeros(5, int)}, "shape [5, 1, 8, 7] do not fit the network"),
        ("noimages", {"x": images}, "no array 'images', found 'x'"),
        ("from1", {"images": images, "labels": np.arange(5) % 3 + 1}, "labels 1 ... 3; possible: 0 ... 2"),
    ):
        np.savez(tmp_path / f"{name}.npz", **arrays)
        line = complaint(resonet("accuracy", build, "--data", tmp_path / f"{name}.npz"))
        assert f"{name}.npz: " in line
        assert words in line


def spoil(build: Path, file: str) -> None:
    path = build / file
    if file == "design.toml":
        path.write_text(path.read_text().replace("tile = 48", "tile = 47"))
    elif file == "model.onnx":
        save_model(path, small_nodes(), small_weights(6), (1, 8, 8), "y")
    else:
        path.write_bytes(path.read_bytes()[:3000])


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("design.toml", "made from other parameters than design.toml now holds; possible: resonet compile"),
        ("model.onnx", "model.onnx: not the file that design.toml was compiled from"),
        ("program.npz", "program.npz: "),
    ],
)
@pytest.mark.parametrize(
    "arguments", [["crosstalk"], ["sparams", "--layer", "conv1"], ["transient", "--layer", "conv1"]]
)
def test_spoilt_designs(resonet, build, file, words, arguments):
    spoil(build, file)
    line = complaint(resonet(arguments[0], build, *arguments[1:]))
    assert words in line
    assert str(build) in line
    assert "results" not in entries(build)


def test_folder_that_is_no_design(resonet, tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("work")
    for folder in (tmp_path / "thesis", tmp_path / "none"):
        assert f"{folder}: no design here; possible: " in complaint(resonet("crosstalk", folder))
    assert entries(tmp_path) == ["thesis"]


def test_targets_that_cannot_be_written(resonet, tmp_path, small_model):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("work")
    for target, words in (
        (tmp_path / "thesis", "not empty and no design; possible: a new folder"),
        (tmp_path / "thesis" / "chapter.tex", "a file stands there; possible: a new folder"),
        (tmp_path / "thesis" / "chapter.tex" / "build", "cannot be made ("),
        (tmp_path / "thesis" / "chapter.tex" / "deep" / "build", "cannot be made ("),
        (Path("/proc/none/build"), "cannot be made ("),
        (tmp_path / ("long" * 100), "File name too long"),
    ):
        assert complaint(resonet("compile", small_model, "-o", target)).startswith(f"resonet: {target}: {words}")
    assert entries(tmp_path) == ["thesis"]
    assert entries(tmp_path / "thesis") == ["chapter.tex"]


@pytest.mark.parametrize("place", ["results", "report"])
def test_a_file_in_the_place_of_a_result_folder(resonet, build, place):
    (build / place).write_text("in the way")
    before = entries(build)
    done = resonet("sparams", build, "--layer", "conv1", "--points", "20")
    if place == "results":
        assert str(build / place) in complaint(done)
    else:  # the numbers are there, the figures are not
        assert done.code == 0
        assert "dB" in done.out
        assert f"warning [not-written] {build / place}/" in done.err
    assert {*entries(build)} <= {*before, "results", "report"}


@pytest.mark.parametrize(
    "arguments", [["crosstalk"], ["sparams", "--layer", "conv1"], ["transient", "--layer", "conv1"]]
)
def test_missing_ngspice(resonet, build, monkeypatch, arguments):
    monkeypatch.setenv("RESONET_NGSPICE", "/nonexistent/ngspice")
    line = complaint(resonet(arguments[0], build, *arguments[1:]))
    assert "no program '/nonexistent/ngspice' here; install it with: apt-get install ngspice" in line


@pytest.mark.slow
def test_missing_ngspice_stops_the_demo_before_any_work(tmp_path):
    (tmp_path / "bin").mkdir()
    result = command("demo", "-o", "demo", cwd=tmp_path, PATH=str(tmp_path / "bin"), RESONET_NGSPICE="")
    assert "no program 'ngspice' here; install it with: apt-get install ngspice" in complaint(result)
    assert entries(tmp_path) == ["bin"]


def test_interrupted_compile_leaves_nothing(resonet, tmp_path, monkeypatch, small_model):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(folder_module, "write_graphml", interrupted)
    result = resonet("compile", small_model, "-o", tmp_path / "build")
    assert result.code == 130
    assert result.out == ""
    assert "Traceback" not in result.err
    assert entries(tmp_path) == []


def test_a_full_disk_is_one_line(resonet, tmp_path, monkeypatch, small_model):
    def full(*arguments):
        raise OSError(28, "No space left on device", str(tmp_path / "build" / "graph.graphml"))

    monkeypatch.setattr(folder_module, "write_graphml", full)
    assert "graph.graphml: No space left on device" in complaint(
        resonet("compile", small_model, "-o", tmp_path / "build")
    )
    assert entries(tmp_path) == []


EVIL = "a\n.control\nshell touch pwned\n.endc\n../../../x;`touch pwned`$(touch pwned)\u2028\x1b[2J</graph>'''\"\"\""


@pytest.mark.slow
def test_hostile_names_go_nowhere(tmp_path, monkeypatch, resonet):
    monkeypatch.chdir(tmp_path)
    nodes = [
        helper.make_node("Conv", ["x", f"w1{EVIL}", f"b1{EVIL}"], [f"c{EVIL}"], strides=[2, 2], name=f"first{EVIL}"),
        helper.make_node("Relu", [f"c{EVIL}"], [f"r{EVIL}"], name=f"../../x{EVIL}"),
        helper.make_node("Flatten", [f"r{EVIL}"], [f"f{EVIL}"], name="../../../etc/passwd"),
        helper.make_node("Gemm", [f"f{EVIL}", f"w2{EVIL}", f"b2{EVIL}"], [f"y{EVIL}"], transB=1, name=EVIL),
    ]
    weights = {f"{name}{EVIL}": value for name, value in small_weights().items()}
    model = tmp_path / "a\n.control\nshell touch pwned [red]:bug:.onnx"
    save_model(model, nodes, weights, (1, 8, 8), f"y{EVIL}")
    for result in (
        resonet("compile", model, "-o", "evil [b] :bug:"),
        resonet("crosstalk", "evil [b] :bug:", "--json"),
        resonet("crosstalk", "evil [b] :bug:"),
        resonet("sparams", "evil [b] :bug:", "--layer", "conv1", "--points", "20"),
        resonet("transient", "evil [b] :bug:", "--layer", "conv1", "--resonators", "1", "--json"),
    ):
        assert (result.code, result.err) == (0, "")
        assert "\x1b" not in result.out
    assert entries(tmp_path) == [model.name, "evil [b] :bug:"]
    folder = tmp_path / "evil [b] :bug:"
    decks = list(folder.rglob("*.cir"))
    assert len(decks) == 14
    for path in decks:
        text = path.read_text()
        assert text.count(".control") == 1
        assert not re.search(r"shell|touch|pwned|\.\./\.\.|first|passwd|x1b", text)
        assert re.fullmatch(r"[a-z0-9_]+\.cir", path.name)
    bare_run(folder / "decks" / "coupled" / "conv1_t0_rf.cir", tmp_path)
    assert not list(tmp_path.rglob("pwned*"))
    for path in folder.rglob("*"):
        assert re.fullmatch(r"[\w.]+", path.name)
    [touchstone] = folder.rglob("*.s2p")
    assert skrf.Network(str(touchstone)).nports == 2
    assert "shell" not in touchstone.read_text()
    assert "shell" not in (folder / "graph.graphml").read_text()
    assert nx.read_graphml(folder / "graph.graphml").number_of_nodes() > 5
    tables = read_toml(folder / "design.toml")
    assert tables["model"]["file"] == "a .control shell touch pwned [red]:bug:.onnx"
    assert tables["layers"]["conv1"]["source"].isascii()
    assert tables["layers"]["conv1"]["source"].startswith("first")
    assert len(tables["layers"]["conv1"]["source"]) <= 60


@pytest.mark.slow
def test_names_in_tables_are_no_markup(resonet, tmp_path, monkeypatch, small_model):
    monkeypatch.chdir(tmp_path)
    model = shutil.copy(small_model, "net[red]:smile:.onnx")
    result = resonet("compile", model, "-o", "a[/b]c")
    assert (result.code, result.err) == (0, "")
    assert "net[red]:smile:.onnx: 12 decks in a[/b]c" in result.out
    path = tmp_path / "a[" / "b]c" / "design.toml"
    path.write_text(path.read_text().replace("net[red]", "[/red]").partition("[derived]")[0])
    assert "[/red]:smile:.onnx: weights" in resonet("crosstalk", "a[/b]c").out


@pytest.mark.slow
def test_paths_with_spaces_and_unicode(tmp_path, small_model, data):
    cwd = tmp_path / "Mein Ordner µ 設計"
    (cwd / "tmp räum").mkdir(parents=True)
    shutil.copy(small_model, cwd / "Netz α.onnx")
    shutil.copy(data, cwd / "Bilder β.npz")
    result = command("compile", "Netz α.onnx", "-o", "Ergebnis [1] é", "--calibration", "Bilder β.npz", cwd=cwd)
    assert (result.code, result.err) == (0, "")
    result = command(
        *("accuracy", "Ergebnis [1] é", "--data", "Bilder β.npz", "--json"), cwd=cwd, TMPDIR=str(cwd / "tmp räum")
    )
    assert result.code == 0
    (warning,) = result.err.splitlines()
    assert warning.startswith("resonet: warning [noise]")  # of the default point, and of nothing else
    found = json.loads(result.out)
    assert found["accuracy"]["same_class_coupled"] >= 0.95
    assert found["figures"] == ["Ergebnis [1] é/report/accuracy.png", "Ergebnis [1] é/report/accuracy.svg"]
    assert entries(cwd / "tmp räum") == []
    bare_run(cwd / "Ergebnis [1] é" / "decks" / "coupled" / "dense1_t0_rf.cir", tmp_path)


@pytest.mark.slow
def test_a_reader_that_leaves_is_no_traceback(compiled):
    script = f"{sys.executable} -m resonet.cli.main sparams {compiled} --layer dense1 --points 50 --json | head -c 10"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == '{\n  "name"'
    assert "Traceback" not in done.stderr
