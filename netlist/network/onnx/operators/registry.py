"""All ONNX operators that can be read: those of this folder, of every activation, and of plug-in packages.

A module of this folder lists its operators in `OPERATORS`. A package of somebody else adds an `Operator` under the
entry-point group `resonet.onnx_operators`.
"""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

from resonet.core.errors import InputError
from resonet.netlist.network.activations.base import Activation
from resonet.netlist.network.activations.registry import activations
from resonet.netlist.network.onnx.builder import Chain
from resonet.netlist.network.onnx.node import Node
from resonet.netlist.network.onnx.operators.base import Handler, Inputs, Operator

__all__ = ["GROUP", "operators", "possible"]

GROUP = "resonet.onnx_operators"
PACKAGE = __name__.rpartition(".")[0]
STANDARD = ("", "ai.onnx")


def _own() -> Iterator[Operator]:
    """Operators of this folder, module by module."""
    for name in sorted(entry.name for entry in pkgutil.iter_modules([str(Path(__file__).parent)], f"{PACKAGE}.")):
        if name != __name__:
            yield from getattr(importlib.import_module(name), "OPERATORS", ())


def _activation(kind: type[Activation]) -> Handler:
    """Handler of the operators of an activation."""

    def handle(chain: Chain, node: Node, inputs: Inputs) -> None:
        chain.add_activation(node, kind.read(node, inputs, chain.shape))

    return handle


def _plugged() -> Iterator[Operator]:
    """Operators of installed plug-in packages."""
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        found = entry.load()
        if not isinstance(found, Operator):
            raise InputError(f"entry point {entry.name} of {GROUP}: {found!r}; possible: an Operator")
        yield found


@cache
def operators() -> Mapping[tuple[str, str], Operator]:
    """Every operator by domain ("" for the standard's) and name. InputError for two of one name."""
    found: dict[tuple[str, str], Operator] = {}
    neurons = (
        Operator(name, _activation(kind), kind.DOMAIN, any_input=name in kind.ANY_INPUT)
        for kind in activations()
        for name in kind.OPERATORS
    )
    for operator in (*_own(), *neurons, *_plugged()):
        key = ("" if operator.domain in STANDARD else operator.domain), operator.name
        if key in found:
            raise InputError(f"ONNX operator {operator.name}: there are two; possible: one of a name")
        found[key] = operator
    return found


def possible(domain: str | None = None) -> str:
    """Operators for messages: those of a domain, or all."""
    names: dict[str, list[str]] = {}
    for (its, name), _ in sorted(operators().items()):
        names.setdefault(its, []).append(name)
    if domain is not None:
        return " and ".join(names.get(domain, []))
    return "; ".join(", ".join(these) + (f" of '{its}'" if its else "") for its, these in names.items())
