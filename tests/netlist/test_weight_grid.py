"""Grids of codes that weights were trained on: kept through reading, folding, scales of neurons and design folders."""

import numpy as np
import onnx
import pytest
from conftest import save_model
from onnx import helper, numpy_helper
from test_quantised import SHAPE, arrays, node, qdq, qoperator
from test_read_cnn import save_graph, weights

from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.folder import load_design, write_design
from resonet.netlist.network.neuron_scales import scaled_network
from resonet.netlist.network.onnx.read import read_cnn
from resonet.netlist.network.weight_grid import WeightGrid


def held(name, **more):
    """A stored array of these networks."""
    return next(numpy_helper.to_array(a) for a in arrays(**more) if a.name == name)


def codes_of(layer):
    """Codes of a layer's weights, which give them back to single precision."""
    grid = layer.grid
    found = grid.codes(layer.weight)
    np.testing.assert_allclose(grid.step * (found - grid.zero), layer.weight, rtol=1e-6, atol=1e-12)
    assert grid.lowest <= found.min() <= found.max() <= grid.highest
    return found


@pytest.mark.parametrize("build", [qdq, qoperator])
def test_codes_are_those_of_the_file(tmp_path, build):
    cnn = read_cnn(save_graph(tmp_path / "m.onnx", SHAPE, build(), arrays(), ["out"], opset=13))
    conv, dense = cnn.synapses
    np.testing.assert_array_equal(codes_of(conv), held("w"))
    np.testing.assert_array_equal(codes_of(dense)[:, :, 0, 0], held("m").T)
    np.testing.assert_allclose(conv.grid.step.ravel(), held("ws"), rtol=1e-6)
    assert (conv.grid.by_neuron, dense.grid.by_neuron, conv.grid.bits, conv.grid.levels) == (True, False, 8, 256)


def layers(tmp_path, rows, more, shape=SHAPE, opset=13, **edit):
    return read_cnn(save_graph(tmp_path / "m.onnx", shape, rows, arrays(**more), ["out"], opset=opset, **edit)).synapses


def test_quantised_constants_clip_and_transpose(tmp_path):
    """Weights of 4 bits as Brevitas writes them: QuantizeLinear, Clip of codes, DequantizeLinear; then a Transpose."""
    rows = [
        node("QuantizeLinear", "v,vs,vz", "q"),
        node("Clip", "q,lo,hi", "k"),
        node("DequantizeLinear", "k,vs,vz", "d"),
        node("Transpose", "d", "t", perm=[1, 0]),
        node("Gemm", "image,t", "out", alpha=-0.5),
    ]
    v = weights(5, 6)
    more = {"v": v, "vs": np.float32(0.1), "vz": np.int8(2), "lo": np.int8(-8), "hi": np.int8(7)}
    [dense] = layers(tmp_path, rows, more, (6,))
    assert (dense.grid.lowest, dense.grid.highest, dense.grid.bits) == (-8, 7, 4)
    np.testing.assert_array_equal(codes_of(dense)[:, :, 0, 0], np.clip(np.rint(v / np.float32(0.1)) + 2, -8, 7))
    assert dense.grid.step.ravel() == pytest.approx([-0.05], rel=1e-6)


@pytest.mark.parametrize("each", [True, False])
def test_unsigned_codes_with_zero_points(tmp_path, each):
    """Asymmetric weights of a transposed matrix: scales and zero points by its columns, or one of each."""
    rng = np.random.default_rng(3)
    codes = rng.integers(0, 256, (6, 5)).astype(np.uint8)
    scale, zero = rng.uniform(0.01, 0.02, 5).astype(np.float32), np.array([100, 128, 0, 255, 7], np.uint8)
    scale, zero = (scale, zero) if each else (scale[0], zero[0])
    rows = [node("DequantizeLinear", "k,ks,kz", "f", axis=1), node("MatMul", "image,f", "out")]
    [dense] = layers(tmp_path, rows, {"k": codes, "ks": scale, "kz": zero}, (6,))
    np.testing.assert_array_equal(codes_of(dense)[:, :, 0, 0], codes.T)
    np.testing.assert_array_equal(dense.grid.zero.ravel(), zero.ravel())
    assert (dense.grid.lowest, dense.grid.highest, dense.grid.by_neuron) == (0, 255, each)


