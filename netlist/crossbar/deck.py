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
from resonet.netlist.spice.dialect import NGSPICE, Dialect, numbers

__all__ = ["MOST_CELLS", "crossbar_deck"]

MOST_CELLS = 10_000  # ngspice takes 9 s for 64 x 64 cells, a minute for 96 x 96, and grows faster than their square


def _word_line(i: int, columns: int, array: CrossbarArray, dialect: Dialect) -> tuple[list[str], list[str]]:
    """Elements of a driven word line, and the node of each of its cells."""
    element = dialect.format_element
    lines, node, nodes = [], f"in{i}", []
    if array.driver_resistance:
        lines.append(element(f"rdriver{i}", (node, f"d{i}"), f"{array.driver_resistance:.12g}"))
        node = f"d{i}"
    for k in range(columns):
        if array.word_resistance:
            lines.append(element(f"rw{i}_{k}", (node, f"w{i}_{k}"), f"{array.word_resistance:.12g}"))
            node = f"w{i}_{k}"
        nodes.append(node)
    end = array.word_resistance + array.driver_resistance
    if array.drive == "both" and end:
        lines.append(element(f"rfar{i}", (f"in{i}", node), f"{end:.12g}"))
    return lines, nodes


def _bit_line(k: int, rows: int, sensed: bool, array: CrossbarArray, dialect: Dialect) -> tuple[list[str], list[str]]:
    """Elements of a bit line from its far end to its ammeter, and the node of each of its cells."""
    element, shorted = dialect.format_element, array.bit_resistance == 0
    name = f"s{k}" if shorted and array.sense_resistance == 0 else f"b0_{k}"
    nodes = [name] * rows if shorted else [f"b{i}_{k}" for i in range(rows)]
    r = "" if shorted else f"{array.bit_resistance:.12g}"
    lines = [] if shorted else [element(f"rb{i}_{k}", nodes[i : i + 2], r) for i in range(rows - 1)]
    if sensed:
        end = array.bit_resistance + array.sense_resistance
        lines += [element(f"rsense{k}", (nodes[-1], f"s{k}"), f"{end:.12g}")] if end else []
        lines += [dialect.format_source(f"vsense{k}", f"s{k}", "0", dc="0")]
    return lines, nodes


def crossbar_deck(
    name: str,
    states: ArrayLike,
    voltages: ArrayLike,
    array: CrossbarArray,
    sensed: Sequence[int] | None = None,
    lib: str = "../lib",
    dialect: Dialect = NGSPICE,
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
    words = [_word_line(i, columns, array, dialect) for i in range(rows)]
    bits = [_bit_line(k, rows, k in read, array, dialect) for k in range(columns)]
    shared = numbers(15, ron=array.cell.ron, ratio=array.cell.ratio)
    text = [
        *dialect.write_head(name, f"crossbar of {rows} word lines and {columns} bit lines", lib, ("crossbar_cell",)),
        dialect.format_comment("drivers and word lines"),
        *(dialect.format_source(f"vin{i}", f"in{i}", "0", dc=f"{volt:.15g}") for i, volt in enumerate(v)),
        *(line for lines, _ in words for line in lines),
        dialect.format_comment("bit lines and sense amplifiers"),
        *(line for lines, _ in bits for line in lines),
        dialect.format_comment("cells"),
        *(
            dialect.format_instance(
                f"xc{i}_{k}", (words[i][1][k], bits[k][1][i]), "crossbar_cell", shared | numbers(15, state=s[i, k])
            )
            for i in range(rows)
            for k in range(columns)
        ),
    ]
    return Deck(name, "\n".join(text + dialect.write_runs(name, [dialect.format_op()])))
