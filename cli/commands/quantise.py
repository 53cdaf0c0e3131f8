"""`resonet quantise`: the weights out of a few levels of each resonator, and what that costs."""

from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from resonet.cli.numbers import numbers
from resonet.cli.options import Data, Folder, Json, WeightEngine, only
from resonet.cli.registry import Command
from resonet.cli.show import percent, print_files, print_json, print_table, say, small_percent, warning
from resonet.cli.steps import progress
from resonet.cli.witnesses import tell_engine, witness_json
from resonet.core.errors import InputError

if TYPE_CHECKING:
    from resonet.cosim.calibration.bits import BitsSweep
    from resonet.cosim.calibration.quantised import QuantisationOptions

__all__ = ["COMMAND"]

LAYER = ("levels", "rms_nearest", "rms", "worst_neuron", "neuron_error", "tunings", "beyond")  # shown in --json


NETWORK = "network"  # instead of bits: the network's own codes
MOST_ENTRIES = 10_000_000  # of the look-up tables of a bus
DEFAULT = "1,2,3,4,5,6,7,8"


def _choices(
    bits: str | None, states: str | None, settings: dict[str, Any], has_codes: bool
) -> list["QuantisationOptions"]:
    """Options of every point: one per number of bits, one for the states, two tables for the network's own codes.

    Without `bits` the network's codes are among them if it has any.
    """
    from resonet.cosim.calibration.quantised import QuantisationOptions

    words = [word.strip() for word in (DEFAULT if bits is None else bits).split(",")]
    plain = ",".join(word for word in words if word != NETWORK)
    chosen = []
    if plain or NETWORK not in words:
        chosen = [QuantisationOptions(bits=b, **settings) for b in numbers(plain, int, "--bits", "2,4,8,network")]
    if NETWORK in words or (bits is None and has_codes):
        chosen += [QuantisationOptions(table=table, **settings) for table in ("alone", "channel")]
    if states:
        chosen.append(QuantisationOptions(states=tuple(numbers(states, float, "--states", "-1,1")), **settings))
    return chosen


def _write(sweep: "BitsSweep", folder: Path) -> list[Path]:
    """Resonance frequencies and levels of every point, one file each."""
    import numpy as np

    from resonet.core.files import new_file
    from resonet.netlist.programming.codes import CodeLevels

    paths = []
    for point in sweep.points:
        arrays: dict[str, Any] = {}
        for name, one in point.layers.items():
            arrays |= {f"{name}/weight_scale": np.array(one.program.weight_scale), f"{name}/gain": one.gain}
            for n, (f_res, index, levels) in enumerate(zip(one.program.f_res, one.index, one.sets, strict=True)):
                arrays |= {f"{name}/{n}/f_res": f_res, f"{name}/{n}/level": index}
                if isinstance(levels, CodeLevels):
                    arrays |= {f"{name}/{n}/code": index + levels.lowest, f"{name}/{n}/coded": levels.coded}
                    if levels.count * levels.step.size <= MOST_ENTRIES:
                        table, whose = levels.tables()
                        arrays |= {f"{name}/{n}/table": table, f"{name}/{n}/table_of_chain": whose}
                    else:
                        warning(f"note: layer {name}, bus {n}: look-up tables above {MOST_ENTRIES:,} entries left out")
        name = {"dac": point.label.removesuffix("-bit"), "channel": "network_channel"}.get(point.kind, point.kind)
        path = folder / "results" / f"quantised_{name}.npz"
        with new_file(path) as temporary:
            np.savez_compressed(temporary, **arrays)
        paths.append(path)
    return paths


def _json(sweep: "BitsSweep", files: dict[str, list[Path]]) -> dict[str, Any]:
    skip = ("layers",)
    points = [
        {spec.name: getattr(point, spec.name) for spec in fields(point) if spec.name not in skip}
        | {"layers": {name: {key: getattr(o, key) for key in LAYER} for name, o in point.layers.items()}}
        for point in sweep.points
    ]
    rest = {name: getattr(sweep, name) for name in ("rms_start", "accuracy_start", "software", "images")}
    return {"points": points, **rest, **files}


