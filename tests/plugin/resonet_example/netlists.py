"""`resonet netlists`: the decks of a layer in a folder of their own, as another simulator takes them."""

from pathlib import Path
from typing import Annotated

import typer

from resonet.cli.options import Chosen, Folder, Json, Layer
from resonet.cli.registry import Command
from resonet.cli.show import print_files, print_json


def netlists_command(
    folder: Folder,
    layer: Layer,
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for decks/ and lib/.")],
    dialect: Annotated[str, typer.Option(help="How the decks are spelled.")] = "ngspice",
    program: Chosen = "coupled",
    as_json: Json = False,
) -> None:
    """RF and DC decks of a layer, with their libraries, as another simulator takes them.

    Example: resonet netlists build --layer conv1 --dialect xyce -o xyce
    """
    from resonet.core.files import new_file
    from resonet.netlist.bus.deck import dc_gain_decks, rf_deck
    from resonet.netlist.design.folder import load_design
    from resonet.netlist.spice import find_dialect
    from resonet.spice_lib.library import copy_library

    spelled = find_dialect(dialect)
    buses = load_design(folder).hardware(layer, program)
    decks = [*(rf_deck(bus, dialect=spelled) for bus in buses), *dc_gain_decks(buses, dialect=spelled)]
    copy_library(out / "lib")
    written = [out / "decks" / f"{deck.name}.cir" for deck in decks]
    for path, deck in zip(written, decks, strict=True):
        with new_file(path) as draft:
            draft.write_text(deck.text, encoding="utf-8")
    if as_json:
        print_json({"dialect": dialect, "decks": written})
        return
    print_files("decks", written)


COMMAND = Command("export", netlists_command)
