"""LeNet-5 for MNIST as an ONNX file: 61,706 weights and biases, 28 x 28 pixels.

Kernels are random; the last layer is fitted to labelled images by least squares with a penalty, so that classes mean
something. Good for time and memory, and for what fabrication costs; no record of accuracy.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from resonet.core.types import Array, Ints
from resonet.netlist.network.cnn import Synapses
from resonet.netlist.network.forward import propagate
from resonet.netlist.network.onnx.read import read_cnn

__all__ = ["write_lenet"]

SHAPES = {"w1": (6, 1, 5, 5), "w2": (16, 6, 5, 5), "w3": (120, 400), "w4": (84, 120), "w5": (10, 84)}
PENALTY = 1e-2  # of the mean square of the last hidden layer


def _nodes() -> list[onnx.NodeProto]:
    rows = [
        ("Conv", "x w1 b1", "c1", {"pads": [2, 2, 2, 2]}),
        ("Relu", "c1", "r1", {}),
        ("MaxPool", "r1", "p1", {"kernel_shape": [2, 2], "strides": [2, 2]}),
        ("Conv", "p1 w2 b2", "c2", {}),
        ("Relu", "c2", "r2", {}),
        ("MaxPool", "r2", "p2", {"kernel_shape": [2, 2], "strides": [2, 2]}),
        ("Flatten", "p2", "f", {}),
        ("Gemm", "f w3 b3", "g3", {"transB": 1}),
        ("Relu", "g3", "r3", {}),
        ("Gemm", "r3 w4 b4", "g4", {"transB": 1}),
        ("Relu", "g4", "r4", {}),
        ("Gemm", "r4 w5 b5", "y", {"transB": 1}),
    ]
    return [helper.make_node(op, inputs.split(), [out], **more) for op, inputs, out, more in rows]


def _write(path: Path, weights: dict[str, Array]) -> None:
    graph = helper.make_graph(
        _nodes(),
        "lenet5",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1, 28, 28])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 10])],
        [numpy_helper.from_array(values.astype(np.float32), name) for name, values in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def write_lenet(path: Path, images: Array, labels: Ints) -> Path:
    """Write the network, its last layer fitted to images [n, 1, 28, 28] of 0 ... 1 and labels [n]."""
    rng, weights = np.random.default_rng(5), dict[str, Array]()
    for name, shape in SHAPES.items():
        weights[name] = rng.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape)
        weights[f"b{name[1:]}"] = np.zeros(shape[0])
    _write(path, weights)
    cnn = read_cnn(path)
    last = cnn.layers[-1]
    assert isinstance(last, Synapses)
    hidden = propagate(replace(cnn, layers=cnn.layers[:-1]), images)
    rows = np.concatenate([hidden, np.ones((len(hidden), 1))], axis=1)
    wanted = np.eye(10)[labels] - 0.1
    penalty = PENALTY * len(rows) * float(np.mean(hidden**2)) * np.eye(rows.shape[1])
    fitted = np.linalg.solve(rows.T @ rows + penalty, rows.T @ wanted)
    _write(path, weights | {"w5": fitted[:-1].T, "b5": fitted[-1]})
    return path
