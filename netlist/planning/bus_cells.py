"""Which outputs and inputs of a layer come together on a bus: tiles of its inputs, banks of its outputs."""

import numpy as np

from resonet.core.types import Ints
from resonet.netlist.network.cnn import Synapses

__all__ = ["bus_cells"]


def bus_cells(synapses: Synapses, tile: int, fanout: int) -> list[tuple[int, int, str, Ints, Ints]]:
    """Tile, bank, its name, outputs and taps of every bus of a group, bank by bank, from the grounded tile up.

    What all outputs see is cut into tiles; of a diagonal addend each output has a tile of its own, with its taps alone.
    """
    outputs = np.arange(synapses.outputs)
    dense: list[Ints] = []
    diagonal: list[Ints] = []
    first = 0
    for count, of_one in synapses.blocks:
        taps = np.arange(first, first + count)
        (diagonal if of_one else dense).append(taps)
        first += count
    shared = np.concatenate(dense)
    tiles = np.array_split(shared, -(-len(shared) // tile))
    banks = np.array_split(outputs, -(-len(outputs) // fanout))
    cells = []
    for b, bank in enumerate(banks):
        label = f"b{b}" if len(banks) > 1 else ""
        cells += [(t, b, f"{label}t{t}", bank, part) for t, part in enumerate(tiles)]
        top = len(tiles)
        for taps in diagonal:
            own = taps.reshape(len(outputs), -1)
            parts = np.array_split(np.arange(own.shape[1]), -(-own.shape[1] // tile))
            for part in parts:
                cells += [(top, b, f"{label}n{n}t{top}", outputs[n : n + 1], own[n, part]) for n in bank]
                top += 1
    return cells
