"""`resonet montecarlo`: chips of a design with the spread of their fabrication, before and after calibration."""

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from resonet.api.chips import level_names, measure_chips, quantity_text, spread_of
from resonet.cli.options import Chosen, Data, Folder, Json, only, when
from resonet.cli.registry import Command
from resonet.cli.saturating import ResonatorLaw
from resonet.cli.show import answer, percent, print_files, print_table, say
from resonet.cli.steps import progress
from resonet.cli.studies import Processes, Scheduler, Spreads, stop_at_failed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from resonet.cosim.montecarlo.findings import Findings, Row
    from resonet.cosim.montecarlo.levels import Level
    from resonet.cosim.montecarlo.run import MonteCarlo
    from resonet.netlist.chips.spread import SpreadOptions
    from resonet.netlist.design.design import Design
    from resonet.sparams.fan import Fan, FanOf

__all__ = ["COMMAND"]

CALIBRATED = when(
    lambda values: "calibrated" in values["level"] or "all" in values["level"],
    "with --level calibrated, or all of them",
)
MOST_FANNED = 100  # chips whose S-parameters are computed
DRAWN = ("noisy", "accuracy", "weight_error")  # the first of these that is measured stands in the figure


def _cells(row: "Row") -> list[str]:
    own = row.summary
    numbers = (own.least, own.low, own.median, own.mean, own.spread, own.high, own.most)
    told = [quantity_text(row.quantity, value) if math.isfinite(value) else "-" for value in numbers]
    limit = "-" if row.limit is None else row.limit.text.partition(" ")[2]
    kept = "-" if row.passed is None else f"{row.passed} of {own.chips}, {row.verdict}"
    return [row.quantity, row.level or "-", *told, limit, kept]


def _tell(found: "Findings", given: "SpreadOptions", trained: float | None) -> None:
    told = ", ".join(f"{name} {100 * given.sigma(name):g} %" for name in given.active)
    names = ("min", "5 %", "median", "mean", "std", "95 %", "max")
    columns = {"quantity": "left", "level": "left"} | dict.fromkeys((*names, "limit", "chips"), "right")
    print_table(f"{len(found.numbers):,} chips; spread: {told}", columns, map(_cells, found.rows))
    if trained is not None:
        say(f"trained network: {percent(trained)}")
    for level, one in found.yields.items():
        ends = ", ".join(
            f"{name} {100 * of.low:.1f} ... {100 * of.high:.1f} %"
            for name, of in (("Clopper-Pearson", one.exact), ("Wilson", one.wilson))
        )
        kept = f"{one.passed} of {one.chips} keep {', '.join(limit.text for limit in found.limits)}"
        say(f"yield, {level}: {100 * one.share:.1f} % ({kept}); {100 * one.confidence:g} %: {ends}")


