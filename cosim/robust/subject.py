"""What the studies of chips have in common: a design, its chips by number, images, and what calibration may do.

Every study is made of points that can be computed by anybody in any order (cosim/sweep/study.py). What all points share
is made once in a process.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array
from resonet.core.validity import collected
from resonet.cosim.calibration.chip_tuning import TuningOptions
from resonet.cosim.montecarlo.run import ONE
from resonet.cosim.sweep.study import Study, study_key
from resonet.cosim.sweep.tested import Tested
from resonet.cosim.weights.held import HeldWeights
from resonet.netlist.chips.spread import SpreadOptions
from resonet.netlist.design.chips import ChipSampler
from resonet.netlist.design.design import Design
from resonet.netlist.design.folder import load_design
from resonet.netlist.programming.methods import Method

__all__ = ["MOST_SAMPLES", "Ground", "Subject", "ground_of", "rms", "scaled_spread", "subject_study"]

MOST_SAMPLES = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is studied. The files are named, not sent: every worker must see them."""

    source: str  # design folder
    data: str  # labelled images
    spread: SpreadOptions = field(default_factory=SpreadOptions)
    samples: int = 10  # chips
    seed: int = 1
    program: Method = "coupled"
    tuning: TuningOptions = field(default_factory=TuningOptions)
    calibration: str | None = None  # images to calibrate on

    def __post_init__(self) -> None:
        if not 1 <= self.samples <= MOST_SAMPLES:
            raise InputError(f"--samples {self.samples}: possible: 1 ... {MOST_SAMPLES:,}")


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """What all points of a study share."""

    design: Design
    sampler: ChipSampler
    tested: Tested
    calibration: Array | None  # images [n, *input_shape]

    def shares(self, held: Mapping[str, Mapping[str, HeldWeights]], design: Design | None = None) -> dict[str, float]:
        """Images in their class, by the name that weights go under."""
        found: dict[str, float] = self.tested.shares(design or self.design, held)["accuracy"]
        return found


def rms(held: Mapping[str, HeldWeights]) -> float:
    """RMS error of all weights, each as part of its layer's largest."""
    errors = [one.error if one.wired is None else one.error[one.wired] for one in held.values()]
    return float(np.sqrt(np.mean(np.concatenate([error.ravel() for error in errors]) ** 2)))


def scaled_spread(spread: SpreadOptions, factor: float, only: str | None = None) -> SpreadOptions:
    """Spreads times a factor, all of them or one. Raises InputError."""
    names = spread.active if only is None else (only,)
    values: dict[str, Any] = {name: factor * spread.sigma(name) for name in names}
    return replace(spread, **values)


def _key(subject: Subject, more: Sequence[str | None] = ()) -> str:
    """Hash of everything that the points depend on; `more` files. Raises InputError, EngineError."""
    folder, given = Path(subject.source), (subject.data, subject.calibration, *more)
    files = [folder / name for name in ("design.toml", "model.onnx", "program.npz")]
    files += [Path(name) for name in given if name is not None]
    paths = ("source", "data", "calibration")
    what: dict[str, Any] = {name: value for name, value in asdict(subject).items() if name not in paths}
    return study_key(what, files, "linear")


_grounds: dict[tuple[str, ...], Ground] = {}  # of the last study


def ground_of(subject: Subject) -> Ground:
    """What the points of a study share; made once in a process. Raises InputError."""
    key = (subject.source, subject.data, repr(subject.spread), str(subject.seed), str(subject.calibration))
    if key not in _grounds:
        _grounds.clear()
        with collected():
            design = load_design(Path(subject.source))
        design.require_bus("chips that are calibrated, drift or have faults", possible=ONE)
        design.program(subject.program)
        subject.tuning.check_damping(design.plan.device.damping)
        images = None if subject.calibration is None else design.images(Path(subject.calibration)).images
        sampler = ChipSampler(design, subject.spread, subject.seed)
        _grounds[key] = Ground(design, sampler, Tested.read(design, Path(subject.data)), images)
    return _grounds[key]


def subject_study(
    kind: str,
    subject: Subject,
    count: int,
    measure: Callable[[Any, int], dict[str, Any]],
    first: Callable[[Any], object] = ground_of,
    more: Sequence[str | None] = (),
) -> Study:
    """A study of `count` points that `measure` computes of a subject by their numbers; it also depends on files `more`.

    `first` is asked before the first point. Raises InputError, EngineError.
    """
    work, begin = functools.partial(measure, subject), functools.partial(first, subject)
    return Study(kind, _key(subject, more), asdict(subject), count, work, begin)
