"""Cell of a resistive crossbar: a magnetic tunnel junction between a word line and a bit line.

Its conductance lies between that of the ON (parallel) and the OFF (antiparallel) state, G = [state + (1 - state) /
ratio] / ron with state 0 ... 1: 0 and 1 for a binary junction, in between for a multi-level one.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from resonet.models.errors import InputError
from resonet.models.parameters import Interface, check, parameter
from resonet.models.resonator import SpinDiode

__all__ = ["CrossbarCell", "conductance", "state_for_weight"]

Array = NDArray[np.float64]
LINEAR = SpinDiode()
LINEAR_LAW = "Leroux et al., Phys. Rev. Applied 15, 034067 (2021)"


@dataclass(frozen=True, slots=True)
class CrossbarCell:
    """Magnetic tunnel junction of a crossbar."""

    SPICE: ClassVar[Interface] = Interface("crossbar_cell", (("w", "word line"), ("b", "bit line")))

    ron: float = parameter(LINEAR.resistance, "Ohm", 1e-3, 1e12, "resistance in the ON state", "R0 of " + LINEAR_LAW)
    ratio: float = parameter(
        1 + LINEAR.magnetoresistance,
        "",
        1.0,
        1e9,
        "OFF over ON resistance, 1 + Delta R / R",
        "Delta R / R of " + LINEAR_LAW,
    )
    state: float = parameter(1.0, "", 0.0, 1.0, "1 ON, 0 OFF, linear in the conductance in between", "ON")

    def __post_init__(self) -> None:
        check(self, "crossbar_cell")


def conductance(state: ArrayLike, cell: CrossbarCell) -> Array:
    """Conductance, S, of cells in the states 0 ... 1 (any shape; the state of `cell` itself does not count)."""
    s = np.asarray(state, float)
    if s.size and not np.all((s >= 0) & (s <= 1)):
        raise InputError(f"crossbar_cell.state = {s.flat[np.argmax(np.abs(s - 0.5))]:g}: must be within 0 ... 1")
    return np.asarray((s + (1 - s) / cell.ratio) / cell.ron)


def state_for_weight(weight: ArrayLike) -> tuple[Array, Array]:
    """States of the two cells of a differential pair that holds a weight -1 ... 1 (any shape): their difference."""
    w = np.asarray(weight, float)
    if w.size and not np.all(np.abs(w) <= 1):
        raise InputError(f"weight {np.abs(w).max():g} of the largest possible one: a pair of cells holds -1 ... 1")
    return np.maximum(w, 0), np.maximum(-w, 0)
