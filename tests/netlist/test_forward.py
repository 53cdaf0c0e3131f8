"""Images through the circuit: exact where the weights are, whatever the offset, the padding and the groups."""

from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
from conftest import RNG, save_model
from onnx import helper

from resonet.core.errors import InputError
from resonet.cosim.weights.effective import EffectiveWeights, effective_weights
from resonet.cosim.weights.inference import accuracy, forward
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.network.forward import propagate
from resonet.netlist.network.images import ImageSet
from resonet.netlist.planning.scales import bounded_scales, calibrated_scales


def perfect(design, error=0.0, seed=0):
    """Effective weights that equal the trained ones, but for a random error."""
    rng = RNG(seed)
    return {
        layer.name: EffectiveWeights(
            layer=layer.name,
            method="coupled",
            values=layer.matrix + error * rng.normal(0, np.abs(layer.matrix).max(), layer.matrix.shape),
            trained=layer.matrix,
            crosstalk={},
            worst=None,
        )
        for layer in design.cnn.synapses
    }


@pytest.fixture(scope="module")
def varied_model(tmp_path_factory):
    """Everything that can go wrong at once: padding, groups, average and max pool, no ReLU, a layer of signed input."""
    rng = RNG(8)
    weights = {
        "w1": rng.normal(0, 0.5, (6, 2, 3, 3)),
        "b1": rng.normal(0, 0.2, 6),
        "w2": rng.normal(0, 0.5, (4, 3, 2, 2)),
        "w3": rng.normal(0, 0.5, (16, 5)),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["c"], pads=[1, 0, 2, 1]),  # signed: no ReLU after it
        helper.make_node("AveragePool", ["c"], ["a"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Conv", ["a", "w2"], ["d"], group=2, pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["d"], ["r"]),
        helper.make_node("MaxPool", ["r"], ["m"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["m"], ["f"]),
        helper.make_node("MatMul", ["f", "w3"], ["y"]),
    ]
    path = tmp_path_factory.mktemp("model") / "varied.onnx"
    return save_model(path, nodes, weights, (2, 8, 8), "y")


@pytest.fixture(scope="module")
def varied_images():
    return RNG(9).uniform(-1, 1, (20, 2, 8, 8))


def onnx_logits(path, images):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": images.astype(np.float32)})[0]


def test_software_is_onnxruntime(varied_model, varied_images):
    design = compile_cnn(varied_model, input_range=(-1, 1))
    assert propagate(design.cnn, varied_images) == pytest.approx(onnx_logits(varied_model, varied_images), abs=1e-5)


@pytest.mark.parametrize("calibrated", [True, False])
def test_perfect_weights_give_the_software_logits(varied_model, varied_images, calibrated):
    batch = ImageSet("batch", varied_images, np.empty(0, np.int64)) if calibrated else None
    design = compile_cnn(varied_model, calibration=batch, input_range=(-1, 1))
    assert [scale.offset > 0 for scale in design.scales.values()] == [True, True, True, False]  # signed until the ReLU
    wanted = onnx_logits(varied_model, varied_images)
    assert forward(design, perfect(design), varied_images) == pytest.approx(wanted, abs=1e-5)
    assert np.abs(forward(design, perfect(design, error=0.05), varied_images) - wanted).max() > 0.01


def test_the_circuit_of_a_varied_network_follows_its_software(varied_model, varied_images):
    batch = ImageSet("batch", varied_images, np.empty(0, np.int64))
    design = compile_cnn(varied_model, calibration=batch)
    effective = {layer.name: effective_weights(design, layer.name, "coupled") for layer in design.cnn.synapses}
    assert all(result.rms_error < 0.01 for result in effective.values())
    wanted = propagate(design.cnn, varied_images)
    found = forward(design, effective, varied_images)
    assert np.sqrt(np.mean((found - wanted) ** 2)) < 0.05 * np.abs(wanted).max()


def test_tones_are_held_within_their_largest_power(small_design, small_images):
    clipped = replace(
        small_design, scales={n: replace(s, full_scale=s.full_scale / 1e3) for n, s in small_design.scales.items()}
    )
    effective = perfect(small_design)
    assert not np.allclose(forward(clipped, effective, small_images), forward(small_design, effective, small_images))


def test_bounds_hold_every_image_and_calibration_just_holds_its_batch(small_design, small_images):
    bounds, measured = bounded_scales(small_design.cnn), calibrated_scales(small_design.cnn, small_images)
    for name, scale in measured.items():
        assert scale.full_scale <= bounds[name].full_scale
        assert scale.offset <= bounds[name].offset
    assert measured["conv1"].full_scale == small_images.max()


def test_accuracy_counts(small_design, small_images):
    logits = propagate(small_design.cnn, small_images)
    labels = logits.argmax(1)
    labels[:3] = (labels[:3] + 1) % 3
    data = ImageSet("test.npz", small_images, labels)
    found = accuracy(small_design, perfect(small_design), data)
    assert (found.images, found.software, found.circuit, found.same_class) == (12, 0.75, 0.75, 1.0)
    with pytest.raises(InputError, match=r"test.npz: no labels"):
        accuracy(small_design, perfect(small_design), replace(data, labels=np.empty(0, np.int64)))


def test_images_in_parts_give_what_all_at_once_give(varied_model, varied_images, monkeypatch):
    design = compile_cnn(varied_model, calibration=ImageSet("varied", varied_images, np.empty(0, np.int64)))
    held = perfect(design, 0.05)
    whole = propagate(design.cnn, varied_images), forward(design, held, varied_images)
    monkeypatch.setattr("resonet.netlist.network.forward.LARGE", 1000)
    monkeypatch.setattr("resonet.netlist.network.forward.PART", 5000)
    parts = propagate(design.cnn, varied_images), forward(design, held, varied_images)
    for one, other in zip(whole, parts, strict=True):
        assert np.array_equal(one, other)


def test_a_sum_of_signed_inputs_rides_on_one_offset(tmp_path):
    rng = RNG(3)
    weights = {
        "w1": rng.normal(0, 0.5, (3, 2, 3, 3)),
        "w2": rng.normal(0, 0.5, (3, 3, 3, 3)),
        "w3": rng.normal(0, 0.5, (108, 4)),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["a", "w2"], ["b"], pads=[1, 1, 1, 1]),
        helper.make_node("Add", ["a", "b"], ["s"]),  # a is signed: no activation before it
        helper.make_node("Flatten", ["s"], ["f"]),
        helper.make_node("MatMul", ["f", "w3"], ["y"]),
    ]
    path = save_model(tmp_path / "signed.onnx", nodes, weights, (2, 6, 6), "y")
    images = rng.uniform(0, 1, (5, 2, 6, 6))
    design = compile_cnn(path, calibration=ImageSet("signed", images, np.empty(0, np.int64)))
    assert design.scales["conv2"].offset > 0
    found = forward(design, perfect(design), images)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    [wanted] = session.run(None, {"x": images.astype(np.float32)})
    assert np.abs(found - wanted).max() < 1e-5 * np.abs(wanted).max()
