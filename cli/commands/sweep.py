"""`resonet sweep`: the network over a range of its parameters, point by point, on this machine or on a cluster."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from resonet.api.sweeps import program_names
from resonet.cli.faults import complain
from resonet.cli.options import Json, WeightEngine, only, when
from resonet.cli.registry import Command
from resonet.cli.saturating import ResonatorLaw
from resonet.cli.show import percent, print_files, print_json, print_table, small_percent
from resonet.cli.steps import progress
from resonet.cli.studies import Processes, Scheduler
from resonet.cli.witnesses import tell_engine, witness_json
from resonet.core.errors import InputError

if TYPE_CHECKING:
    from resonet.cosim.sweep.outcomes import Outcomes
    from resonet.cosim.sweep.points import Outcome
    from resonet.cosim.sweep.sweep import Sweep

__all__ = ["COMMAND"]

SHOWN = 40  # points in the table
TABLE = when(lambda values: not values["source"].is_dir(), "where the source is a TOML file of parameters")
SPREAD = when(
    lambda values: (
        values["spread"]
        or values["measure"] == "noise"
        or any(text.partition("=")[0].strip() in ("spread", "seed") for text in values["over"])
    ),
    "with --spread, or --over spread=..., or --measure noise",
)
NOISE = only("measure", "noise")


def _row(number: int, at: dict[str, Any], outcome: "Outcome") -> dict[str, Any]:
    """A point for scripts."""
    return {"point": number, "at": at, "seconds": outcome.seconds} | (
        {"error": outcome.error} if outcome.values is None else outcome.values
    )


def _table(sweep: "Sweep", outcomes: "Outcomes") -> None:
    """RMS error of every program over all layers (the largest), and the accuracy."""
    accuracy = sweep.measure != "weights"
    columns = dict.fromkeys((axis.name for axis in sweep.axes), "right")
    columns |= dict.fromkeys((f"RMS\n{name}" for name in sweep.programs), "right")
    columns |= dict.fromkeys((f"accuracy\n{name}" for name in sweep.programs), "right") if accuracy else {}
    columns |= dict.fromkeys((f"with noise\n{name}" for name in sweep.programs), "right") if sweep.noise else {}
    rows = []
    for number in sorted(outcomes)[:SHOWN]:
        found = outcomes[number].values or {}
        cells = [f"{value:.6g}" for value in sweep.point(number).values()]
        for name in sweep.programs:
            errors = found.get("rms_error", {}).get(name, {})
            cells.append(small_percent(max(errors.values())) if errors else "failed")
        cells += [percent(found.get("accuracy", {}).get(name)) for name in sweep.programs] if accuracy else []
        cells += [percent(found.get("noisy", {}).get(name)) for name in sweep.programs] if sweep.noise else []
        rows.append(cells)
    more = f", the first {SHOWN} of them" if len(outcomes) > SHOWN else ""
    print_table(f"{len(outcomes)} points{more} (RMS: of the worst layer, part of its largest weight)", columns, rows)


def sweep_command(
    source: Annotated[Path, typer.Argument(help="Design folder, or a TOML file of parameters with --model.")],
    over: Annotated[list[str], typer.Option("--over", help="NAME=LOW:HIGH:COUNT (or :COUNT:log), or NAME=A,B,C.")],
    together: Annotated[bool, typer.Option("--zip", help="Axes value by value instead of all combinations.")] = False,
    measure: Annotated[
        Literal["weights", "accuracy", "noise"],
        typer.Option(help="What is measured at each point; noise: accuracy with noise too."),
    ] = "weights",
    program: Annotated[str, typer.Option(help="formula, coupled, calibrated, several with commas, or all.")] = "all",
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Labelled images (.npz), for the accuracy."),
        only("measure", "accuracy", "noise"),
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="Trained CNN (ONNX), where the source is a TOML file."), TABLE
    ] = None,
    calibration: Annotated[
        Path | None, typer.Option(help="Images that set the input scales, where the source is a TOML file."), TABLE
    ] = None,
    spread: Annotated[
        float, typer.Option(help="Fabrication spread of f_res that no program knows, half-widths.")
    ] = 0.0,
    seed: Annotated[int, typer.Option(help="Of the spread, and of the noise."), SPREAD] = 1,
    resonators: Annotated[ResonatorLaw, only("measure", "accuracy", "noise")] = "linear",
    repeat: Annotated[
        int, typer.Option("--repeat", min=1, max=1000, help="How often the images are read with noise."), NOISE
    ] = 1,
    engine: WeightEngine = "auto",
    jobs: Processes = None,
    scheduler: Scheduler = None,
    folder: Annotated[
        Path | None, typer.Option("-o", "--out", help="Where results/ and report/ go (default: the design folder).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Weight errors and accuracy over a range of parameters; goes on where it was when it was killed.

    NAME is a parameter such as device.damping, bus.node_capacitance or plan.tile, with --measure noise also such as
    neuron.bandwidth, neuron.integration or noise.temperature, or spread or seed; where layers are on strip lines also
    one of their geometry, and no spread. Every point is
    stored as it finishes. Exit status 1 if a point failed: the others are there all the same.

    Example: resonet sweep build --over device.damping=0.005:0.02:8 --over plan.tile=24,48
    """
    from resonet.cosim.sweep.axes import Spread, parse_axis
    from resonet.cosim.sweep.sweep import Sweep, run_sweep
    from resonet.cosim.sweep.table import sweep_dataset, sweep_witness, write_sweep
    from resonet.cosim.weights.engines import find_engine
    from resonet.netlist.design.parameters import read_parameters
    from resonet.report.style import save
    from resonet.report.sweep_figures import sweep_figure

    if not source.exists():
        raise InputError(f"{source}: no such file; possible: a design folder, or a TOML file of parameters")
    if source.name == "design.toml" and model is None and (source.parent / "model.onnx").is_file():
        source = source.parent
    find_engine(engine)
    if resonators == "saturating":
        from resonet.cosim.saturation.tables import check_engine

        check_engine(find_engine(engine))
    parameters = source / "design.toml" if source.is_dir() else source
    lines = parameters.is_file() and read_parameters(parameters).feed.kind == "stripline"
    axes = tuple(parse_axis(text, measure == "noise", resonators == "saturating", lines) for text in over)
    names = [axis.name for axis in axes]
    if not spread and measure != "noise" and "seed" in names and "spread" not in names:
        raise InputError("--over seed: changes nothing without a spread; possible: --spread 0.1, or --over spread=...")
    files = (None if path is None else str(path.absolute()) for path in (data, model, calibration))
    images, network, scales = files
    sweep = Sweep(
        str(source.absolute()), axes, together, measure, program_names(program), engine, images, network, scales,
        Spread(spread, seed), repeat, resonators,
    )  # fmt: skip
    place = folder or (source if source.is_dir() else Path())
    with progress(f"sweep, {engine}", sweep.count) as done:
        journal, outcomes = run_sweep(sweep, place, jobs, scheduler, done)
    dataset = sweep_dataset(sweep, outcomes)
    path, checked = write_sweep(dataset, journal), sweep_witness(outcomes)
    failed = outcomes.failed()
    figures = (
        save(sweep_figure(dataset, names, together), place / "report", path.stem) if len(failed) < len(outcomes) else []
    )
    if as_json:
        rows = [_row(number, sweep.point(number), outcomes[number]) for number in sorted(outcomes)]
        page = {"points": rows, "failed": len(failed), **witness_json(engine, checked)}
        print_json(page | {"results": path, "journal": journal, "figures": figures})
    else:
        _table(sweep, outcomes)
        tell_engine(engine, checked)
        print_files("results", [path, *figures])
    if failed:
        told = ", ".join(f"{name} {value:g}" for name, value in sweep.point(failed[0]).items())
        error = outcomes[failed[0]].error
        complain(f"{len(failed)} of {sweep.count} points failed, the first ({told}): {error}")
        raise typer.Exit(1)


COMMAND = Command("simulate", sweep_command)
