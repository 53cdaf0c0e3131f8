"""What the commands print: tables, JSON, progress bars. Results go to stdout, everything else to stderr."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from resonet.core.types import Done
from resonet.cosim.weights.summary import LayerSummary
from resonet.netlist.programming.methods import METHODS

__all__ = [
    "engineering",
    "err",
    "out",
    "percent",
    "print_json",
    "print_table",
    "progress",
    "small_percent",
    "summary_json",
    "summary_table",
]

out = Console(highlight=False, emoji=False)
err = Console(stderr=True, highlight=False, emoji=False)


def print_json(value: object) -> None:
    """One JSON object on stdout."""

    def plain(item: object) -> Any:
        if is_dataclass(item) and not isinstance(item, type):
            return asdict(item)
        return str(item)

    out.print(json.dumps(value, indent=2, default=plain, ensure_ascii=False), markup=False, soft_wrap=True)


@contextmanager
def progress(what: str, total: int) -> Iterator[Done]:
    """A progress bar on stderr; yields what to call after each of `total` steps. Nothing on a pipe."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    bars = Console(file=sys.__stderr__, highlight=False, emoji=False)  # never into the record of a run
    with Progress(*columns, console=bars, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)


def engineering(value: float, unit: str, digits: int = 3) -> str:
    """A value with an SI prefix, to some digits."""
    from quantiphy import Quantity  # heavy enough to wait until somebody reads units

    return str(Quantity(value, unit).render(prec=digits - 1))


def percent(share: float | None, digits: int = 2) -> str:
    """A share in per cent, or a dash."""
    return "-" if share is None else f"{100 * share:.{digits}f} %"


def small_percent(share: float | None) -> str:
    """A share in per cent, or a dash; what two digits would show as zero comes with its order of magnitude."""
    return f"{100 * share:.0e} %" if share is not None and 0 < abs(share) < 5e-5 else percent(share)


def print_table(title: str, columns: Mapping[str, str], rows: Iterable[Iterable[str]]) -> None:
    """Table with columns {heading: justify}; brackets in the text are no markup."""
    table = Table(header_style="bold", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading, justify in columns.items():
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    for row in rows:
        table.add_row(*map(Text, row))
    out.print(Text(title, style="bold"), soft_wrap=True)
    out.print(table)


def summary_table(title: str, rows: Iterable[LayerSummary]) -> None:
    """The layers of a design with the errors of their weights."""
    rows = list(rows)
    columns = dict.fromkeys(("layer", "chains", "resonators", "channels"), "right") | {"layer": "left"}
    cells = [[row.name, f"{row.chains:,}", f"{row.resonators:,}", str(row.channels)] for row in rows]
    errors = {m: [getattr(row, f"rms_error_{m}") for row in rows] for m in METHODS}
    shown = {method: found for method, found in errors.items() if any(e is not None for e in found)}
    if not shown:
        columns |= dict.fromkeys(("buses", "positions", "source power"), "right")
        more = [[str(row.buses), f"{row.positions:,}", f"{row.source_dbm:.1f} dBm"] for row in rows]
    else:
        columns |= dict.fromkeys([*(f"RMS\n{method}" for method in shown), "worst\naggressor"], "right")
        worst = ["-" if row.worst_aggressor_db is None else f"{row.worst_aggressor_db:.1f} dB" for row in rows]
        more = [
            [*(small_percent(e) for e in found), level] for *found, level in zip(*shown.values(), worst, strict=True)
        ]
    print_table(title, columns, (left + right for left, right in zip(cells, more, strict=True)))


def summary_json(rows: Iterable[LayerSummary]) -> list[dict[str, Any]]:
    """The same for scripts."""
    return [asdict(row) for row in rows]
