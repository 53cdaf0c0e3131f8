"""The decks of a design: which there are, and those that are written, at once or when somebody asks for them.

A deck follows from the design alone, so that it can be written at any time, always with the same bytes. `compile` and
`calibrate` write all of them where a network is small; of a large one those of the first chains of each layer, and
`resonet decks` the others. `decks/index.csv` lists all of them, which are the same for every program.
"""

import csv
import io
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from resonet.core.errors import InputError
from resonet.core.files import new_file, read_text
from resonet.core.watching import Done, nothing
from resonet.netlist.bus.deck import dc_deck, rf_deck_blocks, sparam_deck, stack_batches
from resonet.netlist.bus.hardware import BusHardware, Stack
from resonet.netlist.design.design import Design
from resonet.netlist.design.written import ensure_library, forget_written, write_blocks
from resonet.netlist.spice.deck import Deck
from resonet.netlist.spice.dialect import NGSPICE, Dialect

__all__ = [
    "INDEX",
    "PlannedDeck",
    "few_decks",
    "layer_decks",
    "neuron_decks",
    "remove_decks",
    "stream_deck",
    "write_deck",
    "write_decks",
    "write_index",
    "write_missing",
    "written_decks",
]

INDEX = "index.csv"
MOST_BYTES = 100_000_000  # of an index
WHOLE = 100_000  # resonators of a network up to which all of its decks are written at once: 20 MB a program
SPARAM_SWEEP = 1000  # points per decade of the S-parameter decks
Kind = Literal["rf", "dc", "sparam"]


@dataclass(frozen=True, slots=True, eq=False)
class PlannedDeck:
    """A deck that is written, or could be."""

    name: str
    layer: str
    kind: Kind
    bus: str  # "" for DC decks, which hold neurons with all their tiles
    chains: int
    resonators: int
    blocks: Callable[[Dialect], Iterable[str]]  # of its text, to be joined by line ends


def write_deck(deck: Deck, folder: Path) -> Path:
    """Write a deck into a folder whose sibling `lib` holds the subcircuits; returns the deck's path."""
    return stream_deck(deck.name, (deck.text,), folder)


def stream_deck(name: str, blocks: Iterable[str], folder: Path) -> Path:
    """Write a deck of any size block by block, as `write_deck` does; the blocks are joined by line ends."""
    ensure_library(folder.parent)
    path = folder / f"{name}.cir"
    write_blocks(path, blocks, folder.parent)
    return path


def _rf_blocks(hardware: BusHardware, dialect: Dialect) -> Iterable[str]:
    return rf_deck_blocks(hardware, dialect=dialect)


def _dc_blocks(name: str, stacks: Sequence[Stack], dialect: Dialect) -> Iterable[str]:
    return (dc_deck(name, stacks, dialect=dialect).text,)


def _sparam_blocks(hardware: BusHardware, chain: int, dialect: Dialect) -> Iterable[str]:
    channels = hardware.bus.frequencies
    sweep = (0.5 * float(channels.min()), 1.25 * float(channels.max()), SPARAM_SWEEP)
    return (sparam_deck(hardware, chain, 0.0, sweep, dialect=dialect).text,)


def _rf(hardware: BusHardware) -> PlannedDeck:
    bus, (chains, size) = hardware.bus, hardware.bus.size
    name = f"{bus.layer}_{bus.name}_rf"
    return PlannedDeck(name, bus.layer, "rf", bus.name, chains, chains * size, partial(_rf_blocks, hardware))


def _dc(layer: str, number: int, stacks: Sequence[Stack]) -> PlannedDeck:
    name, resonators = f"{layer}_dc{number}", sum(stack.resonators for stack in stacks)
    chains = sum(len(stack.tiles) for stack in stacks)
    return PlannedDeck(name, layer, "dc", "", chains, resonators, partial(_dc_blocks, name, stacks))


def _sparam(hardware: BusHardware, chain: int) -> PlannedDeck:
    bus = hardware.bus
    name = f"{bus.layer}_{bus.name}_n{chain}_sp"
    return PlannedDeck(name, bus.layer, "sparam", bus.name, 1, bus.size[1], partial(_sparam_blocks, hardware, chain))


