"""The loosest spreads that keep a yield, the least tuning range and the fewest DAC bits: for a process engineer.

A chip passes with at least `accuracy` at a level of calibration. Every row of the table moves one thing and leaves the
rest as the run has it, on the same chips at every step (common random numbers: chip n has the same standard scores
whatever the spread is), so that the share that passes falls as a spread grows, and bisection on it is sound but for
single chips. What counts is the share of the sample, or with `sure` the lower end of its exact interval
(Clopper-Pearson): then the yield is above the target with that confidence, each row by itself.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from resonet.core.errors import InputError
from resonet.core.validity import collected
from resonet.core.watching import Done, nothing
from resonet.cosim.calibration.chip_tuning import MOST_BITS, TuningOptions
from resonet.cosim.montecarlo.levels import Level, chip_levels
from resonet.cosim.montecarlo.yields import CONFIDENCE, clopper_pearson
from resonet.cosim.robust.subject import Ground, Subject, ground_of, scaled_spread, subject_study
from resonet.cosim.sweep.outcomes import Outcomes
from resonet.cosim.sweep.study import Study, run_study
from resonet.netlist.chips.chip import Chip
from resonet.netlist.chips.spread import MOST, QUANTITIES, SpreadOptions
from resonet.netlist.design.chips import ChipSampler

__all__ = ["RANGES", "ToleranceRun", "Tolerated", "rows_of", "run_tolerances", "tolerance_study", "tolerated"]

SPREADS = (1e-5, 0.5)  # between which a spread is sought
FACTORS = (0.01, 100.0)
RANGES = (0.25, 40.0)  # half-widths
STEPS = 9  # halvings
TOGETHER, RANGE, BITS = "all spreads, times", "tuning range", "DAC bits"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToleranceRun(Subject):
    """What is asked of the chips, and what of them is sought."""

    accuracy: float = 0.98
    target: float = 0.9  # yield
    level: Level = "calibrated"
    sure: bool = False
    confidence: float = CONFIDENCE
    quantities: tuple[str, ...] = ()  # whose loosest spread is sought; (): those that spread

    def __post_init__(self) -> None:
        Subject.__post_init__(self)
        for name, value in (("--accuracy", self.accuracy), ("--yield", self.target)):
            if not 0 < value <= 1:
                raise InputError(f"{name} {value:g}: possible: above 0 and up to 1")
        wrong = next((name for name in self.quantities if name not in QUANTITIES), None)
        if wrong is not None:
            raise InputError(f"--of {wrong[:40]!r}: possible: {', '.join(QUANTITIES)}")
        if not self.quantities and not self.spread.active:
            raise InputError(
                'nothing spreads; possible: --of f_res, --spread f_res="0.5 %", or [spread] in design.toml'
            )
        if self.needed > self.samples:
            raise InputError(
                f"--samples {self.samples}: too few chips to be sure of a yield of {self.target:g} with "
                f"{self.confidence:g} confidence; possible: more"
            )

    @property
    def needed(self) -> int:
        """Chips of the sample that have to pass; more than there are where no number is enough."""
        if not self.sure:
            return math.ceil(self.target * self.samples - 1e-9)
        for passed in range(self.samples + 1):
            # The lower end of a two-sided interval of 2 c - 1 is a one-sided bound of confidence c.
            if clopper_pearson(passed, self.samples, 2 * self.confidence - 1).low >= self.target:
                return passed
        return self.samples + 1


def rows_of(run: ToleranceRun) -> list[str]:
    """What is sought, row by row."""
    rows = list(run.quantities or run.spread.active)
    if len(run.spread.active) > 1:
        rows.append(TOGETHER)
    return rows + ([RANGE, BITS] if run.level == "calibrated" and run.spread.active else [])


@dataclass(frozen=True, slots=True)
class Tolerated:
    """One row of the table."""

    what: str
    value: float | None  # σ, factor, half-widths or bits; None: no value that was tried keeps the yield
    open_end: bool  # the loosest value that was tried keeps it
    passed: int  # chips at that value; where none keeps the yield, at `failing`
    chips: int
    low: float  # of the yield there, Clopper-Pearson
    high: float
    failing: float | None  # the closest value that was found not to keep it


class _Trial:
    """How many of the chips pass, at one setting after another."""

    def __init__(self, run: ToleranceRun, ground: Ground) -> None:
        self.run, self.ground = run, ground

    def chip_passes(self, chip: Chip, tuning: TuningOptions) -> bool:
        """Whether a chip has the accuracy."""
        run, design = self.run, self.ground.design
        level = chip_levels(design, run.program, chip, (run.level,), tuning)[run.level]
        return self.ground.shares({run.level: level.held})[run.level] >= run.accuracy

    def passed(self, spread: SpreadOptions, tuning: TuningOptions, whole: bool = False) -> int:
        """Chips that pass; without `whole` only as many are looked at as it takes to know whether enough do.

        A chip that its law of spread cannot make does not pass.
        """
        run = self.run
        sampler = ChipSampler(self.ground.design, spread, run.seed)
        passed, allowed = 0, run.samples - run.needed
        for number in range(run.samples):
            try:
                chip = sampler.chip(number)
                passed += self.chip_passes(chip, tuning)
            except InputError:
                if not spread.active:
                    raise
            missed = number + 1 - passed
            if not whole and (missed > allowed or passed >= run.needed):
                return passed
        return passed

    def keeps(self, spread: SpreadOptions, tuning: TuningOptions) -> bool:
        """Whether enough pass."""
        return self.passed(spread, tuning) >= self.run.needed


Setting = tuple[SpreadOptions, TuningOptions]


def _setting(run: ToleranceRun, what: str, value: float) -> Setting:
    """Spreads and tuning with one thing at a value."""
    spread, tuning = run.spread, run.tuning
    if what == TOGETHER:
        largest = max(spread.sigma(name) for name in spread.active)
        return scaled_spread(spread, min(value, MOST / largest)), tuning
    if what == RANGE:
        return spread, replace(tuning, reach=value)
    if what == BITS:
        return spread, replace(tuning, bits=round(value))
    moved: dict[str, Any] = {what: value}
    return replace(spread, **moved), tuning


def _now(run: ToleranceRun, what: str) -> float:
    """What a row's thing is in the run."""
    if what == TOGETHER:
        return 1.0
    return run.tuning.reach if what == RANGE else run.spread.sigma(what)


