"""The compiled steps: elimination in a fixed order, Newton's method with few factorisations.

A record's arrays are counted whenever they are taken out, which costs more than a small circuit's step: they are taken
out once, and handed on one by one.
"""

import math
from typing import NamedTuple

import numba
import numpy as np

from resonet.core.types import Array
from resonet.cosim.fixed_step.equations import DEEPEST, MOST_CONTROLS, Places
from resonet.cosim.fixed_step.laws import FAST, laws_at
from resonet.cosim.fixed_step.reduction import Rows

__all__ = ["Maps", "Waves", "run_steps"]

TOLERANCE = 1e-9  # of a product, of its largest value so far
STRICT = 1e-12  # of the terms of any other law: they hold slow states
ROUNDING = 1e-15
SMALLEST = 1e-14  # V or mA: what rounding leaves of terms that cancel, as at the threshold of a neuron
SLOW = 0.05  # of what was left before: from there on the matrix is factored anew
MOST_ITERATIONS = 60


class Maps(NamedTuple):
    """What is linear in z = (u, w, J, e)."""

    rows: Rows  # [u] the equations, columns J and e
    fixed: Rows  # [controls] columns J and e
    controls: Rows  # [controls] columns u and w
    stored: Rows  # [stores] the next J
    shown: Rows  # [results]


class Waves(NamedTuple):
    """Independent sources over some steps."""

    which: Places  # [sines] number of the source
    offset: Array
    peak: Array
    sine: Array  # [sines] before the first step
    cosine: Array
    turn_sine: Array  # [sines] of the angle of a step
    turn_cosine: Array
    other: Places  # [others]
    values: Array  # [steps, others]
    time: Array  # [steps] s


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _times(start, column, value, z, out):  # type: ignore[no-untyped-def]
    """Product of a sparse matrix and a vector."""
    for r in range(len(out)):
        total = 0.0
        for n in range(start[r], start[r + 1]):
            total += value[n] * z[column[n]]
        out[r] = total


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _put(initial, changing, law_slot, law_control, law_value, fresh, gradient, value):  # type: ignore[no-untyped-def]
    """The numbers of the matrix with the laws' derivatives, which are kept."""
    for n in range(len(fresh)):
        gradient[n] = fresh[n]
    for n in range(len(changing)):
        value[changing[n]] = initial[changing[n]]
    for n in range(len(law_slot)):
        value[law_slot[n]] += law_value[n] * gradient[law_control[n]]


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _factor(pivot_slot, pivot_fixed, below, slot, fixed, update, target, source, value, inverse):  # type: ignore[no-untyped-def]
    """Factor the matrix."""
    for k in range(len(pivot_slot)):
        if not pivot_fixed[k]:
            inverse[k] = 1 / value[pivot_slot[k]]
        for b in range(below[k], below[k + 1]):
            factor = value[slot[b]]
            if not fixed[b]:
                factor *= inverse[k]
                value[slot[b]] = factor
            for n in range(update[b], update[b + 1]):
                value[target[n]] -= factor * value[source[n]]


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _down(pivot_row, below, row, slot, value, right):  # type: ignore[no-untyped-def]
    """Forward substitution."""
    for k in range(len(pivot_row)):
        its = right[pivot_row[k]]
        for b in range(below[k], below[k + 1]):
            right[row[b]] -= value[slot[b]] * its


# fmt: off
@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _up(  # type: ignore[no-untyped-def]
    pivot_row, pivot_column, behind, right_slot, right_column, value, inverse, right, whole, more, x,
):
    """Backward substitution for x, or for what is added to it."""
    for k in range(len(pivot_row) - 1, -1, -1):
        its = right[pivot_row[k]]
        for n in range(behind[k], behind[k + 1]):
            its -= value[right_slot[n]] * more[right_column[n]]
        its *= inverse[k]
        more[pivot_column[k]] = its
        x[pivot_column[k]] = its if whole else x[pivot_column[k]] + its
