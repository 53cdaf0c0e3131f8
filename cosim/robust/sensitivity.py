"""Which spread matters, and in which layer: Sobol's indices and linear response.

A source is a quantity of a layer's devices: thousands of independent numbers, which count as one input. With chips A
and B and AB_i, which is A with source i of B, the indices of a result y of a chip are (A. Saltelli et al., Comput.
Phys. Commun. 181, 259, 2010; computed by SALib, with its bootstrap intervals)

    first    S_i = E[y(B) (y(AB_i) - y(A))] / Var y         part of the variance that goes when i alone is known
    total    T_i = E[(y(A) - y(AB_i))²] / (2 Var y)         part that stays when all others are known

Linear response is what first-order propagation says: source i alone, moved to h of its standard scores, moves the
outputs of the network by h ∇_i y · z, and E (∇_i y · z)² = |∇_i y|² is its part of the variance. Shares of these are
Sobol's indices, first and total, where y is additive: at small spread.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array
from resonet.core.validity import collected
from resonet.core.watching import Done, nothing
from resonet.cosim.montecarlo.levels import ChipLevel, Level, chip_levels
from resonet.cosim.robust.subject import Ground, Subject, ground_of, rms, scaled_spread, subject_study
from resonet.cosim.sweep.outcomes import Outcomes
from resonet.cosim.sweep.study import Study, run_study
from resonet.cosim.weights.inference import circuit_logits, forward
from resonet.netlist.chips.chip import Chip
from resonet.netlist.chips.mixing import mixed
from resonet.netlist.design.chips import ChipSampler
from resonet.netlist.network.forward import classes

__all__ = [
    "RESULTS",
    "By",
    "Indices",
    "SensitivityRun",
    "Source",
    "rank_sources",
    "run_sensitivity",
    "sensitivity_study",
    "sobol_indices",
]

By = Literal["both", "quantity", "layer"]
RESULTS = ("accuracy", "weight_error", "output_error", "output")  # of a chip
SMALL = 0.01  # h
FEW = 200  # images of the linear response
RESAMPLES = 200


@dataclass(frozen=True, slots=True)
class Source:
    """A quantity of a layer; "": all of them."""

    quantity: str
    layer: str

    @property
    def name(self) -> str:
        """For people."""
        return " of ".join(part for part in (self.quantity, self.layer) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class SensitivityRun(Subject):
    """`samples` pairs of chips; every source is exchanged between the chips of each."""

    by: By = "both"
    level: Level = "programmed"
    images: int = 1000  # of the data

    def __post_init__(self) -> None:
        Subject.__post_init__(self)
        if self.by not in get_args(By):
            raise InputError(f"--by {self.by[:40]!r}: possible: {', '.join(get_args(By))}")
        if not self.spread.active:
            raise InputError('nothing spreads; possible: --spread f_res="0.5 %", or [spread] in design.toml')
        common = [name for name in self.spread.active if self.spread.share(name).local < 1]
        if common and self.by != "quantity":
            raise InputError(
                f"--by {self.by}: layers of a chip have part of spread.{common[0]} in common (gradient, chip), and are "
                "no inputs of their own; possible: --by quantity"
            )
        if self.images < 1:
            raise InputError(f"--images {self.images}: possible: 1 and more")


@dataclass(frozen=True, slots=True)
class Indices:
    """Of one source and one result, with half-widths of their intervals of 95 %."""

    first: float
    first_within: float
    total: float
    total_within: float


def sources_of(run: SensitivityRun, ground: Ground) -> list[Source]:
    """Sources that move anything, by quantity and layer."""
    full, found = ground.sampler.chip(0), []
    for name in run.spread.active:
        for layer in full.layers.values():
            if any(name in of for of in (layer.resonators, layer.tones, layer.neurons, layer.lines)):
                found.append(Source(name if run.by != "layer" else "", layer.layer if run.by != "quantity" else ""))
    return list(dict.fromkeys(found))


def _exchanged(chip: Chip, other: Chip, source: Source) -> Chip:
    return mixed(chip, other, source.quantity or None, source.layer or None)


class _Measure:
    """Results of chips on the images of a run."""

    def __init__(self, run: SensitivityRun, ground: Ground) -> None:
        self.run, self.design = run, ground.design
        self.images = ground.tested.images.images[: run.images]
        self.labels = ground.tested.images.labels[: run.images]
        self.trained = classes_of = ground.tested.trained[: run.images]
        self.places = np.arange(len(classes_of)), classes_of
        self.nominal = ground.sampler.chip(None)
        self.reference = self.logits(self.level(self.nominal))
        self.top = float(np.abs(self.reference).max()) or 1.0
        self.exact = forward(self.design, self.level(self.nominal).held, self.images[:FEW])

    def level(self, chip: Chip) -> ChipLevel:
        """A chip at the level of the run."""
        run = self.run
        return chip_levels(self.design, run.program, chip, (run.level,), run.tuning)[run.level]

    def logits(self, level: ChipLevel) -> Array:
        """[n, outputs]."""
        return circuit_logits(level.design, level.held, self.images, None, 1).values

    def results(self, chip: Chip) -> dict[str, float]:
        """`RESULTS` of a chip: share of images; RMS of all weights; RMS and mean of the outputs, of the trained class.

        Outputs are those of the chip less those of the nominal one, as part of the largest.
        """
        level = self.level(chip)
        logits = self.logits(level)
        off = (logits - self.reference) / self.top
        own = self.places if off.shape[1] > 1 else (self.places[0], np.zeros_like(self.trained))
        right = classes(logits, self.design.cnn.ranked) == self.labels
        values = float(right.mean()), rms(level.held), float(np.sqrt((off**2).mean())), float(off[own].mean())
        return dict(zip(RESULTS, values, strict=True))

    def response(self, chip: Chip, small: float) -> tuple[float, float]:
        """Mean square over images and outputs of what a little of a source does, by its size; `output` squared."""
        logits = forward(self.design, self.level(chip).held, self.images[:FEW])
        moved = (logits - self.exact) / (small * self.top)
        rows = np.arange(len(moved))
        own = moved[rows, self.trained[:FEW] if moved.shape[1] > 1 else 0]
        return float((moved**2).mean()), float(own.mean()) ** 2


_measures: dict[str, _Measure] = {}  # of the last run


def _measure(run: SensitivityRun) -> _Measure:
    if repr(run) not in _measures:
        _measures.clear()
        _measures[repr(run)] = _Measure(run, ground_of(run))
    return _measures[repr(run)]


def measure_sources(run: SensitivityRun, number: int) -> dict[str, Any]:
    """One pair of chips: by result, values of A, of AB_i and of B; `linear` and `linear_output` by source.

    A is chip 2 `number`, B the next.
    """
    ground, made = ground_of(run), _measure(run)
    sources, small = sources_of(run, ground), SMALL
    with collected():
        a, b = (ground.sampler.chip(2 * number + n) for n in range(2))
        found = [made.results(chip) for chip in (a, *(_exchanged(a, b, source) for source in sources), b)]
        scaled = scaled_spread(run.spread, small)
        little = ChipSampler(ground.design, scaled, run.seed).chip(2 * number)
        moved = [made.response(_exchanged(made.nominal, little, source), small) for source in sources]
    values: dict[str, Any] = {name: [one[name] for one in found] for name in RESULTS}
    return values | {"linear": [one for one, _ in moved], "linear_output": [one for _, one in moved]}


def sobol_indices(values: Array, names: list[str], seed: int = 1) -> list[Indices] | None:
    """Indices of one result, from values [pairs, sources + 2] in the order A, AB_i, B; None where it is constant."""
    from SALib.analyze import sobol

    if float(np.ptp(values)) == 0:
        return None
    problem = {"num_vars": len(names), "names": names, "bounds": [[0.0, 1.0]] * len(names)}
    made = sobol.analyze(
        problem, values.ravel(), calc_second_order=False, num_resamples=RESAMPLES, conf_level=0.95, seed=seed
    )
    columns = (made[name].tolist() for name in ("S1", "S1_conf", "ST", "ST_conf"))
    return [Indices(*row) for row in zip(*columns, strict=True)]


@dataclass(frozen=True, slots=True)
class Ranked:
    """One source."""

    source: Source
    linear: float  # share of the outputs' variance to first order
    linear_output: float  # the same of `output`
    deviation: float  # that it makes at the outputs to first order, RMS, part of the largest
    indices: dict[str, Indices]  # by result


def rank_sources(run: SensitivityRun, outcomes: Outcomes) -> list[Ranked]:
    """Sources, the one that moves the outputs most first. Raises InputError where no pair could be computed."""
    rows = [one.values for one in outcomes.values() if one.values]
    if len(rows) < 2:
        raise InputError("fewer than two pairs of chips could be computed; possible: more --samples")
    sources = sources_of(run, ground_of(run))
    variance, own = (np.mean([row[name] for row in rows], 0) for name in ("linear", "linear_output"))
    indices = {
        name: sobol_indices(np.array([row[name] for row in rows]), [one.name for one in sources], run.seed)
        for name in RESULTS
    }
    ranked = [
        Ranked(
            source,
            float(variance[n] / (variance.sum() or 1.0)),
            float(own[n] / (own.sum() or 1.0)),
            float(np.sqrt(variance[n])),
            {name: found[n] for name, found in indices.items() if found is not None},
        )
        for n, source in enumerate(sources)
    ]
    return sorted(ranked, key=lambda one: -one.linear)


def sensitivity_study(run: SensitivityRun) -> Study:
    """The pairs of chips of a run as a study. Raises InputError, EngineError."""
    return subject_study("sensitivity", run, run.samples, measure_sources)


def run_sensitivity(
    run: SensitivityRun, folder: Path, jobs: int | None = None, scheduler: str | None = None, done: Done = nothing
) -> tuple[Path, Outcomes]:
    """Compute the pairs that are missing; the path of their journal and every outcome: see `run_study`."""
    return run_study(sensitivity_study(run), folder, jobs, scheduler, done)
