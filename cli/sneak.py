"""`resonet sneak`: what disturbs a layer's weights, cause by cause, and who disturbs whom."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from resonet.cli.show import out, percent, print_json, print_table, progress
from resonet.core.errors import InputError

if TYPE_CHECKING:
    from resonet.cosim.strip.attribution import Attribution
    from resonet.cosim.weights.bus_attribution import BusAttribution

__all__ = ["sneak_command"]

LOUDEST = 20  # pairs in JSON
SHOWN = 8  # pairs in the table
CHAINS = 12  # of a split


def _share(value: float) -> str:
    """A share in per cent; nothing but rounding is 0."""
    return "0" if value < 1e-12 else percent(value) if value >= 1e-3 else f"{100 * value:.2g} %"


def _row(found: "Attribution", name: str, change: Any, error: Any = None) -> dict[str, Any]:
    """RMS of what a part changes, and of what an `error` leaves after the best gain."""
    row = {"cause": name, "alone": found.rms(change), "foreign": found.rms(change, True)}
    return row if error is None else row | {"uneven": found.rms(found.uneven(error))}


def _strip_rows(found: "Attribution") -> list[dict[str, Any]]:
    rows = [_row(found, "spectral overlap", found.spectral, found.spectral)]
    rows.append(_row(found, "matched lines, bridges", found.delay, found.delay))
    for part in found.parts:
        alone = found.rms(part.alone)
        rows.append(
            _row(found, part.name, part.alone, part.alone)
            | {"without": found.rms(part.without), "linear": found.rms(part.linear)}
            | {"linear_error": found.rms(part.linear - part.alone) / alone if alone > 1e-9 else None}
        )
    rows.append(_row(found, "interaction", found.interaction))
    return [*rows, _row(found, "all together", found.total, found.total)]


def _strip_facts(found: "Attribution") -> dict[str, float]:
    """Numbers beside the table, shares of the largest weight."""
    count = float(found.uses.sum())
    return {
        "foreign_if_one_frequency": found.rms(found.unselective, True),
        "interference_if_one_frequency": found.one_frequency,
        "coherent_rms": float(((found.coherent_rms**2).sum() / count) ** 0.5),
        "coherent_worst": float(found.coherent_worst.max()),
    }


def _bus_rows(found: "BusAttribution") -> list[dict[str, Any]]:
    def rms(error: Any) -> float:
        return float((error**2).mean() ** 0.5)

    rows: list[dict[str, Any]] = [{"cause": "spectral overlap", "alone": rms(found.spectral)}]
    for part in found.parts:
        alone = rms(part.alone)
        rows.append(
            {"cause": part.name, "alone": alone, "without": rms(part.without), "linear": rms(part.linear)}
            | {"linear_error": rms(part.linear - part.alone) / alone if alone > 1e-9 else None}
        )
    rows.append({"cause": "interaction", "alone": rms(found.interaction)})
    return [*rows, {"cause": "all together", "alone": rms(found.total)}]


def _print_rows(title: str, rows: list[dict[str, Any]]) -> None:
    names = [name for name in ("alone", "uneven", "foreign", "without", "linear") if any(name in row for row in rows)]
    headings = {
        "uneven": "after\none gain",
        "foreign": "other\ninputs",
        "without": "removed\nfrom all",
        "linear": "linear\nresponse",
    }
    columns = {"cause": "left"} | {headings.get(name, name): "right" for name in names} | {"which is\noff by": "right"}
    cells = []
    for row in rows:
        off = row.get("linear_error")
        told = "" if off is None else f"{100 * off:.0f} %"
        cells.append((row["cause"], *(_share(row[n]) if n in row else "" for n in names), told))
    print_table(title, columns, cells)


def _window(chains: int, count: int | None, per_block: int) -> Any:
    """`count` chains (None: `CHAINS`, or all there are) in the middle of the middle block."""
    import numpy as np

    count = min(CHAINS, chains) if count is None else count
    if not 1 <= count <= chains:
        raise InputError(f"--chains {count}: possible: 1 ... {chains}")
    block = chains // per_block // 2 * per_block
    first = min(block + max(0, per_block - count) // 2, chains - count)
    return np.arange(first, first + count)


def _bus(folder: Path, layer: str, program: Any, as_json: bool) -> None:
    """The split for bus feed."""
    from resonet.cosim.weights.bus_attribution import attribute_bus
    from resonet.netlist.design.folder import load_design

    design = load_design(folder)
    rows = _bus_rows(attribute_bus(design.plan, design.plan.layer(layer), design.program(program).layer(layer)))
    if as_json:
        print_json({"layer": layer, "feed": "bus", "program": program, "causes": rows})
    else:
        _print_rows(f"{layer}, bus feed, {program} program: RMS, part of the largest weight", rows)


def _shares(design: Any, placement: Any, layer: Any, frequencies: Any, images: Any) -> dict[str, Any]:
    """Errors and accuracies of the whole layer, by program."""
    from resonet.cosim.calibration.newton import calibrated_design
    from resonet.cosim.strip.accuracy import strip_accuracy
    from resonet.cosim.strip.layer import layer_windows, solve_layer_windows, strip_weights
    from resonet.cosim.weights.effective import effective_weights
    from resonet.cosim.weights.engines import linear
    from resonet.cosim.weights.inference import accuracy

    device, fill = design.plan.device, design.plan.options.fill
    with progress("whole layer, RF passes", len(layer_windows(placement, 144))) as done:
        strip = solve_layer_windows(placement, layer, frequencies, device=device, done=done)
    design = calibrated_design(design)
    names = [entry.layer.name for entry in design.plan.layers]
    effective = {name: effective_weights(design, name, "calibrated", engine=linear) for name in names}
    found = accuracy(design, effective, images)
    shares = {"software": found.software, "RF bus, calibrated": found.circuit}
    made = strip_weights(strip, fill)
    with progress("images", len(made)) as done:
        for name, weights in made.items():
            shares[f"strip lines, {name}"] = strip_accuracy(design, effective, weights, strip, images)
            done()
    shares |= _crossbars(design, names, images)
    errors = {
        str(name): {"rms": w.rms(), "foreign": w.rms(True), "fill": w.fill, "gain": w.gain, "failing": w.failing}
        for name, w in made.items()
    }
    return {"accuracy": shares, "programs": errors, "images": len(images.images)}


def _crossbars(design: Any, names: list[str], images: Any) -> dict[str, float]:
    """Accuracy of the same network in resistive crossbars with this design's junction, all layers."""
    from resonet.cosim.crossbar.crossbar import CROSSBAR_PROGRAMS
    from resonet.cosim.crossbar.studies import crossbar_point
    from resonet.models.circuit.crossbar import CrossbarArray, CrossbarCell

    device = design.plan.device
    array = CrossbarArray(CrossbarCell(device.resistance, 1 + device.magnetoresistance))
    with progress("crossbars", len(CROSSBAR_PROGRAMS)) as done:
        found = {}
        for program in CROSSBAR_PROGRAMS:
            found[f"crossbar, {program}"] = float(crossbar_point(design, names, array, program, images).accuracy or 0)
            done()
    return found


