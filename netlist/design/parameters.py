"""Everything that a designer may set: the tables of design.toml, presets and settings."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from resonet.core.errors import InputError
from resonet.core.files import read_toml
from resonet.core.parameters import record_from_table
from resonet.models.circuit.bus import BusCircuit
from resonet.models.line.strip_geometry import Geometry
from resonet.models.presets.preset import OTHER_TABLES, preset_tables
from resonet.models.resonator.linear import SpinDiode
from resonet.netlist.design.feed_options import FeedOptions
from resonet.netlist.design.limits import Limits
from resonet.netlist.design.neuron_options import NeuronOptions
from resonet.netlist.planning.frequency_plan import PlanOptions

__all__ = ["SECTIONS", "TABLES", "UNPROGRAMMED", "Parameters", "read_parameters"]

SECTIONS = {"device": SpinDiode, "bus": BusCircuit, "plan": PlanOptions}  # what the programs are made from


# What no program of chains on buses depends on.
UNPROGRAMMED = {"geometry": Geometry, "limits": Limits, "neuron": NeuronOptions, "feed": FeedOptions}


TABLES = SECTIONS | UNPROGRAMMED


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


def _with_settings(tables: dict[str, Any], settings: Iterable[str]) -> dict[str, Any]:
    """Tables with "section.name=value" settings laid over them."""
    tables = {section: dict(table) if isinstance(table, dict) else table for section, table in tables.items()}
    for setting in settings:
        key, equals, value = setting.partition("=")
        section, dot, name = key.strip().partition(".")
        if not (equals and dot) or section not in TABLES:
            raise InputError(f"setting {setting[:80]!r}: possible: SECTION.NAME=VALUE, SECTION {', '.join(TABLES)}")
        tables.setdefault(section, {})[name.strip()] = value.strip()
    return tables


def _with_preset(tables: dict[str, Any], preset: str) -> dict[str, Any]:
    """Tables laid over those of a preset, parameter by parameter."""
    base = {name: table for name, table in preset_tables(preset).items() if name in TABLES}
    return tables | {
        name: table | tables[name] if isinstance(tables.get(name), dict) else tables.get(name, table)
        for name, table in base.items()
    }


def read_parameters(path: Path | None = None, settings: Iterable[str] = (), preset: str | None = None) -> Parameters:
    """Parameters of a preset, then of the tables of a TOML file, then "section.name=value" settings.

    Tables: those of TABLES.

    What is not given has its default. A design.toml that compile wrote can be read back, and so can a preset's file;
    their other tables are left alone. Raises InputError that names file, parameter, value and range.
    """
    tables = read_toml(path) if path else {}
    unknown = set(tables) - set(TABLES) - {"model", "layers", *OTHER_TABLES}
    if unknown:
        raise InputError(f"{path}: no such table {sorted(unknown)[0][:60]!r}; possible: {', '.join(TABLES)}")
    tables = _with_settings(_with_preset(tables, preset) if preset else tables, settings)
    try:
        return Parameters(*(record_from_table(kind, tables.get(name, {}), name) for name, kind in TABLES.items()))
    except InputError as error:
        raise InputError(f"{path}: {error}" if path else str(error)) from None
