"""RF side and DC side of the buses of a chip, in closed form."""

import numpy as np

from resonet.core.types import Array, Complex
from resonet.models.circuit.bus import seen_from_chains
from resonet.models.circuit.combiner import combiner_gain
from resonet.models.circuit.multiplexer import multiplexer_gains
from resonet.models.circuit.uneven_bus import UnevenChains, uneven_currents, uneven_load, uneven_tail
from resonet.netlist.chips.chip import Chip
from resonet.netlist.chips.values import BusValues
from resonet.netlist.planning.frequency_plan import Bus, FrequencyPlan, LayerPlan, bus_gains

__all__ = ["bus_phasors", "bus_powers", "readout_dividers", "tone_emf"]


def tone_emf(plan: FrequencyPlan, bus: Bus, values: BusValues) -> Array:
    """EMF behind the combiner's impedance per root watt of each tone, V/√W [tones], as it gets there on this chip.

    The sources send what was planned (with the error of each tone); what filters make of it depends on the chains.
    """
    chains, circuit = values.chains, values.circuit
    if circuit == plan.circuit and circuit.combining == "resistive":
        return values.levels
    if circuit.combining == "resistive":
        now: Complex = np.full(len(values.tones), complex(combiner_gain(len(values.tones), circuit)))
    else:
        load = uneven_load(values.tones, chains, circuit)
        now = multiplexer_gains(bus.frequencies, load, circuit, values.tones)
    return np.asarray(values.levels * np.abs(now / bus_gains(bus, plan.device, plan.circuit)))


def bus_phasors(plan: FrequencyPlan, bus: Bus, values: BusValues) -> Complex:
    """RF current of every resonator, A/√W, peak, away from the feed, [tones, chains, resonators]."""
    currents = uneven_currents(values.tones, values.chains, values.circuit)
    return np.asarray(currents * tone_emf(plan, bus, values)[:, None, None])


def bus_powers(plan: FrequencyPlan, bus: Bus, values: BusValues) -> Array:
    """|i|² of every resonator, A²/W, [chains, resonators, tones]; one for all chains where they are alike."""
    circuit = values.circuit
    if circuit.groups > 1:
        return np.ascontiguousarray(np.abs(bus_phasors(plan, bus, values)).transpose(1, 2, 0) ** 2)
    from resonet.models.circuit.uneven_kernel import ladder_powers

    all_chains = values.chains
    first = slice(0, 1) if values.alike else slice(None)
    ohm, node = (np.ascontiguousarray(a[first]) for a in (all_chains.resistance, all_chains.node))
    chains = UnevenChains(ohm, node, all_chains.below[first], all_chains.under)
    s = 2j * np.pi * values.tones.astype(complex)
    choke = circuit.choke_resistance + s * circuit.choke_inductance
    shunt = 1 / (choke + 1 / (s * circuit.bypass_capacitance + 1 / circuit.readout_resistance))
    emf, impedance = (np.broadcast_to(np.asarray(x, complex), s.shape) for x in seen_from_chains(s, circuit))
    powers = np.empty((len(ohm), ohm.shape[1], len(s)))
    heard = np.ones(len(ohm), bool) if all_chains.lost is None else ~all_chains.lost
    ladder_powers(
        ohm,
        node,
        circuit.junction_capacitance,
        len(all_chains.below) // len(ohm),
        s.imag.copy(),
        np.ascontiguousarray(uneven_tail(s, chains, circuit).T),
        (1 / (s * circuit.block_capacitance), shunt),
        (np.ascontiguousarray(emf), np.ascontiguousarray(impedance)),
        tone_emf(plan, bus, values),
        heard,
        powers,
    )
    return powers


def readout_dividers(entry: LayerPlan, chip: Chip, values: list[BusValues]) -> Array:
    """Part of the DC voltage of every neuron that its readout sees, [groups, outputs].

    All resonators of a neuron and the chokes of its tiles are in series with the readout's input.
    """
    circuit = chip.circuit
    ohm = np.zeros((entry.layer.groups, entry.layer.outputs))
    sizes = {bus.tile: bus.size[1] for bus in entry.buses}
    for bus, own in zip(entry.buses, values, strict=True):
        ohm[bus.group, bus.outputs] = own.stack
    chokes = sum(min(circuit.groups, size) for size in sizes.values())
    series = ohm + chokes * circuit.choke_resistance
    return np.asarray(circuit.readout_resistance / (circuit.readout_resistance + series))
