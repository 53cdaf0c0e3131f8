"""Graceful degradation: accuracy of a network against the rate of each kind of fault, before and after calibration.

Levels: `programmed`, nobody knows of the faults; `calibrated`, every resonator that tuning still reaches is tuned so
that its chain comes as close to the trained weights as it can; `refitted`, on images as well (cosim/robust/refit.py).
Sample n of one kind has the same random numbers at every rate, so that a map at a higher rate holds that of a lower.
"""

import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array
from resonet.core.validity import collected
from resonet.core.watching import Done, nothing
from resonet.cosim.montecarlo.levels import chip_levels
from resonet.cosim.robust.refit import refitted
from resonet.cosim.robust.subject import Ground, Subject, ground_of, rms, subject_study
from resonet.cosim.sweep.outcomes import Outcomes
from resonet.cosim.sweep.study import Study, run_study
from resonet.netlist.chips.faults import FAULTS, FaultKind, FaultMap, FaultOptions
from resonet.netlist.chips.faulty import faulty_chip
from resonet.netlist.design.fault_maps import draw_faults, read_faults

__all__ = ["FAULT_LEVELS", "FaultCurve", "FaultLevel", "FaultRun", "fault_curves", "fault_study", "run_faults"]

FaultLevel = Literal["programmed", "calibrated", "refitted"]
FAULT_LEVELS: tuple[FaultLevel, ...] = get_args(FaultLevel)
RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRun(Subject):
    """Faults of each kind at each rate on `samples` chips; or the map of a file, on them all."""

    kinds: tuple[FaultKind, ...] = FAULTS
    rates: tuple[float, ...] = RATES
    map: str | None = None  # file
    options: FaultOptions = field(default_factory=FaultOptions)

    def __post_init__(self) -> None:
        Subject.__post_init__(self)
        wrong = [kind for kind in self.kinds if kind not in FAULTS]
        if wrong or not self.kinds:
            raise InputError(f"--kinds {str(wrong[:1] or '')[:40]}: possible: {', '.join(FAULTS)}")
        if not self.rates or not all(0 < rate <= 1 for rate in self.rates):
            raise InputError("--rates: possible: parts above 0 and up to 1, such as 0.1 %")

    @property
    def levels(self) -> tuple[FaultLevel, ...]:
        """Levels that are measured."""
        return FAULT_LEVELS if self.calibration is not None else FAULT_LEVELS[:2]

    @property
    def points(self) -> list[tuple[FaultKind | None, float, int]]:
        """Kind, rate and chip of every point; with a map, chips alone."""
        if self.map is not None:
            return [(None, math.nan, number) for number in range(self.samples)]
        return [(kind, rate, number) for kind in self.kinds for rate in self.rates for number in range(self.samples)]


def _faults(run: FaultRun, ground: Ground, kind: FaultKind | None, rate: float, number: int) -> FaultMap:
    if run.map is not None or kind is None:
        return read_faults(Path(str(run.map)), ground.design, run.options)
    return draw_faults(ground.design, {kind: rate}, run.seed, number, run.options)


def measure_faults(run: FaultRun, number: int) -> dict[str, Any]:
    """One point: `accuracy` and `rms` by level, `software`, and `faults`, how many there are. Raises InputError."""
    ground, (kind, rate, chip_number) = ground_of(run), run.points[number]
    with collected() as warnings:
        chip = ground.sampler.chip(chip_number if run.spread.active else None)
        faults = _faults(run, ground, kind, rate, chip_number)
        broken = faulty_chip(chip, faults)
        held = {
            str(name): one.held
            for name, one in chip_levels(
                ground.design, run.program, broken, ("programmed", "calibrated"), run.tuning
            ).items()
        }
        if ground.calibration is not None:
            held["refitted"] = refitted(ground.design, run.program, broken, ground.calibration, run.tuning).held
        found: dict[str, Any] = {
            "accuracy": ground.shares(held),
            "rms": {level: rms(layers) for level, layers in held.items()},
            "software": ground.tested.software,
            "faults": float(sum(faults.counts().values())),
        }
    return found | {"warnings": [asdict(entry) for entry in warnings]} if warnings else found


@dataclass(frozen=True, slots=True, eq=False)
class FaultCurve:
    """Accuracy over the rate of one kind of fault at one level."""

    kind: FaultKind | None
    level: FaultLevel
    rates: Array
    faults: Array  # on the mean of the chips
    mean: Array
    low: Array  # least of the chips
    high: Array
    rms: Array  # of the weights, mean


def fault_curves(run: FaultRun, outcomes: Outcomes) -> list[FaultCurve]:
    """Curves of the chips that could be computed, kind by kind and level by level."""
    curves = list[FaultCurve]()
    kinds: list[FaultKind | None] = [None] if run.map is not None else list(run.kinds)
    rates = [math.nan] if run.map is not None else list(run.rates)
    faults = np.array(outcomes.numbers("faults")).reshape(len(kinds), len(rates), run.samples)
    for level in run.levels:
        accuracy, error = (
            np.array(outcomes.numbers(name, level)).reshape(faults.shape) for name in ("accuracy", "rms")
        )
        for n, kind in enumerate(kinds):
            own = accuracy[n]
            shares = np.nanmean(own, 1), np.nanmin(own, 1), np.nanmax(own, 1)
            many, off = np.nanmean(faults[n], 1), np.nanmean(error[n], 1)
            curves.append(FaultCurve(kind, level, np.array(rates), many, *shares, off))
    return sorted(curves, key=lambda curve: kinds.index(curve.kind))


def fault_study(run: FaultRun) -> Study:
    """The points of a run as a study. Raises InputError, EngineError."""
    return subject_study("faults", run, len(run.points), measure_faults, _first, [run.map])


def run_faults(
    run: FaultRun, folder: Path, jobs: int | None = None, scheduler: str | None = None, done: Done = nothing
) -> tuple[Path, Outcomes]:
    """Compute the points that are missing; the path of their journal and every outcome: see `run_study`."""
    return run_study(fault_study(run), folder, jobs, scheduler, done)


def _first(run: FaultRun) -> None:
    """Raise InputError for what is wrong with all points."""
    ground = ground_of(run)
    for kind in run.kinds if run.map is None else ():
        _faults(run, ground, kind, max(run.rates), 0)
    if run.map is not None:
        _faults(run, ground, None, math.nan, 0)
