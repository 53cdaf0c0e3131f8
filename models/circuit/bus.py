"""One RF bus with its chains as a linear network: the RF current of every resonator, and the tone levels.

All chains of a bus are alike to the RF (a resonator without DC bias is R0), so J chains behind one source impedance
are one chain behind J times that impedance. The network, from source to far end:

    e --J Z0-- bus --C_block-- head --[R0]-- n1 --[R0]-- ... --[R0]-- tail
                               head --L, R_L-- dc (C_bypass, R_in to ground)

with half of the node capacitance at each end of every resonator, and the junction's capacitance across its R0, whose
current alone drives the precession: the "current of a resonator" is that one everywhere. The tail is ground (first tile
of a neuron), or the DC node of the tile below, seen through that tile's bias tee with its bus side grounded.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.choices import check_choices, choice
from resonet.core.errors import InputError
from resonet.core.parameters import check, parameter
from resonet.core.types import Array, Complex, Ints
from resonet.models.circuit.groups import grouped_currents
from resonet.models.circuit.matching import transformer

__all__ = [
    "COMBINING",
    "BusCircuit",
    "bus_currents",
    "bus_load",
    "ground_resistance",
    "resonator_impedance",
    "seen_from_chains",
    "tail_admittance",
    "tone_levels",
    "transformed_load",
]

COMBINING = ("resistive", "multiplexer")  # 10 log10(N) for N tones, or filters (models/circuit/multiplexer.py)


@dataclass(frozen=True, slots=True)
class BusCircuit:
    """Everything on a bus that is not a resonator: source, combiner, bias tees, parasitics, readout."""

    impedance: float = parameter(50.0, "Ohm", 1e-3, 1e6, "of each tone source and of the combiner's output")
    combiner_loss: float = parameter(0.0, "dB", 0.0, 100.0, "combiner's excess loss over the 10 log10(N) of N tones")
    block_capacitance: float = parameter(0.2e-12, "F", 1e-18, 1e-3, "bias tee: DC block; sets how fast DC settles")
    choke_inductance: float = parameter(10e-6, "H", 1e-15, 1.0, "bias tee: RF choke (a conical inductor)")
    choke_resistance: float = parameter(1.0, "Ohm", 0.0, 1e6, "bias tee: DC resistance of the choke")
    bypass_capacitance: float = parameter(0.2e-12, "F", 1e-18, 1e-3, "bias tee: from the DC pin to ground")
    node_capacitance: float = parameter(
        0.02e-15, "F", 0.0, 1e-9, "each node of a chain to ground; 100 nm of wire at 0.2 fF/um"
    )
    junction_capacitance: float = parameter(
        0.0, "F", 0.0, 1e-9, "across R0 of each resonator; of a tunnel barrier about 50 fF/um2"
    )
    groups: int = parameter(1, "", 1, 4096, "of a chain on a bus: in parallel for RF, in series for DC")
    readout_resistance: float = parameter(1e9, "Ohm", 1.0, 1e15, "DC input resistance of the neuron")
    combining: str = choice("resistive", lambda: COMBINING, "how the tones of a bus come together")
    filter_q: float = parameter(50.0, "", 1.0, 1e5, "multiplexer: w L / Z0 of each channel's filter")
    filter_unloaded: float = parameter(500.0, "", 1.0, 1e7, "multiplexer: unloaded Q of the filters, w L / r")
    filter_return: float = parameter(100e-9, "H", 1e-12, 1.0, "multiplexer: from the filters' common node to ground")
    capacitance: float = parameter(0.0, "F", 0.0, 1e-9, "of the bus itself to ground, where the chains hang")
    transformer: float = parameter(1.0, "", 0.05, 50.0, "turns between combiner and bus, bus over source side; 1: none")
    transformer_inductance: float = parameter(10e-9, "H", 1e-12, 1.0, "transformer: of its coil on the source side")
    transformer_coupling: float = parameter(0.98, "", 0.1, 0.999999, "transformer: coupling of its coils")
    transformer_resistance: float = parameter(0.5, "Ohm", 1e-6, 1e6, "transformer: of the source side's coil")
    filter_stray: float = parameter(0.0, "F", 0.0, 1e-9, "multiplexer: each filter's capacitance at the common node")

    def __post_init__(self) -> None:
        check(self, "bus")
        check_choices(self, "bus")
        if self.combining == "multiplexer" and self.combiner_loss:
            raise InputError(
                f"bus.combiner_loss = {self.combiner_loss:g} dB: a multiplexer loses what its filters lose; possible: "
                "0 dB, less bus.filter_unloaded, bus.combining = resistive"
            )


def ground_resistance(bus: BusCircuit) -> float:
    """Resistance from the bus to ground at the frequencies of the DC side, ohm: a source, or the coil that is there."""
    if bus.transformer != 1:
        return bus.transformer**2 * bus.transformer_resistance
    return bus.impedance if bus.combining == "resistive" else 0.0


def seen_from_chains(
    s: Complex, bus: BusCircuit, source: float | Complex | None = None
) -> tuple[float | Complex, float | Complex]:
    """EMF per volt of the combiner's, and impedance, ohm, that the chains see behind transformer and bus capacitance.

    `source` is the impedance at the combiner's output, by default Z0.
    """
    emf: float | Complex = 1.0
    z: float | Complex = bus.impedance if source is None else source
    if bus.transformer != 1:
        own, mutual, far = _transformer(s, bus)
        emf, z = mutual / (own + z), far - mutual**2 / (own + z)
    if bus.capacitance:
        divided = 1 + s * bus.capacitance * z
        emf, z = emf / divided, z / divided
    return emf, z


def _transformer(s: Complex, bus: BusCircuit) -> tuple[Complex, Complex, Complex]:
    return transformer(
        s, bus.transformer, bus.transformer_inductance, bus.transformer_coupling, bus.transformer_resistance
    )


def resonator_impedance(s: Complex, resistance: float, bus: BusCircuit) -> float | Complex:
    """Of a resonator without bias, ohm: R0, or R0 / (1 + s R0 C) with its junction's capacitance across it."""
    if not bus.junction_capacitance:
        return resistance
    return np.asarray(resistance / (1 + s * resistance * bus.junction_capacitance))


