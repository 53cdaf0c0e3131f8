"""The circuit of a strip-line feed as element arrays: chains, lines above them, and every path between them.

    line l   o--[ stub: R, L, senses I_l ]--o--[ connection: R, L ]--o--- ...   ½ C to ground at either end of each
             |             |                |
           ½ C           κ a I_l          ½ C   also ½ C to the stub beside it, M between stubs, C where metals cross
             |             v                |
    chain    o--[ R0 + wire, k x: junction ]--o--[ ... ]--- foot ---[ rail R, L ]--- foot of the next chain
             |                                |
           ½ C in series with the substrate, ½ C and ½ G to the chain beside it; at the head the bias tee

A junction carries i = s i_chain + κ Σ a I_l: s = ±1 says how it is turned (head to tail: + for even taps), a is the
relative field of a line (`line_field`) with the sign of the line's heading. Crossings are attached at the nearer end of
the connection, which is short against a wavelength. The tee is a choke whose own capacitance lets `bias_tee` of the RF
through to a DC side of 50 ohm.

**Windows.** A window holds some chains and the pieces of line over them. Each piece is closed by what the line alone
presents there: a Thevenin source towards the source, an impedance towards the termination (`ends`).

Node 0 is ground. The linear engine and the deck read the same arrays.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.errors import InputError
from resonet.core.types import Array, Ints
from resonet.models.line.strip_geometry import line_field, line_section, strip_line
from resonet.netlist.strip.parasitics import Parasitics
from resonet.netlist.strip.placement import Placement
from resonet.netlist.strip.wiring import Pieces, beside, crossings, lattice, line_pieces, members, rail_links

__all__ = ["FIELD_CAUSES", "Elements", "StripCircuit", "strip_circuit", "stub_capacitance"]

Group = tuple[ArrayLike, ArrayLike, ArrayLike, ArrayLike]
FIELD_CAUSES = ("line_field", "line_delay")  # fields of neighbouring lines; inductance and capacitance of lines
TEE_IMPEDANCE = 50.0  # ohm, what the DC side of a bias tee is to RF: the 50 ohm convention


@dataclass(frozen=True, slots=True, eq=False)
class Elements:
    """Elements of one kind between nodes a and b: r in ohm, x as the circuit says."""

    a: Ints
    b: Ints
    r: Array
    x: Array


@dataclass(frozen=True, slots=True, eq=False)
class StripCircuit:
    """Circuit of a layer or a window. Resonators chain by chain and tap by tap; stub n is over resonator n."""

    placement: Placement
    parasitics: Parasitics
    delay: bool  # lines have inductance and capacitance
    chains: Ints  # [chains] numbers in the placement
    resonators: Ints  # [resonators] numbers in the placement
    nodes: int  # without ground
    head: Ints  # [resonators] node towards the chain's head, which is read out
    foot: Ints  # [resonators] node towards its foot
    wire: Array  # [resonators] ohm, of the chain, in series with the junction
    turn: Array  # [resonators] +1: the current from head to foot enters at p; -1: at n
    leaks: Elements  # x: S
    capacitors: Elements  # x: F, in series with r
    branches: Elements  # x: H, in series with r; stubs, connections of lines, rail
    mutual: tuple[Ints, Ints, Array]  # branch, branch, H
    field: tuple[Ints, Ints, Array]  # resonator, stub, drive by that of the resonator's own line
    pieces: Pieces
    tuning: Ints  # [resonators] node of the tuning line, 0 where that is ground to RF

    @property
    def line(self) -> Ints:
        """Line over each resonator, [resonators]."""
        return self.placement.usage.line[self.resonators].astype(np.int64)

    @property
    def tone(self) -> Ints:
        """Tone class of each resonator's line, [resonators]."""
        return self.placement.usage.tone[self.resonators].astype(np.int64)

    @property
    def chain(self) -> Ints:
        """Place of each resonator's chain in `chains`, [resonators]."""
        return np.searchsorted(self.chains, self.placement.usage.chain[self.resonators])

    @property
    def readout(self) -> Ints:
        """Node at the head of each chain, [chains]."""
        return self.head[np.searchsorted(self.chain, np.arange(len(self.chains)))]


