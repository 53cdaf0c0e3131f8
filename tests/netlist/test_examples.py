"""The shipped networks: they read, onnxruntime runs them, and they are as accurate as their training said."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from resonet.netlist.design.design import compile_cnn
from resonet.netlist.network.activations.oscillator import OscillatorActivation
from resonet.netlist.network.forward import propagate
from resonet.netlist.network.images import read_images
from resonet.netlist.network.onnx.read import read_cnn
from resonet.netlist.planning.scales import calibrated_scales

EXAMPLES = Path(__file__).parents[2] / "examples"
DIGITS = EXAMPLES / "digits"
NEURONS = ("relu", "three_terminal", "two_terminal")


def logits(path, images):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {"image": images.astype(np.float32)})[0]


@pytest.mark.parametrize("neurons", NEURONS)
def test_digits(neurons):
    path = DIGITS / f"digits_{neurons}.onnx"
    cnn, data = read_cnn(path), read_images(DIGITS / "digits_test.npz", (1, 8, 8))
    conv, dense = cnn.synapses
    assert (conv.weight.shape, dense.weight.shape) == ((4, 1, 3, 3), (10, 36, 1, 1))
    assert len(data.labels) == 450
    wanted = logits(path, data.images)
    assert np.abs(propagate(cnn, data.images) - wanted).max() < 1e-6 * np.abs(wanted).max()
    assert np.mean(wanted.argmax(1) == data.labels) > 0.95
    assert str(dense.activation) == "linear"
    assert getattr(conv.activation, "kind", str(conv.activation)) == neurons


def test_residual_digits():
    path = DIGITS / "digits_residual.onnx"
    cnn, data = read_cnn(path), read_images(DIGITS / "digits_test.npz", (1, 8, 8))
    assert [(layer.name, layer.series, [a.diagonal for a in layer.addends]) for layer in cnn.synapses] == [
        ("conv1", 9, []), ("conv2", 9, []), ("conv3", 5, [True]), ("dense1", 36, []),
    ]  # fmt: skip
    assert sum(len(layer.weight) * layer.series * layer.positions for layer in cnn.synapses) == 1188
    wanted = logits(path, data.images)
    assert np.abs(propagate(cnn, data.images) - wanted).max() < 1e-6 * np.abs(wanted).max()
    assert np.mean(wanted.argmax(1) == data.labels) > 0.95


@pytest.mark.parametrize("neurons", NEURONS[1:])
def test_digits_leave_room_below_the_clamp(neurons):
    cnn = read_cnn(DIGITS / f"digits_{neurons}.onnx")
    batch = read_images(DIGITS / "digits_calibration.npz", (1, 8, 8)).images
    law = cnn.synapses[0].activation
    assert isinstance(law, OscillatorActivation)
    assert (law.qnl, law.clamp, law.seed, law.scale) == (2, 4, 0.0105, 1)
    assert np.abs(cnn.synapses[0].weight).max() == pytest.approx(1, abs=1e-6)
    largest = calibrated_scales(cnn, batch)["dense1"].full_scale  # of the neurons' outputs
    assert law((0.8 * 4 - 1) / law.drive) < largest < law((0.95 * 4 - 1) / law.drive)


def test_digits_for_calibration_are_not_those_of_the_test():
    test, batch = (read_images(DIGITS / f"digits_{part}.npz", (1, 8, 8)) for part in ("test", "calibration"))
    for data in (test, batch):
        assert np.array_equal(data.images * 16, np.round(data.images * 16))
        assert (data.images.min(), data.images.max()) == (0, 1)
        assert set(data.labels) == set(range(10))
    seen = {image.tobytes() for image in batch.images}
    assert not any(image.tobytes() in seen for image in test.images)


def test_a_digit_network_compiles():
    design = compile_cnn(DIGITS / "digits_two_terminal.onnx")
    assert [(entry.chains, entry.layer.taps) for entry in design.plan.layers] == [(4, 9), (10, 36)]


@pytest.mark.slow
def test_mnist_with_three_terminal_neurons():
    path = EXAMPLES / "mnist" / "mnist_three_terminal.onnx"
    cnn, data = read_cnn(path), read_images(EXAMPLES / "mnist" / "mnist_test.npz", (1, 28, 28))
    wanted = logits(path, data.images)
    assert np.mean(wanted.argmax(1) == data.labels) > 0.99
    assert np.abs(propagate(cnn, data.images[:1000]) - wanted[:1000]).max() < 1e-6 * np.abs(wanted).max()
    assert [getattr(layer.activation, "kind", str(layer.activation)) for layer in cnn.synapses] == [
        "three_terminal",
        "three_terminal",
        "linear",
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "name", "shape", "least"),
    [
        ("fashion", "fashion_resnet20", (1, 28, 28), 0.93),
        ("fashion", "fashion_mobilenet", (1, 28, 28), 0.9),
        ("signals", "signals", (2, 128), 0.85),
    ],
)
def test_networks_of_the_field(folder, name, shape, least):
    path = EXAMPLES / folder / f"{name}.onnx"
    cnn, data = read_cnn(path), read_images(EXAMPLES / folder / f"{folder}_test.npz", shape)
    images, labels = data.images[:250], data.labels[:250]
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    [wanted] = session.run(None, {session.get_inputs()[0].name: images.astype(np.float32)})
    assert np.abs(propagate(cnn, images) - wanted).max() < 1e-5 * np.abs(wanted).max()
    assert np.mean(wanted.argmax(1) == labels) > least - 0.02
    assert b"/examples/" not in path.read_bytes()


def test_what_calibrates_a_network_is_not_its_test():
    for folder in ("fashion", "signals"):
        with np.load(EXAMPLES / folder / f"{folder}_test.npz") as test:
            seen = {image.tobytes() for image in test["images"]}
        with np.load(EXAMPLES / folder / f"{folder}_calibration.npz") as batch:
            assert not any(image.tobytes() in seen for image in batch["images"])
