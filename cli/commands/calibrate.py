"""`resonet calibrate`: reprogram the resonators so that the circuit holds the trained weights."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from resonet.cli.options import Folder, Json, Layers, WeightEngine, unless, with_decks
from resonet.cli.registry import Command
from resonet.cli.saturating import calibrate_on_data
from resonet.cli.show import answer, print_table, say, small_percent, tell_zeros, warning
from resonet.cli.steps import progress
from resonet.cli.witnesses import tell_engine, witness_json, witness_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from resonet.api.designs import Calibrated
    from resonet.cosim.calibration.newton import LayerCalibration
    from resonet.cosim.weights.held import RfWeights
    from resonet.netlist.programming.methods import Method

__all__ = ["COMMAND"]


def _row(result: "LayerCalibration") -> dict[str, Any]:
    """A layer for scripts."""
    from resonet.cosim.calibration.newton import Status

    table = {
        "name": result.layer,
        "status": result.status.name.lower(),
        "advice": "" if result.status is Status.CONVERGED else result.status.value,
        "failures": [asdict(failure) for failure in result.failures],
        "remedies": [asdict(remedy) for remedy in result.remedies],
    }
    keys = ("began", "passes", "fill", "rms_before", "rms_after", "worst_after", "worst_neuron", "chains", "failing")
    return table | {key: getattr(result, key) for key in keys}


def _show(found: "Calibrated", title: str, start: "Method") -> None:
    before = "before" if start == "calibrated" else start
    columns = {"layer": "left"} | dict.fromkeys(
        (f"RMS\n{before}", "RMS\ncalibrated", "worst\nweight", "of\nneuron", "passes", "fill", "chains\noff"),
        "right",
    )
    rows = [
        (
            one.layer,
            small_percent(one.rms_before),
            small_percent(one.rms_after),
            small_percent(one.worst_after),
            str(one.worst_neuron),
            str(one.passes),
            f"{100 * one.fill:.0f} %",
            f"{one.failing} of {one.chains}",
        )
        for one in found.layers
    ]
    print_table(title, columns, rows)


def _complain(found: "Calibrated") -> bool:
    """One warning a layer that did not converge, with its worst chain; whether there was any."""
    from resonet.cosim.calibration.newton import Status

    bad = [one for one in found.layers if one.status is not Status.CONVERGED]
    for one in bad:
        worst = one.failures[0]
        warning(
            f"warning: layer {one.layer}: {one.failing} chains are off, the worst (bus {worst.bus}, chain "
            f"{worst.chain}) by {small_percent(worst.residual)} of the largest weight of its neuron, {worst.neuron}: "
            f"{one.status.value}"
        )
        for remedy in one.remedies:
            warning(f"  {remedy.text} ({remedy.setting} = {remedy.value:.4g})")
    return bool(bad)


def calibrate_command(
    folder: Folder,
    on_data: Annotated[
        Path | None,
        typer.Option("--on-data", help="Fit saturating resonators on these images (.npz): the program `fitted`."),
    ] = None,
    layer: Annotated[Layers, unless("on_data")] = None,
    engine: Annotated[WeightEngine, unless("on_data")] = "auto",
    start: Annotated[
        Literal["formula", "coupled", "calibrated"] | None,
        typer.Option("--start", help="Program to begin from (default: coupled, or the one before compile --force)."),
    ] = None,
    fill: Annotated[
        float,
        typer.Option(min=0.0, max=0.98, help="Fill: largest weight as part of what a resonator holds; 0: what fits."),
        unless("on_data"),
    ] = 0.0,
    branches: Annotated[
        Literal["near", "both"],
        typer.Option("--branches", help="Also detunings beyond the peak, where they help."),
        unless("on_data"),
    ] = "near",
    tolerance: Annotated[
        float,
        typer.Option(help="Largest error left, as part of its neuron's largest weight."),
        unless("on_data"),
    ] = 1e-6,
    passes: Annotated[int, typer.Option(help="Most measurements after the first."), unless("on_data")] = 6,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", min=1, help="ngspice processes (default: one a core)."),
        with_decks,
        unless("on_data"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Reprogram the resonators so that the circuit, parasitics included, holds the trained weights.

    Writes the program `calibrated` and its decks; crosstalk, accuracy, sparams and transient then know it. Exit status
    1 if a chain cannot hold its weights: the best that was found is written all the same.

    Example: resonet calibrate build --engine ngspice --layer conv1

    With --on-data resonators saturate as [saturation] says, at plan.p_max: detunings and a gain a layer are fitted so
    that the neurons' sums on these images, which need no labels, come near the trained ones: the program `fitted`.

    Example: resonet calibrate build --on-data calibration.npz
    """
    if on_data is not None:
        calibrate_on_data(folder, on_data, start, as_json)
        return
    from resonet.api.designs import calibrate, load
    from resonet.cosim.feed.store import count_steps, stored_effective_weights
    from resonet.cosim.weights.effective import effective_weights
    from resonet.cosim.weights.engines import linear
    from resonet.report.figures import weight_figure
    from resonet.report.style import save

    design = load(folder)
    names = layer or design.fed_by("bus")
    found = calibrate(
        design, layer=names, engine=engine, start=start, fill=fill, branches=branches, tolerance=tolerance,
        passes=passes, jobs=jobs, progress=progress,
    )  # fmt: skip
    chosen, begin, decks = found.engine, found.start, found.decks
    quick = linear if chosen.runs_decks else chosen
    seen: dict[Method, Mapping[str, RfWeights]] = {
        method: {name: effective_weights(found.design, name, method, engine=quick) for name in names}
        for method in ((begin,) if chosen.check else (begin, "calibrated"))
    }
    if chosen.check:  # of what the circuit holds now; kept, as `crosstalk` wants it too
        with progress("check", count_steps(found.design, names)) as done:
            seen["calibrated"] = stored_effective_weights(folder, found.design, "calibrated", names, jobs, done, chosen)
    checked = witness_of(seen["calibrated"].values())
    figures = save(weight_figure(seen), folder / "report", "calibration")
    page = {"layers": [_row(one) for one in found.layers], "decks": decks, "figures": figures}
    if not answer(as_json, page | witness_json(engine, checked)):
        _show(found, f"{design.cnn.file}: weights that the circuit holds, by {engine}", begin)
        tell_engine(engine, checked)
        for one in found.layers:
            if one.began == "earlier":
                say(f"layer {one.layer}: began at the calibrated program of the design before, {one.passes} passes")
        tell_zeros(design, names)
        say(f"{decks} decks in {folder / 'decks' / 'calibrated'}; figure: {figures[0]}")
    if _complain(found):
        raise typer.Exit(1)


COMMAND = Command("design", calibrate_command, then="crosstalk {folder}")
