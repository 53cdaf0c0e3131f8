"""What the tone of one tile does in the other tiles of its neuron, as linear network.

The tiles of a neuron are in series at DC: the far end of a tile is the DC pin of the one below, whose bypass is to
keep RF out of it, and the choke is to keep the RF of a head from its pin. Neither does wholly, and all tiles use the
same channels. From ground up a neuron is one ladder,

    0 --[R0]-- ... --[R0]-- head --L, R_L-- pin --[R0]-- ... --[R0]-- head --L, R_L-- pin ...
                              |              |                          |
                           C_block        C_bypass                   C_block
                              |              0                          |
                           bus of tile 0                          bus of tile 1

with half of the node capacitance at each end of every resonator, the junction's capacitance across it, several heads on
a bus where a tile has groups, and the readout at the last pin. All J chains of a bus are taken to be alike: one behind
J times the source's impedance, as in `bus.py`. With the voltages of the buses given, the ladder is a tridiagonal
system; what the buses draw then gives these voltages.

`tone_coupling` is κ = |current of the neighbour's tone in the resonator that holds its channel here| over that of this
tile's own tone there, both full; behind filters both buses see the impedance of all of them at the tone. Phases of
different sources are unknown: a tone of the part c of p_max becomes c + 2 κ √(c c') cos φ (the κ² of the neighbour's
own power is left out), of the variance 2 κ² c c' over all phases.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.types import Array, Complex
from resonet.models.circuit.bus import BusCircuit, resonator_impedance, seen_from_chains, tail_admittance
from resonet.models.circuit.groups import group_sizes
from resonet.models.circuit.multiplexer import source_impedance

__all__ = ["stack_currents", "tone_coupling"]


class _Ladder:
    """Nodes from ground up: shunts and series admittances, S [f] each, and which nodes are what."""

    def __init__(self, s: Complex, bus: BusCircuit, own: Complex) -> None:
        self.s, self.bus, self.own = s, bus, own
        self.shunt, self.series = list[Complex](), list[Complex]()  # series[m]: from node m - 1, or ground, to node m
        self.heads, self.resonators = list[list[int]](), list[list[int]]()  # by tile, resonators from the feed on

    def add(self, series: Complex, shunt: Complex) -> None:
        """One more node."""
        self.series.append(series)
        self.shunt.append(shunt)

    def add_tile(self, size: int) -> None:
        """The resonators of a tile from its far end on, head and pin of each of its groups."""
        half = self.s * self.bus.node_capacitance / 2
        choke = 1 / (self.bus.choke_resistance + self.s * self.bus.choke_inductance)
        heads, resonators = list[int](), list[int]()
        for count in reversed(group_sizes(size, self.bus.groups)):
            if self.shunt:
                self.shunt[-1] = self.shunt[-1] + half
            for n in range(count):
                resonators.append(len(self.shunt))
                self.add(1 / self.own, half if n == count - 1 else 2 * half)
            heads.append(len(self.shunt) - 1)
            self.shunt[-1] = self.shunt[-1] + self.s * self.bus.block_capacitance
            self.add(choke, self.s * self.bus.bypass_capacitance)
        self.heads.append(heads)
        self.resonators.append(resonators[::-1])

    def solve(self) -> Complex:
        """Voltages of the nodes per volt of each bus, [f, nodes, tiles], all other buses grounded."""
        nodes, block = len(self.shunt), self.s * self.bus.block_capacitance
        found = np.zeros((len(self.s), nodes, len(self.heads)), complex)
        for tile, heads in enumerate(self.heads):
            found[:, heads, tile] = block[:, None]
        seen = np.zeros_like(self.s)  # admittance at a node, of all below
        pivots = []
        for m in range(nodes):
            above = self.series[m + 1] if m + 1 < nodes else 0
            pivots.append(self.series[m] + self.shunt[m] + above - seen)
            if m + 1 < nodes:
                part = self.series[m + 1] / pivots[m]
                seen = part * self.series[m + 1]
                found[:, m + 1] += part[:, None] * found[:, m]
        for m in reversed(range(nodes)):
            if m + 1 < nodes:
                found[:, m] += self.series[m + 1][:, None] * found[:, m + 1]
            found[:, m] /= pivots[m][:, None]
        return found


def stack_currents(
    f: ArrayLike,
    resistance: float,
    tiles: Sequence[int],
    chains: Sequence[int],
    bus: BusCircuit,
    below: int = 0,
    source: Complex | None = None,
) -> list[Complex]:
    """RF currents in a neuron per volt of EMF of each tile's bus, A/V: by tile [tiles driven, f, resonators].

    `tiles` are the resonators of its tiles from ground up, `chains` those of their buses, `below` the resonators under
    the first one, of tiles that are left out; resonators of a tile are counted from the feed. `source`: impedance at
    the combiners' outputs, ohm [f], by default Z0.
    """
    s = 2j * np.pi * np.atleast_1d(np.asarray(f, float)).astype(complex)
    own = np.broadcast_to(np.asarray(resonator_impedance(s, resistance, bus), complex), s.shape)
    ladder = _Ladder(s, bus, own)
    if below:
        ladder.add(tail_admittance(s, bus, below * own), np.zeros_like(s))
    for size in tiles:
        ladder.add_tile(size)
    ladder.shunt[-1] = ladder.shunt[-1] + 1 / bus.readout_resistance
    voltages, block = ladder.solve(), s * bus.block_capacitance
    emf, impedance = seen_from_chains(s, bus, source)
    # At the bus: V + J Z Σ s C (V - V_head) = emf.
    count = len(ladder.heads)
    system = np.zeros((len(s), count, count), complex)
    for tile, heads in enumerate(ladder.heads):
        source = chains[tile] * impedance * block
        system[:, tile] = -source[:, None] * voltages[:, heads].sum(1)
        system[:, tile, tile] += 1 + source * len(heads)
    buses = np.linalg.solve(system, np.eye(count) * np.reshape(emf * np.ones_like(s), (-1, 1, 1)))
    nodes = voltages @ buses  # [f, nodes, driven]
    feet = np.concatenate([np.zeros_like(nodes[:, :1]), nodes[:, :-1]], 1)
    through = (nodes - feet) / resistance
    return [np.moveaxis(through[:, tile], 2, 0) for tile in ladder.resonators]


def tone_coupling(
    f: Array,
    resistance: float,
    tiles: Sequence[int],
    chains: Sequence[int],
    bus: BusCircuit,
    driven: int,
    levels: Array,
    below: int = 0,
) -> dict[int, Array]:
    """κ of the tones of tile `driven` in the tiles beside it that have as many resonators, by tile [tones].

    `levels`: of its tones, V/√W: EMF that puts 1 W into the tone's own resonator.
    """
    beside = [t for t in (driven - 1, driven + 1) if 0 <= t < len(tiles) and tiles[t] == tiles[driven]]
    filtered = bus.combining == "multiplexer"
    currents = stack_currents(f, resistance, tiles, chains, bus, below, source_impedance(f, bus) if filtered else None)
    if filtered:  # a source is levelled through its filter: what its own resonator has is full
        own = np.abs(np.diagonal(currents[driven][driven]))
        return {t: np.abs(np.diagonal(currents[t][driven])) / own for t in beside}
    return {t: np.abs(np.diagonal(currents[t][driven])) * levels * np.sqrt(resistance / 2) for t in beside}
