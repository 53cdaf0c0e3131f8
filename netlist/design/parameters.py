"""Everything that a designer may set: the tables of design.toml, presets and settings."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from resonet.core.errors import InputError
from resonet.core.files import read_toml, toml_line
from resonet.core.parameters import known_parameter, parameters_of, parse, shown
from resonet.core.text import meant
from resonet.core.validity import warn
from resonet.models.circuit.bus import BusCircuit
from resonet.models.line.strip_geometry import Geometry
from resonet.models.presets.preset import OTHER_RECORDS, OTHER_TABLES, preset_tables
from resonet.models.resonator.linear import SpinDiode
from resonet.models.resonator.tone_balance import Saturation
from resonet.netlist.chips.corners import Corner, read_corners
from resonet.netlist.chips.spread import SpreadOptions
from resonet.netlist.design.acceptance import Acceptance
from resonet.netlist.design.feed_options import FeedOptions
from resonet.netlist.design.limits import Limits
from resonet.netlist.design.neuron_options import NeuronOptions
from resonet.netlist.design.noise_options import NoiseOptions
from resonet.netlist.design.specification import Specification
from resonet.netlist.planning.frequency_plan import PlanOptions

__all__ = ["CORNER", "SECTIONS", "TABLES", "UNPROGRAMMED", "Parameters", "read_parameters"]

SECTIONS = {"device": SpinDiode, "bus": BusCircuit, "plan": PlanOptions}  # what the programs are made from


# What no program of chains on buses depends on.
UNPROGRAMMED = {
    "geometry": Geometry,
    "limits": Limits,
    "neuron": NeuronOptions,
    "feed": FeedOptions,
    "noise": NoiseOptions,
    "saturation": Saturation,
    "spread": SpreadOptions,
    "specification": Specification,
    "acceptance": Acceptance,
}


TABLES = SECTIONS | UNPROGRAMMED
CORNER = "corner"  # table of tables
NO_FAMILY = (
    "device.family: no parameter of a network, whose resonators have one I_th on all channels (fixed_threshold); "
    "possible: device.threshold_current; resonet plan --family fixed_volume shows the device of every channel"
)


@dataclass(frozen=True, slots=True)
class Parameters:
    """Everything that a designer may set."""

    device: SpinDiode
    bus: BusCircuit
    plan: PlanOptions
    geometry: Geometry = field(default_factory=Geometry)
    limits: Limits = field(default_factory=Limits)
    neuron: NeuronOptions = field(default_factory=NeuronOptions)
    feed: FeedOptions = field(default_factory=FeedOptions)
    noise: NoiseOptions = field(default_factory=NoiseOptions)
    saturation: Saturation = field(default_factory=Saturation)
    spread: SpreadOptions = field(default_factory=SpreadOptions)
    specification: Specification = field(default_factory=Specification)
    acceptance: Acceptance = field(default_factory=Acceptance)
    corners: Mapping[str, Corner] = field(default_factory=dict, hash=False)  # of [corner.NAME], by name

    def __post_init__(self) -> None:
        if self.feed.kind == "stripline" and self.bus.junction_capacitance:
            raise InputError(
                f"bus.junction_capacitance = {self.bus.junction_capacitance:g} F: of resonators that a bus feeds; "
                "possible: 0 F, or feed.kind = bus"
            )
        if self.feed.kind == "stripline" and self.plan.levels != "equal":
            raise InputError(
                f"plan.levels = {self.plan.levels}: of tones on buses; under strip lines all full tones are alike; "
                "possible: equal, or feed.kind = bus"
            )


# Of a preset's file: what only `resonet device` uses, and the values that the linear resonators of a design have.
ELSEWHERE: dict[str, dict[str, float]] = {"auto_oscillator": {"psi": 0.0, "nshift": 0.0}, "macrospin": {}}
LINEAR = ("psi",)  # which of them is not of higher order in the power


@dataclass(frozen=True, slots=True)
class _Given:
    """One value and where it was given."""

    value: float | int
    rank: int  # a setting comes before the file, the file before the preset
    place: Callable[[], str]  # how a message about it begins


def _settings(settings: Iterable[str]) -> dict[str, dict[str, tuple[str, str]]]:
    """Settings "section.name=value" as {section: {name: (value, setting)}}."""
    tables: dict[str, dict[str, tuple[str, str]]] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        section, dot, name = key.strip().partition(".")
        if not (equals and dot) or section not in TABLES:
            listed = ", ".join(TABLES) + _meant(key.strip())
            raise InputError(f"setting {shown(setting)}: possible: SECTION.NAME=VALUE, SECTION {listed}")
        tables.setdefault(section, {})[name.strip()] = value.strip(), setting
    return tables


def _meant(key: str) -> str:
    """Which parameter may have been meant by a setting of no table, if one is close."""
    full = {f"{section}.{name}" for section, kind in TABLES.items() for name in parameters_of(kind)}
    of_that_name = sorted(name for name in full if name.partition(".")[2] == key.rpartition(".")[2])
    return f" (did you mean {of_that_name[0]}?)" if len(of_that_name) == 1 else meant(key, full)


def _line(path: Path, section: str, name: str) -> str:
    line = toml_line(path, section, name)
    return f"{path}: " if line is None else f"{path}: line {line}: "


def _read_tables(tables: dict[str, Any], rank: int, place: Callable[[str, str], str]) -> dict[str, dict[str, _Given]]:
    """Values of the tables of one source. Raises InputError that begins with the place."""
    found: dict[str, dict[str, _Given]] = {}
    for section, kind in TABLES.items():
        known = parameters_of(kind)
        table = tables.get(section, {})
        if not isinstance(table, dict):
            raise InputError(
                f"{place(section, '')}[{section}]: a table of parameters is expected; possible: {', '.join(known)}"
            )
        found[section] = {}
        for name, value in table.items():
            where = partial(place, section, name)
            if (section, name) == ("device", "family"):
                raise InputError(f"{where()}{NO_FAMILY}")
            try:
                read = parse(value, known_parameter(kind, name, section), section)
            except InputError as error:
                raise InputError(f"{where()}{error}") from None
            found[section][name] = _Given(read, rank, where)
    return found


def _records(sources: Iterable[dict[str, dict[str, _Given]]]) -> Parameters:
    """Records of what several sources give, the later over the earlier. InputError begins with who gave the value."""
    given: dict[str, dict[str, _Given]] = {section: {} for section in TABLES}
    for source in sources:
        for section, table in source.items():
            given[section] |= table
    records = []
    for section, kind in TABLES.items():
        try:
            records.append(kind(**{name: one.value for name, one in given[section].items()}))
        except InputError as error:
            named = [given[section].get(name) for name in re.findall(rf"\b{section}\.(\w+)", str(error))]
            blamed = max((one for one in named if one), key=lambda one: one.rank, default=None)
            raise InputError(f"{blamed.place() if blamed else ''}{error}") from None
    return Parameters(*records)


def _name_unused(tables: dict[str, Any], what: str, every: bool) -> None:
    """Say which parameters of `tables` change nothing in a design: `every` one, or those of the linear regime."""
    for section, same in ELSEWHERE.items():
        table = tables.get(section, {})
        if not isinstance(table, dict):
            raise InputError(f"{what}: [{section}]: a table of parameters is expected")
        names = [name for name, value in table.items() if every or name in LINEAR]
        unused = [name for name in names if _differs(table[name], same.get(name), section, name, what)]
        if unused:
            told = ", ".join(f"{name} = {shown(table[name])}" for name in unused)
            warn(
                "unused-parameter",
                f"{what}: [{section}] {told}: not used, a design has linear resonators of mix angle 0 on its own "
                "frequencies; possible: resonet device, which uses them",
                len(unused),
                0,
            )


def _differs(value: object, same: float | None, section: str, name: str, what: str) -> bool:
    """Whether a parameter of another fidelity says something else than what a design has anyway."""
    try:
        read = parse(value, known_parameter(OTHER_RECORDS[section], name, section), section)
    except InputError as error:
        raise InputError(f"{what}: {error}") from None
    return same is None or read != same


def _tables_of(values: Mapping[str, object]) -> dict[str, Any]:
    """{"plan.tile": 32} or {"plan": {"tile": 32}} as tables. Raises InputError."""
    tables: dict[str, Any] = {}
    for key, value in values.items():
        section, dot, name = str(key).partition(".")
        if section not in TABLES or not (dot or isinstance(value, Mapping)):
            listed = ", ".join(TABLES) + _meant(str(key))
            raise InputError(f"parameters {shown(key)}: possible: SECTION.NAME, SECTION {listed}")
        held = tables.setdefault(section, {})
        for one, own in ({name: value} if dot or not isinstance(value, Mapping) else value).items():
            if one in held:
                raise InputError(f"parameters {shown(f'{section}.{one}')}: twice; possible: each once")
            held[one] = own
    return {section: {name: _plain(value) for name, value in table.items()} for section, table in tables.items()}


def _plain(value: object) -> object:
    """A number of numpy as one of Python."""
    return value.item() if hasattr(value, "item") and getattr(value, "shape", None) == () else value


def read_parameters(
    path: Path | None = None,
    settings: Iterable[str] = (),
    preset: str | None = None,
    values: Mapping[str, object] | None = None,
) -> Parameters:
    """Parameters of a preset, then of the tables of a TOML file, "section.name=value" settings, and `values` by name.

    Tables: those of TABLES, and [corner.NAME].

    What is not given has its default. A design.toml that compile wrote can be read back, and so can a preset's file;
    what their other tables hold and a design does not use is named in a warning. Raises InputError that names file and
    line, or the setting, and the parameter, its value and its range.
    """
    tables = read_toml(path) if path else {}
    unknown = set(tables) - set(TABLES) - {"model", "layers", "derived", CORNER, *OTHER_TABLES}
    if unknown:
        name, possible = sorted(unknown)[0], (*TABLES, CORNER)
        listed = ", ".join(possible) + meant(name, possible)
        raise InputError(f"{path}: no such table {name[:60]!r}; possible: {listed}")
    sources = []
    if preset:
        base = preset_tables(preset)
        sources.append(_read_tables(base, 0, lambda section, name: f"preset {preset}: "))
        other = tables.get("auto_oscillator")
        replaced = other if isinstance(other, dict) else {}
        kept = {section: {n: v for n, v in base.get(section, {}).items() if n not in replaced} for section in ELSEWHERE}
        _name_unused(kept, f"preset {preset}", False)
    if path:
        sources.append(_read_tables(tables, 1, lambda section, name: _line(path, section, name)))
        _name_unused(tables, str(path), True)
    given = _settings(settings)
    plain = {section: {name: value for name, (value, _) in table.items()} for section, table in given.items()}
    sources.append(_read_tables(plain, 2, lambda section, name: f"--set {shown(given[section][name][1])}: "))
    sources.append(_read_tables(_tables_of(values or {}), 3, lambda section, name: "parameters: "))
    return replace(_records(sources), corners=_corners(tables.get(CORNER, {}), path))


def _corners(tables: object, path: Path | None) -> dict[str, Corner]:
    try:
        return read_corners(tables, TABLES)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
