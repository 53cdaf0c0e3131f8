"""What the search may change: an axis is one or several parameters of a design, with a range.

`p_max` and `bandwidth` are fast: they change no program, and their effect is known in closed form from one evaluation.
All others are of the structure: they take a plan and a program of their own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from resonet.core.errors import InputError
from resonet.core.parameters import known_parameter, parse, quantity
from resonet.models.resonator.linear import SpinDiode
from resonet.netlist.design.parameters import TABLES, Parameters

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

    def at(self, part: float) -> float:
        """Value at a part 0 ... 1 of the range."""
        if self.scale == "log":
            value = float(self.low * (self.high / self.low) ** part)
        else:
            value = self.low + part * (self.high - self.low)
        return float(min(max(round(value), self.low), self.high)) if self.whole else float(f"{value:.3g}")

    def part(self, value: float) -> float:
        """The inverse, held within 0 ... 1."""
        span = np.log(self.high / self.low) if self.scale == "log" else self.high - self.low
        way = np.log(value / self.low) if self.scale == "log" else value - self.low
        return float(np.clip(way / span, 0, 1)) if span else 0.0


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
    )
}
FAST = ("p_max", "bandwidth")
WORKING = (0.02, 40.0)  # of a device's ½ I_th² R0: tone powers that are searched where no range is given
DEFAULT = (*FAST, "tile", "reach", "fill", "block", "bypass", "choke")


def _ranged(text: str) -> Axis:
    """An axis of AXES, or with a range of its own: NAME or NAME=LOW:HIGH. Raises InputError."""
    name, equals, ends = text.partition("=")
    name = name.strip()
    if name not in AXES:
        raise InputError(f"--search {name[:40]!r}: possible: {', '.join(AXES)}, each perhaps with =LOW:HIGH")
    axis = AXES[name]
    if not equals:
        return axis
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


def for_device(axes: tuple[Axis, ...], device: SpinDiode) -> tuple[Axis, ...]:
    """The axes, with powers that suit a device where no range was given: precession goes with P / (½ I_th² R0)."""
    most = float(known_parameter(TABLES["plan"], "p_max", "plan").metadata["high"])
    low, high = (min(part * device.threshold_power, most) for part in WORKING)
    return tuple(replace(axis, low=low, high=high) if axis is AXES["p_max"] else axis for axis in axes)


def with_values(parameters: Parameters, values: Mapping[str, float], axes: tuple[Axis, ...]) -> Parameters:
    """Parameters with the values of some axes. Raises InputError for values that are not possible together."""
    changed: dict[str, dict[str, float | int]] = {}
    for axis in axes:
        if axis.name in values:
            for parameter in axis.parameters:
                section, _, name = parameter.partition(".")
                value = values[axis.name]
                changed.setdefault(section, {})[name] = round(value) if axis.whole else value
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
            value = round(values[axis.name]) if axis.whole else values[axis.name]
            found[parameter] = quantity(value, spec.metadata["unit"])
    return found
