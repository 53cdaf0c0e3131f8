"""Answers of the chains of a layer without their phasors in memory: compiled, bus by bus, on all cores.

By the linear engine a resonator rectifies V = ½ k |i_tk|² Re chi(f_t / f_jk) per watt of tone t, with the current of
its place k, which all chains share. A chain's answer is the sum of V over k with the gains, its crosstalk the largest
|V|. With r = f_jk, in real numbers and without the cancellation of 1 - (f/r)² at resonance,

    Re chi = a / (a² / r² + 4 α² f²),      a = (r - f)(r + f)

for four chains at a time. Every bus writes what is its own: the number of threads changes nothing. What depends on
the plan alone is kept as long as the plan is there.
"""

import functools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from weakref import WeakKeyDictionary

import numpy as np

from resonet.core.errors import EngineError
from resonet.core.types import Array, Ints
from resonet.cosim.weights.witness import Witness
from resonet.models.circuit.bus import BusCircuit, bus_currents
from resonet.models.resonator.linear import rectified_per_watt
from resonet.netlist.planning.frequency_plan import Bus, FrequencyPlan, LayerPlan

__all__ = ["Answers", "Loudest", "bus_answers", "bus_powers", "core_threads", "loudest_of", "part_powers"]

AT_ONCE = 4_000_000  # currents of buses of several shapes that are solved together
WORTH_THREADS = 2_000_000  # resonators times tones
GATHERED = 50_000  # resonators whose frequencies are copied together: they stay in the second cache


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


@dataclass(frozen=True, slots=True, eq=False)
class _Layout:
    """What the pass asks of the buses of a layer: nothing but the plan changes it."""

    shapes: dict[tuple[int, int, int], Bus]  # chains, resonators, resonators below: the last such bus
    keys: list[tuple[int, int, int]]  # its shape, bus by bus
    channels: list[bytes]  # its frequencies, bus by bus
    where: Ints  # [buses, 7] chains, resonators, group; start in `outputs`, in `taps`, in the maps; resonators before
    outputs: Ints
    taps: Ints
    shapes_of: list[tuple[int, int]]  # chains, resonators, bus by bus
    sizes: list[tuple[int, int]]  # resonators of a chain, and how many buses in a row have as many


_layouts: WeakKeyDictionary[LayerPlan, _Layout] = WeakKeyDictionary()
_known: WeakKeyDictionary[LayerPlan, tuple[BusCircuit, float, list[Array]]] = WeakKeyDictionary()


def _layout(entry: LayerPlan) -> _Layout:
    """Layout of the buses of a layer."""
    layout = _layouts.get(entry)
    if layout is None:
        shapes = {(*bus.size, bus.below): bus for bus in entry.buses}
        table = np.array([(*bus.size, bus.group) for bus in entry.buses])
        chains, size = table[:, 0], table[:, 1]
        starts = (np.cumsum(n) - n for n in (chains, size, size**2, chains * size))
        channels: dict[bytes, bytes] = {}  # one object of each: equal ones are then found without a look inside
        layout = _layouts[entry] = _Layout(
            shapes,
            [(*bus.size, bus.below) for bus in entry.buses],
            [channels.setdefault(key, key) for key in (bus.frequencies.tobytes() for bus in entry.buses)],
            np.column_stack([table, *starts]),
            np.concatenate([bus.outputs for bus in entry.buses]),
            np.concatenate([bus.taps for bus in entry.buses]),
            [bus.size for bus in entry.buses],
            [(n, len(list(alike))) for n, alike in groupby(size.tolist())],
        )
    return layout


