"""`resonet sneak`: what disturbs a layer's weights, cause by cause, and who disturbs whom."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from resonet.cli.options import Folder, Json, Layer
from resonet.cli.registry import Command
from resonet.cli.show import answer, percent, print_files, print_table, say
from resonet.cli.steps import progress
from resonet.cli.witnesses import tell_engine, witness_json, witness_of
from resonet.core.errors import InputError

if TYPE_CHECKING:
    from resonet.cosim.feed.comparison import LayerComparison
    from resonet.cosim.strip.attribution import Attribution
    from resonet.cosim.weights.bus_attribution import BusAttribution
    from resonet.netlist.design.design import Design

__all__ = ["COMMAND"]

SHOWN = 8  # pairs in the table


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


def _bus(folder: Path, design: "Design", layer: str, program: Any, engine: str, as_json: bool) -> None:
    """The split for bus feed, of the circuit in closed form; `auto` checks that circuit with all causes."""
    from resonet.cosim.feed.store import count_steps, stored_effective_weights
    from resonet.cosim.weights.bus_attribution import attribute_bus
    from resonet.cosim.weights.engines import auto

    rows = _bus_rows(attribute_bus(design.plan, design.plan.layer(layer), design.program(program).layer(layer)))
    checked = None
    if engine == "auto" and design.feed(layer) == "bus":
        with progress("check", count_steps(design, [layer])) as done:
            held = stored_effective_weights(folder, design, program, [layer], None, done, auto)
        checked = witness_of(held.values())
    page = {"layer": layer, "feed": "bus", "program": program, "causes": rows}
    if not answer(as_json, page | witness_json(engine, checked)):
        _print_rows(f"{layer}, bus feed, {program} program: RMS, part of the largest weight", rows)
        tell_engine(engine, checked)


def _feed(design: "Design", layer: str, chosen: str | None, lines: dict[str, Any]) -> str:
    """The feed that is meant: as chosen, as options of strip `lines` only need it, or the design's own."""
    given = [option for option, value in lines.items() if value]
    if chosen == "bus" and given:
        raise typer.BadParameter("changes nothing here; possible: with --feed stripline", param_hint=given[0])
    return chosen or ("stripline" if given else design.feed(layer))


def _whole(found: "LayerComparison") -> dict[str, Any]:
    """Errors and accuracies of the whole layer, by program, for scripts."""
    errors = {
        str(name): {"rms": w.rms(), "foreign": w.rms(True), "fill": w.fill, "gain": w.gain, "failing": w.failing}
        for name, w in found.programs.items()
    }
    return {"accuracy": found.accuracy, "programs": errors, "images": found.images}


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
    folder: Folder,
    layer: Layer,
    feed: Annotated[
        Literal["stripline", "bus"] | None,
        typer.Option(help="How the tones reach the resonators (default: as the design, or as other options need it)."),
    ] = None,
    arrangement: Annotated[
        str | None, typer.Option(help="sequential, planar or stacked (default: that of the design).")
    ] = None,
    program: Annotated[
        Literal["formula", "coupled"], typer.Option(help="How the resonators are programmed.")
    ] = "coupled",
    chains: Annotated[
        int | None,
        typer.Option(min=1, help="Chains of the split, in the middle of the layer (default: 12)."),
    ] = None,
    neighbours: Annotated[
        int | None, typer.Option(min=0, max=100, help="Aggressor chains to either side of them (default: 6).")
    ] = None,
    each: Annotated[bool, typer.Option("--each", help="Split by every single cause instead of by group.")] = False,
    data: Annotated[
        Path | None, typer.Option("--data", help="Labelled images (.npz): the whole layer, its accuracy.")
    ] = None,
    engine: Annotated[
        Literal["auto", "linear", "ngspice"],
        typer.Option(
            help="By whom circuits are solved: auto (linear, checked by ngspice on a sample), linear, ngspice."
        ),
    ] = "auto",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help='One dimension, such as --set geometry.pitch_x="1.5 um".'),
    ] = None,
    as_json: Json = False,
) -> None:
    """Weight error split by cause, ranked pairs of aggressor and victim, heat map.

    Example: resonet sneak build --layer conv1 --arrangement planar --chains 12
    """
    from resonet.netlist.design.folder import load_design

    design = load_design(folder)
    lines: dict[str, Any] = {
        "--arrangement": arrangement,
        "--chains": chains,
        "--neighbours": neighbours is not None,
        "--each": each,
    }
    lines |= {"--data": data, "--engine": engine == "ngspice", "--set": settings}
    if _feed(design, layer, feed, lines) == "bus":
        _bus(folder, design, layer, program, engine, as_json)
        return
    from resonet.cosim.feed.comparison import compare_layer, comparison_steps
    from resonet.cosim.strip.laid_out import lay_out
    from resonet.cosim.strip.split import SplitOptions, check_split, split_layer, split_steps
    from resonet.netlist.design.parameters import read_parameters
    from resonet.report.sneak_figures import sneak_figure
    from resonet.report.style import save

    for setting in settings or ():
        if not setting.strip().startswith("geometry."):
            raise InputError(f"setting {setting[:60]!r}: possible: geometry.NAME=VALUE; others need `compile`")
    images = design.images(data) if data else None
    if images is not None and not images.labels.size:
        raise InputError(f"{images.file}: no labels; possible: a .npz file with images [n, ...] and labels [n]")
    laid = lay_out(design, layer, arrangement, read_parameters(folder / "design.toml", settings or ()).geometry)
    arrangement = laid.feed.arrangement
    solver: Literal["linear", "ngspice"] = "ngspice" if engine == "ngspice" else "linear"
    options = SplitOptions(program, chains, 6 if neighbours is None else neighbours, each, solver)
    with progress("circuits", split_steps(options)) as done:
        split = split_layer(laid, options, done)
    checked = check_split(split) if engine == "auto" else None
    whole = None
    if images is not None:
        with progress("whole layer", comparison_steps(laid)) as done:
            whole = _whole(compare_layer(design, laid, images, done))
    found, window = split.attribution, split.chains
    shares = whole["accuracy"] if whole else None
    drawn = sneak_figure(found, laid.frequencies.tolist(), shares, whole["images"] if whole else 0)
    figures = save(drawn, folder / "report", f"sneak_{layer}_{arrangement}")
    rows, facts = _strip_rows(found), _strip_facts(found)
    page: dict[str, Any] = {"layer": layer, "feed": "stripline", "arrangement": arrangement, "program": program}
    page |= {"chains": window.tolist(), "neighbours": options.neighbours, **witness_json(engine, checked)}
    page |= {"causes": rows} | facts | {"pairs": found.pairs, "whole": whole, "figures": figures}
    if answer(as_json, page):
        return
    title = f"{layer}, {arrangement}, {program} program, chains {window[0]} ... {window[-1]}"
    _print_rows(f"{title}: RMS, part of the largest weight", rows)
    tell_engine(engine, checked)
    _print_facts(facts)
    _print_pairs(found)
    if whole:
        _print_whole(whole)
    print_files("figures", figures)


def _print_facts(facts: dict[str, float]) -> None:
    told = [
        f"lines of one frequency interfere: {_share(facts['coherent_rms'])} RMS over random phases, at worst "
        f"{_share(facts['coherent_worst'])} in one chain and tone",
        f"if all tones had one frequency: {_share(facts['interference_if_one_frequency'])} RMS by interference, "
        f"{_share(facts['foreign_if_one_frequency'])} by power",
    ]
    for line in told:
        say(line)
    say("")


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


COMMAND = Command("analyse", sneak_command)