def test_quant_of_qonnx(tmp_path):
    path = save_model(tmp_path / "m.onnx", [], {}, (6,), "out")
    model = onnx.load(path)
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.input[0].name = "image"
    custom = "qonnx.custom_op.general"
    quant = helper.make_node("Quant", ["w", "s", "zero", "three"], ["wq"], domain=custom, signed=1, narrow=1)
    model.graph.node.extend([quant, helper.make_node("MatMul", ["image", "wq"], ["out"])])
    scale = np.array([[0.1, 0.2, 0.05, 0.4, 0.3]], np.float32)
    stored = {"w": weights(6, 5), "s": scale, "zero": np.float32(0), "three": np.float32(3)}
    model.graph.initializer.extend(numpy_helper.from_array(a, n) for n, a in stored.items())
    model.opset_import.append(helper.make_opsetid(custom, 1))
    path.write_bytes(model.SerializeToString())
    [dense] = read_cnn(path).synapses
    assert (dense.grid.lowest, dense.grid.highest, dense.grid.bits) == (-3, 3, 3)
    np.testing.assert_allclose(dense.grid.step.ravel(), scale[0])
    np.testing.assert_array_equal(codes_of(dense)[:, :, 0, 0], np.clip(np.rint(stored["w"] / scale), -3, 3).T)


def test_operators_of_integers(tmp_path):
    rows = [
        node("QuantizeLinear", "image,xs,xz", "x"),
        node("ConvInteger", "x,w,xz,w0", "c_i"),
        node("Cast", "c_i", "c_f", to=1),
        node("Mul", "c_f,cs", "out"),
    ]
    scale = np.array([1e-4, 3e-4, -2e-4, 5e-4], np.float32).reshape(4, 1, 1)
    [conv] = layers(tmp_path, rows, {"w0": np.int8(3), "cs": scale})
    np.testing.assert_array_equal(codes_of(conv), held("w"))
    np.testing.assert_allclose(conv.grid.step.ravel(), scale.ravel() / np.float32(0.02), rtol=1e-6)
    assert conv.grid.zero.ravel() == 3


def test_factors_fold_into_the_steps(tmp_path):
    """Batch normalisation behind, a scale of each channel before: steps by neuron and input."""
    rows = [
        node("Mul", "image,before", "x"),
        node("DequantizeLinear", "w,ws,wz", "wf", axis=0),
        node("Conv", "x,wf", "c"),
        node("BatchNormalization", "c,gain,shift,mean,var", "out", epsilon=0.0),
    ]
    gain, var = np.array([1, -2, 0.5, 3], np.float32), np.array([1, 4, 0.25, 2], np.float32)
    before = np.array([2, 0.5], np.float32).reshape(1, 2, 1, 1)
    more = {"before": before, "gain": gain, "shift": gain, "mean": var, "var": var}
    [conv] = layers(tmp_path, rows, more)
    expected = (held("ws") * gain / np.sqrt(var))[:, None] * before.reshape(1, 2)
    np.testing.assert_allclose(conv.grid.step[..., 0, 0], expected, rtol=1e-6)
    np.testing.assert_array_equal(codes_of(conv), held("w"))


@pytest.mark.parametrize("groups", [1, 2])
def test_transposed_convolution(tmp_path, groups):
    """A scale for each output channel of a group, and places between pixels; taps that are not there have code zero."""
    rng = np.random.default_rng(1)
    w = rng.integers(-7, 8, (2, 3, 3, 3)).astype(np.int8)
    rows = [
        node("DequantizeLinear", "t,ts,tz", "tf", axis=1),
        node("ConvTranspose", "image,tf", "out", strides=[2, 2], group=groups),
    ]
    scale = np.array([0.1, 0.3, 0.02], np.float32)
    [conv] = layers(tmp_path, rows, {"t": w, "ts": scale, "tz": np.zeros(3, np.int8)})
    np.testing.assert_allclose(conv.grid.step.ravel(), np.tile(np.repeat(scale, 4), groups), rtol=1e-6)
    assert sorted(np.abs(codes_of(conv)).ravel())[-w.size :] == sorted(np.abs(w).ravel())


