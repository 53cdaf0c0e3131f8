"""Functions of several operators that are a neuron's but for a place narrower than any grid: never taken for it."""

import numpy as np
import pytest
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from test_read_cnn import save_graph, weights

from resonet.core.errors import InputError
from resonet.netlist.network.forward import propagate
from resonet.netlist.network.onnx.read import read_cnn

SHAPE = (2, 3, 3)


def written(path, rows, numbers):
    """A 1x1 convolution by the identity, then nodes "Op inputs -> output" which end in y."""
    nodes = [helper.make_node("Conv", ["image", "one by one"], ["x"])]
    for row in rows.split("; "):
        (op, *inputs), output = (side.split() for side in row.split(" -> "))
        nodes.append(helper.make_node(op, inputs, output))
    held = {"one by one": np.eye(2)[:, :, None, None], **numbers}
    arrays = [numpy_helper.from_array(np.asarray(array, np.float32), name) for name, array in held.items()]
    return save_graph(path, SHAPE, nodes, arrays, ["y"], opset=19)


def activations(path):
    return [str(layer.activation) for layer in read_cnn(path).synapses]


# The gate of a hard swish, x clip(x + 3, 0, 6) / 6, with something added to it.
GATED = "Add x three -> a; Clip a zero six -> b; Add b r -> g; Mul x g -> h; Div h six -> y"
BUMPS = {
    "triangle": "Sub x at -> d; Abs d -> e; Mul e k -> f; Sub one f -> p; Relu p -> r",
    "clamps": "Sub x at -> d; Mul d k -> f; Add f one -> p; Clip p zero one -> u; Clip f zero one -> v; Sub u v -> r",
    "parabola": "Sub x at -> d; Mul d k -> e; Mul e e -> f; Sub one f -> p; Relu p -> r",
    "sigmoids": "Sub x at -> d; Mul d k -> f; Sigmoid f -> p; Sub one p -> q; Mul p q -> r",
    "comparison": "Sub x at -> d; Abs d -> e; Mul e k -> f; Less f one -> p; Where p one zero -> r",
    "pole": "Sub x at -> d; Mul d k -> e; Mul e e -> f; Add f one -> p; Div one p -> r",
    "largest": "Sub at x -> d; Mul d k -> e; Neg e -> f; Max e f -> p; Sub one p -> q; Max q zero -> r",
}
NUMBERS = {"zero": 0, "one": 1, "three": 3, "six": 6}


@pytest.mark.parametrize("bump", BUMPS)
@pytest.mark.parametrize("at", [0.55, -1.234567, 3e-5, 123.4])
@pytest.mark.parametrize("k", [1e2, 1e4])
def test_a_bump_of_any_width_is_no_hard_swish(tmp_path, bump, at, k):
    path = written(tmp_path / "m.onnx", f"{BUMPS[bump]}; {GATED}", NUMBERS | {"at": at, "k": k})
    try:
        cnn = read_cnn(path)
    except InputError:
        return
    images = np.float32(at + np.linspace(-2, 2, 90).reshape(5, *SHAPE) / k)
    [wanted] = ReferenceEvaluator(str(path)).run(None, {"image": images})
    np.testing.assert_allclose(propagate(cnn, images), wanted.reshape(5, -1), rtol=1e-4, atol=1e-6)


def test_without_the_bump_it_is_one(tmp_path):
    rows = GATED.replace("Add b r -> g; Mul x g", "Mul x b")
    assert activations(written(tmp_path / "m.onnx", rows, NUMBERS)) == ["hard_swish"]


@pytest.mark.parametrize(
    ("rows", "numbers", "name"),
    [
        ("Mul x s -> a; Max a x -> y", {"s": [[[0.1]], [[0.3]]]}, "prelu (2 slopes, 0.1 ... 0.3)"),
        ("Div x q -> a; Erf a -> b; Add b one -> c; Mul x c -> d; Mul d h -> y", {"q": 2**0.5, "h": 0.5}, "gelu"),
        ("Exp x -> a; Add a one -> b; Log b -> c; Tanh c -> d; Mul x d -> y", {}, "mish"),
        ("Mul x k -> a; Sigmoid a -> b; Mul x b -> y", {"k": 1.702}, "silu (alpha 1.702)"),
        ("Greater x zero -> p; Mul x k -> n; Where p x n -> y", {"k": 0.2}, "leaky_relu (slope 0.2)"),
    ],
)
def test_what_is_a_neuron_stays_one(tmp_path, rows, numbers, name):
    assert activations(written(tmp_path / "m.onnx", rows, {"zero": 0, "one": 1} | numbers)) == [name]


def test_every_value_may_bend_at_a_place_of_its_own(tmp_path):
    """Slopes of each value, of which one has a bump."""
    slopes = np.abs(weights(*SHAPE)) % 0.5
    rows = (
        "Mul x s -> a; Max a x -> m; Sub x at -> d; Abs d -> e; Mul e k -> f; Sub one f -> p; Relu p -> r; Add m r -> y"
    )
    numbers = {"s": slopes, "at": weights(*SHAPE), "k": np.full(SHAPE, 1e5), "one": 0}
    plain = read_cnn(written(tmp_path / "m.onnx", "Mul x s -> a; Max a x -> y", {"s": slopes}))
    assert "prelu (18 slopes" in str(plain.synapses[-1].activation)
    one = np.zeros(SHAPE)
    one[1, 2, 0] = 1
    path = written(tmp_path / "n.onnx", rows, numbers | {"one": one})
    images = np.float32(np.repeat(numbers["at"][None], 5, axis=0) + np.linspace(-1, 1, 5)[:, None, None, None] * 1e-5)
    try:
        found = propagate(read_cnn(path), images)
    except InputError:
        return
    [wanted] = ReferenceEvaluator(str(path)).run(None, {"image": images})
    np.testing.assert_allclose(found, wanted.reshape(5, -1), rtol=1e-3, atol=1e-6)
