"""What classifiers end in: dropped where the ranking stays; one output is a threshold; training is refused."""

import numpy as np
import onnx
import onnxruntime
import pytest
from conftest import save_model
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from test_read_cnn import check, forward, ints, kinds, refused, save, save_graph, weights

from resonet.core.errors import InputError
from resonet.cosim.weights.effective import effective_weights
from resonet.cosim.weights.engines import linear
from resonet.cosim.weights.inference import accuracy
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.network.forward import classes, propagate
from resonet.netlist.network.images import ImageSet
from resonet.netlist.network.onnx.read import read_cnn

GEMM = ("Gemm", [weights(6, 4), weights(4)], {})
SOFTMAX = ("Softmax", [], {"axis": -1})
SIGMOID = ("Sigmoid", [], {})


def run(path, x):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})


@pytest.mark.parametrize(
    "ending",
    [
        [SIGMOID],
        [SIGMOID, ("Identity", [], {})],
        [SIGMOID, ("Log", [], {})],
        [SOFTMAX, ("Log", [], {})],
        [("Unsqueeze", [ints(1)], {}), SOFTMAX, ("Squeeze", [ints(1)], {})],
    ],
)
def test_rising_endings(tmp_path, ending):
    path = save(tmp_path / "m.onnx", (6,), [GEMM, *ending])
    cnn, x = read_cnn(path), weights(50, 6)
    assert [str(layer.activation) for layer in cnn.synapses] == ["linear"]
    assert "dropped: it does not change the ranking" in cnn.notes[0]
    ours = forward(cnn, x.astype(float))
    theirs = run(path, x)[0].reshape(50, -1)
    np.testing.assert_array_equal(np.argsort(ours), np.argsort(theirs))


@pytest.mark.parametrize(
    "ending",
    [
        [("ArgMax", [], {"axis": 1, "keepdims": 0})],
        [("ArgMax", [], {"axis": -1}), ("Reshape", [ints(-1)], {}), ("Cast", [], {"to": TensorProto.INT32})],
        [SOFTMAX, ("ArgMax", [], {"axis": 1}), ("Squeeze", [ints(1)], {})],
        [SIGMOID, ("ArgMax", [], {"axis": 1}), ("Identity", [], {})],
    ],
)
def test_labels(tmp_path, ending):
    path = save(tmp_path / "m.onnx", (6,), [GEMM, *ending], edit=integer_output)
    cnn, x = read_cnn(path), weights(50, 6)
    np.testing.assert_array_equal(classes(propagate(cnn, x)), run(path, x)[0].ravel())
    assert any("ArgMax dropped" in note for note in cnn.notes)


def integer_output(model):
    casts = [node for node in model.graph.node if node.op_type == "Cast"]
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.INT32 if casts else TensorProto.INT64


def test_labels_and_probabilities(tmp_path):
    """As sklearn's exporter writes a classifier: names of classes, and a map of probabilities, of one layer."""
    nodes = [
        helper.make_node("MatMul", ["image", "w"], ["z"]),
        helper.make_node("Softmax", ["z"], ["p"], axis=1),
        helper.make_node("ArgMax", ["p"], ["n"], axis=1),
        helper.make_node("ZipMap", ["p"], ["map"], domain="ai.onnx.ml", classlabels_strings=["a", "b", "c"]),
        helper.make_node("ArrayFeatureExtractor", ["classes", "n"], ["label"], domain="ai.onnx.ml"),
        helper.make_node("Reshape", ["label", "shape"], ["out"]),
    ]
    arrays = [numpy_helper.from_array(weights(6, 3), "w"), numpy_helper.from_array(ints(-1), "shape")]
    arrays.append(helper.make_tensor("classes", TensorProto.STRING, [3], [b"a", b"b", b"c"]))
    cnn = read_cnn(save_graph(tmp_path / "m.onnx", (6,), nodes, arrays, ["out", "map"]))
    x = weights(5, 6)
    np.testing.assert_allclose(propagate(cnn, x), x @ numpy_helper.to_array(arrays[0]), atol=1e-5)


def test_two_classes_of_one_probability(tmp_path):
    """[1 - p, p], of which the largest is the class: one output and its threshold."""
    nodes = [
        helper.make_node("Gemm", ["image", "w"], ["z"]),
        helper.make_node("Sigmoid", ["z"], ["p"]),
        helper.make_node("Sub", ["one", "p"], ["q"]),
        helper.make_node("Concat", ["q", "p"], ["both"], axis=1),
        helper.make_node("ArgMax", ["both"], ["n"], axis=1, keepdims=0),
    ]
    arrays = [numpy_helper.from_array(weights(6, 1), "w"), numpy_helper.from_array(np.ones(1, np.float32), "one")]
    path = save_graph(tmp_path / "m.onnx", (6,), nodes, arrays, ["n"], edit=integer_output)
    x = weights(60, 6)
    np.testing.assert_array_equal(classes(propagate(read_cnn(path), x)), run(path, x)[0])
    arrays[1] = numpy_helper.from_array(np.full(1, 0.8, np.float32), "one")  # another threshold: two outputs
    path = save_graph(tmp_path / "m.onnx", (6,), nodes, arrays, ["n"], edit=integer_output)
    np.testing.assert_array_equal(classes(propagate(read_cnn(path), x)), run(path, x)[0])


