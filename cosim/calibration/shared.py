"""Calibration of a fully parallel convolution: shared tuning currents only, against one for each resonator.

Every position has its own chains with their own fabrication, and hears its tones as loudly as the line loss leaves
them. A chain is taken to load its bus as in the plan of one copy, whose engine says how the tones spread along it; the
engine then measures, position by position, what the tunings give.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from resonet.core.errors import InputError
from resonet.core.parameters import check, parameter
from resonet.core.types import Array, Ints
from resonet.cosim.calibration.quantised import MOST_SPREAD
from resonet.cosim.weights.checks import check_cases
from resonet.cosim.weights.engines import Engine, layer_response
from resonet.cosim.weights.held import PositionWeights
from resonet.cosim.weights.witness import Witness
from resonet.models.resonator.linear import detuning_for_weight, resonance_for_detuning
from resonet.netlist.planning.frequency_plan import Bus, FrequencyPlan, LayerPlan
from resonet.netlist.programming.methods import bus_weights, largest_fill, layer_unit, own_scale, solver_chains
from resonet.netlist.programming.sharing import (
    Colouring,
    Shared,
    SharedProblem,
    share_conv,
    shared_response,
    solve_shared,
)

__all__ = ["SharedCalibration", "SharingOptions", "calibrate_shared", "phase_entry"]

MOST_ELEMENTS = 200_000_000  # positions x kernels x resonators x tones of one bus: 1.6 GB


@dataclass(frozen=True, slots=True)
class SharingOptions:
    """What differs from position to position, and what may be tuned."""

    spread: float = parameter(0.1, "", 0.0, MOST_SPREAD, "standard deviation of f_res from fabrication, half-widths")
    lever_spread: float = parameter(0.0, "", 0.0, 0.3, "standard deviation of a tuning line's lever, relative")
    line_loss: float = parameter(0.0, "dB", 0.0, 20.0, "RF power lost along a strip line, first to last position")
    seed: int = parameter(1, "", 0, 2**32 - 1, "of the spreads")
    shared: bool = True  # False: a tuning current for every resonator

    def __post_init__(self) -> None:
        check(self, "sharing")


@dataclass(frozen=True, slots=True, eq=False)
class SharedCalibration:
    """Result for a layer; errors over all positions, as part of the layer's largest weight."""

    layer: str
    positions: int
    phases: int
    resonators: int  # of all positions
    unknowns: int  # tuning currents
    components: int  # independent sets of them
    fill: float  # largest weight as part of a resonator's range
    rms_before: float  # with the currents that would be right without spread and loss
    rms: float
    worst: float
    worst_neuron: int  # counted over the groups of the layer
    neuron_error: float  # RMS over its weights at all positions, as part of its own largest
    weights: PositionWeights  # that the circuit holds
    witness: Witness | None  # check of the engine on some positions, where it has one


@dataclass(frozen=True, slots=True, eq=False)
class _Bus:
    """All positions of one bus: chains run over positions, then over its kernels."""

    problem: SharedProblem
    nominal: Array  # [unknowns] tunings that would be right without spread and loss
    loss: Array  # [positions] RF power that arrives, 1 at the first


def phase_entry(entry: LayerPlan, taps: Ints) -> LayerPlan:
    """Layer as the chains of one phase hold it: resonator k keeps its frequency, and holds the tap of that class."""
    return replace(entry, buses=tuple(replace(bus, taps=taps[bus.taps]) for bus in entry.buses))


def _all_phases(entry: LayerPlan, colouring: Colouring) -> LayerPlan:
    buses = tuple(bus for taps in colouring.taps for bus in phase_entry(entry, taps).buses)
    return replace(entry, buses=buses)


def _nominal_x(target: Array, problem: SharedProblem) -> Array:
    """Tunings [unknowns] that hold the target without spread and loss; target [phases, kernels, K]."""
    start = detuning_for_weight(np.clip(problem.chains.signs * target, -1, 1))
    return solve_shared(problem, _mean(problem.unknown, start)).x


def _mean(number: Ints, values: Array) -> Array:
    """Mean of the values that have each number, 0 and up."""
    return np.asarray(np.bincount(number.ravel(), values.ravel()) / np.bincount(number.ravel()))


