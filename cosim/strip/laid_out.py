"""A layer of a design on strip lines: laid out, with its tones, its scale, and what acts on it."""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from resonet.core.types import Array, Ints
from resonet.core.watching import Done, nothing
from resonet.cosim.strip.held import StripLayer
from resonet.cosim.strip.layer import layer_windows, solve_layer_windows
from resonet.models.line.strip_geometry import Geometry
from resonet.models.resonator.linear import SpinDiode
from resonet.netlist.design.design import Design
from resonet.netlist.design.feed_options import FeedOptions
from resonet.netlist.network.cnn import Synapses
from resonet.netlist.strip.parasitics import Cause
from resonet.netlist.strip.placement import Placement, place_layer

__all__ = ["LaidOut", "lay_out", "solved_layer"]


@dataclass(frozen=True, slots=True, eq=False)
class LaidOut:
    """A layer on strip lines."""

    layer: Synapses
    placement: Placement
    frequencies: Array  # [tones] Hz, over the band of the plan
    device: SpinDiode
    fill: float  # largest weight as part of a resonator's range
    feed: FeedOptions

    @property
    def causes(self) -> tuple[str, ...]:
        """What acts besides the own line."""
        return self.feed.acting

    @property
    def ends(self) -> tuple[Cause, ...]:
        """Of the causes that which says what stands at the ends of the lines."""
        return ("mismatch",) if "mismatch" in self.causes else ()

    @property
    def windows(self) -> list[Ints]:
        """Chains that are solved together."""
        return layer_windows(self.placement, self.feed.window)

    def solve(self, done: Done = nothing) -> StripLayer:
        """RF and DC passes of the whole layer; `done` is called after each window. Raises InputError."""
        return solve_layer_windows(
            self.placement,
            self.layer,
            self.frequencies,
            self.causes,
            self.feed.window,
            self.feed.neighbours,
            self.device,
            done,
        )


def lay_out(design: Design, layer: str, arrangement: str | None = None, geometry: Geometry | None = None) -> LaidOut:
    """A layer of a design on strip lines as its feed says, or in another arrangement or geometry.

    Its feed may be a bus: this is then what strip lines would do. Raises InputError.
    """
    synapses, options, feed = design.plan.layer(layer).layer, design.plan.options, design.parameters.feed
    feed = feed if arrangement is None else replace(feed, arrangement=arrangement)
    placement = place_layer(synapses, feed.arrangement, geometry or design.parameters.geometry)
    frequencies = np.geomspace(options.f_min, options.f_max, placement.usage.tones)
    return LaidOut(synapses, placement, frequencies, design.plan.device, options.fill, feed)


@lru_cache(maxsize=1)
def solved_layer(design: Design, layer: str) -> StripLayer:
    """Passes of a layer of a design, kept for the next program; `solved_layer.cache_clear` frees them."""
    return lay_out(design, layer).solve()
