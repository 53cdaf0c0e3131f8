"""Activations beyond the ReLU: as exporters write them, against onnxruntime; what hardware makes of them."""

import math
from itertools import pairwise

import numpy as np
import onnx
import pytest
from conftest import RNG, save_model
from onnx import helper
from test_activation import agrees

from resonet.core.errors import InputError
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.folder import load_design, write_design
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.network.activations import (
    RELU,
    Clip,
    Elu,
    Fit,
    Gelu,
    HardSigmoid,
    HardSwish,
    LeakyRelu,
    Mish,
    Sigmoid,
    Silu,
    Softplus,
    Softsign,
    Tanh,
)
from resonet.netlist.network.activations.curve import fit_curve
from resonet.netlist.network.cnn import MaxPool
from resonet.netlist.network.forward import propagate
from resonet.netlist.network.images import ImageSet
from resonet.netlist.network.onnx.neurons import with_activations
from resonet.netlist.network.onnx.read import read_cnn
from resonet.netlist.planning.scales import bounded_ranges, calibrated_ranges

SMOOTH = [
    *(
        Tanh(),
        Sigmoid(),
        HardSwish(),
        Elu(),
        Elu(0.3),
        Elu(1.6732632, 1.050701),
        Elu(0.7, 1.0, 0.7),
        Silu(),
        Silu(1.702),
    ),
    *(Softplus(), Softsign(), Mish(), Gelu(), Gelu("tanh")),
]
EXACT = [RELU, Clip(0, 6), Clip(-1, 2), Clip(0.5, 1), Clip(-2, -0.5), Clip(-math.inf, 0.5), Clip(0.2, math.inf)]
EXACT += [HardSigmoid(), HardSigmoid(0.3, 0.4), LeakyRelu((0.1,)), LeakyRelu((-0.2,))]
ALL = [*EXACT, *SMOOTH]
WEIGHTS = {
    "w1": RNG(1).normal(0, 1, (4, 1, 3, 3)),
    "b1": RNG(2).normal(0, 1, 4),
    "w2": RNG(3).normal(0, 0.3, (3, 144)),
    "b2": RNG(4).normal(0, 0.3, 3),
}
CONSTANTS = {
    **{"half": 0.5, "one": 1.0, "two": 2.0, "three": 3.0, "six": 6.0, "zero": 0.0, "fifth": 0.2, "twenty": 20.0},
    **{"root": math.sqrt(2), "over_root": math.sqrt(0.5), "cubic": 0.044715, "beta": math.sqrt(2 / math.pi)},
    **{"steep": 1.702, "minus": -0.3, "tenth": 0.1, "sixth": 1 / 6, "far": -2.0},
}
CONV = helper.make_node("Conv", ["x", "w1", "b1"], ["c"], name="conv")


def chain(*steps):
    """Nodes from text such as "Mul c half -> a"; the last gives "r"."""
    nodes = []
    for step in steps:
        inputs, _, result = step.partition(" -> ")
        op, *names = inputs.split()
        nodes.append(helper.make_node(op, ["" if name == "-" else name for name in names], [result]))
    return nodes


def save(path, middle, weights=(), opset=17, shape=(1, 8, 8), used=()):
    """conv, some nodes from "c" to "r", flatten, dense."""
    nodes = [
        CONV,
        *middle,
        helper.make_node("Flatten", ["r"], ["f"]),
        helper.make_node("Gemm", ["f", "w2", "b2"], ["y"], transB=1),
    ]
    named = {name for node in nodes for name in node.input}
    constants = {name: np.array(value) for name, value in CONSTANTS.items() if name in named}
    return save_model(path, nodes, WEIGHTS | constants | dict(weights), shape, "y", opset)


