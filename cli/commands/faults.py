"""`resonet faults`: what broken devices cost, and what a calibration around them buys back."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from resonet.cli.faults import complain
from resonet.cli.options import Chosen, Folder, Json, unless
from resonet.cli.registry import Command
from resonet.cli.show import percent, print_files, print_json, print_table, progress, say, small_percent
from resonet.core.errors import InputError

if TYPE_CHECKING:
    from resonet.cosim.robust.fault_study import FaultCurve
    from resonet.netlist.chips.faults import FaultKind

__all__ = ["COMMAND"]


def _kinds(text: str) -> "tuple[FaultKind, ...]":
    from resonet.netlist.chips.faults import FAULTS

    names = FAULTS if text == "all" else tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    wrong = next((name for name in names if name not in FAULTS), None)
    if wrong is not None:
        raise InputError(f"--kinds {wrong[:40]!r}: possible: all, {', '.join(FAULTS)}, several with commas")
    return tuple(name for name in FAULTS if name in names)


def _rates(text: str) -> tuple[float, ...]:
    from resonet.core.numbers import read_number

    found = []
    for part in text.split(","):
        try:
            share = part.strip()
            found.append(read_number(share[:-1]) / 100 if share.endswith("%") else read_number(share))
        except ValueError as error:
            raise InputError(f"--rates {part[:40]!r}: {error}; possible: parts such as 0.1 %, with commas") from None
    return tuple(sorted(set(found)))


def _show(curves: "list[FaultCurve]", software: float, samples: int) -> None:
    levels = list(dict.fromkeys(curve.level for curve in curves))
    columns = {"kind": "left", "rate": "right", "faults": "right"} | dict.fromkeys(levels, "right")
    columns |= {f"weights off,\n{level}": "right" for level in levels}
    rows = []
    for first in (curve for curve in curves if curve.level == levels[0]):
        own = [next(c for c in curves if c.kind == first.kind and c.level == level) for level in levels]
        for n, rate in enumerate(first.rates.tolist()):
            told = "-" if first.kind is None else small_percent(rate)
            shares = [f"{percent(c.mean[n])} (>= {percent(c.low[n])})" for c in own]
            errors = [small_percent(c.rms[n]) for c in own]
            rows.append((first.kind or "map", told, f"{first.faults[n]:.4g}", *shares, *errors))
    print_table(f"accuracy, mean of {samples} chips (least); RMS of the weights' errors", columns, rows)
    say(f"trained network: {percent(software)}")


def faults_command(
    folder: Folder,
    data: Annotated[Path, typer.Option("--data", help="Labelled images: .npz with images [n, ...] and labels [n].")],
    calibration: Annotated[
        Path | None, typer.Option(help="Images to calibrate around the faults on: level `refitted`.")
    ] = None,
    kinds: Annotated[
        str,
        typer.Option(help="stuck, short, open, tone, oscillator, line, several with commas, or all."),
        unless("map_file"),
    ] = "all",
    rates: Annotated[
        str, typer.Option(help="Parts of the devices that are faulty, with commas."), unless("map_file")
    ] = "0.01 %,0.03 %,0.1 %,0.3 %,1 %,3 %",
    map_file: Annotated[
        Path | None,
        typer.Option("--map", help="Faults by name: .csv with layer,bus,chain,resonator,kind,detuning."),
    ] = None,
    samples: Annotated[int, typer.Option(min=1, help="Chips at each rate.")] = 5,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Of faults and chips.")] = 1,
    spread: Annotated[bool, typer.Option("--spread", help="With the spreads of [spread] of the design.")] = False,
    short_resistance: Annotated[float, typer.Option(help="Of a shorted resonator, ohm.")] = 10.0,
    open_resistance: Annotated[
        float, typer.Option(help="Past an open resonator, ohm; less where a bypass is across each.")
    ] = 1e12,
    stuck_range: Annotated[float, typer.Option(help="Half-widths within which resonators are stuck.")] = 1.0,
    reach: Annotated[float, typer.Option("--range", help="Half-widths that a resonator is tuned either way.")] = 4.0,
    bits: Annotated[int, typer.Option("--bits", min=0, max=12, help="Of each DAC over that range; 0: any value.")] = 0,
    program: Chosen = "coupled",
    write: Annotated[
        Path | None,
        typer.Option("--write", help="Write the map of the first chip at the highest rates here."),
        unless("map_file"),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option("--jobs", min=1, help="Processes (default: one a core)."), unless("scheduler")
    ] = None,
    scheduler: Annotated[str | None, typer.Option(help="Address of a dask scheduler, instead of --jobs.")] = None,
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
        calibration=None if calibration is None else str(calibration.absolute()),
        kinds=_kinds(kinds),
        rates=_rates(rates),
        map=None if map_file is None else str(map_file.absolute()),
        options=FaultOptions(short_resistance, open_resistance, stuck_range),
    )
    if write is not None:
        write_faults(draw_faults(design, dict.fromkeys(run.kinds, max(run.rates)), seed, 0, run.options), write)
    with progress("faulty chips", len(run.points)) as done:
        journal, outcomes = run_faults(run, place or folder, jobs, scheduler, done)
    failed, figures = outcomes.failed(), list[Path]()
    page: dict[str, Any] = {"run": asdict(run), "journal": journal, "figures": figures}
    if len(failed) < len(outcomes):
        curves = fault_curves(run, outcomes)
        software = next(o.values["software"] for o in outcomes.values() if o.values)
        if run.map is None:
            figures += save(fault_figure(curves, software), (place or folder) / "report", journal.stem)
        if as_json:
            print_json(page | {"software": software, "curves": [asdict(curve) for curve in curves]})
        else:
            _show(curves, software, samples)
            print_files("results", [journal, *figures, *([write] if write else [])])
    if failed:
        told = f"{len(failed)} of {len(run.points)} points could not be computed, the first (number {failed[0]})"
        complain(f"{told}: {outcomes[failed[0]].error}")
        raise typer.Exit(1)


COMMAND = Command("simulate", faults_command)