# fmt: on


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _limit(junction, new, old):  # type: ignore[no-untyped-def]
    """Hold the steps of junctions as far as their exponentials can follow (SPICE2's rule); new is changed."""
    for n in range(len(junction)):
        width = junction[n]
        if width > 0:
            critical, step = width * math.log(width / (math.sqrt(2) * 1e-14)), new[n] - old[n]
            if new[n] > critical and abs(step) > 2 * width:
                if old[n] > 0:
                    new[n] = old[n] + width * math.log(1 + step / width) if step > -width else critical
                else:
                    new[n] = width * math.log(new[n] / width)


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _straight(products, start, f, gradient, to, at, out):  # type: ignore[no-untyped-def]
    """Laws straight on from their values f at some controls to others."""
    for m in range(products):
        out[m] = (
            f[m] + gradient[2 * m] * (to[2 * m] - at[2 * m]) + gradient[2 * m + 1] * (to[2 * m + 1] - at[2 * m + 1])
        )
    for m in range(products, len(f)):
        total = f[m]
        for n in range(start[m], start[m + 1]):
            total += gradient[n] * (to[n] - at[n])
        out[m] = total


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _left(f, w, values):  # type: ignore[no-untyped-def]
    """What the laws differ by."""
    for m in range(len(f)):
        values[m] = f[m] - w[m]


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _push(into, into_row, into_value, linked, unknown, values, whole, feed, right):  # type: ignore[no-untyped-def]
    """The right side: what stores and sources give, in a whole solution, and what the laws do."""
    for n in range(len(feed)):
        right[n] = -feed[n] if whole else 0.0
    for n in range(len(linked)):
        right[unknown[n]] = values[linked[n]]
    for m in range(len(values)):
        for n in range(into[m], into[m + 1]):
            right[into_row[n]] -= into_value[n] * values[m]


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _see(start, column, value, x, fixed, before, c):  # type: ignore[no-untyped-def]
    """Controls c of a solution, and those before it."""
    for r in range(len(c)):
        total = fixed[r]
        for n in range(start[r], start[r + 1]):
            total += value[n] * x[column[n]]
        before[r], c[r] = c[r], total


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _take(linked, unknown, x, w):  # type: ignore[no-untyped-def]
    """Laws whose value is an unknown."""
    for n in range(len(linked)):
        w[linked[n]] = x[unknown[n]]


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _worst(products, start, f, gradient, c, w, scale, top):  # type: ignore[no-untyped-def]
    """Largest difference of law and solution, part of what is allowed.

    `scale` [laws] is the largest value or terms of a law so far, `top` [controls] the largest terms of a control: a
    root of next to nothing, as of the power of a neuron at rest, is as exact as its control is, in all its digits.
    """
    worst, total = 0.0, 0.0
    for m in range(products):
        worst = max(worst, abs(f[m] - w[m]) / (TOLERANCE * max(scale[m], 2 * abs(f[m])) + SMALLEST))
        total += f[m]
    for m in range(products, len(f)):
        terms, rounded = scale[m], 0.0
        for n in range(start[m], start[m + 1]):
            terms = max(terms, abs(gradient[n] * c[n]))
            rounded += abs(gradient[n]) * top[n]
        worst = max(worst, abs(f[m] - w[m]) / (STRICT * terms + ROUNDING * rounded + SMALLEST))
        total += f[m]
    return worst if math.isfinite(total) else np.inf


# fmt: off
@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _grow(  # type: ignore[no-untyped-def]
    products, start, f, gradient, c, control_start, control_column, control_value, x, fixed, scale, top,
):
    """Sizes of laws and of controls, of a step that is done."""
    for m in range(products):
        scale[m] = max(scale[m], 2 * abs(f[m]))
    for m in range(products, len(f)):
        for r in range(start[m], start[m + 1]):
            scale[m] = max(scale[m], abs(gradient[r] * c[r]))
            terms = abs(fixed[r])
            for n in range(control_start[r], control_start[r + 1]):
                terms += abs(control_value[n] * x[control_column[n]])
            top[r] = max(top[r], terms)
# fmt: on


# fmt: off
@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _play(  # type: ignore[no-untyped-def]
    which, offset, peak, sine, cosine, turn_sine, turn_cosine, other, other_values, step, sources, z,
):
    """The sources at a step: sines turned by one, others looked up."""
    for n in range(len(sine)):
        s = sine[n] * turn_cosine[n] + cosine[n] * turn_sine[n]
        cosine[n] = cosine[n] * turn_cosine[n] - sine[n] * turn_sine[n]
        sine[n] = s
        z[sources + which[n]] = offset[n] + peak[n] * s
    for n in range(len(other)):
        z[sources + other[n]] = other_values[step, n]
