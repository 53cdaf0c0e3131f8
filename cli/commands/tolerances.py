"""`resonet tolerances`: the table that a process engineer gets."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from resonet.api.chips import spread_of
from resonet.cli.options import Chosen, Folder, Json
from resonet.cli.registry import Command
from resonet.cli.show import percent, print_files, print_json, print_table, say
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
    from resonet.cosim.robust.tolerances import ToleranceRun, Tolerated

__all__ = ["COMMAND"]


def _told(run: "ToleranceRun", one: "Tolerated", value: float | None) -> str:
    from resonet.cosim.robust.tolerances import BITS, RANGE, TOGETHER
    from resonet.netlist.chips.spread import QUANTITIES

    if value is None:
        return "-"
    if one.what in (BITS, TOGETHER):
        return f"{value:.3g}"
    if one.what == RANGE:
        return f"{value:.3g} half-widths"
    return f"{1e3 * value:.3g} mV" if QUANTITIES[one.what].name == "offset" else f"{100 * value:.3g} %"


def _show(run: "ToleranceRun", rows: "list[Tolerated]") -> None:
    from resonet.cosim.robust.tolerances import BITS, RANGE

    columns = {"what": "left", "at most": "right", "at least": "right", "passes": "right"}
    columns |= {f"yield, {100 * run.confidence:g} %": "right", "fails at": "right", "now": "right"}
    cells = []
    for one in rows:
        least = one.what in (RANGE, BITS)
        told = _told(run, one, one.value) if one.value is not None else "none keeps it"
        told = f"(any up to) {told}" if one.open_end and not least else told
        now = {RANGE: run.tuning.reach, BITS: float(run.tuning.bits) or None}.get(one.what)
        if not least and one.what in run.spread.active:
            now = run.spread.sigma(one.what)
        cells.append(
            (
                one.what,
                "-" if least else told,
                told if least else "-",
                f"{one.passed} of {one.chips}",
                f"{100 * one.low:.1f} ... {100 * one.high:.1f} %",
                _told(run, one, one.failing),
                _told(run, one, now),
            )
        )
    asked = f"accuracy >= {percent(run.accuracy)}, {run.level}, yield >= {100 * run.target:g} %"
    print_table(f"what keeps {asked}; one thing moved at a time", columns, cells)
    if run.sure:
        say(f"the yield is above the target with {100 * run.confidence:g} % confidence, each row by itself")
    else:
        say("of the sample; --sure asks it of the lower end of the interval")


def tolerances_command(
    folder: Folder,
    data: LabelledData,
    accuracy: Annotated[float, typer.Option(help="That a chip has to have.")] = 0.98,
    target: Annotated[float, typer.Option("--yield", help="Part of the chips that have to have it.")] = 0.9,
    of: Annotated[
        str | None, typer.Option("--of", help="Spreads that are sought, with commas (default: those that there are).")
    ] = None,
    spread: Spreads = None,
    level: Annotated[str, typer.Option(help="programmed, gain or calibrated.")] = "calibrated",
    samples: Annotated[int, typer.Option(min=1, help="Chips at each step.")] = 50,
    sure: Annotated[bool, typer.Option("--sure", help="With confidence, not of the sample alone.")] = False,
    confidence: Annotated[float, typer.Option(min=0.5, max=0.9999, help="Of intervals, and of --sure.")] = 0.95,
    seed: Seed = 1,
    reach: Range = 4.0,
    bits: Bits = 0,
    program: Chosen = "coupled",
    jobs: Processes = None,
    scheduler: Scheduler = None,
    place: Annotated[Path | None, typer.Option("-o", "--out", help="Where results/ goes.")] = None,
    as_json: Json = False,
) -> None:
    """The loosest spread of each kind, the least tuning range and the fewest bits that keep a yield.

    Example: resonet tolerances build --data test.npz --accuracy 0.98 --yield 0.9 --spread f_res="0.5 %"
    """
    from resonet.cosim.calibration.chip_tuning import TuningOptions
    from resonet.cosim.montecarlo.levels import LEVELS
    from resonet.cosim.robust.tolerances import ToleranceRun, rows_of, run_tolerances, tolerated
    from resonet.netlist.design.folder import load_design

    own = load_design(folder).parameters.spread
    run = ToleranceRun(
        source=str(folder.absolute()),
        data=str(data.absolute()),
        spread=spread_of(own, spread or []) if spread or not of else own,
        samples=samples,
        seed=seed,
        program=program,
        tuning=TuningOptions(reach, bits),
        accuracy=accuracy,
        target=target,
        level=one_of(level, "--level", LEVELS),
        sure=sure,
        confidence=confidence,
        quantities=() if of is None else tuple(part.strip() for part in of.split(",")),
    )
    with progress("rows of the table", len(rows_of(run))) as done:
        journal, outcomes = run_tolerances(run, place or folder, jobs, scheduler, done)
    rows = tolerated(outcomes)
    if as_json:
        print_json(
            {"run": asdict(run), "journal": journal, "needed": run.needed, "rows": [asdict(one) for one in rows]}
        )
    elif rows:
        _show(run, rows)
        print_files("results", [journal])
    stop_at_failed(outcomes, "rows")


COMMAND = Command("analyse", tolerances_command)
