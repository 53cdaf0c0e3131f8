"""The feed of a design: how the tones reach the resonators of each layer (the table [feed] of design.toml)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from resonet.core.choices import check_choices, choice, words
from resonet.core.errors import InputError
from resonet.core.parameters import check, parameter
from resonet.netlist.network.cnn import Synapses

__all__ = ["FEEDS", "FeedKind", "FeedOptions"]

FeedKind = Literal["bus", "stripline"]
FEEDS: tuple[FeedKind, ...] = ("bus", "stripline")
CONVOLUTIONS, ALL, NONE = "convolutions", "all", "none"


def _arrangements() -> Iterable[str]:
    from resonet.netlist.strip.arrangement import ARRANGEMENTS

    return ARRANGEMENTS


def _causes() -> Iterable[str]:
    from resonet.netlist.strip.circuit import FIELD_CAUSES
    from resonet.netlist.strip.parasitics import CAUSES

    return (ALL, NONE, *CAUSES, *FIELD_CAUSES)


@dataclass(frozen=True, slots=True)
class FeedOptions:
    """One RF bus for all tones of a patch, or a strip line for each input; the rest is of strip lines only.

    Dimensions, and what stands at the ends of the lines, are those of `geometry`.
    """

    kind: str = choice("bus", lambda: FEEDS, "bus, or stripline")
    layers: str = choice(
        CONVOLUTIONS, None, "what is on strip lines: convolutions, all, or names; the rest is on buses", several=True
    )
    arrangement: str = choice("planar", _arrangements, "of the chains under the lines")
    causes: str = choice(ALL, _causes, "what acts besides the own line: all, none, or names", several=True)
    window: int = parameter(144, "", 1, 100_000, "most chains that are solved together")
    neighbours: int = parameter(3, "", 0, 100, "aggressor chains to either side of a window")

    def __post_init__(self) -> None:
        check(self, "feed")
        check_choices(self, "feed")
        if {ALL, NONE} & set(words(self.causes)) and len(words(self.causes)) > 1:
            raise InputError(f"feed.causes = {self.causes[:60]!r}: possible: all, none, or names of causes")

    @property
    def acting(self) -> tuple[str, ...]:
        """Names of the causes that act besides the own line."""
        named = words(self.causes)
        every = tuple(name for name in _causes() if name not in (ALL, NONE))
        return every if named == (ALL,) else () if named == (NONE,) else named

    def of(self, layer: Synapses) -> FeedKind:
        """Feed of a layer."""
        named = words(self.layers)
        lines = ALL in named or layer.name in named or (CONVOLUTIONS in named and layer.kind == "conv")
        return "stripline" if self.kind == "stripline" and lines else "bus"

    def check_layers(self, layers: Iterable[Synapses]) -> None:
        """Raise InputError where a name is that of no layer, or no layer is on strip lines though the feed says so."""
        if self.kind == "bus":
            return
        known = [layer.name for layer in layers]
        wrong = next((name for name in words(self.layers) if name not in (CONVOLUTIONS, ALL, *known)), None)
        if wrong is not None or all(self.of(layer) == "bus" for layer in layers):
            told = wrong if wrong is not None else self.layers
            raise InputError(
                f"feed.layers = {told[:60]!r}: no such layer; possible: {CONVOLUTIONS}, {ALL}, or of {', '.join(known)}"
            )
