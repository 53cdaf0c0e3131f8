"""Weights -> resonance frequencies.

`formula` inverts the published law for each resonator as if it were alone. `coupled` solves, for every chain at once,
for the detunings at which the *sum* over the chain answers each tone with its weight: Newton with the exact
susceptibility and its analytic derivative. Both take the RF current of a tone to be the same all along the chain; what
the bus really does to it is for the circuit simulation to say.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from resonet.models.errors import InputError
from resonet.models.resonator import (
    SpinDiode,
    detuning_for_weight,
    real_susceptibility,
    resonance_for_detuning,
)
from resonet.netlist.frequency_plan import Bus, FrequencyPlan, LayerPlan

__all__ = ["METHODS", "LayerProgram", "Method", "Program", "chain_response", "program", "solve_coupled"]

Array = NDArray[np.float64]
Method = Literal["formula", "coupled"]
METHODS: tuple[Method, ...] = ("formula", "coupled")
BATCH = 4_000_000  # elements of the Jacobians held at once
CONVERGED = 1e-9  # largest residual, as part of the largest weight, at which a chain holds its weights


@dataclass(frozen=True, slots=True, eq=False)
class LayerProgram:
    """Resonance frequencies of a layer, bus by bus."""

    layer: str
    weight_scale: float  # V/W per unit of trained weight
    f_res: tuple[Array, ...]  # Hz, one [chains, resonators] per bus of the plan
    residual: float  # largest deviation from the wanted weights by the closed form, as part of the layer's largest


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """Resonance frequencies of a network by one method."""

    method: Method
    layers: tuple[LayerProgram, ...]


def chain_response(detuning: Array, frequencies: Array, signs: Array, damping: float) -> tuple[Array, Array]:
    """Answer of every chain to each tone in units of K_SD, and its derivative by each detuning.

    detuning [chains, K], frequencies [K] (tone k is resonator k's own), signs [K] -> [chains, K tones],
    [chains, K tones, K resonators].
    """
    ratio = frequencies[:, None] / frequencies[None, :]
    real, slope = real_susceptibility(ratio * (1 + damping * detuning[:, None, :]), damping)
    return -4 * damping * (real * signs).sum(2), -4 * damping**2 * slope * signs * ratio


def solve_coupled(
    target: Array, frequencies: Array, signs: Array, damping: float, tolerance: float = 1e-12, most: int = 40
) -> tuple[Array, Array]:
    """Detunings [chains, K], |u| <= 1, at which each chain answers tone k with target[:, k] (units of K_SD).

    Newton, damped so that no detuning moves more than half a linewidth at once. Also returns the largest residual of
    each chain, [chains]; a chain that cannot hold its weights keeps the best detunings found.
    """
    u = detuning_for_weight(np.clip(signs * target, -1, 1))
    best, least = u, np.full(len(u), np.inf)
    for _ in range(most):
        response, jacobian = chain_response(u, frequencies, signs, damping)
        residual = response - target
        worst = np.abs(residual).max(1)
        better = worst < least
        best, least = np.where(better[:, None], u, best), np.where(better, worst, least)
        if least.max() <= tolerance:
            break
        try:
            move = -np.linalg.solve(jacobian, residual[..., None])[..., 0]
        except np.linalg.LinAlgError:
            break  # a chain sits where its answer no longer depends on a detuning: its best so far stands
        u = np.clip(u + move * np.minimum(1, 0.5 / np.maximum(np.abs(move).max(1), 1e-300))[:, None], -1, 1)
    return best, least


def _batches(target: Array) -> Iterator[slice]:
    """Slices of chains whose Jacobians fit in memory together."""
    size = max(1, BATCH // target.shape[1] ** 2)
    return (slice(start, start + size) for start in range(0, len(target), size))


def _solve_bus(bus: Bus, target: Array, method: Method, device: SpinDiode) -> tuple[Array, float]:
    """Detunings of a bus [chains, K] and the largest residual, both for target weights in units of K_SD."""
    detuning, worst = np.empty_like(target), 0.0
    for part in _batches(target):
        if method == "coupled":
            detuning[part], residual = solve_coupled(target[part], bus.frequencies, bus.signs, device.damping)
        else:
            detuning[part] = detuning_for_weight(bus.signs * target[part])
            response, _ = chain_response(detuning[part], bus.frequencies, bus.signs, device.damping)
            residual = np.abs(response - target[part]).max(1)
        worst = max(worst, float(residual.max()))
    return detuning, worst


def _program_layer(entry: LayerPlan, method: Method, fill: float, device: SpinDiode) -> LayerProgram:
    """Program a layer with its largest weight at `fill` of what a resonator can hold."""
    weights = entry.layer.matrix
    largest = float(np.abs(weights).max())
    unit = fill / largest if largest > 0 else 1.0  # K_SD per unit of trained weight
    f_res, worst = [], 0.0
    for bus in entry.buses:
        target = weights[bus.group][np.ix_(bus.outputs, bus.taps)] * unit
        detuning, residual = _solve_bus(bus, target, method, device)
        f_res.append(resonance_for_detuning(bus.frequencies, detuning, device.damping))
        worst = max(worst, residual / fill)
    return LayerProgram(entry.layer.name, unit * device.sensitivity, tuple(f_res), worst)


def _realisable_fill(entry: LayerPlan, plan: FrequencyPlan) -> float:
    """Largest fill, from the plan's down to a tenth of it, at which every chain of the layer can hold its weights."""
    fill = plan.options.fill
    for fraction in (1.0, 0.8, 0.6, 0.45, 0.3, 0.2, 0.1):
        if _program_layer(entry, "coupled", fill * fraction, plan.device).residual <= CONVERGED:
            return fill * fraction
    return fill


def program(plan: FrequencyPlan, method: Method = "coupled") -> Program:
    """Resonance frequencies that hold the trained weights of every layer.

    The largest weight of a layer is put at `plan.options.fill` of a resonator's range, or lower where only a lower
    scale lets every chain converge; both methods use the same scale. A layer that converges at no scale is programmed
    as well as it goes, and says so in its `residual`.
    """
    if method not in METHODS:
        raise InputError(f"program method {method!r}: no such method; possible: {', '.join(METHODS)}")
    return Program(
        method, tuple(_program_layer(e, method, _realisable_fill(e, plan), plan.device) for e in plan.layers)
    )