def _elements(groups: list[Group]) -> Elements:
    """One record of groups of elements; those between one node and itself, and those of x = r = 0, are left out."""
    rows = [np.broadcast_arrays(*(np.atleast_1d(np.asarray(v)) for v in group)) for group in groups]
    a, b, r, x = (np.concatenate([row[n] for row in rows]) if rows else np.empty(0) for n in range(4))
    kept = (a != b) & (x != 0)
    return Elements(a[kept].astype(np.int64), b[kept].astype(np.int64), r[kept].astype(float), x[kept].astype(float))


def _branches(groups: list[Group]) -> Elements:
    rows = [np.broadcast_arrays(*(np.atleast_1d(np.asarray(v)) for v in group)) for group in groups]
    a, b, r, x = (np.concatenate([row[n] for row in rows]) for n in range(4))
    return Elements(a.astype(np.int64), b.astype(np.int64), r.astype(float), x.astype(float))


def stub_capacitance(placement: Placement, par: Parasitics, delay: bool) -> tuple[float, float]:
    """Capacitance of a stub, F: to ground, and in all, as a line alone in its array of neighbours would have it.

    What goes to neighbours and to the chain is missing to ground, down to the value of the cross-section.
    """
    g = placement.geometry
    taken = 2 * float(par.line_line[0]) + float(par.line_chain[0]) + par.line_tuning
    if not delay:
        return 0.0, taken
    alone = par.line.c * g.stub
    if taken == 0:
        return alone, alone
    ground = max(alone - taken, line_section(g).line_ground * g.stub)
    return ground, ground + taken


@dataclass(frozen=True, slots=True, eq=False)
class _Frame:
    """Nodes: chains, line ends of stubs, feet, tuning lines."""

    head: Ints
    foot: Ints
    entry: Ints
    leave: Ints
    feet: Ints  # [chains], 0 without a rail
    tuning: Ints
    nodes: int


def _frame(placement: Placement, par: Parasitics, chains: Ints, resonators: Ints) -> _Frame:
    count = len(resonators)
    chain = np.searchsorted(chains, placement.usage.chain[resonators])
    last = np.searchsorted(chain, np.arange(len(chains)), side="right") - 1
    head, nodes = 1 + np.arange(count), 3 * count
    feet = np.zeros(len(chains), np.int64)
    if par.ground_resistance or par.ground_inductance:
        feet, nodes = nodes + 1 + np.arange(len(chains)), nodes + len(chains)
    tuning = np.zeros(count, np.int64)
    if par.line_tuning and par.tuning_resistance:
        tuning, nodes = nodes + 1 + np.arange(count), nodes + count
    foot = head + 1
    foot[last] = feet
    return _Frame(head, foot, head + count, head + 2 * count, feet, tuning, nodes)


def _levels(placement: Placement, resonators: Ints) -> Ints:
    return placement.arrangement.level(placement.usage, resonators)


def _sides(placement: Placement, resonators: Ints, chain: Ints, frame: _Frame) -> tuple[Ints, Ints, Ints, Ints]:
    """Chain nodes and line nodes of each resonator towards -y and +y (stacked: chains downwards and upwards)."""
    along = placement.xyz[resonators, placement.arrangement.axis]
    first, last = (np.searchsorted(chain, chain, side=side) for side in ("left", "right"))
    up = along[last - 1] >= along[first]
    north = placement.heading[resonators] > 0
    low, high = np.where(up, frame.head, frame.foot), np.where(up, frame.foot, frame.head)
    return low, high, np.where(north, frame.entry, frame.leave), np.where(north, frame.leave, frame.entry)


def _chain_groups(
    placement: Placement, par: Parasitics, resonators: Ints, low: Ints, high: Ints
) -> tuple[list[Group], list[Group]]:
    """Capacitors and leaks of chains to ground and to each other."""
    level = _levels(placement, resonators)
    i, j = lattice(placement, resonators)
    half = par.chain_ground[level] / 2
    capacitors: list[Group] = [(low, 0, par.substrate, half), (high, 0, par.substrate, half)]
    capacitors += [(end[i], end[j], 0.0, par.chain_chain[level[i]] / 2) for end in (low, high)]
    leaks: list[Group] = [(end[i], end[j], 0.0, par.chain_leakage[level[i]] / 2) for end in (low, high)]
    return capacitors, leaks


