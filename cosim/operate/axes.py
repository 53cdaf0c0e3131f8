"""What the search may change: an axis is one or several parameters of a design, with a range.

`p_max` and `bandwidth` are fast: they change no program, and their effect is known in closed form from one evaluation.
All others are of the structure: they take a plan and a program of their own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from resonet.core.errors import InputError
from resonet.core.parameters import known_parameter, parse, quantity
from resonet.models.circuit.bus import COMBINING
from resonet.netlist.design.parameters import TABLES, Parameters
from resonet.netlist.planning.tone_parts import LEVELS

__all__ = ["AXES", "DEFAULT", "FAST", "Axis", "chosen_axes", "for_device", "settings_of", "with_values"]


@dataclass(frozen=True, slots=True)
class Axis:
    """One thing that may be changed."""

    name: str
    parameters: tuple[str, ...]  # section.name, all with the same value
    low: float
    high: float
    whole: bool = False
    scale: str = "log"  # or "linear": how the search sees it
    words: tuple[str, ...] = ()  # of a choice: its value is a place in them

    def at(self, part: float) -> float:
        """Value at a part 0 ... 1 of the range."""
        if self.scale == "log":
            value = float(self.low * (self.high / self.low) ** part)
        else:
            value = self.low + part * (self.high - self.low)
        return float(min(max(round(value), self.low), self.high)) if self.whole else float(f"{value:.3g}")

    def part(self, value: float) -> float:
        """The inverse, held within 0 ... 1."""
        if value <= self.low:
            return 0.0
        span = np.log(self.high / self.low) if self.scale == "log" else self.high - self.low
        way = np.log(value / self.low) if self.scale == "log" else value - self.low
        return float(np.clip(way / span, 0, 1)) if span else 0.0

    def value(self, parameters: Parameters) -> float:
        """What a design has."""
        section, _, name = self.parameters[0].partition(".")
        own = getattr(getattr(parameters, section), name)
        return float(self.words.index(own) if self.words else own)

    def setting(self, value: float) -> str | float | int:
        """A value as the parameter has it."""
        if self.words:
            return self.words[round(value)]
        return round(value) if self.whole else value


AXES: dict[str, Axis] = {
    axis.name: axis
    for axis in (
        Axis("p_max", ("plan.p_max",), 1e-9, 20e-6),
        Axis("bandwidth", ("neuron.bandwidth",), 10e3, 100e6),
        Axis("tile", ("plan.tile",), 4, 48, True),
        Axis("reach", ("plan.reach",), 1.0, 50.0),
        Axis("fill", ("plan.fill",), 0.4, 0.95, scale="linear"),
        Axis("block", ("bus.block_capacitance",), 10e-15, 200e-15),
        Axis("bypass", ("bus.bypass_capacitance",), 10e-15, 200e-15),
        Axis("choke", ("bus.choke_inductance",), 1e-6, 50e-6),
        Axis("f_min", ("plan.f_min",), 1e9, 5e9),
        Axis("fanout", ("plan.fanout",), 8, 128, True),
        Axis("impedance", ("bus.impedance",), 10.0, 1000.0),
        Axis("transformer", ("bus.transformer",), 1.0, 10.0),
        Axis("groups", ("bus.groups",), 1, 12, True),
        Axis("damping", ("device.damping",), 0.003, 0.03),
        Axis("order", ("plan.assign",), 0, 1, True, "linear"),
        Axis("ends", ("plan.ends",), 1, 4, True),
        Axis("threshold", ("neuron.threshold_current",), 10e-6, 1e-3),
        Axis("filters", ("bus.combining",), 0, 1, True, "linear", COMBINING),
        Axis("levels", ("plan.levels",), 0, len(LEVELS) - 1, True, "linear", LEVELS),
    )
}
FAST = ("p_max", "bandwidth")
BAND = 1e9  # Hz, lowest channel that ranges of capacitances are for
UPWARDS = 5.0  # of a design's lowest channel
WORKING = (0.02, 40.0)  # of a device's ½ I_th² R0: tone powers that are searched where no range is given
DEFAULT = (*FAST, "tile", "reach", "fill", "block", "bypass", "choke", "f_min", "threshold")


def _ranged(text: str) -> Axis:
    """An axis of AXES, or with a range of its own: NAME or NAME=LOW:HIGH. Raises InputError."""
    name, equals, ends = text.partition("=")
    name = name.strip()
    if name not in AXES:
        raise InputError(f"--search {name[:40]!r}: possible: {', '.join(AXES)}, each perhaps with =LOW:HIGH")
    axis = AXES[name]
    if not equals:
        return axis
    if axis.words:
        raise InputError(f"--search {text[:60]!r}: possible: {name}, which is one of {', '.join(axis.words)}")
    low, colon, high = ends.partition(":")
    section, _, parameter = axis.parameters[0].partition(".")
    if not colon:
        raise InputError(
            f"--search {text[:60]!r}: possible: {name}=LOW:HIGH, such as {name}={axis.low:g}:{axis.high:g}"
        )
    spec = known_parameter(TABLES[section], parameter, section)
    values = [parse(end.strip(), spec, section) for end in (low, high)]
    if not values[0] < values[1] or (axis.scale == "log" and values[0] <= 0):
        raise InputError(f"--search {text[:60]!r}: possible: the lower end first")
    return replace(axis, low=float(values[0]), high=float(values[1]))


def chosen_axes(text: str) -> tuple[Axis, ...]:
    """Axes of "p_max,tile=4:16"; both fast ones are always among them. Raises InputError."""
    given = [_ranged(part) for part in text.split(",") if part.strip()]
    names = [axis.name for axis in given]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise InputError(f"--search: {twice} twice; possible: once")
    return tuple(AXES[name] for name in FAST if name not in names) + tuple(given)


def for_device(axes: tuple[Axis, ...], own: Parameters) -> tuple[Axis, ...]:
    """The axes, with ranges that suit a design's device and band where none was given.

    Precession goes with P / (½ I_th² R0). What tees let through to the next tile goes with 1 / (w² L C) at the lowest
    channel: below 1 GHz capacitances go up, the least as 1/w and the largest as 1/w², and chokes stay.
    """
    most = float(known_parameter(TABLES["plan"], "p_max", "plan").metadata["high"])
    slower = max(1.0, BAND / own.plan.f_min)
    suited = {"p_max": tuple(min(part * own.device.threshold_power, most) for part in WORKING)}
    suited["f_min"] = own.plan.f_min, min(UPWARDS * own.plan.f_min, np.sqrt(own.plan.f_min * own.plan.f_max))
    for name in ("block", "bypass"):
        suited[name] = AXES[name].low * slower, AXES[name].high * slower**2
    found = []
    for axis in axes:
        low, high = suited.get(axis.name, (axis.low, axis.high))
        found.append(replace(axis, low=float(low), high=float(high)) if axis is AXES[axis.name] else axis)
    return tuple(found)


def with_values(parameters: Parameters, values: Mapping[str, float], axes: tuple[Axis, ...]) -> Parameters:
    """Parameters with the values of some axes. Raises InputError for values that are not possible together."""
    changed: dict[str, dict[str, str | float | int]] = {}
    for axis in axes:
        if axis.name in values:
            for parameter in axis.parameters:
                section, _, name = parameter.partition(".")
                changed.setdefault(section, {})[name] = axis.setting(values[axis.name])
    records = {section: replace(getattr(parameters, section), **new) for section, new in changed.items()}
    return replace(parameters, **records)


def settings_of(values: Mapping[str, float], axes: tuple[Axis, ...]) -> dict[str, str | float | int]:
    """What `--set` takes, by section.name."""
    found: dict[str, str | float | int] = {}
    for axis in axes:
        if axis.name not in values:
            continue
        for parameter in axis.parameters:
            section, _, name = parameter.partition(".")
            spec = known_parameter(TABLES[section], name, section)
            value = axis.setting(values[axis.name])
            found[parameter] = value if isinstance(value, str) else quantity(value, spec.metadata["unit"])
    return found
