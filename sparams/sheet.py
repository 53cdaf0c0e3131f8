"""The data sheet of a layer: selectivity per channel, and pass or fail against the design's limits."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from resonet.core.types import Array
from resonet.netlist.design.design import Design
from resonet.netlist.design.limits import Limits
from resonet.netlist.programming.methods import Method
from resonet.sparams.build import Stand
from resonet.sparams.extract import Engine, extract
from resonet.sparams.grid import refine, seen_resonances
from resonet.sparams.measured import one_thread
from resonet.sparams.metrics import (
    ChannelMetrics,
    CrosstalkMetrics,
    ResonanceMetrics,
    adjacent_isolation,
    adjacent_rejection,
    asymmetry,
    channel_metrics,
    gain_excess,
    resonance_metrics,
)
from resonet.sparams.window import default_grid, design_block, find_bus, layer_stand, resonance_table

if TYPE_CHECKING:
    from skrf import Network

__all__ = ["LayerSheet", "Verdict", "judge", "judge_crosstalk", "layer_sheet"]

BIAS = 0.5  # of the threshold current: makes the resonances visible in S, far from self-oscillation


@dataclass(frozen=True, slots=True)
class Verdict:
    """One limit: what was found, what is allowed, both in `unit`."""

    name: str
    found: float  # the worst; nan where something was not found, infinite where there is nothing
    side: Literal["most", "least"]  # what the limit is
    limit: float
    unit: str
    passed: bool | None  # None: not judged, since the limit asks nothing


@dataclass(frozen=True, slots=True, eq=False)
class LayerSheet:
    """Channel by channel, from the feed to the far end of a chain; arrays are [channels]."""

    layer: str
    bus: str
    channels: ChannelMetrics
    resonances: ResonanceMetrics
    isolation: Array  # dB, from the input of this channel to its neighbours'
    rejection: Array  # dB, of the resonance at the nearest other channel
    gain_excess: float
    asymmetry: float
    verdicts: tuple[Verdict, ...]

    @property
    def passed(self) -> bool:
        """Whether every limit that asks something holds."""
        return all(verdict.passed is not False for verdict in self.verdicts)


def _verdict(limits: Limits, name: str, side: Literal["most", "least"], found: Array | float) -> Verdict:
    """The worst of what was found, against its limit; what could not be found fails one that asks something.

    Not judged is what the limit asks nothing of, and what there is none of: the isolation of a single channel.
    """
    none = -np.inf if side == "most" else np.inf
    worst = float(np.max(found, initial=none) if side == "most" else np.min(found, initial=none))  # nan if there is one
    limit = float(getattr(limits, name))
    holds = worst <= limit if side == "most" else worst >= limit
    judged = limits.asks(name) and worst != none
    return Verdict(name, worst, side, limit, limits.unit(name), bool(holds) if judged else None)


def judge(
    channels: ChannelMetrics, isolation: Array, rejection: Array, networks: "list[Network]", limits: Limits
) -> tuple[Verdict, ...]:
    """Every limit that concerns channels and ports; networks: those that must be passive and reciprocal."""
    return (
        _verdict(limits, "insertion_loss", "most", channels.insertion_loss),
        _verdict(limits, "return_loss", "least", channels.return_loss),
        _verdict(limits, "isolation", "least", isolation),
        _verdict(limits, "rejection", "least", rejection),
        _verdict(limits, "group_delay", "most", np.abs(channels.group_delay)),
        _verdict(limits, "gain_excess", "most", max(gain_excess(network) for network in networks)),
        _verdict(limits, "asymmetry", "most", max(asymmetry(network) for network in networks)),
    )


def judge_crosstalk(crosstalk: CrosstalkMetrics, limits: Limits) -> tuple[Verdict, ...]:
    """NEXT and FEXT between the lines of a row."""
    others = ~np.eye(len(crosstalk.near), dtype=bool)
    return (
        _verdict(limits, "next_level", "most", crosstalk.near[others]),
        _verdict(limits, "fext_level", "most", crosstalk.far[others]),
    )


def layer_sheet(
    design: Design,
    layer: str,
    method: Method,
    bus: str | None = None,
    chain: int = 0,
    bias: float | None = None,
    engine: Engine = "linear",
    stand: Stand | None = None,
) -> LayerSheet:
    """Data sheet of a layer's bus and one of its chains.

    Channels by the chain without bias, resonances by the same chain under a bias (A, default half of the threshold
    current), isolation between the tone inputs of the whole bus. Raises InputError, EngineError.
    """
    with one_thread():
        return _layer_sheet(design, layer, method, bus, chain, bias, engine, stand or layer_stand(design))


def _layer_sheet(
    design: Design,
    layer: str,
    method: Method,
    bus: str | None,
    chain: int,
    bias: float | None,
    engine: Engine,
    stand: Stand,
) -> LayerSheet:
    chosen = find_bus(design, layer, bus)
    bias = BIAS * design.plan.device.threshold_current if bias is None else bias
    tones = np.asarray(chosen.frequencies, float)
    f = np.unique(np.concatenate([default_grid(design, layer, bus), tones]))
    network = extract(design_block(design, layer, method, "chain", bus, chain, stand=stand), f, engine)
    live = design_block(design, layer, method, "chain", bus, chain, bias, stand)
    fine = refine(f, *seen_resonances(live))
    wanted = resonance_table(design, layer, method, bus)[chain]
    found = resonance_metrics(extract(live, fine, engine), wanted)
    window = extract(design_block(design, layer, method, "bus", bus, stand=stand), np.sort(tones), engine)
    isolation = adjacent_isolation(window, tones)
    rejection = adjacent_rejection(found, tones)
    channels = channel_metrics(network, tones)
    return LayerSheet(
        layer,
        chosen.name,
        channels,
        found,
        isolation,
        rejection,
        max(gain_excess(network), gain_excess(window)),
        max(asymmetry(network), asymmetry(window)),
        judge(channels, isolation, rejection, [network, window], design.parameters.limits),
    )
