"""Transients at a fixed time step: whether ngspice kept it, and DC readings out of them."""

import numpy as np

from resonet.core.errors import EngineError, InputError
from resonet.core.types import Array
from resonet.cosim.ngspice.raw import Plot

__all__ = ["MOST_STEPS", "check_fixed_step", "check_points", "hann_mean", "hann_weights"]

MORE = 50  # points: the first steps are smaller, by ngspice's own start


def check_fixed_step(plot: Plot, steps: int) -> None:
    """EngineError unless a transient took the `steps` that were asked for: trapezoidal pre-warp holds for no other."""
    if abs(len(plot.axis) - steps) > MORE:
        raise EngineError(
            f"ngspice took {len(plot.axis)} time points where {steps} of a fixed step were asked for, so the pre-warp "
            "does not hold; possible: more points per period"
        )


def hann_weights(time: Array, window: float) -> Array:
    """Hann weights [times] of the last `window` seconds, which keep beat notes out; they add up to 1."""
    phase = (time - (time[-1] - window)) / window
    weight = np.where(phase > 0, np.sin(np.pi * phase) ** 2, 0) * np.gradient(time)
    return np.asarray(weight / weight.sum())


def hann_mean(time: Array, traces: Array, window: float) -> Array:
    """Means of traces [times, ...] over the last `window` seconds."""
    return np.asarray(hann_weights(time, window) @ traces)


MOST_STEPS = 20_000_000


def check_points(points: float) -> None:
    """InputError for time points per period of the highest tone that no transient takes."""
    if not 8 <= points <= 10_000:
        raise InputError(f"{points:g} points per period of the highest tone; possible: 8 ... 10000")
