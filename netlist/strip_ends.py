"""What a line alone presents where a window cuts it: Thevenin source, and impedance of the rest.

The line is the same chain of π sections as in the circuit, with neighbours and crossings at rest: half the shunt y, the
series z, half the shunt. Past a shunt y a source (E, Z) is (E, Z)/(1 + yZ), past a series z it is (E, Z + z). A whole
line without neighbours is then the same however it is cut.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from resonet.netlist.parasitics import Parasitics
from resonet.netlist.placement import Placement
from resonet.netlist.strip_circuit import StripCircuit, stub_capacitance
from resonet.netlist.strip_wiring import crossing_counts

__all__ = ["LineEnds", "cut_ends", "line_ends"]

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]


@dataclass(frozen=True, slots=True, eq=False)
class LineEnds:
    """At every resonator of the layout and at one frequency, [resonators]: both sides of its stub."""

    emf: Complex  # before the stub: open voltage per volt of the source's EMF
    before: Complex  # ohm, towards the source
    after: Complex  # S, behind the stub, towards the termination


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    """Series impedances and half shunts of all lines, [lines, most]: connection before each stub, stubs, tail."""

    link: tuple[Complex, Complex]
    stub: tuple[complex, Complex]
    tail: tuple[complex, complex]
    count: NDArray[np.int64]


def _sections(placement: Placement, par: Parasitics, f: float, delay: bool) -> _Run:
    """π sections of every line, as the circuit has them."""
    runs, g, w = placement.lines, placement.geometry, 2j * np.pi * f
    per = {}
    for name in ("line", "bridge"):
        line = getattr(par, name)
        per[name] = line.r + w * line.l * delay, line.g + w * line.c * delay
    count = runs.counts
    shape = len(count), int(count.max())
    where = np.minimum(runs.start[:-1, None] + np.arange(shape[1]), len(runs.gap) - 1)
    length = runs.gap[where] - g.stub
    length[:, 0] = runs.gap[where[:, 0]] - g.stub / 2
    bridge = runs.bridge[where]
    z, y = (np.where(bridge, per["bridge"][n], per["line"][n]) * length for n in (0, 1))
    load = np.zeros((2, *shape))
    if par.line_crossing or par.bridge_chain:
        on_stub, on_link, chains = (counts[runs.order][where] for counts in crossing_counts(placement))
        load[0] = on_stub * par.line_crossing
        load[1] = on_link * par.line_crossing + chains * par.bridge_chain
    y = y + w * load[1]
    own = par.line.g * g.stub + w * stub_capacitance(placement, par, delay)[1]
    stub = per["line"][0] * g.stub, (own + w * load[0]) / 2
    rest = runs.tail - g.stub / 2
    return _Run((z, y / 2), stub, (per["line"][0] * rest, per["line"][1] * rest / 2), count)


def _from_source(run: _Run, source: float) -> tuple[Complex, Complex]:
    """EMF and impedance before each stub, [lines, most]."""
    shape = run.link[0].shape
    emf, inner = np.ones(shape[0], complex), np.full(shape[0], source, complex)
    found = np.empty((2, *shape), complex)

    def past(z: Complex | complex, y: Complex | complex) -> None:
        nonlocal emf, inner
        for series in (z, 0.0):
            fall = 1 + y * inner
            emf, inner = emf / fall, inner / fall + series

    for n in range(shape[1]):
        past(run.link[0][:, n], run.link[1][:, n])
        found[:, :, n] = emf, inner
        past(run.stub[0], run.stub[1][:, n])
    return found[0], found[1]


def _from_termination(run: _Run, termination: float) -> Complex:
    """Admittance behind each stub, [lines, most]."""

    def past(y: Complex, z: Complex | complex, shunt: Complex | complex) -> Complex:
        y = y + shunt
        return np.asarray(y / (1 + z * y) + shunt)

    count, most = run.count, run.link[0].shape[1]
    now = past(np.full(len(count), 1 / termination, complex), *run.tail)
    found = np.zeros((len(count), most), complex)
    for n in range(most - 1, -1, -1):
        here = n < count
        found[here, n] = now[here]
        now = np.where(here, past(past(now, run.stub[0], run.stub[1][:, n]), run.link[0][:, n], run.link[1][:, n]), now)
    return found


@lru_cache(maxsize=64)
def line_ends(placement: Placement, par: Parasitics, f: float, delay: bool) -> LineEnds:
    """Both sides of every stub of a layout at f (Hz)."""
    run = _sections(placement, par, f, delay)
    held = np.arange(run.link[0].shape[1]) < run.count[:, None]
    emf, before = _from_source(run, par.source)
    after = _from_termination(run, par.termination)
    out = np.empty((3, len(placement.lines.order)), complex)
    out[:, placement.lines.order] = emf[held], before[held], after[held]
    return LineEnds(*out)


def cut_ends(circuit: StripCircuit, f: float) -> tuple[Complex, Complex, Complex]:
    """EMF and impedance (ohm) before each piece of line of a circuit, admittance (S) behind it; all [pieces]."""
    ends = line_ends(circuit.placement, circuit.parasitics, f, circuit.delay)
    begin, end = circuit.resonators[circuit.pieces.begin], circuit.resonators[circuit.pieces.end]
    return ends.emf[begin], ends.before[begin], ends.after[end]