def montecarlo_command(
    folder: Folder,
    samples: Annotated[int, typer.Option("--samples", min=1, max=1_000_000, help="Chips.")] = 200,
    spread: Spreads = None,
    seed: Annotated[int, typer.Option(help="Of the chips, and of the noise.", min=0, max=2**32 - 1)] = 1,
    corner: Annotated[str, typer.Option(help="Corner that the chips lie around: tt, ss, ff or one of yours.")] = "tt",
    level: Annotated[
        str, typer.Option("--level", help="programmed, gain, calibrated, several with commas, or all.")
    ] = "all",
    reach: Annotated[
        float, typer.Option("--range", help="Half-widths that a resonator is tuned either way, at most."), CALIBRATED
    ] = 4.0,
    bits: Annotated[
        int,
        typer.Option("--bits", min=0, max=12, help="Of each resonator's DAC over that range; 0: any value."),
        CALIBRATED,
    ] = 0,
    shared: Annotated[
        bool, typer.Option("--shared", help="Parallel hardware: a tuning line for all positions that hold a weight.")
    ] = False,
    program: Chosen = "coupled",
    data: Data = None,
    noise: Annotated[
        bool,
        typer.Option("--noise", help="Accuracy with noise too."),
        when(lambda v: v["data"] is not None, "with --data"),
    ] = False,
    repeat: Annotated[
        int, typer.Option("--repeat", min=1, max=1000, help="How often the images are read with noise."), only("noise")
    ] = 1,
    resonators: Annotated[ResonatorLaw, when(lambda v: v["data"] is not None, "with --data")] = "linear",
    spec: Annotated[
        list[str] | None,
        typer.Option("--spec", help='What a chip must keep, such as "accuracy >= 98 %"; beside [specification].'),
    ] = None,
    sparams: Annotated[
        str | None,
        typer.Option(
            "--sparams", help="Fan of |S21| of a chain of that LAYER, or of a BUS and CHAIN of it behind colons."
        ),
    ] = None,
    confidence: Annotated[float, typer.Option(help="Of the intervals of the yield.", min=0.5, max=0.9999)] = 0.95,
    jobs: Processes = None,
    scheduler: Scheduler = None,
    place: Annotated[
        Path | None, typer.Option("-o", "--out", help="Where results/ and report/ go (default: the design folder).")
    ] = None,
    as_json: Json = False,
) -> None:
    """What real chips do: accuracy, weight errors and yield over many of them, before and after calibration.

    The spreads are those of [spread] in design.toml and of --spread, limits those of [specification] and of --spec.
    Every chip is stored as it is done: a run that was killed goes on where it was, and more chips are added to those
    that are there. Exit status 1 if a chip could not be computed.

    Example: resonet montecarlo build --spread f_res="0.3 %" --data test.npz --spec "accuracy >= 98 %"
    """
    from resonet.cosim.calibration.chip_tuning import TuningOptions
    from resonet.cosim.montecarlo.findings import measured
    from resonet.cosim.montecarlo.run import MonteCarlo
    from resonet.cosim.montecarlo.table import write_montecarlo
    from resonet.netlist.design.folder import load_design
    from resonet.report.montecarlo_figures import chips_figure
    from resonet.report.style import save
    from resonet.sparams.fan import fan_of

    design = load_design(folder)
    given = spread_of(design.parameters.spread, spread or [])
    tuning = TuningOptions(reach, bits)
    tuning.check_damping(design.plan.device.damping)
    run = MonteCarlo(
        str(folder.absolute()), given, samples, seed, corner, level_names(level), program, tuning,
        shared, None if data is None else str(data.absolute()), noise, repeat, resonators, sparams,
    )  # fmt: skip
    fan = None if sparams is None else fan_of(design, sparams)
    chips = measure_chips(design, run, spec or (), confidence, place or folder, jobs, scheduler, progress)
    journal, outcomes, found, trained, unasked = (
        chips.journal, chips.outcomes, chips.findings, chips.trained, chips.not_tested,
    )  # fmt: skip
    paths, figures = write_montecarlo(chips.to_xarray(), journal), []
    if found is not None:
        name = next(name for name in DRAWN if name in measured(run))
        figures = save(chips_figure(found, name, confidence), (place or folder) / "report", journal.stem)
    fans = {} if fan is None else _fans(design, run, fan, min(samples, MOST_FANNED))
    if fan is not None:
        figures += _draw_fans(fans, fan, (place or folder) / "report", journal.stem)
    files = {"results": paths, "journal": journal, "figures": figures, "not_tested": list(unasked)}
    if not answer(as_json, _page(run, found, trained) | _fan_page(fans) | files):
        if found is not None:
            _tell(found, given, trained)
        if unasked:
            names = ", ".join(unasked)
            say(f"[specification] not tested, as not measured: {names} (--data, --noise, --sparams)")
        print_files("results", [*paths, *figures])
    stop_at_failed(outcomes, "chips")


def _fans(design: "Design", run: "MonteCarlo", of: "FanOf", count: int) -> "Mapping[Level, Fan]":
    from resonet.netlist.design.chips import ChipSampler
    from resonet.sparams.fan import chip_fan

    sampler = ChipSampler(design, run.spread, run.seed, run.corner)
    with progress("S-parameters", count) as done:
        return chip_fan(design, run.program, sampler, range(count), of, run.levels, run.tuning, done)


def _draw_fans(fans: "Mapping[Level, Fan]", of: "FanOf", place: Path, stem: str) -> list[Path]:
    import numpy as np

    from resonet.report.montecarlo_figures import fan_figure
    from resonet.report.style import save

    f = next(iter(fans.values())).f
    curves: dict[str, Any] = {level: 20 * np.log10(np.abs(one.s21)) for level, one in fans.items()}
    ends: dict[str, Any] = {level: one.percentiles() for level, one in fans.items()}
    name = f"{of.layer}_{of.bus}_chain{of.chain}"
    return save(fan_figure(f, curves, ends, name.replace("_", " ")), place, f"{stem}_{name}")


def _fan_page(fans: "Mapping[Level, Fan]") -> dict[str, Any]:
    if not fans:
        return {}
    return {
        "sparams": {
            level: {
                "frequency": one.f,
                "s21_db_percentiles": one.percentiles(),
            }
            for level, one in fans.items()
        }
    }


def _page(run: Any, found: "Findings | None", trained: float | None) -> dict[str, Any]:
    """For scripts."""
    page: dict[str, Any] = {"run": asdict(run), "software": trained}
    if found is None:
        return page
    rows = [
        asdict(row.summary)
        | {"quantity": row.quantity, "level": row.level or None, "passed": row.passed, "verdict": row.verdict or None}
        for row in found.rows
    ]
    values: dict[str, dict[str, Any]] = {}
    for (name, level), own in found.values.items():
        values.setdefault(name, {})[level or "all"] = own
    return page | {
        "quantities": rows,
        "limits": [limit.text for limit in found.limits],
        "yield": {level: asdict(one) | {"share": one.share} for level, one in found.yields.items()},
        "chips": found.numbers,
        "values": values,
        "failed": found.failed,
    }


COMMAND = Command("simulate", montecarlo_command, then="sensitivity {folder}")
