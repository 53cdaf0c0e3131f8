"""The blocks of the hardware: bias tee, combiner, chain, whole bus, line with its resonators, row of coupled lines.

Every block takes the parts it is made of, so that a measured one (`sparams.measured`) can stand in for a model.
Ports that carry no DC are named as in the deck of the layer: in<k> tones, bus, dc<j> chains' DC pins, far.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array, Ints
from resonet.models.circuit.bus import BusCircuit
from resonet.models.circuit.combiner import combiner_gain
from resonet.models.circuit.groups import group_starts
from resonet.models.line.lines import Line
from resonet.models.resonator.linear import SpinDiode
from resonet.sparams.block import (
    Block,
    Combiner,
    CoupledLines,
    Drive,
    Element,
    LineBranch,
    Lumped,
    Part,
    Port,
    Resonators,
)
from resonet.sparams.combining import lumped, matching_elements, multiplexer_block

__all__ = [
    "OwnValues",
    "RowOfLines",
    "Stand",
    "bus_block",
    "chain_block",
    "combiner_block",
    "combining_block",
    "line_block",
    "row_block",
    "tee_block",
]


@dataclass(frozen=True, slots=True, eq=False)
class Stand:
    """What stands around the resonators of a design, and which measured parts replace a model (None: the model)."""

    circuit: BusCircuit
    device: SpinDiode
    tee: Block | None = None  # ports rf, dc, head
    combiner: Block | None = None  # ports in0 ... , bus
    line: Block | None = None  # two ports, between combiner and bus
    package: Block | None = None  # two ports, at every tone input (bus) or at both ends (chain)

    def __post_init__(self) -> None:
        for name, wanted in (("tee", 3), ("line", 2), ("package", 2)):
            part = getattr(self, name)
            if part is not None and len(part.ports) != wanted:
                raise InputError(f"{part.name} as {name}: {len(part.ports)} ports; possible: {wanted}")

    @property
    def bias_tee(self) -> Block:
        """The measured tee or the model."""
        return self.tee or tee_block(self.circuit)


def tee_block(circuit: BusCircuit) -> Block:
    """Bias tee of a bus: ports rf, dc, head."""
    z0, choke = circuit.impedance, max(circuit.choke_resistance, 1e-6)
    return Block(
        "bias_tee",
        (Port("rf", 1, z0), Port("dc", 2, z0), Port("head", 3, z0)),
        (
            lumped("c", (1, 3, circuit.block_capacitance), (2, 0, circuit.bypass_capacitance)),
            lumped("l", (3, 4, circuit.choke_inductance)),
            lumped("r", (4, 2, choke)),
        ),
    )


def combiner_block(inputs: int, circuit: BusCircuit) -> Block:
    """Power combiner: ports in0 ... in<n-1>, bus."""
    gain = combiner_gain(inputs, circuit)
    nodes = np.arange(1, inputs + 1)
    ports = (
        *(Port(f"in{k}", k + 1, circuit.impedance) for k in range(inputs)),
        Port("bus", inputs + 1, circuit.impedance),
    )
    return Block("combiner", ports, (Combiner(nodes, inputs + 1, circuit.impedance, gain),))


def combining_block(channels: Array, circuit: BusCircuit) -> Block:
    """What brings the tones of a bus together: ports in0 ... in<n-1>, bus; channels in Hz."""
    if circuit.combining == "resistive":
        return combiner_block(len(channels), circuit)
    return multiplexer_block(channels, circuit)


@dataclass(frozen=True, slots=True, eq=False)
class OwnValues:
    """Values of the resonators of one chain of a chip, [n], in the place of those that all have in common."""

    damping: Array
    resistance: Array  # ohm
    transduction: Array  # ohm/A
    node: Array  # F, half of it at either end of the resonator

    @classmethod
    def nominal(cls, count: int, stand: "Stand") -> "OwnValues":
        """Of a chain of a design."""
        full, device = np.ones(count), stand.device
        own = (device.damping, device.resistance, device.transduction, stand.circuit.node_capacitance)
        return cls(*(value * full for value in own))


def _junctions(a: Ints, b: Ints, stand: Stand) -> tuple[Element, ...]:
    """Capacitances of resonators' junctions, between the nodes a and b [n]."""
    farad = stand.circuit.junction_capacitance
    return (Lumped("c", a, b, np.full(len(a), farad)),) if farad else ()


