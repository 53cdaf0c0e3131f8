"""What a sweep varies: axes from text such as "device.damping=0.005:0.02:8", and the points that they span."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from resonet.core.errors import InputError
from resonet.core.numbers import mixed_units, read_list, read_whole
from resonet.core.parameters import check, describe, parameter, parse, shown
from resonet.core.types import Array, Ints
from resonet.cosim.calibration.quantised import MOST_SPREAD
from resonet.netlist.design.parameters import SECTIONS, TABLES, Parameters

__all__ = [
    "Axis",
    "Spread",
    "at_point",
    "axis_names",
    "axis_point",
    "axis_values",
    "count_points",
    "parse_axis",
]

MOST_POINTS = 1_000_000
OF_NOISE = {name: TABLES[name] for name in ("neuron", "noise")}
OF_SATURATION = {"saturation": TABLES["saturation"]}
OF_LINES = {"geometry": TABLES["geometry"]}
# Parameters of these that accuracy does not depend on, and what they are of.
CASCADE = "neurons one by one, in resonet run and levels"
NOT_IN_ACCURACY = {
    "neuron.supply": "energy",
    "neuron.efficiency": "energy",
    "neuron.resistance": CASCADE,
    "neuron.magnetoresistance": CASCADE,
    "neuron.read_current": CASCADE,
    "neuron.amplifier_bandwidth": CASCADE,
    "neuron.pool_gain": CASCADE,
    "neuron.pool_current": CASCADE,
}


@dataclass(frozen=True, slots=True)
class Spread:
    """Fabrication that no program knows of."""

    spread: float = parameter(0.0, "", 0.0, MOST_SPREAD, "standard deviation of f_res from fabrication, half-widths")
    seed: int = parameter(1, "", 0, 2**32 - 1, "of the fabrication spread")

    def __post_init__(self) -> None:
        check(self, "sweep")


@dataclass(frozen=True, slots=True)
class Axis:
    """A parameter and its values, SI."""

    name: str  # section.name, "spread" or "seed"
    values: tuple[float | int, ...]


def _fields(noise: bool, saturating: bool, lines: bool) -> dict[str, Any]:
    """Every parameter that may be an axis, with those that only noise, saturation or strip lines know, or without."""
    sections = SECTIONS | (OF_NOISE if noise else {}) | (OF_SATURATION if saturating else {})
    sections |= OF_LINES if lines else {}
    found = {
        f"{section}.{spec.name}": spec
        for section, kind in sections.items()
        for spec in fields(kind)
        if "low" in spec.metadata and f"{section}.{spec.name}" not in NOT_IN_ACCURACY
    }
    return found | {spec.name: spec for spec in fields(Spread)}


def axis_names(noise: bool = False, saturating: bool = False, lines: bool = False) -> list[str]:
    """Names that an axis may have.

    `noise`: of accuracy with noise, `saturating`: of resonators that saturate, `lines`: of layers on strip lines.
    """
    return list(_fields(noise, saturating, lines))


def _why_not(name: str, noise: bool) -> str:
    """Why a parameter is no axis, or nothing where there is no such parameter."""
    if name in NOT_IN_ACCURACY:
        return f"{name} changes no accuracy: it is of {NOT_IN_ACCURACY[name]}; "
    section = name.partition(".")[0]
    if section in OF_NOISE and not noise:
        return f"{shown(name)} changes no weight of bus feed; with --measure noise it may be an axis; "
    if section in OF_SATURATION:
        return f"{shown(name)} changes no weight of bus feed; with --resonators saturating it may be an axis; "
    return f"{shown(name)} changes no weight of bus feed; " if section in TABLES.keys() - SECTIONS else ""


def _range(name: str, text: str, low: float, high: float, words: list[str]) -> list[float]:
    """Values from LOW:HIGH:COUNT or LOW:HIGH:COUNT:log."""
    try:
        count = read_whole(words[0]) if words else 0
    except ValueError:
        count = 0
    if not 1 <= count <= MOST_POINTS or words[1:] not in ([], ["log"], ["lin"]):
        told = f"LOW:HIGH:COUNT[:log|:lin] with COUNT 1 ... {MOST_POINTS:,}, or A,B,C"
        raise InputError(f"--over {name}={shown(text)}: possible: {told}")
    if words[1:] != ["log"]:
        return [float(x) for x in np.linspace(low, high, count)]
    if low <= 0 or high <= 0:
        raise InputError(f"--over {name}={shown(text)}: a geometric range has ends above 0")
    return [float(x) for x in np.geomspace(low, high, count)]


def _value(text: object, spec: Any, section: str) -> float | int:
    try:
        value: float | int = parse(text, spec, section)
    except InputError as error:
        raise InputError(f"--over {error}") from None
    if not spec.metadata["low"] <= value <= spec.metadata["high"]:
        raise InputError(f"--over {section}.{spec.name} = {value:g}: must be within {describe(spec)}")
    return value


def parse_axis(text: str, noise: bool = False, saturating: bool = False, lines: bool = False) -> Axis:
    """Axis from NAME=LOW:HIGH:COUNT[:lin], NAME=LOW:HIGH:COUNT:log (equal ratios) or NAME=A,B,C, units as anywhere.

    `noise`, `saturating`, `lines`: as for `axis_names`. Raises InputError that names what is possible.
    """
    name, equals, wanted = (part.strip() for part in text.partition("="))
    known = _fields(noise, saturating, lines)
    if name not in known or not equals:
        possible = "NAME=LOW:HIGH:COUNT[:log|:lin] or NAME=A,B,C; NAME " + ", ".join(known)
        raise InputError(f"--over {shown(text)}: {_why_not(name, noise)}possible: {possible}")
    spec, section = known[name], name.rpartition(".")[0] or "sweep"
    words = wanted.split(":")
    if len(words) in (2, 3, 4):
        if mixed_units(words[:2], spec.metadata["unit"]):
            raise InputError(
                f"--over {name}={shown(wanted)}: one end has a unit and one has none, which would be "
                f"{spec.metadata['unit']}; possible: {spec.metadata['unit']} behind both ends or neither"
            )
        low, high = (float(_value(word, spec, section)) for word in words[:2])
        values: list[Any] = _range(name, wanted, low, high, words[2:])
    else:
        try:
            values = list(read_list(wanted, spec.metadata["unit"], MOST_POINTS))
        except ValueError as error:
            raise InputError(f"--over {name}={shown(wanted)}: {error}") from None
    return Axis(name, tuple(_value(value, spec, section) for value in values))


def count_points(axes: Sequence[Axis], together: bool = False) -> int:
    """How many points axes span: every combination; or the axes `together`, value by value.

    Raises InputError for axes of unequal length that should go together, two of one name, or too many points.
    """
    names = [axis.name for axis in axes]
    double = next((name for name in names if names.count(name) > 1), None)
    if double or not names:
        raise InputError(f"--over {double}: given twice" if double else "a sweep needs at least one --over")
    lengths = [len(axis.values) for axis in axes]
    if together and len(set(lengths)) > 1:
        told = ", ".join(f"{axis.name} {len(axis.values)}" for axis in axes)
        raise InputError(f"--zip: axes of unequal length ({told}); possible: equal lengths")
    count = lengths[0] if together else math.prod(lengths)
    if count > MOST_POINTS:
        raise InputError(f"{count:,} points; possible: {MOST_POINTS:,}")
    return count


def _places(axes: Sequence[Axis], together: bool, numbers: Ints) -> list[Ints]:
    """Which value of each axis the points of some numbers have; the last axis goes fastest."""
    if together:
        return [numbers] * len(axes)
    return [np.asarray(at) for at in np.unravel_index(numbers, [len(axis.values) for axis in axes])]


def axis_values(axes: Sequence[Axis], together: bool, numbers: Ints) -> dict[str, Array]:
    """Values [points] of each axis at the points of some numbers."""
    places = _places(axes, together, numbers)
    return {axis.name: np.asarray(axis.values)[at] for axis, at in zip(axes, places, strict=True)}


def axis_point(axes: Sequence[Axis], together: bool, number: int) -> dict[str, float | int]:
    """One point: {name: value}."""
    places = _places(axes, together, np.array([number]))
    return {axis.name: axis.values[at[0]] for axis, at in zip(axes, places, strict=True)}


def at_point(given: Parameters, spread: Spread, point: dict[str, float | int]) -> tuple[Parameters, Spread]:
    """Parameters with a point's values in them; InputError where they do not go together."""
    for name, value in point.items():
        section, _, field = name.rpartition(".")
        if section:
            given = replace(given, **{section: replace(getattr(given, section), **{field: value})})
        else:
            spread = replace(spread, **{field: value})  # type: ignore[arg-type]
    return given, spread
