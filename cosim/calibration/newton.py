"""Calibration: program the resonators so that the circuit, and not a formula, holds the trained weights.

The residual is what an engine says the chains answer; the model that the steps are taken on is `Chains` with the
profile which that engine measured, plus what the model still misses (`offset`):

    measure:  W = engine(f_res)
    solve:    model(u) + [W - model(u now)] = W trained
    measure again; a chain that got worse goes back half of the way

With unbiased resonators the RF currents do not depend on the program at all, so that one solve hits; what depends on it
(bias, tuning lines, neighbours) is taken up in two or three passes more. Never ends worse than it started.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial

import numpy as np

from resonet.core.errors import InputError
from resonet.core.parameters import check, parameter
from resonet.core.types import Array
from resonet.core.watching import Done, nothing
from resonet.cosim.calibration.chain_state import BusState, Limits, bus_states, merged
from resonet.cosim.weights.engines import Engine, Response, layer_response, linear
from resonet.models.resonator.chain import BRANCHES, Branches, chain_answers, solve_chains
from resonet.models.resonator.linear import SpinDiode, resonance_for_detuning
from resonet.netlist.design.design import Design
from resonet.netlist.planning.frequency_plan import Bus, FrequencyPlan, LayerPlan
from resonet.netlist.programming.methods import (
    LayerProgram,
    Method,
    Program,
    bus_weights,
    largest_fill,
    layer_unit,
    many_chains,
    own_scale,
    solver_chains,
)
from resonet.netlist.programming.remedy import Remedy, remedies

__all__ = [
    "Calibration",
    "CalibrationOptions",
    "Failure",
    "LayerCalibration",
    "Status",
    "calibrate",
    "calibrate_layer",
    "calibrated_design",
]

MOST_FAILURES = 20  # chains that a result names
MOST_REMEDIED = 8  # chains of one bus that remedies are sought for


class Status(Enum):
    """How a calibration ended, with what to do about it."""

    CONVERGED = "every chain holds its weights"
    OUT_OF_RANGE = (
        "some chains cannot hold their weights: channels overlap, or a weight is beyond what its resonator reaches; "
        "lower the scale (--fill), take shorter tiles (plan.tile), a wider band or a lower damping"
    )
    NOT_SETTLED = (
        "the circuit still moved after the last pass: raise --passes, or lower what ties the chains together "
        "(bias, coupling)"
    )


@dataclass(frozen=True, slots=True)
class CalibrationOptions:
    """How far a calibration goes."""

    tolerance: float = parameter(1e-6, "", 1e-12, 0.5, "largest residual, as part of its neuron's largest weight")
    passes: int = parameter(6, "", 1, 1000, "most measurements after the first")
    fill: float = parameter(
        0.0, "", 0.0, 0.98, "largest weight as part of a resonator's range; 0: what fits, plan.fill at most"
    )
    branches: Branches = "near"

    def __post_init__(self) -> None:
        check(self, "calibration")
        if self.branches not in BRANCHES:
            raise InputError(f"calibration.branches = {self.branches!r}: possible: {', '.join(BRANCHES)}")


@dataclass(frozen=True, slots=True)
class Failure:
    """A chain that does not hold its weights."""

    bus: str
    chain: int  # position on its bus
    neuron: int  # of the layer, counted over its groups
    residual: float  # largest deviation, as part of its neuron's largest weight


@dataclass(frozen=True, slots=True, eq=False)
class LayerCalibration:
    """Result for a layer; RMS errors as part of the layer's largest weight, others of their neuron's."""

    program: LayerProgram
    status: Status
    passes: int  # measurements after the first
    fill: float  # largest weight as part of a resonator's range
    rms_before: float
    rms_after: float
    worst_after: float
    worst_neuron: int  # where that is
    chains: int  # of all buses: a neuron cut into tiles counts once a tile
    failing: int  # chains beyond the tolerance
    failures: tuple[Failure, ...]  # the worst of them
    remedies: tuple[Remedy, ...]  # what would make the worst bus hold its weights, the cheapest first
    began: str = ""  # what it began at: a program of the design, or "earlier"

    @property
    def layer(self) -> str:
        """Name of the layer."""
        return self.program.layer


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """Result for a network: the design with its calibrated program, and how each layer went."""

    design: Design
    layers: tuple[LayerCalibration, ...]


def _f_res(entry: LayerPlan, detuning: Sequence[Array], device: SpinDiode) -> tuple[Array, ...]:
    return tuple(
        resonance_for_detuning(bus.frequencies, u, device.damping) for bus, u in zip(entry.buses, detuning, strict=True)
    )


def _proposal(
    state: BusState, bus: Bus, device: SpinDiode, branches: Branches, limits: Limits, first: bool, compiled: bool
) -> BusState:
    """The state with the detunings at which the model, corrected by what it misses, answers with the target.

    The `first` time to what is asked of the layer's largest neuron, which settles nearly all of the others too.
    """
    asked = limits.of(state)
    tolerance = limits.tolerance * limits.top if first else float(asked.min())
    response = state.response
    chains = solver_chains(
        bus, device, response.profile, compiled or response.own is not None, response.own, response.tones
    )
    goal = state.target - (response.values - chain_answers(state.detuning, chains))
    solved, worst = solve_chains(goal, chains, state.detuning, branches, 0.01 * tolerance)
    moved = state.detuning + state.fraction[:, None] * (solved - state.detuning)
    return replace(state, detuning=moved, reachable=worst <= np.maximum(asked, 0.01 * tolerance))


def _descend(
    plan: FrequencyPlan,
    entry: LayerPlan,
    states: list[BusState],
    engine: Engine,
    options: CalibrationOptions,
    top: float,
) -> tuple[list[BusState], int]:
    """Passes until every chain holds its weights or none gets better; the states then, and how many passes."""
    limits = Limits(options.tolerance, top)
    for taken in range(options.passes):
        open_chains = np.concatenate([state.beyond(limits) for state in states])
        if not open_chains.any():
            return states, taken
        before = np.concatenate([state.squares for state in states])
        proposals = [
            _proposal(state, bus, plan.device, options.branches, limits, taken == 0, many_chains(entry))
            for state, bus in zip(states, entry.buses, strict=True)
        ]
        responses = layer_response(plan, entry, _f_res(entry, [p.detuning for p in proposals], plan.device), engine)
        states = [
            merged(old, replace(new, response=response))
            for old, new, response in zip(states, proposals, responses, strict=True)
        ]
        reachable = np.concatenate([state.reachable for state in states])
        after = np.concatenate([state.squares for state in states])
        if not np.any(open_chains & (reachable | (after < 0.999 * before))):
            return states, taken + 1  # what is left is beyond the model's reach, and no longer gets better
    return states, options.passes


def _rms(entry: LayerPlan, responses: Sequence[Response], unit: float) -> float:
    """RMS weight error of a layer as part of its largest weight."""
    squares = sum(
        float((((r.values / unit - bus_weights(entry, bus)) / own_scale(entry, bus)) ** 2).sum())
        for bus, r in zip(entry.buses, responses, strict=True)
    )
    return float(np.sqrt(squares / entry.layer.matrix.size)) / (float(np.abs(entry.layer.matrix).max()) or 1.0)


def _failures(entry: LayerPlan, states: Sequence[BusState], limits: Limits) -> tuple[int, list[Failure]]:
    """How many chains do not hold their weights, and the worst of them."""
    failures = [
        Failure(bus.name, int(j), _neuron(entry, bus, int(j)), float(state.worst[j] / state.full[j]))
        for bus, state in zip(entry.buses, states, strict=True)
        for j in np.flatnonzero(state.beyond(limits))
    ]
    return len(failures), sorted(failures, key=lambda failure: -failure.residual)[:MOST_FAILURES]


def _neuron(entry: LayerPlan, bus: Bus, chain: int) -> int:
    return bus.group * entry.layer.outputs + int(bus.outputs[chain])


def _worst(entry: LayerPlan, states: Sequence[BusState]) -> tuple[float, int]:
    """Largest error of a chain as part of its neuron's largest weight, and which neuron that is."""
    parts = [state.worst / state.full for state in states]
    bus, part = max(zip(entry.buses, parts, strict=True), key=lambda of_bus: float(of_bus[1].max()))
    return float(part.max()), _neuron(entry, bus, int(part.argmax()))


