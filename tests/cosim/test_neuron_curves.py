"""Neurons beyond the ReLU in hardware: clamps, two slopes, curves of straight pieces; static, in time, in ngspice."""

import json

import numpy as np
import pytest
from conftest import RNG, save_model
from networks import SETTINGS, tiny_model
from onnx import helper

from resonet.core.errors import InputError
from resonet.cosim.cascade.energy_budget import energy
from resonet.cosim.cascade.envelopes import envelope
from resonet.cosim.cascade.hardware import parallel_hardware
from resonet.cosim.cascade.level_diagrams import level_diagram
from resonet.cosim.cascade.level_faults import faults
from resonet.cosim.cascade.transient import cascade_timing, run_cascade
from resonet.cosim.cascade.two_pass import cascade, trained_stages
from resonet.cosim.weights.held import HeldWeights
from resonet.cosim.weights.inference import forward
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.network.activations import Clip, Elu, HardSigmoid, LeakyRelu, Sigmoid, Silu, Tanh
from resonet.netlist.network.forward import propagate
from resonet.netlist.network.images import ImageSet

LINEAR_AMPLIFIER = ["neuron.pool_gain=1e6", "neuron.p1db=100 W"]  # its compression is 1e-4 of full scale otherwise
IMAGES = RNG(2).uniform(0, 1, (6, 1, 3, 4))


def compiled(path, images=IMAGES, settings=()):
    return compile_cnn(path, read_parameters(None, [*SETTINGS, *settings]), ImageSet(path, images, np.zeros(0)))


@pytest.mark.parametrize("pool", ["none", "average", "max"])
@pytest.mark.parametrize(
    "law",
    [Clip(0, 0.3), Clip(-0.2, 0.3), Clip(0.1, 0.5), HardSigmoid(), LeakyRelu((0.1,)), Tanh(), Silu(), Elu(0.5)],
    ids=str,
)
def test_the_cascade_is_the_network_within_the_error_of_its_curves(tmp_path, law, pool):
    design = compiled(tiny_model(tmp_path, pool, law), settings=LINEAR_AMPLIFIER)
    made = parallel_hardware(design)
    built, wanted = propagate(design.built, IMAGES), propagate(design.cnn, IMAGES)
    run, scale = cascade(made.levels, made.held, IMAGES), np.abs(wanted).max()
    assert run.logits == pytest.approx(built, abs=2e-5 * scale)
    own = trained_stages(made.levels.parallel.network, IMAGES)
    assert own[-1].sums == pytest.approx(wanted, abs=1e-12)
    at, name = next(
        (n, stage.activation_layer)
        for n, stage in enumerate(made.levels.parallel.stages)
        if str(stage.activation) == str(law)
    )
    assert run.stages[at].outputs == pytest.approx(own[at].outputs, abs=2e-3 * np.abs(own[at].outputs).max())
    if law.exact:
        assert np.array_equal(built, wanted)
        assert design.sums == {}
    else:
        error = design.neuron(name).error
        range_ = np.ptp(law(np.linspace(*design.sums[name], 1000)))
        gain = np.abs(design.cnn.synapses[-1].matrix).sum(2).max()
        assert 0 < np.abs(built - wanted).max() <= gain * error.largest * range_
    assert not faults(level_diagram(made, IMAGES))
    assert envelope(made.levels, IMAGES[0], 500e-9).logits[-1] == pytest.approx(run.logits[0], abs=1e-6 * scale)


def prelu_model(folder):
    """conv with a slope for each channel, dense."""
    rng = RNG(4)
    weights = {
        "w1": rng.normal(0, 0.5, (2, 1, 2, 2)),
        "b1": rng.normal(0, 0.1, 2),
        "s": np.array([0.4, -0.3]).reshape(2, 1, 1),
        "w2": rng.normal(0, 0.5, (3, 12)),
        "b2": rng.normal(0, 0.1, 3),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["c"]),
        helper.make_node("PRelu", ["c", "s"], ["r"]),
        helper.make_node("Flatten", ["r"], ["f"]),
        helper.make_node("Gemm", ["f", "w2", "b2"], ["y"], transB=1),
    ]
    return save_model(folder / "prelu.onnx", nodes, weights, (1, 3, 4), "y")


def test_every_neuron_has_the_slope_of_its_channel(tmp_path):
    design = compiled(prelu_model(tmp_path))
    made, wanted = parallel_hardware(design), propagate(design.cnn, IMAGES)
    run, levels = cascade(made.levels, made.held, IMAGES), made.levels.stages[0].links[0]
    assert run.logits == pytest.approx(wanted, abs=2e-4 * np.abs(wanted).max())
    unit = made.levels.stages[0].unit[0]
    slope = levels.knees.below / (levels.drive * levels.options.threshold_current / unit)
    channel = made.levels.parallel.stages[0].first % 2
    assert slope == pytest.approx(np.where(channel == 0, 0.4, -0.3))


