"""Answers of the chains of a layer without their phasors in memory: compiled, bus by bus, on all cores.

By the linear engine a resonator rectifies V = ½ k |i_tk|² Re chi(f_t / f_jk) per watt of tone t, with the current of
its place k, which all chains share. A chain's answer is the sum of V over k with the gains, its crosstalk the largest
|V|. With r = f_jk, in real numbers and without the cancellation of 1 - (f/r)² at resonance,

    Re chi = r² a / (a² + 4 α² f² r²),      a = (r - f)(r + f)

for two chains at a time, which share the division. Every bus writes what is its own: the number of threads changes
nothing.
"""

import functools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from resonet.core.errors import EngineError
from resonet.core.types import Array
from resonet.cosim.weights.witness import Witness
from resonet.models.circuit.bus import bus_currents
from resonet.models.resonator.linear import rectified_per_watt
from resonet.netlist.planning.frequency_plan import Bus, FrequencyPlan, LayerPlan

__all__ = ["Answers", "Loudest", "bus_answers", "bus_powers", "loudest_of"]

LANES = 8  # tones are padded to a multiple: what is left over of a vector would go one by one
AT_ONCE = 4_000_000  # currents of buses of several shapes that are solved together
WORTH_THREADS = 2_000_000  # resonators times tones


