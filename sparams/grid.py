"""Frequency grids that do not step over a resonance.

A resonance of linewidth Δ = f0/Q needs steps of at most Δ/4 within ±2Δ of its centre; a wider step can miss its
extreme by more than a tenth of its height (the line has fallen to 1/(1 + (2 δf/Δ)²), which is 0.94 at Δ/8).
"""

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array, Bools
from resonet.sparams.block import Block, Resonators, flat

__all__ = ["MOST_POINTS", "check_grid", "missed", "octave_grid", "refine", "seen_resonances"]

MOST_POINTS = 100_001
PER_WIDTH = 4  # steps in a linewidth
REACH = 2.0  # linewidths to either side
CLOSE = 1e-3  # steps: nearer than that two frequencies are one


def check_grid(f: Array) -> Array:
    """The frequencies (Hz) as an array; InputError unless they are positive, finite, rising, and not too many."""
    f = np.atleast_1d(np.asarray(f, float))
    if f.ndim != 1 or not 1 <= len(f) <= MOST_POINTS:
        raise InputError(f"{f.size} frequencies; possible: 1 ... {MOST_POINTS}")
    if not (np.all(np.isfinite(f)) and np.all(f > 0) and np.all(np.diff(f) > 0)):
        raise InputError("frequencies must be positive, finite and rising")
    return f


def octave_grid(low: float, high: float, per_decade: int) -> Array:
    """Frequencies from low to high, Hz: even steps inside every octave, at least `per_decade` in a decade.

    Resonances have the same width on a logarithmic axis, and ngspice needs one sweep for each run of even steps.
    """
    if not 0 < low < high < np.inf:
        raise InputError(f"sweep {low:g} ... {high:g} Hz; possible: 0 < start < stop")
    if per_decade * np.log10(high / low) * 1.5 > MOST_POINTS:
        raise InputError(f"{per_decade} points per decade; possible: {MOST_POINTS} points in all")
    octaves = low * 2.0 ** np.arange(int(np.ceil(np.log2(high / low) - 1e-9)) + 1)
    octaves[-1] = high
    steps = np.ceil(np.diff(octaves) / octaves[:-1] * per_decade / np.log(10)).astype(int)
    runs = [np.linspace(a, b, n + 1)[1:] for a, b, n in zip(octaves[:-1], octaves[1:], steps, strict=True)]
    return check_grid(np.concatenate([[low], *runs]))


def seen_resonances(block: Block) -> tuple[Array, Array]:
    """Centres and linewidths, Hz, of the resonators that a bias makes visible; without bias a resonator is R0."""
    found = [e for e in flat(block).elements if isinstance(e, Resonators)]
    live = [e.bias != 0 for e in found]
    centre = np.concatenate([np.empty(0), *(e.f0[on] for e, on in zip(found, live, strict=True))])
    quality = np.concatenate([np.empty(0), *(e.q[on] for e, on in zip(found, live, strict=True))])
    return centre, centre / quality


def missed(f: Array, centre: Array, width: Array) -> Bools:
    """Which resonances inside the band have, within ±2 linewidths, a step wider than a quarter of the linewidth."""
    if len(f) < 2:
        return np.asarray((centre >= f[0]) & (centre <= f[-1]))
    step = np.diff(f)
    near = (f[1:] > (centre - REACH * width)[:, None]) & (f[:-1] < (centre + REACH * width)[:, None])
    wide = np.where(near, step, 0).max(1, initial=0) > width / PER_WIDTH * (1 + 1e-9)
    return np.asarray(wide & (centre + REACH * width > f[0]) & (centre - REACH * width < f[-1]))


def refine(f: Array, centre: Array, width: Array) -> Array:
    """The grid with steps of less than a quarter linewidth around every resonance that it missed; its points stay."""
    f = check_grid(f)
    found = [np.empty(0)]
    for c, w in zip(centre[(m := missed(f, centre, width))], width[m], strict=True):
        steps = int(2.2 * REACH * PER_WIDTH) + 1
        found.append(np.clip(c + w * np.linspace(-REACH, REACH, steps), f[0], f[-1]))
    more = np.unique(np.concatenate(found))
    if not len(more):
        return f
    apart = CLOSE * width.min() / PER_WIDTH
    more = more[np.diff(more, prepend=-np.inf) > apart]
    after = np.searchsorted(f, more)
    gap = np.minimum(more - f[np.maximum(after - 1, 0)], f[np.minimum(after, len(f) - 1)] - more)
    return check_grid(np.sort(np.concatenate([f, more[gap > apart]])))
