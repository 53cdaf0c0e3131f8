"""Transients in ngspice at a fixed time step: whether it kept the step and did what it was asked for; DC readings.

Nothing else solves a whole network in the time domain at the price of a check, so that a circuit whose answer is known
goes along, tied to nothing: a sine of 1 V through a resistor into a capacitor. Its source is known at every point, and
trapezoids of a step h make of it, with a = h / 2RC,

    v[n+1] (1 + a) = v[n] (1 - a) + a (e[n] + e[n+1])

whatever h is. An engine that scales what it gives, or integrates by another rule, shows itself there.
"""

import numpy as np

from resonet.core.errors import EngineError, InputError
from resonet.core.types import Array
from resonet.cosim.ngspice.raw import Plot
from resonet.cosim.ngspice.run import run_deck
from resonet.netlist.spice.deck import Deck
from resonet.netlist.spice.dialect import NGSPICE

__all__ = ["MOST_STEPS", "check_kept_step", "check_points", "hann_mean", "hann_weights", "of_deck", "run_kept_step"]

MORE = 50  # points: the first steps are smaller, by ngspice's own start
KNOWN = 1e-6  # V, of 1
PERIOD = 20  # steps of the known source
TIME_CONSTANT = 10  # steps of the known circuit
SOURCE, ANSWER = "known_e", "known_v"  # its nodes


def check_kept_step(plot: Plot, steps: int) -> None:
    """EngineError unless a transient took the `steps` that were asked for: trapezoidal pre-warp holds for no other."""
    if abs(len(plot.axis) - steps) > MORE:
        raise EngineError(
            f"ngspice took {len(plot.axis)} time points where {steps} of a fixed step were asked for, so the pre-warp "
            "does not hold; possible: more points per period"
        )


def _with_known(deck: Deck, step: float) -> Deck:
    """The deck with the known circuit; `step` in s."""
    source = NGSPICE.format_source(
        "vknown", SOURCE, "0", dc="0", wave=NGSPICE.format_sine("1", f"{1 / PERIOD / step:.15g}")
    )
    lines = [
        source,
        NGSPICE.format_element("rknown", (SOURCE, ANSWER), "1"),
        NGSPICE.format_element("cknown", (ANSWER, "0"), f"{TIME_CONSTANT * step:.15g}"),
        NGSPICE.format_save([NGSPICE.voltage_of(node) for node in (SOURCE, ANSWER)]),
    ]
    return Deck(deck.name, NGSPICE.with_lines(deck.text, lines))


def _check_known(deck: Deck, plot: Plot, step: float) -> None:
    """EngineError unless the known circuit answers as it must, but for as many steps as a start may take."""
    time, (e, v) = plot.axis, plot.columns([NGSPICE.voltage_of(node) for node in (SOURCE, ANSWER)]).real.T
    off = np.abs(e - np.sin(2 * np.pi * time / (PERIOD * step)))
    worst = int(off.argmax())
    if not off[worst] <= KNOWN:
        raise EngineError(
            f"ngspice on {deck.name}: a source of {e[worst] - off[worst]:.7g} V is {e[worst]:.7g} V at "
            f"{time[worst]:g} s, allowed {KNOWN:g} V apart; nothing of the result is believed"
        )
    a = np.diff(time) / (2 * TIME_CONSTANT * step)
    left = np.abs(v[1:] * (1 + a) - v[:-1] * (1 - a) - a * (e[1:] + e[:-1]))
    if not np.count_nonzero(~(left <= KNOWN)) <= 2 * MORE:
        raise EngineError(
            f"ngspice on {deck.name}: a circuit whose answer is known is off by up to {left.max():.1e} of its source, "
            f"allowed {KNOWN:g}: no trapezoids of the step; nothing of the result is believed"
        )


def run_kept_step(deck: Deck, step: float, steps: int, timeout: float = 600.0, silent: bool = False) -> Plot:
    """Transient of a deck that asks for so many fixed steps (s), with the known circuit beside it.

    Raises EngineError where the engine kept no fixed step, where the known circuit is off, and where all vectors are
    zero, unless `silent`: nothing drives the deck.
    """
    plot = run_deck(_with_known(deck, step), timeout=timeout)[0]
    check_kept_step(plot, steps)
    _check_known(deck, plot, step)
    ours = of_deck(plot)
    if not silent and not plot.columns(ours).any():
        raise EngineError(f"ngspice on {deck.name}: every vector of the {plot.name} is zero, such as {ours[0][:60]}")
    return plot


def of_deck(plot: Plot) -> list[str]:
    """Variables of a transient without the known circuit's and time."""
    return [name for name in plot.variables[1:] if name not in (f"v({SOURCE})", f"v({ANSWER})")]


def hann_weights(time: Array, window: float) -> Array:
    """Hann weights [times] of the last `window` seconds, which keep beat notes out; they add up to 1."""
    phase = (time - (time[-1] - window)) / window
    weight = np.where(phase > 0, np.sin(np.pi * phase) ** 2, 0) * np.gradient(time)
    return np.asarray(weight / weight.sum())


def hann_mean(time: Array, traces: Array, window: float) -> Array:
    """Means of traces [times, ...] over the last `window` seconds."""
    return np.asarray(hann_weights(time, window) @ traces)


MOST_STEPS = 20_000_000


def check_points(points: float) -> None:
    """InputError for time points per period of the highest tone that no transient takes."""
    if not 8 <= points <= 10_000:
        raise InputError(f"{points:g} points per period of the highest tone; possible: 8 ... 10000")