def _check_size(entry: LayerPlan, bus: Bus, positions: int, unknown: Ints) -> None:
    """InputError where the chains of a bus at all positions, with their tunings [phases, kernels, K], are too many."""
    kernels, size = bus.size
    if positions * kernels * size**2 > MOST_ELEMENTS:
        raise InputError(
            f"layer {entry.layer.name}, bus {bus.name}: {positions} positions of {kernels} chains of {size}: too "
            "large at once; possible: plan.fanout or plan.tile smaller"
        )
    lines = len(np.unique(unknown[:, 0]))  # of one neuron; where several inputs are added up they meet
    if entry.layer.addends and positions * size * lines > MOST_ELEMENTS:
        raise InputError(
            f"layer {entry.layer.name}, bus {bus.name}: {lines:,} tunings of a neuron meet in {positions} positions: "
            "too many at once; possible: plan.tile smaller"
        )


def _bus_problems(
    plan: FrequencyPlan,
    entry: LayerPlan,
    colouring: Colouring,
    profiles: list[Array],
    unit: float,
    options: SharingOptions,
) -> list[_Bus]:
    """The problem of every bus, with its fabrication drawn, and the tunings right without it."""
    rng, phase, positions = np.random.default_rng(options.seed), colouring.phase, len(colouring.phase)
    column = np.arange(positions) % entry.layer.out_shape[2]
    loss = 10 ** (-options.line_loss / 10 * column / max(1, entry.layer.out_shape[2] - 1))
    problems = []
    for n, (bus, profile) in enumerate(zip(entry.buses, profiles, strict=True)):
        kernels, size = bus.size
        target = np.stack([bus_weights(entry, phase_entry(entry, t).buses[n]) * unit for t in colouring.taps])
        phases = len(target)
        unknown = colouring.kinds(bus.taps, kernels)
        _check_size(entry, bus, positions, unknown)
        offset, lever = rng.standard_normal((2, positions * kernels, size))
        if plan.device.damping * (1 + options.spread * float(np.abs(offset).max())) > 0.5:
            raise InputError(
                f"sharing.spread = {options.spread:g}: moves resonators of bus {bus.name} by half their frequency; "
                f"possible: less, a half-width is {plan.device.damping:g} of f_res"
            )
        each = np.tile(np.arange(kernels), phases)
        chains = solver_chains(bus, plan.device, profile[each])
        nominal = _nominal_x(target, SharedProblem(target.reshape(-1, size), chains, unknown.reshape(-1, size)))
        every = np.tile(np.arange(kernels), positions)
        chains = solver_chains(bus, plan.device, profile[every] * np.repeat(loss, kernels)[:, None, None])
        problem = SharedProblem(
            target[phase].reshape(-1, size),
            chains,
            unknown[phase].reshape(-1, size),
            options.spread * offset,
            np.maximum(1 + options.lever_spread * lever, 0.1),
        )
        problems.append(_Bus(problem, nominal, loss))
    return problems


def _one_each(bus: _Bus) -> _Bus:
    """The same with a tuning current for every resonator."""
    unknown = np.arange(bus.problem.unknown.size).reshape(bus.problem.unknown.shape)
    return replace(bus, problem=replace(bus.problem, unknown=unknown), nominal=bus.nominal[bus.problem.unknown].ravel())


def _solve(bus: _Bus) -> Shared:
    """Tunings from the mean of what each resonator needs; never worse than the nominal ones."""
    problem = bus.problem
    needed = (bus.nominal[problem.unknown] + problem.offset) / problem.lever
    solution = solve_shared(problem, _mean(problem.unknown, needed))
    answers, _ = shared_response(problem, bus.nominal)
    worse = float(((answers - problem.target) ** 2).sum()) < float(solution.squares.sum())
    return solve_shared(problem, bus.nominal) if worse else solution


