"""The subcircuits: which there are, their pins and parameters. The .lib files are the only source of both.

A plug-in package brings the .lib files of its devices with it, beside the modules that define their records; decks find
them as they find ours. What of them does not fit its record, or carries a name that is taken, is an InputError.
"""

import re
import sys
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from resonet.core.errors import InputError
from resonet.core.files import new_file
from resonet.models.device.registry import plugged_devices

__all__ = ["Subcircuit", "copy_library", "library", "library_text"]


@dataclass(frozen=True, slots=True)
class Subcircuit:
    """Interface of one subcircuit."""

    name: str
    file: str
    pins: tuple[str, ...]
    parameters: tuple[str, ...]


HEADER = re.compile(r"^\.subckt +(.*)$", re.MULTILINE)


def _texts(folder: Traversable) -> dict[str, str]:
    """Text of every .lib file of a folder, by file name."""
    entries = (entry for entry in folder.iterdir() if entry.name.endswith(".lib"))
    return {entry.name: entry.read_text(encoding="utf-8") for entry in sorted(entries, key=lambda entry: entry.name)}


def _beside(kind: type[Any]) -> Traversable:
    """Folder of the module that defines a record."""
    module = sys.modules[kind.__module__]
    return files(module.__package__) if module.__package__ else Path(str(module.__file__)).parent


def _subcircuits(file: str, text: str) -> list[Subcircuit]:
    """Every subcircuit of a file, read from its .subckt line."""
    known = []
    for line in HEADER.findall(text):
        name, *words = line.split()
        pins = tuple(word for word in words if "=" not in word)
        known.append(Subcircuit(name, file, pins, tuple(word.split("=")[0] for word in words if "=" in word)))
    return known


def _brought(kind: type[Any]) -> tuple[str, str]:
    """Name and text of the .lib file that a plug-in's record brings. InputError where none is that of the record."""
    name, where = kind.SPICE.name, f"device {kind.SPICE.name} ({kind.__module__})"
    texts = _texts(_beside(kind))
    held = [entry for file, text in texts.items() for entry in _subcircuits(file, text) if entry.name == name]
    if len(held) != 1:
        raise InputError(f"{where}: {len(held)} subcircuits {name} in the .lib files beside it; possible: one")
    pins = tuple(pin for pin, _ in kind.SPICE.pins)
    parameters = tuple(spec.name for spec in fields(kind))
    if (held[0].pins, held[0].parameters) != (pins, parameters):
        raise InputError(
            f"{where}: the .subckt line of {held[0].file} has not the record's pins and parameters; possible: "
            f"{' '.join((*pins, *parameters))}, as `python -m resonet.spice_lib.generate` writes it"
        )
    return held[0].file, texts[held[0].file]


@cache
def library_text() -> dict[str, str]:
    """Text of every .lib file, by file name, those of plug-ins last. InputError for a plug-in's that does not fit."""
    texts = _texts(files(__package__))
    origin = dict.fromkeys(texts, "resonet")
    for kind in plugged_devices().values():
        file, text = _brought(kind)
        owner = str(_beside(kind))
        if origin.setdefault(file, owner) != owner:
            raise InputError(f"device {kind.SPICE.name} ({kind.__module__}): there is a {file} already; rename it")
        texts[file] = text
    return texts


@cache
def library() -> dict[str, Subcircuit]:
    """Every subcircuit by name. InputError for a plug-in's that carries the name of another."""
    known: dict[str, Subcircuit] = {}
    for file, text in library_text().items():
        for entry in _subcircuits(file, text):
            if entry.name in known:
                raise InputError(f"subcircuit {entry.name} is in {known[entry.name].file} and {file}; rename one")
            known[entry.name] = entry
    return known


def copy_library(folder: Path) -> None:
    """Write the .lib files into a folder, which is made if need be; each whole or not at all."""
    for name, text in library_text().items():
        with new_file(folder / name) as draft:
            draft.write_text(text, encoding="utf-8")
