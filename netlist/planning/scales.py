"""Activations -> tone power: the scale and the offset of every layer's input.

A tone cannot carry negative power, so a layer's input x becomes the power P = p_max (x + offset) / full_scale, held
within 0 ... p_max; what the offset adds to the output is measured with x = 0 and taken off at the neuron's bias.
"""

from dataclasses import dataclass

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array
from resonet.netlist.network.activation import OscillatorActivation
from resonet.netlist.network.cnn import Cnn, Synapses
from resonet.netlist.network.forward import propagate, software_layer

__all__ = ["InputScale", "bounded_scales", "calibrated_scales"]


@dataclass(frozen=True, slots=True)
class InputScale:
    """How a layer's input is carried: `offset` is added to it, `full_scale` of the sum is p_max."""

    offset: float
    full_scale: float

    def carried(self, x: Array) -> Array:
        """Tone powers, units of p_max, for inputs of any shape."""
        return np.asarray(np.clip((x + self.offset) / self.full_scale, 0, 1))

    @classmethod
    def of_range(cls, low: float, high: float) -> "InputScale":
        """Scale of an input that stays within low ... high (zero padding counts as an input)."""
        offset = max(0.0, -low)
        return cls(offset, max(high, 0.0) + offset or 1.0)


def calibrated_scales(cnn: Cnn, images: Array) -> dict[str, InputScale]:
    """Scales that just hold what a batch of images [n, *input_shape] puts on every layer's input, by layer name."""
    ranges: dict[str, tuple[float, float]] = {}

    def watch(layer: Synapses, x: Array) -> Array:
        low, high = ranges.get(layer.name, (np.inf, -np.inf))
        ranges[layer.name] = min(low, float(x.min())), max(high, float(x.max()))
        return software_layer(layer, x)

    propagate(cnn, images, watch)
    return {name: InputScale.of_range(*ends) for name, ends in ranges.items()}


def bounded_scales(cnn: Cnn, low: float = 0.0, high: float = 1.0) -> dict[str, InputScale]:
    """Scales that hold any image with pixels within low ... high: interval arithmetic, so on the safe side."""
    if not -np.inf < low < high < np.inf:
        raise InputError(f"input range {low:g} ... {high:g}: possible: two finite numbers, the lower one first")
    scales = {}
    for layer in cnn.layers:
        low, high = min(low, 0.0), max(high, 0.0)  # padding and pooling may bring in zeros
        if not isinstance(layer, Synapses):
            continue
        scales[layer.name] = InputScale.of_range(low, high)
        up, down = np.maximum(layer.matrix, 0).sum(2).ravel(), np.minimum(layer.matrix, 0).sum(2).ravel()
        with np.errstate(all="ignore"):  # an overflow is found by the check for finite scales
            ends = layer.bias + up * low + down * high, layer.bias + up * high + down * low
        low, high = float(ends[0].min()), float(ends[1].max())
        if layer.activation == "relu":
            low, high = max(low, 0.0), max(high, 0.0)
        elif isinstance(layer.activation, OscillatorActivation):  # it rises, so the ends stay the ends
            low, high = map(float, layer.activation([low, high]))
    return scales
