"""The `resonet` command: finds a command, parses its options, runs it.

Exit status: 0 fine, 1 the physics, the input or the engine says no (one line on stderr), 2 wrong usage, 130 an
interrupt.
"""

from collections.abc import Iterator, MutableMapping
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from resonet.cli.faults import complain, guarded
from resonet.cli.options import Quiet, Strict, Verbose
from resonet.core.errors import InputError
from resonet.core.text import visible

__all__ = ["app", "main"]


def _built(name: str) -> Any:
    """A command as Typer has it, with texts that are no markup; None where there is none of that name."""
    from rich.markup import escape

    from resonet.cli.numbers import read_strictly
    from resonet.cli.registry import find_command
    from resonet.cli.runner import runnable

    command = find_command(name)
    if command is None:
        return None
    alone = typer.Typer(add_completion=False, rich_markup_mode="rich")
    alone.command(name, rich_help_panel=command.panel.capitalize())(runnable(name, command))
    read_strictly(alone)
    built = typer.main.get_command(alone)
    built.help = escape(built.help or "")
    for parameter in built.params:
        if text := getattr(parameter, "help", None):
            parameter.help = escape(text)  # type: ignore[attr-defined]
    return built


class _Commands(MutableMapping[str, Any]):
    """Commands by name, each imported when somebody asks for it; in the order of the help."""

    def __init__(self) -> None:
        self.built: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self.built:
            self.built[name] = _built(name)
        if self.built[name] is None:
            raise KeyError(name)
        return self.built[name]

    def __iter__(self) -> Iterator[str]:
        from resonet.cli.registry import command_names

        return iter(command_names())

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __setitem__(self, name: str, command: Any) -> None:
        self.built[name] = command

    def __delitem__(self, name: str) -> None:
        raise TypeError("commands are those of cli/registry.py")


class _Group(TyperGroup):
    """All commands, grouped in the help, none imported that is not asked for."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = _Commands()

    def list_commands(self, ctx: Any) -> list[str]:
        """Names, group by group; a plug-in that cannot be used is told, and left out."""
        from resonet.cli.registry import PANELS, find_command

        panels = {}
        for name in self.commands:
            try:
                found = find_command(name)
            except InputError as error:  # a plug-in; the others are there
                complain(str(error))
                continue
            if found is not None:
                panels[name] = found.panel
        return sorted(panels, key=lambda name: PANELS.index(panels[name]))

    def invoke(self, ctx: Any) -> Any:
        """Run a command; what it says of wrong usage shows names as they are."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            if isinstance(text := getattr(error, "message", None), str):
                error.message = visible(text, "\n")  # type: ignore[attr-defined]
            raise


app = typer.Typer(
    cls=_Group,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Circuit-level netlists and SPICE co-simulation of CNNs on radio-frequency spintronic hardware.",
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        from resonet.cli.show import say

        say(f"resonet {version('resonet')}")
        raise typer.Exit


Version = Annotated[
    bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
]


@app.callback()
def _all_commands(
    context: typer.Context,
    strict: Strict = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    version: Version = False,
) -> None:
    context.obj = {"strict": strict, "quiet": quiet, "verbose": verbose}


def main() -> None:
    """Run the command line; what a user can cause ends in one line. Raises SystemExit."""
    guarded(lambda: app(prog_name="resonet"))


if __name__ == "__main__":
    main()
