"""Blocks of what brings tones onto a bus besides an ideal combiner: filters, a transformer, the bus's capacitance."""

import numpy as np

from resonet.core.types import Array
from resonet.models.circuit.bus import BusCircuit
from resonet.models.circuit.multiplexer import channel_filters
from resonet.sparams.block import Block, Coils, Element, Lumped, Port

__all__ = ["lumped", "matching_elements", "multiplexer_block"]


def lumped(kind: str, *branches: tuple[int, int, float]) -> Lumped:
    """Elements of one kind between pairs of nodes, each with its value."""
    a, b, value = zip(*branches, strict=True)
    return Lumped(kind, np.array(a), np.array(b), np.array(value, float))  # type: ignore[arg-type]


def multiplexer_block(channels: Array, circuit: BusCircuit) -> Block:
    """Multiplexer of filters on channels in Hz: ports in0 ... in<n-1>, bus; circuit as in the deck of a layer."""
    n, filters, z0 = len(channels), channel_filters(channels, circuit), circuit.impedance
    inputs, inner, bus = np.arange(1, n + 1), np.arange(n + 2, 3 * n + 2).reshape(2, n), np.full(n, n + 1)
    elements = [
        Lumped("r", inputs, inner[0], filters.resistance),
        Lumped("l", inner[0], inner[1], filters.inductance),
        Lumped("c", inner[1], bus, filters.capacitance),
        lumped("l", (n + 1, 0, circuit.filter_return)),
    ]
    if circuit.filter_stray:
        elements.append(lumped("c", (n + 1, 0, n * circuit.filter_stray)))
    ports = (*(Port(f"in{k}", k + 1, z0) for k in range(n)), Port("bus", n + 1, z0))
    return Block("multiplexer", ports, tuple(elements))


def matching_elements(circuit: BusCircuit, tap: int, free: int) -> tuple[list[Element], int, int]:
    """Transformer and capacitance of a bus that is fed at the node `tap`; the bus's node, the next that is free."""
    elements, bus = list[Element](), tap
    if circuit.transformer != 1:
        n, own, ohm = circuit.transformer, circuit.transformer_inductance, circuit.transformer_resistance
        bus, ends = free, np.array([free + 1, free + 2])
        elements.append(Lumped("r", np.array([tap, bus]), ends, np.array([ohm, n**2 * ohm])))
        mutual = circuit.transformer_coupling * n * own
        elements.append(Coils(ends, np.zeros(2, np.int64), np.array([[own, mutual], [mutual, n**2 * own]])))
        free += 3
    if circuit.capacitance:
        elements.append(lumped("c", (bus, 0, circuit.capacitance)))
    return elements, bus, free
