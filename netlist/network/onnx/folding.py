"""What folds into a layer: factors and offsets behind it, a scale layer before it, an activation of its values."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array, Ints
from resonet.netlist.network.activations.base import Activation
from resonet.netlist.network.activations.linear import LINEAR
from resonet.netlist.network.cnn import Synapses

__all__ = ["finite", "fold_affine", "fold_scale", "scaled", "with_values"]


def scaled(layer: Synapses, factor: Array, shift: Array | float) -> Synapses:
    """The layer with its outputs times `factor` [out] plus `shift`, before its activation."""
    with np.errstate(all="ignore"):  # an overflow is found by the check for finite weights
        each = factor[:, None, None, None]
        addends = tuple(replace(a, weight=a.weight * each, grid=a.grid and a.grid.times(each)) for a in layer.addends)
        weight, bias = layer.weight * each, layer.bias * factor + shift
    return replace(layer, weight=weight, bias=bias, addends=addends, grid=layer.grid and layer.grid.times(each))


def fold_affine(layer: Synapses, index: Ints, scale: Array, offset: Array) -> Synapses | None:
    """Take `scale * x + offset` after wires `index` (-1: not of this layer) into it; None if a channel needs two."""
    wired = index >= 0
    channel = index[wired] // layer.positions
    factor = _per_channel(scale[wired], channel, np.ones(len(layer.bias)))
    shift = _per_channel(offset[wired], channel, np.zeros(len(layer.bias)))
    if factor is None or shift is None:
        return None
    return scaled(layer, factor, shift)


def fold_scale(scale: Synapses, layer: Synapses) -> Synapses | None:
    """Take a scale layer into the weighted layer after it; None where that is not the same.

    Spares the hardware a layer, and an input that the scale layer would make negative.
    """
    if scale.kind != "scale" or scale.addends or scale.activation != LINEAR:
        return None
    if scale.out_shape[0] == 1 and math.prod(scale.out_shape) == math.prod(layer.in_shape):
        channels = layer.in_shape[0]  # one factor for all, whatever shape they have
        weight, bias = np.repeat(scale.weight, channels, axis=0), np.repeat(scale.bias, channels)
        scale = replace(scale, weight=weight, bias=bias, out_shape=layer.in_shape)
    if scale.out_shape != layer.in_shape:
        return None
    if any(layer.padding) and scale.bias.any():
        return None  # padded pixels are zero after the offset, not before
    outputs, inputs = layer.weight.shape[:2]
    channel = (np.arange(outputs) // (outputs // layer.groups))[:, None] * inputs + np.arange(inputs)
    with np.errstate(all="ignore"):  # an overflow is found by the check for finite weights
        factor = scale.weight[:, 0, 0, 0][channel][:, :, None, None]
        weight = layer.weight * factor
        bias = layer.bias + (layer.weight.sum((2, 3)) * scale.bias[channel]).sum(1)
    return replace(layer, weight=weight, bias=bias, grid=layer.grid and layer.grid.times(factor))


def _per_channel(values: Array, channel: Ints, out: Array) -> Array | None:
    """One value per channel of `out`, or None if two elements of one channel differ."""
    out[channel] = values
    return out if (out[channel] == values).all() else None


def finite(layer: Synapses) -> Synapses:
    """Raise InputError where weights are not finite."""
    arrays: Sequence[Array] = (layer.weight, layer.bias, *(addend.weight for addend in layer.addends))
    if not all(np.isfinite(array).all() for array in arrays):
        raise InputError("has weights that are NaN or infinite; possible: finite weights")
    return layer


def with_values(layer: Synapses, activation: Activation, where: Ints | None) -> tuple[Activation, Activation] | None:
    """What a layer gets of an activation of its values `where`, and what it then ends in; None if that cannot be."""
    if where is not None:
        wired = where >= 0
        neurons = np.full(layer.weight.shape[0], -1)
        channel, own = where[wired] // layer.positions, np.flatnonzero(wired)
        neurons[channel] = own
        if activation.take(own) != activation.take(neurons[channel]):
            return None  # one channel would need two
        activation = activation.take(np.where(neurons < 0, own[0], neurons))
    both = activation if layer.activation == LINEAR else activation.after(layer.activation)
    return None if both is None else (activation, both)
