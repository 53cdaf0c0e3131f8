"""Chains whose resonators may stand far from their tones: the same weights with less saturation and less noise.

Alone, a resonator holds the weight w at u and at 1/u (w = 2u / (1 + u²)), and what a tone excites there is 1 / (1 + u²)
of what it excites on resonance: so is what saturates it, and so is its precession noise. On the far side that is about
w² / 4, small for small weights, where on the near side it is nearly 1. Three things bound |u|: `Chains.reach`, the
neighbours' tones, and f_res, which must stay a frequency.

A chain is solved from its far detunings, held within parts of the channels' spacing; a chain that does not get to its
weights from there takes its smallest weights, one after another, to the near side. With as many as it has
resonators it is the chain of the near side.
"""

from collections.abc import Callable

import numpy as np

from resonet.core.levenberg import Minimum
from resonet.core.types import Array, Ints
from resonet.models.resonator.linear import detuning_for_weight

__all__ = ["effective_reach", "far_starts", "solve_far"]

MOST_SHIFT = 0.5  # of its tone's frequency that a resonance may lie away, α |u|
FEW = 6  # numbers of resonators on the near side that are tried, beyond the first ones
BETWEEN = 0.5  # of the smallest spacing of channels that a resonance may lie away from its tone
CAPS = (0.4, 0.6, 0.9)  # of the reach: |u| of the starts
LEAST = 1e-9  # detuning that counts as this much
OPEN = 1e-9  # residual from which on a chain is tried in another way

Refine = Callable[[Ints, Array], Minimum]  # rows of the target, starts [rows, K] -> where they end


def effective_reach(reach: float, frequencies: Array, damping: float) -> float:
    """Largest |u| that a resonator of a chain may have, half-widths, 1 or more: it must not stand on another tone."""
    return max(1.0, min(reach, MOST_SHIFT / damping, BETWEEN * _spacing(frequencies, damping)))


def _spacing(frequencies: Array, damping: float) -> float:
    """Smallest distance of neighbouring channels, half-widths; inf for one alone."""
    if len(frequencies) < 2:
        return float("inf")
    ratio = frequencies[:-1] / frequencies[1:]
    return float(np.abs(1 - np.minimum(ratio, 1 / ratio)).min() / damping)


def far_starts(near: Array, limit: float) -> Array:
    """Far detunings of weights whose near ones are given, any shape, |u| at most `limit` (1 or more)."""
    return np.clip(1 / np.where(np.abs(near) < LEAST, np.copysign(LEAST, near), near), -limit, limit)


def solve_far(alone: Array, reach: float, refine: Refine) -> Minimum:
    """Detunings [chains, K] as far from the tones as the chains get to their weights from there.

    alone [chains, K]: 2u / (1 + u²) of resonators alone that hold these; `reach` as `effective_reach` gives it. A chain
    that no start leads home keeps the least squares that were found.
    """
    near, size = detuning_for_weight(np.clip(alone, -1, 1)), alone.shape[1]
    smallest = np.argsort(np.abs(alone), axis=1)
    found = Minimum(np.zeros_like(alone), np.full(len(alone), np.inf), np.full(len(alone), np.inf), 0)
    for flipped in sorted({*range(min(size, FEW) + 1), *np.geomspace(1, size, FEW).astype(int).tolist()}):
        for cap in CAPS:
            left = np.flatnonzero(found.worst > OPEN)
            if not left.size:
                return found
            start = far_starts(near[left], max(1.0, cap * reach))
            back = smallest[left, :flipped]
            np.put_along_axis(start, back, np.take_along_axis(near[left], back, 1), 1)
            tried = refine(left, start)
            better = tried.squares < found.squares[left]
            kept = left[better]
            found.x[kept], found.worst[kept] = tried.x[better], tried.worst[better]
            found.squares[kept] = tried.squares[better]
    return found
