"""Device physics: parameters and pure numpy functions."""

from resonet.models.bus import BusCircuit
from resonet.models.errors import InputError
from resonet.models.resonator import SpinDiode

__all__ = ["BusCircuit", "InputError", "SpinDiode"]
