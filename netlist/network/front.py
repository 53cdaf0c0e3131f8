"""What the sources of the pixels' tones make of an image: a gain and an offset, a clamp, rounding; no layer of its own.

They are set by numbers, whatever these are. A network that normalises its input begins with a layer of one factor a
pixel; what of it does not fold into the next layer (the padding of a convolution is zero behind the offset, not
before) the sources do.
"""

from dataclasses import dataclass

import numpy as np

from resonet.core.types import Array
from resonet.netlist.network.activations.base import Activation
from resonet.netlist.network.activations.linear import LINEAR

__all__ = ["Front"]


@dataclass(frozen=True, slots=True, eq=False)
class Front:
    """activation(gain x + offset) of every pixel x; gain and offset have the shape of an image."""

    gain: Array
    offset: Array
    activation: Activation = LINEAR  # one for all pixels

    def __call__(self, images: Array) -> Array:
        """What is sent for images [n, *input_shape]."""
        return self.activation(images * self.gain + self.offset)

    def range(self, low: float, high: float) -> tuple[float, float]:
        """Least and largest number sent for pixels within low ... high."""
        ends = np.stack([self.gain * low, self.gain * high]) + self.offset
        return self.activation.range(float(ends.min()), float(ends.max()))
