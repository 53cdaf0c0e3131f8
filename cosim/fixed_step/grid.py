"""Time points of a transient with a fixed step, the same that ngspice takes, and Hann weights on them.

ngspice begins with steps of 0.01, 0.01, 0.02, 0.04 ... 0.64 of the step, the first two by the backward Euler rule, and
ends with what is left of the last one. On the same points the two engines differ by their tolerances alone. (At
corners of a source of straight pieces ngspice puts in more points; no deck with a fixed step has one.)
"""

from dataclasses import dataclass

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array

__all__ = ["EULER", "Grid"]

EULER = 2  # steps by the backward Euler rule
FIRST = np.array([0.0, *(0.01 * 2**n for n in range(8))])  # points, of a step; the next step would be longer than one
FEWEST = 100  # steps: fewer begin otherwise in ngspice


@dataclass(frozen=True, slots=True)
class Grid:
    """Time points 0 ... `points` - 1; full steps from `begun` on, before the last point."""

    step: float  # s
    stop: float  # s

    def __post_init__(self) -> None:
        if not self.stop >= FEWEST * self.step > 0:
            raise InputError(
                f"fixed_step: {self.stop:g} s in steps of {self.step:g} s; possible: {FEWEST} steps and more"
            )

    @property
    def start(self) -> Array:
        """Time points until the steps are full, s."""
        return self.step * FIRST

    @property
    def begun(self) -> int:
        """Number of the point that the first full step starts from."""
        return len(FIRST) - 1

    @property
    def full(self) -> int:
        """Full steps."""
        return int(np.ceil(self.stop / self.step - float(FIRST[-1]) - 1e-6)) - 1

    @property
    def points(self) -> int:
        """Time points, zero included."""
        return len(FIRST) + self.full + 1

    def times(self, first: int, last: int) -> Array:
        """Time points first ... last - 1, s; those beyond the ends stand for the ends."""
        n = np.clip(np.arange(first, last), 0, self.points - 1)
        start, begun = self.start, self.begun
        full = start[-1] + self.step * (n - begun)
        found = np.where(n <= begun, start[np.minimum(n, begun)], full)
        return np.where(n == self.points - 1, self.stop, found)

    def weights(self, first: int, last: int, window: float) -> Array:
        """Hann weights, not normalised, of these points in a window at the end, as `hann_weights` has them."""
        time = self.times(first - 1, last + 1)
        apart = (time[2:] - time[:-2]) / np.where(np.isin(np.arange(first, last), (0, self.points - 1)), 1, 2)
        phase = (time[1:-1] - (self.stop - window)) / window
        return np.asarray(np.where(phase > 0, np.sin(np.pi * phase) ** 2, 0) * apart)
