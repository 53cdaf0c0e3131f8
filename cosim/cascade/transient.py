"""The referee of the cascade: a whole parallel network in the time domain, one image, in ngspice or compiled.

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
from resonet.cosim.fixed_step.readings import Readings
from resonet.cosim.fixed_step.transients import TransientEngine, read_transient
from resonet.cosim.ngspice.kept_step import MOST_STEPS, check_points
from resonet.netlist.cascade.deck import Timing, cascade_deck, shown
from resonet.netlist.cascade.levels import Levels, sums_of
from resonet.netlist.design.decks import write_deck

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
    engine: TransientEngine = "ngspice",
) -> CascadeTransient:
    """One image [*input_shape] through the whole network in the time domain, in ngspice or compiled (`fixed_step`).

    The deck is kept in `folder`, if given; `timeout` in s is ngspice's. Raises InputError, EngineError.
    """
    tones = pixel_tones(levels.parallel, image[None])[0]
    deck = cascade_deck(levels, tones, timing, name)
    if folder:
        write_deck(deck, folder)
    steps = round(timing.stop / timing.step)
    run = read_transient(deck, timing.step, steps, window, engine, timeout, not tones.any())
    both = [_sums(levels, s, run) for s in range(len(levels.stages))]
    settled = tuple(means for _, means in both)
    logits = levels.parallel.network.logits(settled)
    return CascadeTransient(run.time, tuple(sums for sums, _ in both), settled, logits, timing.step, window)


def _sums(levels: Levels, s: int, run: Readings) -> tuple[Array, Array]:
    """Weighted sums plus bias of a stage [points, neurons] from what its nodes show, and their means [neurons]."""
    nodes = shown(levels, s)
    traces, means = run.columns([f"v({one.node})" for one in nodes])
    volts = np.concatenate([traces, means[None]])
    for n, one in enumerate(nodes):
        if one.link is not None:
            volts[:, n] = (volts[:, n] / one.link.options.resistance - one.link.bias[one.tone]) / one.link.gm[one.tone]
    sums = sums_of(levels, s, volts)
    return sums[:-1], sums[-1]


def trace_difference(levels: Levels, transient: CascadeTransient, run: EnvelopeRun) -> Array:
    """Largest difference of the traces of each stage, part of the stage's largest end value; beat notes included."""
    differences = []
    for sums, trace in zip(transient.sums, run.stages, strict=True):
        there = np.stack([np.interp(transient.time, run.time, column) for column in trace.sums.T], axis=1)
        differences.append(np.abs(sums - there).max() / np.abs(trace.sums[-1]).max())
    return np.array(differences)
