"""`resonet drift`: what temperature and age make of a calibrated chip, and when it has to be calibrated again."""

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from resonet.cli.options import Chosen, Folder, Json
from resonet.cli.registry import Command
from resonet.cli.show import engineering, percent, print_files, print_json, print_table, say, small_percent
from resonet.cli.steps import progress
from resonet.cli.studies import Bits, LabelledData, Processes, Range, Scheduler, Seed, numbers, one_of, stop_at_failed

if TYPE_CHECKING:
    from resonet.cosim.robust.drift import DriftRun
    from resonet.cosim.sweep.outcomes import Outcomes

__all__ = ["COMMAND"]


def _intervals(run: "DriftRun", outcomes: "Outcomes") -> list[float]:
    """Of the chips in order, s; infinite where the accuracy stays."""
    found = (one.values for one in outcomes.values() if one.values and run.target is not None)
    return sorted(math.inf if values["interval"] is None else values["interval"] for values in found)


def _show(run: "DriftRun", outcomes: "Outcomes") -> None:
    columns = {"time": "right"} | dict.fromkeys(("accuracy, mean", "least", "weights off, RMS", "by slopes"), "right")
    rows = []
    for n, time in enumerate(run.times):
        own = [
            [value for value in outcomes.numbers(name, str(n)) if math.isfinite(value)]
            for name in ("accuracy", "rms", "slope")
        ]
        mean = [sum(values) / len(values) for values in own]
        rows.append((engineering(time, "s"), percent(mean[0]), percent(min(own[0])), *map(small_percent, mean[1:])))
    print_table(f"{run.samples} chips, {run.offset:g} K off their calibration", columns, rows)
    lasts = _intervals(run, outcomes)
    if run.target is not None and lasts:
        told = ["for ever" if math.isinf(t) else engineering(t, "s") for t in (lasts[0], lasts[len(lasts) // 2])]
        say(f"accuracy stays at {percent(run.target)} or above for {told[0]} (worst chip), {told[1]} (median)")


def drift_command(
    folder: Folder,
    data: LabelledData,
    temperature: Annotated[float, typer.Option(help="Relative change of f_res per kelvin.")] = -1e-4,
    temperature_spread: Annotated[float, typer.Option(help="Its standard deviation over the resonators.")] = 1e-5,
    ageing: Annotated[float, typer.Option(help="Relative change of f_res per decade of time.")] = 0.0,
    ageing_spread: Annotated[float, typer.Option(help="Its standard deviation over the resonators.")] = 1e-4,
    start: Annotated[str, typer.Option(help="Time from which on decades count.")] = "1 ks",
    times: Annotated[str, typer.Option(help="Since the calibration, with commas.")] = "0 s,1 ks,100 ks,10 Ms,1 Gs",
    offset: Annotated[float, typer.Option(help="Temperature off that of the calibration, K.")] = 0.0,
    target: Annotated[float | None, typer.Option(help="Accuracy that has to stay: gives the interval.")] = None,
    begin: Annotated[str, typer.Option("--from", help="calibrated, or programmed.")] = "calibrated",
    samples: Annotated[int, typer.Option(min=1, help="Chips.")] = 5,
    seed: Seed = 1,
    spread: Annotated[bool, typer.Option("--spread", help="With the spreads of [spread] of the design.")] = False,
    reach: Range = 4.0,
    bits: Bits = 0,
    program: Chosen = "coupled",
    jobs: Processes = None,
    scheduler: Scheduler = None,
    place: Annotated[Path | None, typer.Option("-o", "--out", help="Where results/ goes.")] = None,
    as_json: Json = False,
) -> None:
    """Accuracy against time and temperature after a calibration, and how long the calibration lasts.

    Example: resonet drift build --data test.npz --ageing-spread 2e-4 --target 0.98
    """
    from resonet.cosim.calibration.chip_tuning import TuningOptions
    from resonet.cosim.robust.drift import STARTS, DriftOptions, DriftRun, run_drift
    from resonet.netlist.chips.spread import SpreadOptions
    from resonet.netlist.design.folder import load_design

    (since,) = numbers(start, "--start", "s")[:1]
    run = DriftRun(
        source=str(folder.absolute()),
        data=str(data.absolute()),
        spread=load_design(folder).parameters.spread if spread else SpreadOptions(),
        samples=samples,
        seed=seed,
        program=program,
        tuning=TuningOptions(reach, bits),
        drift=DriftOptions(temperature, temperature_spread, ageing, ageing_spread, since),
        times=numbers(times, "--times", "s"),
        offset=offset,
        target=target,
        begin=one_of(begin, "--from", STARTS),
    )
    with progress("chips", samples) as done:
        journal, outcomes = run_drift(run, place or folder, jobs, scheduler, done)
    if len(outcomes.failed()) < len(outcomes):
        if as_json:
            page: dict[str, Any] = {"run": asdict(run), "journal": journal}
            page["times"] = [
                {"time": time} | {name: list(outcomes.numbers(name, str(n))) for name in ("accuracy", "rms", "slope")}
                for n, time in enumerate(run.times)
            ]
            page["intervals"] = [None if math.isinf(t) else t for t in _intervals(run, outcomes)]
            print_json(page)
        else:
            _show(run, outcomes)
            print_files("results", [journal])
    stop_at_failed(outcomes, "chips")


COMMAND = Command("simulate", drift_command)
