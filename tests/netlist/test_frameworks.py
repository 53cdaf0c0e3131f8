"""Networks out of torch and Keras: what can be said without them, and the networks themselves where they are."""

import importlib.util
import sys

import numpy as np
import pytest
from conftest import RNG, save_model, small_nodes, small_weights

from resonet.core.errors import InputError
from resonet.netlist import from_keras, from_torch, read_cnn
from resonet.netlist.network.forward import propagate
from resonet.netlist.network.onnx.frameworks import _hold_against
from resonet.netlist.network.onnx.read import read_bytes

IMAGES = RNG(4).uniform(0, 1, (3, 1, 8, 8))


@pytest.mark.parametrize(("verb", "package"), [(from_torch, "torch"), (from_keras, "keras")])
def test_a_framework_that_is_missing_is_named(monkeypatch, verb, package):
    monkeypatch.setitem(sys.modules, package, None)
    arguments = (None, None) if verb is from_torch else (None,)
    with pytest.raises(
        InputError, match=rf"^{verb.__name__} needs {package}, which is not installed here: pip install"
    ):
        verb(*arguments)


def test_bytes_are_read_as_the_file_is(tmp_path):
    path = save_model(tmp_path / "small.onnx", small_nodes(), small_weights(), (1, 8, 8), "y")
    cnn, known = read_bytes(path.read_bytes(), "small"), read_cnn(path)
    assert (cnn.file, cnn.sha256, cnn.input_shape) == ("small", known.sha256, known.input_shape)
    assert np.array_equal(propagate(cnn, IMAGES), propagate(known, IMAGES))
    with pytest.raises(InputError, match=r"^it: is damaged or cut off"):
        read_bytes(path.read_bytes()[:200], "it")


def test_what_was_read_is_held_against_the_framework(tmp_path):
    cnn = read_cnn(save_model(tmp_path / "small.onnx", small_nodes(), small_weights(), (1, 8, 8), "y"))
    outputs = propagate(cnn, IMAGES)
    powers = np.exp(outputs)
    for wanted in (outputs, powers / powers.sum(1, keepdims=True), 1 / (1 + 1 / powers)):
        _hold_against(cnn, IMAGES, wanted, "Net")
    with pytest.raises(InputError, match=r"^Net: what was read of it differs by 1\.\de-01 of the largest output"):
        _hold_against(cnn, IMAGES, outputs + 0.1 * np.abs(outputs).max(), "Net")
    with pytest.raises(InputError, match=r"^Net: gives 2 outputs, what was read of it 3$"):
        _hold_against(cnn, IMAGES, outputs[:, :2], "Net")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_torch_module(tmp_path):
    torch = pytest.importorskip("torch")
    nn = torch.nn

    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU6())
            self.second = nn.Conv2d(8, 8, 3, padding=1)
            self.dense = nn.Linear(8, 5)

        def forward(self, x):
            x = self.first(x)
            return self.dense(torch.relu(x + self.second(x)).mean((2, 3)))

    torch.manual_seed(0)
    module = Residual().train()
    module.second.eval()
    images = torch.rand(4, 3, 10, 10)
    cnn = from_torch(module, images[:2], file=tmp_path / "kept.onnx")
    assert (module.training, module.first.training, module.second.training) == (True, True, False)
    with torch.no_grad():
        wanted = module.eval()(images).numpy()
    assert np.abs(propagate(cnn, images.numpy()) - wanted).max() < 1e-5 * np.abs(wanted).max()
    assert read_cnn(tmp_path / "kept.onnx").sha256 == cnn.sha256
    with pytest.raises(InputError, match=r"from_torch takes a torch\.nn\.Module, not builtins\.int"):
        from_torch(3, images)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_keras_model():
    keras = pytest.importorskip("keras")
    if keras.backend.backend() == "tensorflow" and importlib.util.find_spec("tf2onnx") is None:
        pytest.skip("Keras on tensorflow exports with tf2onnx")
    keras.utils.set_random_seed(0)
    layers = keras.layers
    image = keras.Input((10, 10, 3))
    one = layers.Conv2D(6, 3, padding="same", activation="relu")(image)
    two = layers.BatchNormalization()(layers.Conv2D(6, 3, padding="same")(one))
    pooled = layers.GlobalAveragePooling2D()(layers.ReLU()(layers.Add()([one, two])))
    model = keras.Model(image, layers.Dense(4, activation="softmax")(pooled))
    images = RNG(6).uniform(0, 1, (5, 10, 10, 3)).astype(np.float32)
    wanted = np.asarray(keras.ops.convert_to_numpy(model(images, training=False)))
    found = np.exp(propagate(from_keras(model), images))
    assert np.abs(found / found.sum(1, keepdims=True) - wanted).max() < 1e-5
