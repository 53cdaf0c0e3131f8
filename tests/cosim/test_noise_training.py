"""Noise and saturation that training injects: those of the hardware at the operating point."""

from pathlib import Path

import numpy as np
import pytest

from resonet.core.errors import InputError
from resonet.core.validity import collected
from resonet.cosim.noise.noisy import noisy_weights
from resonet.cosim.saturation.held import saturating_weights
from resonet.cosim.weights.effective import network_weights
from resonet.cosim.weights.engines import linear
from resonet.cosim.weights.inference import forward
from resonet.examples.injected import ReadLaw, features, point_design, read_laws

DIGITS = Path(__file__).parents[2] / "examples" / "digits"
POINT = "[plan]\np_max = '100 nW'\n[neuron]\nbandwidth = '1 MHz'\n"


@pytest.fixture(scope="module")
def point(tmp_path_factory):
    path = tmp_path_factory.mktemp("point") / "point.toml"
    path.write_text(POINT)
    with collected():
        calibration = DIGITS / "digits_calibration.npz"
        design = point_design(DIGITS / "digits_relu.onnx", calibration, path)
        return design, read_laws(design, calibration)


@pytest.mark.filterwarnings("ignore::resonet.core.validity.ValidityWarning")
def test_laws_have_the_noise_and_the_saturation_of_the_hardware(point):
    design, laws = point
    images = design.images(DIGITS / "digits_test.npz").images[:60]
    held = network_weights(design, "coupled", linear)
    saturating = dict(saturating_weights(design, held))
    noisy = noisy_weights(design, held, 3, saturating)
    seen = dict[str, np.ndarray]()

    def watch(synapses, x):
        seen[synapses.name] = noisy[synapses.name].carried(synapses, x, design.scales[synapses.name])

    forward(design, saturating, images, watch=watch)
    assert list(laws) == list(seen) == ["conv1", "dense1"]
    for name, law in laws.items():
        own, carried = noisy[name], seen[name]
        top = np.abs(own.trained).max()
        tones, weights = carried[0].reshape(-1, carried.shape[-1]), own.trained[0] / top
        quiet = own.products(carried)
        drawn = np.mean([(own.answers(carried) - quiet) ** 2 for _ in range(12)]) / top**2
        made = features(tones, weights)
        assert law.variance(tones, weights, True).mean() == pytest.approx(drawn, rel=0.1)
        assert law.variance(tones, weights).mean() == pytest.approx(drawn + law.left**2, rel=0.15)
        off = (quiet[0].swapaxes(1, 2) / top).reshape(made[0].shape) - made[0]
        rest = off - np.tensordot(law.compression, made, 1)
        assert np.sqrt(np.mean(rest**2)) == pytest.approx(law.left, rel=0.3)  # images that the law has not seen
        assert np.mean(rest**2) < np.mean(off**2)


def test_a_setting_that_is_none_is_refused(tmp_path):
    (tmp_path / "point.toml").write_text(POINT)
    with pytest.raises(InputError, match="no_such"):
        point_design(
            DIGITS / "digits_relu.onnx",
            DIGITS / "digits_calibration.npz",
            tmp_path / "point.toml",
            ("neuron.no_such=1",),
        )


def test_reads_in_torch_draw_what_the_law_says_and_have_gradients():
    torch = pytest.importorskip("torch")
    from resonet.examples.reads import Read

    torch.manual_seed(1)
    random = np.random.default_rng(1)
    law = ReadLaw(
        "dense", np.array([-0.1, 0.05, 0.02, -0.03, 0.04, -0.06]), 1e-4, random.uniform(0, 1e-4, (3, 5)),
        random.uniform(0, 1e-4, (3, 5)), np.array([1e-3, -5e-4, 2e-4, 0]), np.array([1e3, 0, 50.0, 0]), 1e-4, 0.0, 0.0,
    )  # fmt: skip
    layer = torch.nn.Linear(5, 3)
    x = 2 * torch.rand(1, 5).repeat(20_000, 1)
    top, a = float(layer.weight.detach().abs().max()), np.minimum(x[:1].numpy() / 2, 1)
    weights = layer.weight.detach().numpy() / top
    z = Read(law, 2.0)(layer, x)
    made = features(a, weights)
    wanted = 2 * top * (made[0] + np.tensordot(law.compression, made, 1)) + layer.bias.detach().numpy()
    quiet = Read(law, 2.0, noise=False)(layer, x[:1])
    assert quiet.detach().numpy() == pytest.approx(wanted, rel=1e-5)
    sigma = 2 * top * np.sqrt(law.variance(a, weights))
    assert z.std(0).detach().numpy() == pytest.approx(sigma[0], rel=0.03)
    z.square().mean().backward()
    assert torch.isfinite(layer.weight.grad).all()
    assert layer.weight.grad.abs().min() > 0
    conv = torch.nn.Conv2d(1, 3, (1, 5))  # the same chain as a convolution
    conv.load_state_dict({"weight": layer.weight.reshape(3, 1, 1, 5), "bias": layer.bias})
    assert Read(law, 2.0, noise=False)(conv, x[:1].reshape(1, 1, 1, 5)).flatten().tolist() == pytest.approx(wanted[0])
