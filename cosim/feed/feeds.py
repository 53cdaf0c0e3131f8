"""What the hardware of a layer holds, whichever way its tones come: one record a feed, chosen by `feed` of the design.

bus         chains on a common bus; an engine of `ENGINES` says what they hold (default: `auto`)
stripline   chains under strip lines, window by window, by the closed circuit; `auto` checks some windows in ngspice
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from resonet.core.errors import InputError
from resonet.core.watching import Done, nothing
from resonet.cosim.strip.held import STRIP_PROGRAMS
from resonet.cosim.strip.laid_out import lay_out, solved_layer
from resonet.cosim.strip.layer import strip_weights
from resonet.cosim.strip.spot_check import check_strips, strip_cost
from resonet.cosim.weights.effective import effective_weights
from resonet.cosim.weights.engines import Engine, auto
from resonet.cosim.weights.held import RfWeights
from resonet.cosim.weights.spot_check import layer_cost
from resonet.netlist.design.design import Design
from resonet.netlist.design.feed_options import FeedKind
from resonet.netlist.programming.methods import METHODS, OF_WEIGHTS, Method

__all__ = ["FEEDS", "BusFeed", "Feed", "StripFeed", "chosen_programs", "feed_of", "layer_weights", "network_programs"]

STRIP_ENGINES = ("auto", "linear")


class Feed(Protocol):
    """How the tones reach the resonators of a layer, and what follows."""

    name: FeedKind
    every: tuple[Method, ...]  # program that a layer can ever have

    def programs(self, design: Design) -> tuple[Method, ...]:
        """Programs that a layer has now."""

    def stands_for(self, program: Method) -> Method:
        """Program of a layer in a network that is programmed by `program`."""

    def weights(
        self,
        design: Design,
        layer: str,
        program: Method,
        engine: Engine | None = None,
        jobs: int | None = None,
        done: Done = nothing,
    ) -> RfWeights:
        """What the layer holds; `done` is called `steps` times. Raises InputError, EngineError."""

    def steps(self, design: Design, layer: str) -> int:
        """Steps of `weights`, for a progress bar."""

    def cost(self, design: Design, layer: str) -> float:
        """Of the decks that an engine would be checked on, s of processor time, about."""


class BusFeed:
    """Chains on a common bus."""

    name: FeedKind = "bus"
    every: tuple[Method, ...] = METHODS

    def programs(self, design: Design) -> tuple[Method, ...]:
        """Those that the design has."""
        return tuple(design.programs)

    def stands_for(self, program: Method) -> Method:
        """A bus has no shared tuning currents: calibrated is what is next to them."""
        return "calibrated" if program == "shared" else program

    def weights(
        self,
        design: Design,
        layer: str,
        program: Method,
        engine: Engine | None = None,
        jobs: int | None = None,
        done: Done = nothing,
    ) -> RfWeights:
        """What the chains hold by an engine; `done` is called once a bus, and at most `jobs` decks run at once."""
        engine = engine or auto
        weights = effective_weights(design, layer, program, jobs, done, engine)
        if not engine.runs_decks:
            for _ in range(self.steps(design, layer)):
                done()
        return weights

    def steps(self, design: Design, layer: str) -> int:
        """Buses of the layer."""
        return len(design.plan.layer(layer).buses)

    def cost(self, design: Design, layer: str) -> float:
        """Of all decks of the layer."""
        return layer_cost(design.plan.layer(layer))


class StripFeed:
    """Chains under strip lines."""

    name: FeedKind = "stripline"
    every: tuple[Method, ...] = STRIP_PROGRAMS

    def programs(self, design: Design) -> tuple[Method, ...]:
        """All: each is made for the circuit on the spot."""
        return STRIP_PROGRAMS

    def stands_for(self, program: Method) -> Method:
        """Itself."""
        return program

    def weights(
        self,
        design: Design,
        layer: str,
        program: Method,
        engine: Engine | None = None,
        jobs: int | None = None,
        done: Done = nothing,
    ) -> RfWeights:
        """What the chains hold at every position; `done` is called after each window."""
        if engine is not None and engine.name not in STRIP_ENGINES:
            raise InputError(
                f"layer {layer}: engine {engine.name} on strip lines; possible: {', '.join(STRIP_ENGINES)} (sneak "
                "--engine ngspice checks some chains)"
            )
        strip = solved_layer(design, layer)
        weights = strip_weights(strip, design.plan.options.fill, (program,), disturbed=True)[program]
        for _ in strip.windows:
            done()
        if engine is not None and not engine.runs_decks:
            return weights
        laid, budget = lay_out(design, layer), (engine or auto).budget
        checked = check_strips(laid.placement, laid.frequencies, weights.f_res, laid.causes, laid.device, budget)
        return replace(weights, witness=checked)

    def steps(self, design: Design, layer: str) -> int:
        """Windows of the layer."""
        return len(lay_out(design, layer).windows)

    def cost(self, design: Design, layer: str) -> float:
        """Of all its windows."""
        return strip_cost(lay_out(design, layer).placement)


FEEDS: dict[FeedKind, Feed] = {"bus": BusFeed(), "stripline": StripFeed()}


def feed_of(design: Design, layer: str) -> Feed:
    """Feed of a layer. Raises InputError for a layer that is not there."""
    return FEEDS[design.feed(layer)]


def network_programs(design: Design, layers: Sequence[str] | None = None) -> tuple[Method, ...]:
    """Programs that all of some layers (default: all) can have, in their order."""
    feeds = [feed_of(design, name) for name in layers or [entry.layer.name for entry in design.plan.layers]]
    lines = any(feed.name == "stripline" for feed in feeds)
    order = STRIP_PROGRAMS if lines else tuple(design.programs)
    return tuple(m for m in order if all(feed.stands_for(m) in feed.programs(design) for feed in feeds))


def chosen_programs(design: Design, chosen: str, layers: Sequence[str] | None = None) -> tuple[Method, ...]:
    """The programs that somebody chose: `all` that there are, or one. Raises InputError for one that is not there."""
    possible = network_programs(design, layers)
    if chosen == "all":
        return possible
    found = next((method for method in OF_WEIGHTS if method == chosen), None)
    if found is None or found not in possible:
        feeds = [feed_of(design, name) for name in layers or [entry.layer.name for entry in design.plan.layers]]
        later = found in {method for feed in feeds for method in feed.every}
        told = f"no {chosen[:40]} program{' yet' if later else ''}; possible: {', '.join(possible)}"
        raise InputError(f"{design.cnn.file}: {told}{', or resonet calibrate first' if later else ''}")
    return (found,)


def layer_weights(
    design: Design, program: Method, engine: Engine | None = None, layers: Sequence[str] | None = None
) -> dict[str, RfWeights]:
    """What some layers of a design (default: all) hold, each by its feed. Raises InputError, EngineError."""
    weights = {}
    for name in layers or [entry.layer.name for entry in design.plan.layers]:
        feed = feed_of(design, name)
        weights[name] = feed.weights(design, name, feed.stands_for(program), engine)
    return weights
