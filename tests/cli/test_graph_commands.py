"""Every command on networks with branches: the right number, or why not in one line."""

import json

import numpy as np
import pytest
from conftest import RNG, SAME, add_output, node, save_model
from onnx import helper

from resonet.cosim.weights.effective import effective_weights
from resonet.cosim.weights.engines import linear
from resonet.cosim.weights.inference import accuracy, forward
from resonet.netlist.design.folder import load_design
from resonet.netlist.network.cnn import built_network
from resonet.netlist.network.forward import classes, propagate

SHAPE = (1, 7, 7)
rng = RNG(3)
WEIGHTS = {
    "c": rng.normal(0, 0.4, (3, 1, 3, 3)),
    "b": rng.normal(0, 0.1, 3),
    "d": rng.normal(0, 0.4, (3, 3, 3, 3)),
    "w": rng.normal(0, 0.4, (27, 4)),
    "v": rng.normal(0, 0.4, (54, 4)),
    "h": rng.normal(0, 0.4, (1, 1, 3, 3)),
    "k": rng.normal(0, 0.4, (2, 2, 3, 3)),
}


FIRST = [node("Conv x c b -> a0", strides=[2, 2]), node("Relu a0 -> a")]
TANH = [node("Conv a d -> d0", **SAME), node("Tanh d0 -> d1")]
NETS = {
    "residual": [*FIRST, node("Conv a d -> d0", **SAME), node("Add d0 a -> t"), node("Relu t -> s")],
    "joined": [*FIRST, *TANH, node("Concat a d1 -> s", axis=1)],
    "split": [
        *FIRST,
        helper.make_node("Constant", [], ["parts"], value_ints=[1, 2]),
        node("Split a parts -> p q", axis=1),
        node("Conv p h -> p0", **SAME),
        node("Conv q k -> q0", **SAME),
        node("Relu q0 -> q1"),
        node("Concat p0 q1 -> s", axis=1),
    ],
    "heads": [*FIRST, *TANH, node("Add d1 a -> s")],
}


