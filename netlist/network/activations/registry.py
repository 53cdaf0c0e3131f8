"""All activations: every class in this folder that is one, and those of plug-in packages.

A package of somebody else adds its classes under the entry-point group `resonet.activations` (docs/extend.md).
"""

from collections.abc import Iterator
from inspect import isabstract
from pathlib import Path
from typing import Any

from resonet.core.errors import InputError
from resonet.core.registry import Registry, classes_in
from resonet.netlist.network.activations.base import Activation

__all__ = ["ACTIVATIONS", "activations"]


def _own() -> Iterator[type[Any]]:
    """Classes of this folder."""
    kinds = classes_in(Path(__file__).parent, __name__.rpartition(".")[0])
    return (kind for kind in kinds if issubclass(kind, Activation) and not isabstract(kind))


def _fit(kind: Any) -> tuple[str, type[Activation]]:
    """A class by its full name."""
    if not (isinstance(kind, type) and issubclass(kind, Activation)) or isabstract(kind):
        missing = ", ".join(sorted(getattr(kind, "__abstractmethods__", ()))) or "not derived from Activation"
        raise InputError(f"activation {kind!r}: {missing}; possible: all of Activation's methods")
    return f"{kind.__module__}.{kind.__qualname__}", kind


ACTIVATIONS: Registry[str, type[Activation]] = Registry("activation", "resonet.activations", _own, _fit)


def activations() -> tuple[type[Activation], ...]:
    """Class of every activation. InputError for one that leaves a method open, or an operator that two of them read."""
    read: dict[tuple[str, str], type[Activation]] = {}
    for name, kind in ACTIVATIONS.items():
        for operator in kind.OPERATORS:
            other = read.setdefault((kind.DOMAIN, operator), kind)
            if other is not kind:
                told = f"ONNX operator {operator}: read by {kind.__name__} and {other.__name__}; possible: one of them"
                raise InputError(f"{ACTIVATIONS.plugin_of(name)}: {told}".removeprefix(": "))
    return tuple(ACTIVATIONS.values())
