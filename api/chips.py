"""What real chips do: many of a design, before and after calibration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from resonet.api.inputs import DesignOrFolder, PathText, refuse, stored_design
from resonet.core.choices import chosen_words
from resonet.core.errors import InputError
from resonet.core.numbers import engineering, percent, small_percent
from resonet.core.tabled import Table, Tabled
from resonet.core.watching import Progress, unwatched

if TYPE_CHECKING:
    from pandas import DataFrame
    from xarray import Dataset

    from resonet.cosim.montecarlo.findings import Findings
    from resonet.cosim.montecarlo.levels import Level
    from resonet.cosim.montecarlo.limits import Limit
    from resonet.cosim.montecarlo.run import MonteCarlo
    from resonet.cosim.sweep.outcomes import Outcomes
    from resonet.netlist.chips.spread import SpreadOptions
    from resonet.netlist.design.design import Design

__all__ = ["Chips", "level_names", "measure_chips", "montecarlo", "quantity_text", "spread_of"]


def level_names(text: str | Sequence[str], what: str = "--level") -> "tuple[Level, ...]":
    """Levels of calibration of text with commas or of names, or `all`. Raises InputError."""
    from resonet.cosim.montecarlo.levels import LEVELS

    return chosen_words(text, LEVELS, what)


def quantity_text(name: str, value: float) -> str:
    """A value of a quantity for people."""
    from resonet.cosim.montecarlo.limits import QUANTITIES

    unit = QUANTITIES[name].unit
    if not unit:
        return percent(value) if name in ("accuracy", "noisy") else small_percent(value)
    return f"{value:.1f} dB" if unit == "dB" else engineering(value, unit, 4)


def spread_of(given: "SpreadOptions", settings: Sequence[str]) -> "SpreadOptions":
    """Spreads of the design with those of settings NAME=VALUE in their place. Raises InputError."""
    from resonet.core.parameters import known_parameter, parse
    from resonet.netlist.chips.spread import SpreadOptions

    for setting in settings:
        name, equals, text = (part.strip() for part in setting.partition("="))
        if not equals:
            raise InputError(f'--spread {setting[:60]!r}: possible: NAME=VALUE, such as --spread f_res="0.5 %"')
        spec = known_parameter(SpreadOptions, name, "spread")
        given = replace(given, **{name: parse(text, spec, "spread")})
    if not given.active:
        raise InputError(
            'nothing spreads, so that all chips are alike; possible: --spread f_res="0.5 %", or [spread] in design.toml'
        )
    return given


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Chips(Tabled):
    """Chips of a Monte Carlo."""

    run: "MonteCarlo"
    outcomes: "Outcomes"
    findings: "Findings | None"  # quantities over the chips, and the yield; None where no chip could be computed
    journal: Path
    not_tested: tuple[str, ...]  # quantities of the specification that were not measured

    @property
    def trained(self) -> float | None:
        """Accuracy of the trained network; None without images."""
        rows = (row.values for row in self.outcomes.values())
        return next((row["software"] for row in rows if row and "software" in row), None)

    def to_xarray(self) -> "Dataset":
        """Quantities over (chip, level) or (chip, level, layer), units in their attributes; failed chips are NaN."""
        from resonet.cosim.montecarlo.table import montecarlo_dataset

        return montecarlo_dataset(self.run, self.outcomes)

    def to_pandas(self) -> "DataFrame":
        """A row a chip and level."""
        data = self.to_xarray()
        return data[[name for name, own in data.data_vars.items() if "layer" not in own.dims]].to_dataframe()

    @property
    def table(self) -> Table:
        """Quantities over the chips, and the yield."""
        names = ("quantity", "level", "5 %", "median", "mean", "95 %", "limit")
        if self.findings is None:
            return Table(f"{len(self.outcomes):,} chips: none could be computed")
        rows = []
        for row in self.findings.rows:
            own = (row.summary.low, row.summary.median, row.summary.mean, row.summary.high)
            told = tuple(quantity_text(row.quantity, value) if value == value else "-" for value in own)
            rows.append((row.quantity, row.level or "-", *told, row.limit.text if row.limit else "-"))
        notes = [f"yield, {level}: {percent(one.share, 1)}" for level, one in self.findings.yields.items()]
        failed = f", {self.findings.failed} failed" if self.findings.failed else ""
        return Table(f"{len(self.findings.numbers):,} chips of {self.run.source}{failed}", names, rows, notes)


def measure_chips(
    design: "Design",
    run: "MonteCarlo",
    spec: Sequence[str],
    confidence: float,
    place: Path,
    jobs: int | None = None,
    scheduler: str | None = None,
    progress: Progress = unwatched,
) -> Chips:
    """Compute what is missing of a run, in `place`, and judge it. Raises InputError, EngineError."""
    from resonet.cosim.montecarlo.findings import findings, measured
    from resonet.cosim.montecarlo.limits import limits_of
    from resonet.cosim.montecarlo.run import run_montecarlo
    from resonet.sparams.fan import chip_sparams

    asked: tuple[Limit, ...] = tuple(limits_of(design.parameters.specification, list(spec)))
    limits = limits_of(design.parameters.specification, list(spec), measured(run))
    unasked = {one.quantity for one in asked} - {one.quantity for one in limits}
    with progress("chips", run.samples) as done:
        also = None if run.sparams is None else chip_sparams
        journal, outcomes = run_montecarlo(run, place, jobs, scheduler, done, also)
    good = len(outcomes.failed()) < len(outcomes)
    return Chips(
        run, outcomes, findings(run, outcomes, limits, confidence) if good else None, journal, tuple(sorted(unasked))
    )


def montecarlo(
    design: DesignOrFolder,
    spread: Mapping[str, float | str] | None = None,
    *,
    samples: int = 200,
    seed: int = 1,
    corner: str = "tt",
    levels: str | Sequence[str] = "all",
    reach: float = 4.0,
    bits: int = 0,
    shared: bool = False,
    program: Literal["formula", "coupled", "calibrated"] = "coupled",
    data: PathText | None = None,
    noise: bool = False,
    repeat: int = 1,
    resonators: Literal["linear", "saturating"] = "linear",
    spec: Sequence[str] = (),
    sparams: str | None = None,
    confidence: float = 0.95,
    jobs: int | None = None,
    folder: PathText | None = None,
    progress: Progress = unwatched,
) -> Chips:
    """Many chips of a design of a folder, whose fabrication spreads: {"f_res": 0.003} or "0.3 %", over its [spread].

    Levels: programmed, gain, calibrated; tuning reaches `reach` half-widths by DACs of `bits` (0: any value). `data`:
    a .npz file of labelled images, for accuracies, with `noise` too. `spec`: limits such as "accuracy >= 98 %", for the
    yield. Every chip is kept in results/ of `folder` (default: the design's), and more are added to those there; `jobs`
    processes (default: one a core). Raises InputError, EngineError.

    >>> chips = rn.montecarlo(build, {"f_res": 0.003}, samples=3, levels="programmed", jobs=1)
    >>> chips.to_xarray().sizes["chip"]
    3
    """
    from resonet.cosim.calibration.chip_tuning import TuningOptions
    from resonet.cosim.montecarlo.run import MonteCarlo
    from resonet.sparams.fan import fan_of

    given, place = stored_design(design, "montecarlo")
    refuse("repeat", repeat != 1 and not noise, "with noise=True")
    own = spread_of(given.parameters.spread, [f"{name}={value}" for name, value in (spread or {}).items()])
    chosen, tuning = level_names(levels, "levels"), TuningOptions(reach, bits)
    refuse("reach, bits", (reach, bits) != (4.0, 0) and "calibrated" not in chosen, 'with the level "calibrated"')
    tuning.check_damping(given.plan.device.damping)
    if sparams is not None:
        fan_of(given, sparams)  # before any work
    file = None if data is None else str(Path(data).absolute())
    run = MonteCarlo(
        str(place), own, samples, seed, corner, chosen, program, tuning, shared, file, noise, repeat, resonators,
        sparams,
    )  # fmt: skip
    return measure_chips(given, run, spec, confidence, Path(folder) if folder else place, jobs, None, progress)
