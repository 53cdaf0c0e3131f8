"""All dialects: every subclass of `Dialect` in a module of this folder, and those of plug-in packages.

A package of somebody else adds its class under the entry-point group `resonet.dialects` (docs/extend.md).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from resonet.core.errors import InputError
from resonet.core.registry import Registry, classes_in, named
from resonet.netlist.spice.dialect import Dialect

__all__ = ["DIALECTS", "dialects", "find_dialect"]


def _own() -> Iterator[type[Any]]:
    """Classes of this folder."""
    kinds = classes_in(Path(__file__).parent, __name__.rpartition(".")[0])
    return (kind for kind in kinds if issubclass(kind, Dialect))


def _fit(kind: Any) -> tuple[str, Dialect]:
    """A class as its one instance, by the name of the dialect."""
    if not (isinstance(kind, type) and issubclass(kind, Dialect)):
        raise InputError(f"dialect {kind!r}; possible: a subclass of resonet.netlist.spice.Dialect")
    return named("dialect", Dialect)(kind())


DIALECTS: Registry[str, Dialect] = Registry("dialect", "resonet.dialects", _own, _fit)


def dialects() -> dict[str, Dialect]:
    """Dialects by name. InputError for two of one name, or for something else under the entry point."""
    return dict(sorted(DIALECTS.items()))


def find_dialect(name: str) -> Dialect:
    """Dialect of that name; InputError lists what there is."""
    return DIALECTS.find(name)
