"""Functions in several operators whose kinks lie far outside or close to zero: read as what they are, or refused."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from resonet.core.errors import InputError
from resonet.netlist.network.forward import propagate
from resonet.netlist.network.onnx.read import read_cnn

X = np.linspace(-3, 3, 61)


def clipped(limit):
    """Relu(a) - Relu(a - limit)."""
    nodes = [("Relu", "a", "p"), ("Sub", "a k", "s"), ("Relu", "s", "q"), ("Sub", "p q", "r")]
    return nodes, lambda a: np.clip(a, 0, limit)


def leaky(limit):
    """A leaky ReLU that saturates."""
    nodes = [("Min", "a k", "p"), ("Mul", "a tenth", "q"), ("Max", "p q", "r")]
    return nodes, lambda a: np.maximum(0.1 * a, np.minimum(a, limit))


@pytest.mark.parametrize("kind", [clipped, leaky])
@pytest.mark.parametrize("limit", [1e-7, 1e-5, 1e-3, 20.0, 30.0, 45.0, 255.0, 2000.0])
@pytest.mark.parametrize("width", [1, 24_000])
def test_no_limit_is_lost(tmp_path, kind, limit, width):
    nodes, function = kind(limit)
    gain = limit * np.ones((1, width))
    constants = {"w": gain, "k": np.array(limit), "tenth": np.array(0.1)}
    made = [helper.make_node("MatMul", ["x", "w"], ["a"])]
    made += [helper.make_node(op, inputs.split(), [out]) for op, inputs, out in nodes]
    graph = helper.make_graph(
        made,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1])],
        [helper.make_tensor_value_info("r", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in constants.items()],
    )
    path = tmp_path / "m.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    refusal, found = "", None
    try:
        found = propagate(read_cnn(path), X[:, None])
    except InputError as error:
        refusal = str(error)
    wanted = function(X[:, None] * gain)
    if found is None:
        assert "Min '" in refusal or "Max '" in refusal or "Sub '" in refusal or "Relu '" in refusal, refusal
        return
    assert np.abs(found - wanted).max() <= 1e-6 * np.abs(wanted).max()
