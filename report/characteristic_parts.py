"""What the curves of every device are made of: the record that they are put into, units, deviations."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resonet.core.errors import EngineError
from resonet.report.device_figures import Colour, Panel

__all__ = ["BIASES", "SOLVED", "STEPPED", "Characteristic", "largest_deviation", "scaled"]

# What ngspice and a model may differ by: where one solves the same linear equations, and where it steps through time.
SOLVED, STEPPED = 1e-4, 0.05

BIASES: tuple[Colour, ...] = ("faint", "first", "fourth")  # one for each of three


@dataclass(slots=True)
class Characteristic:
    """Panels to draw; `deviation`: model against ngspice, largest difference over largest value; `limits` of it."""

    panels: list[Panel] = field(default_factory=list)
    deviation: dict[str, float] = field(default_factory=dict)
    limits: dict[str, float] = field(default_factory=dict)  # of what is of ngspice
    values: dict[str, float] = field(default_factory=dict)  # key figures by name with unit

    def compare(
        self, what: str, points: NDArray[Any], model: NDArray[Any], limit: float, each: bool = False, scale: float = 0.0
    ) -> None:
        """Hold ngspice's points against the model's, of one shape, and keep the largest difference.

        As part of the largest value of the model, of `scale` where given, or of `each` value. Raises EngineError, with
        both numbers, where it is above `limit`: one of the two is wrong.
        """
        points, model = np.asarray(points), np.asarray(model)
        over = np.abs(model) if each else np.full(model.shape, scale or np.abs(model).max())
        off = np.abs(points - model) / np.where(over > 0, over, 1.0)
        worst = np.unravel_index(int(np.nan_to_num(off, nan=np.inf).argmax()), off.shape)
        self.deviation[what], self.limits[what] = float(off[worst]), limit
        if not off[worst] <= limit:
            raise EngineError(
                f"{what}: ngspice says {points[worst]:.6g}, the model {model[worst]:.6g}: {off[worst]:.2g} of the "
                f"largest apart, allowed {limit:g}; neither is believed"
            )


def largest_deviation(points: NDArray[Any], model: NDArray[Any]) -> float:
    """Largest difference over largest value."""
    return float(np.abs(points - model).max() / np.abs(model).max())


def scaled(unit: str, largest: float) -> tuple[float, str]:
    """Factor and unit with a prefix that suits the largest value."""
    for factor, prefix in ((1e-9, "G"), (1e-6, "M"), (1e-3, "k"), (1, ""), (1e3, "m"), (1e6, "µ"), (1e9, "n")):
        if largest * factor >= 1:
            return factor, prefix + unit
    return 1e12, "p" + unit
