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
    table: LayerTable, group: int, neurons: Ints, carried: Array, off: Array, zero: Array
) -> tuple[Array, Array]:
    """JᵀJ [neurons, unknowns, unknowns] and Jᵀr [neurons, unknowns], means over the equations.

    carried [equations, taps] of the group, off (r) [equations, neurons] what the sums lack, in trained units of the
    full scale, zero [1, taps]. Unknowns are half-widths that a resonator is tuned down, neuron by neuron, bus by bus.
    """
    turned = _jacobian(table, group, neurons, zero) if zero.any() else np.zeros(1)
    square, linear = np.zeros(()), np.zeros(())
    for start in range(0, len(carried), CHUNK):
        jacobian = _jacobian(table, group, neurons, carried[start : start + CHUNK]) - turned
        rows = jacobian.transpose(1, 2, 0)  # [neurons, unknowns, equations]
        square = square + rows @ rows.swapaxes(1, 2)
        linear = linear + (rows @ off[start : start + CHUNK].T[..., None])[..., 0]
    return np.asarray(square / len(carried)), np.asarray(linear / len(carried))


def _jacobian(table: LayerTable, group: int, neurons: Ints, carried: Array) -> Array:
    """What the sums of neurons change by, [equations, neurons, unknowns]."""
    buses = [bus for bus in table.buses if bus.group == group]
    unknowns = max(bus.below + len(bus.taps) for bus in buses)
    jacobian = np.zeros((len(carried), len(neurons), unknowns))
    for bus in buses:
        chains = np.flatnonzero(np.isin(bus.outputs, neurons))
        if not len(chains):
            continue
        part = replace(bus, outputs=bus.outputs[chains], f_res=np.ascontiguousarray(bus.f_res[chains]), bank=None)
        at = np.searchsorted(neurons, part.outputs)
        jacobian[:, at, bus.below : bus.below + len(bus.taps)] = table.slopes(part, carried[:, bus.taps])
    return np.asarray(jacobian / table.unit[group, neurons, None])
