"""Resistive crossbar: its cells, magnetic tunnel junctions between word lines and bit lines, and its arrays.

The conductance of a cell lies between that of the ON (parallel) and the OFF (antiparallel) state, G = [state + (1 -
state) / ratio] / ron with state 0 ... 1: 0 and 1 for a binary junction, in between for a multi-level one.

An array multiplies: input i drives word line i with the voltage V_i, the bit lines end in virtual grounds, and bit line
n carries the current sum_i G[i, n] V_i. A signed weight takes a pair of bit lines, 2j for its positive and 2j + 1 for
its negative part; the neuron reads I[2j] - I[2j + 1]. One of the two cells is OFF, so the largest weight stands for the
conductance (1 - 1 / ratio) / ron (`pair_range`), on top of what the OFF cells let through in both lines.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.errors import InputError
from resonet.core.parameters import Interface, check, parameter
from resonet.core.types import Array
from resonet.models.resonator.linear import SpinDiode

__all__ = [
    "CrossbarArray",
    "CrossbarCell",
    "Drive",
    "Sums",
    "Unselected",
    "conductance",
    "pair_conductances",
    "pair_range",
    "pair_states",
    "state_for_weight",
]

Unselected = Literal["grounded", "floating"]  # what a bit line does while another one is read
Drive = Literal["one", "both"]  # ends of a word line with a driver
Sums = Literal["digital", "current"]  # how the arrays that share a neuron are added up
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


@dataclass(frozen=True, slots=True)
class CrossbarArray:
    """Arrays of a crossbar: size, wires, what drives and reads them. Resistance 0 is a short.

    Word line: driver, then one segment of wire to each cell. Bit line: cell to cell, one more segment to its sense
    amplifier. Read `grounded`, all bit lines are sensed at once; `floating`, one pair at a time, all others are open.
    """

    cell: CrossbarCell = CrossbarCell()
    rows: int = parameter(128, "", 1, 65536, "most word lines of one array")
    columns: int = parameter(128, "", 2, 65536, "most bit lines of one array, two for an output")
    word_resistance: float = parameter(
        1.0, "Ohm", 0.0, 1e9, "wire from cell to cell along a word line", "copper 50 nm x 100 nm, 30 nOhm m, 160 nm"
    )
    bit_resistance: float = parameter(
        1.0, "Ohm", 0.0, 1e9, "wire from cell to cell along a bit line", "copper 50 nm x 100 nm, 30 nOhm m, 160 nm"
    )
    driver_resistance: float = parameter(0.0, "Ohm", 0.0, 1e9, "driver of a word line", "ideal")
    sense_resistance: float = parameter(0.0, "Ohm", 0.0, 1e9, "input of a sense amplifier", "ideal")
    read_voltage: float = parameter(0.1, "V", 1e-6, 10.0, "voltage of the largest activation", "well below switching")
    read_noise: float = parameter(0.0, "", 0.0, 1.0, "standard deviation of a cell's conductance from read to read")
    levels: int = parameter(0, "", 0, 65536, "states that a cell can hold, evenly spaced in conductance; 0: any")
    unselected: Unselected = "grounded"
    drive: Drive = "one"
    sums: Sums = "digital"

    def __post_init__(self) -> None:
        check(self, "crossbar")
        for name, kind in (("unselected", Unselected), ("drive", Drive), ("sums", Sums)):
            if getattr(self, name) not in get_args(kind):
                known = ", ".join(get_args(kind))
                raise InputError(f"crossbar.{name} = {getattr(self, name)!r}: possible: {known}")
        if self.levels == 1:
            raise InputError("crossbar.levels = 1: one state holds no weight; possible: 0 (any state), 2, 3, ...")


def pair_range(cell: CrossbarCell) -> float:
    """Largest difference of conductance of a pair, S; it stands for the largest weight. InputError if there is none."""
    if cell.ratio == 1:
        raise InputError("crossbar_cell.ratio = 1: ON and OFF are the same, so it holds no weight; possible: above 1")
    return (1 - 1 / cell.ratio) / cell.ron


def pair_states(weight: ArrayLike, array: CrossbarArray) -> Array:
    """States [rows, 2 outputs] of the cells that hold weights [outputs, rows], -1 ... 1 of the largest.

    Transposed: a word line is an input. Column 2j holds the positive, 2j + 1 the negative part of output j.
    """
    states = np.stack(state_for_weight(weight), axis=1)
    if array.levels:
        states = np.round(states * (array.levels - 1)) / (array.levels - 1)
    return np.asarray(states.reshape(-1, states.shape[-1]).T)


def pair_conductances(weight: ArrayLike, array: CrossbarArray) -> Array:
    """Their conductances, S, same shapes."""
    return conductance(pair_states(weight, array), array.cell)