@dataclass(frozen=True, slots=True)
class Loudest:
    """The strongest crosstalk of a layer: what a tone rectifies in a resonator that is another tone's."""

    size: float  # |V| per watt, units of K_SD
    bus: int  # number of the bus
    chain: int  # position there
    victim: int  # resonator
    aggressor: int  # tone


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What the chains of a layer answer to one watt of each tone."""

    values: Array  # [groups, outputs, taps] at the readout, in the units asked for
    most: tuple[Array, ...]  # bus by bus, [victim resonator, aggressor tone] largest |V| over the chains, units of K_SD
    loudest: Loudest | None  # None where every bus has a single tone
    witness: Witness | None = None  # what decks were compared with, where they gave these


def bus_powers(plan: FrequencyPlan, entry: LayerPlan) -> list[Array]:
    """|i|² of every resonator of a chain, A²/W, [tones, resonators] of each bus; alike for buses of one shape."""
    shapes = {(*bus.size, bus.below): bus for bus in entry.buses}
    by_shape: dict[tuple[int, int, int], Array] = {}
    for size in sorted({bus.size[1] for bus in shapes.values()}):
        alike = [item for item in shapes.items() if item[1].size[1] == size]
        step = max(1, AT_ONCE // size**2)
        for first in range(0, len(alike), step):
            keys, buses = zip(*alike[first : first + step], strict=True)
            by_shape |= dict(zip(keys, _powers(plan, buses), strict=True))
    return [by_shape[*bus.size, bus.below] for bus in entry.buses]


def _powers(plan: FrequencyPlan, buses: Sequence[Bus]) -> Array:
    """|i|² of buses with as many tones each, [buses, tones, resonators]."""
    size = len(buses[0].taps)
    f, levels = (np.concatenate([getattr(bus, name) for bus in buses]) for name in ("frequencies", "levels"))
    chains, below = (np.repeat(v, size) for v in zip(*((len(bus.outputs), bus.below) for bus in buses), strict=True))
    current = bus_currents(f, plan.device.resistance, size, chains, plan.circuit, below)
    return np.asarray(np.abs(current * levels[:, None]) ** 2).reshape(len(buses), size, size)


def _answers(
    f: Array,
    f_res: Array,
    volts: Array,
    gains: Array,
    width: float,
    unit: Array,
    sensitivity: float,
    outputs: Array,
    taps: Array,
    values: Array,
    most: Array,
) -> tuple[float, int, int, bool]:
    """Answers of one bus into values[outputs, taps] / unit, most [resonators, tones] / sensitivity.

    f [padded tones], f_res [chains, resonators], volts [resonators, padded tones] = ½ k |i|², gains [resonators], width
    2α, unit [chains]. Returns the largest of `most` off the diagonal, its victim and aggressor; whether all is finite.
    """
    padded, (chains, count), tones = len(f), f_res.shape, len(taps)
    answer, loud, lossy = np.zeros((chains + 1, padded)), np.zeros(padded), (width * f) ** 2
    loudest, finite = np.zeros(padded), True  # of each tone, in resonators that are not its own
    for k in range(count):
        volt, gain = volts[k], gains[k]
        loud[:] = 0
        for j in range(0, chains, 2):  # of an odd number the last goes twice, once into the spare row
            r, q = f_res[j, k], f_res[min(j + 1, chains - 1), k]
            rr, qq, of_r, of_q = r * r, q * q, answer[j], answer[j + 1]
            for t in range(padded):
                a, b = (r - f[t]) * (r + f[t]), (q - f[t]) * (q + f[t])
                below_a, below_b = a * a + lossy[t] * rr, b * b + lossy[t] * qq
                both = volt[t] / (below_a * below_b)
                v, w = both * below_b * (rr * a), both * below_a * (qq * b)
                of_r[t] += gain * v
                of_q[t] += gain * w
                larger = abs(v) if abs(v) > abs(w) else abs(w)
                loud[t] = larger if larger > loud[t] else loud[t]
        row = most[k]
        for t in range(tones):
            row[t] = loud[t] / sensitivity
        loud[k] = 0
        for t in range(padded):
            loudest[t] = max(loudest[t], loud[t])
    for j in range(chains):
        row, total = values[outputs[j]], 0.0
        for t in range(tones):
            row[taps[t]] = answer[j, t] / unit[j]
            total += answer[j, t]
        finite &= np.isfinite(total)
    aggressor = loudest.argmax()
    loud[:] = 0
    for k in range(count):
        loud[k] = most[k, aggressor]
    loud[aggressor] = -1
    victim = loud[:count].argmax()
    return loud[victim], int(victim), int(aggressor), finite


@functools.cache
def _compiled() -> Any:
    """`_answers`, compiled at its first use: numba takes longer to load than most commands take."""
    import numba

    return numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz"})(_answers)


@functools.cache
def _threads() -> int:
    """Threads to use, as numba has them: NUMBA_NUM_THREADS, else one a core."""
    from numba import config

    return int(config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]  # numba sets it by name


def _on_all_cores(call: Callable[[int], None], buses: Sequence[Bus]) -> None:
    """Call with the number of every bus; large layers on several threads, each with its share of the work."""
    ends = np.cumsum([len(bus.outputs) * len(bus.taps) ** 2 for bus in buses])
    threads = min(_threads(), len(buses)) if ends[-1] >= WORTH_THREADS else 1
    cuts = [0, *np.searchsorted(ends, ends[-1] * np.arange(1, threads) / threads), len(buses)]

    def part(n: int) -> None:
        for number in range(cuts[n], cuts[n + 1]):
            call(number)

    if threads == 1:
        part(0)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(part, range(threads)))


def _padded(array: Array, value: float) -> Array:
    """A copy whose last axis is a multiple of LANES long."""
    more = -array.shape[-1] % LANES
    out = np.full((*array.shape[:-1], array.shape[-1] + more), value)
    out[..., : array.shape[-1]] = array
    return out


def bus_answers(
    plan: FrequencyPlan, entry: LayerPlan, f_res: Sequence[Array], powers: Sequence[Array], divider: float, unit: Array
) -> Answers:
    """Answers of the chains of a layer; those of output o of group g in units of `unit`, V/W [groups, outputs].

    f_res [chains, resonators] Hz and powers [tones, resonators] A²/W bus by bus (one array for all buses alike),
    `divider` the part of a chain's DC voltage that the readout sees. Raises EngineError where an answer is not finite.
    """
    device = plan.device
    groups, outputs, taps = entry.layer.matrix.shape
    values = np.zeros((groups, outputs, taps))
    sizes = [len(bus.taps) for bus in entry.buses]
    ends = np.cumsum([size * size for size in sizes])
    block = np.empty(int(ends[-1]))  # in one piece: pages of small pieces take as long as the work on them
    most = [block[end - size * size : end].reshape(size, size) for end, size in zip(ends.tolist(), sizes, strict=True)]
    keys = [(id(power), bus.frequencies.tobytes()) for bus, power in zip(entry.buses, powers, strict=True)]
    shared: dict[tuple[int, bytes], tuple[Array, Array, Array]] = {}
    for key, bus, power in zip(keys, entry.buses, powers, strict=True):
        if key not in shared:
            volts = _padded(0.5 * device.transduction * power.T, 0.0)
            shared[key] = _padded(bus.frequencies, 1.0), volts, bus.signs * divider
    kernel, found = _compiled(), [(0.0, 0, 0, True)] * len(most)

    def answer(n: int) -> None:
        bus, (f, volts, gains) = entry.buses[n], shared[keys[n]]
        scale = unit[bus.group, bus.outputs]
        found[n] = kernel(
            f,
            np.ascontiguousarray(f_res[n]),
            volts,
            gains,
            2 * device.damping,
            scale,
            device.sensitivity,
            bus.outputs,
            bus.taps,
            values[bus.group],
            most[n],
        )

    _on_all_cores(answer, entry.buses)
    for bus, (*_, finite) in zip(entry.buses, found, strict=True):
        if not finite:
            raise EngineError(f"layer {entry.layer.name}, bus {bus.name}: an answer is not finite")
    return Answers(values, tuple(most), _loudest_found(plan, entry, f_res, found))


def _loudest_found(
    plan: FrequencyPlan,
    entry: LayerPlan,
    f_res: Sequence[Array],
    found: Sequence[tuple[float, int, int, bool]],
) -> Loudest | None:
    """Of what every bus found, the loudest, with its chain."""
    several = [n for n, bus in enumerate(entry.buses) if len(bus.taps) > 1]
    if not several:
        return None
    bus = max(several, key=lambda n: found[n][0])
    size, victim, aggressor, _ = found[bus]
    tone = entry.buses[bus].frequencies[aggressor]
    chain = np.abs(rectified_per_watt(tone, f_res[bus][:, victim], plan.device)).argmax()
    return Loudest(size, bus, int(chain), victim, aggressor)


def loudest_of(most: Sequence[Array], chain: Sequence[Array]) -> Loudest | None:
    """The loudest entry off the diagonal of the maps of all buses; `chain` holds where each was, same shapes."""
    loudest: Loudest | None = None
    for bus, (matrix, of) in enumerate(zip(most, chain, strict=True)):
        if len(matrix) < 2:
            continue
        off = np.where(np.eye(len(matrix), dtype=bool), -1.0, matrix)
        victim, aggressor = (int(n) for n in np.unravel_index(off.argmax(), off.shape))
        if loudest is None or off[victim, aggressor] > loudest.size:
            loudest = Loudest(float(off[victim, aggressor]), bus, int(of[victim, aggressor]), victim, aggressor)
    return loudest