def layer_decks(buses: Sequence[BusHardware]) -> list[PlannedDeck]:
    """All decks of a layer: RF pass of every bus, DC gains, S-parameters of the first chain."""
    layer = buses[0].bus.layer
    dc = [_dc(layer, n, stacks) for n, stacks in enumerate(stack_batches(buses))]
    return [*(_rf(hardware) for hardware in buses), *dc, _sparam(buses[0], 0)]


def neuron_decks(buses: Sequence[BusHardware], group: int, output: int) -> list[PlannedDeck]:
    """Decks with the chains of one neuron: RF pass of its buses, DC gains, S-parameters of every chain of it."""
    layer = buses[0].bus.layer
    own = [hardware for hardware in buses if hardware.bus.group == group and output in hardware.bus.outputs]
    batches = enumerate(stack_batches(buses))
    dc = [_dc(layer, n, b) for n, b in batches if any((one.group, one.output) == (group, output) for one in b)]
    chains = [_sparam(hardware, hardware.bus.outputs.tolist().index(output)) for hardware in own]
    return [*(_rf(hardware) for hardware in own), *dc, *chains]


def few_decks(design: Design) -> bool:
    """Whether a design is so large that only the decks of the first chains of its layers are written at once."""
    layers = design.fed_by("bus")
    return sum(entry.resonators for entry in design.plan.layers if entry.layer.name in layers) > WHOLE


def _first(decks: Sequence[PlannedDeck]) -> list[PlannedDeck]:
    """The first deck of each kind."""
    return list({deck.kind: deck for deck in reversed(decks)}.values())[::-1]


def write_decks(buses: Sequence[BusHardware], folder: Path, few: bool = False) -> int:
    """Write the decks of a layer, all of them or a `few`; returns their number."""
    decks = layer_decks(buses)
    chosen = _first(decks) if few else decks
    for deck in chosen:
        stream_deck(deck.name, deck.blocks(NGSPICE), folder)
    return len(chosen)


def write_missing(
    decks: Sequence[PlannedDeck], folder: Path, dialect: Dialect = NGSPICE, force: bool = False, done: Done = nothing
) -> list[Path]:
    """Write those of some decks that `folder` lacks, or all by `force`; what was written. `done` after each of them."""
    written = []
    for deck in decks:
        if force or not (folder / f"{deck.name}.cir").is_file():
            written.append(stream_deck(deck.name, deck.blocks(dialect), folder))
        done()
    return written


def remove_decks(decks: Sequence[PlannedDeck], folder: Path) -> None:
    """Remove what is written of some decks: another program holds from now on."""
    names = {f"{deck.name}.cir" for deck in decks}
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        found = [folder / entry.name for entry in entries if entry.name in names]
        forget_written(folder.parent, found)
        for path in found:
            path.unlink(missing_ok=True)


def written_decks(folder: Path) -> tuple[int, int]:
    """How many of the decks that the index lists are written into a program's folder, and how many it lists."""
    try:
        listed = {line.partition(",")[0] for line in read_text(folder.parent / INDEX, MOST_BYTES).splitlines()[1:]}
    except InputError:  # of a version without an index
        return 0, 0
    with suppress(OSError), os.scandir(folder) as entries:
        return sum(entry.name.removesuffix(".cir") in listed for entry in entries), len(listed)
    return 0, len(listed)


def write_index(design: Design, decks: Path) -> int:
    """Write the list of all decks of a design into its folder of decks; returns their number for one program."""
    text, count = io.StringIO(), 0
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("deck", "layer", "kind", "bus", "chains", "resonators"))
    for layer in design.fed_by("bus"):
        for deck in layer_decks(design.hardware(layer, "coupled")):
            table.writerow((deck.name, deck.layer, deck.kind, deck.bus, deck.chains, deck.resonators))
            count += 1
    with new_file(decks / INDEX) as draft:
        draft.write_text(text.getvalue(), encoding="utf-8")
    return count
