"""All ONNX operators that can be read: those of this folder, of every activation, and of plug-in packages.

A module of this folder lists its operators in `OPERATORS`. A package of somebody else adds an `Operator` under the
entry-point group `resonet.onnx_operators` (docs/extend.md).
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from resonet.core.errors import InputError
from resonet.core.registry import Registry, modules_in
from resonet.netlist.network.activations.base import Activation
from resonet.netlist.network.activations.registry import activations
from resonet.netlist.network.onnx.builder import Chain
from resonet.netlist.network.onnx.node import Node
from resonet.netlist.network.onnx.operators.base import Handler, Inputs, Operator
from resonet.netlist.network.onnx.operators.joins import JOINS

__all__ = ["TABLE", "operators", "possible"]

STANDARD = ("", "ai.onnx")


def _activation(kind: type[Activation]) -> Handler:
    """Handler of the operators of an activation."""

    def handle(chain: Chain, node: Node, inputs: Inputs) -> None:
        chain.add_activation(node, kind.read(node, inputs, chain.shape))

    return handle


def _own() -> Iterator[Operator]:
    """Operators of this folder, then of the activations, module by module."""
    for module in modules_in(Path(__file__).parent, __name__.rpartition(".")[0]):
        yield from getattr(module, "OPERATORS", ())
    for kind in activations():
        for name in kind.OPERATORS:
            join = None if kind.DOMAIN else JOINS.get(name)
            any_input = name in kind.ANY_INPUT
            yield Operator(name, _activation(kind), kind.DOMAIN, any_input=any_input, on_rows=True, join=join)


def _fit(operator: Any) -> tuple[tuple[str, str], Operator]:
    """An operator by domain ("" for the standard's) and name."""
    if not isinstance(operator, Operator):
        raise InputError(f"ONNX operator {operator!r:.60}; possible: an Operator")
    return ("" if operator.domain in STANDARD else operator.domain, operator.name), operator


TABLE: Registry[tuple[str, str], Operator] = Registry("ONNX operator", "resonet.onnx_operators", _own, _fit)


def operators() -> Mapping[tuple[str, str], Operator]:
    """Every operator by domain ("" for the standard's) and name. InputError for two of one name."""
    return TABLE


def possible(domain: str) -> str:
    """Operators of a domain, for messages."""
    return " and ".join(name for (its, name), made in sorted(operators().items()) if its == domain and not made.made)
