"""What a line alone presents where a window cuts it: Thevenin source, and impedance of the rest.

The line is the same chain of π sections as in the circuit, with neighbours and crossings at rest: half the shunt y, the
series z, half the shunt. Past a shunt y a source (E, Z) is (E, Z)/(1 + yZ), past a series z it is (E, Z + z). A whole
line without neighbours is then the same however it is cut.

Lines that go the same way, piece by piece, are followed once: planar blocks leave some ten ways for thousands of lines.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numba
import numpy as np

from resonet.core.types import Array, Complex, Ints
from resonet.netlist.strip.circuit import StripCircuit, stub_capacitance
from resonet.netlist.strip.parasitics import Parasitics
from resonet.netlist.strip.placement import Placement
from resonet.netlist.strip.wiring import crossing_counts

__all__ = ["Ends", "LineEnds", "cut_ends", "ends_at", "ends_of", "line_ends"]

Ends = Callable[[StripCircuit, float], tuple[Complex, Complex, Complex]]  # as `cut_ends`

ALIKE = 1e-10  # difference of two lengths that are the same but for rounding of coordinates, as part of either
LARGE = 200_000  # resonators, from which on few tones are kept: 48 byte each


@dataclass(frozen=True, slots=True, eq=False)
class LineEnds:
    """At every resonator of the layout and at one frequency, [resonators]: both sides of its stub."""

    emf: Complex  # before the stub: open voltage per volt of the source's EMF
    before: Complex  # ohm, towards the source
    after: Complex  # S, behind the stub, towards the termination


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    """π sections in the order of the lines' runs: r, l, g, c in all; shunts are split between both ends."""

    link: Array  # [4, resonators] connection before each stub
    stub: Array  # [4, resonators]
    tail: Array  # [4]


@lru_cache(maxsize=4)
def places_of_alike(placement: Placement, crossed: bool) -> Ints:
    """Where each resonator is on the first line that goes as its own: its place in `lines.order`, [resonators].

    Lines are alike that have the same pieces one after another; where `crossed`, with as many crossings over each.
    """
    runs = placement.lines
    start, counts, places = runs.start[:-1], runs.counts, np.arange(len(runs.order))
    lengths = np.sort(runs.gap)
    apart = np.concatenate([[True], np.diff(lengths) > ALIKE * lengths[1:]])
    piece = 2 * np.searchsorted(lengths[apart], runs.gap, side="right") + runs.bridge
    for met in crossing_counts(placement) if crossed else ():
        _, piece = np.unique(piece * int(met.max() + 1) + met[runs.order].astype(np.int64), return_inverse=True)
    within = places - np.repeat(start, counts)
    lots = np.random.default_rng(0).integers(1, 2**63, int(counts.max()), dtype=np.uint64)
    sums = np.add.reduceat(piece.astype(np.uint64) * lots[within] + lots[within] // 2, start)  # modulo 2^64
    _, first, of = np.unique(sums, return_index=True, return_inverse=True)
    like = first[of]
    there = np.minimum(np.repeat(start[like], counts) + within, len(places) - 1)
    unlike = (piece != piece[there]) | (np.abs(runs.gap - runs.gap[there]) > ALIKE * runs.gap)  # sums meet by chance
    same = (counts[like] == counts) & ~np.logical_or.reduceat(unlike, start)
    out = np.empty_like(places)
    out[runs.order] = np.where(np.repeat(same, counts), there, places)
    return out


def _sections(placement: Placement, par: Parasitics, delay: bool, places: Ints | None = None) -> _Run:
    """π sections of the lines, as the circuit has them, at some `places` in the order of the runs (None: all)."""
    runs, g = placement.lines, placement.geometry
    places = np.arange(len(runs.order)) if places is None else places
    per = {}
    for name in ("line", "bridge"):
        line = getattr(par, name)
        per[name] = np.array([line.r, line.l * delay, line.g, line.c * delay])[:, None]
    length = runs.gap[places] - g.stub
    length[np.isin(places, runs.start[:-1])] += g.stub / 2
    link = np.where(runs.bridge[places], per["bridge"], per["line"]) * length
    stub = np.tile(per["line"] * g.stub, len(length))
    stub[3] = stub_capacitance(placement, par, delay)[1]
    if _is_crossed(par):
        on_stub, on_link, chains = (counts[runs.order[places]] for counts in crossing_counts(placement))
        stub[3] += on_stub * par.line_crossing
        link[3] += on_link * par.line_crossing + chains * par.bridge_chain
    return _Run(link, stub, per["line"][:, 0] * (runs.tail - g.stub / 2))


def _is_crossed(par: Parasitics) -> bool:
    """Whether crossings of lines do anything to them."""
    return bool(par.line_crossing or par.bridge_chain)


@numba.njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "arcp"})
def _past(section: Array, w: Array, emf: Array, inner: Array) -> None:
    """Thevenin source past one π section, at all w (rad/s); emf and inner are [2, tones], real and imaginary parts."""
    r, l, g, c = section[0], section[1], section[2] / 2, section[3] / 2  # noqa: E741
    for half in range(2):
        for t in range(len(w)):
            a, b = inner[0, t], inner[1, t]
            u, v = 1 + g * a - w[t] * c * b, g * b + w[t] * c * a
            size = 1 / (u * u + v * v)
            inner[0, t], inner[1, t] = (a * u + b * v) * size, (b * u - a * v) * size
            if half == 0:
                inner[0, t] += r
                inner[1, t] += w[t] * l
            a, b = emf[0, t], emf[1, t]
            emf[0, t], emf[1, t] = (a * u + b * v) * size, (b * u - a * v) * size