def _positions(
    plan: FrequencyPlan, entry: LayerPlan, colouring: Colouring, buses: list[_Bus], tunings: list[Array]
) -> Iterator[tuple[LayerPlan, list[Array]]]:
    """The layer at every position, as its phase plans it, and its resonance frequencies there by bus."""
    detunings = [
        shared_response(setup.problem, x)[1].reshape(len(colouring.phase), *bus.size)
        for setup, x, bus in zip(buses, tunings, entry.buses, strict=True)
    ]
    for p, phase in enumerate(colouring.phase):
        here = phase_entry(entry, colouring.taps[phase])
        yield (
            here,
            [
                resonance_for_detuning(bus.frequencies, u[p], plan.device.damping)
                for bus, u in zip(here.buses, detunings, strict=True)
            ],
        )


def _measure(
    plan: FrequencyPlan,
    entry: LayerPlan,
    colouring: Colouring,
    buses: list[_Bus],
    tunings: list[Array],
    unit: float,
    engine: Engine,
) -> Array:
    """Weights that the engine finds, [groups, positions, outputs, taps] in units of the trained ones."""
    groups, outputs, taps = entry.layer.matrix.shape
    weights = np.zeros((groups, len(colouring.phase), outputs, taps))
    for p, (here, f_res) in enumerate(_positions(plan, entry, colouring, buses, tunings)):
        for bus, setup, response in zip(here.buses, buses, layer_response(plan, here, f_res, engine), strict=True):
            weights[bus.group, p][np.ix_(bus.outputs, bus.taps)] = (
                response.values * setup.loss[p] / (unit * own_scale(entry, bus))
            )
    return weights


def calibrate_shared(
    plan: FrequencyPlan, entry: LayerPlan, engine: Engine, options: SharingOptions | None = None
) -> SharedCalibration:
    """Tuning currents of a fully parallel layer with the least squared weight error over all its positions.

    The largest weight is at plan.fill of a resonator's range, or lower where only so all phases hold their weights.
    Raises InputError, EngineError.
    """
    options = options or SharingOptions()
    if plan.options.levels != "equal":
        raise InputError(
            f"layer {entry.layer.name}: shared tuning currents with plan.levels = {plan.options.levels}: a "
            "current tunes resonators on several tones, which must be alike; possible: plan.levels = equal"
        )
    colouring, largest = share_conv(entry.layer), float(np.abs(entry.layer.matrix).max()) or 1.0
    nominal = [np.repeat(bus.frequencies[None], len(bus.outputs), 0) for bus in entry.buses]
    profiles = [response.profile for response in layer_response(plan, entry, nominal, engine)]
    most = plan.options.fill
    every = _all_phases(entry, colouring)
    fill = largest_fill(every, plan.device, most, profiles * len(colouring.taps)) or most
    unit = layer_unit(entry, fill)
    buses = _bus_problems(plan, entry, colouring, profiles, unit, options)
    buses = buses if options.shared else [_one_each(bus) for bus in buses]
    solved = [_solve(bus) for bus in buses]
    tunings = [solution.x for solution in solved]
    before = _measure(plan, entry, colouring, buses, [bus.nominal for bus in buses], unit, engine)
    weights = _measure(plan, entry, colouring, buses, tunings, unit, engine)
    held = [(plan, here, f) for here, f in _positions(plan, entry, colouring, buses, tunings)] if engine.check else []
    error, error_before = ((w - entry.layer.matrix[:, None]) / largest for w in (weights, before))
    resonators = int(entry.layer.wired.sum()) * len(colouring.phase)  # off a diagonal there are none, and no errors
    own = np.abs(entry.layer.matrix).max(2).ravel() / largest
    of_neurons = np.sqrt((error**2).sum((1, 3)).ravel() / (entry.layer.series * len(colouring.phase)))
    of_neurons = of_neurons / np.where(own > 0, own, 1)
    return SharedCalibration(
        entry.layer.name,
        len(colouring.phase),
        len(colouring.taps),
        resonators,
        sum(bus.nominal.size for bus in buses),
        sum(solution.components for solution in solved),
        fill,
        float(np.sqrt((error_before**2).sum() / resonators)),
        float(np.sqrt((error**2).sum() / resonators)),
        float(np.abs(error).max()),
        int(of_neurons.argmax()),
        float(of_neurons.max()),
        PositionWeights(layer=entry.layer.name, values=weights, trained=entry.layer.matrix[:, None]),
        check_cases(engine, held),
    )
