"""Yield: the share of chips that pass, from those of a sample, with what the sample's size leaves open.

x of n chips pass, each by itself with the unknown probability p. Two intervals for p of confidence 1 - a:

    Clopper-Pearson   all p at which neither x or more, nor x or fewer, has less than a/2 of the binomial distribution;
                      covers p in at least 1 - a of all samples, whatever p (Biometrika 26, 404, 1934)
    Wilson            all p with |x/n - p| <= z √(p (1 - p) / n), z the normal quantile at 1 - a/2 (J. Am. Stat. Assoc.
                      22, 209, 1927); shorter, covers 1 - a on the average over p and less at some

Both by scipy.stats.
"""

from dataclasses import dataclass

from resonet.core.errors import InputError
from resonet.core.types import Bools

__all__ = ["CONFIDENCE", "Interval", "Yield", "clopper_pearson", "wilson", "yield_of"]

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """Ends of an interval for a share."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Yield:
    """Share of chips that pass."""

    passed: int
    chips: int
    confidence: float
    exact: Interval  # Clopper-Pearson
    wilson: Interval

    @property
    def share(self) -> float:
        """Of the sample."""
        return self.passed / self.chips


def _interval(passed: int, count: int, confidence: float, method: str) -> Interval:
    from scipy.stats import binomtest

    if count < 1 or not 0 <= passed <= count:
        raise InputError(f"{passed} of {count} chips; possible: one chip or more, and no more that pass")
    if not 0 < confidence < 1:
        raise InputError(f"confidence {confidence:g}: possible: between 0 and 1")
    found = binomtest(passed, count).proportion_ci(confidence, method)
    return Interval(float(found.low), float(found.high))


def clopper_pearson(passed: int, count: int, confidence: float = CONFIDENCE) -> Interval:
    """Interval for the share of all chips that pass, from `passed` of `count`; exact. Raises InputError."""
    return _interval(passed, count, confidence, "exact")


def wilson(passed: int, count: int, confidence: float = CONFIDENCE) -> Interval:
    """Wilson's interval for the same, which is shorter and covers on the average. Raises InputError."""
    return _interval(passed, count, confidence, "wilson")


def yield_of(passes: Bools, confidence: float = CONFIDENCE) -> Yield:
    """Yield of a sample of chips, [chips] whether each passes. Raises InputError for none."""
    passed, count = int(passes.sum()), len(passes)
    exact, short = clopper_pearson(passed, count, confidence), wilson(passed, count, confidence)
    return Yield(passed, count, confidence, exact, short)
