"""Corners: where all devices of a chip lie together, [corner.NAME] of design.toml.

    [corner.hot]
    resistance = 3               # standard deviations of [spread] from nominal
    device.damping = "0.012"     # a parameter itself, in the place of its nominal value

A corner moves what is built, and not what was planned: channels, tone levels and programs stay those of the design.

There are three anyway, of whatever [spread] has: `tt` nominal; `ss` (slow) with three standard deviations of more
resistance, capacitance, damping and thresholds and of less signal, `ff` (fast) with the opposite.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from resonet.core.errors import InputError
from resonet.core.parameters import check_value, known_parameter, parameters_of, parse, shown
from resonet.netlist.chips.spread import QUANTITIES, SpreadOptions

__all__ = ["NOMINAL", "PROCESS", "Corner", "at_corner", "find_corner", "read_corners"]

NOMINAL = "tt"
SLOW = {  # signs of standard deviations
    "f_res": -1,
    "damping": 1,
    "resistance": 1,
    "magnetoresistance": -1,
    "threshold_current": 1,
    "node_capacitance": 1,
    "nonlinear_damping": 1,
    "line_height": 1,
    "tone_level": -1,
    "gain": -1,
    "oscillator_threshold": 1,
    "oscillator_power": -1,
}
FAR = 3.0
PROCESS = (NOMINAL, "ss", "ff")
MOST_SHIFT = 10.0
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,30}")
# Sections whose parameters a corner may set: what is built, and what it is surrounded by.
SETTABLE = ("device", "bus", "noise", "saturation", "neuron", "geometry")
DECIDED = {
    "bus": ("groups", "combining"),
    "noise": ("sources",),
    "geometry": ("pitch_x", "pitch_y", "pitch_z", "block_gap", "stub", "lead"),
}  # of these what the designer decides, and no process changes


@dataclass(frozen=True, slots=True)
class Corner:
    """A corner: shifts in standard deviations by quantity, and parameters by "section.name"."""

    name: str
    shifts: Mapping[str, float] = field(default_factory=dict)
    parameters: Mapping[str, float] = field(default_factory=dict)

    def table(self) -> dict[str, Any]:
        """As a table of design.toml."""
        found: dict[str, Any] = dict(self.shifts)
        for key, value in self.parameters.items():
            section, _, name = key.partition(".")
            found.setdefault(section, {})[name] = value
        return found


def _shift(place: str, name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not -MOST_SHIFT <= value <= MOST_SHIFT:
        raise InputError(
            f"{place}.{name} = {shown(value)}: possible: -{MOST_SHIFT:g} ... {MOST_SHIFT:g} standard deviations"
        )
    return float(value)


def _corner(name: str, table: object, records: Mapping[str, type]) -> Corner:
    place, possible = f"corner.{name}", [section for section in SETTABLE if section in records]
    if not NAME.fullmatch(name) or name in PROCESS:
        raise InputError(
            f"[corner.{name[:40]}]: possible: names of letters and digits, other than {', '.join(PROCESS)}"
        )
    if not isinstance(table, dict) or not table:
        raise InputError(f"[{place}]: a table of shifts is expected; possible: {', '.join(QUANTITIES)}")
    shifts, parameters = dict[str, float](), dict[str, float]()
    for key, value in table.items():
        if key in QUANTITIES:
            shifts[key] = _shift(place, key, value)
            continue
        if key not in possible or not isinstance(value, dict):
            raise InputError(
                f"{place}.{str(key)[:40]}: possible: standard deviations of {', '.join(QUANTITIES)}; parameters of "
                f"{', '.join(possible)}, such as device.damping = 0.02"
            )
        for one, given in value.items():
            spec = known_parameter(records[key], one, key)
            if one in DECIDED.get(key, ()) or "low" not in spec.metadata:
                known = [n for n, s in parameters_of(records[key]).items() if "low" in s.metadata]
                free = ", ".join(n for n in known if n not in DECIDED.get(key, ()))
                raise InputError(f"{place}.{key}.{one}: what a designer decides is no corner; possible: {free}")
            found = parse(given, spec, f"{place}.{key}")
            check_value(found, spec, f"{place}.{key}.{one}")
            parameters[f"{key}.{one}"] = float(found)
    return Corner(name, shifts, parameters)


def read_corners(tables: object, records: Mapping[str, type]) -> dict[str, Corner]:
    """Corners of the table [corner] by name; `records` are the tables of design.toml. Raises InputError."""
    if not isinstance(tables, dict):
        raise InputError("[corner]: tables [corner.NAME] are expected")
    return {name: _corner(str(name), table, records) for name, table in tables.items()}


def find_corner(name: str, corners: Mapping[str, Corner], spread: SpreadOptions) -> Corner:
    """Corner of that name, with what `spread` makes of the process corners. Raises InputError."""
    if name == NOMINAL:
        return Corner(NOMINAL)
    if name in PROCESS:
        sign = 1.0 if name == "ss" else -1.0
        shifts = {n: sign * FAR * SLOW[n] for n in spread.active if n in SLOW}
        if not shifts:
            raise InputError(
                f"corner {name}: nothing in [spread] that it could shift; possible: a standard deviation of "
                f"{', '.join(SLOW)}, or a corner of your own"
            )
        return Corner(name, shifts)
    if name not in corners:
        raise InputError(f"corner {name[:40]!r}: no such corner; possible: {', '.join((*PROCESS, *corners))}")
    found = corners[name]
    idle = [quantity for quantity in found.shifts if not spread.sigma(quantity)]
    if idle:
        raise InputError(
            f"corner {name} shifts {idle[0]}, of which [spread] has no standard deviation; possible: "
            f"spread.{idle[0]}, or the parameter itself"
        )
    return found


def at_corner(record: Any, section: str, corner: Corner) -> Any:
    """A record of parameters as a corner has it. Raises InputError."""
    own = {key.partition(".")[2]: value for key, value in corner.parameters.items() if key.partition(".")[0] == section}
    whole = {n: int(v) if isinstance(getattr(record, n), int) else v for n, v in own.items()}
    return replace(record, **whole) if whole else record
