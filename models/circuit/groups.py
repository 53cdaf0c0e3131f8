"""A chain cut into groups that are in parallel for RF and in series for DC.

Each group has a bias tee of its own on the same bus. Its far end is the DC pin of the group below, whose bypass is its
RF ground, so that the RF current of a group does not go through the others; their DC voltages add:

    bus --C_block-- head --[R0]-- ... --[R0]-- pin --L, R_L-- head --[R0]-- ... --[R0]-- tail
                                               |               |
                                        C_bypass to 0          C_block to the bus

(the first head has its choke to the chain's DC pin). J chains of K resonators in G groups are K R0 / (J G²) on the bus,
so that G is to the sources what a transformer of G turns is, without its band; at DC it is a chain of K R0 with G bias
tees: its voltage settles into G capacitors one after another instead of one.

For RF a path from the far end to the feed, node by node, each with an injection from the bus: exact, one pass.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from resonet.core.types import Array, Complex, Ints

__all__ = ["GroupedPath", "group_sizes", "group_starts", "grouped_currents", "nodal_chain", "stacked_sizes"]


class GroupedBus(Protocol):
    """What of a bus (`models.circuit.BusCircuit`) counts here."""

    @property
    def groups(self) -> int: ...

    @property
    def block_capacitance(self) -> float: ...

    @property
    def bypass_capacitance(self) -> float: ...

    @property
    def choke_inductance(self) -> float: ...

    @property
    def choke_resistance(self) -> float: ...

    @property
    def node_capacitance(self) -> float: ...  # of `nodal_chain`

    @property
    def readout_resistance(self) -> float: ...


def group_sizes(resonators: int, groups: int) -> list[int]:
    """Resonators of the groups of a chain, from the feed on; no group is empty."""
    count = min(groups, resonators)
    return [resonators // count + (n < resonators % count) for n in range(count)]


def stacked_sizes(tiles: Sequence[int], groups: int) -> list[int]:
    """Resonators of all groups in series for DC, from ground up, of tiles from ground up."""
    return [size for tile in tiles for size in reversed(group_sizes(tile, groups))]


def group_starts(resonators: int, groups: int) -> list[int]:
    """First resonator of every group, from the feed on."""
    sizes = group_sizes(resonators, groups)
    return [sum(sizes[:n]) for n in range(len(sizes))]


def grouped_currents(
    s: Complex, own: Array | Complex, node: Array | Complex, bus: GroupedBus, tail: Complex
) -> tuple[Complex, Complex]:
    """Current into every resonator per volt of the bus, A/V [..., n]; admittance of the chain at the bus, S [...].

    s: 2πjf, of a shape that broadcasts against what stands before n in the others. own: impedances of the resonators,
    ohm [..., n]; node: capacitances that they bring along, half at either end, F, broadcasts against own; tail:
    impedance from the far end to ground, ohm [...], 0 where it is ground.
    """
    shape = np.broadcast_shapes(np.shape(own), (*np.shape(s), 1))
    own, half = (
        np.broadcast_to(np.asarray(own, complex), shape),
        np.broadcast_to(np.asarray(s)[..., None] * node / 2, shape),
    )
    block, resonators = s * bus.block_capacitance, shape[-1]
    choke = bus.choke_resistance + s * bus.choke_inductance
    pin = s * bus.bypass_capacitance
    starts = set(group_starts(resonators, bus.groups))
    # Looking away from the feed: impedance and open-circuit voltage, per volt of the bus, at each resonator's far node.
    z, v = np.empty(shape, complex), np.empty(shape, complex)
    heads: dict[int, tuple[Complex, Complex]] = {}
    impedance, voltage = np.broadcast_to(np.asarray(tail, complex), shape[:-1]), np.zeros(shape[:-1], complex)
    for k in reversed(range(resonators)):
        z[..., k], v[..., k] = impedance, voltage
        admittance = 1 / (own[..., k] + impedance)
        current = voltage * admittance
        if k not in starts:
            admittance = admittance + half[..., k] + half[..., k - 1]
        else:
            admittance, current = admittance + half[..., k] + block, current + block
            if k:
                heads[k] = 1 / admittance, current / admittance
                through = choke + 1 / admittance
                admittance, current = 1 / through + pin + half[..., k - 1], heads[k][1] / through
        impedance, voltage = 1 / admittance, current / admittance
    return _forward(s, own, bus, (z, v), (impedance, voltage), heads)


def _forward(
    s: Complex,
    own: Array | Complex,
    bus: GroupedBus,
    far: tuple[Complex, Complex],
    first: tuple[Complex, Complex],
    heads: dict[int, tuple[Complex, Complex]],
) -> tuple[Complex, Complex]:
    """Currents and admittance, from the feed to the far end: Norton's equivalents of what is behind each node."""
    (z, v), block = far, s * bus.block_capacitance
    choke = bus.choke_resistance + s * bus.choke_inductance
    # The first head's choke to the DC pin of the chain is no part of the path.
    shunt = 1 / (choke + 1 / (s * bus.bypass_capacitance + 1 / bus.readout_resistance))
    node = first[1] / (1 + first[0] * shunt)
    drawn, currents = block * (1 - node), np.empty_like(z)
    for k in range(z.shape[-1]):
        if k in heads:
            impedance, open_voltage = heads[k]
            node = node - choke * (node - open_voltage) / (choke + impedance)
            drawn = drawn + block * (1 - node)
        currents[..., k] = (node - v[..., k]) / (own[..., k] + z[..., k])
        node = node - own[..., k] * currents[..., k]
    return currents, np.asarray(drawn)


