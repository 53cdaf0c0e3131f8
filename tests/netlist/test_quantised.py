"""Fake quantisation: codes read as numbers; weights on their grid, clamps kept, rounding in software only."""

import math

import numpy as np
import onnx
import onnxruntime
import pytest
from conftest import save_model
from onnx import TensorProto, helper, numpy_helper
from test_read_cnn import forward, kinds, refused, save_graph, weights

from resonet.core.errors import InputError
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.folder import load_design, write_design
from resonet.netlist.network.activations.base import Fit
from resonet.netlist.network.activations.clamps import RELU, Clip
from resonet.netlist.network.activations.leaky_relu import LeakyRelu
from resonet.netlist.network.activations.linear import LINEAR
from resonet.netlist.network.activations.rounded import Rounded
from resonet.netlist.network.activations.tanh import Tanh
from resonet.netlist.network.forward import propagate
from resonet.netlist.network.onnx.read import read_cnn

SHAPE = (2, 6, 6)
POINT = {np.uint8: "u8", np.int8: "s8"}


def arrays(**more):
    """Weights in codes with a scale a channel, scales, zero points."""
    rng = np.random.default_rng(5)
    found = {
        "w": rng.integers(-127, 128, (4, 2, 3, 3), np.int8),
        "ws": rng.uniform(0.001, 0.004, 4).astype(np.float32),
        "wz": np.zeros(4, np.int8),
        "b": rng.integers(-400, 400, 4, np.int32),
        "m": rng.integers(-127, 128, (64, 3), np.int8),
        "ms": np.float32(0.003),
        "mz": np.int8(0),
        "xs": np.float32(0.02),
        "xz": np.uint8(128),
        "ys": np.float32(0.013),
        "yz": np.uint8(0),
        "zs": np.float32(0.05),
        "zz": np.uint8(121),
        "shape": np.array([-1, 64]),
    }
    found |= more
    return [numpy_helper.from_array(np.asarray(value), name) for name, value in found.items()]


def node(op, inputs, output, **attributes):
    return helper.make_node(op, inputs.split(","), [output], name=f"/{output}", **attributes)


def pair(x, scale, zero, result):
    return [
        node("QuantizeLinear", f"{x},{scale},{zero}", f"{result}_q"),
        node("DequantizeLinear", f"{result}_q,{scale},{zero}", result),
    ]


def qdq():
    return [
        *pair("image", "xs", "xz", "x"),
        node("DequantizeLinear", "w,ws,wz", "wf", axis=0),
        node("Mul", "xs,ws", "bs"),
        node("DequantizeLinear", "b,bs", "bf", axis=0),
        node("Conv", "x,wf,bf", "c", pads=[1, 1, 1, 1]),
        *pair("c", "ys", "yz", "y"),
        node("MaxPool", "y", "p", kernel_shape=[3, 3], strides=[1, 1]),
        *pair("p", "ys", "yz", "pp"),
        node("Reshape", "pp,shape", "f"),
        node("DequantizeLinear", "m,ms,mz", "mf"),
        node("MatMul", "f,mf", "z"),
        *pair("z", "zs", "zz", "out"),
    ]


def qoperator():
    """The same, its operators on codes."""
    return [
        node("QuantizeLinear", "image,xs,xz", "x"),
        node("QLinearConv", "x,xs,xz,w,ws,wz,ys,yz,b", "c", pads=[1, 1, 1, 1]),
        node("MaxPool", "c", "p", kernel_shape=[3, 3], strides=[1, 1]),
        node("Reshape", "p,shape", "f"),
        node("QLinearMatMul", "f,ys,yz,m,ms,mz,zs,zz", "z"),
        node("DequantizeLinear", "z,zs,zz", "out"),
    ]


def compare(path, seed=0, images=3, domain=None):
    cnn = read_cnn(path)
    x = np.random.default_rng(seed).normal(size=(images, *cnn.input_shape)).astype(np.float32)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    expected = session.run(None, {"image": x})[0].reshape(images, -1).astype(float)
    np.testing.assert_allclose(propagate(cnn, x), expected, atol=1e-5 * np.abs(expected).max())
    np.testing.assert_allclose(forward(cnn, x), propagate(cnn, x), atol=1e-9)
    return cnn