def resonator_ladder(
    nodes: Ints, f_res: Array, stand: Stand, bias: float, rf: int, free: int, own: OwnValues | None = None
) -> tuple[Element, ...]:
    """Resonators in series along nodes [n + 1], every other one turned round, with their node capacitances.

    bias: A from the first node to the last. rf: node of the bus, for the tees of groups; their pins are from `free` on.
    """
    n, own = len(f_res), own or OwnValues.nominal(len(f_res), stand)
    heads, feet, starts = nodes[:-1], nodes[1:].copy(), group_starts(n, stand.circuit.groups)[1:]
    pins = np.arange(free, free + len(starts))
    feet[np.array(starts, np.int64) - 1] = pins
    even = np.arange(n) % 2 == 0
    a, b = np.where(even, heads, feet), np.where(even, feet, heads)
    quality = 1 / (2 * own.damping)
    chain = Resonators(a, b, f_res, quality, own.resistance, own.transduction, np.where(even, bias, -bias))
    tees = (Part(stand.bias_tee, np.array([rf, pin, nodes[k]])) for k, pin in zip(starts, pins.tolist(), strict=True))
    elements: list[Element] = [chain, *_junctions(a, b, stand), *tees]
    if own.node.any():
        every = np.append(nodes, pins)
        share = np.zeros(len(every))
        share[:n] += own.node / 2
        share[1 : n + 1] += own.node / 2
        for pin, k in enumerate(starts):  # the end of the group before stands at the pin
            share[k] -= own.node[k - 1] / 2
            share[n + 1 + pin] = own.node[k - 1] / 2
        held = every != 0
        elements.append(Lumped("c", every[held], np.zeros(int(held.sum()), np.int64), share[held]))
    return tuple(elements)


def chain_block(
    f_res: Array, stand: Stand, bias: float = 0.0, name: str = "chain", own: OwnValues | None = None
) -> Block:
    """One chain between its bias tees: ports rf (at the bus) and far. The far tee's DC pin is grounded.

    f_res [n] in Hz, from the feed on; bias in A, through the chain from the feed; `own`: values of a chip's resonators.
    """
    circuit, n, tee = stand.circuit, len(f_res), stand.bias_tee
    chain = np.arange(3, n + 4)
    rf, far = (1, 2) if stand.package is None else (n + 5, n + 6)
    elements: list[Element] = [
        Part(tee, np.array([rf, n + 4, 3])),
        Part(tee, np.array([far, 0, n + 3])),
        *resonator_ladder(chain, f_res, stand, bias, rf, n + 7, own),
        lumped("r", (n + 4, 0, circuit.readout_resistance)),
    ]
    if stand.package is not None:
        elements += [Part(stand.package, np.array([1, rf])), Part(stand.package, np.array([2, far]))]
    if bias:
        elements.append(Drive(n + 4, bias))
    return Block(name, (Port("rf", 1, circuit.impedance), Port("far", 2, circuit.impedance)), tuple(elements))


def _bus_chain(f_res: Array, stand: Stand, bias: float, below: int) -> Block:
    """A chain of a bus with its tee, readout and far end as a part: ports rf, dc."""
    circuit, n, tee = stand.circuit, len(f_res), stand.bias_tee
    z0 = circuit.impedance
    nodes = np.append(np.arange(3, n + 3), n + 3 if below else 0)
    elements: list[Element] = [
        Part(tee, np.array([1, 2, 3])),
        *resonator_ladder(nodes, f_res, stand, bias, 1, n + 5),
        lumped("r", (2, 0, circuit.readout_resistance)),
    ]
    if below:  # the tile below: its tee, its bus grounded, its chain
        elements += [
            Part(tee, np.array([0, n + 3, n + 4])),
            lumped("r", (n + 4, 0, below * stand.device.resistance)),
        ]
        if circuit.junction_capacitance:
            elements.append(lumped("c", (n + 4, 0, circuit.junction_capacitance / below)))
    if bias:
        elements.append(Drive(2, bias))
    return Block("chain", (Port("rf", 1, z0), Port("dc", 2, z0)), tuple(elements))


def bus_block(f_res: Array, stand: Stand, below: int = 0, bias: float = 0.0, name: str = "bus") -> Block:
    """A layer's window: combiner and all chains of a bus; ports in0 ... (tones), then dc0 ... (chains).

    f_res [chains, resonators] in Hz; below: resonators in the tile under this one, 0 where the chains end in ground.
    With a bias the ports dc<j> would draw it and are left out.
    """
    chains, tones = f_res.shape
    circuit, z0 = stand.circuit, stand.circuit.impedance
    if stand.combiner is None and circuit.combining != "resistive":
        raise InputError(
            f"block {name}: no channels for bus.combining = {circuit.combining}; possible: a combiner block"
        )
    combiner = stand.combiner or combiner_block(tones, circuit)
    if len(combiner.ports) != tones + 1:
        raise InputError(f"{combiner.name} as combiner: {len(combiner.ports)} ports; possible: {tones + 1} (bus last)")
    out = tones + chains + 1
    tap = out if stand.line is None else out + 1
    matching, bus, free = matching_elements(circuit, tap, tap + 1)
    inside = np.arange(1, tones + 1) if stand.package is None else np.arange(free, free + tones)
    elements: list[Element] = [Part(combiner, np.append(inside, out)), *matching]
    if stand.line is not None:
        elements.append(Part(stand.line, np.array([out, tap])))
    if stand.package is not None:
        elements += [Part(stand.package, np.array([k + 1, inside[k]])) for k in range(tones)]
    for j in range(chains):
        elements.append(Part(_bus_chain(f_res[j], stand, bias, below), np.array([bus, tones + j + 1])))
    ports = [Port(f"in{k}", k + 1, z0) for k in range(tones)]
    ports += [] if bias else [Port(f"dc{j}", tones + j + 1, z0) for j in range(chains)]
    return Block(name, tuple(ports), tuple(elements))


