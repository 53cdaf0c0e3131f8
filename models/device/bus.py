"""The simple devices of a bus, as records: what they are called in SPICE and Verilog-A, their pins and parameters.

Their physics is in `models/resonator/linear.py` (chi, rectification) and `models/circuit/bus.py` (the network around
it); a design gives them the values of its SpinDiode and BusCircuit. The defaults here are those of a device that is
used on its own.
"""

from dataclasses import dataclass
from typing import ClassVar

from resonet.core.parameters import Interface, check, parameter
from resonet.models.circuit.bus import BusCircuit
from resonet.models.resonator.shared_parameters import LINEAR_LAW, quality, resistance

__all__ = ["BiasTee", "CombinerArm", "CombinerOut", "Readout", "Resonator", "ResonatorDc", "ResonatorOpen", "TonePort"]

BUS = BusCircuit()
PUBLISHED_BAND = "lower edge of the band of the project"
ENDS = (("p", "one end of the junction"), ("n", "its other end"))


@dataclass(frozen=True, slots=True)
class Resonator:
    """Spin-diode resonator, linear regime (fidelity 1), with an ideal contact; complete: `resonator_full`."""

    SPICE: ClassVar[Interface] = Interface("resonator", (*ENDS, ("x", "precession, 1 V per A of current-like drive")))

    f0: float = parameter(1e9, "Hz", 1e3, 1e13, "resonance frequency", PUBLISHED_BAND)
    q: float = quality()
    r0: float = resistance()
    k: float = parameter(
        -353.55e3,
        "Ohm/A",
        -1e12,
        1e12,
        "resistance change per unit of precession, -4 alpha K_SD r0 (sets the sign)",
        LINEAR_LAW,
    )
    cnode: float = parameter(
        0.0, "F", 0.0, 1e-9, "capacitance of a chain node to ground, half of it at each end", "no parasitics"
    )

    def __post_init__(self) -> None:
        check(self, "resonator")


@dataclass(frozen=True, slots=True)
class ResonatorDc:
    """The resonator in the DC pass: its resistance in series with the voltage that it rectifies."""

    SPICE: ClassVar[Interface] = Interface("resonator_dc", ENDS)

    r0: float = resistance()
    vdc: float = parameter(0.0, "V", -1e3, 1e3, "rectified voltage, p against n", "no RF")

    def __post_init__(self) -> None:
        check(self, "resonator_dc")


@dataclass(frozen=True, slots=True)
class ResonatorOpen:
    """The resonator in the DC pass of a neuron that hardly conducts: the same law, with its leaks right."""

    SPICE: ClassVar[Interface] = Interface("resonator_open", ENDS)

    r0: float = parameter(1e12, "Ohm", 1e-3, 1e15, "resistance at zero bias", "broken bus")
    vdc: float = parameter(0.0, "V", -1e3, 1e3, "rectified voltage, p against n", "no RF")

    def __post_init__(self) -> None:
        check(self, "resonator_open")


@dataclass(frozen=True, slots=True)
class BiasTee:
    """Bias tee between an RF bus and the head of a chain."""

    SPICE: ClassVar[Interface] = Interface(
        "bias_tee",
        (("rf", "RF bus"), ("dc", "DC side, bypassed to ground"), ("head", "head of the chain, carries both")),
    )

    cblock: float = parameter(
        BUS.block_capacitance,
        "F",
        1e-18,
        1e-3,
        "DC block between rf and head",
        "default of a design's bus, resonet.models.circuit.bus",
    )
    lchoke: float = parameter(
        BUS.choke_inductance,
        "H",
        1e-15,
        1.0,
        "RF choke between head and dc",
        "default of a design's bus, resonet.models.circuit.bus",
    )
    rchoke: float = parameter(
        BUS.choke_resistance,
        "Ohm",
        0.0,
        1e6,
        "DC resistance of the choke",
        "default of a design's bus, resonet.models.circuit.bus",
    )
    cbypass: float = parameter(
        BUS.bypass_capacitance,
        "F",
        1e-18,
        1e-3,
        "from dc to ground",
        "default of a design's bus, resonet.models.circuit.bus",
    )

    def __post_init__(self) -> None:
        check(self, "bias_tee")


@dataclass(frozen=True, slots=True)
class TonePort:
    """RF port: a source with its impedance. An open-circuit EMF of 2 V offers 1 V of incident wave."""

    SPICE: ClassVar[Interface] = Interface("tone_port", (("out", "the port"),))

    z0: float = parameter(BUS.impedance, "Ohm", 1e-3, 1e6, "source impedance", "50 ohm convention")
    mag: float = parameter(0.0, "V", -1e6, 1e6, "EMF in .ac, peak", "silent")
    emf: float = parameter(0.0, "V", -1e6, 1e6, "EMF in .tran, peak", "silent")
    f: float = parameter(1e9, "Hz", 1e-3, 1e13, "frequency in .tran", PUBLISHED_BAND)
    ph: float = parameter(0.0, "deg", -36000.0, 36000.0, "phase in .tran", "sine that starts at zero")

    def __post_init__(self) -> None:
        check(self, "tone_port")


@dataclass(frozen=True, slots=True)
class CombinerArm:
    """One arm of a power combiner: matched, isolated, reciprocal."""

    SPICE: ClassVar[Interface] = Interface(
        "combiner_arm",
        (
            ("in", "input port"),
            ("lo", "stack of EMFs, lower end"),
            ("hi", "stack of EMFs, upper end"),
            ("bus", "output port"),
            ("emf", "EMF of the output port"),
        ),
    )

    z0: float = parameter(BUS.impedance, "Ohm", 1e-3, 1e6, "impedance of the port", "50 ohm convention")
    gain: float = parameter(1.0, "", 0.0, 1.0, "voltage wave from in to bus and back", "one input without loss")

    def __post_init__(self) -> None:
        check(self, "combiner_arm")


@dataclass(frozen=True, slots=True)
class CombinerOut:
    """The output port of the combiner."""

    SPICE: ClassVar[Interface] = Interface("combiner_out", (("bus", "output port"), ("emf", "its EMF")))

    z0: float = parameter(BUS.impedance, "Ohm", 1e-3, 1e6, "impedance of the port", "50 ohm convention")

    def __post_init__(self) -> None:
        check(self, "combiner_out")


@dataclass(frozen=True, slots=True)
class Readout:
    """DC readout: the input of a neuron."""

    SPICE: ClassVar[Interface] = Interface("readout", (("dc", "DC voltage of a chain"),))

    rin: float = parameter(
        BUS.readout_resistance,
        "Ohm",
        1.0,
        1e15,
        "input resistance to ground",
        "default of a design's bus, resonet.models.circuit.bus",
    )

    def __post_init__(self) -> None:
        check(self, "readout")