@numba.njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "arcp"})
def _before(section: Array, w: Array, y: Array) -> None:
    """Admittance of a π section and what is behind it, y [2, tones], in place."""
    r, l, g, c = section[0], section[1], section[2] / 2, section[3] / 2  # noqa: E741
    for t in range(len(w)):
        a, b, x = y[0, t] + g, y[1, t] + w[t] * c, w[t] * l
        u, v = 1 + r * a - x * b, r * b + x * a
        size = 1 / (u * u + v * v)
        y[0, t], y[1, t] = (a * u + b * v) * size + g, (b * u - a * v) * size + w[t] * c


@numba.njit(cache=True, nogil=True)
def _keep(values: Array, out: Array) -> None:
    """Values [2, tones] into `out`; numba takes seconds to compile that as one statement."""
    for part in range(2):
        for t in range(values.shape[1]):
            out[part, t] = values[part, t]


@numba.njit(cache=True, nogil=True)
def _walk(
    start: Ints, link: Array, stub: Array, tail: Array, w: Array, source: float, termination: float, slot: Ints,
    out: Array,
) -> None:  # fmt: skip
    """EMF, impedance before, admittance behind: out [3, slots, 2, tones] at the places of the runs that have a slot.

    Every run has one.
    """
    emf, inner, y = np.empty((2, len(w))), np.empty((2, len(w))), np.empty((2, len(w)))
    for line in range(len(start) - 1):
        first, last = start[line], start[line + 1] - 1
        while slot[first] < 0:
            first += 1
        while slot[last] < 0:
            last -= 1
        emf[0], emf[1], inner[0], inner[1], y[0], y[1] = 1.0, 0.0, source, 0.0, 1 / termination, 0.0
        for n in range(start[line], last + 1):
            _past(link[:, n], w, emf, inner)
            if slot[n] >= 0:
                _keep(emf, out[0, slot[n]])
                _keep(inner, out[1, slot[n]])
            _past(stub[:, n], w, emf, inner)
        _before(tail, w, y)
        for n in range(start[line + 1] - 1, first - 1, -1):
            if slot[n] >= 0:
                _keep(y, out[2, slot[n]])
            _before(stub[:, n], w, y)
            _before(link[:, n], w, y)