def bus_powers(plan: FrequencyPlan, entry: LayerPlan) -> list[Array]:
    """|i|² of every resonator of a chain, A²/W, [tones, resonators] of each bus; alike for buses of one shape.

    Read-only: kept for the next time.
    """
    known = _known.get(entry)
    if known is not None and known[0] == plan.circuit and known[1] == plan.device.resistance:
        return known[2]
    layout = _layout(entry)
    by_shape: dict[tuple[int, int, int], Array] = {}
    for size in sorted({bus.size[1] for bus in layout.shapes.values()}):
        alike = [item for item in layout.shapes.items() if item[1].size[1] == size]
        step = max(1, AT_ONCE // size**2)
        for first in range(0, len(alike), step):
            keys, buses = zip(*alike[first : first + step], strict=True)
            solved = _powers(plan, buses)
            solved.flags.writeable = False
            by_shape |= dict(zip(keys, solved, strict=True))
    powers = [part_powers(bus, by_shape[key]) for bus, key in zip(entry.buses, layout.keys, strict=True)]
    _known[entry] = plan.circuit, plan.device.resistance, powers
    return powers


def part_powers(bus: Bus, powers: Array) -> Array:
    """|i|² [tones, resonators] of full tones, of those of tones that put 1 W into their own resonators."""
    if bus.parts is None:
        return powers
    found = np.asarray(powers * bus.parts[:, None])
    found.flags.writeable = False
    return found


def _powers(plan: FrequencyPlan, buses: Sequence[Bus]) -> Array:
    """|i|² of buses with as many tones each, [buses, tones, resonators]."""
    size = len(buses[0].taps)
    f, levels = (np.concatenate([getattr(bus, name) for bus in buses]) for name in ("frequencies", "even_levels"))
    chains, below = (np.repeat(v, size) for v in zip(*((len(bus.outputs), bus.below) for bus in buses), strict=True))
    current = bus_currents(f, plan.device.resistance, size, chains, plan.circuit, below)
    return np.asarray(np.abs(current * levels[:, None]) ** 2).reshape(len(buses), size, size)


@functools.cache
def core_threads() -> int:
    """Threads to use, as numba has them: NUMBA_NUM_THREADS, else one a core."""
    from numba import config

    return int(config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]  # numba sets it by name


def _on_all_cores(call: Callable[[int, int], None], layout: _Layout) -> None:
    """Call with ranges of buses, from and to; large layers on several threads, each with its share of the work."""
    chains, size, before = layout.where[:, [0, 1, 6]].T
    ends = np.cumsum(chains * size**2)
    threads = min(core_threads(), len(ends)) if ends[-1] >= WORTH_THREADS else 1
    cuts = [0, *np.searchsorted(ends, ends[-1] * np.arange(1, threads) / threads).tolist(), len(ends)]

    def part(n: int) -> None:
        first = cuts[n]
        while first < cuts[n + 1]:
            last = int(np.searchsorted(before, before[first] + GATHERED))
            last = min(max(last, first + 1), cuts[n + 1])
            call(first, last)
            first = last

    if threads == 1:
        part(0)
        return
    with ThreadPoolExecutor(threads - 1) as pool:
        others = [pool.submit(part, n) for n in range(1, threads)]
        part(0)
        for other in others:
            other.result()


def _padded(array: Array, value: float, lanes: int) -> Array:
    """A copy whose last axis is a multiple of `lanes` long, flat."""
    more = -array.shape[-1] % lanes
    out = np.full((*array.shape[:-1], array.shape[-1] + more), value)
    out[..., : array.shape[-1]] = array
    return out.ravel()


def _drives(
    buses: Sequence[Bus], channels: Sequence[bytes], powers: Sequence[Array], factor: float, lanes: int
) -> tuple[Ints, Array, Array]:
    """Tones of all kinds of buses, and powers [resonators, tones] times their signs and a factor, both padded and flat.

    Where in these those of each bus begin, [buses, 2], comes first.
    """
    keys = list(zip(map(id, powers), channels, strict=True))
    first = dict(zip(reversed(keys), range(len(keys) - 1, -1, -1), strict=True))
    tones, volts, starts, begin = [], [], {}, [0, 0]
    for key, n in first.items():
        tones.append(_padded(buses[n].frequencies, 1.0, lanes))
        volts.append(_padded(powers[n].T * (factor * buses[n].signs)[:, None], 0.0, lanes))
        starts[key] = tuple(begin)
        begin = [begin[0] + tones[-1].size, begin[1] + volts[-1].size]
    return np.array([starts[key] for key in keys]), np.concatenate(tones), np.concatenate(volts)


def bus_answers(
    plan: FrequencyPlan, entry: LayerPlan, f_res: Sequence[Array], powers: Sequence[Array], divider: float, unit: Array
) -> Answers:
    """Answers of the chains of a layer; those of output o of group g in units of `unit`, V/W [groups, outputs].

    f_res [chains, resonators] Hz and powers [tones, resonators] A²/W bus by bus (one array for all buses alike),
    `divider` the part of a chain's DC voltage that the readout sees. Raises EngineError where an answer is not finite.
    """
    from resonet.cosim.weights.bus_kernel import LANES, answers_of

    device, layout = plan.device, _layout(entry)
    values, found = np.zeros(entry.layer.matrix.shape), np.zeros((len(entry.buses), 4))
    block = np.empty(int((layout.where[:, 1] ** 2).sum()))  # in one piece: small ones take as long as the work on them
    for bus, array, shape in zip(entry.buses, f_res, layout.shapes_of, strict=True):
        if array.shape != shape:
            raise EngineError(
                f"layer {entry.layer.name}, bus {bus.name}: resonance frequencies {list(array.shape)}, the plan has "
                f"{list(shape)}"
            )
    starts, tones, volts = _drives(entry.buses, layout.channels, powers, 0.5 * device.transduction * divider, LANES)
    where, outputs, taps, scale = layout.where, layout.outputs, layout.taps, np.ascontiguousarray(unit, float)
    size = device.sensitivity * divider

    def answer(first: int, last: int) -> None:
        own = np.concatenate(f_res[first:last], axis=None, dtype=float)
        answers_of(
            (first, last),
            where,
            starts,
            own,
            tones,
            volts,
            device.damping,
            size,
            scale,
            outputs,
            taps,
            values,
            block,
            found,
        )

    _on_all_cores(answer, layout)
    for bus, finite in zip(entry.buses, found[:, 3], strict=True):
        if not finite:
            raise EngineError(f"layer {entry.layer.name}, bus {bus.name}: an answer is not finite")
    return Answers(values, _maps(block, layout), _loudest_found(plan, entry, f_res, found))


def _maps(block: Array, layout: _Layout) -> tuple[Array, ...]:
    """The maps of all buses, views of one block."""
    maps, begin = list[Array](), 0
    for size, count in layout.sizes:
        end = begin + count * size**2
        maps.extend(block[begin:end].reshape(count, size, size))
        begin = end
    return tuple(maps)


def _loudest_found(
    plan: FrequencyPlan,
    entry: LayerPlan,
    f_res: Sequence[Array],
    found: Array,
) -> Loudest | None:
    """Of what every bus found, the loudest, with its chain."""
    size = np.where(_layout(entry).where[:, 1] > 1, found[:, 0], -1.0)
    bus = int(size.argmax())
    if size[bus] < 0:
        return None
    victim, aggressor = (int(n) for n in found[bus, 1:3])
    tone = entry.buses[bus].frequencies[aggressor]
    chain = np.abs(rectified_per_watt(tone, f_res[bus][:, victim], plan.device)).argmax()
    return Loudest(float(size[bus]), bus, int(chain), victim, aggressor)


def loudest_of(most: Sequence[Array], chain: Sequence[Array | Ints]) -> Loudest | None:
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
