"""The design: a network, its plan, its programs and its scales; and the compile verb that makes one."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from resonet.models.bus import BusCircuit
from resonet.models.errors import InputError
from resonet.models.parameters import record_from_table
from resonet.models.preset import OTHER_TABLES, preset_tables
from resonet.models.resonator import SpinDiode
from resonet.models.strip_geometry import Geometry
from resonet.netlist.cnn import Cnn
from resonet.netlist.frequency_plan import FrequencyPlan, PlanOptions, plan
from resonet.netlist.graph import HardwareGraph, build_graph
from resonet.netlist.images import ImageSet
from resonet.netlist.limits import Limits
from resonet.netlist.neuron_options import NeuronOptions
from resonet.netlist.onnx_read import read_cnn
from resonet.netlist.programming import Method, Program, programs
from resonet.netlist.scales import InputScale, bounded_scales, calibrated_scales

__all__ = ["Design", "Parameters", "compile_cnn", "read_parameters"]

SECTIONS = {"device": SpinDiode, "bus": BusCircuit, "plan": PlanOptions}  # what the programs are made from
UNPROGRAMMED = {"geometry": Geometry, "limits": Limits, "neuron": NeuronOptions}  # what no program depends on
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


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """A compiled network."""

    cnn: Cnn
    plan: FrequencyPlan
    programs: dict[Method, Program]
    scales: dict[str, InputScale]  # by layer name
    calibration: str  # what the scales come from, for people
    geometry: Geometry = field(default_factory=Geometry)  # of a strip-line feed
    limits: Limits = field(default_factory=Limits)  # that judge a design and change nothing in it
    neuron: NeuronOptions = field(default_factory=NeuronOptions)  # of the cascade

    def fill(self, layer: str) -> float:
        """Largest weight of a layer as part of what a resonator can hold: plan.fill, or less if only less converges."""
        weights = self.plan.layer(layer).layer.matrix
        scale = self.program("coupled").layer(layer).weight_scale
        return float(scale * np.abs(weights).max() / self.plan.device.sensitivity)

    def program(self, method: Method) -> Program:
        """Program by that method; InputError where the design has none."""
        if method not in self.programs:
            known = ", ".join(self.programs)
            raise InputError(f"{self.cnn.file}: no {method} program yet; possible: {known}, or resonet calibrate first")
        return self.programs[method]

    def graph(self, method: Method) -> HardwareGraph:
        """Hardware graph with the resonators programmed by `method`."""
        return build_graph(self.plan, self.program(method))


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file; InputError where it is none."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:  # also text that is no UTF-8, numbers of thousands of digits
        raise InputError(f"{path}: not a TOML file ({str(error)[:120]})") from None


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


def compile_cnn(
    model: Path,
    parameters: Parameters | None = None,
    calibration: ImageSet | None = None,
    input_shape: tuple[int, ...] | None = None,
    input_range: tuple[float, float] = (0.0, 1.0),
) -> Design:
    """Read a trained CNN and design its hardware: channels, tone levels, resonance frequencies, input scales.

    With a calibration batch the input scales are those that the batch needs; without, a bound that holds for any image
    with pixels in `input_range`. Raises InputError.
    """
    parameters = parameters or read_parameters()
    cnn = read_cnn(model, input_shape)
    planned = plan(cnn, parameters.device, parameters.bus, parameters.plan)
    if calibration is None:
        scales, source = (
            bounded_scales(cnn, *input_range),
            f"any pixel within {input_range[0]:g} ... {input_range[1]:g}",
        )
    else:
        if calibration.images.shape[1:] != cnn.input_shape:
            raise InputError(f"{calibration.file}: images {calibration.images.shape[1:]}; possible: {cnn.input_shape}")
        scales, source = calibrated_scales(cnn, calibration.images), f"{len(calibration.images)} images"
    if not all(np.isfinite(scale.full_scale) for scale in scales.values()):
        raise InputError(f"{cnn.file}: activations overflow for {source}; possible: finite activations")
    rest = {name: getattr(parameters, name) for name in UNPROGRAMMED}
    return Design(cnn, planned, programs(planned), scales, source, **rest)
