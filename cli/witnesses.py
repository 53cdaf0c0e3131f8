"""Whose the weights are that a command shows, and who has checked them: a line for people, an object for scripts."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from resonet.cli.show import say

if TYPE_CHECKING:
    from resonet.cosim.weights.held import RfWeights
    from resonet.cosim.weights.witness import Witness

__all__ = ["tell_engine", "witness_json", "witness_of"]

WHOSE = {
    "auto": "the linear engine",
    "linear": "the linear engine, unchecked",
    "ngspice": "ngspice",
    "formula": "the ideal bus, without a circuit",
}


def witness_of(weights: "Iterable[RfWeights]") -> "Witness | None":
    """All their checks as one; None where there was none."""
    from resonet.cosim.weights.checks import joined

    return joined(one.witness for one in weights)


def witness_json(engine: str, found: "Witness | None") -> dict[str, Any]:
    """`engine` and `witness` of a page."""
    return {"engine": engine, "witness": asdict(found) if found else None}


def tell_engine(engine: str, found: "Witness | None") -> None:
    """Whose the weights are, and the largest difference that their check found."""
    against = f"; {found}" if found else ""
    say(f"weights by {WHOSE.get(engine, f'the engine {engine}')}{against}")
