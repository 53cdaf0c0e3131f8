"""Power combiner in closed form."""

import numpy as np

from resonet.models.circuit.bus import BusCircuit

__all__ = ["combiner_gain"]


def combiner_gain(tones: int, circuit: BusCircuit) -> float:
    """Voltage wave from one input of the power combiner to the bus: 10^(-loss / 20 dB) / √N."""
    return float(10 ** (-circuit.combiner_loss / 20) / np.sqrt(tones))
