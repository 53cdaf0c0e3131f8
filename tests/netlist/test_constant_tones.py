"""Padding with numbers, appended constants, dense layers over the last axis of an image: against onnxruntime."""

import numpy as np
import onnxruntime
import pytest
from onnx import helper, numpy_helper
from test_read_cnn import CONV, FLATTEN, IMAGE, RELU, X, check, ints, kinds, refused, save, save_graph, weights

from resonet.netlist.network.forward import propagate
from resonet.netlist.network.onnx.read import read_cnn

PADS = ints(0, 0, 1, 1, 0, 0, 2, 1)
LAST = ("Transpose", [], {"perm": [0, 2, 3, 1]})
FIRST = ("Transpose", [], {"perm": [0, 3, 1, 2]})
BOTH_SIDES = ("Concat", [weights(1, 2, 5, 7), X, weights(1, 1, 5, 7)], {"axis": 1})
PLANE = ("Concat", [X, np.full((1, 1, 5, 7), 2, np.float32)], {"axis": 1})
DENSE = ("MatMul", [weights(3, 6)], {}), ("Add", [weights(6)], {})
# name: (input shape, opset, operators, names of our layers)
CASES = {
    # One offset of all pixels goes before the wires, and folds into the convolution behind them.
    "of the image": (IMAGE, 17, [("Pad", [PADS, np.float32(0.7)], {}), CONV, RELU], ["wiring1", "scale2", "conv1"]),
    "of an old file": (
        IMAGE,
        7,
        [("Pad", [], {"pads": PADS.tolist(), "value": -1.5}), ("Conv", [weights(4, 3, 3, 3)], {})],
        ["wiring1", "conv1"],
    ),
    "of sums": (
        IMAGE,
        17,
        [CONV, ("Pad", [PADS, np.float32(-2)], {}), ("Conv", [weights(2, 4, 3, 3)], {})],
        ["conv1", "wiring1", "conv2"],
    ),
    "behind neurons": (
        IMAGE,
        17,
        [CONV, RELU, ("Pad", [PADS, np.float32(3)], {}), ("Conv", [weights(2, 4, 3, 3)], {})],
        ["conv1", "wiring1", "scale1", "conv2"],
    ),
    "of channels": (
        IMAGE,
        17,
        [CONV, RELU, ("Pad", [ints(0, 1, 0, 0, 0, 2, 0, 0), np.float32(-1)], {}), ("Conv", [weights(2, 7, 3, 3)], {})],
        ["conv1", "wiring1", "conv2"],
    ),
    "of some axes": (
        IMAGE,
        18,
        [CONV, RELU, ("Pad", [ints(1, 2), np.float32(-1), ints(3)], {}), ("MaxPool", [], {"kernel_shape": [2, 2]})],
        ["conv1", "wiring1", "scale1", "maxpool1"],
    ),
    "twice": (
        IMAGE,
        17,
        [CONV, ("Pad", [PADS, np.float32(1)], {}), ("Pad", [PADS], {}), ("Conv", [weights(2, 4, 3, 3)], {})],
        None,
    ),
    "with nothing to pad": (IMAGE, 17, [CONV, ("Pad", [ints(*[0] * 8), np.float32(9)], {})], ["conv1"]),
    "appended": (
        IMAGE,
        17,
        [CONV, RELU, BOTH_SIDES, FLATTEN, ("Gemm", [weights(245, 5)], {})],
        ["conv1", "wiring1", "dense1"],
    ),
    "a plane of one number": (
        IMAGE,
        17,
        [CONV, RELU, PLANE, ("Conv", [weights(2, 5, 2, 2)], {})],
        ["conv1", "wiring1", "conv2"],
    ),
    "dense channels last": (
        IMAGE,
        17,
        [LAST, *DENSE, RELU, ("MatMul", [weights(6, 4)], {}), FIRST, ("Conv", [weights(2, 4, 3, 3)], {})],
        ["conv1", "conv2", "conv3"],
    ),
    "dense over rows": ((5, 4), 17, [("MatMul", [weights(4, 3)], {}), ("Add", [weights(3)], {}), RELU], None),
    "dense over rows, each its own offset": (
        (5, 4),
        17,
        [("MatMul", [weights(4, 3)], {}), ("Add", [weights(5, 1)], {}), RELU, FLATTEN, ("Gemm", [weights(15, 3)], {})],
        None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_constants_and_dense_layers(tmp_path, case):
    shape, opset, ops, names = CASES[case]
    batch, images = ("n", 2) if all(op != "Concat" for op, *_ in ops) else (1, 1)
    cnn = check(save(tmp_path / "m.onnx", shape, ops, opset=opset, batch=batch), images=images)
    assert names in (None, kinds(cnn))


def test_a_batch_has_one_constant_for_all_its_images(tmp_path):
    same = np.repeat(weights(1, 2, 5, 7), 2, axis=0)
    ops = [CONV, ("Concat", [X, same], {"axis": 1}), FLATTEN]
    check(save(tmp_path / "m.onnx", IMAGE, ops, batch=2))
    ops[1] = ("Concat", [X, weights(2, 2, 5, 7)], {"axis": 1})
    refused(save(tmp_path / "n.onnx", IMAGE, ops, batch=2), "Concat '/concat/1'", "the same for each image")


def test_no_tone_is_infinite(tmp_path):
    ops = [CONV, ("Pad", [PADS, np.float32(-np.inf)], {}), ("MaxPool", [], {"kernel_shape": [2, 2]})]
    refused(save(tmp_path / "m.onnx", IMAGE, ops), "Pad '/pad/1': pads with -inf", "padding by the pool itself")


@pytest.mark.parametrize("op", ["MatMul", "Gemm"])
def test_rows_of_an_image_as_a_matrix(tmp_path, op):
    """As tf2onnx writes a dense layer over the last axis: no batch between two reshapes."""
    back = ("Reshape", [ints(-1, 5, 7, 6)], {})
    dense = [("Reshape", [ints(-1, 4)], {}), (op, [weights(4, 6)], {}), ("Add", [weights(6)], {}), RELU, back]
    check(save(tmp_path / "m.onnx", IMAGE, [CONV, LAST, *dense, FIRST, ("Conv", [weights(2, 6, 3, 3)], {})]), images=1)


@pytest.mark.parametrize(
    "op",
    [
        ("Softmax", [], {"axis": 1}),
        ("ReduceMean", [], {"axes": [1]}),
        ("BatchNormalization", [weights(4) ** 2] * 4, {}),
    ],
)
def test_what_needs_a_batch_is_not_done_on_rows(tmp_path, op):
    ops = [CONV, LAST, ("Reshape", [ints(-1, 4)], {}), op]
    refused(save(tmp_path / "m.onnx", IMAGE, ops), f"{op[0]} '/{op[0].lower()}/3': works on [35, 4], rows of an image")


def test_parts_of_a_constant(tmp_path):
    """Weights that are split while the file is read."""
    nodes = [
        helper.make_node("Split", ["held", "sizes"], ["w", "v"], axis=0),
        helper.make_node("Conv", ["image", "w"], ["c"]),
        helper.make_node("Conv", ["c", "v"], ["y"]),
    ]
    arrays = {"held": weights(9, 3, 1, 1), "sizes": ints(3, 6)}
    arrays = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    check(save_graph(tmp_path / "m.onnx", IMAGE, nodes, arrays, ["y"]))


def test_wires_of_one_table_and_two_shapes(tmp_path):
    """A sum before wires that another shape has used before keeps its own shape."""
    rows = "Transpose image -> t; Reshape t flat -> f; MatMul f w -> m; Reshape m back -> s; Conv s k -> c; Relu c -> d"
    made = [row.split() for row in f"{rows}; Sum s d -> u; Transpose u -> v; Conv v l -> y".split("; ")]
    attributes = {"Transpose": {"perm": [0, 2, 3, 1]}}
    nodes = [helper.make_node(row[0], row[1:-2], row[-1:], **attributes.get(row[0], {})) for row in made]
    arrays = {"flat": ints(-1, 3), "back": ints(-1, 4, 2, 3), "w": weights(3, 3), "k": weights(4, 4, 1, 1)}
    arrays |= {"l": weights(2, 2, 1, 1)}
    held = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    path = save_graph(tmp_path / "m.onnx", (3, 4, 2), nodes, held, ["y"], batch=1)
    images = weights(1, 3, 4, 2)
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    [wanted] = session.run(None, {"image": images})
    np.testing.assert_allclose(propagate(read_cnn(path), images), wanted.reshape(1, -1), atol=1e-5)


@pytest.mark.parametrize("op", ["Add", "Sub", "Mul", "Div"])
def test_a_constant_may_be_larger_than_the_signal(tmp_path, op):
    """One pixel against many numbers, which the pixel is given to by wires."""
    ops = [("GlobalAveragePool", [], {}), (op, [weights(1, 3, 2, 4)], {}), RELU]
    check(save(tmp_path / "m.onnx", IMAGE, ops))
    check(save(tmp_path / "n.onnx", (6, 1), [("Sub", [weights(5)], {}), FLATTEN, ("Gemm", [weights(30, 2)], {})]))
    many = ("Sub", [weights(2, 3, 9, 8)], {})
    refused(save(tmp_path / "b.onnx", IMAGE, [CONV, many]), "Sub '/sub/1'", "a constant per channel or pixel")


def test_an_input_that_no_output_needs_is_left_out(tmp_path):
    """Labels or a keep probability, which training needed."""

    def with_labels(model):
        model.graph.input.insert(0, helper.make_tensor_value_info("labels", 1, ["n", 10]))

    plain = read_cnn(save(tmp_path / "m.onnx", IMAGE, [CONV, RELU]))
    labelled = read_cnn(save(tmp_path / "n.onnx", IMAGE, [CONV, RELU], edit=with_labels))
    np.testing.assert_array_equal(labelled.synapses[0].weight, plain.synapses[0].weight)
    assert "input 'labels' left out: no output depends on it" in labelled.notes
