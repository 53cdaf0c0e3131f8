"""A matched attenuator, as one puts between a tone source and the combiner.

A pi of three resistors with the voltage ratio K = 10^(loss/20): a shunt of z0 (K + 1)/(K - 1) at either end, and
z0 (K² - 1)/(2 K) between them (Pozar, Microwave Engineering, 4th ed., section 4.3).
"""

from dataclasses import dataclass
from typing import ClassVar

from resonet.core.parameters import Interface, check, parameter


@dataclass(frozen=True, slots=True)
class Attenuator:
    """Matched attenuator, a pi of resistors."""

    SPICE: ClassVar[Interface] = Interface("attenuator", (("a", "one port"), ("b", "the other port")))

    loss: float = parameter(3.0, "dB", 0.01, 100.0, "ratio of the powers in and out", "usual pad")
    z0: float = parameter(50.0, "Ohm", 1e-3, 1e6, "impedance that it is matched to", "50 ohm convention")

    def __post_init__(self) -> None:
        check(self, "attenuator")


def transmission(device: Attenuator) -> float:
    """S21 between ports of z0; S11 is 0."""
    return float(10 ** (-device.loss / 20))
