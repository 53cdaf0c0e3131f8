"""Files of opset 1 to 5, against onnxruntime on the same network in words of today."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from test_read_cnn import refused, weights

from resonet.netlist.network.forward import propagate
from resonet.netlist.network.onnx.read import read_cnn

SHAPE = (2, 8, 8)
HELD = {
    "w": weights(4, 2, 3, 3), "b": weights(4), "s": np.abs(weights(4)), "v": 1 + np.abs(weights(4)),
    "k": weights(4, 1, 3, 3), "g": weights(128, 5), "h": weights(5), "pads": np.array([0, 0, 1, 0, 0, 0, 0, 1]),
    "shape": np.array([0, -1]), "low": np.float32(-1), "high": np.float32(2),
}  # fmt: skip


def written(path, nodes, opset, shape=SHAPE):
    used = {name for node in nodes for name in node.input}
    held = [numpy_helper.from_array(np.asarray(array), name) for name, array in HELD.items() if name in used]
    inputs = [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, *shape])]
    inputs += [helper.make_tensor_value_info(w.name, w.data_type, list(w.dims)) for w in held]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 5])]
    graph = helper.make_graph(nodes, "g", inputs, outputs, held)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=3), path)
    return path


def network(opset):
    """Two branches, padded, normalised, clamped and joined, as files of an opset say it."""
    make, old = helper.make_node, opset < 6
    legacy = {"consumed_inputs": [0]} if old else {}
    pad = {"paddings" if opset == 1 else "pads": [0, 0, 1, 0, 0, 0, 0, 1]} if old else {}
    axis = {} if opset < 4 else {"axis": 1}  # of a Concat: then it was 1
    limits = {"min": -1.0, "max": 2.0, **legacy} if old else {}
    statistics = {"is_test": 1, "consumed_inputs": [0, 0, 0, 1, 1]} if old else {}
    return [
        make("Conv", ["image", "w", "b"], ["c"], pads=[1, 1, 1, 1]),
        make("BatchNormalization", ["c", "s", "b", "b", "v"], ["n"], **statistics),
        make("Selu", ["n"], ["r"], **({"alpha": 1.6732, "gamma": 1.0507} if not old else legacy)),
        make("Pad", ["n"] if old else ["n", "pads"], ["p"], **pad),
        make("Conv", ["p", "k"], ["d"], group=4, pads=[1, 1, 0, 0]),
        make("Clip", ["d"] if old else ["d", "low", "high"], ["e"], **limits),
        make("MaxPool", ["e"], ["e2"], kernel_shape=[2, 2], strides=[2, 2]),
        make("AveragePool", ["r"], ["r2"], kernel_shape=[2, 2], strides=[2, 2]),
        make("Concat", ["r2", "e2"], ["j"], **axis),
        make("Dropout", ["j"], ["j2"], **({"is_test": 1} if old else {})),
        make("Reshape", ["j2"] if opset < 5 else ["j2", "shape"], ["f"], **({"shape": [0, -1]} if opset < 5 else {})),
        make("Gemm", ["f", "g", "h"], ["y"], **({"broadcast": 1} if old else {})),
    ]  # fmt: skip


@pytest.mark.parametrize("opset", [1, 2, 3, 4, 5])
def test_files_of_the_first_opsets(tmp_path, opset):
    images = weights(1, *SHAPE)
    today = written(tmp_path / "today.onnx", network(13), 13)
    session = onnxruntime.InferenceSession(today.read_bytes(), providers=["CPUExecutionProvider"])
    [wanted] = session.run(None, {"image": images})
    cnn = read_cnn(written(tmp_path / "m.onnx", network(opset), opset))
    np.testing.assert_allclose(propagate(cnn, images), wanted, atol=1e-5 * np.abs(wanted).max())


def test_what_the_converter_does_not_know_is_refused(tmp_path):
    scaled = [helper.make_node("Crop", ["image"], ["c"], border=[0, 0, 0, 0]), *network(3)]
    scaled[1].input[0] = "c"
    words = "opset 3, which cannot be brought to opset 6", "possible: export it again with opset_version=13"
    refused(written(tmp_path / "m.onnx", scaled, 3), *words)
    foreign = onnx.load(written(tmp_path / "n.onnx", network(3), 3))
    foreign.opset_import.append(helper.make_opsetid("else", 1))
    onnx.save(foreign, tmp_path / "n.onnx")
    refused(tmp_path / "n.onnx", "other domains")


@pytest.mark.parametrize("opset", [1, 3, 5])
def test_damaged_old_files_are_refused(tmp_path, opset):
    path = written(tmp_path / "m.onnx", network(opset), opset)
    for edit in ("name", "cycle", "no weight"):
        model = onnx.load(path)
        if edit == "name":
            model.graph.node[0].input[0] = "nothing"
        elif edit == "cycle":
            model.graph.node[0].input[0] = model.graph.output[0].name
        else:
            model.graph.initializer[0].dims[0] = 2**40
        place = tmp_path / "bad.onnx"
        onnx.save(model, place)
        refused(place)
