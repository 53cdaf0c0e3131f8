"""Quantised programming of a layer or a network: levels out of a model of the circuit, errors out of the circuit.

An engine says what the chains answer and how the tones spread along them; on that netlist/programming/dac.py
chooses the levels, and the engine measures what they give.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from resonet.core.errors import InputError
from resonet.core.parameters import check, parameter
from resonet.core.types import Array, Done, Ints, nothing
from resonet.cosim.calibration.newton import calibrated_design
from resonet.cosim.weights.effective import EffectiveWeights, network_weights
from resonet.cosim.weights.engines import Engine, Response, layer_response
from resonet.netlist.design.design import Design
from resonet.netlist.planning.frequency_plan import Bus, FrequencyPlan, LayerPlan
from resonet.netlist.programming.dac import (
    GRIDS,
    Grid,
    Levels,
    Part,
    Quantised,
    dac_levels,
    quantise,
    state_levels,
)
from resonet.netlist.programming.methods import LayerProgram, Program, bus_weights, own_scale, solver_chains

__all__ = [
    "GAINS",
    "MOST_SPREAD",
    "Gain",
    "QuantisationOptions",
    "QuantisedLayer",
    "calibrated_programs",
    "calibrated_weights",
    "fabrication_offsets",
    "quantise_design",
    "quantise_layer",
    "quantised_weights",
]

Gain = Literal["fixed", "layer", "chain"]
GAINS: tuple[Gain, ...] = ("fixed", "layer", "chain")
MOST_SPREAD = 10.0  # half-widths, wherever fabrication spreads f_res


@dataclass(frozen=True, slots=True)
class QuantisationOptions:
    """What a resonator can be set to, and how its level is chosen."""

    bits: int = parameter(4, "", 1, 10, "of the DAC that sets the tuning current, hence f_res, of a resonator")
    span: float = parameter(1.0, "", 1e-3, 100.0, "ends of the DAC's range, half-widths either side of the tone")
    spread: float = parameter(0.0, "", 0.0, MOST_SPREAD, "std. deviation of f_res from fabrication, half-widths; known")
    seed: int = parameter(1, "", 0, 2**32 - 1, "of the fabrication spread")
    window: int = parameter(8, "", 1, 1024, "levels either side that a move may take, where there are more")
    grid: Grid = "ends"
    gain: Gain = "layer"  # what the readout trims: nothing, one gain a layer, or one a chain
    states: tuple[float, ...] = ()  # detunings in half-widths that a resonator has instead of a DAC's levels
    descent: bool = True  # False: every resonator at its nearest level

    def __post_init__(self) -> None:
        check(self, "quantise")
        for name, value, possible in (("grid", self.grid, GRIDS), ("gain", self.gain, GAINS)):
            if value not in possible:
                raise InputError(f"quantise.{name} = {value!r}: possible: {', '.join(possible)}")


@dataclass(frozen=True, slots=True, eq=False)
class QuantisedLayer:
    """Result for a layer; errors by the engine, as part of the layer's largest weight."""

    program: LayerProgram
    index: tuple[Ints, ...]  # [chains, resonators] for each bus: level, 0 = lowest f_res
    levels: int
    gain: Array  # [groups, outputs] of each neuron on top of the program's scale; 1 unless gain = "chain"
    rms_start: float  # of the program that was quantised
    rms_nearest: float
    rms: float

    @property
    def layer(self) -> str:
        """Name of the layer."""
        return self.program.layer


def fabrication_offsets(bus: Bus, damping: float, spread: float, rng: np.random.Generator) -> Array | None:
    """What fabrication adds to f_res, [chains, resonators] Hz; `spread` in half-widths. None: nothing."""
    return spread * damping * bus.frequencies * rng.standard_normal(bus.size) if spread else None


def _levels(bus: Bus, damping: float, options: QuantisationOptions, rng: np.random.Generator) -> Levels:
    offset = fabrication_offsets(bus, damping, options.spread, rng)
    if options.states:
        values = state_levels(bus.frequencies, damping, options.states)
    else:
        values = dac_levels(bus.frequencies, damping, options.bits, options.span, options.grid)
    if offset is not None and np.any(values[:, 0] + offset <= 0):
        raise InputError(
            f"quantise.spread = {options.spread:g}: leaves a resonator of bus {bus.name} no frequency; possible: less, "
            f"a half-width is {damping:g} of f_res"
        )
    return Levels(values, offset)


def _parts(
    plan: FrequencyPlan,
    entry: LayerPlan,
    start: LayerProgram,
    responses: Sequence[Response],
    options: QuantisationOptions,
) -> list[Part]:
    """What the solver needs of every bus."""
    unit, rng = start.weight_scale / plan.device.sensitivity, np.random.default_rng(options.seed)
    outputs = entry.layer.matrix.shape[1]
    parts = []
    for bus, f_res, response in zip(entry.buses, start.f_res, responses, strict=True):
        owner = bus.group * outputs + bus.outputs if options.gain == "chain" else np.zeros_like(bus.outputs)
        chains = solver_chains(bus, plan.device, response.profile)
        levels = _levels(bus, plan.device.damping, options, rng)
        parts.append(Part(bus_weights(entry, bus) * unit, f_res, chains, levels, owner))
    return parts