def test_residual_sums_keep_each_grid(tmp_path):
    rows = [
        node("DequantizeLinear", "w,ws,wz", "wf", axis=0),
        node("Conv", "image,wf", "a", pads=[1, 1, 1, 1]),
        node("Relu", "a", "r"),
        node("DequantizeLinear", "u,us,wz", "uf", axis=0),
        node("Conv", "r,uf", "g"),
        node("Conv", "image,k", "c"),
        node("Add", "g,c", "s"),
        node("Add", "s,r", "out"),
    ]
    u = np.random.default_rng(2).integers(-7, 8, (4, 4, 1, 1)).astype(np.int8)
    more = {"u": u, "us": np.full(4, 0.1, np.float32), "k": weights(4, 2, 1, 1)}
    _, both = layers(tmp_path, rows, more)
    grids = {part.weight.shape[1]: part.grid for part in (both, *both.addends)}
    np.testing.assert_array_equal(grids[4].codes(both.weight if both.weight.shape[1] == 4 else u), u)
    assert grids[2] is None
    assert grids[1] is None  # an identity


def test_what_lies_on_no_grid_of_neurons_has_none(tmp_path):
    """Scales of blocks of inputs, float weights, and a constant that is changed on its way."""
    rows = [node("DequantizeLinear", "m,bs", "mf", axis=0, block_size=16), node("MatMul", "image,mf", "out")]
    scale = np.random.default_rng(1).uniform(0.01, 0.02, (4, 3)).astype(np.float32)
    [dense] = layers(tmp_path, rows, {"bs": scale}, (64,), opset=21)
    assert dense.grid is None
    changed = [
        node("DequantizeLinear", "m,ms,mz", "mf"),
        node("Add", "mf,off", "mo"),
        node("MatMul", "image,mo", "out"),
    ]
    [dense] = layers(tmp_path, changed, {"off": np.float32(0.001)}, (64,))
    assert dense.grid is None
    [dense] = layers(tmp_path, [node("MatMul", "image,v", "out")], {"v": weights(6, 3)}, (6,))
    assert dense.grid is None


def test_scales_of_neurons_and_folders_keep_the_grid(tmp_path):
    rows = [*qdq()[2:5], node("Conv", "image,wf,bf", "c"), node("Relu", "c", "y"), node("Reshape", "y,shape", "f")]
    rows += [node("DequantizeLinear", "m,ms,mz", "mf"), node("MatMul", "f,mf", "out")]
    path = save_graph(tmp_path / "m.onnx", SHAPE, rows, arrays(), ["out"], opset=13)
    cnn = read_cnn(path)
    scaled = scaled_network(cnn, {"conv1": np.array([0, 3, -2, 1])})
    for before, after in zip(cnn.synapses, scaled.synapses, strict=True):
        np.testing.assert_array_equal(codes_of(after), codes_of(before))
    assert scaled.synapses[1].grid.step.shape == (1, 64, 1, 1)
    design = compile_cnn(path)
    write_design(design, path, tmp_path / "build")
    for before, after in zip(design.cnn.synapses, load_design(tmp_path / "build").cnn.synapses, strict=True):
        np.testing.assert_array_equal(codes_of(after), codes_of(before))


def test_a_neuron_times_zero_has_codes_still():
    grid = WeightGrid(np.full((2, 1, 1, 1), 0.5), np.full((1, 1, 1, 1), 1.0), -8, 7).times(
        np.array([1.0, 0.0]).reshape(2, 1, 1, 1)
    )
    weight = np.array([[1.0], [0.0]]).reshape(2, 1, 1, 1)
    assert grid.fits(weight)
    np.testing.assert_array_equal(grid.codes(weight).ravel(), [3, 1])
    assert not grid.fits(weight + 0.1)
    assert not grid.fits(10 * weight)