SPELLED = {
    "silu": (chain("Sigmoid c -> s", "Mul c s -> r"), Silu()),
    "silu, factors the other way": (chain("Sigmoid c -> s", "Mul s c -> r"), Silu()),
    "swish of another steepness": (chain("Mul c steep -> m", "Sigmoid m -> s", "Mul c s -> r"), Silu(1.702)),
    "hard swish by hard sigmoid": (
        [
            helper.make_node("HardSigmoid", ["c"], ["s"], alpha=1 / 6, beta=0.5),
            helper.make_node("Mul", ["c", "s"], ["r"]),
        ],
        HardSwish(),
    ),
    "hard swish by clip": (
        chain("Add c three -> a", "Clip a zero six -> s", "Mul c s -> m", "Div m six -> r"),
        HardSwish(),
    ),
    "hard swish, sixth first": (
        chain("Add c three -> a", "Clip a zero six -> s", "Mul s sixth -> q", "Mul c q -> r"),
        HardSwish(),
    ),
    "hard swish by relu and min": (
        chain("Add c three -> a", "Relu a -> p", "Min p six -> s", "Div s six -> q", "Mul q c -> r"),
        HardSwish(),
    ),
    "gelu, half last": (
        chain("Div c root -> d", "Erf d -> e", "Add e one -> a", "Mul c a -> m", "Mul m half -> r"),
        Gelu(),
    ),
    "gelu, half first": (
        chain("Mul c half -> h", "Mul c over_root -> d", "Erf d -> e", "Add one e -> a", "Mul h a -> r"),
        Gelu(),
    ),
    "gelu, half inside": (
        chain("Mul c over_root -> d", "Erf d -> e", "Add e one -> a", "Mul a half -> h", "Mul h c -> r"),
        Gelu(),
    ),
    "gelu by tanh and pow": (
        chain(
            *(
                "Pow c three -> k",
                "Mul k cubic -> m",
                "Add c m -> a",
                "Mul a beta -> b",
                "Tanh b -> t",
                "Add t one -> u",
            ),
            *("Mul c u -> v", "Mul v half -> r"),
        ),
        Gelu("tanh"),
    ),
    "gelu by tanh and products": (
        chain(
            *("Mul c c -> q", "Mul c q -> k", "Mul cubic k -> m", "Add c m -> a", "Mul beta a -> b", "Tanh b -> t"),
            *("Add one t -> u", "Mul c u -> v", "Mul half v -> r"),
        ),
        Gelu("tanh"),
    ),
    "softplus by log and exp": (chain("Exp c -> e", "Add e one -> a", "Log a -> r"), Softplus()),
    "softplus with a threshold": (
        chain("Greater c twenty -> g", "Softplus c -> s", "Where g c s -> r"),
        Softplus(),
    ),
    "softplus of another steepness": (
        chain("Mul c two -> m", "Greater m twenty -> g", "Softplus m -> s", "Div s two -> d", "Where g c d -> r"),
        Softplus(2.0),
    ),
    "mish": (chain("Softplus c -> s", "Tanh s -> t", "Mul c t -> r"), Mish()),
    "softsign": (chain("Abs c -> a", "Add a one -> d", "Div c d -> r"), Softsign()),
    "leaky by max": (chain("Mul c fifth -> m", "Max c m -> r"), LeakyRelu((0.2,))),
    "leaky by two relus": (
        chain("Relu c -> p", "Neg c -> n", "Relu n -> q", "Mul q minus -> m", "Add p m -> r"),
        LeakyRelu((0.3,)),
    ),
    "elu by where": (
        chain("Exp c -> e", "Sub e one -> m", "Greater c zero -> g", "Where g c m -> r"),
        Elu(),
    ),
    "relu by max": (chain("Max c zero -> r"), RELU),
    "relu by max, zero first": (chain("Max zero c -> r"), RELU),
    "relu by clip": (chain("Clip c zero - -> r"), RELU),
    "relu6 by clip": (chain("Clip c zero six -> r"), Clip(0, 6)),
    "relu6 by relu and min": (chain("Relu c -> p", "Min p six -> r"), Clip(0, 6)),
    "relu6 by max and min": (chain("Max c zero -> p", "Min six p -> r"), Clip(0, 6)),
    "clamps in a row": (chain("Clip c far three -> p", "Relu p -> q", "Min q two six -> r"), Clip(0, 2)),
    "a clamp that never acts": (chain("Sigmoid c -> s", "Clip s zero one -> t", "Relu t -> r"), Sigmoid()),
}


@pytest.mark.parametrize("name", SPELLED)
def test_functions_are_recognised_however_they_are_spelled(tmp_path, name):
    nodes, wanted = SPELLED[name]
    cnn = agrees(save(tmp_path / "m.onnx", nodes))
    assert [str(layer.activation) for layer in cnn.synapses] == [str(wanted), "linear"]


