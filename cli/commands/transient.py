"""`resonet transient`: the referee, one chain in the time domain."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from resonet.cli.numbers import engine_of
from resonet.cli.options import BestProgram, Folder, Json, Layer
from resonet.cli.registry import Command
from resonet.cli.show import answer, percent, print_files, print_table
from resonet.cli.steps import progress
from resonet.core.errors import InputError

__all__ = ["COMMAND"]


def transient_command(
    folder: Folder,
    layer: Layer,
    chain: Annotated[int, typer.Option(min=0, help="Chain of the layer's first bus.")] = 0,
    resonators: Annotated[
        int | None, typer.Option(min=1, help="Keep only so many, evenly spaced (default: all).")
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="Images; the brightest patch of the first 16 sets the tones.")
    ] = None,
    points: Annotated[
        float | None, typer.Option(help="Time points per period of the highest tone (default: 20; 60 if not by tones).")
    ] = None,
    prewarp: Annotated[
        Literal["tones", "tank", "none"], typer.Option(help="What is moved against the integrator's error.")
    ] = "tones",
    engine: Annotated[
        str,
        typer.Option(help="Who integrates the deck: ngspice, or fixed_step, compiled trapezoids on the same points."),
    ] = "ngspice",
    program: BestProgram = None,
    as_json: Json = False,
) -> None:
    """The referee: one chain in the time domain, against the two-pass result.

    Without --data every tone has half of p_max.

    Example: resonet transient build --layer conv1 --resonators 9 --engine fixed_step
    """
    import numpy as np

    from resonet.cosim.feed.feeds import best_program
    from resonet.cosim.fixed_step.transients import TRANSIENT_ENGINES
    from resonet.cosim.referee.chain import patch_powers
    from resonet.cosim.referee.chain import transient as run
    from resonet.netlist.design.decks import write_deck
    from resonet.netlist.design.folder import load_design

    integrator = engine_of(engine, TRANSIENT_ENGINES)
    design = load_design(folder)
    method = best_program(design, program)
    size = design.plan.layer(layer).buses[0].size[1]
    if resonators is not None and resonators > size:
        raise InputError(f"layer {layer}: {resonators} resonators of a chain of {size}; possible: 1 ... {size}")
    if data:
        images = design.images(data).images[:16]
        powers = patch_powers(design, layer, images, resonators)
    else:
        powers = np.full(resonators or size, 0.5 * design.plan.options.p_max)
    with progress(f"{engine}, transient", 1) as done:
        result, deck = run(design, layer, method, powers, chain, points, prewarp, engine=integrator)
        done()
    path = write_deck(deck, folder / "decks" / method)
    off = abs(result.difference_of_full_scale)
    if answer(as_json, {"program": method, **asdict(result)} | {"difference_of_full_scale": off, "deck": path}):
        return
    columns = {"chain": "left", "transient": "right", "two-pass": "right", "difference / full scale": "right"}
    row = (
        f"{layer}, chain {chain}, {result.resonators} resonators",
        f"{result.transient * 1e6:.3f} uV",
        f"{result.two_pass * 1e6:.3f} uV",
        percent(result.difference_of_full_scale, 4),
    )
    print_table(
        f"{engine}, {method} program, pre-warp: {prewarp}; full scale {result.full_scale * 1e6:.1f} uV = K_SD p_max",
        columns,
        [row],
    )
    print_files("deck", [path])


COMMAND = Command("simulate", transient_command)