def test_what_changes_the_ranking_stays(tmp_path):
    check(save(tmp_path / "s.onnx", (6,), [GEMM, SIGMOID, ("Gemm", [weights(4, 3)], {})]))  # inside
    picked = [GEMM, SIGMOID, ("Gather", [ints(2, 0)], {"axis": 1})]
    assert [str(x.activation) for x in check(save(tmp_path / "g.onnx", (6,), picked)).synapses] == ["sigmoid"]
    refused(save(tmp_path / "l.onnx", (6,), [GEMM, ("Log", [], {})]), "Log '/log/1'")
    refused(save(tmp_path / "k.onnx", (6,), [GEMM, ("ArgMax", [], {"axis": 1, "select_last_index": 1})]), "the first")
    spatial = [("Conv", [weights(4, 3, 3, 3)], {}), ("ArgMax", [], {"axis": 1})]
    refused(save(tmp_path / "a.onnx", (3, 5, 5), spatial), "ArgMax", "over all outputs of an image")


def test_top_k(tmp_path):
    nodes = [
        helper.make_node("Gemm", ["image", "w"], ["z"]),
        helper.make_node("TopK", ["z", "k"], ["values", "numbers"], name="top"),
    ]
    arrays = [numpy_helper.from_array(weights(6, 5), "w"), numpy_helper.from_array(ints(2), "k")]
    cnn = read_cnn(save_graph(tmp_path / "m.onnx", (6,), nodes, arrays, ["values", "numbers"]))
    assert kinds(cnn) == ["dense1"]
    smallest = [nodes[0], helper.make_node("TopK", ["z", "k"], ["values", "numbers"], name="top", largest=0)]
    least = read_cnn(save_graph(tmp_path / "s.onnx", (6,), smallest, arrays, ["numbers"]))
    np.testing.assert_array_equal(least.synapses[0].weight, -cnn.synapses[0].weight)


def test_the_smallest_output_is_the_largest_of_opposites(tmp_path):
    images = weights(20, 6)
    path = save(tmp_path / "m.onnx", (6,), [GEMM, ("ArgMin", [], {"axis": 1, "keepdims": 0})])
    found = propagate(read_cnn(path), images)
    [wanted] = ReferenceEvaluator(onnx.load(path)).run(None, {"image": images})
    np.testing.assert_array_equal(classes(found), wanted)


def test_one_output_is_a_threshold(tmp_path):
    np.testing.assert_array_equal(classes(np.array([[-1.0], [0.0], [2.0]])), [0, 0, 1])
    np.testing.assert_array_equal(classes(np.array([[-1.0, -2.0], [0.0, 3.0]])), [0, 1])
    nodes = [helper.make_node("Gemm", ["x", "w"], ["z"]), helper.make_node("Sigmoid", ["z"], ["y"])]
    path = save_model(
        tmp_path / "m.onnx", nodes, {"w": np.array([[1.0], [-0.9], [0.4], [-0.6], [0.3], [-0.2]])}, (6,), "y"
    )
    design = compile_cnn(path)
    x = np.random.default_rng(2).uniform(size=(40, 6))
    labels = (run(path, x.astype(np.float32))[0][:, 0] > 0.5).astype(np.int64)
    assert 0 < labels.sum() < 40
    held = {"dense1": effective_weights(design, "dense1", "coupled", engine=linear)}
    shares = accuracy(design, held, ImageSet("x.npz", x, labels))
    assert shares.software == 1
    assert shares.circuit > 0.9
    with pytest.raises(InputError, match=r"labels 1 ... 3; possible: 0 ... 1"):
        accuracy(design, held, ImageSet("x.npz", x, labels + 1 + labels))


@pytest.mark.parametrize("opset", [9, 13, 15])
def test_training_mode_is_refused(tmp_path, opset):
    """Before opset 14 a file says so by outputs for the statistics, from then on by an attribute."""
    outputs = ["y", "m", "v"] if opset > 13 else ["y", "m", "v", "sm", "sv"]
    attributes = {"training_mode": 1} if opset > 13 else {}
    nodes = [helper.make_node("BatchNormalization", ["image", *"abcd"], outputs, name="norm", **attributes)]
    arrays = [numpy_helper.from_array(weights(3) ** 2, name) for name in "abcd"]
    path = save_graph(tmp_path / "m.onnx", (3, 4, 4), nodes, arrays, ["y"], opset=opset)
    refused(path, "BatchNormalization 'norm'", "training mode", "model.eval()")


@pytest.mark.parametrize(
    "ending",
    [
        [("Reshape", [ints(-1)], {})],
        [("Squeeze", [ints(0)], {}), ("Softmax", [], {"axis": 0}), ("Unsqueeze", [ints(0)], {})],
        [("Reshape", [ints(4)], {}), ("Relu", [], {}), ("MatMul", [weights(4, 3)], {}), ("Add", [weights(3)], {})],
        [("Squeeze", [ints(0)], {}), ("Reshape", [ints(1, -1)], {}), ("Gemm", [weights(4, 2)], {})],
        [("Squeeze", [ints(0)], {}), ("ArgMax", [], {"axis": 0, "keepdims": 0})],
    ],
)
def test_a_batch_of_one_may_be_dropped(tmp_path, ending):
    path = save(tmp_path / "m.onnx", (6,), [GEMM, *ending], batch=1)
    dropped = [op for op, _, _ in ending if op in ("Softmax", "ArgMax")]
    if not dropped:
        check(path, images=1)
        return
    rows = [row for row in [GEMM, *ending] if row[0] not in dropped]
    same = check(save(tmp_path / "s.onnx", (6,), rows, batch=1), images=1)
    x = weights(3, 6)
    np.testing.assert_allclose(propagate(read_cnn(path), x), propagate(same, x), atol=1e-9)
    fixed = save(tmp_path / "f.onnx", (6,), [GEMM, ("Reshape", [ints(-1)], {})], batch=2)
    refused(fixed, "Reshape '/reshape/1'", "the first axis stays the batch")