def test_a_factor_behind_an_activation_goes_on_into_the_next_layer(tmp_path):
    nodes = [CONV, *chain("Sigmoid c -> s", "Mul c s -> m", "Mul m fifth -> v")]
    nodes += [helper.make_node("Conv", ["v", "w3", "b3"], ["y"])]
    weights = {"w1": WEIGHTS["w1"], "b1": WEIGHTS["b1"], "w3": RNG(5).normal(size=(2, 4, 3, 3)), "b3": np.ones(2)}
    cnn = agrees(save_model(tmp_path / "m.onnx", nodes, weights | {"fifth": np.array(0.2)}, (1, 8, 8), "y"))
    assert [str(layer.activation) for layer in cnn.synapses] == ["silu", "linear"]


@pytest.mark.parametrize("activation", ALL, ids=str)
def test_what_is_written_is_read_again(tmp_path, activation):
    path = save(tmp_path / "m.onnx", [helper.make_node("Relu", ["c"], ["r"])], opset=20)
    onnx.save(with_activations(onnx.load(path), {"r": activation}), path)
    cnn = agrees(path)
    found = cnn.synapses[0].activation
    assert str(found) == str(activation)
    assert type(found) is type(activation)


def test_swish_of_the_standard_is_read(tmp_path):
    make = helper.make_node("Swish", ["c"], ["r"], alpha=1.5)
    cnn = read_cnn(save(tmp_path / "m.onnx", [make], opset=24))
    assert cnn.synapses[0].activation == Silu(1.5)


@pytest.mark.parametrize("activation", ALL, ids=str)
def test_an_activation_says_the_truth_about_itself(activation):
    ends = [-30.0, -3.0, -1.5, -0.9, -0.3, 0.0, 0.4, 2.5, 30.0]
    for low, high in pairwise(ends):
        z = np.linspace(low, high, 20_001)
        y = activation(z)
        least, most = activation.range(low, high)
        assert (least, most) == pytest.approx((y.min(), y.max()), abs=2e-6)
        assert least <= y.min() + 1e-15
        assert most >= y.max() - 1e-15
        if activation.rises:
            assert np.diff(y).min() >= -1e-15
    wide = activation(np.linspace(-30, 30, 60_001))
    assert activation.rises == (np.diff(wide).min() >= -1e-15)
    assert activation.at_zero == activation(np.zeros(1))[0]
    assert np.isnan(activation([np.nan])[0])


@pytest.mark.parametrize("activation", SMOOTH, ids=str)
def test_the_error_of_a_curve_is_what_is_said_and_falls_with_the_square_of_its_pieces(activation):
    z = np.linspace(-4, 5, 90_001)
    largest = {}
    for pieces in (8, 32):
        neuron = activation.neuron(Fit(pieces, -4.0, 5.0))
        off = neuron.curve(z) - activation(z)
        span = np.ptp(activation(z))
        assert neuron.curve.pieces == pieces
        assert np.abs(off).max() / span == pytest.approx(neuron.error.largest, rel=0.01)
        assert np.sqrt(np.mean(off**2)) / span == pytest.approx(neuron.error.rms, rel=0.05)
        assert neuron.error.rms < neuron.error.largest
        largest[pieces] = neuron.error.largest
        built = activation.built(Fit(pieces, -4.0, 5.0))
        assert np.array_equal(built(z), neuron.curve(z))
        assert built.range(-1, 2) == pytest.approx(
            (built(z[30_000:60_001]).min(), built(z[30_000:60_001]).max()), abs=1e-4
        )
    assert largest[8] < 0.03
    assert largest[32] < largest[8] / 10
    assert activation.neuron(Fit(16, -4.0, 5.0)).error.largest < 0.01


@pytest.mark.parametrize("pieces", [2, 5, 20])
def test_a_parabola_is_off_by_the_closed_form(pieces):
    """Least squares of a parabola by n equal pieces of h: f'' h²/12 at the corners, f'' h²/(12 √5) rms."""
    curve, error = fit_curve(lambda z: 0.5 * z**2, -1.0, 3.0, pieces)
    h, span = 4 / pieces, 4.5
    assert error.largest == pytest.approx(h**2 / 12 / span, rel=2e-3)
    assert error.rms == pytest.approx(h**2 / (12 * math.sqrt(5)) / span, rel=2e-3)
    assert np.diff(curve.corners) == pytest.approx(h, rel=2e-3)


def test_corners_of_the_function_are_corners_of_the_curve():
    curve, error = fit_curve(lambda z: np.abs(z) + 0.5 * np.abs(z - 1), -2.0, 2.0, 3, (0.0, 1.0))
    assert curve.corners == pytest.approx([0, 1])
    assert error.largest < 1e-12
    with pytest.raises(InputError, match="2 pieces for a function with 2 corners; possible: 3"):
        fit_curve(np.abs, -2.0, 2.0, 2, (0.0, 1.0))


