"""`resonet faults`: what broken devices cost, and what a calibration around them buys back."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from resonet.cli.options import Applies, Chosen, Folder, Json, when
from resonet.cli.registry import Command
from resonet.cli.show import percent, print_files, print_json, print_table, say, small_percent
from resonet.cli.steps import progress
from resonet.cli.studies import Bits, LabelledData, Processes, Range, Scheduler, Seed, shares, stop_at_failed, where
from resonet.core.choices import chosen_words

if TYPE_CHECKING:
    from resonet.cosim.robust.fault_study import FaultCurve
    from resonet.netlist.chips.faults import FaultKind

__all__ = ["COMMAND"]

WITHOUT_MAP = Applies(lambda found: not found["map_file"], "without --map")
STUCK = when(
    lambda found: bool(found["map_file"]) or any(kind in found["kinds"] for kind in ("stuck", "all")),
    "with --kinds stuck",
)


def _kinds(text: str) -> "tuple[FaultKind, ...]":
    from resonet.netlist.chips.faults import FAULTS

    return chosen_words(text, FAULTS, "--kinds")


def _show(curves: "list[FaultCurve]", software: float, samples: int) -> None:
    levels = list(dict.fromkeys(curve.level for curve in curves))
    columns = {"kind": "left", "rate": "right", "faults": "right"} | dict.fromkeys(levels, "right")
    columns |= {f"weights off,\n{level}": "right" for level in levels}
    rows = []
    for first in (curve for curve in curves if curve.level == levels[0]):
        own = [next(c for c in curves if c.kind == first.kind and c.level == level) for level in levels]
        for n, rate in enumerate(first.rates.tolist()):
            told = "-" if first.kind is None else small_percent(rate)
            told_shares = [f"{percent(c.mean[n])} (>= {percent(c.low[n])})" for c in own]
            errors = [small_percent(c.rms[n]) for c in own]
            rows.append((first.kind or "map", told, f"{first.faults[n]:.4g}", *told_shares, *errors))
    print_table(f"accuracy, mean of {samples} chips (least); RMS of the weights' errors", columns, rows)
    say(f"trained network: {percent(software)}")


def faults_command(
    folder: Folder,
    data: LabelledData,
    calibration: Annotated[
        Path | None, typer.Option(help="Images to calibrate around the faults on: level `refitted`.")
    ] = None,
    kinds: Annotated[
        str,
        typer.Option(help="stuck, short, open, tone, oscillator, line, several with commas, or all."),
        WITHOUT_MAP,
    ] = "all",
    rates: Annotated[
        str, typer.Option(help="Parts of the devices that are faulty, with commas."), WITHOUT_MAP
    ] = "0.01 %,0.03 %,0.1 %,0.3 %,1 %,3 %",
    map_file: Annotated[
        Path | None,
        typer.Option("--map", help="Faults by name: .csv with layer,bus,chain,resonator,kind,detuning."),
    ] = None,
    samples: Annotated[int, typer.Option(min=1, help="Chips at each rate.")] = 5,
    seed: Seed = 1,
    spread: Annotated[bool, typer.Option("--spread", help="With the spreads of [spread] of the design.")] = False,
    short_resistance: Annotated[float, typer.Option(help="Of a shorted resonator, ohm.")] = 10.0,
    open_resistance: Annotated[
        float, typer.Option(help="Past an open resonator, ohm; less where a bypass is across each.")
    ] = 1e12,
    stuck_range: Annotated[
        float,
        typer.Option(help="Half-widths within which resonators are stuck."),
        STUCK,
    ] = 1.0,
    reach: Range = 4.0,
    bits: Bits = 0,
    program: Chosen = "coupled",
    write: Annotated[
        Path | None,
        typer.Option("--write", help="Write the map of the first chip at the highest rates here."),
        WITHOUT_MAP,
    ] = None,
    jobs: Processes = None,
    scheduler: Scheduler = None,
    place: Annotated[Path | None, typer.Option("-o", "--out", help="Where results/ and report/ go.")] = None,
    as_json: Json = False,
) -> None:
    """Accuracy with broken devices, before and after a calibration that knows of them.

    Every point is stored as it is done: a run that was killed goes on where it was.

    Example: resonet faults build --data test.npz --calibration calibration.npz --kinds short,open --rates "0.1 %,1 %"
    """
    from resonet.cosim.calibration.chip_tuning import TuningOptions
    from resonet.cosim.robust.fault_study import FaultRun, fault_curves, run_faults
    from resonet.netlist.chips.faults import FaultOptions
    from resonet.netlist.chips.spread import SpreadOptions
    from resonet.netlist.design.fault_maps import draw_faults, write_faults
    from resonet.netlist.design.folder import load_design
    from resonet.report.fault_figures import fault_figure
    from resonet.report.style import save

    design = load_design(folder)
    run = FaultRun(
        source=str(folder.absolute()),
        data=str(data.absolute()),
        spread=design.parameters.spread if spread else SpreadOptions(),
        samples=samples,
        seed=seed,
        program=program,
        tuning=TuningOptions(reach, bits),
        calibration=where(calibration),
        kinds=_kinds(kinds),
        rates=shares(rates, "--rates"),
        map=where(map_file),
        options=FaultOptions(short_resistance, open_resistance, stuck_range),
    )
    if write is not None:
        write_faults(draw_faults(design, dict.fromkeys(run.kinds, max(run.rates)), seed, 0, run.options), write)
    with progress("faulty chips", len(run.points)) as done:
        journal, outcomes = run_faults(run, place or folder, jobs, scheduler, done)
    figures = list[Path]()
    page: dict[str, Any] = {"run": asdict(run), "journal": journal, "figures": figures}
    if len(outcomes.failed()) < len(outcomes):
        curves = fault_curves(run, outcomes)
        software = next(o.values["software"] for o in outcomes.values() if o.values)
        if run.map is None:
            figures += save(fault_figure(curves, software), (place or folder) / "report", journal.stem)
        if as_json:
            print_json(page | {"software": software, "curves": [asdict(curve) for curve in curves]})
        else:
            _show(curves, software, samples)
            print_files("results", [journal, *figures, *([write] if write else [])])
    stop_at_failed(outcomes, "points")


COMMAND = Command("simulate", faults_command)
