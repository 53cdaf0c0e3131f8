"""Coordinate descent on the levels of chains, in compiled code: one chain after the other, its errors kept at hand."""

import numba
import numpy as np

from resonet.core.types import Array, Ints

__all__ = ["descend_chains"]

FAST = {"contract", "reassoc", "nsz"}  # sums in any order; NaN and infinity stay what they are
LANES = 8  # tones are padded to a multiple


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _answer(f: Array, squared: Array, loss: float, unit: Array, f_res: float, answer: Array) -> None:
    """What a resonator adds to each tone, r² a / (a² + 4 α² f² r²) with a = (r - f)(r + f), r its frequency.

    squared, f²; loss, 4 α².
    """
    square = f_res * f_res
    lossy = loss * square
    for t in range(len(f)):
        a = (f_res - f[t]) * (f_res + f[t])
        answer[t] = unit[t] * (square * a) / (a * a + lossy * squared[t])


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _squares(f: Array, squared: Array, loss: float, unit: Array, f_res: float, rest: Array) -> float:
    """Sum over the tones of (rest + answer)²."""
    square, total = f_res * f_res, 0.0
    lossy = loss * square
    for t in range(len(f)):
        a = (f_res - f[t]) * (f_res + f[t])
        off = rest[t] + unit[t] * (square * a) / (a * a + lossy * squared[t])
        total += off * off
    return total


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _settle_chain(
    f: Array,
    squared: Array,
    losses: Array,
    units: Array,
    levels: Array,
    offset: Array,
    window: int,
    gain: float,
    index: Ints,
    error: Array,
) -> None:
    """Levels `index` [K] of one chain until no single move helps; `error` [padded tones] follows them."""
    size, count = levels.shape
    answer, rest = np.empty(len(f)), np.empty(len(f))
    moved = True
    while moved:
        moved = False
        for k in range(size):
            now = index[k]
            _answer(f, squared, losses[k], units[k], levels[k, now] + offset[k], answer)
            stay = 0.0
            for t in range(len(f)):
                rest[t] = error[t] - answer[t]
                stay += error[t] * error[t]
            best, least = now, stay
            for level in range(max(0, now - window), min(count, now + window + 1)):
                squares = (
                    _squares(f, squared, losses[k], units[k], levels[k, level] + offset[k], rest)
                    if level != now
                    else stay
                )
                if squares < least:
                    best, least = level, squares
            if best != now and least < (1 - gain) * stay:
                index[k], moved = best, True
                _answer(f, squared, losses[k], units[k], levels[k, best] + offset[k], answer)
                for t in range(len(f)):
                    error[t] = rest[t] + answer[t]


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _settle_chains(
    f: Array,
    squared: Array,
    losses: Array,
    units: Array,
    levels: Array,
    offset: Array,
    window: int,
    gain: float,
    index: Ints,
    error: Array,
) -> None:
    for j in range(len(index)):
        of_chain, settings = units[j if len(units) > 1 else 0], levels[j if len(levels) > 1 else 0]
        moved = offset[j if len(offset) > 1 else 0]
        loss = losses[j if len(losses) > 1 else 0]
        _settle_chain(f, squared, loss, of_chain, settings, moved, window, gain, index[j], error[j])


def descend_chains(
    frequencies: Array,
    damping: float | Array,
    units: Array,
    levels: Array,
    offset: Array | None,
    window: int,
    gain: float,
    index: Ints,
    error: Array,
) -> Array:
    """Levels of chains, `index` [chains, K] in place, until no single move within the window lowers the squares.

    frequencies [tones] Hz; damping of all resonators, or of each [1 or chains, K]; units [1 or chains, tones, K], what
    Re chi of a resonator counts for each tone; levels [1 or chains, K, levels] Hz; offset [chains, K] Hz; a move counts
    if it lowers the squares by more than `gain` of them; error [chains, tones] at the start. Returns the errors at the
    end.
    """
    tones, window = len(frequencies), levels.shape[2] if levels.shape[2] <= 2 * window + 1 else window
    padded = tones + -tones % LANES
    f, held = np.ones(padded), np.zeros((len(error), padded))
    f[:tones], held[:, :tones] = frequencies, error
    losses = np.ascontiguousarray(
        np.broadcast_to(4 * np.square(damping), np.broadcast_shapes(np.shape(damping), (1, levels.shape[1])))
    )
    turned = np.zeros((len(units), levels.shape[1], padded))
    turned[..., :tones] = units.swapaxes(1, 2)
    moved = np.zeros((1, levels.shape[1])) if offset is None else np.ascontiguousarray(offset)
    _settle_chains(f, f * f, losses, turned, np.ascontiguousarray(levels), moved, window, gain, index, held)
    return held[:, :tones]
