"""A resistive crossbar as a SPICE deck: every cell, every segment of wire, drivers and sense amplifiers.

Word line i has its driver's voltage on `in<i>` and cell k on `w<i>_<k>`; bit line k has cell i on `b<i>_<k>` and ends
in the ammeter `vsense<k>`. A resistance of 0 joins the nodes at its ends (ngspice would make it 1 mohm).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.errors import InputError
from resonet.models.circuit.crossbar import CrossbarArray
from resonet.netlist.spice.deck import Deck
from resonet.spice_lib.library import library

__all__ = ["MOST_CELLS", "crossbar_deck"]

MOST_CELLS = 10_000  # ngspice takes 9 s for 64 x 64 cells, a minute for 96 x 96, and grows faster than their square


def _word_line(i: int, columns: int, array: CrossbarArray) -> tuple[list[str], list[str]]:
    """Elements of a driven word line, and the node of each of its cells."""
    lines, node, nodes = [], f"in{i}", []
    if array.driver_resistance:
        lines.append(f"rdriver{i} {node} d{i} {array.driver_resistance:.12g}")
        node = f"d{i}"
    for k in range(columns):
        if array.word_resistance:
            lines.append(f"rw{i}_{k} {node} w{i}_{k} {array.word_resistance:.12g}")
            node = f"w{i}_{k}"
        nodes.append(node)
    end = array.word_resistance + array.driver_resistance
    if array.drive == "both" and end:
        lines.append(f"rfar{i} in{i} {node} {end:.12g}")
    return lines, nodes


def _bit_line(k: int, rows: int, sensed: bool, array: CrossbarArray) -> tuple[list[str], list[str]]:
    """Elements of a bit line from its far end to its ammeter, and the node of each of its cells."""
    shorted = array.bit_resistance == 0
    name = f"s{k}" if shorted and array.sense_resistance == 0 else f"b0_{k}"
    nodes = [name] * rows if shorted else [f"b{i}_{k}" for i in range(rows)]
    r = "" if shorted else f"{array.bit_resistance:.12g}"
    lines = [] if shorted else [f"rb{i}_{k} {nodes[i]} {nodes[i + 1]} {r}" for i in range(rows - 1)]
    if sensed:
        end = array.bit_resistance + array.sense_resistance
        lines += [f"rsense{k} {nodes[-1]} s{k} {end:.12g}"] if end else []
        lines += [f"vsense{k} s{k} 0 dc 0"]
    return lines, nodes


def crossbar_deck(
    name: str,
    states: ArrayLike,
    voltages: ArrayLike,
    array: CrossbarArray,
    sensed: Sequence[int] | None = None,
) -> Deck:
    """Deck of a crossbar whose cells hold `states` [rows, columns] (0 ... 1) with `voltages` [rows] on its word lines.

    `sensed` lists the bit lines that are read, the others are open (default: all are read). Raises InputError.
    """
    shape = np.shape(states)
    if len(shape) != 2 or 0 in shape or np.prod(shape, dtype=float) > MOST_CELLS:
        size = " x ".join(map(str, shape))
        raise InputError(f"crossbar deck of {size} cells; possible: rows x columns, at most {MOST_CELLS:,} cells")
    rows, columns = shape
    s, v = np.asarray(states, float), np.asarray(voltages, float)
    if not np.all((s >= 0) & (s <= 1)):
        raise InputError("crossbar deck: states beyond 0 ... 1")
    if v.shape != (rows,) or not np.all(np.isfinite(v)):
        raise InputError(f"crossbar deck: voltages of shape {list(v.shape)}; possible: {rows} finite ones")
    read = set(range(columns) if sensed is None else sensed)
    if not read or not read <= set(range(columns)):
        raise InputError(f"crossbar deck: sensed bit lines {sorted(read)}; possible: some of 0 ... {columns - 1}")
    words = [_word_line(i, columns, array) for i in range(rows)]
    bits = [_bit_line(k, rows, k in read, array) for k in range(columns)]
    shared = f"ron={array.cell.ron:.15g} ratio={array.cell.ratio:.15g}"
    text = [
        f"* resonet {name}: crossbar of {rows} word lines and {columns} bit lines",
        f'.include "../lib/{library()["crossbar_cell"].file}"',
        "* drivers and word lines",
        *(f"vin{i} in{i} 0 dc {volt:.15g}" for i, volt in enumerate(v)),
        *(line for lines, _ in words for line in lines),
        "* bit lines and sense amplifiers",
        *(line for lines, _ in bits for line in lines),
        "* cells",
        *(
            f"xc{i}_{k} {words[i][1][k]} {bits[k][1][i]} crossbar_cell {shared} state={s[i, k]:.15g}"
            for i in range(rows)
            for k in range(columns)
        ),
        *(".control", "set filetype=binary", "op", f"write {name}.raw", "quit", ".endc", ".end", ""),
    ]
    return Deck(name, "\n".join(text))
