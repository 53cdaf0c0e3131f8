"""Activations -> tone power: the scale and the offset of every layer's input.

A tone cannot carry negative power, so a layer's input x becomes the power P = p_max (x + offset) / full_scale, held
within 0 ... p_max; what the offset adds to the output is measured with x = 0 and taken off at the neuron's bias.
"""

from dataclasses import dataclass

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array
from resonet.netlist.network.activations.base import PIECES, Fit
from resonet.netlist.network.cnn import IMAGE, Cnn, Synapses, built_network, fitted_layers
from resonet.netlist.network.forward import layer_sums, propagate

__all__ = ["InputScale", "Ranges", "bounded_ranges", "bounded_scales", "calibrated_ranges", "calibrated_scales"]


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


@dataclass(frozen=True, slots=True)
class Ranges:
    """What a network's layers get and give, by layer name."""

    scales: dict[str, InputScale]  # of the inputs
    sums: dict[str, tuple[float, float]]  # least and largest weighted sum plus bias


def _seen_ranges(cnn: Cnn, images: Array) -> Ranges:
    """What a batch of images puts into every layer of a network."""
    inputs: dict[str, tuple[float, float]] = {}
    sums: dict[str, tuple[float, float]] = {}

    def watch(layer: Synapses, x: Array) -> Array:
        z = layer_sums(layer, x)
        for ranges, seen in ((inputs, x), (sums, z)):
            low, high = ranges.get(layer.name, (np.inf, -np.inf))
            ranges[layer.name] = min(low, float(seen.min())), max(high, float(seen.max()))
        return np.moveaxis(layer.activation(np.moveaxis(z, 1, -1)), -1, 1)

    propagate(cnn, images, watch)
    return Ranges({name: InputScale.of_range(*ends) for name, ends in inputs.items()}, sums)


def calibrated_ranges(cnn: Cnn, images: Array, pieces: int = PIECES) -> Ranges:
    """Ranges that just hold what a batch of images [n, *input_shape] puts into every layer.

    Sums are those of the trained network, which neurons of so many `pieces` are fitted over; scales of what these give.
    """
    seen = _seen_ranges(cnn, images)
    fitted = {name: seen.sums[name] for name in fitted_layers(cnn)}
    if not fitted or not np.isfinite([*fitted.values()]).all():
        return seen
    built = built_network(cnn, {name: Fit(pieces, *ends) for name, ends in fitted.items()})
    return Ranges(_seen_ranges(built, images).scales, seen.sums)


def calibrated_scales(cnn: Cnn, images: Array) -> dict[str, InputScale]:
    """Scales that just hold what a batch of images [n, *input_shape] puts on every layer's input, by layer name."""
    return calibrated_ranges(cnn, images).scales


def bounded_ranges(cnn: Cnn, low: float = 0.0, high: float = 1.0, pieces: int = PIECES) -> Ranges:
    """Ranges that hold any image with pixels within low ... high: interval arithmetic, so on the safe side.

    `pieces` as for `calibrated_ranges`.
    """
    if not -np.inf < low < high < np.inf:
        raise InputError(f"input range {low:g} ... {high:g}: possible: two finite numbers, the lower one first")
    found, fitted = Ranges({}, {}), fitted_layers(cnn)
    ranges = {IMAGE: (low, high) if cnn.front is None else cnn.front.range(low, high)}
    for number, (layer, sources) in enumerate(zip(cnn.layers, cnn.inputs, strict=True)):
        taken = [ranges[source] for source in sources]
        # Padding and pooling may bring in zeros.
        low, high = min(0.0, *(end[0] for end in taken)), max(0.0, *(end[1] for end in taken))
        ranges[number] = low, high
        if not isinstance(layer, Synapses):
            continue
        found.scales[layer.name] = InputScale.of_range(low, high)
        up, down = np.maximum(layer.matrix, 0).sum(2).ravel(), np.minimum(layer.matrix, 0).sum(2).ravel()
        with np.errstate(all="ignore"):  # an overflow is found by the check for finite scales
            lows, highs = layer.bias + up * low + down * high, layer.bias + up * high + down * low
        low, high = found.sums[layer.name] = float(lows.min()), float(highs.max())
        activation = layer.activation
        if layer.name in fitted and np.isfinite([low, high]).all():
            activation = activation.built(Fit(pieces, low, high))
        ranges[number] = activation.range(low, high)
    return found


def bounded_scales(cnn: Cnn, low: float = 0.0, high: float = 1.0) -> dict[str, InputScale]:
    """Scales that hold any image with pixels within low ... high, by layer name."""
    return bounded_ranges(cnn, low, high).scales
