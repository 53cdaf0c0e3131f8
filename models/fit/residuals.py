"""Whether a fit left structure behind: more than its noise, and more than its model neglects.

Two looks at the residuals r, in the order of frequency, weighted:

**Neighbours** (von Neumann, Ann. Math. Stat. 12, 367): for white noise the mean square of r and half of the mean square
of the step from a point to the next are equal; their ratio deviates by √((n-2)/(n²-1)) at random. What is smooth from
point to point - a slope, a drift, a broad line - is in the first and not in the second. No error has to be known.

**A second resonance**: the scan that found the first is led over the residuals. It counts by the rule that the first
one had to meet: χ² falls by 30 times the noise, with four points in its width. This sees what few points resolve.

Where errors were given, χ² must also agree with them. What is below 1 % of the resonance, RMS, is not told: to that the
linear model itself is held (`auto_oscillator.linear_power`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from resonet.core.types import Array
from resonet.core.validity import warn

__all__ = ["Second", "smooth_share", "warn_of_structure"]

NEIGHBOURS = 4.5  # standard deviations: 3e-6 of chance
GAIN, INSIDE = 30.0, 4  # of a resonance, as `fit` asks of the first one
CHI_SQUARE = 1e-6  # chance of a χ² beyond what errors allow
NEGLECTED = 0.01  # of the resonance's RMS


@dataclass(frozen=True, slots=True)
class Second:
    """A resonance in the residuals of a fit."""

    f0: float  # Hz
    gain: float  # of χ²
    inside: int  # points within a full width either side


def smooth_share(rows: Sequence[Array], free: int) -> tuple[float, float]:
    """Part of χ² per degree of freedom that neighbours share, and how many standard deviations it is away from none.

    rows: sequences of residuals by frequency (real and imaginary parts apart); free: degrees of freedom of all.
    """
    count = sum(map(len, rows))
    whole = sum(float(row @ row) for row in rows) / free
    steps = sum(float(np.diff(row) @ np.diff(row)) for row in rows) / (2 * sum(len(row) - 1 for row in rows))
    if whole <= 0:
        return 0.0, 0.0
    return 1 - steps / whole, (1 - steps / whole) / math.sqrt((count - 2) / (count**2 - 1))


def warn_of_structure(
    file: str, rows: Sequence[Array], free: int, without: float, r_squared: float, second: Second, known: bool
) -> None:
    """Warn "fit-residual" where a fit leaves structure.

    without: χ² of the model without resonance; known: whether the errors of the data were given.
    """
    from scipy.stats import chi2

    left = sum(float(row @ row) for row in rows)
    share, deviations = smooth_share(rows, free)
    signal = max(without - left, 1e-300)
    noise = (left - second.gain) / max(free - 4, 1)
    found = []
    if deviations > NEIGHBOURS:
        found.append((share * left, "neighbouring points are off together, beyond chance"))
    if second.gain > GAIN * noise and second.inside >= INSIDE:
        found.append((second.gain, f"a second resonance near {second.f0 / 1e9:.4g} GHz explains part of it"))
    if known and chi2.sf(left, free) < CHI_SQUARE:
        found.append((left - free, f"χ² is {left / free:.3g} times what the given errors say"))
    found = [(size, why) for size, why in found if math.sqrt(max(size, 0) / signal) > NEGLECTED]
    if found:
        value = math.sqrt(max(size for size, _ in found) / signal)
        warn(
            "fit-residual",
            f"{file}: the fit of one resonance leaves {100 * value:.2g} % of it, RMS, unexplained (R² = "
            f"{r_squared:.4f}): {'; '.join(why for _, why in found)}; its errors are too small; possible: a sweep "
            "across one resonance only, less power",
            value,
            NEGLECTED,
        )
