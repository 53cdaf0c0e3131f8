"""What the commands print: tables, JSON, progress bars. Results go to stdout, everything else to stderr.

Names and paths may come from somebody else: what a terminal would do more than print is shown as an escape.
"""

import json
import math
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from resonet.core.numbers import engineering, percent, small_percent
from resonet.core.text import visible
from resonet.core.validity import given

if TYPE_CHECKING:
    from resonet.cosim.weights.summary import LayerSummary
    from resonet.netlist.design.design import Design

__all__ = [
    "answer",
    "answers",
    "engineering",
    "err",
    "out",
    "percent",
    "print_files",
    "print_json",
    "print_table",
    "running",
    "say",
    "small_percent",
    "summary_json",
    "summary_table",
    "tell_zeros",
    "warning",
]

LONGEST_WORD = 32  # that is not broken in a table
LAYOUT = "\n\t"  # what else than printable characters our own text has

running: ContextVar[str] = ContextVar("running", default="")  # name of the command
answers: ContextVar[list[dict[str, Any]] | None] = ContextVar("answers", default=None)  # of it; None: nobody keeps them


@contextmanager
def _named() -> Iterator[None]:
    """An error of writing results says so."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, error.filename or "standard output") from None


class _Console(Console):
    """A console that prints text as it is: no markup, no control codes."""

    def print(self, *objects: Any, **settings: Any) -> None:
        """Print, as rich does."""
        plain = [visible(item, LAYOUT) if isinstance(item, str) else item for item in objects]
        with _named():
            super().print(*plain, **{"markup": False} | settings)


out = _Console(highlight=False, emoji=False)
err = _Console(stderr=True, highlight=False, emoji=False)


def say(text: str, style: str | None = None) -> None:
    """Lines of text on stdout, as long as they are."""
    out.print(text, style=style, soft_wrap=True)


def warning(text: str) -> None:
    """Lines of text on stderr, as long as they are."""
    err.print(text, soft_wrap=True)


def _plain(value: Any) -> Any:
    """What JSON can hold: numbers that are not finite become null, complex ones pairs."""
    if isinstance(value, str):  # an enumeration of ours too
        return str(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, complex):
        return [_plain(value.real), _plain(value.imag)]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, Sequence | set | frozenset):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):  # numpy
        return _plain(value.tolist())
    return str(value)


def answer(as_json: bool, value: Mapping[str, Any]) -> bool:
    """Keep what a command found with its run, for `resonet report`; print it too, as JSON, where that is asked for.

    Whether it was printed: then the tables are not.
    """
    table = _answer(value)
    if (kept := answers.get()) is not None:
        kept.append(table)
    if as_json:
        _write_json(table)
    return as_json


def _answer(value: Mapping[str, Any]) -> dict[str, Any]:
    schema = {"schema": f"resonet.{running.get()}/1"} if running.get() else {}
    table: dict[str, Any] = _plain({**value, **schema, "warnings": [asdict(entry) for entry in given()]})
    return table


def print_json(value: Mapping[str, Any]) -> None:
    """One JSON object on stdout: `value`, what it is (`schema`), and the warnings of validity so far."""
    _write_json(_answer(value))


def _write_json(table: Mapping[str, Any]) -> None:
    text = json.dumps(table, indent=2, allow_nan=False, ensure_ascii=False)
    if not text.isprintable():
        text = "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)
    with _named():
        sys.stdout.write(text + "\n")


def _widths(headings: Mapping[str, str], rows: Sequence[Sequence[str]], room: int) -> list[int]:
    """Width of every column: numbers whole, words unbroken, the rest of the room by what else there is to show."""
    from rich.cells import cell_len

    least, most = [], []
    for heading, *cells in zip(headings, *rows, strict=True):
        lines = [line for cell in (heading, *cells) for line in cell.split("\n")]
        most.append(max(map(cell_len, lines)))
        words = [word for cell in cells for word in cell.split()] + heading.split()
        whole = headings[heading] == "right"
        least.append(most[-1] if whole else min(max(map(cell_len, words), default=0), LONGEST_WORD))
    left, widths = max(0, room - sum(least)), list(least)
    needy = sorted(range(len(least)), key=lambda n: most[n] - least[n])
    for rank, n in enumerate(needy):  # what needs little gets it, the rest is shared
        more = min(most[n] - least[n], left // (len(needy) - rank))
        widths[n], left = widths[n] + more, left - more
    return widths


def _print_rows(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Each row by itself: its first cell, and below it the others, each behind its heading."""
    from rich.table import Table
    from rich.text import Text

    for first, *others in rows:
        out.print(Text(first, style="bold"))
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(ratio=1, overflow="fold")
        table.add_column(ratio=1, overflow="fold")
        for heading, cell in zip(headings[1:], others, strict=True):
            if cell:
                table.add_row(Text("  " + " ".join(heading.split())), Text(cell))
        out.print(table)
    out.print()


