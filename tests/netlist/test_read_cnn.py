"""read_cnn against onnxruntime, operator by operator; and files that are broken, hostile or not possible."""

import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from resonet.core.errors import InputError
from resonet.netlist.network.cnn import Cnn, MaxPool, Synapses, Wiring, apply_wiring, max_pool, patches
from resonet.netlist.network.onnx.read import read_cnn

MNIST = Path(__file__).parents[2] / "examples" / "mnist" / "mnist.onnx"
X = "running tensor"  # where it stands among the inputs of an operator, if not first
rng = np.random.default_rng(7)


def weights(*shape):
    return rng.normal(size=shape).astype(np.float32)


def ints(*values):
    return np.array(values, dtype=np.int64)


def save(path, shape, ops, *, opset=17, dtype=TensorProto.FLOAT, old=False, batch="n", edit=None):
    """Write a chain of operators (type, constants, attributes) on an input [batch, *shape]."""
    nodes, initializers, running = [], [], "image"
    for i, (op, constants, attributes) in enumerate(ops):
        names = [f"w{i}_{j}" for j in range(len(constants))]
        inputs = [running if c is X else "" if c is None else n for c, n in zip(constants, names, strict=True)]
        initializers += [
            numpy_helper.from_array(c, n) for c, n in zip(constants, names, strict=True) if c is not X and c is not None
        ]
        inputs = inputs if X in [c for c in constants if isinstance(c, str)] else [running, *inputs]
        running = f"t{i}"
        nodes.append(helper.make_node(op, inputs, [running], name=f"/{op.lower()}/{i}", **attributes))
    return save_graph(
        path, shape, nodes, initializers, [running], opset=opset, dtype=dtype, old=old, batch=batch, edit=edit
    )


def save_graph(
    path, shape, nodes, initializers, outputs, *, opset=17, dtype=TensorProto.FLOAT, old=False, batch="n", edit=None
):
    inputs = [helper.make_tensor_value_info("image", dtype, None if shape is None else [batch, *shape])]
    if old:
        inputs += [helper.make_tensor_value_info(w.name, w.data_type, list(w.dims)) for w in initializers]
    results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    graph = helper.make_graph(nodes, "g", inputs, results, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=3 if old else 8)
    if edit is not None:
        edit(model)
    path.write_bytes(model.SerializeToString())
    return path


def forward(cnn: Cnn, x):
    """Batch [n, *input_shape] through the layers."""
    x = cnn.sent(x)
    for layer in cnn.layers:
        if isinstance(layer, Wiring):
            x = apply_wiring(x, layer)
        elif isinstance(layer, MaxPool):
            x = max_pool(x, layer)
        else:
            seen = patches(x, layer)  # [groups, n, positions, taps]
            y = np.einsum("gnpt,got->ngop", seen, layer.matrix).reshape(len(x), *layer.out_shape)
            y = y + layer.bias[:, None, None]
            x = np.moveaxis(layer.activation(np.moveaxis(y, 1, -1)), -1, 1)
    return x.reshape(len(x), -1)


def check(path, input_shape=None, images=2, dtype=np.float32, positive=False):
    """Read a model and compare it with onnxruntime on random images."""
    cnn = read_cnn(path, input_shape)
    x = rng.normal(size=(images, *cnn.input_shape))
    x = np.round(40 * np.abs(x)) if positive else x
    x = x.astype(dtype)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    expected = session.run(None, {session.get_inputs()[0].name: x})[0].reshape(images, -1).astype(float)
    result = forward(cnn, x.astype(float))
    assert result.shape == expected.shape
    scale = np.abs(expected).max()
    assert scale > 0
    assert np.abs(result - expected).max() < 1e-5 * scale
    for layer in cnn.layers:
        assert layer.name.isalnum()
    return cnn


def kinds(cnn):
    return [layer.name for layer in cnn.layers]


CONV = ("Conv", [weights(4, 3, 3, 3), weights(4)], {"strides": [2, 1], "pads": [1, 0, 2, 1]})
RELU = ("Relu", [], {})
FLATTEN = ("Flatten", [], {})
IMAGE = (3, 9, 8)

