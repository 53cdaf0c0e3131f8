"""Networks in float32: outputs of float64 but for rounding, its classes and its counts exactly, or all in float64."""

import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from conftest import RNG, save_model
from networks import spread_model
from onnx import helper

from resonet.cosim.crossbar.crossbar import NoisyCrossbar
from resonet.cosim.weights import inference, software
from resonet.cosim.weights.effective import effective_weights
from resonet.cosim.weights.engines import linear
from resonet.cosim.weights.float32 import Float32Network, float32_images
from resonet.cosim.weights.float32_nodes import Inexpressible
from resonet.cosim.weights.held import HeldWeights, PositionWeights
from resonet.cosim.weights.inference import accuracy, circuit_logits, forward
from resonet.cosim.weights.logits import checked_logits, margins
from resonet.cosim.weights.software import SoftwareLogits
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.network.activations.oscillator import OscillatorActivation
from resonet.netlist.network.activations.rounded import Rounded
from resonet.netlist.network.cnn import MaxPool
from resonet.netlist.network.forward import classes, propagate
from resonet.netlist.network.images import ImageSet
from resonet.netlist.network.onnx.neurons import with_activations

ROUNDING = 1e-5  # of the largest output
COUNT = 300


def near(layer, error=0.05, seed=1):
    """Weights that are off by a part of each."""
    factor = 1 + error * RNG(seed).standard_normal(layer.matrix.shape)
    return HeldWeights(layer=layer.name, values=layer.matrix * factor, trained=layer.matrix)


def held_of(design, error=0.05):
    return {layer.name: near(layer, error) for layer in design.cnn.synapses}


def off(design, held, images):
    """Largest difference of the outputs of float32, part of the largest."""
    network = Float32Network(design.built, held, design.scales, threads=1)
    exact = forward(design, held, images)
    return np.abs(network(float32_images(design.built, images)).logits - exact).max() / np.abs(exact).max()


@pytest.fixture(scope="module")
def images():
    return RNG(3).uniform(0, 1, (COUNT, 2, 7, 6))


def compiled(folder, nodes, weights, images, last="y"):
    """Design of a network whose scales come from the first images, darker: some inputs are cut off."""
    path = save_model(folder / "net.onnx", nodes, weights, images.shape[1:], last, opset=18)
    return compile_cnn(path, calibration=ImageSet("batch", 0.8 * images[:20], np.empty(0, np.int64)))


def weights_of(*shapes):
    return {f"w{n}": RNG(n).normal(0, 1 / np.sqrt(np.prod(shape[1:])), shape) for n, shape in enumerate(shapes)}


def node(op, inputs, out, **attributes):
    return helper.make_node(op, inputs.split(), out.split(), **attributes)


END = [node("Flatten", "b", "f"), node("Gemm", "f w9", "y", transB=1)]
NETWORKS = {
    "padding, groups, stride and dilation, edge windows": (
        [
            node("Conv", "x w0", "a", pads=[2, 0, 1, 1], dilations=[2, 1]),
            node("Relu", "a", "r"),
            node("MaxPool", "r", "p", kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 1], ceil_mode=1),
            node("AveragePool", "p", "v", kernel_shape=[2, 2], strides=[1, 2], pads=[1, 1, 0, 0]),
            node("Conv", "v w1", "b", group=2, strides=[2, 1], pads=[0, 1, 0, 1]),
        ],
        weights_of((6, 2, 3, 3), (4, 3, 2, 2)),
        24,
    ),
    "sums, identities and lists of channels": (
        [
            node("Conv", "x w0", "a", pads=[1, 1, 1, 1]),
            node("Relu", "a", "r"),
            node("Conv", "r w1", "c", pads=[1, 1, 1, 1]),
            node("Add", "r c", "s"),
            node("Relu", "s", "t"),
            node("Split", "t", "u v", axis=1, num_outputs=2),
            node("Concat", "v x u", "j", axis=1),
            node("Transpose", "j", "b", perm=[0, 2, 3, 1]),
        ],
        weights_of((4, 2, 3, 3), (4, 4, 3, 3)),
        252,
    ),
    "fitted curves, slopes of channels, offsets": (
        [
            node("Conv", "x w0", "a"),
            node("Tanh", "a", "r"),
            node("Conv", "r w1", "c"),
            node("PRelu", "c w2", "s"),
            node("Conv", "s w3", "d"),
            node("LeakyRelu", "d", "l", alpha=0.2),
            node("Conv", "l w4", "e"),
            node("HardSwish", "e", "b"),
        ],
        weights_of((4, 2, 2, 2), (3, 4, 2, 2), (3, 1, 1), (4, 3, 1, 1), (5, 4, 2, 2)),
        60,
    ),
}


