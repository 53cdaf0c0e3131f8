"""`resonet crossbar`: the same weights in resistive crossbars, next to the RF chains with their own parasitics."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from resonet.api.laws import operating_point
from resonet.cli.options import Data, Folder, Jobs, Json, only
from resonet.cli.registry import Command
from resonet.cli.show import answer, percent, print_files, print_table, say, small_percent
from resonet.cli.steps import progress
from resonet.core.parameters import parse, table_from_record

if TYPE_CHECKING:
    from resonet.models.circuit.crossbar import CrossbarArray

__all__ = ["COMMAND"]

BATCH = 500  # images


@dataclass(frozen=True, slots=True)
class _Chains:
    """The RF chains with the same weights."""

    errors: dict[str, float]  # by program, over all weights of the layers
    layers: dict[str, dict[str, float]]  # layer -> program -> RMS error
    accuracy: dict[str, float]  # "software" and by program; empty without images
    noisy: dict[str, float]  # by program, with all noise; empty without


def _value(option: str, name: str, text: str | None, section: str = "crossbar") -> dict[str, Any]:
    """One parameter of the array, or of its cells, if somebody wrote a value for it."""
    from resonet.models.circuit.crossbar import CrossbarArray, CrossbarCell

    kind = CrossbarArray if section == "crossbar" else CrossbarCell
    return {} if text is None else {name: parse(text, kind.__dataclass_fields__[name], f"--{option}")}


def _size(text: str | None) -> dict[str, Any]:
    """Rows and columns from "128" or "256x64"."""
    if text is None:
        return {}
    rows, _, columns = text.lower().partition("x")
    return _value("size", "rows", rows) | _value("size", "columns", columns or rows)


def _rf_chains(
    folder: Path, design: Any, layers: list[str], images: Any, jobs: int | None, noise: bool = False
) -> _Chains:
    """Errors and accuracy of the RF chains, from the weights that are stored, or else by the engine `auto`."""
    from resonet.cosim.calibration.newton import calibrated_design
    from resonet.cosim.crossbar.studies import pooled_error
    from resonet.cosim.feed.feeds import network_programs
    from resonet.cosim.feed.store import count_steps, stored_programs
    from resonet.cosim.noise.repeats import noisy_accuracy
    from resonet.cosim.weights.inference import accuracy
    from resonet.cosim.weights.software import SoftwareLogits
    from resonet.netlist.network.forward import classes

    if design.fed_by("bus"):
        design = calibrated_design(design)  # the fair counterpart of a crossbar that is reprogrammed for its wires
    methods = network_programs(design, layers)
    with progress("weights", len(methods) * count_steps(design, layers)) as done:
        effective = stored_programs(folder, design, methods, layers, jobs, done)
    errors = {m: pooled_error([weights.error for weights in effective[m].values()]) for m in methods}
    by_layer = {layer: {str(m): effective[m][layer].rms_error for m in methods} for layer in layers}
    shares: dict[str, float] = {}
    if images is not None:
        with progress("images through the RF chains", (1 + len(methods)) * -(-len(images.images) // BATCH)) as done:
            software = SoftwareLogits(design.cnn, images.images, done)
            found = {str(m): accuracy(design, effective[m], images, done, software) for m in methods}
        shares = {"software": found["coupled"].software} | {m: a.circuit for m, a in found.items()}
    noisy = dict[str, float]()
    if noise:
        trained = classes(software.values, design.cnn.ranked)
        noisy = {str(m): noisy_accuracy(design, effective[m], images, trained).mean for m in methods}
    return _Chains({str(m): error for m, error in errors.items()}, by_layer, shares, noisy)


def _decks(folder: Path, design: Any, layers: list[str], array: "CrossbarArray") -> tuple[list[Path], list[str]]:
    """Decks of the first array of each layer, every input at its largest; what is too large for ngspice is told."""
    import numpy as np

    from resonet.core.files import new_file
    from resonet.cosim.crossbar.crossbar import first_array
    from resonet.netlist.crossbar.deck import MOST_CELLS, crossbar_deck
    from resonet.netlist.design.decks import write_deck
    from resonet.spice_lib.library import library, library_text

    file = library()["crossbar_cell"].file
    if (folder / "decks" / "lib").is_dir() and not (folder / "decks" / "lib" / file).is_file():  # an older design
        with new_file(folder / "decks" / "lib" / file) as temporary:
            temporary.write_text(library_text()[file], encoding="utf-8")
    paths, notes = [], []
    for layer in layers:
        states, _ = first_array(design, layer, array)
        if states.size > MOST_CELLS:
            size = " x ".join(map(str, states.shape))
            notes.append(f"{layer}: no deck of its first array, {size} cells; possible: up to {MOST_CELLS:,}")
            continue
        sensed = [0, 1] if array.unselected == "floating" else None
        deck = crossbar_deck(f"{layer}_crossbar", states, np.full(len(states), array.read_voltage), array, sensed)
        paths.append(write_deck(deck, folder / "decks" / "crossbar"))
    return paths, notes


def _sweeps(
    folder: Path,
    design: Any,
    layers: list[str],
    array: "CrossbarArray",
    images: Any,
    chains: _Chains,
    rows: list[dict[str, Any]],
) -> tuple[list[Any], list[Path]]:
    """Points of the study, and its figure; `rows` are networks with their accuracies."""
    from resonet.cosim.crossbar.studies import CURVES, SWEEPS, Axis, study, sweep_axes
    from resonet.report.crossbar_figures import crossbar_figure
    from resonet.report.style import save

    total = len(CURVES) * sum(len(SWEEPS[axis]) for axis in sweep_axes(images))
    with progress("crossbars, sweeps", total) as done:
        points = study(design, layers, array, images, done)
    kept: dict[Axis, float] = {"ratio": array.cell.ratio, "wire": array.word_resistance, "noise": array.read_noise}
    kept["size"] = max(array.rows, array.columns)
    count = 0 if images is None else len(images.images)
    compared = {
        row["network"]: (row["accuracy"], row["accuracy_noise"]) for row in rows if row["accuracy_noise"] is not None
    }
    told = operating_point(design)
    drawn = crossbar_figure(points, kept, chains.errors, chains.accuracy, count, compared, told)
    return points, save(drawn, folder / "report", "crossbar")


def crossbar_command(
    folder: Folder,
    data: Data = None,
    layer: Annotated[list[str] | None, typer.Option("--layer", help="Only these layers (without --data).")] = None,
    size: Annotated[str | None, typer.Option(help="Largest array, word x bit lines: 128 or 256x64.")] = None,
    ron: Annotated[str | None, typer.Option(help="ON resistance (default: R0 of the design's device).")] = None,
    ratio: Annotated[str | None, typer.Option(help="OFF/ON ratio (default: 1 + Delta R / R of the device).")] = None,
    wire: Annotated[str | None, typer.Option(help="Wire from cell to cell, such as '1 Ohm'.")] = None,
    driver: Annotated[str | None, typer.Option(help="Resistance of a driver.")] = None,
    amplifier: Annotated[str | None, typer.Option(help="Input resistance of a sense amplifier.")] = None,
    read_noise: Annotated[str | None, typer.Option(help="Noise of a cell's conductance, such as 0.01.")] = None,
    levels: Annotated[str | None, typer.Option(help="States of a cell (default 0: any).")] = None,
    unselected: Annotated[
        Literal["grounded", "floating"], typer.Option(help="Bit lines that are not being read.")
    ] = "grounded",
    drive: Annotated[Literal["one", "both"], typer.Option(help="Ends of a word line with a driver.")] = "one",
    sums: Annotated[
        Literal["digital", "current"], typer.Option(help="How arrays that share a neuron are added.")
    ] = "digital",
    noise: Annotated[
        bool,
        typer.Option("--noise", help="Accuracy with noise on both sides, in the bandwidth of the design."),
        only("data"),
    ] = False,
    sweep: Annotated[bool, typer.Option(help="Figure over size, ratio, wire and noise.")] = True,
    jobs: Jobs = None,
    as_json: Json = False,
) -> None:
    """The same weights in resistive crossbars: error and accuracy next to the RF chains.

    Example: resonet crossbar build --data test.npz --size 64 --wire "1 Ohm"
    """
    from resonet.cosim.crossbar.crossbar import CROSSBAR_PROGRAMS, sneak
    from resonet.cosim.crossbar.studies import (
        check_labels,
        crossbar_point,
        noisy_crossbar_accuracy,
        pooled_error,
    )
    from resonet.models.circuit.crossbar import CrossbarArray, CrossbarCell
    from resonet.netlist.design.folder import load_design

    design = load_design(folder)
    device = design.plan.device
    cell = CrossbarCell(device.resistance, 1 + device.magnetoresistance)
    cell = replace(
        cell, **_value("ron", "ron", ron, "crossbar_cell"), **_value("ratio", "ratio", ratio, "crossbar_cell")
    )
    wires = _value("wire", "word_resistance", wire) | _value("wire", "bit_resistance", wire)
    ends = _value("driver", "driver_resistance", driver) | _value("amplifier", "sense_resistance", amplifier)
    more = _value("read-noise", "read_noise", read_noise) | _value("levels", "levels", levels) | _size(size)
    array = CrossbarArray(cell, unselected=unselected, drive=drive, sums=sums, **wires, **ends, **more)
    layers = layer or [entry.layer.name for entry in design.plan.layers]
    for name in layers:
        design.plan.layer(name)
    images = design.images(data) if data else None
    if images is not None:
        check_labels(images, layers, design)
    ideal = replace(array, word_resistance=0.0, bit_resistance=0.0, driver_resistance=0.0, sense_resistance=0.0)
    kinds = [("ideal wires", ideal, CROSSBAR_PROGRAMS[0]), *((p, array, p) for p in CROSSBAR_PROGRAMS)]
    with progress("crossbars", len(kinds)) as done:
        points = {}
        for name, kind, program in kinds:
            points[name] = crossbar_point(design, layers, kind, program, images)
            done()
    chains = _rf_chains(folder, design, layers, images, jobs, noise)
    drawn = {
        name: noisy_crossbar_accuracy(design, point, kind, images)
        for name, (point, kind) in {n: (points[n], k) for n, k, _ in kinds}.items()
        if noise and images is not None
    }
    sneaks = {name: sneak(design, name, array) for name in layers}
    decks, notes = _decks(folder, design, layers, array)
    rows = [
        {"network": f"crossbar, {name}", "accuracy": point.accuracy}
        | {"rms_error": pooled_error([w.error for w in point.weights.values()]), "accuracy_noise": drawn.get(name)}
        for name, point in points.items()
    ]
    rows += [
        {"network": f"RF chains, {name}", "accuracy": chains.accuracy.get(name), "rms_error": error}
        | {"accuracy_noise": chains.noisy.get(name)}
        for name, error in chains.errors.items()
    ]
    swept, files = _sweeps(folder, design, layers, array, images, chains, rows) if sweep else ([], [])
    table = [
        {"layer": name, "arrays": points["direct"].weights[name].arrays, "sneak": sneaks[name]}
        | {f"rms_error_{p}": points[p].weights[name].rms_error for p in CROSSBAR_PROGRAMS}
        | {
            f"{what}_{p}": getattr(points[p].weights[name], what)
            for p in CROSSBAR_PROGRAMS
            for what in ("gain", "fill")
        }
        | {f"rms_error_rf_{m}": error for m, error in chains.layers[name].items()}
        for name in layers
    ]
    sweeps = [
        {"axis": p.axis, "value": p.value, "program": p.curve[0], "unselected": p.curve[1], "accuracy": p.accuracy}
        | {"rms_error": pooled_error([w.error for w in p.weights.values()])}
        for p in swept
    ]
    shown = {"array": asdict(array), "layers": table, "networks": rows, "sweeps": sweeps}
    software = {"software": chains.accuracy.get("software"), "images": len(images.images) if images else 0}
    if answer(as_json, shown | software | {"decks": decks, "notes": notes, "figures": files}):
        return
    _show(table, rows, chains, array, len(images.images) if images else 0)
    for note in notes:
        say(f"note: {note}")
    for title, paths in (("decks", decks), ("figures", files)):
        print_files(title, paths)


def _show(
    table: list[dict[str, Any]], rows: list[dict[str, Any]], chains: _Chains, array: "CrossbarArray", images: int
) -> None:
    """The tables."""
    cell = table_from_record(array.cell)
    what = f"ON {cell['ron']}, OFF/ON {array.cell.ratio:g}, wires {array.word_resistance:g} Ohm a cell"
    programs = list(chains.errors)
    numbers = ("arrays", "direct", "compensated", "fill", *(f"RF\n{name}" for name in programs))
    columns = {"layer": "left"} | dict.fromkeys(numbers, "right")
    errors = ("direct", "compensated", *(f"rf_{name}" for name in programs))
    cells = []
    for row in table:
        direct, compensated, *chained = (small_percent(row[f"rms_error_{name}"]) for name in errors)
        fill = f"{row['fill_compensated']:.2f}"
        cells.append((row["layer"], str(row["arrays"]), direct, compensated, fill, *chained))
    title = f"arrays of at most {array.rows} x {array.columns}, {what}: RMS errors of the weights, part of the largest"
    print_table(title, columns, cells)
    told = ", ".join(f"{row['layer']} {percent(row['sneak'], 0)}" for row in table)
    say(
        f"one cell read alone, other lines {array.unselected}: {told} of its current "
        "(above 0: came through other cells; below: lost to other lines)\n"
    )
    networks = [
        (row["network"], *(small_percent(row["rms_error"]), percent(row["accuracy"]), percent(row["accuracy_noise"])))
        for row in rows
    ]
    if images:
        networks.insert(0, ("software", "-", percent(chains.accuracy["software"]), "-"))
    heading = f"{images:,} images" if images else "all weights"
    columns = {"network": "left"} | dict.fromkeys(("RMS error", "accuracy", "with noise"), "right")
    shown = len(columns) if chains.noisy else len(columns) - 1
    print_table(heading, dict(list(columns.items())[:shown]), [line[:shown] for line in networks])


COMMAND = Command("analyse", crossbar_command)