def save(path, name):
    last = [node("Flatten s -> f"), node(f"Gemm f {'v' if name == 'joined' else 'w'} -> y")]
    heads = [node("GlobalAveragePool d1 -> m"), node("Flatten m -> z")] if name == "heads" else []
    save_model(path, [*NETS[name], *last, *heads], WEIGHTS, SHAPE, "y")
    if heads:
        add_output(path, "z")
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Of each network its model and its labelled images, two labels in a hundred wrong."""
    place, found = tmp_path_factory.mktemp("graphs"), {}
    for name in NETS:
        model = save(place / f"{name}.onnx", name)
        images = RNG(5).uniform(0, 1, (50, *SHAPE))
        from resonet.netlist.network.onnx.read import read_cnn

        cnn = read_cnn(model)
        labels = classes(propagate(cnn, images), cnn.ranked)
        labels[7] = (labels[7] + 1) % 4
        np.savez(place / f"{name}.npz", images=images, labels=labels)
        found[name] = model, place / f"{name}.npz"
    return found


@pytest.mark.parametrize("name", NETS)
def test_from_the_model_to_its_accuracy(made, name, resonet, tmp_path):
    model, data = made[name]
    folder = tmp_path / "build"
    compiled = resonet("compile", model, "-o", folder, "--calibration", data, "--json")
    assert (compiled.code, compiled.err) == (0, "")
    calibrated = json.loads(resonet("calibrate", folder, "--json").out)
    assert max(row["rms_after"] for row in calibrated["layers"]) < 1e-8
    told = json.loads(resonet("accuracy", folder, "--data", data, "--json").out)
    design = load_design(folder)
    images = design.images(data)
    held = {
        e.layer.name: effective_weights(design, e.layer.name, "calibrated", engine=linear) for e in design.plan.layers
    }
    wanted = propagate(design.built, images.images)
    found = forward(design, held, images.images)
    assert np.abs(found - wanted).max() < 1e-6 * np.abs(wanted).max()
    assert told["accuracy"]["software"] == 0.98
    assert told["accuracy"]["circuit_calibrated"] == accuracy(design, held, images).circuit
    fitted = {row["layer"] for row in told["neurons"]}
    assert fitted == ({"conv2"} if name in ("joined", "heads") else set())
    # Neurons in straight pieces are off the trained activation, by no more than they say.
    off = {row["layer"]: row["error_max"] for row in told["neurons"]}
    if off:
        exact = propagate(built_network(design.cnn, {}), images.images)
        assert 0 < np.abs(wanted - exact).max() < 20 * max(off.values()) * np.abs(exact).max()


@pytest.fixture(scope="module")
def build(made, tmp_path_factory):
    """The residual network, calibrated."""
    from resonet.netlist.design.design import compile_cnn
    from resonet.netlist.design.folder import write_design
    from resonet.netlist.network.images import read_images

    model, data = made["residual"]
    folder = tmp_path_factory.mktemp("residual") / "build"
    design = compile_cnn(model, calibration=read_images(data, SHAPE))
    write_design(design, model, folder)
    return folder, data


def test_plan_counts_the_resonators_of_the_sum(made, resonet, tmp_path):
    found = resonet("plan", made["residual"][0], "--tiles", "16", "--json", "-o", tmp_path)
    assert found.code == 0
    told = json.loads(found.out)
    assert {row["layer"] for row in told["points"]} == {"conv1", "conv2", "dense1"}
    assert told["feeds"][0]["settings"] == []
    assert min(feed["most"] for feed in told["feeds"][1:]) < told["feeds"][0]["most"] - 10


def test_decks_of_each_tile(build):
    """Chains of 27 on one bus, and each identity on a bus of its own above them."""
    names = {path.name for path in (build[0] / "decks" / "coupled").glob("conv2*_rf.cir")}
    assert names == {"conv2_t0_rf.cir", *(f"conv2_n{n}t1_rf.cir" for n in range(3))}


def test_crosstalk_compares_all_weights(build, resonet):
    told = json.loads(resonet("crosstalk", build[0], "--layer", "conv2", "--json").out)
    design = load_design(build[0])
    effective = effective_weights(design, "conv2", "coupled", engine=linear)
    trained = design.plan.layer("conv2").layer.matrix
    used = trained != 0
    rms = np.sqrt(((effective.values - trained)[used] ** 2).mean()) / np.abs(trained).max()
    assert told["layers"][0]["resonators"] == 3 * 28
    assert told["layers"][0]["rms_error_coupled"] == pytest.approx(rms, rel=1e-3)


@pytest.mark.parametrize(
    "arguments",
    [
        ("quantise", "--bits", "8"),
        ("sneak", "--layer", "conv2"),
        ("sparams", "--layer", "conv2"),
        ("layout", "--layer", "conv2"),
        ("status",),
    ],
)
def test_commands_that_work(build, resonet, arguments):
    done = resonet(arguments[0], build[0], *arguments[1:], "--json")
    assert (done.code, done.err) == (0, "")
    told = json.loads(done.out)
    if arguments[0] == "layout":
        assert told["layouts"][0]["resonators"] == 3 * (3 * 49 + 9)  # 49 of 81 taps are in the image, and an identity
    if arguments[0] == "quantise":
        assert told["points"][0]["layers"]["conv2"]["rms"] < 0.01


@pytest.mark.parametrize("sweep", [["--no-sweep"], pytest.param([], marks=pytest.mark.nightly)], ids=["one", "sweep"])
def test_crossbar(build, resonet, sweep):  # sweeps: test_crossbar.py, of a network without branches
    done = resonet("crossbar", build[0], "--data", build[1], "--json", *sweep)
    assert done.code == 0
    assert "conv2" in done.out


def test_sweep(build, resonet):
    done = resonet("sweep", build[0], "--over", "device.damping=0.008:0.012:2", "--json")
    assert done.code == 0


def test_shared_tuning(build, resonet):
    for layer in ("conv1", "conv2"):  # the latter adds up two inputs
        done = resonet("share", build[0], "--layer", layer, "--spread", "0.01", "--json")
        together, alone = json.loads(done.out)["results"]
        assert alone["rms"] < 1e-6
        assert alone["rms"] <= together["rms"] <= together["rms_before"]
        assert together["neuron_error"] > 0.5 * together["rms"]
        assert together["unknowns"] <= together["resonators"] == alone["unknowns"]


def test_strip_lines(made, resonet, tmp_path):
    """Without causes they are the trained network, sums of two inputs too."""
    model, data = made["residual"]
    lines = ("--set", "feed.kind=stripline", "--set", "feed.layers=all", "--set", "feed.causes=none")
    assert resonet("compile", model, "-o", tmp_path / "build", "--calibration", data, *lines).code == 0
    told = json.loads(resonet("accuracy", tmp_path / "build", "--data", data, "--json").out)["accuracy"]
    assert (told["software"], told["circuit_calibrated"]) == (0.98, 0.98)
    weights = json.loads(resonet("crosstalk", tmp_path / "build", "--json").out)
    assert max(row["rms_error_calibrated"] for row in weights["layers"]) < 1e-6
