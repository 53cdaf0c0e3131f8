"""Blocks: small linear netlists with named ports, which every engine of this package reads alike.

Nodes are numbers, 0 is ground. An element is a record of arrays, one entry a branch, so a chain of any length is one
record. A block may hold other blocks as parts, wired by their ports; `flat` resolves them. What a block means:

    lumped       r, l or c between a and b
    coils        v(a,b) = jω L i with a full inductance matrix L (mutual inductances off its diagonal)
    resonators   Z = r0 + k I (1 + chi(f)) from a to b; I is the DC bias from a to b (`models.resonator`)
    line         one line of `models.lines` between a and b, both against ground
    coupled      parallel lines with matrices r, l, g, c per metre, as a ladder of equal sections
    combiner     S(bus, in) = S(in, bus) = gain, all else zero
    part         N-port given by S-parameters over frequency, its fitted subcircuit for SPICE (`sparams.measured`)
    drive        DC current source out of ground into a node; open for RF
"""

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array, Ints
from resonet.models.line.lines import Line

if TYPE_CHECKING:
    from resonet.sparams.part import FittedPart

__all__ = [
    "Block",
    "Coils",
    "Combiner",
    "CoupledLines",
    "Drive",
    "Element",
    "LineBranch",
    "Lumped",
    "Measured",
    "Part",
    "Port",
    "Resonators",
    "check_band",
    "flat",
    "pick_ports",
    "with_impedance",
]

Nodes = Ints
MOST_PORTS = 128


@dataclass(frozen=True, slots=True)
class Port:
    """Where a block is measured: a node against ground, in a real reference impedance."""

    name: str
    node: int
    impedance: float = 50.0  # ohm


@dataclass(frozen=True, slots=True, eq=False)
class Lumped:
    """Resistors (ohm), inductors (H) or capacitors (F) between the nodes a and b, all [n]."""

    kind: Literal["r", "l", "c"]
    a: Nodes
    b: Nodes
    value: Array


@dataclass(frozen=True, slots=True, eq=False)
class Coils:
    """Inductors between the nodes a and b [n] that couple: inductance [n, n] in H, symmetric, positive definite."""

    a: Nodes
    b: Nodes
    inductance: Array


@dataclass(frozen=True, slots=True, eq=False)
class Resonators:
    """Spin-diode resonators between the nodes a and b [n]; f0 (Hz), bias (A, from a to b) and all others [n]."""

    a: Nodes
    b: Nodes
    f0: Array
    q: Array
    r0: Array  # ohm
    k: Array  # ohm/A
    bias: Array


@dataclass(frozen=True, slots=True, eq=False)
class LineBranch:
    """One line between two nodes, both against ground."""

    a: int
    b: int
    line: Line


@dataclass(frozen=True, slots=True, eq=False)
class CoupledLines:
    """Parallel lines from the nodes a [n] to the nodes b [n]; r, l, g, c are [n, n] per metre, c and g Maxwell's.

    Maxwell's form: a coupling capacitance C12 per metre stands as -C12 off the diagonal and adds to the diagonal. The
    ladder has `sections` equal pi sections, a power of two; its error is that of `models.lines.ladder_abcd`.
    """

    a: Nodes
    b: Nodes
    r: Array
    l: Array  # noqa: E741
    g: Array
    c: Array
    length: float
    sections: int = 16


@dataclass(frozen=True, slots=True, eq=False)
class Combiner:
    """Ideal power combiner: matched, isolated, reciprocal; all ports in the impedance z0 (ohm)."""

    inputs: Nodes
    bus: int
    z0: float
    gain: float


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """An N-port from a file at the nodes [n]."""

    nodes: Nodes
    part: "FittedPart"


@dataclass(frozen=True, slots=True, eq=False)
class Drive:
    """DC current (A) that flows from ground into a node."""

    node: int
    current: float


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Another block; nodes[n] is where its n-th port lies here."""

    block: "Block"
    nodes: Nodes


Element: TypeAlias = Lumped | Coils | Resonators | LineBranch | CoupledLines | Combiner | Measured | Drive | Part


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Named netlist with ports. Raises InputError on ports that share a node or a name, or have no real impedance."""

    name: str  # made by us: letters, digits, underscore
    ports: tuple[Port, ...]
    elements: tuple[Element, ...]

    def __post_init__(self) -> None:
        nodes, names = [port.node for port in self.ports], [port.name for port in self.ports]
        if not 1 <= len(self.ports) <= MOST_PORTS:
            raise InputError(f"block {self.name}: {len(self.ports)} ports; possible: 1 ... {MOST_PORTS}")
        if len(set(nodes)) != len(nodes) or len(set(names)) != len(names) or 0 in nodes:
            raise InputError(f"block {self.name}: each port needs a node and a name of its own, and not ground")
        for port in self.ports:
            if not 1e-3 <= port.impedance <= 1e6:
                raise InputError(f"port {port.name}: {port.impedance:g} ohm; possible: 1 mohm ... 1 Mohm, real")

    @property
    def port_names(self) -> list[str]:
        """Names of the ports in their order."""
        return [port.name for port in self.ports]


