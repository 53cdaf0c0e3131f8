"""Normalisation of the input by the sources of the pixels' tones: no layer of its own, same numbers everywhere."""

from dataclasses import replace

import numpy as np
import pytest
from test_read_cnn import FLATTEN, RELU, check, kinds, save, weights

from resonet.cosim.cascade.two_pass import trained_stages
from resonet.cosim.weights.effective import effective_weights
from resonet.cosim.weights.engines import linear
from resonet.cosim.weights.inference import accuracy, forward
from resonet.netlist.cascade.building import parallel_network
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.folder import load_design, write_design
from resonet.netlist.network.forward import classes, propagate
from resonet.netlist.network.images import ImageSet
from resonet.netlist.network.onnx.read import read_cnn
from resonet.netlist.planning.scales import bounded_ranges, calibrated_ranges

MEAN, STD = np.array([0.48, 0.45, 0.4], np.float32), np.array([0.22, 0.23, 0.25], np.float32)
PADDED = ("Conv", [weights(4, 3, 3, 3), weights(4)], {"pads": [1, 1, 1, 1], "strides": [2, 2]})
NORMALISED = [("Sub", [MEAN[:, None, None]], {}), ("Div", [STD[:, None, None]], {}), PADDED]
HEAD = [RELU, FLATTEN, ("Gemm", [weights(36, 3), weights(3)], {})]


@pytest.fixture
def model(tmp_path):
    return save(tmp_path / "m.onnx", (3, 5, 6), [*NORMALISED, *HEAD])


def test_padding_is_zero_behind_the_normalisation(model):
    cnn = check(model)
    assert kinds(cnn) == ["conv1", "dense1"]
    assert cnn.front is not None
    np.testing.assert_allclose(cnn.front.gain[:, 0, 0], 1 / STD, rtol=1e-6)
    np.testing.assert_allclose(cnn.front.offset[:, 1, 2], -MEAN / STD, rtol=1e-6)
    assert "the sources of the pixels' tones" in cnn.notes[-1]


def test_channels_last(tmp_path):
    ops = [("Transpose", [], {"perm": [0, 3, 1, 2]}), *NORMALISED, *HEAD]
    cnn = check(save(tmp_path / "m.onnx", (5, 6, 3), ops))
    assert kinds(cnn) == ["wiring1", "conv1", "dense1"]
    assert cnn.front is not None
    np.testing.assert_allclose(cnn.front.gain[2, 3], 1 / STD, rtol=1e-6)


def test_padding_before_stays_a_layer(tmp_path):
    pad = ("Pad", [np.array([0, 0, 1, 0, 0, 0, 0, 0])], {})
    assert check(save(tmp_path / "m.onnx", (3, 4, 6), [pad, *NORMALISED, *HEAD])).front is None


def test_alone_it_is_the_network(tmp_path):
    assert kinds(check(save(tmp_path / "m.onnx", (3, 4, 6), NORMALISED[:2]))) == ["scale1"]


def test_every_path_takes_the_same(model, tmp_path):
    """Software, sequential circuit, parallel stages and bounds see what the sources send."""
    design = compile_cnn(model)
    write_design(design, model, tmp_path / "build")
    design = load_design(tmp_path / "build")
    x = np.random.default_rng(4).uniform(size=(20, 3, 5, 6))
    logits = propagate(design.cnn, x)
    stages = trained_stages(parallel_network(design.cnn), x)
    np.testing.assert_allclose(stages[-1].sums, logits, atol=1e-9)
    held = {name: effective_weights(design, name, "coupled", engine=linear) for name in ("conv1", "dense1")}
    exact = {name: replace(weights, values=weights.trained) for name, weights in held.items()}
    np.testing.assert_allclose(forward(design, exact, x), logits, atol=1e-9 * np.abs(logits).max())
    shares = accuracy(design, held, ImageSet("x.npz", x, classes(logits)))
    assert shares.software == 1
    assert shares.clipped["conv1"] == 0
    scale = calibrated_ranges(read_cnn(model), x).scales["conv1"]
    bound = bounded_ranges(read_cnn(model)).scales["conv1"]
    assert scale.offset == pytest.approx(float((MEAN / STD).max()), rel=0.05)
    assert bound.offset >= scale.offset
    assert bound.full_scale >= scale.full_scale
