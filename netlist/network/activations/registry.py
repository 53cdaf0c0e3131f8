"""All activations: every class in this folder that is one, and those of plug-in packages.

A package of somebody else adds its classes under the entry-point group `resonet.activations`.
"""

import importlib
import pkgutil
from collections.abc import Iterator
from functools import cache
from importlib.metadata import entry_points
from inspect import isabstract
from pathlib import Path
from typing import Any

from resonet.core.errors import InputError
from resonet.netlist.network.activations.base import Activation

__all__ = ["GROUP", "activations"]

GROUP = "resonet.activations"
PACKAGE = __name__.rpartition(".")[0]


def _own() -> Iterator[type[Any]]:
    """Classes of this folder, module by module."""
    for name in sorted(entry.name for entry in pkgutil.iter_modules([str(Path(__file__).parent)], f"{PACKAGE}.")):
        for kind in vars(importlib.import_module(name)).values():
            own = isinstance(kind, type) and issubclass(kind, Activation) and kind.__module__ == name
            if own and not isabstract(kind):
                yield kind


def _plugged() -> Iterator[type[Any]]:
    """Classes of installed plug-in packages."""
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        yield entry.load()


@cache
def activations() -> tuple[type[Activation], ...]:
    """Class of every activation. InputError for one that leaves a method open, or an operator that two of them read."""
    found: list[type[Activation]] = []
    read: dict[tuple[str, str], type[Activation]] = {}
    for kind in (*_own(), *_plugged()):
        if not (isinstance(kind, type) and issubclass(kind, Activation)) or isabstract(kind):
            missing = ", ".join(sorted(getattr(kind, "__abstractmethods__", ()))) or "not derived from Activation"
            raise InputError(f"activation {kind!r}: {missing}; possible: all of Activation's methods")
        for operator in kind.OPERATORS:
            if (kind.DOMAIN, operator) in read:
                raise InputError(f"ONNX operator {operator}: read by {kind!r} and {read[kind.DOMAIN, operator]!r}")
            read[kind.DOMAIN, operator] = kind
        found.append(kind)
    return tuple(found)