@pytest.mark.parametrize("kind", NETWORKS)
def test_float32_gives_the_outputs_of_float64(kind, tmp_path, images):
    nodes, weights, size = NETWORKS[kind]
    weights = weights | {"w9": RNG(9).normal(0, 0.3, (5, size))}
    design = compiled(tmp_path, [*nodes, *END], weights, images)
    held = held_of(design)
    assert off(design, held, images) < ROUNDING
    found = circuit_logits(design, held, images, threads=1)
    assert (found.reason, found.exact.mean() < 0.4) == ("", True)
    exact = forward(design, held, images)
    assert np.array_equal(classes(found.values), classes(exact))
    assert np.array_equal(found.values[found.exact], exact[found.exact])


def test_oscillators_and_one_dimension(tmp_path):
    signals = RNG(5).uniform(-1, 1, (COUNT, 2, 40))
    weights = weights_of((6, 2, 5), (4, 6, 3)) | {"w9": RNG(9).normal(0, 0.3, (3, 4 * 18))}
    nodes = [
        node("Conv", "x w0", "a", pads=[2, 2], strides=[2]),
        helper.make_node("Relu", ["a"], ["r"], name="neuron"),
        node("Conv", "r w1", "b"),
        *END,
    ]
    path = save_model(tmp_path / "net.onnx", nodes, weights, (2, 40), "y")
    neuron = OscillatorActivation("two_terminal", drive=0.7)
    onnx.save(with_activations(onnx.load(path), {"neuron": neuron}), path)
    design = compile_cnn(path, calibration=ImageSet("batch", signals[:50], np.empty(0, np.int64)))
    assert off(design, held_of(design), signals) < ROUNDING


def test_weights_of_every_position(tmp_path, images):
    weights = weights_of((3, 2, 3, 3)) | {"w9": RNG(9).normal(0, 0.3, (3, 3 * 3 * 2))}
    nodes = [node("Conv", "x w0", "a", strides=[2, 2], pads=[0, 0, 0, 0]), node("Relu", "a", "b"), *END]
    design = compiled(tmp_path, nodes, weights, images)
    layer = design.cnn.synapses[0]
    shape = (1, layer.positions, *layer.matrix.shape[1:])
    own = layer.matrix[:, None] * (1 + 0.1 * RNG(2).standard_normal(shape))
    held = held_of(design) | {layer.name: PositionWeights(layer=layer.name, values=own, trained=layer.matrix[:, None])}
    assert off(design, held, images) < ROUNDING


def test_scales_of_neurons_and_chains_that_are_raised(tmp_path):
    path = spread_model(tmp_path)
    shape = compile_cnn(path).cnn.input_shape
    images = RNG(4).uniform(0, 1, (COUNT, *shape))
    given = read_parameters(settings=["plan.scale=neuron"])
    design = compile_cnn(path, given, ImageSet("batch", images[:50], np.empty(0, np.int64)))
    assert design.neuron_scales
    held = {
        layer.name: effective_weights(design, layer.name, "coupled", engine=linear) for layer in design.cnn.synapses
    }
    assert off(design, held, images) < ROUNDING


# Classes and counts


@pytest.fixture(scope="module")
def many(small_design):
    return RNG(7).uniform(0, 1, (2000, *small_design.cnn.input_shape))


def tied(design, apart):
    """A design whose last layer tells two classes apart by so little, part of its largest weight."""
    cnn = design.cnn
    last = cnn.synapses[-1]
    weight = last.weight.copy()
    weight[1] = weight[0] * (1 + apart * RNG(1).standard_normal(weight[0].shape))
    weight[2] = -np.abs(weight[2])
    bias = last.bias.copy()
    bias[1] = bias[0]
    layer = replace(last, weight=weight, bias=bias)
    made = replace(cnn, layers=(*cnn.layers[:-1], layer))
    return SimpleNamespace(cnn=made, built=made, scales=design.scales)