def print_table(title: str, columns: Mapping[str, str], rows: Iterable[Iterable[str]]) -> None:
    """Table with columns {heading: justify}; brackets in the text are no markup.

    Words wrap where the terminal is narrow, and no number is cut: a table that is wider even so is told row by row. In
    a file or a pipe it is as wide as it has to be.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    cells = [[visible(cell, LAYOUT) for cell in row] for row in rows]
    table = Table(header_style="bold", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    edges = 2 * len(columns) + 1
    say(title, style="bold")
    if edges + sum(_widths(columns, cells, 0)) > out.width and (out.is_terminal or "COLUMNS" in os.environ):
        _print_rows(list(columns), cells)
        return
    for (heading, justify), width in zip(columns.items(), _widths(columns, cells, out.width - edges), strict=True):
        table.add_column(Text(heading), justify=justify, width=width, overflow="fold")  # type: ignore[arg-type]
    for row in cells:
        table.add_row(*map(Text, row))
    wide = max(out.width, edges + sum(column.width or 0 for column in table.columns))
    _Console(highlight=False, emoji=False, width=wide).print(table)


def print_files(title: str, paths: Iterable[Path]) -> None:
    """Where files are, on one line; nothing where there are none."""
    if paths := list(paths):
        say(f"{title}: " + ", ".join(map(str, paths)))


def tell_zeros(design: "Design", names: "Iterable[str]") -> None:
    """A note on layers of zeros, which have no largest weight that their errors are parts of."""
    for name in names:
        if not design.plan.layer(name).layer.matrix.any():
            say(f"note: layer {name}: all its weights are zero; its errors are parts of what a resonator holds")


def summary_table(title: str, rows: "Iterable[LayerSummary]") -> None:
    """The layers of a design with the errors of their weights."""
    from resonet.netlist.programming.methods import OF_WEIGHTS  # with numpy, which no help needs

    rows = list(rows)
    columns = dict.fromkeys(("layer", "chains", "resonators", "channels"), "right") | {"layer": "left"}
    cells = [[row.name, f"{row.chains:,}", f"{row.resonators:,}", str(row.channels)] for row in rows]
    errors = {m: [getattr(row, f"rms_error_{m}") for row in rows] for m in OF_WEIGHTS}
    shown = {method: found for method, found in errors.items() if any(e is not None for e in found)}
    if not shown:
        columns |= dict.fromkeys(("buses", "positions", "source power"), "right")
        more = [[str(row.buses or row.feed), f"{row.positions:,}", f"{row.source_dbm:.1f} dBm"] for row in rows]
    else:
        ends = ("worst\nneuron", "its\nnumber", "worst\naggressor")
        columns |= dict.fromkeys([*(f"RMS\n{method}" for method in shown), *ends], "right")
        last = next(reversed(shown))
        neurons = [getattr(row, f"neuron_error_{last}") for row in rows]
        numbers = ["-" if row.worst_neuron is None else str(row.worst_neuron) for row in rows]
        worst = ["-" if row.worst_aggressor_db is None else f"{row.worst_aggressor_db:.1f} dB" for row in rows]
        more = [
            [*(small_percent(e) for e in found), number, level]
            for *found, number, level in zip(*shown.values(), neurons, numbers, worst, strict=True)
        ]
    print_table(title, columns, (left + right for left, right in zip(cells, more, strict=True)))


def summary_json(rows: "Iterable[LayerSummary]") -> list[dict[str, Any]]:
    """The same for scripts."""
    return [asdict(row) for row in rows]
