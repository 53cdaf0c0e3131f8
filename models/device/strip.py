"""The devices of a strip-line feed, as records: a resonator under a line, a piece of RF line, a piece of tuning line.

Currents of lines leave their pieces as voltages on a sensing pin (1 V per A), and controlled sources carry them to the
pins d and t of the resonators, so that each resonator may see any number of lines.
"""

from dataclasses import dataclass
from typing import ClassVar

from resonet.core.parameters import Interface, check, parameter
from resonet.models.resonator.shared_parameters import LINEAR_LAW, quality, resistance

__all__ = ["StripResonator", "StripResonatorRf", "StripSegment", "TuningSegment"]

STUB = "one micrometre of 300 nm by 200 nm of copper"
JUNCTION = (("p", "one end of the junction"), ("n", "its other end"))
ENDS = (("a", "near end, against ground"), ("b", "far end, against ground"), ("s", "current from a to b, 1 V per A"))


@dataclass(frozen=True, slots=True)
class StripResonator:
    """Spin-diode resonator under a strip line: driven by the chain's current and by the lines' fields."""

    SPICE: ClassVar[Interface] = Interface(
        "strip_resonator",
        (
            *JUNCTION,
            ("d", "drive by lines, 1 V per A of junction current that it stands for; 1 ohm inside"),
            ("t", "relative shift of the resonance, 1 V for 100 %; 1 ohm inside"),
            ("u", "junction current, of the chain and of the lines, 1 V per A"),
            ("x", "precession, 1 V per A of current-like drive"),
        ),
    )

    f0: float = parameter(1e9, "Hz", 1e3, 1e13, "resonance frequency without shift", "lower edge of the project's band")
    q: float = quality()
    r0: float = resistance()
    rw: float = parameter(0.0, "Ohm", 0.0, 1e9, "wire of the chain, in series", "no parasitics")
    k: float = parameter(
        -353.55e3, "Ohm/A", -1e12, 1e12, "resistance change per unit of precession, -4 alpha K_SD r0", LINEAR_LAW
    )

    def __post_init__(self) -> None:
        check(self, "strip_resonator")


@dataclass(frozen=True, slots=True)
class StripResonatorRf:
    """The same resonator in the RF pass, linear: ngspice then needs half the time."""

    SPICE: ClassVar[Interface] = Interface(
        "strip_resonator_rf",
        (
            *JUNCTION,
            ("d", "drive by lines, 1 V per A of junction current that it stands for; 1 ohm inside"),
            ("u", "junction current, of the chain and of the lines, 1 V per A"),
            ("x", "precession, 1 V per A of current-like drive"),
        ),
    )

    f0: float = parameter(1e9, "Hz", 1e3, 1e13, "resonance frequency", "lower edge of the project's band")
    q: float = quality()
    r0: float = resistance()
    rw: float = parameter(0.0, "Ohm", 0.0, 1e9, "wire of the chain, in series", "no parasitics")

    def __post_init__(self) -> None:
        check(self, "strip_resonator_rf")


@dataclass(frozen=True, slots=True)
class StripSegment:
    """Short piece of RF line: one π section that senses its current."""

    SPICE: ClassVar[Interface] = Interface("strip_segment", ENDS)

    r: float = parameter(0.37, "Ohm", 0.0, 1e9, "resistance", STUB)
    l: float = parameter(5e-13, "H", 0.0, 1.0, "inductance", STUB)  # noqa: E741
    g: float = parameter(0.0, "S", 0.0, 1e3, "leakage to ground, half of it at either end", "no dielectric loss")
    c: float = parameter(8e-17, "F", 0.0, 1e-3, "capacitance to ground, half of it at either end", STUB)

    def __post_init__(self) -> None:
        check(self, "strip_segment")


@dataclass(frozen=True, slots=True)
class TuningSegment:
    """Piece of tuning line between two resonators, at DC: one π section that senses its current."""

    SPICE: ClassVar[Interface] = Interface("tuning_segment", ENDS)

    r: float = parameter(0.31, "Ohm", 0.0, 1e9, "resistance", "one micrometre of 350 nm by 200 nm of copper")
    g: float = parameter(0.0, "S", 0.0, 1e3, "leakage to ground, half of it at either end", "perfect insulation")

    def __post_init__(self) -> None:
        check(self, "tuning_segment")
