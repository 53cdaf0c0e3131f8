"""Layers over one axis, pools with edges of their own, reductions, transposed convolutions, nearest resizing."""

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx.reference import ReferenceEvaluator
from test_read_cnn import CONV, FLATTEN, IMAGE, RELU, check, forward, ints, kinds, refused, save, weights

from resonet.netlist.network.onnx.read import read_cnn

SIGNAL = (2, 32)
HEAD = ("Conv", [weights(3, 3, 1, 1)], {})

# name: (input shape, opset, operators, names of our layers)
CASES = {
    "signal": (
        SIGNAL,
        11,
        [
            ("Conv", [weights(4, 2, 7), weights(4)], {"pads": [3, 2], "strides": [2], "dilations": [1]}),
            RELU,
            ("MaxPool", [], {"kernel_shape": [3], "strides": [2], "pads": [1, 1]}),
            ("Conv", [weights(4, 2, 3)], {"group": 2, "dilations": [2], "auto_pad": "VALID"}),
            ("BatchNormalization", [weights(4), weights(4), weights(4), weights(4) ** 2], {}),
            RELU,
            ("GlobalAveragePool", [], {}),
            FLATTEN,
            ("Gemm", [weights(4, 3), weights(3)], {}),
        ],
        ["conv1", "maxpool1", "conv2", "pool1", "dense1"],
    ),
    "signal normalised": (
        SIGNAL,
        17,
        [("Sub", [weights(2, 1)], {}), ("Div", [np.float32(3)], {}), ("Conv", [weights(4, 2, 5)], {})],
        ["conv1"],
    ),
    "signal behind a nonlinear pool": (
        SIGNAL,
        17,
        [
            ("MaxPool", [], {"kernel_shape": [2], "strides": [2], "ceil_mode": 1}),
            ("BatchNormalization", [weights(2), weights(2), weights(2), weights(2) ** 2], {}),
            ("PRelu", [np.array([[0.1], [0.3]], np.float32)], {}),
            ("Conv", [weights(4, 2, 5)], {}),
        ],
        ["scale1", "maxpool1", "scale2", "conv1"],
    ),
    "signal average and maximum": (
        SIGNAL,
        17,
        [
            ("AveragePool", [], {"kernel_shape": [3], "strides": [2], "pads": [1, 1]}),
            ("GlobalMaxPool", [], {}),
            FLATTEN,
            ("Gemm", [weights(2, 3)], {}),
        ],
        ["pool1", "wiring1", "maxpool1", "dense1"],
    ),
    "global maximum": (IMAGE, 17, [CONV, RELU, ("GlobalMaxPool", [], {}), FLATTEN], ["conv1", "maxpool1"]),
    "reduce max": (IMAGE, 18, [CONV, ("ReduceMax", [ints(2, 3)], {"keepdims": 0})], ["conv1", "maxpool1"]),
    "reduce max over channels": (
        IMAGE,
        13,
        [CONV, ("ReduceMax", [], {"axes": [1]})],
        ["conv1", "wiring1", "maxpool1"],
    ),
    "reduce sum": (IMAGE, 13, [CONV, ("ReduceSum", [ints(-1, 2)], {})], ["conv1", "pool1"]),
    "pools of single pixels": (
        IMAGE,
        17,
        [
            CONV,
            RELU,
            ("MaxPool", [], {"kernel_shape": [1, 1]}),
            ("AveragePool", [], {"kernel_shape": [1, 1]}),
            RELU,
            ("Conv", [weights(3, 4, 1, 1)], {}),
            ("ReduceMean", [], {"axes": [2, 3]}),
            ("Reshape", [ints(-1, 3, 1, 1)], {}),
            ("GlobalAveragePool", [], {}),
            ("GlobalMaxPool", [], {}),
        ],
        ["conv1", "conv2", "pool1"],
    ),
    "pools of every second pixel": (
        IMAGE,
        17,
        [
            CONV,
            RELU,
            ("MaxPool", [], {"kernel_shape": [1, 1], "strides": [2, 2], "ceil_mode": 1}),
            ("Conv", [weights(3, 4, 1, 1)], {}),
        ],
        ["conv1", "wiring1", "conv2"],
    ),
    "pools of every third value of a signal": (
        SIGNAL,
        17,
        [
            ("Conv", [weights(4, 2, 3)], {}),
            RELU,
            ("MaxPool", [], {"kernel_shape": [1], "strides": [3]}),
            ("AveragePool", [], {"kernel_shape": [1]}),
            ("Conv", [weights(3, 4, 3)], {}),
        ],
        ["conv1", "wiring1", "conv2"],
    ),
    "average without padding": (
        IMAGE,
        17,
        [("AveragePool", [], {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}), RELU, HEAD],
        ["pool1", "wiring1", "conv1"],
    ),
    "average over edges that wires repeat": (
        IMAGE,
        17,
        [("AveragePool", [], {"kernel_shape": [2, 2], "strides": [2, 2], "auto_pad": "SAME_UPPER"}), RELU, HEAD],
        ["wiring1", "pool1", "conv1"],
    ),
    "average in ceil mode": (
        IMAGE,
        17,
        [("AveragePool", [], {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}), HEAD],
        ["pool1", "wiring1", "conv1"],
    ),
    "average of an odd image": (
        (3, 7, 5),
        19,
        [("AveragePool", [], {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1, "count_include_pad": 1})],
        ["wiring1", "pool1"],
    ),
    "average dilated and padded": (
        IMAGE,
        19,
        [("AveragePool", [], {"kernel_shape": [2, 3], "dilations": [3, 2], "pads": [1, 2, 1, 1]}), HEAD],
        ["pool1", "wiring1", "conv1"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_layer(tmp_path, case):
    shape, opset, ops, names = CASES[case]
    cnn = check(save(tmp_path / "m.onnx", shape, ops, opset=opset))
    assert kinds(cnn) == names
    assert cnn.input_shape == shape


def reference(path, images=2):
    """Software forward against onnx's reference implementation, which has what onnxruntime lacks or reads otherwise."""
    cnn = read_cnn(path)
    x = weights(images, *cnn.input_shape)
    [expected] = ReferenceEvaluator(onnx.load(path)).run(None, {"image": x})
    np.testing.assert_allclose(forward(cnn, x.astype(float)), expected.reshape(images, -1), atol=1e-5)
    return cnn


@settings(derandomize=True, deadline=None, max_examples=40, database=None)
@given(
    image=st.tuples(st.integers(7, 9), st.integers(7, 9)),
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    dilation=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    pads=st.lists(st.integers(0, 3), min_size=4, max_size=4),
    ceil=st.booleans(),
    padding=st.booleans(),
)
def test_random_average_pools(tmp_path_factory, image, kernel, stride, dilation, pads, ceil, padding):
    pads = [min(p, k - 1) for p, k in zip(pads, kernel * 2, strict=True)]
    attributes = {"kernel_shape": kernel, "strides": stride, "dilations": dilation, "pads": pads}
    attributes |= {"ceil_mode": int(ceil), "count_include_pad": int(padding)}
    ops = [("AveragePool", [], attributes), ("Conv", [weights(2, 2, 1, 1)], {})]
    check(save(tmp_path_factory.mktemp("pool") / "m.onnx", (2, *image), ops, opset=19))


@pytest.mark.parametrize("op", ["MaxPool", "AveragePool"])
@pytest.mark.parametrize("mode", ["SAME_UPPER", "SAME_LOWER"])
def test_dilated_pools_with_same_padding(tmp_path, op, mode):
    """The text of ONNX: as many windows as strides fit, padded for the dilated kernel."""
    attributes = {"kernel_shape": [2, 3], "dilations": [3, 2], "strides": [2, 1], "auto_pad": mode}
    cnn = read_cnn(save(tmp_path / "m.onnx", IMAGE, [(op, [], attributes), HEAD], opset=19))
    pool = cnn.layers[1 if op == "MaxPool" else 0]  # a maximum of pixels is taken behind chains
    assert pool.out_shape[1:] == (5, 8)
    total = [(5 - 1) * 2 + 4 - 9, (8 - 1) + 5 - 8]
    less, more = [t // 2 for t in total], [t - t // 2 for t in total]
    assert pool.padding == ((*less, *more) if mode == "SAME_UPPER" else (*more, *less))


@settings(derandomize=True, deadline=None, max_examples=40, database=None)
@given(
    image=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    kernel=st.tuples(st.integers(1, 5), st.integers(1, 4)),
    stride=st.tuples(st.integers(1, 4), st.integers(1, 3)),
    dilation=st.tuples(st.integers(1, 3), st.integers(1, 2)),
    pads=st.lists(st.integers(0, 2), min_size=4, max_size=4),
    extra=st.tuples(st.integers(0, 3), st.integers(0, 2)),
    groups=st.integers(1, 2),
    relu=st.booleans(),
)
def test_random_transposed_convolutions(tmp_path_factory, image, kernel, stride, dilation, pads, extra, groups, relu):
    extra = [min(e, s - 1) for e, s in zip(extra, stride, strict=True)]
    full = [
        s * (n - 1) + e + (k - 1) * d + 1 for s, n, e, k, d in zip(stride, image, extra, kernel, dilation, strict=True)
    ]
    pads = [0 if pads[n % 2] + pads[n % 2 + 2] >= full[n % 2] else p for n, p in enumerate(pads)]
    attributes = {"strides": stride, "dilations": dilation, "pads": pads, "group": groups, "output_padding": extra}
    ops = [("ConvTranspose", [weights(2 * groups, 3, *kernel), weights(3 * groups)], attributes), *[RELU] * relu]
    path = save(tmp_path_factory.mktemp("conv") / "m.onnx", (2 * groups, *image), ops)
    names = kinds(check(path))
    assert names in (["conv1"], ["conv1", "wiring1"])


@pytest.mark.parametrize(
    "attributes",
    [
        {"auto_pad": "SAME_UPPER", "strides": [2, 3]},
        {"auto_pad": "SAME_LOWER", "strides": [2, 3]},
        {"auto_pad": "VALID", "strides": [2, 1]},
        {"auto_pad": "SAME_UPPER", "strides": [5, 4]},
        {"output_shape": [10, 8], "strides": [2, 2]},
        {"output_shape": [10, 9], "strides": [2, 2], "auto_pad": "SAME_UPPER"},
        {"output_shape": [9, 10], "strides": [2, 2], "auto_pad": "SAME_LOWER"},
    ],
)
def test_transposed_convolution_sizes(tmp_path, attributes):
    ops = [("ConvTranspose", [weights(2, 3, 4, 3)], attributes), ("Conv", [weights(2, 3, 3, 3)], {})]
    check(save(tmp_path / "m.onnx", (2, 5, 4), ops))


def test_transposed_convolution_of_a_signal(tmp_path):
    ops = [
        ("ConvTranspose", [weights(2, 3, 4), weights(3)], {"strides": [2], "pads": [1, 0], "output_padding": [1]}),
        ("PRelu", [np.array([[0.1], [0.2], [-0.3]], np.float32)], {}),
        ("Conv", [weights(2, 3, 3)], {}),
    ]
    cnn = check(save(tmp_path / "m.onnx", (2, 9), ops))
    assert kinds(cnn) == ["conv1", "wiring1", "conv2"]
    assert cnn.synapses[0].weight.shape == (6, 2, 1, 2)  # half the taps for each of two places


@pytest.mark.parametrize("mode", ["asymmetric", "half_pixel", "pytorch_half_pixel"])
@pytest.mark.parametrize("how", ["floor", "ceil", "round_prefer_floor", "round_prefer_ceil"])
def test_nearest_resizing(tmp_path, mode, how):
    attributes = {"mode": "nearest", "coordinate_transformation_mode": mode, "nearest_mode": how}
    for scales in ([1, 1, 2, 3], [1, 1, 0.5, 4], [1, 1, 1 / 3, 0.25]):
        ops = [("Resize", [None, np.array(scales, np.float32)], attributes), ("Conv", [weights(2, 3, 1, 1)], {})]
        check(save(tmp_path / "m.onnx", (3, 6, 8), ops, opset=19))
    ops = [("Resize", [None, None, ints(1, 3, 12, 2)], attributes), ("Conv", [weights(2, 3, 1, 1)], {})]
    check(save(tmp_path / "s.onnx", (3, 6, 8), ops, opset=19, batch=1), images=1)


@pytest.mark.parametrize(
    ("opset", "op"),
    [
        (7, ("Upsample", [], {"scales": [1.0, 1.0, 2.0, 3.0], "mode": "nearest"})),
        (9, ("Upsample", [np.array([1, 1, 2, 3], np.float32)], {})),
        (10, ("Resize", [np.array([1, 1, 2, 3], np.float32)], {"mode": "nearest"})),
        (18, ("Resize", [None, np.array([2, 3], np.float32)], {"mode": "nearest", "axes": [-2, 3]})),
        (13, ("Resize", [None, np.array([1, 1, 4], np.float32)], {"mode": "nearest"})),
    ],
)
def test_upsampling(tmp_path, opset, op):
    signal = len(op[1][-1]) == 3 if op[1] else False
    conv = ("Conv", [weights(2, 3, 2)] if signal else [weights(2, 3, 2, 2)], {})
    shape = (3, 6) if signal else (3, 4, 5)
    path = save(tmp_path / "m.onnx", shape, [op, RELU, conv], opset=opset)
    assert "wiring1" in kinds(check(path))


@pytest.mark.parametrize("old", [True, False], ids=["weights as inputs", "weights alone"])
def test_opset_6(tmp_path, old):
    """Broadcasting by attributes; onnxruntime reads such files no longer, so the same network is its own oracle."""
    rows = [
        ("Conv", [weights(4, 3, 3, 3)], {"kernel_shape": [3, 3]}),
        ("Add", [weights(4)], {"axis": 1, "broadcast": 1}),
        ("BatchNormalization", [weights(4), weights(4), weights(4), weights(4) ** 2], {"is_test": 1}),
        RELU,
        ("Mul", [weights(4)], {"axis": 1, "broadcast": 1}),
        ("Dropout", [], {"is_test": 1}),
        FLATTEN,
        ("Gemm", [weights(168, 5), weights(5)], {"broadcast": 1}),
    ]
    cnn = read_cnn(save(tmp_path / "6.onnx", IMAGE, rows, opset=6, old=old, batch=1))
    new = []
    for op, arrays, attributes in rows:
        column = [a[:, None, None] for a in arrays] if "axis" in attributes else arrays
        new.append((op, column, {"kernel_shape": [3, 3]} if op == "Conv" else {}))
    same = check(save(tmp_path / "17.onnx", IMAGE, new, batch=1), images=1)
    assert kinds(cnn) == kinds(same) == ["conv1", "scale1", "dense1"]
    x = weights(3, *IMAGE).astype(float)
    np.testing.assert_allclose(forward(cnn, x), forward(same, x), atol=1e-9)
    rows[2][2]["is_test"] = 0
    refused(save(tmp_path / "t.onnx", IMAGE, rows, opset=6, old=old, batch=1), "training mode", "model.eval()")


FORBIDDEN = {
    "kernel of another rank": (SIGNAL, [("Conv", [weights(4, 2, 3, 3)], {})], ["Conv '/conv/0'", "2-D", "1-D kernels"]),
    "pool of another rank": (
        SIGNAL,
        [("MaxPool", [], {"kernel_shape": [2, 2]})],
        ["MaxPool '/maxpool/0'", "1 (length)"],
    ),
    "pads of another rank": (
        SIGNAL,
        [("Conv", [weights(4, 2, 3)], {"pads": [1, 1, 1, 1]})],
        ["Conv '/conv/0'", "2 of zero or more (begin, end)"],
    ),
    "average of the padding": (
        IMAGE,
        [("AveragePool", [], {"kernel_shape": [2, 2], "pads": [2, 0, 0, 0]})],
        ["AveragePool '/averagepool/0'", "padding smaller"],
    ),
    "transposed convolution of other channels": (
        IMAGE,
        [("ConvTranspose", [weights(4, 2, 3, 3)], {})],
        ["ConvTranspose '/convtranspose/0'", "[4, 2, 3, 3]", "3 channels"],
    ),
    "huge strides": (IMAGE, [("ConvTranspose", [weights(3, 2, 3, 3)], {"strides": [10**6, 1]})], ["possible"]),
    "cubic": (
        IMAGE,
        [("Resize", [None, np.array([1, 1, 2, 2], np.float32)], {"mode": "cubic"})],
        ["Resize '/resize/0'", "interpolates (cubic)", "nearest"],
    ),
    "enlarged beyond memory": (
        IMAGE,
        [("Resize", [None, np.array([1, 1, 1e9, 2], np.float32)], {"mode": "linear"})],
        ["Resize '/resize/0'", "1 to"],
    ),
    "factor that is not whole": (
        IMAGE,
        [("Resize", [None, np.array([1, 1, 1.5, 2], np.float32)], {"mode": "nearest"})],
        ["Resize '/resize/0'", "9 pixels by 1.5", "whole factors"],
    ),
    "resized batch": (
        IMAGE,
        [("Resize", [None, np.array([2, 1, 1, 2], np.float32)], {"mode": "nearest"})],
        ["Resize '/resize/0'", "the batch"],
    ),
    "corners": (
        IMAGE,
        [("Resize", [None, np.array([1, 1, 2, 2], np.float32)], {"coordinate_transformation_mode": "align_corners"})],
        ["align_corners", "half_pixel"],
    ),
    "resized beyond memory": (
        IMAGE,
        [("Resize", [None, np.array([1, 1, 1e9, 2], np.float32)], {"mode": "nearest"})],
        ["Resize '/resize/0'", "1 to"],
    ),
    "maximum over the batch": ((4,), [("ReduceMax", [ints(0)], {})], ["ReduceMax '/reducemax/0'", "not the batch"]),
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_refused_layers(tmp_path, what):
    shape, ops, words = FORBIDDEN[what]
    refused(save(tmp_path / "m.onnx", shape, ops, opset=18), *words)
