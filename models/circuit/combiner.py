"""What a tone loses on its way from its source to the bus, in closed form: in a power combiner, or in a multiplexer."""

import numpy as np

from resonet.core.types import Array, Complex
from resonet.models.circuit.bus import BusCircuit, bus_load
from resonet.models.circuit.multiplexer import multiplexer_gains

__all__ = ["combiner_gain", "tone_gains"]


def combiner_gain(tones: int, circuit: BusCircuit) -> float:
    """Voltage wave from one input of the power combiner to the bus: 10^(-loss / 20 dB) / √N."""
    return float(10 ** (-circuit.combiner_loss / 20) / np.sqrt(tones))


def tone_gains(frequencies: Array, resistance: float, chains: int, circuit: BusCircuit, below: int = 0) -> Complex:
    """EMF of the bus, seen behind Z0, per EMF of each tone's source, [tones]; real where a combiner has no filters.

    frequencies in Hz, channel of the k-th resonator of each of the chains; `below` as in `bus_currents`.
    """
    if circuit.combining == "resistive":
        return np.full(len(frequencies), combiner_gain(len(frequencies), circuit))
    load = bus_load(frequencies, resistance, len(frequencies), chains, circuit, below)
    return multiplexer_gains(frequencies, load, circuit)
