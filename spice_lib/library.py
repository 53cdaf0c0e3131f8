"""The subcircuits: which there are, their pins and parameters. The .lib files are the only source of both."""

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from resonet.core.files import new_file

__all__ = ["Subcircuit", "copy_library", "library", "library_text"]


@dataclass(frozen=True, slots=True)
class Subcircuit:
    """Interface of one subcircuit."""

    name: str
    file: str
    pins: tuple[str, ...]
    parameters: tuple[str, ...]


@cache
def library_text() -> dict[str, str]:
    """Text of every .lib file, by file name."""
    found = (entry for entry in files(__package__).iterdir() if entry.name.endswith(".lib"))
    return {entry.name: entry.read_text(encoding="utf-8") for entry in sorted(found, key=lambda entry: entry.name)}


@cache
def library() -> dict[str, Subcircuit]:
    """Every subcircuit by name, read from its .subckt line."""
    found = {}
    for file, text in library_text().items():
        for line in re.findall(r"^\.subckt +(.*)$", text, re.MULTILINE):
            name, *words = line.split()
            pins = tuple(word for word in words if "=" not in word)
            parameters = tuple(word.split("=")[0] for word in words if "=" in word)
            found[name] = Subcircuit(name, file, pins, parameters)
    return found


def copy_library(folder: Path) -> None:
    """Write the .lib files into a folder, which is made if need be; each whole or not at all."""
    for name, text in library_text().items():
        with new_file(folder / name) as draft:
            draft.write_text(text, encoding="utf-8")