@pytest.mark.parametrize("activation", [a for a in EXACT if a.neuron().curve], ids=str)
def test_curves_of_straight_pieces_are_exact(activation):
    z = np.linspace(-6, 6, 1001)
    assert activation.neuron().curve(z) == pytest.approx(activation(z), abs=1e-12)
    assert activation.exact


def test_a_smooth_activation_has_no_hardware_without_a_range():
    with pytest.raises(InputError, match="activation tanh: no range of sums"):
        Tanh().neuron()


POOL = helper.make_node("MaxPool", ["p"], ["m"], kernel_shape=[2, 2], strides=[1, 1], pads=[1, 1, 0, 0])


@pytest.mark.parametrize(
    "activation", [Sigmoid(), Clip(-0.5, 1), Silu(), Gelu(), HardSwish(), LeakyRelu((-0.5,))], ids=str
)
@pytest.mark.parametrize("order", ["before", "after"])
def test_a_maximum_is_taken_where_it_stands(tmp_path, activation, order):
    write = {"before": [*activation.write("c", "p"), POOL], "after": [helper.make_node("Identity", ["c"], ["p"]), POOL]}
    nodes = [*write[order], *([] if order == "before" else activation.write("m", "r"))]
    nodes += [helper.make_node("Identity", ["m"], ["r"])] if order == "before" else []
    cnn = agrees(save(tmp_path / "m.onnx", nodes, opset=20))
    kinds = [getattr(layer, "kind", "pool" if isinstance(layer, MaxPool) else "wires") for layer in cnn.layers]
    pooled = ["conv", "pool", "wires", "dense"] if activation.rises else ["conv", "scale", "pool", "wires", "dense"]
    falls_after = ["conv", "pool", "scale", "wires", "dense"]
    assert [k for k in kinds if k != "wires"] == [
        k for k in (pooled if activation.rises or order == "before" else falls_after) if k != "wires"
    ]


def test_zeros_put_in_before_a_sigmoid_are_a_half_behind_it(tmp_path):
    nodes = [helper.make_node("Pad", ["c", "pads"], ["d"]), helper.make_node("Sigmoid", ["d"], ["r"])]
    path = save(tmp_path / "m.onnx", nodes, {"w2": RNG(3).normal(size=(3, 4 * 8 * 8))})
    model = onnx.load(path)
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([0, 0, 1, 1, 0, 0, 1, 1]), "pads"))
    path.write_bytes(model.SerializeToString())
    assert [str(layer.activation) for layer in agrees(path).synapses] == ["linear", "sigmoid", "linear"]


SLOPES = RNG(8).uniform(-0.3, 0.9, (4, 1, 1))
EACH = RNG(9).uniform(0, 1, (4, 6, 6))


