"""What the curves of every device are made of: the record that they are put into, units, deviations."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resonet.report.device_figures import Colour, Panel

__all__ = ["BIASES", "Characteristic", "largest_deviation", "scaled"]

BIASES: tuple[Colour, ...] = ("faint", "first", "fourth")  # one for each of three


@dataclass(slots=True)
class Characteristic:
    """Panels to draw; `deviation`: model against ngspice, largest difference over largest value."""

    panels: list[Panel] = field(default_factory=list)
    deviation: dict[str, float] = field(default_factory=dict)
    values: dict[str, float] = field(default_factory=dict)  # key figures by name with unit


def largest_deviation(points: NDArray[Any], model: NDArray[Any]) -> float:
    """Largest difference over largest value."""
    return float(np.abs(points - model).max() / np.abs(model).max())


def scaled(unit: str, largest: float) -> tuple[float, str]:
    """Factor and unit with a prefix that suits the largest value."""
    for factor, prefix in ((1e-9, "G"), (1e-6, "M"), (1e-3, "k"), (1, ""), (1e3, "m"), (1e6, "µ"), (1e9, "n")):
        if largest * factor >= 1:
            return factor, prefix + unit
    return 1e12, "p" + unit
