"""`resonet crosstalk`: the weights that the circuit holds, and who disturbs whom."""

from resonet.cli.options import Folder, Jobs, Json, Layers, Programs
from resonet.cli.registry import Command
from resonet.cli.show import print_files, print_json, progress, say, summary_json, summary_table

__all__ = ["COMMAND"]


def crosstalk_command(
    folder: Folder,
    layer: Layers = None,
    program: Programs = "all",
    jobs: Jobs = None,
    as_json: Json = False,
) -> None:
    """Effective weights against trained weights, and who disturbs whom.

    Example: resonet crosstalk build --layer conv1
    """
    from resonet.cli.pages import weights_page
    from resonet.cosim.weights.store import count_decks, stored_effective_weights
    from resonet.cosim.weights.summary import summarise
    from resonet.netlist.design.folder import load_design

    design = load_design(folder)
    methods = tuple(design.programs) if program == "all" else (program,)
    layers = layer or [entry.layer.name for entry in design.plan.layers]
    for name in layers:
        design.plan.layer(name)
    with progress("ngspice, RF and DC passes", len(methods) * count_decks(design, layers)) as done:
        effective = {m: stored_effective_weights(folder, design, m, layers, jobs, done) for m in methods}
    rows = summarise(design, effective)
    figures = weights_page(folder, effective)
    if as_json:
        print_json({"layers": summary_json(rows), "figures": figures})
        return
    summary_table(f"{design.cnn.file}: weights that the circuit holds (errors: part of the largest weight)", rows)
    for row in rows:
        if row.worst_aggressor:
            say(f"{row.name}: worst aggressor {row.worst_aggressor_db:.1f} dB, {row.worst_aggressor}")
    print_files("figures", figures)


COMMAND = Command("simulate", crosstalk_command)
