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
from resonet.core.types import Array, Ints
from resonet.core.watching import Done, nothing
from resonet.cosim.calibration.newton import calibrated_design
from resonet.cosim.weights.effective import EffectiveWeights, network_weights
from resonet.cosim.weights.engines import Engine, Response, layer_response
from resonet.models.resonator.chain import Chains
from resonet.netlist.design.design import Design
from resonet.netlist.planning.frequency_plan import Bus, FrequencyPlan, LayerPlan
from resonet.netlist.programming.codes import TABLES, CodeLevels, Table, code_levels, with_tails
from resonet.netlist.programming.dac import (
    GRIDS,
    Grid,
    Levels,
    LevelSet,
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
    "require_codes",
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
    table: Table = ""  # instead: a level for each code of the network's own weights; see netlist/programming/codes.py
    descent: bool = True  # False: every resonator at its nearest level

    def __post_init__(self) -> None:
        check(self, "quantise")
        given = (("grid", self.grid, GRIDS), ("gain", self.gain, GAINS), ("table", self.table, TABLES))
        for name, value, possible in given:
            if value not in possible:
                raise InputError(f"quantise.{name} = {value!r}: possible: {', '.join(filter(None, possible))}")


@dataclass(frozen=True, slots=True, eq=False)
class QuantisedLayer:
    """Result for a layer; errors by the engine, as part of the layer's largest weight."""

    program: LayerProgram
    index: tuple[Ints, ...]  # [chains, resonators] for each bus: level, 0 = lowest f_res, or lowest code
    sets: tuple[LevelSet, ...]  # levels of each bus
    gain: Array  # [groups, outputs] of each neuron on top of the program's scale; 1 unless gain = "chain"
    rms_start: float  # of the program that was quantised
    rms_nearest: float
    rms: float
    worst_neuron: int  # counted over the groups of the layer
    neuron_error: float  # RMS of its weights as part of its own largest
    tunings: int  # different f_res that the resonators are set to, counted on each channel of a bus
    beyond: int  # weights whose code is more than a resonator can hold, of levels that are the network's codes

    @property
    def levels(self) -> int:
        """How many levels its resonators have, at most."""
        return max(one.count for one in self.sets)

    @property
    def layer(self) -> str:
        """Name of the layer."""
        return self.program.layer


def fabrication_offsets(bus: Bus, damping: float, spread: float, rng: np.random.Generator) -> Array | None:
    """What fabrication adds to f_res, [chains, resonators] Hz; `spread` in half-widths. None: nothing."""
    return spread * damping * bus.frequencies * rng.standard_normal(bus.size) if spread else None


def _level_set(
    plan: FrequencyPlan,
    entry: LayerPlan,
    bus: Bus,
    unit: float,
    chains: Chains,
    f_res: Array,
    options: QuantisationOptions,
    rng: np.random.Generator,
) -> LevelSet:
    """Levels of the resonators of a bus."""
    damping = plan.device.damping
    offset = fabrication_offsets(bus, damping, options.spread, rng)
    if options.table:
        codes = code_levels(entry, bus, unit, chains, f_res, offset)
        return with_tails(codes, bus_weights(entry, bus) * unit, chains) if options.table == "channel" else codes
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
        chains = solver_chains(bus, plan.device, response.profile, False, response.own, response.tones)
        levels = _level_set(plan, entry, bus, unit, chains, f_res, options, rng)
        parts.append(Part(bus_weights(entry, bus) * unit, f_res, chains, levels, owner))
    return parts


@dataclass(frozen=True, slots=True, eq=False)
class _Measured:
    """What levels give in the circuit; errors as in `QuantisedLayer`."""

    program: LayerProgram
    gain: Array
    rms: float
    worst_neuron: int
    neuron_error: float


def _measure(
    plan: FrequencyPlan,
    entry: LayerPlan,
    start: LayerProgram,
    parts: Sequence[Part],
    quantised: Quantised,
    engine: Engine,
) -> _Measured:
    """Program of such levels, gain of every neuron, and errors by the engine."""
    shape = entry.layer.matrix.shape[:2]
    common = float(quantised.gain[0]) if quantised.gain.size == 1 else 1.0
    gain = np.ones(shape) if quantised.gain.size == 1 else quantised.gain.reshape(shape)
    f_res = tuple(part.levels.f_res(index) for part, index in zip(parts, quantised.index, strict=True))
    squares, of_neurons, worst = 0.0, np.zeros(shape), 0.0
    responses = layer_response(plan, entry, f_res, engine)
    for part, bus, response in zip(parts, entry.buses, responses, strict=True):
        error = quantised.gain[part.owner, None] * response.values - part.target
        worst = max(worst, float(np.abs(error).max()))
        part_squares = (error / own_scale(entry, bus)) ** 2
        squares += float(part_squares.sum())
        of_neurons[bus.group, bus.outputs] += part_squares.sum(1)
    unit = start.weight_scale / plan.device.sensitivity
    top = unit * float(np.abs(entry.layer.matrix).max()) or 1.0
    own = unit * np.abs(entry.layer.matrix).max(2)
    errors = np.sqrt(of_neurons / entry.layer.series) / np.where(own > 0, own, top)
    program = LayerProgram(entry.layer.name, start.weight_scale / common, f_res, worst / top)
    rms = float(np.sqrt(squares / entry.layer.matrix.size)) / top
    return _Measured(program, gain, rms, int(errors.argmax()), float(errors.max()))


def quantise_layer(
    plan: FrequencyPlan,
    entry: LayerPlan,
    start: LayerProgram,
    engine: Engine,
    options: QuantisationOptions | None = None,
) -> QuantisedLayer:
    """A layer with every resonator at one of its levels, from a (calibrated) program without levels.

    Never worse than the nearest levels, as the engine measures it. With levels that are the network's own codes
    (`options.table`) the nearest are each weight's own code; what lies on no grid keeps the f_res of `start`. Raises
    InputError, EngineError.
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
    nearest = found = _measure(plan, entry, start, parts, first, engine)
    chosen = first
    if options.descent:
        measured = _measure(plan, entry, start, parts, best, engine)
        if measured.rms < nearest.rms:
            chosen, found = best, measured
    rms_start = float(np.sqrt(missed / entry.layer.matrix.size)) / top
    levels = tuple(part.levels for part in parts)
    return QuantisedLayer(
        found.program,
        chosen.index,
        levels,
        found.gain,
        rms_start,
        nearest.rms,
        found.rms,
        found.worst_neuron,
        found.neuron_error,
        sum(_different(f_res) for f_res in found.program.f_res),
        sum(one.beyond for one in levels if isinstance(one, CodeLevels)),
    )


def _different(f_res: Array) -> int:
    """How many different f_res [chains, K] there are, counted on each channel; to 1e-12 of each."""
    return sum(len(np.unique(np.round(column / column.max(), 12))) for column in f_res.T)


def calibrated_programs(design: Design, engine: Engine) -> dict[str, LayerProgram]:
    """Calibrated program of every layer: the design's own, or one made now. Raises EngineError."""
    return {entry.layer: entry for entry in calibrated_design(design, engine).program("calibrated").layers}


def require_codes(design: Design, options: QuantisationOptions) -> None:
    """InputError where the levels should be codes of the network's weights, and none of its layers has any."""
    if options.table and not any(entry.layer.grids for entry in design.plan.layers):
        raise InputError(
            f"{design.cnn.file}: no weights on a grid of codes; possible: a network trained with quantised weights, as "
            "QuantizeLinear and DequantizeLinear, Quant or int8 operators hold them; or bits of a DAC"
        )


def quantise_design(
    design: Design,
    engine: Engine,
    options: QuantisationOptions | None = None,
    start: Mapping[str, LayerProgram] | None = None,
    done: Done = nothing,
) -> dict[str, QuantisedLayer]:
    """Every layer of a design, by name; `start` are the programs to quantise (default: calibrated ones)."""
    design.require_bus("quantise")
    require_codes(design, options or QuantisationOptions())
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
