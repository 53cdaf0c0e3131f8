"""What a sample of chips says of a quantity: its ends, middle and spread, its distribution, how far it has settled.

The empirical distribution F_n(x), the share of n chips at x or below, is off from the true one by more than

    e = √(ln(2 / a) / (2 n))

anywhere with a probability of at most a (Dvoretzky, Kiefer & Wolfowitz, Ann. Math. Stat. 27, 642, 1956; the constant is
Massart's, Ann. Probab. 18, 1269, 1990): the band F_n ± e, cut off at 0 and 1, holds the whole curve with 1 - a.
"""

from dataclasses import dataclass

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array
from resonet.cosim.montecarlo.yields import CONFIDENCE

__all__ = ["Distribution", "Settled", "Summary", "distribution", "settling", "summary"]

TAIL = 0.05  # share below the low and above the high quantile


@dataclass(frozen=True, slots=True)
class Summary:
    """A quantity over the chips of a sample."""

    chips: int  # with a value
    least: float
    low: float  # 5 % of the chips are below
    median: float
    mean: float
    spread: float  # standard deviation, n - 1; NaN for one chip
    high: float  # 95 % are below
    most: float


@dataclass(frozen=True, slots=True, eq=False)
class Distribution:
    """Empirical distribution with the band that holds the true one."""

    values: Array  # [chips] in order
    share: Array  # [chips] at this value or below
    low: Array  # [chips] of the band, of this value and up to the next
    high: Array
    confidence: float


@dataclass(frozen=True, slots=True, eq=False)
class Settled:
    """Mean of the first chips, and its standard error, as there come more and more of them."""

    chips: Array  # 2 ... all
    mean: Array
    error: Array


def _finite(values: Array) -> Array:
    found = np.asarray(values, float)
    found = found[np.isfinite(found)]
    if not len(found):
        raise InputError("no chip of the sample has a value; possible: one chip or more that could be computed")
    return np.asarray(found)


def summary(values: Array) -> Summary:
    """Of a quantity, [chips]; chips without a value (NaN) are left out. Quantiles between chips are linear."""
    found = _finite(values)
    low, median, high = np.quantile(found, (TAIL, 0.5, 1 - TAIL))
    spread = float(found.std(ddof=1)) if len(found) > 1 else float("nan")
    ends = float(found.min()), float(found.max())
    return Summary(len(found), ends[0], float(low), float(median), float(found.mean()), spread, float(high), ends[1])


def distribution(values: Array, confidence: float = CONFIDENCE) -> Distribution:
    """Empirical distribution of a quantity, [chips]; chips without a value (NaN) are left out."""
    found = np.sort(_finite(values))
    share = np.searchsorted(found, found, "right") / len(found)
    off = float(np.sqrt(np.log(2 / (1 - confidence)) / (2 * len(found))))
    return Distribution(found, share, np.maximum(share - off, 0), np.minimum(share + off, 1), confidence)


def settling(values: Array) -> Settled:
    """Running mean of a quantity in the order of the chips, [chips], and its standard error."""
    found = _finite(values)
    count = np.arange(1, len(found) + 1)
    centred = found - found[0]  # against cancellation
    mean, square = np.cumsum(centred) / count, np.cumsum(centred**2)
    variance = np.maximum(square - count * mean**2, 0)[1:] / (count[1:] - 1)
    return Settled(count[1:].astype(float), (mean + found[0])[1:], np.sqrt(variance / count[1:]))
