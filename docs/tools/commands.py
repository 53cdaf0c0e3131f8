"""Write docs/commands.md, the reference of all commands, from what the parser knows of them.

python docs/tools/commands.py            # writes it
python docs/tools/commands.py --check    # exit status 1 where it is not that of this version
"""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import typer

from resonet.cli.main import app
from resonet.cli.registry import PANELS, find_command

__all__ = ["PAGE", "as_markdown"]

PAGE = Path(__file__).resolve().parents[1] / "commands.md"
TYPES = {str: "text", int: "whole number", float: "number", Path: "path"}
HEAD = """# Commands

Made by `python docs/tools/commands.py`. Every command has `--help`, `--json` where it prints results, and the options
that all share: `--strict`, `--quiet`, `--verbose` ([exit status and warnings](reliability.md)). Values take engineering
notation ([parameters](parameters.md)).

<!-- skip: start "the pages of the guide run these" -->
"""


def _plain(text: str | None) -> str:
    """A help text without marks of rich, as one cell of a table."""
    text = " ".join((text or "").split()).replace("\\[", "[")
    return text.replace("|", "\\|").replace("<", "&lt;")


def _values(hint: Any) -> str:
    """What an option takes, from the annotation of its parameter: words, a range, a type; nothing for a switch."""
    kind, info = get_args(hint)[:2]
    if get_origin(kind) in (Union, UnionType):
        kind = next(one for one in get_args(kind) if one is not type(None))
    several = get_origin(kind) is list
    kind = get_args(kind)[0] if several else kind
    if kind is bool:
        return ""
    words = ", ".join(map(str, get_args(kind))) if get_origin(kind) is Literal else TYPES[kind]
    for bound, sign in ((info.min, ">="), (info.max, "<=")):
        if bound is not None:
            words += f" {sign} {bound:g}"
    return words + (", several" if several else "")


def _default(option: Any) -> str:
    if option.required:
        return "required"
    value = option.default
    if value is None or callable(value) or value is False or value in ((), [], ""):
        return ""
    return "on" if value is True else str(value)


def _rows(command: Any, function: Callable[..., None]) -> list[str]:
    rows, hints = [], get_type_hints(function, include_extras=True)
    for option in command.params:
        if {"--strict", "--quiet", "--verbose", "--json", "--help"} & set(option.opts):
            continue
        argument = option.param_type_name == "argument"
        name = f"`{option.name.upper()}`" if argument else ", ".join(f"`{word}`" for word in option.opts)
        cells = (name, _values(hints[option.name]), _default(option), _plain(getattr(option, "help", "")))
        rows.append("| " + " | ".join(cells) + " |")
    return rows


def _section(name: str, command: Any, function: Callable[..., None]) -> list[str]:
    """Heading, help and options of a command; an example in the help is a block."""
    lines = [f"### {name}", ""]
    for paragraph in re.split(r"\n\s*\n", (command.help or "").replace("\\[", "[").strip()):
        text = " ".join(paragraph.split())
        if text.startswith("Example: "):
            lines += ["    " + text.removeprefix("Example: "), ""]
        else:
            lines += [text.replace("<", "&lt;"), ""]
    return [*lines, "| option | takes | default | what |", "|---|---|---|---|", *_rows(command, function), ""]


def as_markdown() -> str:
    """The page."""
    group = typer.main.get_command(app)
    context = group.make_context("resonet", ["--help"], resilient_parsing=True)
    names = group.list_commands(context)  # type: ignore[attr-defined]
    lines = [HEAD]
    for panel in PANELS:
        lines += [f"## {panel.capitalize()}", ""]
        for name in names:
            found = find_command(name)
            if found is not None and found.panel == panel:
                lines += _section(name, group.get_command(context, name), found.function)  # type: ignore[attr-defined]
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    if "--check" in sys.argv[1:]:
        sys.exit(PAGE.read_text(encoding="utf-8") != as_markdown())
    PAGE.write_text(as_markdown(), encoding="utf-8")
