"""What happens around every command: options that do not apply are refused, warnings of validity shown and kept.

A command's warnings of validity are printed, stand in its JSON (`print_json`) and in its design folder, in
`results/warnings_<command>.json`, which a later run of the command without any removes. With --strict they make exit
status 1.
"""

import inspect
import json
import logging
import shlex
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO, get_type_hints

import typer

from resonet.cli.options import Quiet, Strict, Verbose, refuse_what_does_not_apply
from resonet.cli.registry import Command
from resonet.cli.show import engineering, err, running, warning
from resonet.cli.steps import quiet
from resonet.core.files import new_file
from resonet.core.validity import Warned, collected

__all__ = ["runnable", "warnings_file"]

log = logging.getLogger("resonet.cli")


def warnings_file(folder: Path, name: str) -> Path:
    """Where a design folder keeps the warnings of the last run of a command."""
    return folder / "results" / f"warnings_{name}.json"


def _line(entry: Warned) -> str:
    """A warning for people."""
    if not entry.unit:
        value, limit = f"{entry.value:.4g}", f"{entry.limit:.4g}"
    elif entry.unit.startswith("dB"):
        value, limit = f"{entry.value:.4g} {entry.unit}", f"{entry.limit:.4g} {entry.unit}"
    else:
        value, limit = engineering(entry.value, entry.unit, 4), engineering(entry.limit, entry.unit, 4)
    return f"resonet: warning [{entry.code}] {' '.join(entry.text.split())} ({value}, limit {limit})"


def _design_folder(values: Mapping[str, Any]) -> Path | None:
    """The design folder that a command was given, or made."""
    for name in ("folder", "source"):
        path = values.get(name)
        if isinstance(path, Path) and (path / "design.toml").is_file():
            return path
    return None


def _keep(folder: Path, name: str, found: list[Warned]) -> None:
    """The warnings of this run in the design folder, in place of those of the last."""
    path = warnings_file(folder, name)
    try:
        if not found:
            path.unlink(missing_ok=True)
            return
        with new_file(path) as temporary:
            text = json.dumps([asdict(entry) for entry in found], indent=1, allow_nan=False)
            temporary.write_text(text + "\n", encoding="utf-8")
    except OSError as error:  # they were shown, and stand in the JSON
        warning(f"resonet: {path}: not written ({error.strerror or error})")


def _lacks_what_was_asked(context: typer.Context, found: list[Warned]) -> bool:
    """Whether a file could not be written, in a place that somebody named with -o."""
    places = [entry.name or "" for entry in context.command.params if "--out" in entry.opts]
    named = any(str(getattr(context.get_parameter_source(name), "name", "")) == "COMMANDLINE" for name in places)
    return named and any(entry.code == "not-written" for entry in found)


def _show_python_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """A warning of Python or of a library, on one line."""
    warning(f"resonet: {category.__name__}: {' '.join(str(message).split())}")


def _follow() -> None:
    """Say on stderr what the engines are asked, as it happens."""
    every = logging.getLogger("resonet")
    if not every.handlers:
        handler = logging.StreamHandler(sys.__stderr__)  # never into the record of a run
        handler.setFormatter(logging.Formatter("resonet: %(message)s"))
        every.addHandler(handler)
    every.setLevel(logging.INFO)


def _suggest(command: Command, folder: Path | None, values: Mapping[str, Any]) -> None:
    """What a designer does next, on a terminal."""
    if command.then and folder is not None and err.is_terminal and not quiet.get() and not values.get("as_json"):
        warning(f"next: resonet {command.then.format(folder=shlex.quote(str(folder)))}")


def _run(name: str, command: Command, context: typer.Context, strict: bool, values: dict[str, Any]) -> None:
    refuse_what_does_not_apply(context, command.function, values)
    if not sys.warnoptions:
        warnings.showwarning = _show_python_warning
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # where it keeps its cache is no matter of ours
    ended: typer.Exit | None = None
    begin = time.perf_counter()
    with collected() as found:
        token = running.set(name)
        try:
            command.function(**values)
        except typer.Exit as verdict:
            ended = verdict
        finally:
            running.reset(token)
    for entry in found:
        warning(_line(entry))
    folder = _design_folder(values)
    log.info("%s: %.2f s, %.2f s of processor time", name, time.perf_counter() - begin, time.process_time())
    if command.writes and folder is not None:
        _keep(folder, name, found)
    if ended is not None and ended.exit_code:
        raise ended
    if (strict and found) or _lacks_what_was_asked(context, found):
        raise typer.Exit(1)
    if ended is None:
        _suggest(command, folder, values)


def runnable(name: str, command: Command) -> Callable[..., None]:
    """The function that Typer takes for a command: its own options, and those of all commands."""
    own = inspect.signature(command.function)
    hints = get_type_hints(command.function, include_extras=True)
    kind = inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter("context", kind, annotation=typer.Context)]
    parameters += [entry.replace(kind=kind, annotation=hints[entry.name]) for entry in own.parameters.values()]
    common = {"strict": Strict, "quiet": Quiet, "verbose": Verbose}
    parameters += [inspect.Parameter(word, kind, annotation=note, default=False) for word, note in common.items()]

    def run(context: typer.Context, **values: Any) -> None:
        before = context.obj or {}  # those may stand before the command as well
        chosen = {word: values.pop(word) or before.get(word, False) for word in common}
        if chosen["verbose"]:
            _follow()
        token = quiet.set(chosen["quiet"])
        try:
            _run(name, command, context, chosen["strict"], values)
        finally:
            quiet.reset(token)

    run.__doc__ = command.function.__doc__
    run.__annotations__ = {entry.name: entry.annotation for entry in parameters}
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return run
