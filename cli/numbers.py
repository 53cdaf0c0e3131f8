"""Options that are numbers, read by the same strict grammar as every other number, and options that are choices."""

import inspect
import math
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

import typer

from resonet.core.errors import InputError
from resonet.core.numbers import read_list, read_number, read_whole
from resonet.core.parameters import shown

__all__ = ["engine_of", "numbers", "read_strictly"]

_Name = TypeVar("_Name", bound=str)


def numbers(
    text: str, kind: type, option: str, example: str, low: float = -math.inf, high: float = math.inf
) -> list[Any]:
    """Numbers (`kind`: int or float) separated by commas, each within the range. Raises typer.BadParameter."""
    read = read_whole if kind is int else read_number
    try:
        found = [read(word) for word in read_list(text)]
    except ValueError as error:
        raise typer.BadParameter(
            f"{shown(text)}: numbers separated by commas are expected, such as {example} ({error})", param_hint=option
        ) from None
    for value in found:
        if not low <= value <= high:
            raise typer.BadParameter(f"{value:g}: possible: {low:g} ... {high:g}", param_hint=option)
    return found


def _parser(kind: type, low: float | None, high: float | None) -> Callable[[Any], Any]:
    """What makes one number of an option's text."""
    read = read_whole if kind is int else read_number

    def parse(text: Any) -> Any:
        if not isinstance(text, str):  # the option's default
            return text
        try:
            value = read(text)
        except ValueError as error:
            raise typer.BadParameter(f"{shown(text)}: {error}") from None
        if (low is not None and value < low) or (high is not None and value > high):
            ends = f"{'' if low is None else f'{low:g}'} ... {'' if high is None else f'{high:g}'}"
            raise typer.BadParameter(f"{value:g}: possible: {ends.strip()}")
        return value

    parse.__name__ = kind.__name__
    return parse


def _chooser(choices: tuple[str, ...]) -> Callable[[Any], Any]:
    """What takes one of some words."""

    def parse(text: Any) -> Any:
        if isinstance(text, str) and text not in choices:
            raise typer.BadParameter(f"{shown(text)}; possible: {', '.join(choices)}")
        return text

    parse.__name__ = "|".join(choices)  # as the help has it
    return parse


def engine_of(name: str, engines: Sequence[_Name]) -> _Name:
    """The engine of that name, of those a command has. Raises InputError, in the words of all commands."""
    for engine in engines:
        if name == engine:
            return engine
    raise InputError(f"engine {shown(name)}; possible: {', '.join(engines)}")


def read_strictly(app: typer.Typer) -> None:
    """Let every option of every command that is an int, a float or a choice be read, and refused, by our grammar."""
    for command in app.registered_commands:
        assert command.callback is not None
        for parameter in inspect.signature(command.callback).parameters.values():
            if get_origin(parameter.annotation) is not Annotated:
                continue
            kind, info = get_args(parameter.annotation)[:2]
            kinds = [one for one in (kind, *get_args(kind)) if one in (int, float)]
            if kinds and info.parser is None:
                info.parser = _parser(kinds[0], info.min, info.max)
            for one in (kind, *get_args(kind)):
                if get_origin(one) is Literal and info.parser is None:
                    info.parser = _chooser(get_args(one))
