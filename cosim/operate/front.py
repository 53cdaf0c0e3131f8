"""The front of latency, energy and accuracy that some structures have by their surrogates."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from resonet.core.types import Array
from resonet.cosim.operate.points import Setting
from resonet.cosim.operate.records import FrontPoint
from resonet.cosim.operate.surrogate import Surrogate
from resonet.cosim.operate.tolerances import Tolerance

__all__ = ["front_points", "unbeaten"]

LEVELS = 6  # accuracies that points are sought at, the target beside
WORST = 0.9  # of the best accuracy: the least of them
Structure = tuple[dict[str, float], Surrogate]


def _points(structures: Iterable[Structure], allowed: Tolerance, powers: Array, target: float) -> Iterator[FrontPoint]:
    """Points of all structures over power and accuracy."""
    levels = sorted({target, *np.linspace(min(target, WORST * allowed.best), allowed.best, LEVELS)[:-1].tolist()})
    for structure, found in structures:
        for variance in map(allowed.variance, levels):
            for power in powers:
                bandwidth = found.widest(float(power), variance)
                if bandwidth is None:
                    continue
                setting, time = Setting(float(power), bandwidth), found.latency(bandwidth)
                yield FrontPoint(
                    structure, setting, time, time * found.drawn.power(float(power)), found.accuracy(setting)
                )


def unbeaten(points: Iterable[FrontPoint]) -> tuple[FrontPoint, ...]:
    """Those that no other one beats, the shortest latency first."""
    kept = list[FrontPoint]()
    for point in sorted(points, key=lambda p: (p.latency, p.energy, -p.accuracy)):
        if not any(one.energy <= point.energy and one.accuracy >= point.accuracy for one in kept):
            kept.append(point)
    return tuple(kept)


def front_points(
    structures: Sequence[Structure], allowed: Tolerance, powers: Array, target: float
) -> tuple[FrontPoint, ...]:
    """Points of some structures that no other one beats, over powers in W."""
    return unbeaten(_points(structures, allowed, powers, target))
