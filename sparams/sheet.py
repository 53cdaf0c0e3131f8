"""The data sheet of a layer: selectivity per channel, and pass or fail against the design's limits."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

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
    """One limit: what was found, what is allowed."""

    name: str
    found: float
    limit: float
    passed: bool


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
        """Whether every limit holds."""
        return all(verdict.passed for verdict in self.verdicts)


def _most(name: str, found: float, limit: float) -> Verdict:
    return Verdict(name, found, limit, bool(found <= limit))  # nan fails


def _least(name: str, found: float, limit: float) -> Verdict:
    return Verdict(name, found, limit, bool(found >= limit))


def _worst(values: Array, limit: float, side: str) -> float:
    """Largest or smallest value; nan (nothing found) counts only where something is asked for."""
    known = values[~np.isnan(values)]
    if len(known) == 0:
        return limit
    return float(known.max() if side == "most" else known.min())


def judge(
    channels: ChannelMetrics, isolation: Array, rejection: Array, networks: "list[Network]", limits: Limits
) -> tuple[Verdict, ...]:
    """Every limit that concerns channels and ports; networks: those that must be passive and reciprocal."""
    return (
        _most("insertion_loss", float(channels.insertion_loss.max()), limits.insertion_loss),
        _least("return_loss", float(channels.return_loss.min()), limits.return_loss),
        _least("isolation", _worst(isolation, limits.isolation, "least"), limits.isolation),
        _least("rejection", _worst(rejection, limits.rejection, "least"), limits.rejection),
        _most("group_delay", float(np.abs(channels.group_delay).max()), limits.group_delay),
        _most("gain_excess", max(gain_excess(network) for network in networks), limits.gain_excess),
        _most("asymmetry", max(asymmetry(network) for network in networks), limits.asymmetry),
    )


def judge_crosstalk(crosstalk: CrosstalkMetrics, limits: Limits) -> tuple[Verdict, ...]:
    """NEXT and FEXT between the lines of a row."""
    return (
        _most("next_level", _worst(crosstalk.near.ravel(), limits.next_level, "most"), limits.next_level),
        _most("fext_level", _worst(crosstalk.far.ravel(), limits.fext_level, "most"), limits.fext_level),
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
