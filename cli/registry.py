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
from pathlib import Path
from typing import Literal, get_args

from resonet.core.errors import InputError
from resonet.core.plugins import plugged

__all__ = ["GROUP", "PANELS", "Command", "Panel", "command_names", "find_command"]

GROUP = "resonet.commands"
Panel = Literal["design", "simulate", "analyse", "export", "tools"]
PANELS: tuple[Panel, ...] = get_args(Panel)
FOLDER = Path(__file__).parent / "commands"


@dataclass(frozen=True, slots=True)
class Command:
    """A command: a function whose parameters are its options (cli/options.py), whose docstring is its help."""

    panel: Panel  # of `resonet --help`
    function: Callable[..., None]
    stored: bool = True  # whether its output may be shown again as long as nothing that it depends on changed
    writes: bool = True  # whether it may leave anything in a design folder
    then: str = ""  # the command that mostly comes next, {folder} for the design folder


@cache
def _own() -> tuple[str, ...]:
    return tuple(sorted(entry.name for entry in pkgutil.iter_modules([str(FOLDER)])))


def command_names() -> tuple[str, ...]:
    """Names of all commands: ours, then those of plug-ins. InputError for two plug-ins of one name."""
    return (*_own(), *(name for name in plugged(GROUP) if name not in _own()))


def find_command(name: str) -> Command | None:
    """The command of that name, if there is one; no other is imported. InputError for a plug-in that cannot be used."""
    plugin = plugged(GROUP).get(name)
    if plugin is not None and name in _own():
        raise InputError(f"{plugin}: there is a command {name} already; possible: another name")
    if plugin is None and name not in _own():
        return None
    found = plugin.load() if plugin else importlib.import_module(f"resonet.cli.commands.{name}").COMMAND
    if not isinstance(found, Command) or found.panel not in PANELS:
        kind = f"a resonet.cli.registry.Command, panel {' or '.join(PANELS)}"
        raise InputError(f"{plugin or 'command'}: command {name}: {found!r:.80}; possible: {kind}")
    return found