def _print_whole(whole: dict[str, Any]) -> None:
    rows = [
        (
            name,
            _share(row["rms"]),
            _share(row["foreign"]),
            f"{row['fill']:.2f}",
            percent(whole["accuracy"][f"strip lines, {name}"]),
        )
        for name, row in whole["programs"].items()
    ]
    columns = {"program": "left"} | dict.fromkeys(("RMS error", "from other inputs", "fill", "accuracy"), "right")
    others = [name for name in whole["accuracy"] if not name.startswith("strip lines")]
    told = ", ".join(f"{name} {percent(whole['accuracy'][name])}" for name in others)
    title = f"whole layer, {whole['images']:,} images, other layers calibrated on their buses ({told})"
    print_table(title, columns, rows)


def sneak_command(
    folder: Annotated[Path, typer.Argument(help="Design folder that `resonet compile` wrote.")],
    layer: Annotated[str, typer.Option("--layer", help="Layer, as `resonet compile` names it: conv1, ...")],
    feed: Annotated[
        Literal["stripline", "bus"], typer.Option(help="How the tones reach the resonators.")
    ] = "stripline",
    arrangement: Annotated[str, typer.Option(help="sequential, planar or stacked.")] = "planar",
    program: Annotated[
        Literal["coupled", "formula"], typer.Option(help="How the resonators are programmed.")
    ] = "coupled",
    chains: Annotated[
        int | None, typer.Option(min=1, help="Chains of the split, in the middle of the layer (default: 12).")
    ] = None,
    neighbours: Annotated[int, typer.Option(min=0, max=100, help="Aggressor chains to either side of them.")] = 6,
    each: Annotated[bool, typer.Option("--each", help="Split by every single cause instead of by group.")] = False,
    data: Annotated[
        Path | None, typer.Option("--data", help="Labelled images (.npz): the whole layer, its accuracy.")
    ] = None,
    engine: Annotated[Literal["linear", "ngspice"], typer.Option(help="Who solves the circuits.")] = "linear",
    settings: Annotated[
        list[str] | None, typer.Option("--set", help='One dimension, such as --set geometry.pitch_x="1.5 um".')
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout instead of tables.")] = False,
) -> None:
    """Weight error split by cause, ranked pairs of aggressor and victim, heat map.

    Example: resonet sneak build --layer conv1 --arrangement planar --chains 12
    """
    if feed == "bus":
        _bus(folder, layer, program, as_json)
        return
    import numpy as np

    from resonet.cosim.strip.attribution import BASE, PARTS, attribute
    from resonet.cosim.strip.passes import ALL_CAUSES, layer_resonances
    from resonet.netlist.design.folder import load_design
    from resonet.netlist.design.parameters import read_parameters
    from resonet.netlist.network.images import read_images
    from resonet.netlist.strip.placement import place
    from resonet.netlist.strip.usage import layer_usage
    from resonet.report.sneak_figures import sneak_figure
    from resonet.report.style import save

    for setting in settings or ():
        if not setting.strip().startswith("geometry."):
            raise InputError(f"setting {setting[:60]!r}: possible: geometry.NAME=VALUE; others need `compile`")
    design = load_design(folder)
    geometry = read_parameters(folder / "design.toml", settings or ()).geometry
    synapses = design.plan.layer(layer).layer
    images = read_images(data, design.cnn.input_shape) if data else None
    if images is not None and not images.labels.size:
        raise InputError(f"{images.file}: no labels; possible: a .npz file with images [n, ...] and labels [n]")
    if images is not None and arrangement == "sequential":
        raise InputError("--data: a sequential layer has one set of chains; possible: planar, stacked")
    placement = place(layer_usage(synapses, arrangement != "sequential"), arrangement, geometry)  # type: ignore[arg-type]
    options, device = design.plan.options, design.plan.device
    frequencies = np.geomspace(options.f_min, options.f_max, placement.usage.tones)
    f_res, scale = layer_resonances(placement, synapses, frequencies, device, options.fill, program)
    per_block = placement.usage.grid[0] * placement.usage.grid[1]
    window = _window(placement.usage.chains, chains, per_block)
    parts = {c: (c,) for c in ALL_CAUSES if c not in BASE} if each else PARTS
    weights = synapses.matrix.reshape(-1) * scale
    with progress("circuits", 4 * len(parts) + 3) as done:
        found = attribute(
            placement, frequencies, f_res, weights, window, neighbours, parts, device, engine, LOUDEST, done
        )
    whole = _shares(design, placement, synapses, frequencies, images) if images is not None else None
    shares = whole["accuracy"] if whole else None
    drawn = sneak_figure(found, frequencies.tolist(), shares, whole["images"] if whole else 0)
    figures = save(drawn, folder / "report", f"sneak_{layer}_{arrangement}")
    rows, facts = _strip_rows(found), _strip_facts(found)
    if as_json:
        head = {"layer": layer, "feed": feed, "arrangement": arrangement, "program": program}
        chosen = {"chains": window.tolist(), "neighbours": neighbours, "engine": engine}
        print_json(
            head | chosen | {"causes": rows} | facts | {"pairs": found.pairs, "whole": whole, "figures": figures}
        )
        return
    title = f"{layer}, {arrangement}, {program} program, chains {window[0]} ... {window[-1]}"
    _print_rows(f"{title}: RMS, part of the largest weight", rows)
    _print_facts(facts)
    _print_pairs(found)
    if whole:
        _print_whole(whole)
    out.print("figures: " + ", ".join(map(str, figures)), soft_wrap=True, markup=False)


def _print_facts(facts: dict[str, float]) -> None:
    told = [
        f"lines of one frequency interfere: {_share(facts['coherent_rms'])} RMS over random phases, at worst "
        f"{_share(facts['coherent_worst'])} in one chain and tone",
        f"if all tones had one frequency: {_share(facts['interference_if_one_frequency'])} RMS by interference, "
        f"{_share(facts['foreign_if_one_frequency'])} by power",
    ]
    for line in told:
        out.print(line, soft_wrap=True, markup=False)
    out.print()


def _print_pairs(found: "Attribution") -> None:
    left = ("line\n(tone)", "chain, tap\n(tone)")
    columns = dict.fromkeys(left, "left") | {"level": "right", "on one\nfrequency": "right", "by": "left"}
    cells = [
        (
            f"{p.line} ({p.tone})",
            f"{p.chain}, {p.tap} ({p.own_tone})",
            f"{p.level:.1f} dB",
            f"{p.unselective:.1f} dB",
            p.cause,
        )
        for p in found.pairs[:SHOWN]
    ]
    print_table("loudest pairs of line and resonator, against the largest voltage of a resonator", columns, cells)
