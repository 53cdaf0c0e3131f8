"""One bus of a chip: the values of every resonator and tone on it, nominal ones times the chip's factors."""

from dataclasses import dataclass

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array
from resonet.models.circuit.bus import BusCircuit
from resonet.models.circuit.uneven_bus import UnevenChains
from resonet.netlist.chips.chip import Chip
from resonet.netlist.planning.frequency_plan import LayerPlan

__all__ = ["BusValues", "layer_values"]


@dataclass(frozen=True, slots=True, eq=False)
class BusValues:
    """Of one bus; [chains, resonators] where nothing else is said."""

    circuit: BusCircuit
    chains: UnevenChains  # resistances and node capacitances
    alike: bool  # every chain has the nominal resistances and capacitances, or those of the whole chip
    damping: Array
    transduction: Array  # ohm/A, -4 α K_SD R0
    tones: Array  # [resonators] Hz
    levels: Array  # [resonators] V/√W, EMF behind the combiner's impedance as planned, with the error of the tone
    stack: Array  # [chains] ohm, all resonators of the neuron in series at DC


def layer_values(entry: LayerPlan, chip: Chip) -> list[BusValues]:
    """Values of every bus of a layer. Raises InputError where tones change places."""
    own, device, circuit = chip.layer(entry.layer.name), chip.device, chip.circuit
    stacked = np.zeros((entry.layer.groups, entry.layer.outputs))
    below, resistances = [], []
    for n, bus in enumerate(entry.buses):
        ohm = np.broadcast_to(device.resistance * own.of_bus("resistance", n), bus.size)
        resistances.append(ohm)
        below.append(stacked[bus.group, bus.outputs])
        stacked[bus.group, bus.outputs] += ohm.sum(1)
    found = []
    alike = "resistance" not in own.resonators and "node_capacitance" not in own.resonators
    for n, bus in enumerate(entry.buses):
        damping = np.broadcast_to(device.damping * own.of_bus("damping", n), bus.size)
        gain = own.of_bus("magnetoresistance", n) / own.of_bus("threshold_current", n)
        node = np.broadcast_to(circuit.node_capacitance * own.of_bus("node_capacitance", n), bus.size)
        tones = bus.frequencies * own.of_tones("tone_frequency", bus)
        if len(tones) > 1 and np.any(np.diff(tones) >= 0):
            raise InputError(
                f"spread.tone_frequency: tones of bus {bus.name} of layer {bus.layer} change places; "
                "possible: less of it"
            )
        found.append(
            BusValues(
                circuit,
                UnevenChains(resistances[n], node, below[n], bus.below),
                alike,
                damping,
                -4 * damping * (device.sensitivity * gain) * resistances[n],
                np.asarray(tones),
                np.asarray(bus.levels * np.sqrt(own.of_tones("tone_level", bus))),
                stacked[bus.group, bus.outputs],
            )
        )
    return found