@pytest.mark.parametrize("build", [qdq, qoperator])
def test_same_numbers_as_onnxruntime(tmp_path, build):
    cnn = compare(save_graph(tmp_path / "m.onnx", SHAPE, build(), arrays(), ["out"], opset=13))
    assert kinds(cnn) == ["conv1", "maxpool1", "dense1"]
    conv, dense = cnn.synapses
    assert conv.activation == Rounded(0.0, 255 * float(np.float32(0.013)), float(np.float32(0.013)))
    assert dense.activation.low == pytest.approx(-121 * 0.05)
    scale = numpy_helper.to_array(arrays()[1]).astype(float)
    codes = conv.weight / scale[:, None, None, None]
    np.testing.assert_allclose(codes, np.round(codes), atol=1e-4)
    assert cnn.front is not None  # pixels are rounded by the sources of their tones
    assert cnn.front.activation.step == pytest.approx(0.02)
    assert any("hardware keeps the clamp and rounds nothing" in note for note in cnn.notes)


def test_gemm_of_microsoft(tmp_path):
    rows = [
        node("QuantizeLinear", "image,xs,xz", "x"),
        helper.make_node(
            "QGemm", ["x", "xs", "xz", "g", "ms", "mz", "gb", "zs", "zz"], ["y"], domain="com.microsoft", transB=1
        ),
        node("DequantizeLinear", "y,zs,zz", "out"),
    ]
    codes = np.random.default_rng(6).integers(-127, 128, (3, 8), np.int8)
    more = {"g": codes, "gb": np.array([10, -500, 30], np.int32)}
    domain = helper.make_opsetid("com.microsoft", 1)
    path = save_graph(
        tmp_path / "m.onnx", (8,), rows, arrays(**more), ["out"], opset=13, edit=lambda m: m.opset_import.append(domain)
    )
    assert kinds(compare(path)) == ["dense1"]


def test_few_bits_by_a_clip_of_codes(tmp_path):
    """As Brevitas writes 4 bits."""
    rows = [
        node("DequantizeLinear", "w,ws,wz", "wf", axis=0),
        node("Conv", "image,wf", "c"),
        node("Relu", "c", "r"),
        node("QuantizeLinear", "r,ys,yz", "q"),
        node("Clip", "q,lo,hi", "k"),
        node("DequantizeLinear", "k,ys,yz", "d"),
        node("Reshape", "d,shape", "f"),
        node("MatMul", "f,mf", "out"),
    ]
    more = {"lo": np.uint8(0), "hi": np.uint8(15), "mf": weights(64, 3), "ys": np.float32(0.1)}
    cnn = compare(save_graph(tmp_path / "m.onnx", SHAPE, rows, arrays(**more), ["out"], opset=13))
    assert cnn.synapses[0].activation == Rounded(0.0, 15 * float(np.float32(0.1)), float(np.float32(0.1)))


