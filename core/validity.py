"""Warnings of validity: what was computed outside the range of its model, with a stable code, a number and its limit.

    with collected() as warnings:
        design = compile_cnn(...)
    [warning.code for warning in warnings]

Whoever computes says `warn("tone-power", ...)`; whoever shows (the command line, the JSON, the design folder) collects.
A warning is never printed from here, and outside `collected` it becomes a Python warning, so that no caller misses it.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

__all__ = ["CODES", "ValidityWarning", "Warned", "collected", "given", "warn"]

# Stable: scripts rely on them. What each says of a result; docs/reliability.md has the same table.
CODES = {
    "tone-power": "a tone is above the power up to which the device's response is linear",
    "tone-mixing": "tones mix in a resonator more than the balance of tones allows for",
    "fit-residual": "a fit leaves more of the data unexplained than their error",
    "unit-assumed": "a column of a table has no unit, though others have: it was taken in SI units",
    "coarse-grid": "a grid is too coarse for what is read from it",
    "gate-edge": "a time gate is unreliable at the ends of the band",
    "spread-law": "a normal law of `[spread]` refuses over 1 % of the chips, which get devices below zero",
    "layer-gain": "a layer would need a gain above 10 behind it, and is held at that",
    "unused-parameter": "a given parameter changes nothing in this command",
    "edited-deck": "a deck or library of the design folder is not as it was written",
    "damaged-result": "a stored result was damaged or edited, and is computed anew",
    "neuron-gain": "neurons of a layer differ more than their transconductors can",
    "source-power": "a tone source must deliver more than sources of its kind do",
    "tile-coupling": "tiles of a neuron talk to each other through their bias tees",
    "chance-accuracy": "the trained network itself guesses on these images",
    "fold-over": "a frequency shift folds resonances over: a resonator has two answers",
    "fast-balance": "the fast balance of saturating resonators differs from the full one",
    "fitted-elsewhere": "a program fitted on data is used at another power or law than it was fitted for",
    "weights-held": "a chain cannot hold its weights, whatever its resonators are tuned to",
    "inputs-clipped": "inputs of a layer lie beyond what its tones carry, and are cut off",
    "below-target": "an operating point keeps less than its target on images that the search has not seen",
    "thermal-seed": "a network was trained with oscillators of another thermal power than those of the hardware",
    "soft-maximum": "diode maxima of a pool lie above ideal ones by a part of full scale",
    "unwitnessed": "weights come from the linear engine alone: no ngspice has checked them on a sample",
    "not-written": "a figure or a result could not be written; the numbers are there",
    "unsettled": "something still moves at the end of the simulated time",
    "interference": "strip lines of one frequency beat in the resonators of a layer",
    "noise": "noise is a large part of what the chains give",
    "part-gain": "a measured part had a gain above 1 and was made passive",
    "measured-gain": "a measured network that is compared has gain, which the block has not",
    "touchstone-option-line": "a Touchstone file has no option line, or two that differ",
    "touchstone-version": "a Touchstone file has keywords of version 2 and does not say so",
    "touchstone-ports": "the name of a Touchstone file says another number of ports than its keywords",
    "touchstone-kind": "the name of a Touchstone file says other parameters than its option line",
    "touchstone-impedance": "a Touchstone file leaves its port impedances open, or names two: one was chosen",
    "touchstone-renormalised": "complex or varying port impedances were changed to 50 ohm",
    "touchstone-segments": "a Touchstone file measured frequencies twice, where segments meet: means were taken",
}


class ValidityWarning(UserWarning):
    """A `Warned` that nobody collected."""


@dataclass(frozen=True, slots=True)
class Warned:
    """One warning: `value` is what was found, `limit` what it should not pass; both in `unit`."""

    code: str
    text: str  # one line, names the layer, the parameter or the file
    value: float
    limit: float
    unit: str = ""


_collected: ContextVar[list[Warned] | None] = ContextVar("collected", default=None)


@contextmanager
def collected() -> Iterator[list[Warned]]:
    """The warnings given from here on, in order; of those that say the same, the one farthest from its limit."""
    found: list[Warned] = []
    token = _collected.set(found)
    try:
        yield found
    finally:
        _collected.reset(token)


def given() -> tuple[Warned, ...]:
    """What has been collected so far, for who shows it before the end; nothing outside `collected`."""
    return tuple(_collected.get() or ())


def warn(code: str, text: str, value: float, limit: float, unit: str = "") -> None:
    """Give a warning. KeyError for a code that CODES does not know."""
    CODES[code]
    warned = Warned(code, text, float(value), float(limit), unit)
    found = _collected.get()
    if found is None:
        warnings.warn(f"{code}: {text}", ValidityWarning, stacklevel=2)
        return
    for n, one in enumerate(found):
        if (one.code, one.text, one.limit, one.unit) == (code, text, warned.limit, unit):
            found[n] = max(one, warned, key=lambda each: abs(each.value - each.limit))
            return
    found.append(warned)