def line_block(line: Line, f_res: Array, stand: Stand, coupling: float, bias: float = 0.0, name: str = "line") -> Block:
    """A line that passes resonators: ports near and far. Each resonator hangs on a capacitor (F) between two pieces.

    line: one of the n + 1 equal pieces; f_res [n] in Hz; bias in A, through every resonator to ground.
    """
    n, device, z0 = len(f_res), stand.device, stand.circuit.impedance
    main, taps = np.arange(1, n + 3), np.arange(n + 3, 2 * n + 3)
    full, ground = np.ones(n), np.zeros(n, np.int64)
    elements: list[Element] = [LineBranch(int(a), int(b), line) for a, b in pairwise(main)]
    if n:
        elements += [
            Lumped("c", main[1:-1], taps, coupling * full),
            Resonators(
                taps,
                ground,
                f_res,
                device.quality * full,
                device.resistance * full,
                device.transduction * full,
                bias * full,
            ),
            *_junctions(taps, ground, stand),
        ]
    if bias:
        elements += [Drive(int(node), bias) for node in taps]
    return Block(name, (Port("near", 1, z0), Port("far", n + 2, z0)), tuple(elements))


@dataclass(frozen=True, slots=True)
class RowOfLines:
    """Neighbouring equal lines: one line per metre, and what couples it to the next one."""

    lines: int
    r: float  # ohm/m
    l: float  # H/m, of one line  # noqa: E741
    g: float  # S/m
    c: float  # F/m, of one line to ground
    length: float  # m
    mutual: float = 0.0  # H/m between neighbours
    coupling: float = 0.0  # F/m between neighbours
    sections: int = 16  # of the ladder, over each piece

    def matrices(self) -> tuple[Array, Array, Array, Array]:
        """r, l, g, c per metre, [lines, lines], c in Maxwell's form. InputError where l is no inductance matrix."""
        n = self.lines
        next_to = np.eye(n, k=1) + np.eye(n, k=-1)
        inductance = self.l * np.eye(n) + self.mutual * next_to
        if np.linalg.eigvalsh(inductance).min() <= 0:
            raise InputError(
                f"row of lines: mutual {self.mutual:g} H/m of {self.l:g} H/m; possible: less than half of it"
            )
        capacitance = self.c * np.eye(n) + self.coupling * (np.diag(next_to.sum(1)) - next_to)
        return self.r * np.eye(n), inductance, self.g * np.eye(n), capacitance


def row_block(row: RowOfLines, stand: Stand, f_res: Array | None = None, tap: float = 0.0, name: str = "row") -> Block:
    """Coupled lines side by side: ports near0 ... then far0 ... .

    f_res [lines, n]: resonators (Hz) that hang on capacitors `tap` (F) at n points along every line; none by default.
    """
    n, z0, device = row.lines, stand.circuit.impedance, stand.device
    f_res = np.empty((n, 0)) if f_res is None else f_res
    r, ind, g, c = row.matrices()
    count = f_res.shape[1] + 1
    nodes = np.arange(1, n * (count + 1) + 1).reshape(count + 1, n)
    piece = row.length / count
    elements: list[Element] = [
        CoupledLines(near, far, r, ind, g, c, piece, row.sections) for near, far in pairwise(nodes)
    ]
    if f_res.size:
        size, start = f_res.size, int(nodes[-1, -1]) + 1
        taps, full = np.arange(start, start + size), np.ones(size)
        own = (device.quality * full, device.resistance * full, device.transduction * full, 0 * full)
        elements += [
            Lumped("c", nodes[1:-1].T.ravel(), taps, tap * full),
            Resonators(taps, np.zeros(size, np.int64), f_res.ravel(), *own),
            *_junctions(taps, np.zeros(size, np.int64), stand),
        ]
    ports = [Port(f"near{k}", int(nodes[0, k]), z0) for k in range(n)]
    ports += [Port(f"far{k}", int(nodes[-1, k]), z0) for k in range(n)]
    return Block(name, tuple(ports), tuple(elements))


def stacked(parts: Sequence[Block], name: str = "cascade") -> Block:
    """Two-ports in a row: the second port of each to the first of the next."""
    nodes = range(1, len(parts) + 2)
    elements = tuple(Part(part, np.array([n, n + 1])) for part, n in zip(parts, nodes, strict=False))
    first, last = parts[0].ports[0], parts[-1].ports[1]
    return Block(name, (Port("a", 1, first.impedance), Port("b", len(parts) + 1, last.impedance)), elements)