def _status(states: Sequence[BusState], limits: Limits) -> Status:
    beyond = [state.beyond(limits) for state in states]
    if not any(b.any() for b in beyond):
        return Status.CONVERGED
    if any((b & ~state.reachable).any() for b, state in zip(beyond, states, strict=True)):
        return Status.OUT_OF_RANGE
    return Status.NOT_SETTLED


def _remedies(
    plan: FrequencyPlan, entry: LayerPlan, failures: Sequence[Failure], fill: float, ideal: bool
) -> tuple[Remedy, ...]:
    """What would let the worst chains of the worst bus hold their weights."""
    if not failures:
        return ()
    bus = next(bus for bus in entry.buses if bus.name == failures[0].bus)
    worst = [failure.chain for failure in failures if failure.bus == bus.name][:MOST_REMEDIED]
    return remedies(plan, entry, bus, np.array(worst), fill, ideal)


def calibrate_layer(
    plan: FrequencyPlan,
    entry: LayerPlan,
    start: LayerProgram,
    engine: Engine,
    options: CalibrationOptions | None = None,
) -> LayerCalibration:
    """Resonance frequencies with which `engine` says that the layer's circuit holds its trained weights.

    Begins at `start`. Chains that cannot get there keep the best that was measured; a layer that could not be improved
    as a whole comes back as it was. Not converging is a status of the result, not an exception. Raises EngineError.
    """
    options = options or CalibrationOptions()
    device, largest = plan.device, float(np.abs(entry.layer.matrix).max())
    first = layer_response(plan, entry, start.f_res, engine)
    rms_before = _rms(entry, first, start.weight_scale / device.sensitivity)
    most = plan.options.fill
    fill = options.fill or largest_fill(entry, device, most, [r.profile for r in first]) or most
    unit = layer_unit(entry, fill)
    top = unit * largest or 1.0
    states, passes = _descend(plan, entry, bus_states(plan, entry, start.f_res, unit, first), engine, options, top)
    responses = [state.response for state in states]
    f_res = _f_res(entry, [state.detuning for state in states], device)
    if _rms(entry, responses, unit) > rms_before:
        unit, f_res = start.weight_scale / device.sensitivity, start.f_res
        fill, top = unit * largest, unit * largest or 1.0
        states = bus_states(plan, entry, f_res, unit, first)
        states = [replace(state, reachable=~state.beyond(Limits(options.tolerance, top))) for state in states]
    limits = Limits(options.tolerance, top)
    residual = max(float(state.worst.max()) for state in states) / top
    count, failures = _failures(entry, states, limits)
    status = _status(states, limits)
    out_of_range = failures if status is Status.OUT_OF_RANGE else ()
    return LayerCalibration(
        LayerProgram(entry.layer.name, unit * device.sensitivity, f_res, residual),
        status,
        passes,
        fill,
        rms_before,
        _rms(entry, [state.response for state in states], unit),
        *_worst(entry, states),
        sum(len(bus.outputs) for bus in entry.buses),
        count,
        tuple(failures),
        _remedies(plan, entry, out_of_range, fill, engine.ideal),
    )


