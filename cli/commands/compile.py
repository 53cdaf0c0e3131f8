"""`resonet compile`: a trained CNN into a design folder."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from resonet.cli.numbers import numbers
from resonet.cli.options import InputShape, Json, Out, Output, ParameterFile, Preset, Settings, unless
from resonet.cli.registry import Command
from resonet.cli.show import percent, print_json, say, summary_json, summary_table, tell_zeros
from resonet.cli.steps import progress

__all__ = ["COMMAND"]


def compile_command(
    model: Annotated[Path, typer.Argument(help="Trained CNN as an ONNX file.")],
    folder: Out,
    calibration: Annotated[
        Path | None, typer.Option(help="Images (.npz) that set the scale of every layer's input; else a safe bound.")
    ] = None,
    design: ParameterFile = None,
    preset: Preset = None,
    settings: Settings = None,
    input_shape: InputShape = None,
    output: Output = None,
    input_range: Annotated[
        str | None,
        typer.Option(help="Pixel range as the network takes it, without --calibration, such as 0,1."),
        unless("calibration"),
    ] = None,
    pixels: Annotated[
        str | None, typer.Option(help="What the network takes: 0..1, 0..255, file, or MEAN/STD such as 0.1307/0.3081.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace another design in that folder; results stay where they still hold.")
    ] = False,
    as_json: Json = False,
) -> None:
    """CNN -> design folder: plan, program, graph, decks.

    Example: resonet compile mnist.onnx -o build --calibration images.npz --set plan.tile=32
    """
    from resonet.api.designs import compiled
    from resonet.cosim.weights.summary import scaled_neurons, summarise
    from resonet.netlist.design.decks import INDEX, few_decks
    from resonet.netlist.design.earlier import read_earlier
    from resonet.netlist.design.parameters import read_parameters
    from resonet.netlist.design.replacing import BEFORE

    shape = numbers(input_shape, int, "--input-shape", "1,28,28") if input_shape else None
    low_high = numbers(input_range, float, "--input-range", "0,1") if input_range else None
    if low_high and len(low_high) != 2:
        raise typer.BadParameter(f"{input_range!r}: two numbers are expected", param_hint="--input-range")
    ends = (low_high[0], low_high[1]) if low_high else None
    parameters = read_parameters(design, settings or (), preset)
    made, decks = compiled(model, folder, parameters, calibration, shape, ends, pixels, output, force, progress)
    few = few_decks(made)
    rows = summarise(made)
    residuals = {p.layer: p.residual for p in made.programs["coupled"].layers}
    fills = {row.name: made.fill(row.name) for row in rows}
    scales, helps = scaled_neurons(made)
    kept = read_earlier(folder, made)
    if as_json:
        layers = [
            row
            | {"fill": fills[row["name"]], "coupled_residual": residuals[row["name"]]}
            | {"weight_grids": [str(grid) for grid in made.plan.layer(row["name"]).layer.grids]}
            | {"input_scale": asdict(made.scales[row["name"]])}
            for row in summary_json(rows)
        ]
        told = {
            "folder": folder,
            "decks": decks,
            "all_decks": not few,
            "earlier": sorted(kept),
            "notes": made.cnn.notes,
            "pixels": str(made.pixels),
            "neuron_scales": {"layers": [asdict(one) for one in scales], "helps": helps},
        }
        print_json(told | {"layers": layers})
        return
    summary_table(f"{made.cnn.file}: {decks} decks in {folder}", rows)
    if few:
        say(f"note: those are a few of its decks; {folder / 'decks' / INDEX} lists all, `resonet decks` writes them")
    say(f"pixels: {made.pixels} ({made.pixels.source})")
    for note in made.cnn.notes:
        say(f"note: {note}")
    for synapses in made.cnn.synapses:
        for grid in synapses.grids:
            say(f"note: layer {synapses.name}: trained on {grid}: resonet quantise takes them as levels of the DACs")
    for one in scales:
        scaled = f"{one.scaled} neurons have scales of their own, {one.least:g} ... {one.most:g}"
        raised = (
            f"chains of {one.raised} are raised, gain of their transconductors down to {one.gain:.3g} of the others'"
        )
        say(f"note: layer {one.layer}: {'; '.join([scaled] * bool(one.scaled) + [raised] * bool(one.raised))}")
    for entry in made.plan.layers:
        least, mean = entry.carries
        if least < 1:
            strong = f"{percent(least)} ... 100 % of p_max, {percent(mean, 0)} on the average"
            say(f"note: layer {entry.layer.name}: full tones of {strong} (plan.levels)")
    if scales and helps != 1:
        say(f"note: so errors of the weights count {helps:.3g} times less at the outputs (estimate; plan.scale)")
    tell_zeros(made, fills)
    if kept:
        say(f"note: the next calibration of {', '.join(kept)} begins at the calibrated program of the design before")
    if (folder / "report" / BEFORE).is_dir():
        say(f"note: figures of the design before are in {folder / 'report' / BEFORE}")
    for layer, fill in fills.items():
        if 0 < fill < 0.99 * made.plan.options.fill:
            used = f"{percent(fill, 0)} of a resonator's range, not {percent(made.plan.options.fill, 0)}"
            say(f"note: layer {layer}: its largest weight takes {used}: only so do all chains hold their weights")


COMMAND = Command("design", compile_command, then="calibrate {folder}")
