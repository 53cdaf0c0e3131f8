"""Weights -> resonance frequencies.

`formula` inverts the published law for each resonator as if it were alone. `coupled` solves, for every chain at once,
for the detunings at which the *sum* over the chain answers each tone with its weight, with the exact susceptibility.
Both take the RF current of a tone to be the same all along the chain. `calibrated` (cosim/calibration/newton.py)
solves the same problem with what an engine measured in the circuit. `fitted` (cosim/saturation/fit.py) is for
resonators that saturate, at one power, and no program of linear ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array
from resonet.models.resonator.chain import Branches, Chains, chain_answers, solve_chains
from resonet.models.resonator.linear import SpinDiode, detuning_for_weight, resonance_for_detuning
from resonet.netlist.planning.frequency_plan import Bus, FrequencyPlan, LayerPlan

__all__ = [
    "COMPILED",
    "METHODS",
    "OF_WEIGHTS",
    "LayerProgram",
    "Method",
    "Program",
    "Solved",
    "bus_weights",
    "largest_fill",
    "layer_unit",
    "many_chains",
    "own_scale",
    "program",
    "programs",
    "solve_layer",
    "solver_chains",
]

Trial = tuple[Bus, Array | None, Array]  # bus, profile, weights [chains, K]
Method = Literal["formula", "coupled", "shared", "calibrated", "fitted"]  # `shared`: of strip lines only
COMPILED: tuple[Method, ...] = ("formula", "coupled")  # what `compile` makes; calibration needs an engine
METHODS: tuple[Method, ...] = (*COMPILED, "calibrated")
OF_WEIGHTS: tuple[Method, ...] = (*COMPILED, "shared", "calibrated")  # all but those fitted on data
CONVERGED = 1e-9  # largest residual, as part of the largest weight, at which a chain holds its weights
LEAST_FILL = 0.1  # of the plan's: the scale is not lowered further
FILL_STEPS = 7  # halvings of the interval in which the largest fill lies
MANY = 1_000_000  # elements of the Jacobians of a layer from which on its chains are solved by compiled code


@dataclass(frozen=True, slots=True, eq=False)
class LayerProgram:
    """Resonance frequencies of a layer, bus by bus."""

    layer: str
    weight_scale: float  # V/W per unit of trained weight; `raised` on top
    f_res: tuple[Array, ...]  # Hz, one [chains, resonators] per bus of the plan
    residual: float  # largest deviation from the wanted weights by the closed form, as part of the layer's largest


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """Resonance frequencies of a network by one method."""

    method: Method
    layers: tuple[LayerProgram, ...]

    def layer(self, name: str) -> LayerProgram:
        """Program of a layer; InputError lists what there is."""
        for entry in self.layers:
            if entry.layer == name:
                return entry
        possible = ", ".join(entry.layer for entry in self.layers)
        raise InputError(f"no layer {name[:60]!r}; possible: {possible}")


@dataclass(frozen=True, slots=True, eq=False)
class Solved:
    """Detunings of a bus and how far off they leave every chain."""

    detuning: Array  # [chains, K] half-widths
    worst: Array  # [chains] largest residual, units of K_SD


def bus_weights(entry: LayerPlan, bus: Bus) -> Array:
    """Weights that the chains of a bus hold, [chains, resonators], in units of the layer's scale."""
    weights = entry.layer.matrix[bus.group][np.ix_(bus.outputs, bus.taps)]
    return np.asarray(weights * own_scale(entry, bus))


def own_scale(entry: LayerPlan, bus: Bus) -> Array | float:
    """How much more than the layer's scale says the chains of a bus hold, [chains, 1]; 1 where there is one scale."""
    raised = entry.layer.raised
    return 1.0 if raised is None else raised[bus.group, bus.outputs, None]


def many_chains(entry: LayerPlan) -> bool:
    """Whether the chains of a layer are so many that compiled code pays."""
    return entry.elements >= MANY


def solver_chains(
    bus: Bus,
    device: SpinDiode,
    profile: Array | None = None,
    compiled: bool = False,
    own: Array | None = None,
    tones: Array | None = None,
) -> Chains:
    """Chains of a bus for the solver; `profile` and what follows as in `Chains`."""
    if profile is not None and profile.ndim == 3 and profile.strides[0] == 0:
        profile = profile[0]  # the same for all chains
    return Chains(bus.frequencies, bus.signs, device.damping, profile, compiled, own, tones, bus.reach, bus.parts)


def layer_unit(entry: LayerPlan, fill: float) -> float:
    """K_SD per unit of trained weight with the layer's largest weight at `fill` of what a resonator can hold."""
    largest = float(np.abs(entry.layer.matrix).max())
    return fill / largest if largest > 0 else 1.0


def solve_layer(
    entry: LayerPlan,
    device: SpinDiode,
    fill: float,
    profiles: Sequence[Array | None] | None = None,
    branches: Branches = "near",
) -> list[Solved]:
    """Detunings of every bus of a layer with its largest weight at `fill`; `profiles` bus by bus, default ideal."""
    unit, compiled = layer_unit(entry, fill), many_chains(entry)
    return [
        Solved(
            *solve_chains(
                bus_weights(entry, bus) * unit, solver_chains(bus, device, profile, compiled), branches=branches
            )
        )
        for bus, profile in zip(entry.buses, profiles or [None] * len(entry.buses), strict=True)
    ]