def _distinct_ends(
    placement: Placement, par: Parasitics, frequencies: Array, delay: bool, resonators: Ints | None
) -> tuple[LineEnds, Ints]:
    """Both sides of stubs that differ, [tones, those], and which of them is that over each of `resonators`."""
    runs, places = placement.lines, places_of_alike(placement, _is_crossed(par))
    wanted, of = np.unique(places if resonators is None else places[resonators], return_inverse=True)
    line = np.unique(np.searchsorted(runs.start, wanted, side="right") - 1)
    start = np.concatenate([[0], np.cumsum(runs.counts[line])])
    kept = np.repeat(runs.start[line] - start[:-1], runs.counts[line]) + np.arange(start[-1])
    slot = np.full(len(kept), -1)
    slot[np.searchsorted(kept, wanted)] = np.arange(len(wanted))
    run, w = _sections(placement, par, delay, kept), 2 * np.pi * np.asarray(frequencies, float)
    out = np.empty((3, len(wanted), 2, len(w)))
    _walk(start.astype(np.int64), run.link, run.stub, run.tail, w, par.source, par.termination, slot, out)
    return LineEnds(*(part[:, 0].T + 1j * part[:, 1].T for part in out)), of


def ends_at(
    placement: Placement, par: Parasitics, frequencies: Array, delay: bool, resonators: Ints | None = None
) -> LineEnds:
    """Both sides of the stubs over `resonators` (None: all) at all frequencies (Hz); arrays [tones, resonators]."""
    ends, of = _distinct_ends(placement, par, frequencies, delay, resonators)
    return LineEnds(ends.emf[:, of], ends.before[:, of], ends.after[:, of])


def line_ends(placement: Placement, par: Parasitics, f: float, delay: bool) -> LineEnds:
    """Both sides of every stub of a layout at f (Hz)."""
    return (_few if len(placement.lines.order) > LARGE else _many)(placement, par, f, delay)


def _line_ends(placement: Placement, par: Parasitics, f: float, delay: bool) -> LineEnds:
    ends = ends_at(placement, par, np.array([f]), delay)
    return LineEnds(ends.emf[0], ends.before[0], ends.after[0])


_many, _few = lru_cache(maxsize=256)(_line_ends), lru_cache(maxsize=16)(_line_ends)


def ends_of(circuit: StripCircuit, frequencies: Array, at: Ints | None = None) -> Ends:
    """`cut_ends` at some frequencies (Hz), each way of a line through a layout followed once for all of them.

    For a circuit, or for several of one layout that are cut `at` these resonators [sorted].
    """
    pieces = circuit.pieces
    if at is None:
        at = np.unique(circuit.resonators[np.concatenate([pieces.begin, pieces.end])])
    ends, of = _distinct_ends(circuit.placement, circuit.parasitics, frequencies, circuit.delay, at)
    tone = {float(f): n for n, f in enumerate(frequencies)}

    @lru_cache(maxsize=4)  # as many windows as are solved at a time
    def places(window: StripCircuit) -> tuple[Ints, Ints]:
        begin, end = (window.resonators[n] for n in (window.pieces.begin, window.pieces.end))
        return of[np.searchsorted(at, begin)], of[np.searchsorted(at, end)]

    def cut(window: StripCircuit, f: float) -> tuple[Complex, Complex, Complex]:
        (begin, end), row = places(window), tone[f]
        return ends.emf[row, begin], ends.before[row, begin], ends.after[row, end]

    return cut


def cut_ends(circuit: StripCircuit, f: float) -> tuple[Complex, Complex, Complex]:
    """EMF and impedance (ohm) before each piece of line of a circuit, admittance (S) behind it; all [pieces]."""
    ends = line_ends(circuit.placement, circuit.parasitics, f, circuit.delay)
    begin, end = circuit.resonators[circuit.pieces.begin], circuit.resonators[circuit.pieces.end]
    return ends.emf[begin], ends.before[begin], ends.after[end]