def _measure(
    plan: FrequencyPlan,
    entry: LayerPlan,
    start: LayerProgram,
    parts: Sequence[Part],
    quantised: Quantised,
    engine: Engine,
) -> tuple[LayerProgram, Array, float]:
    """Program of such levels, gain of every neuron, and RMS error by the engine."""
    shape = entry.layer.matrix.shape[:2]
    common = float(quantised.gain[0]) if quantised.gain.size == 1 else 1.0
    gain = np.ones(shape) if quantised.gain.size == 1 else quantised.gain.reshape(shape)
    f_res = tuple(part.levels.f_res(index) for part, index in zip(parts, quantised.index, strict=True))
    squares, worst = 0.0, 0.0
    responses = layer_response(plan, entry, f_res, engine)
    for part, bus, response in zip(parts, entry.buses, responses, strict=True):
        error = quantised.gain[part.owner, None] * response.values - part.target
        worst = max(worst, float(np.abs(error).max()))
        squares += float(((error / own_scale(entry, bus)) ** 2).sum())
    top = start.weight_scale / plan.device.sensitivity * float(np.abs(entry.layer.matrix).max()) or 1.0
    program = LayerProgram(entry.layer.name, start.weight_scale / common, f_res, worst / top)
    return program, gain, float(np.sqrt(squares / entry.layer.matrix.size)) / top


def quantise_layer(
    plan: FrequencyPlan,
    entry: LayerPlan,
    start: LayerProgram,
    engine: Engine,
    options: QuantisationOptions | None = None,
) -> QuantisedLayer:
    """A layer with every resonator at one of its levels, from a (calibrated) program without levels.

    Never worse than the nearest levels, as the engine measures it. Raises InputError, EngineError.
    """
    options = options or QuantisationOptions()
    responses = layer_response(plan, entry, start.f_res, engine)
    parts = _parts(plan, entry, start, responses, options)
    top = float(np.abs(entry.layer.matrix).max()) * start.weight_scale / plan.device.sensitivity or 1.0
    missed = sum(
        float((((r.values - part.target) / own_scale(entry, bus)) ** 2).sum())
        for r, part, bus in zip(responses, parts, entry.buses, strict=True)
    )
    first, best = quantise(parts, options.gain != "fixed", options.window, options.descent)
    program, gain, rms_nearest = _measure(plan, entry, start, parts, first, engine)
    chosen, rms = first, rms_nearest
    if options.descent:
        measured = _measure(plan, entry, start, parts, best, engine)
        if measured[2] < rms_nearest:
            chosen, (program, gain, rms) = best, measured
    rms_start = float(np.sqrt(missed / entry.layer.matrix.size)) / top
    count = parts[0].levels.values.shape[1]
    return QuantisedLayer(program, chosen.index, count, gain, rms_start, rms_nearest, rms)


def calibrated_programs(design: Design, engine: Engine) -> dict[str, LayerProgram]:
    """Calibrated program of every layer: the design's own, or one made now. Raises EngineError."""
    return {entry.layer: entry for entry in calibrated_design(design, engine).program("calibrated").layers}


def quantise_design(
    design: Design,
    engine: Engine,
    options: QuantisationOptions | None = None,
    start: Mapping[str, LayerProgram] | None = None,
    done: Done = nothing,
) -> dict[str, QuantisedLayer]:
    """Every layer of a design, by name; `start` are the programs to quantise (default: calibrated ones)."""
    design.require_bus("quantise")
    start = start or calibrated_programs(design, engine)
    quantised = {}
    for entry in design.plan.layers:
        name = entry.layer.name
        quantised[name] = quantise_layer(design.plan, entry, start[name], engine, options)
        done()
    return quantised


def _weights(design: Design, programs: Mapping[str, LayerProgram], engine: Engine) -> dict[str, EffectiveWeights]:
    program = Program("calibrated", tuple(programs[entry.layer.name] for entry in design.plan.layers))
    set_to = replace(design, programs={**design.programs, "calibrated": program})
    return network_weights(set_to, "calibrated", engine)


def calibrated_weights(design: Design, engine: Engine) -> dict[str, EffectiveWeights]:
    """Effective weights of every layer as calibrated, without levels. Raises EngineError."""
    return _weights(design, calibrated_programs(design, engine), engine)


def quantised_weights(
    design: Design, found: Mapping[str, QuantisedLayer], engine: Engine
) -> dict[str, EffectiveWeights]:
    """Effective weights of every layer with its resonators at those levels, for `inference.accuracy`."""
    weights = _weights(design, {name: quantised.program for name, quantised in found.items()}, engine)
    return {name: replace(w, values=w.values * found[name].gain[..., None]) for name, w in weights.items()}
