from .circuit.bus import BusCircuit as BusCircuit
from .resonator.linear import SpinDiode as SpinDiode
