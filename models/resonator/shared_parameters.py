"""Parameters that the records of resonators at all fidelities share, each said once."""

from typing import Any

from resonet.core.parameters import parameter
from resonet.models.resonator.linear import SpinDiode

__all__ = ["LINEAR", "LINEAR_LAW", "quality", "resistance", "transduction"]

LINEAR = SpinDiode()
LINEAR_LAW = "Leroux et al., Phys. Rev. Applied 15, 034067 (2021)"


def quality() -> Any:
    """Quality factor q."""
    return parameter(LINEAR.quality, "", 2.5, 5e4, "quality factor, 1 / (2 alpha)", LINEAR_LAW)


def resistance() -> Any:
    """Resistance r0."""
    return parameter(LINEAR.resistance, "Ohm", 1e-3, 1e9, "resistance at zero bias", LINEAR_LAW)


def transduction() -> Any:
    """Transduction k."""
    doc = "resistance change per unit of precession, -4 alpha K_SD r0 (sets the sign)"
    return parameter(LINEAR.transduction, "Ohm/A", -1e12, 1e12, doc, LINEAR_LAW)