@pytest.mark.parametrize("order", ["channel", "value", "flat channel", "flat value", "padded", "two relus", "pooled"])
def test_slopes_of_a_prelu_find_their_neurons(tmp_path, order):
    flat, prelu = helper.make_node("Flatten", ["c"], ["g"]), helper.make_node("PRelu", ["g", "s"], ["r"])
    pool = helper.make_node("MaxPool", ["c"], ["g"], kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    relus = chain("Relu c -> p", "Neg c -> n", "Relu n -> q", "Mul q s -> m", "Add p m -> r")
    nodes, slopes, layers = {
        "channel": ([helper.make_node("PRelu", ["c", "s"], ["r"])], SLOPES, 2),
        "value": ([helper.make_node("PRelu", ["c", "s"], ["r"])], EACH, 3),
        "flat channel": ([flat, prelu], np.broadcast_to(SLOPES, EACH.shape).reshape(1, -1), 2),
        "flat value": ([flat, prelu], EACH.reshape(1, -1), 3),
        "padded": ([helper.make_node("PRelu", ["c", "s"], ["r"])], np.array([[[0.25]]]), 2),
        "two relus": (relus, -SLOPES, 2),
        "pooled": ([pool, prelu], abs(SLOPES), 3),
    }[order]
    cnn = agrees(save(tmp_path / "m.onnx", nodes, {"s": slopes}))
    assert len(cnn.synapses) == layers
    law = next(layer.activation for layer in cnn.synapses if isinstance(layer.activation, LeakyRelu))
    assert law.size in (1, 4, 144)
    assert str(law).startswith("leaky_relu (slope 0.25)" if order == "padded" else "prelu (")


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        (chain("Clip c six zero -> r"), ["Clip 'r'", "clamp within 6 ... 0"]),
        (chain("Max c limits -> r"), ["Max 'r'", "4 values of its limit; possible: one number"]),
        (
            chain("Sigmoid c -> s", "Tanh s -> t", "Mul c t -> r"),
            ["Sigmoid 's'", "function of Sigmoid, Tanh, Mul", "Silu"],
        ),
        (chain("Exp c -> r"), ["Exp 'r'", "is not supported: alone it is the function of no neuron", "possible: Relu"]),
        (chain("Mul c c -> r"), ["Mul 'r'"]),
        ([helper.make_node("Elu", ["c"], ["r"], alpha=math.inf)], ["Elu 'r'", "alpha is inf"]),
        ([helper.make_node("Selu", ["c"], ["r"], gamma=-1.0)], ["Selu 'r'", "gamma -1; possible: above 0"]),
        ([helper.make_node("HardSigmoid", ["c"], ["r"], alpha=0.0)], ["HardSigmoid 'r'", "alpha 0; possible: above 0"]),
        ([helper.make_node("Gelu", ["c"], ["r"], approximate="a\n")], ["Gelu 'r'", r"'a\n'; possible: none, tanh"]),
        ([helper.make_node("PRelu", ["c", "limits"], ["r"])], ["PRelu 'r'", "slopes [4] for [4, 6, 6]"]),
        ([helper.make_node("LeakyRelu", ["c"], ["r"], alpha=math.nan)], ["LeakyRelu 'r'", "alpha is nan"]),
    ],
)
def test_what_is_no_activation_of_ours_is_named(tmp_path, nodes, words):
    path = save(tmp_path / "m.onnx", nodes, {"limits": np.arange(4.0)}, opset=20)
    with pytest.raises(InputError) as caught:
        read_cnn(path)
    assert "\n" not in str(caught.value)
    assert "damaged" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_bounds_hold_what_images_give_where_the_activation_falls(tmp_path):
    path = save(tmp_path / "m.onnx", Silu().write("c", "r"))
    cnn, images = read_cnn(path), RNG(7).uniform(0, 1, (30, 1, 8, 8))
    bound, seen = bounded_ranges(cnn), calibrated_ranges(cnn, images)
    low, high = bound.sums["conv1"]
    assert low <= seen.sums["conv1"][0] < -1.3 < 1 < seen.sums["conv1"][1] <= high
    least = Silu().built(Fit(16, *seen.sums["conv1"])).range(*seen.sums["conv1"])[0]
    assert -0.29 < least < -0.27  # its minimum, not an end
    assert seen.scales["dense1"].offset == pytest.approx(-least, abs=2e-3)
    least, most = Silu().built(Fit(16, low, high)).range(low, high)
    assert (bound.scales["dense1"].offset, bound.scales["dense1"].full_scale) == pytest.approx((-least, most - least))


def test_a_design_says_how_its_neurons_are_fitted(tmp_path):
    path = save(tmp_path / "m.onnx", Tanh().write("c", "r"))
    images = RNG(7).uniform(0, 1, (30, 1, 8, 8))
    parameters = read_parameters(None, ["neuron.pieces=9"])
    design = compile_cnn(path, parameters, ImageSet(path, images, np.zeros(0)))
    write_design(design, path, tmp_path / "d")
    again, text = load_design(tmp_path / "d"), (tmp_path / "d" / "design.toml").read_text()
    neuron = again.neuron("conv1")
    assert neuron.curve.pieces == 9
    assert 'activation = "tanh"' in text
    assert f"neuron_pieces = 9\nneuron_error_max = {neuron.error.largest!r}\n" in text
    assert again.sums == design.sums == {"conv1": calibrated_ranges(design.cnn, images).sums["conv1"]}
    assert np.array_equal(propagate(again.built, images), propagate(design.built, images))
    exact, fitted = propagate(design.cnn, images), propagate(design.built, images)
    worst = 2 * neuron.error.largest * np.abs(design.cnn.synapses[1].weight).sum((1, 2, 3)).max()
    assert 0 < np.abs(fitted - exact).max() < worst
    broken = text.replace("sums_low", "sums_lo")
    (tmp_path / "d" / "design.toml").write_text(broken)
    with pytest.raises(InputError, match=r"layers\.conv1: sums missing or impossible; possible: compile again"):
        load_design(tmp_path / "d")