# fmt: on


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _ahead(past, c):  # type: ignore[no-untyped-def]
    """Controls of the next step, about."""
    for n in range(len(c)):
        c[n] = 3 * (past[0, n] - past[1, n]) + past[2, n]


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _settle(x, w, left, z):  # type: ignore[no-untyped-def]
    """A solution into z."""
    for n in range(left):
        z[n] = x[n]
    for n in range(len(w)):
        z[left + n] = w[n]


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _shift(kept, at, c, z, past):  # type: ignore[no-untyped-def]
    """A step becomes the last."""
    for n in range(len(kept)):
        z[at + n] = kept[n]
    for n in range(len(c)):
        past[2, n], past[1, n], past[0, n] = past[1, n], past[0, n], c[n]


# fmt: off
@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def run_steps(  # type: ignore[no-untyped-def]
    law_factor, start, law_steps, operation, argument, junction, rows_start, rows_column, rows_value, fixed_start,
    fixed_column, fixed_value, control_start, control_column, control_value, stored_start, stored_column, stored_value,
    shown_start, shown_column, shown_value, linked, unknown, into, into_row, into_value, initial, changing, law_slot,
    law_control, law_value, pivot_row, pivot_column, pivot_slot, pivot_fixed, below, row, slot, multiplier_fixed,
    update, target, source, behind, right_slot, right_column, first_inverse, which, offset, peak, first_sine,
    first_cosine, turn_sine, turn_cosine, other, other_values, times, z, past, scale, top, out,
):
    """Steps of one length, with the arrays of `Laws`, `Maps`, `Factors` and `Waves`; the step that fails, or -1.

    z = (u, w, J, e), past controls and the sizes of laws and controls are carried on; out [steps, results].
    """
    products, controls, count, left = len(law_factor), past.shape[1], len(start) - 1, len(rows_start) - 1
    at, unknowns = left + count, len(pivot_slot)
    sources, kept, feed = len(z) - len(which) - len(other), np.empty(len(stored_start) - 1), np.empty(left)
    f, w, values, right = np.empty(count), np.empty(count), np.empty(count), np.empty(unknowns)
    fixed, c, before, gradient = np.empty(controls), np.empty(controls), np.empty(controls), np.empty(controls)
    fresh, x, more, stack = np.empty(controls), np.empty(unknowns), np.empty(unknowns), np.empty(DEEPEST)
    value, inverse, slope = initial.copy(), first_inverse.copy(), np.empty((DEEPEST, MOST_CONTROLS))
    sine, cosine = first_sine.copy(), first_cosine.copy()
    for step in range(len(out)):
        time, last, worst = times[step], np.inf, np.inf
        whole = worst > 1  # for numba a variable: it would compile _push and _up for the constant True once more
        _play(which, offset, peak, sine, cosine, turn_sine, turn_cosine, other, other_values, step, sources, z)
        _times(rows_start, rows_column, rows_value, z, feed)
        _times(fixed_start, fixed_column, fixed_value, z, fixed)
        _ahead(past, c)
        laws_at(law_factor, start, law_steps, operation, argument, c, time, stack, slope, f, fresh)
        for _ in range(MOST_ITERATIONS):
            if whole:  # Newton's method from the controls c; else what is left goes through the factors there are
                _put(initial, changing, law_slot, law_control, law_value, fresh, gradient, value)
                _factor(pivot_slot, pivot_fixed, below, slot, multiplier_fixed, update, target, source, value, inverse)
                _straight(products, start, f, gradient, fixed, c, values)
            else:
                _left(f, w, values)
            _push(into, into_row, into_value, linked, unknown, values, whole, feed, right)
            _down(pivot_row, below, row, slot, value, right)
            _up(pivot_row, pivot_column, behind, right_slot, right_column, value, inverse, right, whole, more, x)
            _see(control_start, control_column, control_value, x, fixed, before, c)
            _straight(products, start, f, gradient, c, before, w)
            _take(linked, unknown, x, w)
            laws_at(law_factor, start, law_steps, operation, argument, c, time, stack, slope, f, fresh)
            worst = _worst(products, start, f, fresh, c, w, scale, top)
            if worst <= 1:
                break
            whole, last = not worst <= SLOW * last, worst
            if whole:
                _limit(junction, c, before)
                laws_at(law_factor, start, law_steps, operation, argument, c, time, stack, slope, f, fresh)
        if not worst <= 1:
            return step
        _grow(products, start, f, fresh, c, control_start, control_column, control_value, x, fixed, scale, top)
        _settle(x, w, left, z)
        _times(stored_start, stored_column, stored_value, z, kept)
        _times(shown_start, shown_column, shown_value, z, out[step])
        _shift(kept, at, c, z, past)
    return -1
# fmt: on
