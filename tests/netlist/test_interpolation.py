"""Linear enlargement against onnxruntime."""

import numpy as np
import pytest
from test_read_cnn import CONV, IMAGE, RELU, check, refused, save, weights

HEAD = ("Conv", [weights(2, 3, 2, 2)], {})


def resize(*scales, **attributes):
    return ("Resize", [None, np.array([1, *scales], np.float32)], {"mode": "linear", **attributes})


@pytest.mark.parametrize("mode", ["half_pixel", "pytorch_half_pixel", "asymmetric"])
@pytest.mark.parametrize("scales", [(1, 2, 2), (1, 3, 1), (1, 1, 4), (1, 2, 5)])
def test_whole_factors(tmp_path, mode, scales):
    cnn = check(save(tmp_path / "m.onnx", IMAGE, [resize(*scales, coordinate_transformation_mode=mode), HEAD]))
    assert len(cnn.synapses) == 2


def test_after_neurons_of_a_signal_and_of_old_files(tmp_path):
    ops = [CONV, RELU, resize(1, 2, 2), ("Conv", [weights(2, 4, 3, 3)], {})]
    check(save(tmp_path / "m.onnx", IMAGE, ops))
    signal = ("Resize", [None, np.array([1, 1, 2], np.float32)], {"mode": "linear"})
    check(save(tmp_path / "s.onnx", (3, 7), [signal, ("Conv", [weights(2, 3, 3)], {})]))
    old = ("Upsample", [np.array([1, 1, 2, 2], np.float32)], {"mode": "linear"})
    check(save(tmp_path / "o.onnx", IMAGE, [old, HEAD], opset=9))
    one = [("GlobalAveragePool", [], {}), resize(1, 3, 3), RELU]
    check(save(tmp_path / "p.onnx", IMAGE, one))


@pytest.mark.parametrize(
    ("ops", "words"),
    [
        (resize(1, 0.5, 1), "by whole factors"),
        (resize(2, 1, 1), "by whole factors"),
        (resize(1, 1.5, 1), "whole factors"),
        (resize(1, 2, 2, mode="cubic"), "interpolates (cubic)"),
        (resize(1, 2, 2, coordinate_transformation_mode="align_corners"), "align_corners"),
    ],
)
def test_what_has_no_fixed_weights_is_refused(tmp_path, ops, words):
    refused(save(tmp_path / "m.onnx", IMAGE, [ops, HEAD], opset=18), "Resize '/resize/0'", words)