def _tee_group(par: Parasitics, heads: Ints) -> list[Group]:
    """Choke with a capacitance of its own that lets the voltage ratio `bias_tee` through to the DC side."""
    ratio = par.bias_tee
    if ratio == 0:
        return []
    if ratio >= 1:
        return [(heads, 0, TEE_IMPEDANCE, 1e-9)]  # no choke: the DC side hangs at the head
    reach = ratio / np.sqrt(1 - ratio**2) / TEE_IMPEDANCE
    return [(heads, 0, TEE_IMPEDANCE, reach / (2 * np.pi * par.frequency))]


def _stub_groups(
    placement: Placement, par: Parasitics, delay: bool, resonators: Ints, sides: tuple[Ints, Ints, Ints, Ints]
) -> list[Group]:
    """Capacitors of stubs: to ground, to the chain below, to the stub beside."""
    low, high, south, north = sides
    level = _levels(placement, resonators)
    ground, _ = stub_capacitance(placement, par, delay)
    i, j, _ = beside(placement, resonators, 1)
    groups: list[Group] = []
    for line, chain in ((south, low), (north, high)):
        groups += [(line, 0, 0.0, ground / 2), (line, chain, 0.0, par.line_chain[level] / 2)]
        groups += [(line[i], line[j], 0.0, par.line_line[level[i]] / 2)]
    return groups


def _connection_groups(
    par: Parasitics, delay: bool, pieces: Pieces, frame: _Frame
) -> tuple[Group, list[Group], list[Group]]:
    """Connections of lines: the branches, their capacitors, their leaks."""
    r, l, g, c = (  # noqa: E741
        np.where(pieces.bridge, getattr(par.bridge, name), getattr(par.line, name)) * pieces.length for name in "rlgc"
    )
    ends = (frame.leave[pieces.source], frame.entry[pieces.target])
    branch: Group = (*ends, r, l * delay)
    return branch, [(end, 0, 0.0, c * delay / 2) for end in ends], [(end, 0, 0.0, g / 2) for end in ends]


def _crossing_groups(
    placement: Placement, par: Parasitics, resonators: Ints, pieces: Pieces, frame: _Frame
) -> list[Group]:
    """Capacitors where bridges cross lines and chains, at the nearer ends."""
    (link, part, other, share), (over, gone, below) = crossings(
        placement, resonators, pieces, par.line_crossing > 0, par.bridge_chain > 0
    )
    start = np.concatenate([frame.entry, frame.leave[pieces.source]])
    end = np.concatenate([frame.leave, frame.entry[pieces.target]])
    count = len(resonators)

    def node(piece: Ints, where: Array) -> Ints:
        return np.where(where < 0.5, start[piece], end[piece])

    return [
        (node(link + count, part), node(other, share), 0.0, par.line_crossing),
        (node(over + count, gone), frame.head[below], 0.0, par.bridge_chain / 2),
        (node(over + count, gone), frame.foot[below], 0.0, par.bridge_chain / 2),
    ]


def _tuning_groups(
    placement: Placement, par: Parasitics, resonators: Ints, frame: _Frame
) -> tuple[list[Group], list[Group]]:
    """Capacitors from lines to tuning lines and on to ground, and the tuning lines themselves as leaks."""
    half = par.line_tuning / 2
    capacitors: list[Group] = [(end, frame.tuning, 0.0, half) for end in (frame.entry, frame.leave)]
    if not frame.tuning.any():
        return capacitors, []
    runs, g = placement.tuning, placement.geometry
    at_run = np.empty(len(runs.order), np.int64)
    at_run[runs.order] = np.arange(len(runs.order))
    order = np.argsort(at_run[resonators])
    at, line = at_run[resonators][order], placement.usage.weight[resonators][order]
    same = np.diff(line) == 0
    ahead = np.concatenate([[0.0], np.cumsum(runs.gap)])[:-1] + runs.gap  # m along all runs, end to end
    node, place = frame.tuning[order], ahead[at]
    begin, end = np.concatenate([[True], ~same]), np.concatenate([~same, [True]])
    before = place - (ahead[runs.start[line]] - runs.gap[runs.start[line]])
    after = ahead[runs.start[line + 1] - 1] + runs.tail - place
    per = par.tuning_resistance
    leaks: list[Group] = [(node[:-1][same], node[1:][same], 0.0, 1 / (per * np.diff(place)[same]))]
    leaks += [(node[begin], 0, 0.0, 1 / (per * before[begin])), (node[end], 0, 0.0, 1 / (per * after[end]))]
    shunt = strip_line(g, par.frequency, 1.0, "tuning").c * placement.arrangement.tuning_pitch(g)
    return [*capacitors, (frame.tuning, 0, 0.0, shunt)], leaks