def test_qonnx(tmp_path):
    """Quant of weights, of pixels and of outputs; onnxruntime does not know it, its text does."""
    custom = "qonnx.custom_op.general"
    rows = [
        helper.make_node("Quant", ["w", "s", "zero", "four"], ["wq"], domain=custom, signed=1, narrow=1),
        helper.make_node("MatMul", ["image", "wq"], ["h"]),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("Quant", ["r", "t", "zero", "three"], ["rq"], domain=custom, signed=0, narrow=0),
        helper.make_node("MatMul", ["rq", "v"], ["out"]),
    ]
    w, v = weights(6, 5), weights(5, 3)
    held = {"w": w, "v": v, "s": 0.1, "t": 0.25, "zero": 0.0, "four": 4.0, "three": 3.0}
    path = save_model(tmp_path / "m.onnx", [], {}, (6,), "out")
    model = onnx.load(path)
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.input[0].name = "image"
    model.graph.node.extend(rows)
    model.graph.initializer.extend(numpy_helper.from_array(np.float32(a), n) for n, a in held.items())
    model.opset_import.append(helper.make_opsetid(custom, 1))
    path.write_bytes(model.SerializeToString())
    cnn = read_cnn(path)
    x = weights(4, 6).astype(float)
    s, t = float(np.float32(0.1)), 0.25
    hidden = x @ (s * np.clip(np.rint(w / np.float32(0.1)), -7, 7))
    expected = t * np.clip(np.rint(np.maximum(hidden, 0) / t), 0, 7) @ v
    np.testing.assert_allclose(propagate(cnn, x), expected, atol=1e-5)
    model.graph.node[3].attribute.append(helper.make_attribute("rounding_mode", "FLOOR"))
    path.write_bytes(model.SerializeToString())
    refused(path, "Quant", "rounding_mode ROUND")