def tail_admittance(s: Complex, bus: BusCircuit, below: float | Array | Complex) -> Complex:
    """Admittance at the tail of an upper tile: the lower tile's bypass, and its choke to the grounded bus.

    `below` is the impedance of the resonators there, ohm.
    """
    head = s * bus.block_capacitance + 1 / below
    choke = bus.choke_resistance + s * bus.choke_inductance
    return np.asarray(s * bus.bypass_capacitance + 1 / (choke + 1 / head))


def bus_currents(
    f: ArrayLike,
    resistance: float,
    resonators: int,
    chains: int | Ints,
    bus: BusCircuit,
    below: int | Ints = 0,
) -> Complex:
    """RF current of every resonator per volt of source EMF, A/V, shape [frequencies, resonators] (0 nearest the feed).

    `below` is the number of resonators in series under this tile, at DC, down to ground; 0 where the tail is ground.
    `chains` and `below` may be given frequency by frequency: buses of several shapes at once.
    """
    s = 2j * np.pi * np.atleast_1d(np.asarray(f, float)).astype(complex)
    if bus.groups > 1:
        emf, impedance = seen_from_chains(s, bus)
        into, load = _grouped(s, resistance, resonators, bus, np.asarray(below))
        voltage = np.asarray(emf / (1 + np.asarray(chains) * impedance * load))
        share = np.asarray(resonator_impedance(s, resistance, bus) / resistance)
        return into * np.reshape(voltage * share, (-1, 1))
    right, head = _inward(s, resistance, resonators, bus, np.asarray(below))
    emf, impedance = seen_from_chains(s, bus)
    source = np.asarray(chains) * impedance + 1 / (s * bus.block_capacitance)
    voltage = np.asarray(emf / (1 + source * head))
    current = np.empty_like(right)
    own = resonator_impedance(s, resistance, bus)
    for k in range(resonators):
        current[:, k] = voltage * right[:, k]
        voltage = voltage - own * current[:, k]
    return current * (own / resistance)[:, None] if isinstance(own, np.ndarray) else current


def _grouped(
    s: Complex, resistance: float, resonators: int, bus: BusCircuit, below: int | Ints
) -> tuple[Complex, Complex]:
    """`grouped_currents` of a chain of the bus."""
    own, half = resonator_impedance(s, resistance, bus), s * bus.node_capacitance / 2
    tail = 1 / (half + tail_admittance(s, bus, np.where(below == 0, 1, below) * own))
    each = np.broadcast_to(np.reshape(own, (-1, 1)), (len(s), resonators))
    return grouped_currents(s, each, np.asarray(bus.node_capacitance), bus, np.where(below == 0, 0, tail))


def _inward(
    s: Complex, resistance: float, resonators: int, bus: BusCircuit, below: int | Ints
) -> tuple[Complex, Complex]:
    """Admittances from the far end to the feed: of each resonator and what is behind it [f, n], at the head [f]."""
    choke = bus.choke_resistance + s * bus.choke_inductance
    dc = s * bus.bypass_capacitance + 1 / bus.readout_resistance
    half = s * bus.node_capacitance / 2
    right = np.empty((len(s), resonators), complex)
    own = resonator_impedance(s, resistance, bus)
    behind = 1 / (half + tail_admittance(s, bus, np.where(below == 0, 1, below) * own))
    behind = np.where(below == 0, 0, behind)  # impedance at the tail
    for k in reversed(range(resonators)):
        right[:, k] = 1 / (own + behind)
        end = right[:, k] + (half if k == 0 else 2 * half)
        behind = 1 / end
    return right, np.asarray(end + 1 / (choke + 1 / dc))


def bus_load(f: ArrayLike, resistance: float, resonators: int, chains: int, bus: BusCircuit, below: int = 0) -> Complex:
    """Admittance that the combiner's output sees, S [frequencies]: chains, bus capacitance, through the transformer."""
    s = 2j * np.pi * np.atleast_1d(np.asarray(f, float)).astype(complex)
    if bus.groups > 1:
        each = _grouped(s, resistance, resonators, bus, np.asarray(below))[1]
    else:
        _, head = _inward(s, resistance, resonators, bus, np.asarray(below))
        each = np.asarray(1 / (1 / (s * bus.block_capacitance) + 1 / head))
    return transformed_load(s, chains * each, bus)


def transformed_load(s: Complex, chains: Complex, bus: BusCircuit) -> Complex:
    """What the combiner's output sees of the admittance of all chains, S: bus capacitance, through the transformer."""
    load = np.asarray(chains + s * bus.capacitance)
    if bus.transformer == 1:
        return load
    own, mutual, far = _transformer(s, bus)
    return 1 / (own - mutual**2 / (far + 1 / load))


def tone_levels(f: Array, resistance: float, chains: int, bus: BusCircuit, below: int = 0) -> Array:
    """Source EMF per root watt, V/√W (peak), that puts 1 W of tone k into resonator k; shape of f [resonators].

    f[k] is the channel of the k-th resonator from the feed. Levelling the tones is the designer's pre-emphasis: it
    takes out what the bus does to each tone on the way to its own resonator, and leaves what it does elsewhere.
    """
    current = np.diagonal(bus_currents(f, resistance, len(f), chains, bus, below))
    return np.asarray(np.sqrt(2 / resistance) / np.abs(current))