class GroupedPath:
    """Nodes of a chain in groups, numbered: heads and inner nodes, pins, tail (if any), DC pin, bus."""

    def __init__(self, resonators: int, groups: int, grounded: bool) -> None:
        starts = group_starts(resonators, groups)
        self.first, self.pins = np.arange(resonators), {k: resonators + n for n, k in enumerate(starts[1:])}
        last = resonators + len(self.pins)
        self.tail = -1 if grounded else last
        self.dc, self.bus = last + (not grounded), last + 1 + (not grounded)
        self.second: Ints = np.array([self.pins.get(k + 1, k + 1) for k in range(resonators - 1)] + [self.tail])
        self.starts, self.size = starts, self.bus + 1


def nodal_chain(
    s: Complex, own: Array | Complex, bus: GroupedBus, behind: Complex | float, tail: Complex | None
) -> tuple[Complex, GroupedPath]:
    """Admittance matrix of a chain with its bus, S [f, nodes, nodes], and its nodes; for what one pass does not give.

    own: impedances of the resonators, ohm [f, n]; behind: impedance at the bus, ohm; tail: admittance there, S [f],
    None where it is ground. Another way to the same currents than that of `grouped_currents`.
    """
    resonators = own.shape[1]
    path = GroupedPath(resonators, bus.groups, tail is None)
    y = np.zeros((len(s), path.size, path.size), complex)

    def connect(a: int, b: int, admittance: Complex | Array | float) -> None:
        for node, other in ((a, b), (b, a)):
            if node >= 0:
                y[:, node, node] += admittance
                if other >= 0:
                    y[:, node, other] -= admittance

    half = s * bus.node_capacitance / 2
    choke = 1 / (bus.choke_resistance + s * bus.choke_inductance)
    for k in range(resonators):
        a, b = int(path.first[k]), int(path.second[k])
        connect(a, b, 1 / own[:, k])
        connect(a, -1, half)
        connect(b, -1, half)
    for k in path.starts:
        pin = path.pins.get(k, path.dc)
        connect(k, path.bus, s * bus.block_capacitance)
        connect(k, pin, choke)
        connect(pin, -1, s * bus.bypass_capacitance)
    connect(path.dc, -1, 1 / bus.readout_resistance)
    connect(path.bus, -1, 1 / behind)
    if tail is not None:
        connect(path.tail, -1, tail)
    return y, path
