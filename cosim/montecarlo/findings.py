"""What the chips of a Monte Carlo say together: every quantity over the chips, level by level, and the yield."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from resonet.core.types import Array, Bools
from resonet.cosim.montecarlo.levels import Level
from resonet.cosim.montecarlo.limits import QUANTITIES, Limit
from resonet.cosim.montecarlo.run import MonteCarlo
from resonet.cosim.montecarlo.statistics import Summary, summary
from resonet.cosim.montecarlo.yields import CONFIDENCE, Yield, yield_of
from resonet.cosim.sweep.outcomes import Outcomes

__all__ = ["Findings", "Row", "findings", "measured"]


@dataclass(frozen=True, slots=True)
class Row:
    """A quantity at a level over the chips."""

    quantity: str
    level: str  # "" where it is the same at all levels
    summary: Summary
    limit: Limit | None
    passed: int | None  # chips that keep it

    @property
    def verdict(self) -> str:
        """Whether every chip keeps the limit; nothing where there is none."""
        if self.passed is None:
            return ""
        return "pass" if self.passed == self.summary.chips else "FAIL"


@dataclass(frozen=True, slots=True, eq=False)
class Findings:
    """All of a run."""

    values: Mapping[tuple[str, str], Array]  # (quantity, level) -> [chips that could be computed]
    numbers: Array  # [chips] of the samples
    rows: tuple[Row, ...]
    yields: Mapping[Level, Yield]  # of chips that keep all limits; without limits nothing
    limits: tuple[Limit, ...]
    failed: int  # chips that could not be computed, and count nowhere


def measured(run: MonteCarlo) -> list[str]:
    """Names of the quantities that a run measures."""
    return [
        one.name
        for one in QUANTITIES.values()
        if not (one.images and run.data is None)
        and not (one.name == "noisy" and not run.noise)
        and not (one.sparams and run.sparams is None)
    ]


def findings(
    run: MonteCarlo, outcomes: Outcomes, limits: Sequence[Limit] = (), confidence: float = CONFIDENCE
) -> Findings:
    """Of the chips that could be computed. Raises InputError where there is none."""
    numbers = np.array(sorted(outcomes), dtype=int)
    good = ~np.isin(numbers, outcomes.failed())
    values: dict[tuple[str, str], Array] = {}
    for name in measured(run):
        known = QUANTITIES[name]
        for level in run.levels if known.levels else ("",):
            found = np.array(outcomes.numbers(*known.place, *([level] if level else [])))[good]
            if np.isfinite(found).any() or not good.any():
                values[name, level] = found
    by_name = {limit.quantity: limit for limit in limits}
    rows = []
    for (name, level), found in values.items():
        limit = by_name.get(name)
        passed = None if limit is None else int(limit.passes(found).sum())
        rows.append(Row(name, level, summary(found), limit, passed))
    yields: dict[Level, Yield] = {}
    if limits:
        for level in run.levels:
            yields[level] = yield_of(_pass(values, level, limits, int(good.sum())), confidence)
    return Findings(values, numbers[good], tuple(rows), yields, tuple(limits), int((~good).sum()))


def _pass(values: Mapping[tuple[str, str], Array], level: str, limits: Sequence[Limit], chips: int) -> Bools:
    """Which chips keep all limits at a level, [chips]."""
    passes = np.ones(chips, bool)
    for limit in limits:
        found = values.get((limit.quantity, level), values.get((limit.quantity, "")))
        if found is not None:  # crosstalk, where nobody disturbs
            passes &= limit.passes(found)
    return passes