# name: (input shape, opset, operators, names of our layers)
CASES = {
    "conv asymmetric": (IMAGE, 17, [CONV], ["conv1"]),
    "conv auto_pad upper": (
        IMAGE,
        17,
        [("Conv", [weights(4, 3, 4, 3)], {"strides": [2, 3], "auto_pad": "SAME_UPPER"})],
        ["conv1"],
    ),
    "conv auto_pad lower": (
        IMAGE,
        17,
        [("Conv", [weights(4, 3, 4, 2)], {"strides": [2, 1], "auto_pad": "SAME_LOWER"})],
        ["conv1"],
    ),
    "conv valid": (IMAGE, 17, [("Conv", [weights(4, 3, 3, 3)], {"auto_pad": "VALID"})], ["conv1"]),
    "conv groups dilation pads": (
        (4, 11, 12),
        17,
        [
            (
                "Conv",
                [weights(6, 2, 3, 2), weights(6)],
                {"group": 2, "dilations": [2, 3], "strides": [1, 2], "pads": [2, 0, 1, 3]},
            ),
            RELU,
        ],
        ["conv1"],
    ),
    "depthwise": (IMAGE, 17, [("Conv", [weights(6, 1, 3, 3)], {"group": 3}), RELU], ["conv1"]),
    "gemm": ((20,), 17, [("Gemm", [weights(20, 5), weights(5)], {})], ["dense1"]),
    "gemm alpha beta transB": (
        IMAGE,
        17,
        [
            FLATTEN,
            ("Gemm", [weights(7, 216), weights(1, 7)], {"alpha": 0.5, "beta": -2.0, "transB": 1}),
            RELU,
            ("Gemm", [weights(7, 3), weights(1)], {}),
        ],
        ["dense1", "dense2"],
    ),
    "gemm no bias": ((20,), 13, [("Gemm", [weights(20, 5)], {})], ["dense1"]),
    "matmul add": (
        (20,),
        17,
        [
            ("MatMul", [weights(20, 6)], {}),
            ("Add", [weights(6), X], {}),
            RELU,
            ("MatMul", [weights(6, 4)], {}),
            ("Add", [weights(1, 4)], {}),
        ],
        ["dense1", "dense2"],
    ),
    "matmul on [n, 1, features]": ((1, 20), 17, [("MatMul", [weights(20, 6)], {}), RELU], ["dense1"]),
    "batch normalization": (
        IMAGE,
        17,
        [CONV, ("BatchNormalization", [weights(4), weights(4), weights(4), weights(4) ** 2], {"epsilon": 1e-3}), RELU],
        ["conv1"],
    ),
    "batch normalization first": (
        IMAGE,
        15,
        [("BatchNormalization", [weights(3), weights(3), weights(3), weights(3) ** 2], {}), CONV],
        ["conv1"],
    ),
    "batch normalization after relu": (
        IMAGE,
        9,
        [CONV, RELU, ("BatchNormalization", [weights(4), weights(4), weights(4), weights(4) ** 2], {})],
        ["conv1", "scale1"],
    ),
    "batch normalization after pool": (
        IMAGE,
        17,
        [
            CONV,
            ("MaxPool", [], {"kernel_shape": [2, 2]}),
            ("BatchNormalization", [weights(4), weights(4), weights(4), weights(4) ** 2], {}),
            RELU,
        ],
        ["conv1", "maxpool1", "scale1"],
    ),
    "blocks after flatten": (
        IMAGE,
        17,
        [CONV, FLATTEN, ("Mul", [np.repeat(weights(4), 35)], {}), ("Add", [np.repeat(weights(4), 35)[None]], {})],
        ["conv1"],
    ),
    "pixels after flatten": (IMAGE, 17, [CONV, FLATTEN, ("Add", [weights(140)], {})], ["conv1", "scale1"]),
    "blocks after transpose": (
        IMAGE,
        17,
        [CONV, ("Transpose", [], {"perm": [0, 2, 3, 1]}), ("Add", [weights(4)], {}), RELU],
        ["conv1", "wiring1"],
    ),
    "offset after zero padding": (
        IMAGE,
        17,
        [
            CONV,
            ("Pad", [ints(0, 0, 1, 1, 0, 0, 1, 1)], {}),
            ("Mul", [np.float32(3)], {}),
            ("Add", [weights(4, 1, 1)], {}),
        ],
        ["conv1", "wiring1", "scale1"],
    ),
    "matmul batch normalization": (
        (20,),
        17,
        [
            ("MatMul", [weights(20, 6)], {}),
            ("BatchNormalization", [weights(6), weights(6), weights(6), weights(6) ** 2], {}),
        ],
        ["dense1"],
    ),
    "input normalisation": (
        IMAGE,
        17,
        [("Sub", [weights(3, 1, 1)], {}), ("Div", [np.abs(weights(1, 3, 1, 1)) + 1], {}), CONV],
        ["conv1"],
    ),
    "constant minus image": (IMAGE, 17, [("Sub", [np.float32(1), X], {}), CONV], ["conv1"]),
    "normalisation per pixel": (IMAGE, 17, [("Sub", [weights(*IMAGE)], {}), CONV], ["conv1"]),
    "normalisation of a plane": (
        (6, 7),
        17,
        [("Div", [np.float32(2)], {}), ("Unsqueeze", [ints(1)], {}), ("Conv", [weights(2, 1, 3, 3)], {})],
        ["conv1"],
    ),
    "normalisation before an unpadded grouped convolution": (
        (4, 6, 5),
        17,
        [
            ("Sub", [weights(4, 1, 1)], {}),
            ("Div", [np.abs(weights(4, 1, 1)) + 1], {}),
            ("Conv", [weights(6, 2, 3, 2), weights(6)], {"group": 2}),
        ],
        ["conv1"],
    ),
    "scaling before a padded convolution": (IMAGE, 17, [("Div", [np.float32(255)], {}), CONV], ["conv1"]),
    "normalisation before a dense layer": (
        (20,),
        17,
        [("Sub", [weights(20)], {}), ("MatMul", [weights(20, 6)], {})],
        ["dense1"],
    ),
    "relu first": (IMAGE, 17, [RELU, CONV], ["scale1", "conv1"]),
    "relu twice": (IMAGE, 17, [CONV, RELU, RELU], ["conv1"]),
    "relu after pool and wiring": (
        IMAGE,
        17,
        [CONV, ("MaxPool", [], {"kernel_shape": [2, 2]}), FLATTEN, RELU, ("Gemm", [weights(96, 5)], {})],
        ["conv1", "maxpool1", "dense1"],
    ),
    "average pool": (
        IMAGE,
        17,
        [("AveragePool", [], {"kernel_shape": [3, 2], "strides": [2, 2]})],
        ["pool1"],
    ),
    "average pool padded": (
        IMAGE,
        17,
        [
            (
                "AveragePool",
                [],
                {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 0, 1], "count_include_pad": 1},
            ),
            RELU,
        ],
        ["pool1"],
    ),
    "average pool auto_pad, no need": (
        (3, 8, 8),
        17,
        [("AveragePool", [], {"kernel_shape": [2, 2], "strides": [2, 2], "auto_pad": "SAME_UPPER"})],
        ["pool1"],
    ),
    "average pool ceil, no need": (
        (3, 8, 8),
        17,
        [("AveragePool", [], {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1})],
        ["pool1"],
    ),
    "average pool dilated": (
        IMAGE,
        19,
        [("AveragePool", [], {"kernel_shape": [2, 3], "dilations": [3, 2]})],
        ["pool1"],
    ),
    "global average pool": (IMAGE, 17, [CONV, RELU, ("GlobalAveragePool", [], {}), FLATTEN], ["conv1", "pool1"]),
    "reduce mean": (IMAGE, 13, [CONV, ("ReduceMean", [], {"axes": [2, 3], "keepdims": 0})], ["conv1", "pool1"]),
    "reduce mean keepdims": (IMAGE, 18, [CONV, ("ReduceMean", [ints(-1, -2)], {})], ["conv1", "pool1"]),
    "reduce mean nhwc": (
        (5, 6, 3),
        18,
        [("ReduceMean", [ints(1, 2)], {"keepdims": 0}), ("MatMul", [weights(3, 2)], {})],
        ["wiring1", "pool1", "dense1"],
    ),
    "reduce mean one axis": (IMAGE, 18, [("ReduceMean", [ints(2)], {"keepdims": 0})], ["wiring1", "pool1"]),
    "reduce mean twice": (
        IMAGE,
        13,
        [("ReduceMean", [], {"axes": [3], "keepdims": 0}), ("ReduceMean", [], {"axes": [2], "keepdims": 0})],
        ["pool1", "pool2"],
    ),
    "max pool": (
        IMAGE,
        17,
        [("MaxPool", [], {"kernel_shape": [3, 2], "strides": [2, 2], "pads": [1, 0, 1, 1]}), CONV],
        ["scale1", "maxpool1", "conv1"],
    ),
    "max pool ceil": (
        IMAGE,
        17,
        [("MaxPool", [], {"kernel_shape": [2, 3], "strides": [2, 2], "ceil_mode": 1}), CONV],
        ["scale1", "maxpool1", "conv1"],
    ),
    "max pool ceil padded": (
        (2, 5, 5),
        17,
        [
            ("MaxPool", [], {"kernel_shape": [3, 2], "strides": [3, 2], "pads": [1, 1, 1, 1], "ceil_mode": 1}),
            ("Conv", [weights(1, 2, 1, 1)], {}),
        ],
        ["scale1", "maxpool1", "conv1"],
    ),
    "max pool dilated": (
        IMAGE,
        17,
        [("MaxPool", [], {"kernel_shape": [2, 3], "dilations": [3, 2], "ceil_mode": 1, "strides": [2, 3]}), CONV],
        ["scale1", "maxpool1", "conv1"],
    ),
    "max pool auto_pad": (
        IMAGE,
        17,
        [("MaxPool", [], {"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "SAME_LOWER"}), CONV],
        ["scale1", "maxpool1", "conv1"],
    ),
    "reshape transpose": (
        (60,),
        17,
        [
            ("Reshape", [ints(-1, 4, 5, 3)], {}),
            ("Transpose", [], {"perm": [0, 3, 1, 2]}),
            ("Conv", [weights(2, 3, 2, 2)], {}),
        ],
        ["wiring1", "conv1"],
    ),
    "squeeze unsqueeze": (
        (12,),
        17,
        [
            ("Unsqueeze", [ints(2, 3)], {}),
            ("Conv", [weights(4, 12, 1, 1)], {}),
            ("Squeeze", [ints(2, 3)], {}),
            ("Gemm", [weights(4, 3)], {}),
        ],
        ["conv1", "dense1"],
    ),
    "squeeze of all": (IMAGE, 17, [CONV, ("GlobalAveragePool", [], {}), ("Squeeze", [], {})], ["conv1", "pool1"]),
    "slice and gather": (
        IMAGE,
        17,
        [
            ("Slice", [ints(1, 7), ints(9, -9), ints(2, 3), ints(2, -1)], {}),
            ("Gather", [ints(2, 0)], {"axis": 1}),
            ("Conv", [weights(2, 2, 2, 2)], {}),
        ],
        ["wiring1", "conv1"],
    ),
    "pad reflect": (
        IMAGE,
        17,
        [("Pad", [ints(0, 0, 1, 2, 0, 0, 1, 0)], {"mode": "reflect"}), CONV],
        ["wiring1", "conv1"],
    ),
    "depth to space": (
        (8, 3, 3),
        17,
        [("DepthToSpace", [], {"blocksize": 2}), ("Conv", [weights(2, 2, 3, 3)], {})],
        ["wiring1", "conv1"],
    ),
    "expand": (
        (1, 5, 5),
        17,
        [("Expand", [ints(1, 3, 1, 1)], {}), ("Conv", [weights(2, 3, 3, 3)], {})],
        ["wiring1", "conv1"],
    ),
    "identity dropout": (IMAGE, 17, [CONV, ("Identity", [], {}), ("Dropout", [], {}), RELU], ["conv1"]),
    "merged to nothing": (
        IMAGE,
        17,
        [("Transpose", [], {"perm": [0, 2, 3, 1]}), ("Transpose", [], {"perm": [0, 3, 1, 2]}), CONV],
        ["conv1"],
    ),
    "opset 7": (
        IMAGE,
        7,
        [
            ("Pad", [], {"pads": [0, 0, 1, 1, 0, 0, 0, 2], "value": 0.0}),
            CONV,
            ("BatchNormalization", [weights(4), weights(4), weights(4), weights(4) ** 2], {}),
            RELU,
            ("Slice", [], {"axes": [2], "starts": [1], "ends": [-1]}),
            ("MaxPool", [], {"kernel_shape": [2, 2]}),
            ("Dropout", [], {"ratio": 0.3}),
            ("Unsqueeze", [], {"axes": [1]}),
            ("Squeeze", [], {"axes": [1]}),
            ("Reshape", [ints(0, -1)], {}),
            ("Gemm", [weights(108, 3), weights(3)], {}),
        ],
        ["wiring1", "conv1", "wiring2", "maxpool1", "dense1"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_operator(tmp_path, case):
    shape, opset, ops, names = CASES[case]
    cnn = check(save(tmp_path / "m.onnx", shape, ops, opset=opset))
    assert kinds(cnn) == names
    assert cnn.input_shape == shape


@pytest.mark.parametrize("mode", ["SAME_UPPER", "SAME_LOWER"])
def test_dilated_same_padding(tmp_path, mode):
    """onnxruntime does not have it; onnx's reference implementation does."""
    path = save(
        tmp_path / "m.onnx",
        IMAGE,
        [("Conv", [weights(4, 3, 2, 3)], {"dilations": [3, 2], "strides": [2, 1], "auto_pad": mode})],
    )
    x = weights(2, *IMAGE)
    [expected] = ReferenceEvaluator(onnx.load(path)).run(None, {"image": x})
    np.testing.assert_allclose(forward(read_cnn(path), x.astype(float)), expected.reshape(2, -1), atol=1e-5)


@pytest.mark.parametrize("opset", [7, 11, 13, 18, 21])
def test_opsets_and_initialisers_as_inputs(tmp_path, opset):
    ops = [CONV, RELU, ("MaxPool", [], {"kernel_shape": [2, 2]}), FLATTEN, ("Gemm", [weights(96, 5), weights(5)], {})]
    assert kinds(check(save(tmp_path / "m.onnx", IMAGE, ops, opset=opset, old=True))) == ["conv1", "maxpool1", "dense1"]


def test_shipped_network():
    cnn = check(MNIST)
    assert kinds(cnn) == ["conv1", "conv2", "dense1"]
    assert [str(layer.activation) for layer in cnn.synapses] == ["relu", "relu", "linear"]
    assert cnn.synapses[0].source == "/conv1/Conv"
    assert cnn.file == "mnist.onnx"
    assert len(cnn.sha256) == 64
    assert cnn.input_shape == (1, 28, 28)
    assert all(isinstance(layer, Synapses) and layer.weight.dtype == np.float64 for layer in cnn.layers)


def graph_nodes(*rows):
    """Nodes from rows `op inputs -> outputs`, with attributes."""
    return [helper.make_node(op, i.split(), o.split(), name=f"/{op}_{n}", **a) for n, (op, i, o, a) in enumerate(rows)]


def constants(**arrays):
    return [numpy_helper.from_array(array, name) for name, array in arrays.items()]


def test_torch_view(tmp_path):
    """x.view(x.size(0), -1) as torch exports it, with the shape of a tensor that other layers used already."""
    nodes = graph_nodes(
        ("Conv", "image w", "c", {}),
        ("Relu", "c", "r", {}),
        ("Shape", "c", "s", {}),
        ("Constant", "", "zero", {"value": numpy_helper.from_array(ints(0).reshape(()))}),
        ("Gather", "s zero", "n", {"axis": 0}),
        ("Unsqueeze", "n axis", "n1", {}),
        ("Constant", "", "rest", {"value_ints": [-1]}),
        ("Concat", "n1 rest", "shape", {"axis": 0}),
        ("Reshape", "r shape", "flat", {}),
        ("Gemm", "flat m", "y", {}),
    )
    path = save_graph(
        tmp_path / "m.onnx", (1, 5, 5), nodes, constants(w=weights(2, 1, 3, 3), m=weights(18, 4), axis=ints(0)), ["y"]
    )
    assert kinds(check(path)) == ["conv1", "dense1"]


def test_tf2onnx_layout(tmp_path):
    """Channels last: transposed to the convolution and back, padded in between, flattened at the end."""
    nodes = graph_nodes(
        ("Transpose", "image", "a", {"perm": [0, 3, 1, 2]}),
        ("Pad", "a pads", "b", {}),
        ("Conv", "b w", "c", {"strides": [2, 2]}),
        ("Transpose", "c", "d", {"perm": [0, 2, 3, 1]}),
        ("Add", "d bias", "e", {}),
        ("Relu", "e", "f", {}),
        ("Reshape", "f shape", "g", {}),
        ("MatMul", "g m", "h", {}),
        ("Add", "h bias2", "i", {}),
        ("Softmax", "i", "y", {}),
    )
    arrays = constants(
        pads=ints(0, 0, 0, 0, 0, 0, 1, 1),
        w=weights(4, 3, 3, 3),
        bias=weights(4),
        shape=ints(-1, 64),
        m=weights(64, 5),
        bias2=weights(5),
    )
    path = save_graph(tmp_path / "m.onnx", (8, 8, 3), nodes, arrays, ["y"])
    cnn = read_cnn(path)
    assert kinds(cnn) == ["wiring1", "conv1", "wiring2", "dense1"]
    assert cnn.notes == (
        "Add folded into conv1",
        "Add folded into dense1",
        "Softmax dropped: it does not change the ranking",
    )
    # onnxruntime on the same chain without the Softmax
    check(save_graph(tmp_path / "n.onnx", (8, 8, 3), nodes[:-1], arrays, ["i"]))


@pytest.mark.parametrize(("op", "opset"), [("Softmax", 11), ("Softmax", 13), ("LogSoftmax", 17)])
def test_softmax_dropped(tmp_path, op, opset):
    ops = [("Gemm", [weights(6, 3), weights(3)], {}), (op, [], {}), ("Identity", [], {})]
    cnn = read_cnn(save(tmp_path / "m.onnx", (6,), ops, opset=opset))
    assert kinds(cnn) == ["dense1"]
    assert cnn.notes == (f"{op} dropped: it does not change the ranking",)


def test_notes(tmp_path):
    norm = ("BatchNormalization", [weights(4), weights(4), weights(4), weights(4) ** 2], {})
    cnn = read_cnn(save(tmp_path / "m.onnx", IMAGE, [CONV, norm, RELU, RELU, ("Dropout", [], {})]))
    assert cnn.notes == (
        "BatchNormalization folded into conv1",
        "Relu dropped: conv1 already ends in one",
        "Dropout dropped: it does nothing in inference",
    )


@pytest.mark.parametrize("dtype", [TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE])
def test_weight_types(tmp_path, dtype):
    weight = helper.make_tensor("w", dtype, [2, 3], [0.5, -1, 2, 4, -0.25, 1])
    nodes = graph_nodes(("Gemm", "image w", "y", {"transB": 1}))
    [layer] = read_cnn(save_graph(tmp_path / "m.onnx", (3,), nodes, [weight], ["y"], dtype=dtype)).synapses
    assert layer.weight.dtype == np.float64
    np.testing.assert_array_equal(layer.weight[:, :, 0, 0], [[0.5, -1, 2], [4, -0.25, 1]])


def test_integer_image_is_cast(tmp_path):
    ops = [("Cast", [], {"to": TensorProto.FLOAT}), ("Div", [np.float32(255)], {}), CONV]
    check(save(tmp_path / "m.onnx", IMAGE, ops, dtype=TensorProto.UINT8), dtype=np.uint8, positive=True)


def test_folded_weight(tmp_path):
    """Weights that are computed in the file: transposed, converted, scaled."""
    nodes = graph_nodes(
        ("Transpose", "w", "a", {"perm": [1, 0]}),
        ("Cast", "a", "b", {"to": TensorProto.FLOAT}),
        ("Mul", "b two", "c", {}),
        ("MatMul", "image c", "y", {}),
    )
    arrays = constants(w=weights(3, 8).astype(np.float64), two=np.float32(2))
    check(save_graph(tmp_path / "m.onnx", (8,), nodes, arrays, ["y"]))


def test_input_shape(tmp_path):
    path = save(tmp_path / "m.onnx", ("c", "h", "w"), [CONV])
    assert check(path, (3, 9, 8)).input_shape == (3, 9, 8)
    assert read_cnn(save(tmp_path / "r.onnx", None, [CONV]), (3, 9, 8)).input_shape == (3, 9, 8)
    assert read_cnn(save(tmp_path / "f.onnx", ("f",), [("Gemm", [weights(5, 2)], {})]), (5,)).input_shape == (5,)


def test_fixed_batch(tmp_path):
    ops = [CONV, RELU, ("Reshape", [ints(4, 140)], {}), ("Gemm", [weights(140, 2)], {})]
    assert kinds(check(save(tmp_path / "m.onnx", IMAGE, ops, batch=4), images=4)) == ["conv1", "dense1"]


def test_dead_nodes_are_ignored(tmp_path):
    nodes = graph_nodes(("Gemm", "image w", "y", {}), ("Sin", "image", "dead", {}))
    check(save_graph(tmp_path / "m.onnx", (4,), nodes, constants(w=weights(4, 3), unused=weights(2)), ["y"]))


def test_names_never_leave_the_file(tmp_path):
    name = "conv\n.control\nshell rm -rf é" + "x" * 100
    nodes = [helper.make_node("Gemm", ["image", "w"], ["y"], name=name)]
    [layer] = read_cnn(save_graph(tmp_path / "m.onnx", (4,), nodes, constants(w=weights(4, 3)), ["y"])).synapses
    assert layer.name == "dense1"
    assert layer.source.isprintable()
    assert layer.source.isascii()
    assert layer.source.startswith(r"conv\n.control")
    assert len(layer.source) == 60


@settings(derandomize=True, deadline=None, max_examples=40, database=None)
@given(
    image=st.tuples(st.integers(5, 10), st.integers(5, 10)),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    dilation=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    pads=st.lists(st.integers(0, 2), min_size=4, max_size=4),
    groups=st.integers(1, 3),
    auto_pad=st.sampled_from(["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"]),
    relu=st.booleans(),
)
def test_random_convolutions(tmp_path_factory, image, kernel, stride, dilation, pads, groups, auto_pad, relu):
    if auto_pad.startswith("SAME"):
        dilation = (1, 1)  # onnxruntime has no dilation here
    attributes = {"strides": stride, "dilations": dilation, "group": groups, "auto_pad": auto_pad}
    if auto_pad == "NOTSET":
        attributes["pads"] = pads
    ops = [("Conv", [weights(2 * groups, 2, *kernel), weights(2 * groups)], attributes)]
    path = save(tmp_path_factory.mktemp("conv") / "m.onnx", (2 * groups, *image), [*ops, RELU] if relu else ops)
    assert kinds(check(path)) == ["conv1"]


@settings(derandomize=True, deadline=None, max_examples=40, database=None)
@given(
    image=st.tuples(st.integers(5, 10), st.integers(5, 10)),
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    pads=st.lists(st.integers(0, 3), min_size=4, max_size=4),
    ceil=st.booleans(),
)
def test_random_max_pools(tmp_path_factory, image, kernel, stride, pads, ceil):
    pads = [min(p, k - 1) for p, k in zip(pads, kernel * 2, strict=True)]
    attributes = {"kernel_shape": kernel, "strides": stride, "pads": pads, "ceil_mode": int(ceil)}
    ops = [("MaxPool", [], attributes), ("Conv", [weights(2, 2, 1, 1)], {})]
    cnn = check(save(tmp_path_factory.mktemp("pool") / "m.onnx", (2, *image), ops))
    layers = ["scale1", "maxpool1", "conv1"]
    if kernel == (1, 1):  # single pixels: nothing, or with a stride wires
        layers = ["conv1"] if stride == (1, 1) else ["wiring1", "conv1"]
    assert kinds(cnn) == layers


def refused(path, *words, input_shape=None):
    """The file is refused in one line that names it and holds all these words."""
    with pytest.raises(InputError) as caught:
        read_cnn(path, input_shape)
    text = str(caught.value)
    assert text.isprintable()
    assert len(text) < 1500
    for word in (Path(path).name, *words):
        assert word in text
    return text


def external(model):
    model.graph.initializer[0].ClearField("raw_data")
    model.graph.initializer[0].data_location = TensorProto.EXTERNAL
    model.graph.initializer[0].external_data.add(key="location", value="/etc/passwd")


def sparse(model):
    model.graph.sparse_initializer.add()


def huge_weight(model):
    model.graph.initializer[0].dims[:] = [2**40, 2**40]


def wrong_size(model):
    model.graph.initializer[0].dims[0] = 5


def text_weight(model):
    model.graph.initializer[0].data_type = TensorProto.STRING


def future(model):
    model.opset_import[0].version = 99


def other_domain(model):
    model.graph.node[0].domain = "com.microsoft\n"


def two_inputs(model):
    model.graph.input.append(helper.make_tensor_value_info("mask", TensorProto.FLOAT, [4]))
    model.graph.node[0].input[2] = "mask"


def no_outputs(model):
    del model.graph.output[:]


def loose_end(model):
    model.graph.node[0].input[0] = "nowhere"


def wrong_attribute(model):
    model.graph.node[0].attribute.pop()
    model.graph.node[0].attribute.append(helper.make_attribute("strides", "fast"))


def double_attribute(model):
    model.graph.node[0].attribute.append(helper.make_attribute("strides", [1, 1]))


def sequence_input(model):
    model.graph.input[0].type.CopyFrom(
        helper.make_sequence_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, None))
    )


NAN = weights(4, 3, 3, 3)
NAN[1, 2, 0, 0] = np.nan
HALF = (IMAGE, [CONV, RELU])
FORBIDDEN = {
    # what: (input shape, operators, change of the file, words of the message)
    "external data": (*HALF, external, ["weight 'w0_0'", "'/etc/passwd'", "beside the model"]),
    "sparse weights": (*HALF, sparse, ["sparse", "dense weights"]),
    "huge weight": (*HALF, huge_weight, ["weight 'w0_0'", "at most 200000000 values"]),
    "weight of another size": (*HALF, wrong_size, ["weight 'w0_0'", "holds 108 values", "needs 135"]),
    "weights of text": (*HALF, text_weight, ["weight 'w0_0'", "STRING", "FLOAT"]),
    "future opset": (*HALF, future, ["opset 99", "possible: 6 to"]),
    "other domain": (*HALF, other_domain, ["Conv '/conv/0'", r"domain 'com.microsoft\n'", "standard operators"]),
    "two inputs": (*HALF, two_inputs, ["2 inputs ('image', 'mask')", "exactly one"]),
    "input is no tensor": (*HALF, sequence_input, ["input 'image'", "one image tensor"]),
    "no output": (*HALF, no_outputs, ["no output", "one output"]),
    "loose end": (*HALF, loose_end, ["Conv '/conv/0'", "'nowhere'"]),
    "attribute of another type": (*HALF, wrong_attribute, ["Conv '/conv/0'", "strides", "a list of integers"]),
    "attribute twice": (*HALF, double_attribute, ["Conv '/conv/0'", "attribute twice"]),
    "unsupported": (IMAGE, [CONV, ("Sin", [], {})], None, ["Sin '/sin/1'", "no neuron", "docs/guide/networks.md"]),
    "arg max over the batch": (
        (4,),
        [("Gemm", [weights(4, 3)], {}), ("ArgMax", [], {})],
        None,
        ["ArgMax '/argmax/1'", "over all outputs of an image"],
    ),
    "not a number": (IMAGE, [("Conv", [NAN], {})], None, ["Conv '/conv/0'", "NaN", "finite"]),
    "infinite after folding": (
        IMAGE,
        [CONV, ("Mul", [np.float64(1e200)], {}), ("Mul", [np.float64(1e200)], {})],
        None,
        ["Mul '/mul/2'", "infinite", "finite"],
    ),
    "channels": (IMAGE, [("Conv", [weights(4, 2, 3, 3)], {})], None, ["Conv '/conv/0'", "[4, 2, 3, 3]", "3 channels"]),
    "kernel larger than image": (
        IMAGE,
        [("Conv", [weights(4, 3, 3, 3)], {"dilations": [5, 5]})],
        None,
        ["Conv '/conv/0'", "(11, 11) pixels", "(9, 8)"],
    ),
    "huge pads": (
        IMAGE,
        [("Conv", [weights(4, 3, 3, 3)], {"pads": [2**40, 0, 0, 2**40]})],
        None,
        ["Conv '/conv/0'", "pads the image"],
    ),
    "negative pads": (IMAGE, [("Conv", [NAN], {"pads": [-1, 0, 0, 0]})], None, ["Conv '/conv/0'", "zero or more"]),
    "zero stride": (IMAGE, [("Conv", [NAN], {"strides": [0, 1]})], None, ["Conv '/conv/0'", "1 or more"]),
    "unknown auto_pad": (IMAGE, [("Conv", [NAN], {"auto_pad": "MAYBE"})], None, ["Conv '/conv/0'", "SAME_UPPER"]),
    "huge pool": (IMAGE, [("MaxPool", [], {"kernel_shape": [2**50, 1]})], None, ["MaxPool '/maxpool/0'", "fewer"]),
    "pool in the padding": (
        IMAGE,
        [("MaxPool", [], {"kernel_shape": [2, 2], "pads": [2, 0, 0, 0]})],
        None,
        ["MaxPool '/maxpool/0'", "padding smaller than the kernel"],
    ),
    "flag of another value": (
        IMAGE,
        [("MaxPool", [], {"kernel_shape": [2, 2], "ceil_mode": 2})],
        None,
        ["MaxPool '/maxpool/0'", "ceil_mode is 2", "0, 1"],
    ),
    "mean over the batch": ((4,), [("ReduceMean", [], {})], None, ["ReduceMean '/reducemean/0'", "not the batch"]),
    "transposed input": ((4,), [("Gemm", [weights(4, 3)], {"transA": 1})], None, ["Gemm '/gemm/0'", "transA = 0"]),
    "gemm of another size": ((4,), [("Gemm", [weights(5, 3)], {})], None, ["Gemm '/gemm/0'", "[4]"]),
    "gemm bias": ((4,), [("Gemm", [weights(4, 3), weights(2)], {})], None, ["Gemm '/gemm/0'", "bias", "[1, 3]"]),
    "matmul of matrices": ((5, 4), [("MatMul", [weights(2, 4, 3)], {})], None, ["MatMul '/matmul/0'", "a matrix"]),
    "matmul from the left": ((4,), [("MatMul", [weights(3, 4), X], {})], None, ["MatMul '/matmul/0'", "first input"]),
    "add that grows": ((1,), [("Add", [weights(2, 3)], {})], None, ["Add '/add/0'", "[1, 1]", "[2, 3]"]),
    "division by image": ((4,), [("Div", [np.float32(1), X], {})], None, ["Div '/div/0'", "by a constant"]),
    "division by zero": ((4,), [("Div", [np.float32(0)], {})], None, ["Div '/div/0'", "zero"]),
    "negative variance": (
        (4,),
        [("BatchNormalization", [weights(4), weights(4), weights(4), np.full(4, -1, np.float32)], {})],
        None,
        ["BatchNormalization '/batchnormalization/0'", "variance"],
    ),
    "training": (
        (4,),
        [("Dropout", [np.float32(0.5), np.array(True)], {})],
        None,
        ["Dropout '/dropout/0'", "training", "inference"],
    ),
    "pad huge": (IMAGE, [("Pad", [ints(0, 0, 2**60, 1, 0, 0, 1, 2**60)], {}), CONV], None, ["Pad '/pad/0'", "at most"]),
    "tile huge": (IMAGE, [("Tile", [ints(1, 2**40, 1, 1)], {}), CONV], None, ["Tile '/tile/0'", "at most"]),
    "expand huge": ((1,), [("Expand", [ints(1, 2**40)], {})], None, ["Expand '/expand/0'", "at most"]),
    "reshape that does not fit": (IMAGE, [("Reshape", [ints(1, 7)], {})], None, ["Reshape '/reshape/0'", "fit"]),
    "batch reshaped": (
        IMAGE,
        [("Reshape", [ints(8, -1)], {}), CONV],
        None,
        ["Conv '/conv/1'", "rows of an image", "batch"],
    ),
    "softmax over space": (IMAGE, [CONV, ("Softmax", [], {})], None, ["Softmax '/softmax/1'", "over all outputs"]),
    "softmax inside": (
        (4,),
        [("Softmax", [], {}), ("Gemm", [weights(4, 3)], {})],
        None,
        ["Gemm '/gemm/1'", "at the end only"],
    ),
    "rounding": ((4,), [("Cast", [], {"to": TensorProto.INT8})], None, ["Cast '/cast/0'", "FLOAT16"]),
    "nothing to weigh": (IMAGE, [FLATTEN], None, ["no weighted layer", "Conv, Gemm"]),
    "weights left open": ((4,), [("Gemm", [None], {})], None, ["Gemm '/gemm/0'", "no constant weight"]),
    "rank": ((3, 4, 5, 6), [FLATTEN], None, ["input 'image'", "[batch, features] to"]),
    "large image": ((3, 10**5, 10**5), [CONV], None, ["input 'image'", "at most"]),
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_refused_networks(tmp_path, what):
    shape, ops, edit, words = FORBIDDEN[what]
    refused(save(tmp_path / "m.onnx", shape, ops, edit=edit), *words)


def test_refused_shapes(tmp_path):
    path = save(tmp_path / "m.onnx", ("c", "h\n", 8), [CONV])
    refused(path, "input 'image'", r"[n, c, h\n, 8]", "--input-shape 1,28,28")
    refused(path, "3,9,9", "[n, c", "--input-shape 1,28,28", input_shape=(3, 9, 9))
    refused(path, "3,9", "--input-shape 1,28,28", input_shape=(3, 9))
    refused(path, "3,-9,8", input_shape=(3, -9, 8))
    refused(save(tmp_path / "r.onnx", None, [CONV]), "unknown", "--input-shape 1,28,28")
    integer = save(tmp_path / "i.onnx", IMAGE, [CONV], dtype=TensorProto.INT32)
    refused(integer, "Conv '/conv/0'", "Cast of the input")


def test_refused_branches(tmp_path):
    arrays = constants(w=weights(4, 4), v=weights(4, 4))
    square = graph_nodes(("Gemm", "image w", "a", {}), ("Mul", "a a", "y", {}))
    gate = graph_nodes(("Gemm", "image w", "a", {}), ("Sigmoid", "a", "b", {}), ("Mul", "b image", "y", {}))
    rows = graph_nodes(("Gemm", "image w", "a", {}), ("Gemm", "image v", "b", {}), ("Concat", "a b", "y", {"axis": 0}))
    refused(save_graph(tmp_path / "s.onnx", (4,), square, arrays, ["y"]), "Mul '/Mul_1'", "multiplies two signals")
    refused(save_graph(tmp_path / "g.onnx", (4,), gate, arrays, ["y"]), "Mul '/Mul_2'", "multiplies two signals")
    refused(save_graph(tmp_path / "p.onnx", (4,), rows, arrays, ["y"]), "Concat '/Concat_2'", "not the batch (axis 0)")
    second = graph_nodes(("MaxPool", "image", "a b", {"kernel_shape": [2, 2]}), ("Flatten", "b", "y", {}))
    refused(save_graph(tmp_path / "2.onnx", IMAGE, second, [], ["y"]), "Flatten '/Flatten_1'", "'b'")
    constant = graph_nodes(("Identity", "w", "y", {}))
    refused(save_graph(tmp_path / "c.onnx", (4,), constant, arrays, ["y"]), "'y' does not depend on the image")


@pytest.mark.parametrize(
    ("row", "arrays", "words"),
    [
        (("ConstantOfShape", "s", "c", {}), {"s": ints(2**31, 2**31)}, "would make a constant"),
        (("Expand", "s t", "c", {}), {"s": ints(1), "t": ints(2**40)}, "would make a constant"),
        (("Tile", "s t", "c", {}), {"s": ints(1), "t": ints(2**40)}, "would make a constant"),
        (("Range", "s t u", "c", {}), {"s": ints(0)[0], "t": ints(2**60)[0], "u": ints(1)[0]}, "would make a constant"),
        (("Pad", "s t", "c", {}), {"s": ints(1), "t": ints(2**40, 2**40)}, "would make a constant"),
        (("Add", "s t", "c", {}), {"s": np.zeros((5000, 1)), "t": np.zeros((1, 5000))}, "would make a constant"),
        (("Cast", "s", "c", {"to": TensorProto.STRING}), {"s": ints(1)}, "possible: FLOAT"),
        (("Sin", "s", "c", {}), {"s": np.zeros(3, np.float32)}, "is not supported"),
        (("Gelu", "s", "c", {}), {"s": np.zeros(3, np.float32)}, "computes with constants only"),
        (("Gather", "s t", "c", {}), {"s": ints(1), "t": ints(7)}, "does not fit its inputs"),
        (("Constant", "", "c", {"value_string": "x"}), {}, "holds no number"),
    ],
)
def test_refused_constants(tmp_path, row, arrays, words):
    nodes = graph_nodes(row, ("Add", "image c", "y", {}))
    refused(save_graph(tmp_path / "m.onnx", (4,), nodes, constants(**arrays), ["y"]), f"{row[0]} '/{row[0]}_0'", words)


def test_refused_loops(tmp_path):
    body = helper.make_graph([], "b", [], [])
    nodes = [helper.make_node("Loop", ["n", ""], ["c"], body=body, name="loop")]
    nodes += graph_nodes(("Gemm", "image c", "y", {}))
    refused(
        save_graph(tmp_path / "m.onnx", (4,), nodes, constants(n=ints(1)[0]), ["y"]), "Loop 'loop'", "not supported"
    )


def test_refused_files(tmp_path):
    refused(tmp_path / "missing.onnx", "does not exist")
    refused(tmp_path, "is a folder")
    (tmp_path / "empty.onnx").touch()
    refused(tmp_path / "empty.onnx", "is empty")
    (tmp_path / "cut.onnx").write_bytes(MNIST.read_bytes()[:20000])
    refused(tmp_path / "cut.onnx", "is damaged or cut off", "torch.onnx.export")
    (tmp_path / "text.onnx").write_text("# not a network\n" * 10)
    refused(tmp_path / "text.onnx", "is not an ONNX file", "torch.onnx.export")
    (tmp_path / "header.onnx").write_bytes(onnx.ModelProto(ir_version=8).SerializeToString())
    refused(tmp_path / "header.onnx", "holds no operators")
    refused("/dev/null", "not a regular file")
    with (tmp_path / "large.onnx").open("wb") as file:
        file.truncate(2**30 + 1)
    refused(tmp_path / "large.onnx", "too large", "1 GiB")
    (tmp_path / "new\nline.onnx").write_bytes(b"x")
    with pytest.raises(InputError, match="is not an ONNX file") as caught:
        read_cnn(tmp_path / "new\nline.onnx")
    assert "\n" not in str(caught.value)


def test_any_bytes_load_or_are_refused(tmp_path):
    original = MNIST.read_bytes()
    # Mutate the structure rather than the weights, which are most of the bytes.
    small = save(tmp_path / "small.onnx", (1, 6, 6), [("Conv", [weights(2, 1, 3, 3)], {"pads": [1, 1, 1, 1]}), FLATTEN])
    local = np.random.default_rng(11)
    texts = []
    for round_ in range(300):
        data = bytearray(original if round_ % 3 else small.read_bytes())
        if round_ % 10 == 0:
            data = data[: local.integers(len(data))]
        else:
            tail = 4000 if local.random() < 0.5 else len(data)
            for place in local.integers(max(len(data) - tail, 0), len(data), size=local.integers(1, 8)):
                data[place] = local.integers(256)
        path = tmp_path / "fuzz.onnx"
        path.write_bytes(data)
        try:
            read_cnn(path)
        except InputError as error:
            texts.append(str(error))
    assert 30 < len(texts) < 270
    assert all(text.isprintable() and "fuzz.onnx: " in text for text in texts)


def test_onnx_is_imported_when_a_file_is_read():
    code = (
        "import sys, resonet.netlist.network.onnx.read; "
        "sys.exit('onnx' in sys.modules or 'google.protobuf' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("op", "attributes", "more"),
    [("Identity", {}, []), ("Relu", {}, []), ("Mul", {}, ["two"]), ("Reshape", {}, ["shape"]), ("Cast", {"to": 1}, [])],
)
def test_ten_thousand_nodes_that_are_no_layers(tmp_path, op, attributes, more):
    """Work grows with the number of nodes, not with its square; what they do together is still right."""
    names = ["x", *(f"t{n}" for n in range(10_000))]
    nodes = [helper.make_node(op, [a, *more], [b], **attributes) for a, b in itertools.pairwise(names)]
    nodes += [helper.make_node("Flatten", [names[-1]], ["f"]), helper.make_node("Gemm", ["f", "w"], ["y"], transB=1)]
    factor = 1.0001
    weights = [numpy_helper.from_array(np.eye(4, dtype=np.float32), "w")]
    weights += [numpy_helper.from_array(np.float32([factor]), "two")]
    weights += [numpy_helper.from_array(np.array([-1, 1, 2, 2]), "shape")]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1, 2, 2])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    graph = helper.make_graph(nodes, "net", inputs, outputs, weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "n.onnx")
    layers = read_cnn(tmp_path / "n.onnx").synapses
    wanted = np.float32(factor).astype(float) ** 10_000 if op == "Mul" else 1.0
    assert np.prod([layer.weight.max() for layer in layers]) == pytest.approx(wanted, rel=1e-9)
    assert layers[-1].out_shape[0] == 4


def test_thousands_of_layers_are_refused(tmp_path):
    names = ["x", *(f"t{n}" for n in range(6000))]
    nodes = [
        helper.make_node("MaxPool", [a], [b], kernel_shape=[2, 2], auto_pad="SAME_UPPER")
        for a, b in itertools.pairwise(names)
    ]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1, 2, 2])]
    outputs = [helper.make_tensor_value_info(names[-1], TensorProto.FLOAT, None)]
    graph = helper.make_graph(nodes, "net", inputs, outputs)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "n.onnx")
    with pytest.raises(InputError, match=r"MaxPool 't4999': brings the network above the possible 5000 layers"):
        read_cnn(tmp_path / "n.onnx")
