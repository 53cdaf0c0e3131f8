"""`resonet layout`: the strip-line feed of a layer laid out, drawn and measured."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from resonet.cli.options import Folder, Json, Layers
from resonet.cli.registry import Command
from resonet.cli.show import answer, engineering, print_files, print_table
from resonet.cli.steps import progress
from resonet.core.errors import InputError

__all__ = ["COMMAND"]


def _arrangements(chosen: str) -> tuple[Any, ...]:
    from resonet.netlist.strip.arrangement import ARRANGEMENTS

    if chosen != "all" and chosen not in ARRANGEMENTS:
        raise InputError(f"arrangement {chosen[:40]!r}: possible: {', '.join(ARRANGEMENTS)}, all")
    return tuple(ARRANGEMENTS) if chosen == "all" else (chosen,)


def _rows(facts: list[Any]) -> list[list[str]]:
    """One column of text a placement, row by row."""
    shown = [
        ("resonators", [f"{f.resonators:,}" for f in facts]),
        ("chains", [f"{f.chains:,}" for f in facts]),
        ("RF lines", [f"{f.lines:,}" for f in facts]),
        ("most resonators on a line", [f"{f.most_on_line:,}" for f in facts]),
        ("unused inputs", [f"{f.idle_inputs:,}" for f in facts]),
        ("frequencies (tone classes)", [f"{f.tone_classes:,}" for f in facts]),
        ("tuning lines", [f"{f.tuning_lines:,}" for f in facts]),
        ("pairs weight/frequency", [f"{f.tuning_pairs:,}" for f in facts]),
        ("size", [" x ".join(engineering(s, "m") for s in f.size) for f in facts]),
        ("area", [f"{f.area * 1e6:.4g} mm²" for f in facts]),
        ("RF line, shortest", [engineering(f.line_length.shortest, "m") for f in facts]),
        ("RF line, median", [engineering(f.line_length.median, "m") for f in facts]),
        ("RF line, longest", [engineering(f.line_length.longest, "m") for f in facts]),
        ("RF lines, total", [engineering(f.line_length.total, "m") for f in facts]),
        ("tuning lines, total", [engineering(f.tuning_length.total, "m") for f in facts]),
        ("longest: resistance", [f"{f.longest_resistance:,.0f} Ohm" for f in facts]),
        ("longest: loss", [f"{f.longest_loss:.2f} dB" for f in facts]),
        ("longest: delay", [f"{f.longest_delay * 1e12:.2f} ps" for f in facts]),
        ("longest: own drive", [f"{f.own_drive[0]:.2f} ... {f.own_drive[1]:.2f}" for f in facts]),
        ("√(l/c)", [f"{f.lossless_impedance:.1f} Ohm" for f in facts]),
        ("impedance with loss", [f"{f.impedance.real:.0f} {f.impedance.imag:+.0f}j Ohm" for f in facts]),
        ("longest tuning line", [f"{f.longest_tuning_resistance:,.1f} Ohm" for f in facts]),
        ("crossings line/line", [_count(f.crossings.line_line) for f in facts]),
        ("crossings line/tuning", [_count(f.crossings.line_tuning) for f in facts]),
        ("crossings line/chain", [_count(f.crossings.line_chain) for f in facts]),
        ("bridge along a chain", [_count(f.crossings.line_along) for f in facts]),
        ("bridge metal / area", [f"{f.bridge_fill:.2f}" for f in facts]),
        ("vias", [_count(f.crossings.vias) for f in facts]),
    ]
    return [[name, *cells] for name, cells in shown]


def _count(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _plain(facts: Any) -> dict[str, Any]:
    """For JSON: no complex numbers."""
    table = asdict(facts)
    return table | {"impedance": [facts.impedance.real, facts.impedance.imag]}


def layout_command(
    folder: Folder,
    layer: Layers = None,
    arrangement: Annotated[
        str | None,
        typer.Option("--arrangement", help="sequential, planar, stacked, or all (default: that of the design)."),
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help='One dimension, such as --set geometry.pitch_x="1.5 um".')
    ] = None,
    as_json: Json = False,
) -> None:
    """Strip-line layout: where every resonator, line and tuning line lies; drawing, area, lengths, crossings.

    Example: resonet layout build --layer conv1 --arrangement all --set geometry.line_width="250 nm"
    """
    from resonet.netlist.design.folder import load_design
    from resonet.netlist.design.parameters import read_parameters
    from resonet.netlist.strip.facts import layout_facts
    from resonet.netlist.strip.placement import place_layer
    from resonet.report.layout_figure import layout_figure
    from resonet.report.style import save

    kinds = _arrangements(arrangement) if arrangement else ()
    for setting in settings or ():
        if not setting.strip().startswith("geometry."):
            raise InputError(f"setting {setting[:60]!r}: possible: geometry.NAME=VALUE; others need `compile`")
    design = load_design(folder)
    kinds = kinds or (design.parameters.feed.arrangement,)
    geometry = read_parameters(folder / "design.toml", settings or ()).geometry
    names = layer or [entry.layer.name for entry in design.plan.layers]
    layers = [design.plan.layer(name).layer for name in names]
    f = float((design.plan.options.f_min * design.plan.options.f_max) ** 0.5)
    found: list[Any] = []
    figures: list[Path] = []
    placed = [place_layer(one, kind, geometry) for one in layers for kind in kinds]
    with progress("lay out and draw", len(placed)) as done:
        for placement in placed:
            found.append(layout_facts(placement, f))
            name = f"layout_{placement.usage.layer}_{placement.arrangement.name}"
            figures += save(layout_figure(placement), folder / "report", name)
            done()
    page = {"geometry": asdict(geometry), "layouts": [_plain(facts) for facts in found], "figures": figures}
    if answer(as_json, page):
        return
    for one in layers:
        facts = [entry for entry in found if entry.layer == one.name]
        columns = {f"at {f / 1e9:.3g} GHz": "left"} | {entry.arrangement: "right" for entry in facts}
        print_table(f"{one.name}: strip-line layout", columns, _rows(facts))
    print_files("figures", figures)


COMMAND = Command("analyse", layout_command)
