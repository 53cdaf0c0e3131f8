"""A bus on the way to its weights: what was reached so far, and how far off each of its chains may be."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from resonet.core.types import Array, Bools
from resonet.cosim.weights.engines import Response
from resonet.netlist.planning.frequency_plan import FrequencyPlan, LayerPlan
from resonet.netlist.programming.methods import bus_weights

__all__ = ["BusState", "Limits", "bus_states", "merged"]

RESOLVED = 1e-12  # of the layer's largest weight: what numbers resolve; no neuron is held to less


@dataclass(frozen=True, slots=True)
class Limits:
    """What a chain may be off and still hold its weights, units of K_SD."""

    tolerance: float  # as part of its neuron's largest weight
    top: float  # the layer's largest weight

    def of(self, state: "BusState") -> Array:
        """Of every chain, [chains]."""
        return np.maximum(self.tolerance * state.full, RESOLVED * self.top)


@dataclass(frozen=True, slots=True, eq=False)
class BusState:
    """A bus on the way: the best detunings so far, what was measured there, and how far the next step may go."""

    target: Array  # [chains, K] units of K_SD
    full: Array  # [chains] largest target of the neuron, over all its tiles
    detuning: Array  # [chains, K]
    response: Response
    fraction: Array  # [chains] of the way to the model's answer that is taken at once
    reachable: Bools  # [chains] whether the model could hold the weights at the last try

    @property
    def squares(self) -> Array:
        """Squared error of every chain."""
        return np.asarray(((self.response.values - self.target) ** 2).sum(1))

    @property
    def worst(self) -> Array:
        """Largest error of every chain."""
        return np.asarray(np.abs(self.response.values - self.target).max(1))

    def beyond(self, limits: Limits) -> Bools:
        """Which chains do not hold their weights."""
        return np.asarray(self.worst > limits.of(self))


def bus_states(
    plan: FrequencyPlan, entry: LayerPlan, f_res: Sequence[Array], unit: float, responses: Sequence[Response]
) -> list[BusState]:
    """State of every bus at given resonance frequencies; `unit` is K_SD per unit of trained weight."""
    own = np.abs(entry.layer.held).max(2)
    own = np.where(own > 0, own, own.max() or 1.0)
    states = []
    for bus, f, response in zip(entry.buses, f_res, responses, strict=True):
        detuning = (bus.frequencies / f - 1) / plan.device.damping
        chains = len(bus.outputs)
        target, full = bus_weights(entry, bus) * unit, own[bus.group, bus.outputs] * unit
        states.append(BusState(target, full, detuning, response, np.ones(chains), np.ones(chains, bool)))
    return states


def merged(old: BusState, new: BusState) -> BusState:
    """Chains that got better, as they are now; the others as they were, with half the step."""
    better = new.squares < old.squares
    before, after = old.response.profile, new.response.profile
    alike = before.strides[0] == after.strides[0] == 0 and np.array_equal(before[0], after[0])
    response = replace(
        new.response,
        values=np.where(better[:, None], new.response.values, old.response.values),
        profile=after if alike else np.where(better[:, None, None], after, before),
    )
    detuning = np.where(better[:, None], new.detuning, old.detuning)
    fraction = np.where(better, np.minimum(1, 2 * old.fraction), 0.5 * old.fraction)
    return BusState(old.target, old.full, detuning, response, fraction, new.reachable)
