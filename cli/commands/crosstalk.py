"""`resonet crosstalk`: the weights that the circuit holds, and who disturbs whom."""

from typing import Annotated

import typer

from resonet.cli.options import Folder, Jobs, Json, Layers, Programs, with_decks
from resonet.cli.registry import Command
from resonet.cli.show import print_files, print_json, progress, say, summary_json, summary_table, tell_zeros

__all__ = ["COMMAND"]


def crosstalk_command(
    folder: Folder,
    layer: Layers = None,
    program: Programs = "all",
    engine: Annotated[
        str | None,
        typer.Option("--engine", help="linear, ngspice or formula, computed anew (default: the decks, stored)."),
    ] = None,
    jobs: Annotated[Jobs, with_decks] = None,
    as_json: Json = False,
) -> None:
    """Effective weights against trained weights, and who disturbs whom.

    Example: resonet crosstalk build --layer conv1
    """
    from resonet.cli.pages import weights_page
    from resonet.cosim.feed.feeds import chosen_programs, layer_weights
    from resonet.cosim.feed.store import count_steps, stored_programs
    from resonet.cosim.weights.engines import find_engine
    from resonet.cosim.weights.summary import summarise
    from resonet.netlist.design.folder import load_design

    design = load_design(folder)
    layers = layer or [entry.layer.name for entry in design.plan.layers]
    methods = chosen_programs(design, program, layers)
    if engine is None:
        with progress("RF and DC passes", len(methods) * count_steps(design, layers)) as done:
            effective = stored_programs(folder, design, methods, layers, jobs, done)
    else:
        run = find_engine(engine).with_jobs(jobs)
        effective = {method: layer_weights(design, method, run, layers) for method in methods}
    rows = summarise(design, effective)
    figures = weights_page(folder, effective)
    if as_json:
        print_json({"layers": summary_json(rows), "figures": figures})
        return
    by = f", by {engine}" if engine else ""
    summary_table(f"{design.cnn.file}: weights that the circuit holds{by} (errors: part of the largest weight)", rows)
    tell_zeros(design, layers)
    for row in rows:
        if row.worst_aggressor:
            say(f"{row.name}: worst aggressor {row.worst_aggressor_db:.1f} dB, {row.worst_aggressor}")
    print_files("figures", figures)


COMMAND = Command("simulate", crosstalk_command)
