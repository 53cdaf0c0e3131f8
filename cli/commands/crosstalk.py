"""`resonet crosstalk`: the weights that the circuit holds, and who disturbs whom."""

from typing import Annotated

from resonet.cli.options import Folder, Jobs, Json, Layers, Programs, WeightEngine, with_decks
from resonet.cli.registry import Command
from resonet.cli.show import answer, print_files, say, summary_json, summary_table, tell_zeros
from resonet.cli.steps import progress
from resonet.cli.witnesses import tell_engine, witness_json

__all__ = ["COMMAND"]


def crosstalk_command(
    folder: Folder,
    layer: Layers = None,
    program: Programs = "all",
    engine: WeightEngine = "auto",
    jobs: Annotated[Jobs, with_decks] = None,
    as_json: Json = False,
) -> None:
    """Effective weights against trained weights, and who disturbs whom.

    Example: resonet crosstalk build --layer conv1
    """
    from resonet.api.designs import load
    from resonet.api.weights import effective_weights
    from resonet.cli.pages import weights_page

    design = load(folder)
    layers = layer or [entry.layer.name for entry in design.plan.layers]
    found = effective_weights(design, program=program, layer=layers, engine=engine, jobs=jobs, progress=progress)
    effective, checked, rows = found.programs, found.witness, found.summaries
    methods = list(effective)
    figures = weights_page(folder, effective, design)
    page = {"program": methods[-1], "layers": summary_json(rows), **witness_json(engine, checked), "figures": figures}
    if answer(as_json, page):
        return
    summary_table(f"{design.cnn.file}: weights that the circuit holds (errors: part of the largest weight)", rows)
    tell_engine(engine, checked)
    tell_zeros(design, layers)
    for row in rows:
        if row.worst_aggressor:
            say(f"{row.name}: worst aggressor {row.worst_aggressor_db:.1f} dB, {row.worst_aggressor}")
    print_files("figures", figures)


COMMAND = Command("simulate", crosstalk_command, then="accuracy {folder} --data IMAGES.npz")
