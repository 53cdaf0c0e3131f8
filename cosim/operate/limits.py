"""The shortest time that noise leaves, whatever settles how fast: each layer averages for as long as it must.

With S the one-sided density of a layer's noise and g its gain to the outputs, an average over T has the variance S/2T
(a boxcar has the noise bandwidth 1 / (2T)), so that V at the outputs takes Σ g S / (2T) <= V, and the shortest sum of
times is, by Lagrange,

    T_l in proportion to √(g_l S_l),     Σ T_l = (Σ √(g_l S_l))² / (2V).                                          (1)

S of the chains falls as 1/P², of precession as 1/P, what saturation leaves grows: there is a best power. What
saturation and tiles that talk to each other add no time lowers: it is taken off V.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from resonet.core.numbers import engineering
from resonet.cosim.operate.points import Setting
from resonet.cosim.operate.surrogate import FIXED, GROWTH, Surrogate

__all__ = ["KINDS", "least_time", "obstacle", "shares", "shortest_time"]

KINDS: dict[str, tuple[str, ...] | None] = {  # of noise that limits are told for
    "all noise": None,
    "Johnson": ("johnson",),
    "precession": ("precession",),
    "oscillators": ("amplitude", "phase"),
}
OSCILLATORS = "a larger threshold (neuron.threshold_current), farther resonators (reach), a narrower bandwidth"
ADVICE = {
    "tiles": "larger choke or bypass, a higher f_min",
    "saturation": "less p_max, farther resonators (reach), --fit",
    "johnson": "more p_max, of which it goes as 1/P², a narrower bandwidth",
    "precession": "more p_max, farther resonators (reach), a narrower bandwidth",
    "amplitude": OSCILLATORS,
    "phase": OSCILLATORS,
}
LEVELS = "tones as strong as their weights need (plan.levels = precession)"
TIMED = "a narrower bandwidth, more p_max"


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


def shares(found: Surrogate, setting: Setting) -> list[tuple[str, str, float]]:
    """Layer, source and share of the variance at the outputs, the largest first."""
    noise = found.noise(setting)
    total = sum(noise.values()) or 1.0
    ranked = sorted(noise.items(), key=lambda item: -item[1])
    return [(layer, source, value / total) for (layer, source), value in ranked]


def _by_source(found: Surrogate, setting: Setting) -> Iterator[tuple[str, float]]:
    """Sources and their variances at the outputs."""
    noise = found.noise(setting)
    for source in dict.fromkeys(source for _, source in noise):
        yield source, sum(value for (_, own), value in noise.items() if own == source)


def obstacle(found: Surrogate, setting: Setting, variance: float) -> str:
    """What most keeps a structure from having no more than a variance at its outputs, in a line, and what helps."""
    source, most = max(_by_source(found, setting), key=lambda item: item[1])
    layer = next(layer for layer, name, _ in shares(found, setting) if name == source)
    total, fixed = found.variance(setting), source in ("saturation", *FIXED)
    levels = "" if source in FIXED or found.design.parameters.plan.levels != "equal" else f", {LEVELS}"
    power, bandwidth = engineering(setting.p_max, "W"), engineering(setting.bandwidth, "Hz")
    return (
        f"by its surrogate the nearest, at {power} and {bandwidth}, has "
        f"{total / max(variance, 1e-300):.3g} times the variance that the outputs may have, {most / total:.0%} of it "
        f"{source} (most in layer {layer}){', which no time lowers' if fixed else ''}; against that: "
        f"{ADVICE.get(source, TIMED)}{levels}"
    )