@pytest.mark.parametrize("apart", [1e-9, 1e-7, 1e-6])
def test_classes_are_those_of_float64_however_close_they_are(small_design, many, apart):
    design = tied(small_design, apart)
    held = held_of(design, 0.0)
    exact = forward(design, held, many)
    quick = Float32Network(design.built, held, design.scales, threads=1)(float32_images(design.built, many)).logits
    found = circuit_logits(design, held, many, threads=1)
    assert (classes(quick) != classes(exact)).any() or apart > 1e-7
    assert np.array_equal(classes(found.values), classes(exact))
    assert found.ties > 0 or "near ties" in found.reason


def test_near_ties_are_told_and_evaluated_again():
    exact = np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5 + 1e-6]] * 400)
    quick = exact + np.float64([[1e-6, -1e-6]])
    quick[2, 1] = 0.4
    asked = []

    def again(which):
        asked.append(len(exact[which]))
        return exact[which]

    plain = np.zeros(len(exact), bool)
    plain[2] = True
    found = checked_logits(lambda: (quick.copy(), plain), again)
    assert found.reason.startswith("float32 is off by 0.1")
    quick[2, 1] = exact[2, 1]
    asked.clear()
    found = checked_logits(lambda: (quick.copy(), plain), again)
    assert found.ties == 400
    assert sum(asked) == found.exact.sum()
    assert np.array_equal(found.values[found.exact], exact[found.exact])
    assert found.rounding == pytest.approx(1e-6, rel=1e-6)


def test_margins():
    logits = np.array([[1.0, 3.0, 2.5], [2.0, 2.0, 0.0], [1.0, np.nan, 0.0], [1.0, np.inf, 0.0]])
    assert margins(logits) == pytest.approx([0.5, 0.0, np.nan, np.nan], nan_ok=True)
    assert margins(logits, 2)[:2] == pytest.approx([2.0, 0.0])
    assert margins(np.array([[-0.5], [0.25]])) == pytest.approx([0.5, 0.25])


@pytest.mark.parametrize("smaller", [1.0, 0.98, 0.5])
def test_accuracy_is_that_of_float64(small_model, many, smaller, monkeypatch):
    """Shares, also of inputs that are cut off, to the last digit; logits as well as the difference is told."""
    calibrated = compile_cnn(small_model, calibration=ImageSet("batch", many[:50], np.empty(0, np.int64)))
    scales = {n: replace(s, full_scale=smaller * s.full_scale) for n, s in calibrated.scales.items()}
    design, held = replace(calibrated, scales=scales), held_of(calibrated)
    data = ImageSet("test", many, RNG(2).integers(0, 3, len(many)))
    quick = accuracy(design, held, data, threads=1)
    for module in (inference, software):
        monkeypatch.setattr(module, "FEW", 10**9)
    exact = accuracy(design, held, data)
    assert (exact.arithmetic, quick.arithmetic[:7]) == ("float64 (few images)", "float64" if smaller < 1 else "float32")
    for name in ("software", "circuit", "same_class", "clipped"):
        assert getattr(quick, name) == getattr(exact, name)
    assert (max(exact.clipped.values()) > 0) == (smaller < 1) or smaller == 1.0
    assert quick.logit_max == pytest.approx(exact.logit_max, rel=1e-12)
    assert quick.logit_rms == pytest.approx(exact.logit_rms, rel=1e-6)


def test_differences_that_float32_cannot_tell_are_those_of_float64(small_design, many, monkeypatch):
    data = ImageSet("test", many, RNG(2).integers(0, 3, len(many)))
    held = held_of(small_design, 1e-9)
    off = forward(small_design, held, many) - propagate(small_design.cnn, many)
    scale = np.abs(propagate(small_design.cnn, many)).max()
    found = accuracy(small_design, held, data)
    assert found.arithmetic.startswith("float64 (logits of circuit and software differ by")
    assert found.logit_max == pytest.approx(np.abs(off).max() / scale, rel=1e-12)
    assert found.logit_rms == pytest.approx(np.sqrt(np.mean(off**2)) / scale, rel=1e-12)
    monkeypatch.setattr(inference, "QUICK", 0)
    sampled = accuracy(small_design, held, data)
    assert "differences are of those alone" in sampled.arithmetic
    assert sampled.logit_rms == pytest.approx(found.logit_rms, rel=0.3)
    assert 0 < sampled.logit_max <= found.logit_max


