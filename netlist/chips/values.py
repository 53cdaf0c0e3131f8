"""One bus of a chip: the values of every resonator and tone on it, nominal ones times the chip's factors."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array, Complex
from resonet.models.circuit.bus import BusCircuit
from resonet.models.circuit.uneven_bus import UnevenChains
from resonet.netlist.chips.chip import Chip
from resonet.netlist.planning.frequency_plan import FrequencyPlan, LayerPlan, bus_gains

__all__ = ["BusValues", "layer_values"]


@dataclass(frozen=True, slots=True, eq=False)
class BusValues:
    """Of one bus; [chains, resonators] where nothing else is said."""

    circuit: BusCircuit
    chains: UnevenChains  # resistances and node capacitances
    alike: bool  # every chain has the nominal resistances and capacitances, or those of the whole chip
    damping: Array
    transduction: Array  # ohm/A, -4 α K_SD R0
    told: str  # which chip it is
    common: Mapping[str, float]  # what all resonators of the chip have, by quantity; f_res: a factor
    tones: Array  # [resonators] Hz
    emf: Complex  # [resonators] V/√W, of each tone's source: as planned, with the error of the tone
    levels: Array  # [resonators] V/√W, EMF behind the combiner's impedance as planned, with the error of the tone
    stack: Array  # [chains] ohm, all resonators of the neuron in series at DC


def layer_values(plan: FrequencyPlan, entry: LayerPlan, chip: Chip) -> list[BusValues]:
    """Values of every bus of a layer. Raises InputError where tones change places."""
    own, device, circuit = chip.layer(entry.layer.name), chip.device, chip.circuit
    stacked = np.zeros((entry.layer.groups, entry.layer.outputs))
    below, resistances = [], []
    for n, bus in enumerate(entry.buses):
        ohm = np.broadcast_to(device.resistance * own.of_bus("resistance", n), bus.size)
        resistances.append(ohm)
        below.append(stacked[bus.group, bus.outputs])
        stacked[bus.group, bus.outputs] += ohm.sum(1)
    found, common, gains = [], _common(chip), dict[tuple[int, ...], Complex]()
    alike = "resistance" not in own.resonators and "node_capacitance" not in own.resonators and own.breaks is None
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
        lost = None if own.breaks is None else np.arange(bus.size[0]) >= own.breaks[n]
        levels = bus.levels * np.sqrt(own.of_tones("tone_level", bus))
        shape = (*bus.size, bus.below)
        if shape not in gains:
            gains[shape] = bus_gains(bus, plan.device, plan.circuit)
        found.append(
            BusValues(
                circuit,
                UnevenChains(resistances[n], node, below[n], bus.below, lost),
                alike,
                damping,
                -4 * damping * (device.sensitivity * gain) * resistances[n],
                chip.told,
                common,
                np.asarray(tones),
                np.asarray(levels / gains[shape]),
                np.asarray(levels),
                stacked[bus.group, bus.outputs],
            )
        )
    return found


def _common(chip: Chip) -> dict[str, float]:
    """Values that the resonators of a chip are given by, all alike."""
    device, circuit, of = chip.device, chip.circuit, chip.common
    return {
        "f_res": of.get("f_res", 1.0),
        "damping": device.damping * of.get("damping", 1.0),
        "resistance": device.resistance * of.get("resistance", 1.0),
        "node_capacitance": circuit.node_capacitance * of.get("node_capacitance", 1.0),
    }
