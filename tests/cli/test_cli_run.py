"""`resonet run` and `resonet levels`, as a user meets them."""

import json
import shutil
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import pytest
from conftest import RNG, bare_run, complaint, entries, save_model
from networks import SETTINGS, tiny_model
from onnx import helper

from resonet.cosim.cascade import image_run as module
from resonet.cosim.cascade.image_run import RunOptions, deviations, prepare, run_image
from resonet.cosim.ngspice.kept_step import hann_mean
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.folder import load_design, write_design
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.network.forward import propagate
from resonet.netlist.network.images import ImageSet, read_images

DIGITS = [
    *("plan.f_min=2 GHz", "plan.f_max=5.2 GHz", "plan.tile=12", "bus.choke_inductance=5 uH"),
    *("bus.block_capacitance=0.1 pF", "bus.bypass_capacitance=0.1 pF"),
]
TINY = RNG(2).uniform(0, 1, (6, 1, 3, 4))


def shipped(what: str) -> ImageSet:
    with as_file(files("resonet.examples.digits")) as folder:
        return read_images(folder / f"digits_{what}.npz", (1, 8, 8))


@pytest.fixture(scope="module")
def digits(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "build"
    with as_file(files("resonet.examples.digits")) as examples:
        model = examples / "digits_relu.onnx"
        design = compile_cnn(model, read_parameters(None, DIGITS), shipped("calibration"))
        write_design(design, model, folder)
    return folder


@pytest.fixture
def build(tmp_path, digits) -> Path:
    return shutil.copytree(digits, tmp_path / "build")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> tuple[Path, Path]:
    """Design folder of a network of 66 resonators, and its images."""
    folder = tmp_path_factory.mktemp("tiny")
    model, data = tiny_model(folder), folder / "tiny.npz"
    np.savez(data, images=TINY)
    design = compile_cnn(model, read_parameters(None, SETTINGS), ImageSet("tiny", TINY, np.zeros(0, np.int64)))
    write_design(design, model, folder / "build")
    return folder / "build", data


@pytest.mark.slow
def test_run_agrees_with_the_trained_network_and_draws(build, resonet):
    told = resonet("run", build, "--image", 3, "--json")
    assert (told.code, told.err) == (0, "")
    found, images = json.loads(told.out), shipped("test")
    software = propagate(load_design(build).cnn, images.images[3:4])[0]
    scale = found["layers"][-1]["full_scale"]
    assert found["label"] == images.labels[3] == software.argmax()
    assert found["logits"]["software"] == pytest.approx(software, rel=1e-9)
    assert found["logits"]["two-pass"] == pytest.approx(software, abs=1e-3 * scale)
    assert found["logits"]["envelope"] == pytest.approx(found["logits"]["two-pass"], abs=1e-4 * scale)
    assert set(found["predicted"].values()) == {int(software.argmax())}
    assert [(row["layer"], row["engine"]) for row in found["layers"]] == [
        (layer, engine) for layer in ("conv1", "dense1") for engine in ("two-pass", "envelope")
    ]
    error = np.abs(np.array(found["logits"]["envelope"]) - software) / scale
    assert found["layers"][-1]["largest"] == pytest.approx(error.max(), rel=1e-6)
    assert found["layers"][-1]["rms"] == pytest.approx(np.sqrt(np.mean(error**2)), rel=1e-6)
    assert entries(build / "report") == [
        f"{what}_network_image3.{kind}" for what in ("energy", "settling") for kind in ("png", "svg")
    ]


def test_a_residual_network_runs(resonet, tmp_path):
    with as_file(files("resonet.examples.digits")) as examples:
        model = examples / "digits_residual.onnx"
        design = compile_cnn(model, read_parameters(None, DIGITS), shipped("calibration"))
        write_design(design, model, tmp_path / "build")
    found = json.loads(resonet("run", tmp_path / "build", "--image", 3, "--engine", "two-pass", "--json").out)
    images, scale = shipped("test"), found["layers"][-1]["full_scale"]
    wanted = propagate(design.cnn, images.images[3:4])[0]
    assert [row["layer"] for row in found["layers"]] == ["conv1", "conv2", "conv3", "dense1"]
    assert found["logits"]["two-pass"] == pytest.approx(wanted, abs=1e-3 * scale)
    assert found["predicted"] == {"software": images.labels[3], "two-pass": images.labels[3]}
    told = resonet("levels", tmp_path / "build")
    assert told.code == 0
    assert told.out.count("conv3") == 10  # three tones, what makes them, noise by source, what it leaves, headroom


@pytest.mark.slow
def test_run_tells_latency_and_energy(build, resonet):
    found = json.loads(resonet("run", build, "--json").out)
    first, last = found["settling"]
    assert 0 < first["sums"] <= first["outputs"] < last["sums"] == found["latency"] < 0.8 * found["stop"]
    assert first["constants"]["resonator"] == pytest.approx(1 / (2 * np.pi * 0.01 * 2e9), rel=1e-9)
    energy = found["energy"]
    assert energy["time"] == pytest.approx(found["latency"], abs=found["step"])
    operations = sum(stage["synapses"] for stage in energy["stages"])
    assert operations == 9 * 4 * 9 + 360
    assert energy["per_synapse"] * operations == pytest.approx(
        sum(stage["resonators"] for stage in energy["stages"]), rel=1e-9
    )
    assert found["literature"] == {"synapse": 10e-15, "neuron": 100e-15}
    text = resonet("run", build, "--stop", "100 ns").out
    for part in ("software", "weighted sums", "settling", "latency", "per operation", "Ross et al.", "wall time"):
        assert part in text


@pytest.mark.slow
def test_a_run_that_is_too_short_says_so(build, resonet):
    told = resonet("run", build, "--stop", "60 ns")
    assert told.code == 0
    assert "may not have settled" in told.err


@pytest.mark.slow
def test_the_two_passes_alone_take_the_weights_of_one_copy(build, resonet):
    alone = json.loads(resonet("run", build, "--engine", "two-pass", "--json").out)
    both = json.loads(resonet("run", build, "--stop", "20 ns", "--json").out)
    assert "energy" not in alone
    assert alone["figures"] == []
    assert alone["logits"]["two-pass"] == pytest.approx(both["logits"]["two-pass"], abs=1e-3)


def test_other_neurons_in_the_place_of_relus(build, resonet):
    arguments = ("run", build, "--neurons", "three_terminal", "--engine", "two-pass")
    found = json.loads(resonet(*arguments, "--json").out)
    errors = {row["layer"]: row["largest"] for row in found["layers"]}
    assert errors["conv1"] < 1e-6 < 1e-3 < errors["dense1"]  # its law is not that of a ReLU
    assert "three_terminal neurons" in resonet(*arguments).out


@pytest.mark.slow
def test_the_transient_of_a_tiny_network_agrees_with_its_envelope(tiny):
    folder, _ = tiny
    hardware = prepare(load_design(folder), images=TINY)
    run = run_image(hardware, TINY, 1, RunOptions(module.RUN_ENGINES, 60e-9))
    assert run.transient is not None
    assert run.envelope is not None
    assert [one.engine for one in deviations(run)] == [*module.RUN_ENGINES] * 2
    for number, scale in enumerate(run.full_scales):
        trace = run.envelope.stages[number].sums
        wanted = [hann_mean(run.envelope.time, column, run.transient.window) for column in trace.T]
        assert run.answers["transient"].sums[number] == pytest.approx(np.array(wanted), abs=0.02 * scale)


def test_a_transient_leaves_its_deck(tiny, resonet, tmp_path):
    folder, data = tiny
    found = json.loads(resonet("run", folder, "--data", data, "--engine", "transient", "--stop", "3 ns", "--json").out)
    assert found["label"] is None
    assert set(found["seconds"]) == {"prepare", "transient"}
    deck = Path(found["decks"][0])
    assert deck == folder / "decks" / "calibrated" / "network_image0.cir"
    assert "v(g1_2)" in deck.read_text()
    bare_run(deck, tmp_path)


@pytest.mark.slow
def test_the_compiled_transient_runs_the_same_deck(tiny, resonet):
    folder, data = tiny
    arguments = ("run", folder, "--data", data, "--stop", "3 ns", "--json", "--engine")
    both = json.loads(resonet(*arguments, "fixed_step,transient").out)
    logits = {engine: np.array(values) for engine, values in both["logits"].items()}
    assert np.abs(logits["fixed_step"] - logits["transient"]).max() < 1e-5 * np.abs(logits["transient"]).max()
    alone = json.loads(resonet(*arguments, "fixed_step").out)
    assert alone["decks"] == both["decks"]
    assert alone["logits"]["fixed_step"] == both["logits"]["fixed_step"]


@pytest.mark.slow
def test_a_slice_of_two_convolutions(resonet, tmp_path):
    rng = RNG(3)
    weights = {"w1": rng.normal(0, 0.5, (3, 1, 3, 3)), "w2": rng.normal(0, 0.5, (4, 3, 2, 2))}
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["c"], strides=[2, 2]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("Conv", ["r", "w2"], ["d"]),
        helper.make_node("Flatten", ["d"], ["y"]),
    ]
    model, images = save_model(tmp_path / "two.onnx", nodes, weights, (1, 9, 9), "y"), rng.uniform(0, 1, (3, 1, 9, 9))
    np.savez(tmp_path / "two.npz", images=images)
    design = compile_cnn(model, read_parameters(None, DIGITS), ImageSet("two", images, np.zeros(0, np.int64)))
    write_design(design, model, tmp_path / "build")
    arguments = ("run", tmp_path / "build", "--data", tmp_path / "two.npz", "--image", 2)
    found = json.loads(resonet(*arguments, "--slice", "1,2,2", "--stop", "100 ns", "--json").out)
    whole = propagate(design.cnn, images[2:]).reshape(4, 3, 3)
    assert found["logits"]["software"] == pytest.approx(whole[:2, 1, 2], rel=1e-9)
    assert found["logits"]["two-pass"] == pytest.approx(whole[:2, 1, 2], abs=2e-3 * np.abs(whole).max())
    assert "slice_1_2_2_1_image2" in resonet(*arguments, "--slice", "1,2,2,1", "--stop", "20 ns").out
    assert "possible" in complaint(resonet(*arguments, "--slice", "9,9,1"))
    assert resonet(*arguments, "--slice", "1,2").code == 2
    assert "no network of this package" in complaint(resonet("run", tmp_path / "build"))


