"""What the [model] table of a design.toml says of the network, checked."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from resonet.core.errors import InputError
from resonet.netlist.network.pixels import UNIT, Pixels

__all__ = ["printable", "stored_output", "stored_pixels"]


def printable(text: object) -> str:
    """Text without what a terminal would obey."""
    return "".join(c if c.isprintable() else "?" for c in str(text)[:200])


def stored_pixels(path: Path, model: dict[str, Any]) -> Pixels:
    """What the network takes its pixels to be; designs of versions that did not say so took 0 ... 1."""
    try:
        pixels = Pixels.parse(str(model.get("pixels", UNIT)), printable(model.get("pixels_from", "")))
    except InputError as error:
        raise InputError(f"{path}: [model] {error}") from None
    return replace(pixels, guessed=model.get("pixels_guessed") is True)


def stored_output(path: Path, model: dict[str, Any]) -> str | None:
    """Output that the [model] table of a design.toml names; None where its file has one only."""
    name = model.get("output")
    if name is None or (isinstance(name, str) and name):
        return name
    raise InputError(f"{path}: [model] output = {printable(repr(name))}; possible: the name of an output of the model")
