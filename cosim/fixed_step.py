"""Transients at a fixed time step: whether ngspice kept it, and DC readings out of them."""

import numpy as np
from numpy.typing import NDArray

from resonet.cosim.errors import EngineError
from resonet.cosim.raw import Plot

__all__ = ["check_fixed_step", "hann_mean", "hann_weights"]

Array = NDArray[np.float64]
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