def test_several_outputs_are_told_one_by_one(small_design, many, monkeypatch):
    cnn = replace(small_design.cnn, heads=(("first", 2), ("second", 1)))
    design, held = replace(small_design, cnn=cnn), held_of(small_design)
    data = ImageSet("test", many, RNG(2).integers(0, 2, len(many)))
    quick = accuracy(design, held, data, threads=1)
    for module in (inference, software):
        monkeypatch.setattr(module, "FEW", 10**9)
    exact = accuracy(design, held, data)
    assert (quick.arithmetic[:7], exact.arithmetic[:7]) == ("float32", "float64")
    assert (quick.circuit, quick.same_class) == (exact.circuit, exact.same_class)
    for name, (rms, largest) in exact.heads.items():
        assert quick.heads[name][0] == pytest.approx(rms, rel=1e-6)
        assert quick.heads[name][1] == pytest.approx(largest, rel=1e-12)


def test_logits_of_the_trained_network(small_design, many):
    exact = propagate(small_design.cnn, many)
    found = SoftwareLogits(small_design.cnn, many, threads=1)
    assert np.array_equal(classes(found.values), classes(exact))
    assert np.abs(found.values).max() == np.abs(exact).max()
    assert not np.array_equal(found.values, exact)
    which = np.arange(len(many)) % 3 == 0
    found.settle(which)
    assert np.array_equal(found.values[which], exact[which])
    given = SoftwareLogits.given(exact)
    given.settle(~which)
    assert given.values is exact


# What float32 cannot say


def reason(design, held, images):
    found = circuit_logits(design, held, images)
    assert found.exact.all()
    assert np.array_equal(found.values, forward(design, held, images))
    return found.reason


def test_what_float32_cannot_say_is_said_by_float64(small_design, many, monkeypatch):
    held = held_of(small_design)
    assert reason(small_design, held, many[:200]) == "few images"
    assert "float32 does not" in reason(small_design, held, 1e39 * many)
    one = held["conv1"]
    noisy = NoisyCrossbar(
        layer="conv1",
        values=one.values,
        trained=one.trained,
        program="direct",
        spread=0 * one.values,
        gain=1.0,
        fill=1.0,
        arrays=1,
        noise=0.0,
        thermal=np.zeros(one.values.shape[:2]),
        johnson=0.0,
        draw=RNG(1),
    )
    assert reason(small_design, held | {"conv1": noisy}, many) == "layer conv1 is of NoisyCrossbar"
    far = replace(one, values=1e20 * one.values)
    assert "too far from one" in reason(small_design, held | {"conv1": far}, many)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert reason(small_design, held, many) == "onnxruntime is not installed"


def test_steps_are_taken_in_float64(small_design, many):
    first, *rest = small_design.cnn.layers
    cnn = replace(small_design.cnn, layers=(first.with_activation(Rounded(0.0, 2.0, 0.25)), *rest))
    design = SimpleNamespace(cnn=cnn, built=cnn, scales=small_design.scales)
    assert reason(design, held_of(design), many).endswith("jumps")


def test_pools_of_padding_alone_are_in_float64(small_design):
    layer = MaxPool("pool1", "", (1, 4, 4), (1, 6, 4), (1, 1), (1, 1), (1, 1), (1, 0, 1, 0))
    cnn = replace(small_design.cnn, layers=(layer,), input_shape=(1, 4, 4))
    with pytest.raises(Inexpressible, match="pools padding alone"):
        Float32Network(cnn, {}, {})


def test_the_trained_network_itself(small_design, many):
    held = held_of(small_design, 0.0)
    found = Float32Network(small_design.cnn, held)(float32_images(small_design.cnn, many)).logits
    exact = propagate(small_design.cnn, many)
    assert found == pytest.approx(exact, abs=ROUNDING * np.abs(exact).max())
