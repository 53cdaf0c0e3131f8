"""The solver of chains, `core/levenberg.py` with the answer of `models/resonator/chain.py`, in compiled code.

One chain after the other, with all that it takes in the processor's nearest memory: stacks of arrays cost most where
there are many chains. The steps are those of `minimise`, which stays the reference; the normal equations are solved by
Cholesky's method (Golub & Van Loan, Matrix Computations, section 4.2).
"""

import numba
import numpy as np

from resonet.core.levenberg import FIRST_DAMPING, LEAST_DAMPING, MOST_DAMPING, PATIENCE, STALL, Minimum
from resonet.core.types import Array, Bools

__all__ = ["refine_chains"]

LONGEST = 0.5  # half-widths, of a step
FAST = {"contract", "reassoc", "arcp"}  # sums in any order; NaN and infinity stay what they are


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _answer(
    x: Array, ratio: Array, unit: Array, target: Array, dampings: tuple[float, Array], residual: Array, jacobian: Array
) -> float:
    """Residual [tones] and Jacobian [tones, K] of one chain at the detunings x [K]; the sum of its squares.

    `dampings`: that whose half-widths x counts in, and that of each resonator [K].
    """
    damping, losses = dampings
    squares = 0.0
    for t in range(len(target)):
        total = 0.0
        for k in range(len(x)):
            r = ratio[t, k] * (1 + damping * x[k])
            a, b = 1 - r * r, 2 * losses[k] * r
            over = 1 / (a * a + b * b)
            slope = (-2 * r * (b * b - a * a) - 4 * losses[k] * a * b) * over * over
            total += unit[t, k] * a * over
            jacobian[t, k] = unit[t, k] * damping * ratio[t, k] * slope
        residual[t] = total - target[t]
        squares += residual[t] * residual[t]
    return squares


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _normal(jacobian: Array, upper: Array) -> None:
    """Upper triangle of JᵀJ, four rows of J at a time."""
    rows, size = jacobian.shape
    upper[:] = 0.0
    whole = rows - rows % 4
    for t in range(0, whole, 4):
        for i in range(size):
            a, b, c, d = jacobian[t, i], jacobian[t + 1, i], jacobian[t + 2, i], jacobian[t + 3, i]
            for j in range(i, size):
                upper[i, j] += (
                    a * jacobian[t, j] + b * jacobian[t + 1, j] + c * jacobian[t + 2, j] + d * jacobian[t + 3, j]
                )
    for t in range(whole, rows):
        for i in range(size):
            for j in range(i, size):
                upper[i, j] += jacobian[t, i] * jacobian[t, j]


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _cholesky(upper: Array, right: Array) -> bool:
    """Solve A x = right in place, A given by its upper triangle, which is lost; False where A is not positive."""
    size = len(right)
    for k in range(size):
        if not upper[k, k] > 0:
            return False
        pivot = 1 / np.sqrt(upper[k, k])
        for j in range(k, size):
            upper[k, j] *= pivot
        for i in range(k + 1, size):
            factor = upper[k, i]
            for j in range(i, size):
                upper[i, j] -= factor * upper[k, j]
    for k in range(size):
        right[k] /= upper[k, k]
        for j in range(k + 1, size):
            right[j] -= upper[k, j] * right[k]
    for k in range(size - 1, -1, -1):
        total = right[k]
        for j in range(k + 1, size):
            total -= upper[k, j] * right[j]
        right[k] = total / upper[k, k]
    return True


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _step(damping: float, normal: Array, right: Array, fixed: Bools, moved: Array, upper: Array, step: Array) -> bool:
    """The damped step of those that are not fixed, where the others move by `moved`; False where there is none."""
    size, scale = len(right), 1e-300
    for i in range(size):
        step[i] = 0.0 if fixed[i] else right[i]
        for j in range(i, size):
            upper[i, j] = 0.0 if fixed[i] or fixed[j] else normal[i, j]
        scale = max(scale, upper[i, i])
    for i in range(size):
        upper[i, i] += damping * scale + (scale if fixed[i] else 0.0)
        if fixed[i] and moved[i] != 0:
            for j in range(size):
                if not fixed[j]:
                    step[j] -= (normal[i, j] if i < j else normal[j, i]) * moved[i]
    if not _cholesky(upper, step):
        return False
    for i in range(size):
        if fixed[i]:
            step[i] = moved[i]
    return True


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _trial(
    x: Array,
    residual: Array,
    jacobian: Array,
    damping: float,
    bounds: tuple[Array, Array, float, int],
    work: tuple[Array, Array, Array, Array, Bools],
    step: Array,
) -> bool:
    """A damped step from x, x + step in `step`; False where the equations have no answer.

    `bounds`: least and largest x [K], how far no unknown moves at once, and how often the step is made anew with those
    that would pass a bound held there. `work`: two matrices [K, K], two vectors and flags [K].
    """
    size, (low, high, longest, rounds), (normal, upper, right, moved, fixed) = len(x), bounds, work
    right[:] = 0.0
    for t in range(len(residual)):
        for k in range(size):
            right[k] -= jacobian[t, k] * residual[t]
    _normal(jacobian, normal)
    for k in range(size):
        fixed[k] = (x[k] >= high[k] and right[k] > 0) or (x[k] <= low[k] and right[k] < 0)
        moved[k] = 0.0
    for again in range(rounds):
        if not _step(damping, normal, right, fixed, moved, upper, step):
            return False
        if again + 1 == rounds:
            break
        beyond = False
        for k in range(size):
            there = x[k] + step[k]
            if not fixed[k] and (there > high[k] or there < low[k]):
                fixed[k], beyond = True, True
                moved[k] = (high[k] if there > high[k] else low[k]) - x[k]
        if not beyond:
            break
    largest = 1e-300
    for k in range(size):
        largest = max(largest, abs(step[k]))
    share = min(1.0, longest / largest)
    for k in range(size):
        step[k] = min(max(x[k] + share * step[k], low[k]), high[k])
    return True


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _refine(
    target: Array,
    ratio: Array,
    units: Array,
    damping: float,
    losses: Array,
    start: Array,
    bounds: tuple[Array, Array, float, int],
    tolerance: float,
    most: int,
) -> tuple[Array, Array, Array, int]:
    """`refine_chains` with losses, and the bounds from ... to, [1 or chains, K]."""
    chains, size = start.shape
    tones = target.shape[1]
    x = np.empty((chains, size))
    worst, squares, longest = np.empty(chains), np.empty(chains), 0
    here, there = np.empty((tones, size)), np.empty((tones, size))
    residual, found = np.empty(tones), np.empty(tones)
    normal, upper, step = np.empty((size, size)), np.empty((size, size)), np.empty(size)
    work = normal, upper, np.empty(size), np.empty(size), np.empty(size, np.bool_)
    for n in range(chains):
        unit = units[n if len(units) > 1 else 0]
        low, high = bounds[0][n if len(bounds[0]) > 1 else 0], bounds[1][n if len(bounds[1]) > 1 else 0]
        own, dampings = (low, high, bounds[2], bounds[3]), (damping, losses[n if len(losses) > 1 else 0])
        for k in range(size):
            x[n, k] = min(max(start[n, k], low[k]), high[k])
        now = _answer(x[n], ratio, unit, target[n], dampings, residual, here)
        strength, idle, taken = FIRST_DAMPING, 0, 0
        while taken < most and np.abs(residual).max() > tolerance and idle < PATIENCE and strength < MOST_DAMPING:
            taken += 1
            then = np.inf
            if _trial(x[n], residual, here, strength, own, work, step):
                then = _answer(step, ratio, unit, target[n], dampings, found, there)
            if then < now:
                idle = 0 if then < (1 - STALL) * now else idle + 1
                strength = max(0.1 * strength, LEAST_DAMPING)
                x[n], now = step, then
                residual, found = found, residual
                here, there = there, here
            else:
                strength = 10 * strength + 1e-9
        worst[n], squares[n], longest = np.abs(residual).max(), now, max(longest, taken)
    return x, worst, squares, longest


