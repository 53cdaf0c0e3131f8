"""`resonet decks`: writes the decks of a design that are asked for."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from resonet.api.laws import chosen_chip
from resonet.cli.chips import ChipSeed, CornerOption, SampleOption
from resonet.cli.options import FittedToo, Folder, Json, Layers, only, unless
from resonet.cli.registry import Command
from resonet.cli.show import print_json, print_table, say
from resonet.cli.steps import progress
from resonet.core.errors import InputError

if TYPE_CHECKING:
    from resonet.netlist.bus.hardware import BusHardware
    from resonet.netlist.chips.chip import Chip
    from resonet.netlist.design.decks import PlannedDeck
    from resonet.netlist.design.design import Design
    from resonet.netlist.programming.methods import Method

__all__ = ["COMMAND"]

MOST_NAMED = 20  # files that are named one by one


def _hardware(design: "Design", layer: str, program: "Method", chip: "Chip | None") -> "tuple[BusHardware, ...]":
    from resonet.netlist.design.chips import chip_hardware

    return design.hardware(layer, program) if chip is None else chip_hardware(design, layer, program, chip)


def _planned(
    design: "Design", layers: list[str], program: "Method", bus: str | None, neuron: int | None, chip: "Chip | None"
) -> "list[PlannedDeck]":
    """The decks that were asked for."""
    from resonet.netlist.design.decks import layer_decks, neuron_decks

    found = []
    for layer in layers:
        buses, synapses = _hardware(design, layer, program, chip), design.plan.layer(layer).layer
        if neuron is not None:
            most = synapses.groups * synapses.outputs
            if not 0 <= neuron < most:
                raise InputError(f"--neuron {neuron}: layer {layer} has neurons 0 ... {most - 1}")
            decks = neuron_decks(buses, *divmod(neuron, synapses.outputs))
        else:
            decks = layer_decks(buses)
        if bus is not None:
            known = [hardware.bus.name for hardware in buses]
            if bus not in known:
                shown = ", ".join(known[:6]) + (", ..." if len(known) > 6 else "")
                raise InputError(f"--bus {bus[:60]}: layer {layer} has no such bus; possible: {shown}")
            decks = [deck for deck in decks if deck.bus == bus]
        found += decks
    return found


def _show(paths: list[Path], new: list[Path], folder: Path) -> None:
    for path in new[:MOST_NAMED]:
        say(f"  {path}")
    if len(new) > MOST_NAMED:
        say(f"  ... and {len(new) - MOST_NAMED:,} more")
    there = len(paths) - len(new)
    decks = "deck" if len(new) == 1 else "decks"
    say(f"{len(new):,} {decks} written to {folder}" + (f", {there:,} were there" if there else ""))


def decks_command(
    folder: Folder,
    layer: Layers = None,
    program: FittedToo = "coupled",
    bus: Annotated[str | None, typer.Option("--bus", help="Only the decks of this bus: t0, b1t3, ...")] = None,
    neuron: Annotated[
        int | None,
        typer.Option("--neuron", help="Only decks with chains of this neuron, and S-parameters of each of them."),
        only("layer"),
    ] = None,
    corner: CornerOption = None,
    sample: SampleOption = None,
    chip_seed: ChipSeed = 1,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Folder for them and for lib/ (default: the design's decks/).")
    ] = None,
    dialect: Annotated[
        str | None, typer.Option("--dialect", help="How they are spelled (default: as ngspice takes it)."), only("out")
    ] = None,
    graph: Annotated[
        bool,
        typer.Option("--graph", help="Also graph.graphml, which compile leaves out of large designs."),
        unless("out"),
    ] = False,
    only_list: Annotated[bool, typer.Option("--list", help="Only say which decks there are.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Also those that are there, such as edited ones.")] = False,
    as_json: Json = False,
) -> None:
    """Write decks: RF pass of every bus, DC gains, S-parameters; each runs with a bare ngspice -b.

    Of small designs compile writes all of them, of large ones a few. They always have the same bytes.

    Example: resonet decks build --layer conv1 --neuron 5 --program calibrated

    Example: resonet decks build --layer conv1 --sample 7 --chip-seed 3
    """
    from resonet.netlist.bus.graph import write_graphml
    from resonet.netlist.design.decks import write_missing
    from resonet.netlist.design.folder import load_design
    from resonet.netlist.spice import find_dialect

    spelled = find_dialect(dialect or "ngspice")
    design = load_design(folder)
    layers = layer or design.fed_by("bus")
    design.require_bus("decks", layers)
    chip = chosen_chip(design, corner, sample, chip_seed)
    chosen = _planned(design, layers, program, bus, neuron, chip)
    place = (out or folder / "decks") / (program if chip is None else f"{program}_{chip.label}")
    paths = [place / f"{deck.name}.cir" for deck in chosen]
    if only_list:
        there = [path.is_file() for path in paths]
        rows = [(d.name, d.kind, d.bus, d.chains, d.resonators, t) for d, t in zip(chosen, there, strict=True)]
        columns = ("deck", "kind", "bus", "chains", "resonators", "written")
        if as_json:
            print_json({"folder": place, "decks": [dict(zip(columns, row, strict=True)) for row in rows]})
            return
        sides = dict(zip(columns, ("left", "left", "left", "right", "right", "left"), strict=True))
        print_table(
            f"{place}: {sum(there):,} of {len(rows):,} written",
            sides,
            [(*map(str, row[:-1]), "yes" if row[-1] else "no") for row in rows],
        )
        return
    with progress("write decks", len(chosen)) as done:
        new = write_missing(chosen, place, spelled, force or chip is not None, done)  # [spread] may have changed
    if graph:
        write_graphml(design.graph(program), folder / "graph.graphml")
    if as_json:
        print_json({"program": program, "dialect": dialect or "ngspice", "decks": paths, "written": new})
        return
    _show(paths, new, place)
    if graph:
        say(f"graph: {folder / 'graph.graphml'}")


COMMAND = Command("export", decks_command, stored=False)