def nodes_of(element: Element) -> Nodes:
    """All nodes of an element, ground included."""
    match element:
        case Drive(node=node):
            return np.array([node])
        case Combiner(inputs=inputs, bus=bus):
            return np.append(inputs, bus)
        case Measured(nodes=nodes) | Part(nodes=nodes):
            return nodes
        case _:
            return np.concatenate([np.atleast_1d(element.a), np.atleast_1d(element.b)])


def _moved(element: Element, table: Nodes) -> Element:
    """The element with its nodes replaced by table[node]."""
    match element:
        case Drive(node=node):
            return replace(element, node=int(table[node]))
        case Combiner(inputs=inputs, bus=bus):
            return replace(element, inputs=table[inputs], bus=int(table[bus]))
        case Measured(nodes=nodes) | Part(nodes=nodes):
            return replace(element, nodes=table[nodes])
        case LineBranch(a=a, b=b):
            return replace(element, a=int(table[a]), b=int(table[b]))
        case _:
            return replace(element, a=table[element.a], b=table[element.b])


def top_node(block: Block) -> int:
    """Largest node number of a block."""
    nodes = [port.node for port in block.ports]
    return max([*nodes, *(int(nodes_of(element).max(initial=0)) for element in block.elements)])


def flat(block: Block) -> Block:
    """The same block without parts: their elements with nodes of their own."""
    elements: list[Element] = []
    top = top_node(block)
    for element in block.elements:
        if not isinstance(element, Part):
            elements.append(element)
            continue
        inner = flat(element.block)
        table = np.arange(top_node(inner) + 1) + top
        top = int(table[-1])
        table[0] = 0
        table[[port.node for port in inner.ports]] = element.nodes
        elements += [_moved(one, table) for one in inner.elements]
    return replace(block, elements=tuple(elements))


def _measured_parts(block: Block) -> "list[FittedPart]":
    """Measured parts of a block and of the blocks in it."""
    found = [element.part for element in block.elements if isinstance(element, Measured)]
    inside = (element.block for element in block.elements if isinstance(element, Part))
    return found + [part for inner in inside for part in _measured_parts(inner)]


def check_band(block: Block, f: Array) -> None:
    """InputError where a frequency (Hz) lies outside what the measured parts of a block cover: the rule of all engines.

    Nothing is known of a part there; what its model would say is an extrapolation.
    """
    parts = _measured_parts(block)
    if not parts or not np.size(f):
        return
    low, high = max(part.band[0] for part in parts), min(part.band[1] for part in parts)
    if np.min(f) < low * (1 - 1e-9) or np.max(f) > high * (1 + 1e-9):
        names = ", ".join(dict.fromkeys(part.name for part in parts))
        raise InputError(
            f"part {names}: {np.min(f):g} ... {np.max(f):g} Hz asked for; possible: {low:g} ... {high:g} Hz, "
            f"what the file covers (--start, --stop)"
        )


def merged(block: Block) -> Block:
    """The same block, flat, with all resistors, inductors, capacitors and resonators in one record each."""
    whole = flat(block)
    groups: dict[str, list[Element]] = {}
    for element in whole.elements:
        kind = element.kind if isinstance(element, Lumped) else type(element).__name__
        groups.setdefault(kind if isinstance(element, Lumped | Resonators) else f"{kind} {id(element)}", []).append(
            element
        )
    return replace(whole, elements=tuple(_joined(group) for group in groups.values()))


def _joined(group: list[Element]) -> Element:
    first = group[0]
    if len(group) == 1 or not isinstance(first, Lumped | Resonators):
        return first
    arrays = [spec.name for spec in fields(first) if spec.name != "kind"]
    joined: dict[str, Any] = {name: np.concatenate([getattr(one, name) for one in group]) for name in arrays}
    return replace(first, **joined)


def _check_names(block: Block, names: list[str]) -> None:
    known = block.port_names
    missing = [name for name in names if name not in known]
    if missing:
        raise InputError(
            f"block {block.name}: no port {missing[0][:40]!r}; possible: {', '.join(known[:40])}"
            + (", ..." if len(known) > 40 else "")
        )


def pick_ports(block: Block, names: list[str]) -> Block:
    """The block seen from some of its ports, in that order; the others end in their reference impedances.

    InputError names what there is.
    """
    _check_names(block, names)
    known = {port.name: port for port in block.ports}
    rest = [port for port in block.ports if port.name not in names]
    ends = np.array([port.node for port in rest], np.int64)
    load = Lumped("r", ends, 0 * ends, np.array([port.impedance for port in rest]))
    elements = (*block.elements, load) if rest else block.elements
    return replace(block, ports=tuple(known[name] for name in names), elements=elements)


def with_impedance(block: Block, impedance: float | dict[str, float]) -> Block:
    """The block with other reference impedances (ohm): one for all ports, or by port name."""
    if isinstance(impedance, dict):
        _check_names(block, list(impedance))
        ports = tuple(replace(p, impedance=impedance.get(p.name, p.impedance)) for p in block.ports)
    else:
        ports = tuple(replace(p, impedance=impedance) for p in block.ports)
    return replace(block, ports=ports)