def refine_chains(
    target: Array,
    ratio: Array,
    units: Array,
    dampings: tuple[float, float | Array],
    start: Array,
    bounds: tuple[float | Array, float | Array],
    tolerance: float,
    most: int,
    longest: float = LONGEST,
    rounds: int = 1,
) -> Minimum:
    """Least squares of the answers of chains from the detunings `start` [chains, K], within `bounds` [1 or chains, K].

    target [chains, tones] in units of K_SD, ratio [tones, K] of tone to channel, units [1 or chains, tones, K] of the
    answers: -4 α s_k G_tk; dampings: that which detunings count in, and those of the resonators, [1 or chains, K]. A
    chain is done once its largest residual is at most `tolerance`, or after `most` steps, or once it no longer moves;
    no resonator moves further than `longest` in one. With several `rounds` a step is made anew with those that would
    pass their bounds held there, so often at most: for bounds that many resonators meet.
    """
    goal, ratios, held, first = (np.ascontiguousarray(a, float) for a in (target, ratio, units, start))
    low, high, own = (_rows(given, first.shape[1]) for given in (*bounds, dampings[1]))
    ends = low, high, float(longest), int(rounds)
    return Minimum(*_refine(goal, ratios, held, float(dampings[0]), own, first, ends, float(tolerance), most))


def _rows(given: float | Array, size: int) -> Array:
    """[1 or chains, K], in one piece."""
    array = np.asarray(given, float)
    return np.ascontiguousarray(array if array.ndim == 2 else np.broadcast_to(array, (1, size)))
