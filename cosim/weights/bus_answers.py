"""Answers of the chains of a bus without their phasors in memory: compiled, one chain after another.

By the linear engine a resonator rectifies V = ½ k |i_tk|² Re chi(f_t / f_jk) per watt of tone t, with the current of
its place k, which all chains share. A chain's answer is the sum of V over k with the gains, its crosstalk the largest
|V|.
"""

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from resonet.core.types import Array, Ints
from resonet.models.circuit.bus import BusCircuit, bus_currents
from resonet.models.resonator.linear import SpinDiode
from resonet.netlist.planning.frequency_plan import Bus, FrequencyPlan, LayerPlan

__all__ = ["Answers", "bus_answers", "bus_powers"]


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What the chains of a bus answer to one watt of each tone."""

    values: Array  # [chains, tones] V/W at the readout
    most: Array  # [victim resonator, aggressor tone] largest |V| over the chains, V/W
    chain: Ints  # same shape: the chain where it is


def bus_powers(plan: FrequencyPlan, entry: LayerPlan) -> list[Array]:
    """|i|² of every resonator of a chain, A²/W, [tones, resonators] of each bus; alike for buses of one shape."""
    by_shape: dict[tuple[int, int, int], Array] = {}
    out, resistance, circuit = [], plan.device.resistance, plan.circuit
    for bus in entry.buses:
        key = (*bus.size, bus.below)
        if key not in by_shape:
            by_shape[key] = _powers(bus, resistance, circuit)
        out.append(by_shape[key])
    return out


def _powers(bus: Bus, resistance: float, circuit: BusCircuit) -> Array:
    current = bus_currents(bus.frequencies, resistance, bus.size[1], bus.size[0], circuit, bus.below)
    return np.asarray(np.abs(current * bus.levels[:, None]) ** 2)


@functools.cache
def _compiled() -> Any:
    """`_answers`, compiled at its first use: numba takes longer to load than most commands take."""
    import numba

    return numba.njit(cache=True, nogil=True, error_model="numpy")(_answers)


def _answers(volts: Array, f: Array, f_res: Array, gains: Array, damping: float) -> tuple[Array, Array, Ints]:
    """`Answers` of volts [tones, resonators] = ½ k |i|², f [tones], f_res [chains, resonators], gains [resonators]."""
    tones, chains, count = len(f), len(f_res), f_res.shape[1]
    values, most, chain = np.zeros((chains, tones)), np.zeros((tones, count)), np.zeros((tones, count), np.int64)
    rectified = np.empty(count)
    for j in range(chains):
        for t in range(tones):
            for k in range(count):
                ratio = f[t] / f_res[j, k]
                a, b = 1 - ratio * ratio, 2 * damping * ratio
                rectified[k] = volts[t, k] * a / (a * a + b * b)
            total = 0.0
            for k in range(count):
                total += gains[k] * rectified[k]
                if abs(rectified[k]) > most[t, k]:
                    most[t, k], chain[t, k] = abs(rectified[k]), j
            values[j, t] = total
    return values, most, chain


def bus_answers(bus: Bus, power: Array, f_res: Array, gains: Array, device: SpinDiode) -> Answers:
    """Answers of a bus; power [tones, resonators] A²/W, f_res [chains, resonators] Hz, gains [resonators]."""
    volts = 0.5 * device.transduction * power
    values, most, chain = _compiled()(volts, bus.frequencies, f_res, np.ascontiguousarray(gains), device.damping)
    return Answers(values, np.ascontiguousarray(most.T), np.ascontiguousarray(chain.T))