def test_a_clamp_is_the_oscillators_and_knees_draw_more_than_they_give(tmp_path):
    made = parallel_hardware(compiled(tiny_model(tmp_path, activation=Clip(0, 0.3))))
    stage = made.levels.stages[0].links[0]
    assert stage.drive * 0.3 == pytest.approx(stage.options.clamp - 1)
    run = cascade(made.levels, made.held, IMAGES)
    above = run.stages[0].sums > 0.31
    assert above.any()
    assert run.stages[0].outputs[above] == pytest.approx(0.3, rel=1e-6)
    made = parallel_hardware(compiled(tiny_model(tmp_path, activation=Tanh())))
    stage, volts = made.levels.stages[0].links[0], 1e-5 * np.linspace(-1, 1, 9)[:, None] * np.ones(12)
    assert np.all(stage.supplied(volts) >= np.abs(stage.current(volts)) - 1e-18)
    image = envelope(made.levels, IMAGES[0], 100e-9)
    assert energy(made.levels, image, IMAGES[0]).stages[0].drive > 0


@pytest.mark.parametrize("law", [Tanh(), Clip(0, 0.3), LeakyRelu((0.1,))], ids=str)
def test_other_oscillators_cannot_stand_for_it(tmp_path, law):
    design = compiled(tiny_model(tmp_path, activation=law))
    with pytest.raises(InputError, match=r"layer conv1: .*; possible: neurons of kind relu") as caught:
        parallel_hardware(design, "coupled", kind="three_terminal")
    assert str(law) in str(caught.value)


def dense_model(folder, law):
    """Two layers of two neurons on three inputs."""
    rng = RNG(11)
    weights = {
        "w1": rng.normal(0, 1, (2, 3)),
        "b1": np.array([0.1, -0.2]),
        "w2": rng.normal(0, 1, (2, 2)),
        "b2": np.zeros(2),
    }
    nodes = [
        helper.make_node("Gemm", ["x", "w1", "b1"], ["c"], transB=1),
        *law.write("c", "r"),
        helper.make_node("Gemm", ["r", "w2", "b2"], ["y"], transB=1),
    ]
    return save_model(folder / "dense.onnx", nodes, weights, (3,), "y")


@pytest.mark.parametrize("law", [Clip(-0.2, 0.4), LeakyRelu((-0.3,)), Tanh(), Silu()], ids=str)
def test_a_whole_network_in_ngspice_is_the_cascade(tmp_path, law):
    images = RNG(5).uniform(0, 1, (20, 3))
    design = compiled(dense_model(tmp_path, law), images, ["neuron.pieces=6"])
    made = parallel_hardware(design)
    found = run_cascade(made.levels, images[0], cascade_timing(made.levels, 240e-9), 60e-9)
    wanted = cascade(made.levels, made.held, images[:1])
    scale = np.abs(wanted.logits).max()
    assert found.logits == pytest.approx(wanted.logits[0], abs=2e-3 * scale)
    assert found.settled[0] == pytest.approx(wanted.stages[0].sums[0], abs=2e-3)
    assert wanted.logits[0] == pytest.approx(propagate(design.built, images[:1])[0], abs=1e-3 * scale)


def test_accuracy_uses_the_curve_and_says_how_far_it_is_off(tmp_path, resonet):
    path = tiny_model(tmp_path, activation=Sigmoid())
    np.savez(tmp_path / "t.npz", images=IMAGES, labels=np.arange(6) % 3)
    given = [word for setting in [*SETTINGS, "neuron.pieces=4"] for word in ("--set", setting)]
    assert resonet("compile", path, *given, "--calibration", tmp_path / "t.npz", "-o", tmp_path / "d").code == 0
    arguments = ["accuracy", tmp_path / "d", "--data", tmp_path / "t.npz", "--program", "coupled"]
    shown = json.loads(resonet(*arguments, "--json").out)["neurons"]
    design = compiled(path, settings=["neuron.pieces=4"])
    error = design.neuron("conv1").error
    assert shown == [
        {
            "layer": "conv1",
            "activation": "sigmoid",
            "pieces": 4,
            "error_max": pytest.approx(error.largest),
            "error_rms": pytest.approx(error.rms),
        }
    ]
    assert "sigmoid" in resonet(*arguments).out
    exact = {
        entry.layer.name: HeldWeights(layer=entry.layer.name, values=entry.layer.matrix, trained=entry.layer.matrix)
        for entry in design.plan.layers
    }
    assert forward(design, exact, IMAGES) == pytest.approx(propagate(design.built, IMAGES), rel=1e-12)