def _failing(entry: LayerPlan, device: SpinDiode, fill: float, tests: Sequence[Trial]) -> list[Trial]:
    """Those chains of `tests` that cannot hold their weights at `fill`."""
    unit, left, compiled = layer_unit(entry, fill), [], many_chains(entry)
    for bus, profile, weights in tests:
        chains = solver_chains(bus, device, profile, compiled)
        left += _left(
            (bus, chains.profile, weights),
            solve_chains(weights * unit, chains, tolerance=0.1 * CONVERGED * fill)[1],
            fill,
        )
    return left


def _left(test: Trial, worst: Array, fill: float) -> list[Trial]:
    """Those chains of one of `tests` that do not hold their weights."""
    bus, profile, weights = test
    bad = worst > CONVERGED * fill
    part = profile[bad] if profile is not None and profile.ndim == 3 else profile
    return [(bus, part, weights[bad])] if bad.any() else []


def largest_fill(
    entry: LayerPlan,
    device: SpinDiode,
    fill: float,
    profiles: Sequence[Array | None] | None = None,
    solved: Sequence[Solved] | None = None,
) -> float:
    """Largest fill, from `fill` down to a tenth of it, at which every chain of the layer can hold its weights.

    Found bus by bus, by bisection to 1 % of `fill` with the chains that fail where those before hold; 0 if even a tenth
    is too much. `solved` is what `solve_layer` gives at `fill`, where that is known.
    """
    given, reach = profiles or [None] * len(entry.buses), 1.0
    for n, (bus, profile) in enumerate(zip(entry.buses, given, strict=True)):
        left = [(bus, profile, bus_weights(entry, bus))]
        if solved:
            left = _left(left[0], solved[n].worst, fill)
        if (reach < 1 or not solved) and left:  # only what fails where the buses before it hold can lower that
            left = _failing(entry, device, fill * reach, left)
        if left:
            reach = _reach(entry, device, fill, left)
        if reach == 0:
            break
    return fill * reach


def _reach(entry: LayerPlan, device: SpinDiode, fill: float, failing: list[Trial]) -> float:
    """Largest part of `fill` at which chains that fail at all of it hold their weights, 0 if even a tenth is too much.

    What holds at a fill holds at every lower one: only those that fail are tried on.
    """
    low, high = LEAST_FILL, 1.0
    if _failing(entry, device, fill * low, failing):
        return 0.0
    for _ in range(FILL_STEPS):
        middle = 0.5 * (low + high)
        left = _failing(entry, device, fill * middle, failing)
        low, high, failing = (low, middle, left) if left else (middle, high, failing)
    return low


def _alone(entry: LayerPlan, device: SpinDiode, fill: float) -> list[Solved]:
    """Detunings that each resonator would need alone, and what the others then do to the chain."""
    solved, unit = [], layer_unit(entry, fill)
    for bus in entry.buses:
        target, chains = bus_weights(entry, bus) * unit, solver_chains(bus, device)
        detuning = detuning_for_weight(chains.alone(target))
        solved.append(Solved(detuning, np.abs(chain_answers(detuning, chains) - target).max(1)))
    return solved


def _program_layer(entry: LayerPlan, fill: float, device: SpinDiode, solved: Sequence[Solved]) -> LayerProgram:
    """Program of a layer with its largest weight at `fill` of what a resonator can hold."""
    f_res = tuple(
        resonance_for_detuning(bus.frequencies, bus_solved.detuning, device.damping)
        for bus, bus_solved in zip(entry.buses, solved, strict=True)
    )
    worst = max(float(bus_solved.worst.max()) for bus_solved in solved) / fill
    return LayerProgram(entry.layer.name, layer_unit(entry, fill) * device.sensitivity, f_res, worst)


def program(plan: FrequencyPlan, method: Method = "coupled") -> Program:
    """Resonance frequencies that hold the trained weights of every layer.

    The largest weight of a layer is put at `plan.options.fill` of a resonator's range, or lower where only a lower
    scale lets every chain converge; both methods use the same scale. A layer that converges at no scale is programmed
    as well as it goes, and says so in its `residual`.
    """
    return programs(plan, (method,))[method]


def programs(plan: FrequencyPlan, methods: Sequence[Method] = COMPILED) -> dict[Method, Program]:
    """`program` by several methods at the same scales; chains are solved once, but where that lowers a scale."""
    unknown = [method for method in methods if method not in COMPILED]
    if unknown:
        raise InputError(f"program method {unknown[0]!r}: no such method; possible: {', '.join(COMPILED)}")
    most, device = plan.options.fill, plan.device
    made: dict[Method, list[LayerProgram]] = {method: [] for method in methods}
    for entry in plan.layers:
        solved = solve_layer(entry, device, most)
        fill = largest_fill(entry, device, most, solved=solved) or most
        for method in methods:
            if method == "formula":
                found = _alone(entry, device, fill)
            else:
                found = solved if fill == most else solve_layer(entry, device, fill)
            made[method].append(_program_layer(entry, fill, device, found))
    return {method: Program(method, tuple(layers)) for method, layers in made.items()}
