"""What a network stands: the variance at its outputs that noise in the sums of a layer makes, and what that costs.

Gains are measured: a little noise in the sums of one layer after the other, images through the trained network, the
variance of its outputs over that of the noise. To first order the variances of all layers add. With independent noise
of variance v in every output, an image whose label leads by the margin m keeps its class, against the strongest rival
alone, with the probability

    Φ(m / √(2 v)),                                                                                                (1)

and the accuracy is its mean; an image that is wrong without noise has a negative margin. Of one output alone, which is
above zero or not, it is Φ(m / √v).
"""

from dataclasses import dataclass

import numpy as np

from resonet.core.types import Array, Ints
from resonet.netlist.network.cnn import Cnn, Synapses
from resonet.netlist.network.forward import layer_sums, propagate

__all__ = ["Tolerance", "tolerance"]

LITTLE = 0.01  # of the rms of a layer's sums: noise that gains are measured with
HALVINGS = 60


@dataclass(frozen=True, slots=True, eq=False)
class Tolerance:
    """Of a network, from labelled images."""

    gains: dict[str, float]  # by layer: variance of the outputs over that of its sums, units of the trained network
    margins: Array  # [images] output of the label less the strongest other one
    doubled: bool = True  # the rival's noise counts too

    @property
    def best(self) -> float:
        """Accuracy without noise."""
        return self.accuracy(0.0)

    def accuracy(self, variance: float) -> float:
        """Accuracy with that variance in each output (1)."""
        from scipy.special import ndtr

        if variance <= 0:
            return float(np.mean(self.margins > 0))
        return float(np.mean(ndtr(self.margins / np.sqrt((1 + self.doubled) * variance))))

    def variance(self, accuracy: float) -> float:
        """Largest variance with which that accuracy is kept; 0 where it is not reached without any."""
        low, high = 0.0, float(np.mean(self.margins**2)) * 100
        if self.accuracy(0.0) < accuracy:
            return 0.0
        for _ in range(HALVINGS):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if self.accuracy(middle) >= accuracy else (low, middle)
        return low


def _margins(outputs: Array, labels: Ints) -> tuple[Array, bool]:
    """Margins [n], and whether two outputs meet, for outputs [n, classes] and labels [n]."""
    if outputs.shape[1] == 1:
        return np.where(labels > 0, outputs[:, 0], -outputs[:, 0]), False
    own = np.take_along_axis(outputs, labels[:, None].astype(np.int64), 1)[:, 0]
    rivals = outputs.copy()
    np.put_along_axis(rivals, labels[:, None].astype(np.int64), -np.inf, 1)
    return own - rivals.max(1), True


def tolerance(cnn: Cnn, images: Array, labels: Ints, seed: int = 1) -> Tolerance:
    """Tolerance of a network, measured with images [n, *input_shape] and their labels [n]."""
    sums: dict[str, float] = {}

    def watch(layer: Synapses, x: Array) -> Array:
        z = layer_sums(layer, x)
        sums[layer.name] = float(np.sqrt(np.mean(z**2)))
        return np.moveaxis(layer.activation(np.moveaxis(z, 1, -1)), -1, 1)

    batch = len(images)
    quiet = propagate(cnn, images, watch, batch)[:, : cnn.ranked]
    random, gains = np.random.default_rng(seed), {}
    for name, size in sums.items():
        spread = LITTLE * size or LITTLE

        def noisy(layer: Synapses, x: Array, name: str = name, spread: float = spread) -> Array:
            z = layer_sums(layer, x)
            if layer.name == name:
                z = z + spread * random.standard_normal(z.shape)
            return np.moveaxis(layer.activation(np.moveaxis(z, 1, -1)), -1, 1)

        off = propagate(cnn, images, noisy, batch)[:, : cnn.ranked] - quiet
        gains[name] = float(np.mean(off**2)) / spread**2
    return Tolerance(gains, *_margins(quiet, labels))
