"""The network that was trained with the hardware's noise and saturation, against the plain one, at the same points."""

from importlib.resources import as_file, files

import numpy as np
from _show import info, show

from resonet.core.types import Array
from resonet.core.validity import collected
from resonet.cosim.noise.noisy import noisy_weights
from resonet.cosim.operate.latency import latency
from resonet.cosim.saturation.held import saturating_weights
from resonet.cosim.weights.effective import network_weights
from resonet.cosim.weights.engines import linear
from resonet.cosim.weights.inference import forward
from resonet.examples.injected import point_design
from resonet.netlist.network.forward import classes, propagate

__all__ = ["claims"]

POINT = "training_point.toml"  # 800 kHz
BANDWIDTHS = ("2.4 MHz", "8 MHz")  # three and ten times that, where noise costs the plain network 1 % and 5 %
FAST = "20 MHz"  # where it costs so much that few images tell
NETWORKS = ("mnist.onnx", "mnist_noise_trained.onnx")
IMAGES = {True: 100, False: 2000}


def _right(network: str, settings: tuple[str, ...], count: int) -> tuple[Array, Array, float]:
    """Which images hardware and software put in their class, and latency, s; images and seeds are those of all."""
    with as_file(files("resonet.examples.mnist")) as folder, collected():
        design = point_design(folder / network, folder / "mnist_calibration.npz", folder / POINT, settings)
        data = design.images(folder / "mnist_test.npz")
    of = np.random.default_rng(3).permutation(len(data.images))[:count]
    images, labels = data.images[of], data.labels[of]
    held = network_weights(design, "coupled", linear)
    noisy = noisy_weights(design, held, 11, dict(saturating_weights(design, held)))
    found = classes(forward(design, noisy, images), design.cnn.ranked)
    software = classes(propagate(design.cnn, images), design.cnn.ranked)
    return found == labels, software == labels, latency(design).parallel


def claims(quick: bool) -> None:
    """Lines of this part."""
    count = IMAGES[quick]
    for bandwidth in (FAST,) if quick else BANDWIDTHS:
        plain, trained = (_right(network, (f"neuron.bandwidth={bandwidth}",), count) for network in NETWORKS)
        gain = trained[0].astype(float) - plain[0]
        error = float(gain.std()) / np.sqrt(count)
        show(
            f"{POINT} at {bandwidth}: right by noise training, of {count:,} images",
            f"{100 * gain.mean():+.2f} %",
            f"above {200 * error:.2f}, two errors",
            gain.mean() > 2 * error,
        )
        for name, own in (("plain", plain), ("trained", trained)):
            off = 100 * np.sqrt(own[0].mean() * (1 - own[0].mean()) / count)
            info(f"  {name}, in {1e6 * own[2]:.2f} us an image", f"{100 * own[0].mean():.2f} +- {off:.2f} %")
            info(f"  {name}, in software", f"{100 * own[1].mean():.2f} %")
