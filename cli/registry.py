"""Which commands there are: every file of `cli/commands/`, and those of plug-in packages.

A file adds a command by a `COMMAND`, and nothing else has to be touched; its name is the file's. A package of somebody
else adds one under the entry-point group `resonet.commands` (docs/extend.md), whose name it takes:

    [project.entry-points."resonet.commands"]
    mine = "my_package.mine:COMMAND"

Files are imported by the list of commands in `resonet --help`: what is heavy, a command imports inside its function.
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Literal, get_args

from resonet.core.errors import InputError

__all__ = ["GROUP", "PANELS", "Command", "Panel", "command_names", "find_command"]

GROUP = "resonet.commands"
Panel = Literal["design", "simulate", "look", "export", "tools"]
PANELS: tuple[Panel, ...] = get_args(Panel)
FOLDER = Path(__file__).parent / "commands"


@dataclass(frozen=True, slots=True)
class Command:
    """A command: a function whose parameters are its options (cli/options.py), whose docstring is its help."""

    panel: Panel  # of `resonet --help`
    function: Callable[..., None]
    stored: bool = True  # whether its output may be shown again as long as nothing that it depends on changed
    writes: bool = True  # whether it may leave anything in a design folder


@cache
def _own() -> tuple[str, ...]:
    return tuple(sorted(entry.name for entry in pkgutil.iter_modules([str(FOLDER)])))


@cache
def _plugged() -> dict[str, EntryPoint]:
    """Entry points of installed plug-in packages, by name."""
    return {entry.name: entry for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name)}


def command_names() -> tuple[str, ...]:
    """Names of all commands: ours, then those of plug-ins."""
    return (*_own(), *(name for name in _plugged() if name not in _own()))


def _load(name: str) -> object:
    if name in _own():
        return importlib.import_module(f"resonet.cli.commands.{name}").COMMAND
    try:
        return _plugged()[name].load()
    except Exception as error:  # whatever somebody else's package does while it is imported
        line = " ".join(f"{type(error).__name__}: {error}".split())
        raise InputError(f"command {name}: the plug-in {_plugged()[name].value} cannot be loaded ({line})") from None


def find_command(name: str) -> Command | None:
    """The command of that name, if there is one. InputError for a plug-in that cannot be used."""
    if name not in _own() and name not in _plugged():
        return None
    found = _load(name)
    if not isinstance(found, Command) or found.panel not in PANELS:
        raise InputError(f"command {name}: {found!r:.80}; possible: a resonet.cli.registry.Command, panel {PANELS}")
    if name in _own() and name in _plugged():
        value = _plugged()[name].value
        raise InputError(f"command {name}: the plug-in {value} takes the name of ours; possible: another name")
    return found
