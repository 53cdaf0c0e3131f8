"""`resonet parameters`: what a designer may set, with meaning, unit, range and default."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from resonet.cli.options import Json, Preset, unless
from resonet.cli.registry import Command
from resonet.cli.show import print_json, print_table, say
from resonet.core.errors import InputError

if TYPE_CHECKING:
    from resonet.netlist.design.parameters import Parameters

__all__ = ["COMMAND", "Entry", "as_markdown", "entries"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One parameter as people write it."""

    name: str  # SECTION.NAME
    value: str  # of a design, or the default
    default: str
    unit: str
    possible: str  # closed range, or words
    meaning: str
    source: str  # of the default


def entries(given: "Parameters") -> list[Entry]:
    """Every parameter, table by table, with the values of `given`."""
    from resonet.core.parameters import parameters_of, possible_values, quantity
    from resonet.netlist.design.parameters import TABLES

    found = []
    for section, kind in TABLES.items():
        record = getattr(given, section)
        for name, spec in parameters_of(kind).items():
            meta = spec.metadata
            usual: Any = spec.default
            value, default = (str(quantity(one, meta["unit"])) for one in (getattr(record, name), usual))
            what = (f"{section}.{name}", value, default, meta["unit"], possible_values(spec), meta["doc"])
            found.append(Entry(*what, meta.get("source", "")))
    return found


def _named(every: Sequence[Entry], names: Sequence[str]) -> list[Entry]:
    """Parameters of these names: a table, SECTION.NAME, or a name that stands in any table."""
    from resonet.core.text import meant

    chosen: set[str] = set()
    for name in names:
        found = {one.name for one in every if name in (one.name, *one.name.split("."))}
        if not found:
            tables = dict.fromkeys(one.name.partition(".")[0] for one in every)
            close = meant(name, [part for one in every for part in (one.name, *one.name.split("."))])
            listed = f"a table ({', '.join(tables)}), SECTION.NAME or NAME{close}"
            raise InputError(f"parameter {name[:60]!r}: no such parameter; possible: {listed}")
        chosen |= found
    return [one for one in every if one.name in chosen] if names else list(every)


def as_markdown(shown: Sequence[Entry]) -> str:
    """The page docs/parameters.md: a table of Markdown for every table of design.toml."""
    lines = [
        "# Parameters",
        "",
        "Every parameter of `design.toml`, of `--design FILE` and of `--set SECTION.NAME=VALUE`. Numbers take",
        'SI prefixes and the unit ("0.2 fF", "5 GHz"), powers also dBm, numbers without unit also %.',
        "This page is made by `resonet parameters --format markdown`.",
    ]
    section = ""
    for one in shown:
        table, _, name = one.name.partition(".")
        if table != section:
            section = table
            lines += ["", f"## {table}", "", "| name | default | possible | meaning |", "|---|---|---|---|"]
        meaning = one.meaning + (f" ({one.source})" if one.source else "")
        cells = [f"`{name}`", one.default, one.possible, meaning]
        lines.append(f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |")
    return "\n".join(lines) + "\n"


def parameters_command(
    names: Annotated[list[str] | None, typer.Argument(help="Tables or parameters (default: all).")] = None,
    of: Annotated[Path | None, typer.Option("--of", help="Design folder or TOML file whose values are shown.")] = None,
    preset: Preset = None,
    style: Annotated[
        Literal["table", "markdown"],
        typer.Option("--format", help="As a table, or as a page of Markdown."),
        unless("as_json"),
    ] = "table",
    as_json: Json = False,
) -> None:
    """What may be set: meaning, unit, range and default of every parameter.

    Example: resonet parameters plan.p_max
    """
    from resonet.netlist.design.parameters import read_parameters

    path = of / "design.toml" if of is not None and of.is_dir() else of
    shown = _named(entries(read_parameters(path, (), preset)), names or ())
    if as_json:
        print_json({"parameters": [asdict(one) for one in shown]})
        return
    if style == "markdown":
        say(as_markdown(shown).rstrip("\n"))
        return
    own = path is not None or preset is not None
    columns = {
        "parameter": "left",
        **({"value": "left"} if own else {}),
        "default": "left",
        "possible": "left",
        "meaning": "left",
    }
    rows = [
        (
            one.name,
            *((one.value,) if own else ()),
            one.default,
            one.possible,
            one.meaning + (f" ({one.source})" if one.source else ""),
        )
        for one in shown
    ]
    print_table("", columns, rows)


COMMAND = Command("tools", parameters_command, stored=False, writes=False)
