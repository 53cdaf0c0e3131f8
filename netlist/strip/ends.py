"""What a line alone presents where a window cuts it: Thevenin source, and impedance of the rest.

The line is the same chain of π sections as in the circuit, with neighbours and crossings at rest: half the shunt y, the
series z, half the shunt. Past a shunt y a source (E, Z) is (E, Z)/(1 + yZ), past a series z it is (E, Z + z). A whole
line without neighbours is then the same however it is cut.

Every other block of chains is laid out alike, so that a line repeats itself every two columns of blocks. Where nobody
asks, k repetitions are one two-port [A B; C D], that of two columns to the power of k by squaring: past it a source is
(E, B + ZD)/(A + ZC), and an admittance Y before it (C + DY)/(A + BY).
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

ALIKE = 1e-12  # difference of two sections that are the same but for rounding, as part of either
REPEATED = 4  # repetitions, from which on a power takes less time than following the line
LARGEST = 1e100  # entry of a two-port that is squared
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


def _sections(placement: Placement, par: Parasitics, delay: bool) -> _Run:
    """π sections of every line, as the circuit has them."""
    runs, g = placement.lines, placement.geometry
    per = {}
    for name in ("line", "bridge"):
        line = getattr(par, name)
        per[name] = np.array([line.r, line.l * delay, line.g, line.c * delay])[:, None]
    length = runs.gap - g.stub
    length[runs.start[:-1]] += g.stub / 2
    link = np.where(runs.bridge, per["bridge"], per["line"]) * length
    stub = np.tile(per["line"] * g.stub, len(length))
    stub[3] = stub_capacitance(placement, par, delay)[1]
    if par.line_crossing or par.bridge_chain:
        on_stub, on_link, chains = (counts[runs.order] for counts in crossing_counts(placement))
        stub[3] += on_stub * par.line_crossing
        link[3] += on_link * par.line_crossing + chains * par.bridge_chain
    return _Run(link, stub, per["line"][:, 0] * (runs.tail - g.stub / 2))


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


def _repeats(placement: Placement, run: _Run) -> tuple[Ints, Ints]:
    """Resonators of a line until it repeats itself [lines], and resonators from each on that do, [resonators] as runs.

    The latter is to be counted from the end of the first period on, where it says how many are as a period before.
    """
    runs, block = placement.lines, placement.usage.block[placement.lines.order].astype(np.int64)
    start, counts = runs.start[:-1], runs.counts
    turn = 2 * placement.block_grid[0]  # blocks go up one column of blocks and down the next
    period = np.add.reduceat(block - np.repeat(block[start], counts) < turn, start).astype(np.int64)
    before = np.arange(len(block)) - np.repeat(period, counts)
    alike = before >= np.repeat(start, counts)
    for values in (*run.link, *run.stub):
        alike &= np.abs(values - values[before]) <= ALIKE * np.abs(values)
    place = np.arange(len(alike) + 1)
    ends = np.where(np.append(alike, False), len(alike), place)  # the next that is not alike
    return period, np.minimum.accumulate(ends[::-1])[::-1][:-1] - place[:-1]


@numba.njit(cache=True, nogil=True)
def _section_after(section: Array, w: Array, port: Complex) -> None:
    """A two-port and a π section behind it, in place; port [A, B, C, D; tones]."""
    for t in range(len(w)):
        z, y = complex(section[0], w[t] * section[1]), complex(section[2], w[t] * section[3]) / 2
        along, across = 1 + z * y, y * (2 + z * y)
        for row in (0, 2):
            a, b = port[row, t], port[row + 1, t]
            port[row, t], port[row + 1, t] = a * along + b * across, a * z + b * along


@numba.njit(cache=True, nogil=True)
def _two_port(link: Array, stub: Array, first: int, count: int, w: Array) -> Complex:
    """Two-port of `count` connections and stubs from `first` on, [A, B, C, D; tones]."""
    port = np.zeros((4, len(w)), np.complex128)
    port[0], port[3] = 1, 1
    for n in range(first, first + count):
        _section_after(link[:, n], w, port)
        _section_after(stub[:, n], w, port)
    return port


@numba.njit(cache=True, nogil=True)
def _past_ports(port: Complex, times: int, emf: Array, inner: Array) -> None:
    """Thevenin source past a two-port, `times` times over; emf and inner as in `_past`. Squares the two-port."""
    for t in range(port.shape[1]):
        a, b, c, d = port[:, t]
        e, z, left = complex(emf[0, t], emf[1, t]), complex(inner[0, t], inner[1, t]), times
        while left:
            large = abs(a) + abs(b) + abs(c) + abs(d) > LARGEST
            for _ in range(left if large else left % 2):
                e, z = e / (a + z * c), (b + z * d) / (a + z * c)
            a, b, c, d = a * a + b * c, b * (a + d), c * (a + d), d * d + b * c
            left = 0 if large else left // 2
        emf[0, t], emf[1, t], inner[0, t], inner[1, t] = e.real, e.imag, z.real, z.imag


@numba.njit(cache=True, nogil=True)
def _before_ports(port: Complex, times: int, y: Array) -> None:
    """Admittance of a two-port, `times` times over, and what is behind; y [2, tones], in place."""
    for t in range(port.shape[1]):
        a, b, c, d = port[:, t]
        v, left = complex(y[0, t], y[1, t]), times
        while left:
            large = abs(a) + abs(b) + abs(c) + abs(d) > LARGEST
            for _ in range(left if large else left % 2):
                v = (c + d * v) / (a + b * v)
            a, b, c, d = a * a + b * c, b * (a + d), c * (a + d), d * d + b * c
            left = 0 if large else left // 2
        y[0, t], y[1, t] = v.real, v.imag


@numba.njit(cache=True, nogil=True)
def _walk(
    start: Ints, link: Array, stub: Array, tail: Array, w: Array, source: float, termination: float, slot: Ints,
    period: Ints, alike: Ints, out: Array,
) -> None:  # fmt: skip
    """EMF, impedance before, admittance behind: out [3, slots, 2, tones] at the places of the runs that have a slot.

    `period` and `alike` as from `_repeats`.
    """
    emf, inner, y = np.empty((2, len(w))), np.empty((2, len(w))), np.empty((2, len(w)))
    for line in range(len(start) - 1):
        first, last, p = start[line], start[line + 1] - 1, period[line]
        while first <= last and slot[first] < 0:
            first += 1
        while last > first and slot[last] < 0:
            last -= 1
        if first > last:
            continue  # nobody asks for this line
        emf[0], emf[1], inner[0], inner[1], y[0], y[1] = 1.0, 0.0, source, 0.0, 1 / termination, 0.0
        n = start[line]
        while n <= last:
            times = min(alike[n + p] // p + 1, (first - n) // p) if n + p < first else 0
            if times >= REPEATED:
                _past_ports(_two_port(link, stub, n, p, w), times, emf, inner)
                n += times * p
                continue
            _past(link[:, n], w, emf, inner)
            if slot[n] >= 0:
                out[0, slot[n]], out[1, slot[n]] = emf, inner
            _past(stub[:, n], w, emf, inner)
            n += 1
        _before(tail, w, y)
        n = start[line + 1] - 1
        while n >= first:
            low = n + 1 - (n - last) // p * p  # whole periods that nobody asks for, counted from the end
            times = (n + 1 - low) // p
            if times >= REPEATED and alike[low + p] >= n + 1 - low - p:
                _before_ports(_two_port(link, stub, low, p, w), times, y)
                n = low - 1
                continue
            if slot[n] >= 0:
                out[2, slot[n]] = y
            _before(stub[:, n], w, y)
            _before(link[:, n], w, y)
            n -= 1


def ends_at(
    placement: Placement, par: Parasitics, frequencies: Array, delay: bool, resonators: Ints | None = None
) -> LineEnds:
    """Both sides of the stubs over `resonators` (None: all) at all frequencies (Hz); arrays [tones, resonators]."""
    runs, run = placement.lines, _sections(placement, par, delay)
    of = np.full(len(runs.order), -1)
    of[slice(None) if resonators is None else resonators] = np.arange(
        len(of) if resonators is None else len(resonators)
    )
    w = 2 * np.pi * np.asarray(frequencies, float)
    out = np.empty((3, int(of.max()) + 1, 2, len(w)))
    start, ends = runs.start.astype(np.int64), (par.source, par.termination)
    _walk(start, run.link, run.stub, run.tail, w, *ends, of[runs.order], *_repeats(placement, run), out)
    return LineEnds(*(part[:, 0].T + 1j * part[:, 1].T for part in out))


def line_ends(placement: Placement, par: Parasitics, f: float, delay: bool) -> LineEnds:
    """Both sides of every stub of a layout at f (Hz)."""
    return (_few if len(placement.lines.order) > LARGE else _many)(placement, par, f, delay)


def _line_ends(placement: Placement, par: Parasitics, f: float, delay: bool) -> LineEnds:
    ends = ends_at(placement, par, np.array([f]), delay)
    return LineEnds(ends.emf[0], ends.before[0], ends.after[0])


_many, _few = lru_cache(maxsize=256)(_line_ends), lru_cache(maxsize=16)(_line_ends)


def ends_of(circuit: StripCircuit, frequencies: Array, at: Ints | None = None) -> Ends:
    """`cut_ends` at some frequencies (Hz), each line of a layout followed once for all of them.

    For a circuit, or for several of one layout that are cut `at` these resonators [sorted].
    """
    pieces = circuit.pieces
    if at is None:
        at = np.unique(circuit.resonators[np.concatenate([pieces.begin, pieces.end])])
    ends = ends_at(circuit.placement, circuit.parasitics, frequencies, circuit.delay, at)
    tone = {float(f): n for n, f in enumerate(frequencies)}

    def cut(window: StripCircuit, f: float) -> tuple[Complex, Complex, Complex]:
        begin, end = (np.searchsorted(at, window.resonators[n]) for n in (window.pieces.begin, window.pieces.end))
        row = tone[f]
        return ends.emf[row, begin], ends.before[row, begin], ends.after[row, end]

    return cut


def cut_ends(circuit: StripCircuit, f: float) -> tuple[Complex, Complex, Complex]:
    """EMF and impedance (ohm) before each piece of line of a circuit, admittance (S) behind it; all [pieces]."""
    ends = line_ends(circuit.placement, circuit.parasitics, f, circuit.delay)
    begin, end = circuit.resonators[circuit.pieces.begin], circuit.resonators[circuit.pieces.end]
    return ends.emf[begin], ends.before[begin], ends.after[end]
