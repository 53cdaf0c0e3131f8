"""All dialects: every subclass of `Dialect` in a module of this folder, and those of plug-in packages.

A package of somebody else adds its class under the entry-point group `resonet.dialects`, by the name of the dialect.
"""

import importlib
import pkgutil
from collections.abc import Iterator
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

from resonet.core.errors import InputError
from resonet.netlist.spice.dialect import Dialect

__all__ = ["GROUP", "dialects", "find_dialect"]

GROUP = "resonet.dialects"


def _own() -> Iterator[object]:
    """Classes of this package, module by module."""
    package = __name__.rpartition(".")[0]
    for module in sorted(entry.name for entry in pkgutil.iter_modules([str(Path(__file__).parent)], f"{package}.")):
        for kind in vars(importlib.import_module(module)).values():
            if isinstance(kind, type) and issubclass(kind, Dialect) and kind.__module__ == module:
                yield kind


@cache
def dialects() -> dict[str, Dialect]:
    """Dialects by name. InputError for two of one name, or for something else under the entry point."""
    found: dict[str, Dialect] = {}
    plugged = (entry.load() for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name))
    for kind in (*_own(), *plugged):
        if not (isinstance(kind, type) and issubclass(kind, Dialect)):
            raise InputError(f"dialect {kind!r}: possible: a subclass of resonet.netlist.spice.Dialect")
        if kind.name in found:
            raise InputError(f"dialect {kind.name}: {kind!r} and {type(found[kind.name])!r}; possible: one of a name")
        found[kind.name] = kind()
    return dict(sorted(found.items()))


def find_dialect(name: str) -> Dialect:
    """Dialect of that name; InputError lists what there is."""
    if name not in dialects():
        raise InputError(f"no dialect {name[:40]!r}; possible: {', '.join(dialects())}")
    return dialects()[name]