def _from_any(starts: Mapping[str, LayerProgram], run: Callable[[LayerProgram], LayerCalibration]) -> LayerCalibration:
    """Calibration of a layer from one start after the other until it converges; the best, with the passes of all."""
    tried = list[LayerCalibration]()
    for began, program in starts.items():
        tried.append(replace(run(program), began=began))
        if tried[-1].status is Status.CONVERGED:
            break
    best = min(tried, key=lambda one: (one.failing, one.rms_after))
    return replace(best, passes=sum(one.passes for one in tried) + len(tried) - 1)  # first measurements count, too


def calibrate(
    design: Design,
    engine: Engine = linear,
    layers: Sequence[str] | None = None,
    options: CalibrationOptions | None = None,
    start: Method = "coupled",
    done: Done = nothing,
    earlier: Mapping[str, LayerProgram] | None = None,
) -> Calibration:
    """Calibrate some layers of a design (default all) from the program `start`; `done` is called after each layer.

    `earlier` holds programs of the design before (`read_earlier`), by layer: each begins there, and begins again at
    `start` if it does not converge; the better of the two counts, and the passes of both.
    Layers that are left out keep the calibrated program that they had, or else the one they start from. Raises
    InputError for a layer or a program that is not there, EngineError.
    """
    chosen = layers or design.fed_by("bus")
    design.require_bus("calibrate", chosen or None)
    entries = {name: design.plan.layer(name) for name in chosen}
    before = design.program(start)
    results = {}
    for name, entry in entries.items():
        starts = {"earlier": earlier[name]} if earlier and name in earlier else {}
        run = partial(calibrate_layer, design.plan, entry, engine=engine, options=options)
        results[name] = _from_any(starts | {start: before.layer(name)}, run)
        done()
    kept = design.programs.get("calibrated", before)
    programs = [results[p.layer].program if p.layer in results else p for p in kept.layers]
    calibrated = Program("calibrated", tuple(programs))
    return Calibration(
        replace(design, programs={**design.programs, "calibrated": calibrated}),
        tuple(results[name] for name in entries),
    )


def calibrated_design(design: Design, engine: Engine = linear) -> Design:
    """A design with a calibrated program: as it is if it has one, else calibrated now. Raises EngineError."""
    return design if "calibrated" in design.programs else calibrate(design, engine).design
