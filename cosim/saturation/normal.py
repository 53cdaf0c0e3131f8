"""Normal equations of neurons: sums of a batch over the detunings of their resonators, for calibration on data."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from resonet.core.types import Array, Ints
from resonet.cosim.saturation.tables import LayerTable

__all__ = ["MOST_UNKNOWNS", "blocks", "normal_equations"]

CHUNK = 256  # equations at a time
MOST_UNKNOWNS = 6_000  # of a neuron: its normal equations take 288 MB
BYTES = 4e8  # of the normal equations of a block of neurons


def blocks(outputs: int, unknowns: int) -> Iterator[Ints]:
    """Neurons of a group, so many together as their normal equations may be in memory."""
    each = max(1, int(BYTES / (8 * unknowns**2)))
    for first in range(0, outputs, each):
        yield np.arange(first, min(first + each, outputs))


def normal_equations(
    table: LayerTable, group: int, neurons: Ints, carried: Array, wanted: Array, zero: Array
) -> tuple[Array, Array]:
    """JᵀJ [neurons, unknowns, unknowns] and Jᵀr [neurons, unknowns], means over the equations, r = wanted - sums.

    carried [equations, taps] of the group, wanted [equations, neurons] in trained units of the full scale, zero [1,
    taps]. Unknowns are half-widths that a resonator is tuned down, neuron by neuron in the order of their buses.
    """
    of_no_input = zero.any()
    offset, turned = _sums(table, group, neurons, zero) if of_no_input else (0.0, 0.0)
    square, linear = np.zeros(()), np.zeros(())
    for start in range(0, len(carried), CHUNK):
        sums, jacobian = _sums(table, group, neurons, carried[start : start + CHUNK])
        jacobian = jacobian - turned
        off = wanted[start : start + CHUNK] - (sums - offset)
        rows = jacobian.transpose(1, 2, 0)  # [neurons, unknowns, equations]
        square = square + rows @ rows.swapaxes(1, 2)
        linear = linear + (rows @ off.T[..., None])[..., 0]
    return np.asarray(square / len(carried)), np.asarray(linear / len(carried))


def _sums(table: LayerTable, group: int, neurons: Ints, carried: Array) -> tuple[Array, Array]:
    """Sums [equations, neurons] and what they change by [equations, neurons, unknowns]."""
    buses = [bus for bus in table.buses if bus.group == group]
    unknowns = max(bus.below + len(bus.taps) for bus in buses)
    sums, jacobian = np.zeros((len(carried), len(neurons))), np.zeros((len(carried), len(neurons), unknowns))
    for bus in buses:
        chains = np.flatnonzero(np.isin(bus.outputs, neurons))
        if not len(chains):
            continue
        part = replace(bus, outputs=bus.outputs[chains], f_res=np.ascontiguousarray(bus.f_res[chains]), bank=None)
        at = np.searchsorted(neurons, part.outputs)
        volts, slopes = table.slopes(part, carried[:, bus.taps])
        sums[:, at] += volts
        jacobian[:, at, bus.below : bus.below + len(bus.taps)] = slopes
    unit = table.unit[group, neurons]
    return sums / unit, jacobian / unit[:, None]
