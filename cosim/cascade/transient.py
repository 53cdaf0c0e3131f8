"""The referee of the cascade: a whole parallel network in ngspice, in the time domain, one image.

All tones are played where trapezoidal integration of the fixed step answers as the true circuit does at their channels
(cosim/referee/chain.py), so the step costs no accuracy and is as long as ngspice keeps it. Readings are Hann-weighted
means over the last `window` seconds; beat notes between tones lie above it.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array
from resonet.cosim.cascade.envelopes import EnvelopeRun
from resonet.cosim.cascade.two_pass import pixel_tones
from resonet.cosim.ngspice.fixed_step import MOST_STEPS, check_points, hann_mean, run_fixed_step
from resonet.cosim.ngspice.raw import Plot
from resonet.netlist.cascade.deck import Timing, cascade_deck, shown
from resonet.netlist.cascade.levels import Levels, sums_of
from resonet.netlist.design.decks import write_deck
from resonet.netlist.spice.deck import Deck

__all__ = ["CascadeTransient", "cascade_timing", "run_cascade", "trace_difference"]

POINTS = 12.0  # time points per period of the highest tone


@dataclass(frozen=True, slots=True, eq=False)
class CascadeTransient:
    """One image through the circuit."""

    time: Array  # [points] s
    sums: tuple[Array, ...]  # by stage [points, neurons], units of the trained network, behind the transconductor
    settled: tuple[Array, ...]  # by stage [neurons], means over the window
    logits: Array  # [classes]
    step: float  # s
    window: float  # s


def highest_channel(levels: Levels) -> float:
    """Highest tone of the network, Hz."""
    return max(float(stage.paths.channel.max()) for stage in levels.stages)


def cascade_timing(levels: Levels, stop: float, points: float = POINTS) -> Timing:
    """Step of `points` time points per period of the highest tone, and the end. Raises InputError."""
    check_points(points)
    step = 1 / (points * highest_channel(levels))
    steps = int(np.ceil(stop / step))
    if not 100 <= steps <= MOST_STEPS:
        raise InputError(f"{steps:,} time steps for {stop:g} s; possible: 100 ... {MOST_STEPS:,}")
    return Timing(step, steps * step)


def run_cascade(
    levels: Levels,
    image: Array,
    timing: Timing,
    window: float,
    name: str = "network",
    folder: Path | None = None,
    timeout: float = 7200.0,
) -> CascadeTransient:
    """One image [*input_shape] through the whole network in ngspice.

    The deck is kept in `folder`, if given. Raises InputError, EngineError.
    """
    tones = pixel_tones(levels.parallel, image[None])[0]
    deck = cascade_deck(levels, tones, timing, name)
    if folder:
        write_deck(deck, folder)
    return _read(levels, deck, timing, window, timeout, not tones.any())


def _read(levels: Levels, deck: Deck, timing: Timing, window: float, timeout: float, silent: bool) -> CascadeTransient:
    plot = run_fixed_step(deck, timing.step, round(timing.stop / timing.step), timeout, silent)
    sums = tuple(_sums(levels, s, plot) for s in range(len(levels.stages)))
    settled = tuple(hann_mean(plot.axis, stage, window) for stage in sums)
    logits = levels.parallel.network.logits(settled)
    return CascadeTransient(plot.axis, sums, settled, logits, timing.step, window)


def _sums(levels: Levels, s: int, plot: Plot) -> Array:
    """Weighted sums plus bias of a stage [points, neurons] from what its nodes show."""
    nodes = shown(levels, s)
    volts = plot.columns([f"v({one.node})" for one in nodes]).real
    for n, one in enumerate(nodes):
        if one.link is not None:
            volts[:, n] = (volts[:, n] / one.link.options.resistance - one.link.bias[one.tone]) / one.link.gm[one.tone]
    return sums_of(levels, s, volts)


def trace_difference(levels: Levels, transient: CascadeTransient, run: EnvelopeRun) -> Array:
    """Largest difference of the traces of each stage, part of the stage's largest end value; beat notes included."""
    differences = []
    for sums, trace in zip(transient.sums, run.stages, strict=True):
        there = np.stack([np.interp(transient.time, run.time, column) for column in trace.sums.T], axis=1)
        differences.append(np.abs(sums - there).max() / np.abs(trace.sums[-1]).max())
    return np.array(differences)
