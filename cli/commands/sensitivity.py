"""`resonet sensitivity`: which spread of the fabrication matters, and in which layer."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from resonet.api.chips import spread_of
from resonet.cli.options import Chosen, Folder, Json
from resonet.cli.registry import Command
from resonet.cli.show import percent, print_files, print_json, print_table, small_percent
from resonet.cli.steps import progress
from resonet.cli.studies import (
    Bits,
    LabelledData,
    Processes,
    Range,
    Scheduler,
    Seed,
    Spreads,
    one_of,
    stop_at_failed,
)

if TYPE_CHECKING:
    from resonet.cosim.robust.sensitivity import Ranked

__all__ = ["COMMAND"]

SHOWN = ("accuracy", "output_error")


def _show(ranked: "list[Ranked]", pairs: int) -> None:
    columns = {"source": "left", "outputs off,\nlinear": "right", "share,\nlinear": "right"}
    for name in SHOWN:
        columns |= {f"first,\n{name}": "right", f"total,\n{name}": "right"}
    rows = []
    for one in ranked:
        cells = [one.source.name, small_percent(one.deviation), percent(one.linear)]
        for name in SHOWN:
            found = one.indices.get(name)
            first, total = ("-", "-") if found is None else (
                f"{found.first:.2f} ± {found.first_within:.2f}", f"{found.total:.2f} ± {found.total_within:.2f}"
            )  # fmt: skip
            cells += [first, total]
        rows.append(cells)
    print_table(f"sources of spread, ranked; Sobol's indices from {pairs} pairs of chips, 95 %", columns, rows)


def sensitivity_command(
    folder: Folder,
    data: LabelledData,
    spread: Spreads = None,
    by: Annotated[str, typer.Option(help="What counts as a source: both, quantity, or layer.")] = "both",
    level: Annotated[str, typer.Option(help="programmed, gain or calibrated.")] = "programmed",
    samples: Annotated[int, typer.Option(min=2, help="Pairs of chips.")] = 64,
    images: Annotated[int, typer.Option(min=1, help="How many of the images.")] = 1000,
    seed: Seed = 1,
    reach: Range = 4.0,
    bits: Bits = 0,
    program: Chosen = "coupled",
    jobs: Processes = None,
    scheduler: Scheduler = None,
    place: Annotated[Path | None, typer.Option("-o", "--out", help="Where results/ goes.")] = None,
    as_json: Json = False,
) -> None:
    """Rank the spreads by what they do to accuracy and outputs: Sobol's indices, and linear response.

    Example: resonet sensitivity build --data test.npz --spread f_res="0.02 %" --spread resistance="2 %"
    """
    from resonet.cosim.calibration.chip_tuning import TuningOptions
    from resonet.cosim.montecarlo.levels import LEVELS
    from resonet.cosim.robust.sensitivity import By, SensitivityRun, rank_sources, run_sensitivity
    from resonet.netlist.design.folder import load_design

    run = SensitivityRun(
        source=str(folder.absolute()),
        data=str(data.absolute()),
        spread=spread_of(load_design(folder).parameters.spread, spread or []),
        samples=samples,
        seed=seed,
        program=program,
        tuning=TuningOptions(reach, bits),
        by=one_of(by, "--by", get_args(By)),
        level=one_of(level, "--level", LEVELS),
        images=images,
    )
    with progress("pairs of chips", samples) as done:
        journal, outcomes = run_sensitivity(run, place or folder, jobs, scheduler, done)
    if len(outcomes.failed()) < len(outcomes) - 1:
        ranked = rank_sources(run, outcomes)
        if as_json:
            print_json({"run": asdict(run), "journal": journal, "sources": [asdict(one) for one in ranked]})
        else:
            _show(ranked, samples)
            print_files("results", [journal])
    stop_at_failed(outcomes, "pairs of chips")


COMMAND = Command("analyse", sensitivity_command, then="tolerances {folder}")
