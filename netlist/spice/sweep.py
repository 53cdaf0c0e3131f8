"""`.ac` sweeps that hit the channels."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from resonet.core.types import Array, Ints

__all__ = ["MOST_ENDS", "Sweep", "channel_sweeps"]

MOST_ENDS = 4  # plan.ends


@dataclass(frozen=True, slots=True)
class Sweep:
    """One small-signal analysis; every stride-th of its points is a place on the grid of its channels, lowest first."""

    scale: Literal["lin", "dec"]
    number: int  # of points in all (lin), or a decade (dec)
    low: float  # Hz
    high: float  # Hz
    points: int
    stride: int
    ends: int = 1  # places from the first channel to the second, and from the last but one to the last

    @property
    def taken(self) -> Ints:
        """Which of its points are the channels."""
        return self.stride * _places(self.points, self.ends)


def _places(points: int, ends: int) -> Ints:
    """Places of channels on a grid, all next to each other but for the first and the last."""
    if points < 4:
        return np.arange(points)
    return np.concatenate([[0], ends + np.arange(points - 2), [points - 3 + 2 * ends]])


def _fit(rising: Array, places: Ints) -> bool:
    """Whether channels, the lowest first, stand at these places of a geometric grid."""
    grid = np.geomspace(rising[0], rising[-1], int(places[-1]) + 1)[places]
    return bool((np.abs(rising - grid) <= 1e-11 * grid).all())


def channel_sweeps(channels: Array) -> list[Sweep]:
    """Sweeps that hit the channels (Hz, any order), the lowest first.

    `ac dec N low high` takes floor(N log10(high / low)) steps of equal ratio that end on `high`, and one sweep is some
    20 times cheaper than one analysis a channel. Where the channels are not on a geometric grid, no N fits within a few
    points a channel, or the floor would stand on an edge (whole decades), they are cut in two; two channels less than a
    decade apart always fit. Places of the grid may be vacant next to the ends (plan.ends).
    """
    rising = np.sort(channels)
    low, high, points = float(rising[0]), float(rising[-1]), len(rising)
    if points == 1:
        return [Sweep("lin", 1, high, high, 1, 1)]
    decades = math.log10(high / low)
    ends = next((ends for ends in range(1, MOST_ENDS + 1) if _fit(rising, _places(points, ends))), 0)
    for stride in range(1, 5) if ends else ():
        steps = stride * int(_places(points, ends)[-1])
        n = math.ceil((steps + 1e-4) / decades)
        if n * decades < steps + 1 - 1e-4:
            return [Sweep("dec", n, low, high, points, stride, ends)]
    return channel_sweeps(rising[: points // 2]) + channel_sweeps(rising[points // 2 :])