def _fields(placement: Placement, resonators: Ints, reach: int) -> tuple[Ints, Ints, Array]:
    """Drive of each resonator by the stubs of its row: own line first, sign of the heading."""
    heading = placement.heading[resonators].astype(float)
    every = np.arange(len(resonators))
    if reach < 1:
        return every, every, heading
    i, j, apart = beside(placement, resonators, reach)
    near = line_field(placement.geometry, apart)
    rows, stubs = np.concatenate([every, i, j]), np.concatenate([every, j, i])
    return rows, stubs, np.concatenate([np.ones(len(every)), near, near]) * heading[stubs]


def strip_circuit(
    placement: Placement,
    parasitics: Parasitics,
    window: ArrayLike | None = None,
    also: Iterable[str] = FIELD_CAUSES,
    reach: int = 3,
) -> StripCircuit:
    """Circuit of a layer, or of the chains `window`, under `parasitics` and the causes `also` of this page.

    Fields of lines count up to `reach` pitches aside. Raises InputError for an unknown cause, for chains that do not
    exist, and for more resonators than one circuit may have.
    """
    also, par = frozenset(also), parasitics
    if also - set(FIELD_CAUSES):
        raise InputError(f"cause {sorted(also - set(FIELD_CAUSES))[0]!r}: possible here: {', '.join(FIELD_CAUSES)}")
    delay = "line_delay" in also
    chains, resonators = members(placement, window)
    frame, pieces = _frame(placement, par, chains, resonators), line_pieces(placement, resonators)
    chain = np.searchsorted(chains, placement.usage.chain[resonators])
    sides = _sides(placement, resonators, chain, frame)
    connections, between, losses = _connection_groups(par, delay, pieces, frame)
    of_chains, leakage = _chain_groups(placement, par, resonators, *sides[:2])
    of_tuning, along = _tuning_groups(placement, par, resonators, frame)
    capacitors = [*of_chains, *_tee_group(par, frame.head[np.searchsorted(chain, np.arange(len(chains)))]), *between]
    capacitors += _stub_groups(placement, par, delay, resonators, sides) + of_tuning
    capacitors += _crossing_groups(placement, par, resonators, pieces, frame)
    g, count = placement.geometry, len(resonators)
    stub_leak = par.line.g * g.stub / 2
    losses += [(frame.entry, 0, 0.0, stub_leak), (frame.leave, 0, 0.0, stub_leak)]
    stubs: Group = (frame.entry, frame.leave, par.line.r * g.stub, par.line.l * g.stub * delay)
    branches = [stubs, connections]
    if frame.feet.any():
        a, b, steps = rail_links(placement, chains)
        feet = np.append(frame.feet, 0)
        branches.append((feet[a], feet[b], steps * par.ground_resistance, steps * par.ground_inductance))
    i, j, _ = beside(placement, resonators, 1)
    mutual = par.line_mutual[_levels(placement, resonators)[i]] * placement.heading[resonators[i]]
    mutual = mutual * placement.heading[resonators[j]]
    kept = mutual != 0
    return StripCircuit(
        placement,
        par,
        delay,
        chains,
        resonators,
        frame.nodes,
        frame.head,
        frame.foot,
        np.full(count, par.chain_resistance),
        np.asarray(1.0 - 2.0 * (placement.usage.tap[resonators] % 2), float),
        _elements([*leakage, *losses, *along]),
        _elements(capacitors),
        _branches(branches),
        (i[kept], j[kept], mutual[kept]),
        _fields(placement, resonators, reach if "line_field" in also else 0),
        pieces,
        frame.tuning,
    )
