"""The shortest time that noise leaves, whatever settles how fast: each layer averages for as long as it must.

With S the one-sided density of a layer's noise and g its gain to the outputs, an average over T has the variance S/2T
(a boxcar has the noise bandwidth 1 / (2T)), so that V at the outputs takes Σ g S / (2T) <= V, and the shortest sum of
times is, by Lagrange,

    T_l in proportion to √(g_l S_l),     Σ T_l = (Σ √(g_l S_l))² / (2V).                                          (1)

S of the chains falls as 1/P², of precession as 1/P, what saturation leaves grows: there is a best power. What
saturation and tiles that talk to each other add no time lowers: it is taken off V.
"""

from collections.abc import Iterable

import numpy as np

from resonet.cosim.operate.points import Setting
from resonet.cosim.operate.surrogate import FIXED, GROWTH, Surrogate

__all__ = ["least_time", "shortest_time"]


def least_time(found: Surrogate, p_max: float, variance: float, sources: Iterable[str] | None = None) -> float:
    """Sum of (1) at a power, s, with the noise of some sources (default all); inf where saturation leaves no room."""
    ratio, total = found.design.plan.options.p_max / p_max, 0.0
    left = variance - sum(
        value
        for (_, source), value in found.noise(Setting(p_max, float(found.bandwidths[0]))).items()
        if source in ("saturation", *FIXED)
    )
    if not left > 0:
        return float("inf")
    chosen = None if sources is None else set(sources)
    for own in found.layers:
        density = sum(
            value * ratio ** GROWTH.get(source, 0)
            for source, value in own.densities.items()
            if source not in FIXED and (chosen is None or source in chosen)
        )
        total += float(np.sqrt(found.tolerance.gains[own.layer] * density))
    return total**2 / (2 * left)


def shortest_time(
    found: Surrogate, powers: Iterable[float], variance: float, sources: Iterable[str] | None = None
) -> tuple[float, float]:
    """Least of `least_time` over some powers: s, and the power in W."""
    chosen = None if sources is None else tuple(sources)
    return min((least_time(found, float(power), variance, chosen), float(power)) for power in powers)