def test_users_mistakes(build, resonet, monkeypatch):
    assert "possible: two-pass, envelope, fixed_step, transient" in complaint(
        resonet("run", build, "--engine", "spice")
    )
    assert "possible: 0 ... 449" in complaint(resonet("run", build, "--image", 450))
    assert "--stop" in complaint(resonet("run", build, "--stop", "3 GHz"))
    assert "two convolutions" in complaint(resonet("run", build, "--slice", "0,0,1"))
    monkeypatch.setattr(module, "MOST_IN_TIME", {"transient": 600, "fixed_step": 683})
    assert "for the engine transient: 600" in complaint(resonet("run", build, "--engine", "fixed_step,transient"))
    assert "for the engine fixed_step: 683" in complaint(resonet("run", build, "--engine", "fixed_step"))
    monkeypatch.setattr(module, "MOST_RESONATORS", 600)
    assert "684 resonators in parallel" in complaint(resonet("run", build))
    assert not (build / "report").exists()


def test_noise_of_a_run(build, resonet):
    words = ("run", build, "--engine", "two-pass", "--program", "coupled", "--weights-by", "linear", "--noise")
    found = json.loads(resonet(*words, "--repeat", 40, "--seed", 3, "--json").out)["noise"]
    assert found["reads"] == 40
    assert sum(found["predicted"].values()) == pytest.approx(1)
    told = resonet(*words, "--repeat", 40, "--seed", 3).out
    assert "class with noise: " in told
    assert "2 nW a tone, 20 MHz neurons, 300 K; seed 3" in told
    assert "changes nothing here; possible: with --noise" in resonet("run", build, "--seed", 3).err


@pytest.mark.slow
def test_levels_of_the_digits(build, resonet):
    told = resonet("levels", build)
    assert told.code == 0
    for part in ("largest", "median", "smallest", "behind", "noise floors", "headroom", "to P1dB"):
        assert part in told.out
    assert told.err.count("warning [noise] layer") == 2
    found = json.loads(resonet("levels", build, "--json").out)
    assert found["faults"] == []
    assert [one["dominant"] for one in found["levels"]["budgets"]] == ["johnson", "johnson"]
    assert found["levels"]["layers"][1]["clipped"] is None
    assert {"levels.png", "levels.svg"} <= set(entries(build / "report"))


def test_levels_that_clip_end_in_status_one(build, resonet, tmp_path):
    images = shipped("calibration").images
    np.savez(tmp_path / "bright.npz", images=np.clip(3 * images, 0, 1))
    told = resonet("levels", build, "--data", tmp_path / "bright.npz")
    assert told.code == 1
    assert "headroom" in told.out
    assert "resonet: layer" in told.err