def test_integers_of_the_image(tmp_path):
    """A UINT8 input that begins with its DequantizeLinear."""
    rows = [node("DequantizeLinear", "image,xs,xz", "x"), node("MatMul", "x,mf", "out")]
    path = save_graph(
        tmp_path / "m.onnx", (6,), rows, arrays(mf=weights(6, 3)), ["out"], opset=13, dtype=TensorProto.UINT8
    )
    cnn = read_cnn(path)
    x = np.random.default_rng(1).integers(0, 256, (3, 6)).astype(np.uint8)
    [expected] = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"]).run(
        None, {"image": x}
    )
    np.testing.assert_allclose(propagate(cnn, x), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("image", [TensorProto.FLOAT, TensorProto.UINT8])
def test_operators_of_integers(tmp_path, image):
    """ConvInteger and MatMulInteger of numbers with a scale that is stored, or of an image of integers."""
    first = "x_q" if image == TensorProto.FLOAT else "image"
    rows = [node("QuantizeLinear", "image,xs,xz", "x_q")] if image == TensorProto.FLOAT else []
    rows += [
        node("ConvInteger", f"{first},w,xz,w0", "c_i", pads=[1, 1, 1, 1], strides=[2, 2]),
        node("Cast", "c_i", "c_f", to=TensorProto.FLOAT),
        node("Mul", "c_f,cs", "c"),
        node("Relu", "c", "r"),
        node("QuantizeLinear", "r,ys,yz", "r_q"),
        node("Reshape", "r_q,flat", "f_q"),
        node("MatMulInteger", "f_q,m,yz", "d_i"),
        node("Cast", "d_i", "d_f", to=TensorProto.FLOAT),
        node("Mul", "d_f,ms", "out"),
    ]
    rng = np.random.default_rng(6)
    more = {"w0": np.int8(3), "cs": np.float32(0.00008), "m": rng.integers(-127, 128, (36, 3), np.int8)}
    held = arrays(**more, flat=np.array([-1, 36]))
    path = save_graph(tmp_path / "m.onnx", SHAPE, rows, held, ["out"], opset=13, dtype=image)
    x = rng.integers(0, 256, (3, *SHAPE)).astype(np.uint8)
    x = x if image == TensorProto.UINT8 else (rng.uniform(-2, 2, (3, *SHAPE))).astype(np.float32)
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    [expected] = session.run(None, {"image": x})
    cnn = read_cnn(path)
    np.testing.assert_allclose(propagate(cnn, x), expected, atol=1e-5 * np.abs(expected).max())
    assert [layer.kind for layer in cnn.synapses] == ["conv", "dense"]
    if image == TensorProto.FLOAT:
        rows[1].input[2] = "yz"
        refused(
            save_graph(tmp_path / "z.onnx", SHAPE, rows, held, ["out"], opset=13, dtype=image),
            "ConvInteger '/c_i'",
            "takes 0 as zero of numbers whose zero is 128",
        )


def test_refused(tmp_path):
    dynamic = [
        helper.make_node("DynamicQuantizeLinear", ["image"], ["x", "s", "z"], name="/dynamic"),
        node("MatMulInteger", "x,m,z,mz", "y"),
    ]
    refused(save_graph(tmp_path / "d.onnx", (64,), dynamic, arrays(), ["y"]), "'/dynamic'", "static quantisation")
    sine = [node("QuantizeLinear", "image,xs,xz", "x"), node("Softmax", "x", "y")]
    refused(save_graph(tmp_path / "s.onnx", (64,), sine, arrays(), ["y"]), "Softmax '/y'", "DequantizeLinear")
    each = [*pair("image", "ws", "wz", "x"), node("Reshape", "x,shape", "f"), node("MatMul", "f,m", "y")]
    refused(
        save_graph(tmp_path / "e.onnx", (4, 4, 4), each, arrays(), ["y"]), "4 numbers as scale", "one for the tensor"
    )
    zero = [*pair("image", "none", "xz", "x"), node("MatMul", "x,mf", "y")]
    more = {"none": np.float32(0), "mf": weights(64, 3)}
    refused(save_graph(tmp_path / "z.onnx", (64,), zero, arrays(**more), ["y"]), "scale above zero")
    ours = [helper.make_node("Rounded", ["image", "xs", "xz"], ["x"], domain="resonet.read"), sine[0]]
    refused(save_graph(tmp_path / "o.onnx", (64,), ours, arrays(), ["x"]), "domain 'resonet.read'")


def test_rounded_activation():
    law = Rounded(-1.0, 3.0, 0.25)
    z = np.array([-5, -0.3, 0.125, 0.375, 0.5, 2.9, 7, math.nan])
    np.testing.assert_array_equal(law(z), [-1, -0.25, 0, 0.5, 0.5, 3, 3, math.nan])
    assert law.after(RELU) == Rounded(0.0, 3.0, 0.25)
    assert law.after(Clip(-0.6, 2.0)) == Rounded(-0.5, 2.0, 0.25)
    assert law.after(law) == law
    assert law.after(Rounded(-8.0, 8.0, 0.25)) == law
    assert law.after(Rounded(-1.0, 3.0, 0.5)) is None
    assert RELU.after(law) == Rounded(0.0, 3.0, 0.25)
    assert law.built(Fit(8, -1, 1)) == Clip(-1.0, 3.0)
    error = law.neuron(Fit(8, -2, 5)).error
    assert error is not None
    assert error.largest == pytest.approx(0.125 / 4)
    assert law.range(-0.3, 9) == (-0.25, 3.0)
    for low, high, step in ((0, 0, 1), (1, 2, 1), (0, math.inf, 1), (0, 1, 0), (0, 1, math.nan)):
        with pytest.raises(InputError, match="possible: finite steps"):
            Rounded(float(low), float(high), step)


@pytest.mark.parametrize("of", [Tanh(), LeakyRelu((0.1,))], ids=str)
def test_rounding_of_other_functions(of):
    law = Rounded(-0.75, 1.0, 0.125).after(of)
    assert law is not None
    z = np.linspace(-3, 3, 1001)
    fit = Fit(16, -3.0, 3.0)
    built, error = law.built(fit), law.neuron(fit).error
    assert np.abs(law(z) - np.clip(of(z), -0.75, 1)).max() <= 0.0625 + 1e-6
    assert np.abs(built(z) - law(z)).max() <= error.largest * np.ptp(np.clip(of(z), -0.75, 1)) * (1 + 1e-3)
    assert law.rises


def test_design_says_how_far_rounding_is_off(tmp_path):
    path = save_graph(tmp_path / "m.onnx", SHAPE, qdq(), arrays(), ["out"], opset=13)
    design = compile_cnn(path)
    write_design(design, path, tmp_path / "build")
    loaded = load_design(tmp_path / "build")
    assert loaded.built.synapses[0].activation == Clip(0.0, 255 * float(np.float32(0.013)))
    assert "neuron_error_max" in (tmp_path / "build" / "design.toml").read_text()
    assert LINEAR.on_pixels