def quantise_command(
    folder: Folder,
    bits: Annotated[
        str | None,
        typer.Option(
            help="Bits of the tuning DACs, one number or several; network: a level for each code of quantised weights "
            "(default: 1 to 8, and network where there are codes)."
        ),
    ] = None,
    states: Annotated[
        str | None, typer.Option(help="Detunings of resonators with a few states, such as -1,1, in half-widths.")
    ] = None,
    data: Data = None,
    span: Annotated[float, typer.Option(help="Ends of a DAC's range, half-widths either side of the tone.")] = 1.0,
    grid: Annotated[str, typer.Option(help="Levels: at both ends, or one at zero weight (ends, zero).")] = "ends",
    gain: Annotated[str, typer.Option(help="What the readout trims: fixed, layer or chain.")] = "layer",
    spread: Annotated[float, typer.Option(help="Fabrication spread of f_res, half-widths, known to the solver.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Of the spread."), only("spread")] = 1,
    engine: WeightEngine = "auto",
    as_json: Json = False,
) -> None:
    """Tuning DACs of a few bits, or resonators with two states: weight error and accuracy.

    Example: resonet quantise build --bits 2,4,8 --states=-1,1 --data test.npz
    """
    from resonet.cosim.calibration.bits import bits_sweep
    from resonet.cosim.weights.engines import find_engine
    from resonet.netlist.design.folder import load_design
    from resonet.report.quantised_figures import bits_figure
    from resonet.report.style import save

    run = find_engine(engine)
    settings = {"span": span, "grid": grid, "gain": gain, "spread": spread, "seed": seed}
    _choices(bits, states, settings, False)  # what is impossible is told before anything is read
    design = load_design(folder)
    choices = _choices(bits, states, settings, any(entry.layer.grids for entry in design.plan.layers))
    images = design.images(data) if data else None
    if images is not None and not images.labels.size:
        raise InputError(f"{images.file}: no labels; possible: a .npz file with images [n, ...] and labels [n]")
    with progress("levels", len(choices)) as done:
        sweep = bits_sweep(design, run, choices, images, done=done)
    files = _write(sweep, folder)
    figures = save(bits_figure(sweep, design.cnn.file), folder / "report", "quantised")
    if as_json:
        print_json(
            {"options": asdict(choices[0])}
            | witness_json(engine, sweep.witness)
            | _json(sweep, {"files": files, "figures": figures})
        )
        return
    columns = {"levels": "left"}
    columns |= dict.fromkeys(("RMS\nnearest", "RMS\ndescent", "worst\nneuron", "its RMS"), "right")
    columns |= dict.fromkeys(("accuracy\nnearest", "accuracy\ndescent", "tunings"), "right")
    rows = [
        (
            point.label,
            percent(point.rms_nearest),
            percent(point.rms),
            f"{point.worst.layer} {point.worst.worst_neuron}",
            percent(point.worst.neuron_error),
            percent(point.accuracy_nearest),
            percent(point.accuracy),
            f"{sum(layer.tunings for layer in point.layers.values()):,}",
        )
        for point in sweep.points
    ]
    each = f"{sum(entry.resonators for entry in design.plan.layers):,}"
    start = ("calibrated", "-", small_percent(sweep.rms_start), "-", "-", "-", percent(sweep.accuracy_start), each)
    rows += [start, ("software", "-", "-", "-", "-", "-", percent(sweep.software), "-")]
    print_table(
        f"{design.cnn.file}: weights out of a few DAC levels (errors: part of the largest weight)", columns, rows
    )
    tell_engine(engine, sweep.witness)
    for point in sweep.points:
        for name, layer in point.layers.items():
            if layer.beyond:
                told = f"codes of {layer.beyond} weights are more than a resonator can hold, and stay at its largest"
                say(f"note: {point.label}: layer {name}: {told}; possible: compile with less plan.fill")
    print_files("files", [*files, *figures])


COMMAND = Command("design", quantise_command)