def _loosest(
    keeps: Callable[[float], bool], ends: tuple[float, float], now: float
) -> tuple[float | None, float | None]:
    """Loosest value that keeps the yield and tightest that does not, from tight to loose, in the logarithm.

    With few chips a tight value may fail where `now` does not: the search then begins at the latter.
    """
    if keeps(ends[1]):
        return ends[1], None
    start = next((value for value in (ends[0], now) if keeps(value)), None)
    if start is None:
        return None, ends[0]
    tight, loose = math.log(start), math.log(ends[1])
    for _ in range(STEPS):
        middle = (tight + loose) / 2
        tight, loose = (middle, loose) if keeps(math.exp(middle)) else (tight, middle)
    return math.exp(tight), math.exp(loose)


def _fewest(keeps: Callable[[float], bool]) -> tuple[float | None, float | None]:
    """Fewest bits that keep the yield, and one less."""
    if not keeps(MOST_BITS):
        return None, float(MOST_BITS)
    low, high = 0, MOST_BITS  # 0: none at all
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if keeps(middle) else (middle, high)
    return float(high), float(low) if low else None


def measure_tolerance(run: ToleranceRun, number: int) -> dict[str, Any]:
    """One row: what `Tolerated` holds. Raises InputError, EngineError."""
    ground, what = ground_of(run), rows_of(run)[number]
    trial = _Trial(run, ground)
    limit = 0.999 / ground.design.plan.device.damping
    ends = {TOGETHER: FACTORS, RANGE: (min(RANGES[1], limit), RANGES[0])}.get(what, SPREADS)
    with collected():

        def keeps(value: float) -> bool:
            return trial.keeps(*_setting(run, what, value))

        value, failing = _fewest(keeps) if what == BITS else _loosest(keeps, ends, _now(run, what))
        at = value if value is not None else failing
        passed = 0 if at is None else trial.passed(*_setting(run, what, at), whole=True)
    interval = clopper_pearson(passed, run.samples, run.confidence)
    return {
        "what": what,
        "value": value,
        "open_end": value is not None and failing is None,
        "passed": passed,
        "chips": run.samples,
        "low": interval.low,
        "high": interval.high,
        "failing": failing,
    }


def tolerated(outcomes: Outcomes) -> list[Tolerated]:
    """Rows that could be computed."""
    return [Tolerated(**one.values) for _, one in sorted(outcomes.items()) if one.values]


def tolerance_study(run: ToleranceRun) -> Study:
    """The rows of the table as a study. Raises InputError, EngineError."""
    return subject_study("tolerances", run, len(rows_of(run)), measure_tolerance)


def run_tolerances(
    run: ToleranceRun, folder: Path, jobs: int | None = None, scheduler: str | None = None, done: Done = nothing
) -> tuple[Path, Outcomes]:
    """Compute the rows that are missing; the path of their journal and every outcome: see `run_study`."""
    return run_study(tolerance_study(run), folder, jobs, scheduler, done)
