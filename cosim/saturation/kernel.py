"""The compiled part of calibration on data: what saturating chains change by when their resonators are tuned.

In half-widths of the resonator, tone t has the detuning d_t, and without saturation the power s_t / (d_t² + 1). The
balance (equation 5 of models/resonator/tone_balance.py, here without mixing and mirror tones) is one equation a tone,

    p_t D_t = s_t,   D_t = x_t² + g_t²,   x_t = d_t - n y_t,   g_t = 1 + Q y_t,   y_t = 2p - p_t,   p = Σ p_t      (1)

which depends on its own p_t by A_t = D_t - p_t D'_t, and on the p of all by 2 p_t D'_t, with D'_t = dD_t/dy_t = 2 (Q
g_t - n x_t). Newton's step is solved for p first, and costs one division a tone:

    Δp (1 + Σ 2 p_t D'_t / A_t) = Σ (p_t - F_t/A_t) - p,   Δp_t = -(F_t + 2 p_t D'_t Δp) / A_t,   F_t = p_t D_t - s_t

It begins at the powers without saturation, which are above the solution; with more shift, the strongest tone's own
equation is solved first, and where that does not lead there, the powers are raised from zero in steps. Tones that carry
nothing are left out. The rectified voltage is

    V_t = v_t [z/(z² + g²) - x/(x² + g²)],   z = e + n y,   e_t = (f_t + f_d) / half-width,                        (2)

and when the resonance is tuned down by du half-widths, dd_t = de_t = f_t / f_res du, with (1) holding all along.
"""

import numba
import numpy as np

from resonet.core.types import Array

__all__ = ["slopes_of_bus"]

FAST = {"contract", "nsz", "reassoc", "arcp"}
MOST = 60  # steps of Newton's method
ENOUGH = 1e-7  # last step, part of p: the next would be of its square
FOLD = 0.2  # half-widths of shift, without saturation, from which on that is no start
HALVINGS = 10  # of the bracket of the strongest tone's p
RAMP = 24  # steps in which they are


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _newton(count: int, d: Array, s: Array, p: Array, work: Array, q: float, shift: float, total: float) -> float:
    """Solve (1) from p, whose sum is `total`, on; its sum, negative where that did not converge. work [3, tones]."""
    own, common = work[0], work[1]
    for _ in range(MOST):
        rest, slope = 0.0, 1.0
        for t in range(count):
            power = p[t]
            y = 2 * total - power
            x, g = d[t] - shift * y, 1 + q * y
            norm, rise = x * x + g * g, 2 * power * (q * g - shift * x)
            inverse = 1 / (norm - rise)
            off, by = (power * norm - s[t]) * inverse, 2 * rise * inverse
            own[t], common[t] = off, by
            rest += power - off
            slope += by
        step = (rest - total) / slope
        for t in range(count):
            p[t] -= own[t] + common[t] * step
        total += step
        if abs(step) <= ENOUGH * total:
            return total
    return -1.0


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _alone(count: int, d: Array, s: Array, p: Array, total: float, q: float, shift: float) -> float:
    """Put p of the strongest tone where the others, as they are, leave it; the sum of all, `total` before."""
    o = 0
    for t in range(count):
        if p[t] > p[o]:
            o = t
    low, high = 0.0, s[o]
    total -= p[o]
    for _ in range(HALVINGS):
        p[o] = 0.5 * (low + high)
        y = p[o] + 2 * total
        if p[o] * ((d[o] - shift * y) ** 2 + (1 + q * y) ** 2) > s[o]:
            high = p[o]
        else:
            low = p[o]
    total += p[o]
    return total


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _balance(count: int, d: Array, s: Array, p: Array, work: Array, q: float, shift: float) -> float:
    """Solve (1) for `count` tones into p [tones]; their sum, negative where that did not converge."""
    total = 0.0
    for t in range(count):
        p[t] = s[t] / (d[t] * d[t] + 1)
        total += p[t]
    if total == 0 or 2 * abs(shift) * total <= FOLD:
        return _newton(count, d, s, p, work, q, shift, total) if total > 0 else 0.0
    total = _newton(count, d, s, p, work, q, shift, _alone(count, d, s, p, total, q, shift))
    if total >= 0:
        return total
    raised, total = work[2], 0.0
    for t in range(count):
        p[t] = 0.0
    for step in range(1, RAMP + 1):
        for t in range(count):
            raised[t] = (step / RAMP) ** 2 * s[t]
        total = _newton(count, d, raised, p, work, q, shift, max(total, 0.0))
    return total


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _slope(
    count: int, d: Array, e: Array, p: Array, total: float, v: Array, rise: Array, work: Array, q: float, shift: float
) -> float:
    """What (2) changes by per half-width; `rise` is f / f_res, and A_t dp_t + 2 p_t D'_t dp = -2 p_t x_t rise_t."""
    rest, slope = 0.0, 1.0
    own, common = work[0], work[1]
    for t in range(count):
        power = p[t]
        y = 2 * total - power
        x, g = d[t] - shift * y, 1 + q * y
        fall = 2 * power * (q * g - shift * x)
        inverse = 1 / (x * x + g * g - fall)
        own[t], common[t] = -2 * power * x * rise[t] * inverse, 2 * fall * inverse
        rest += own[t]
        slope += common[t]
    of_sum, found = rest / slope, 0.0
    for t in range(count):
        y = 2 * total - p[t]
        dy = 2 * of_sum - own[t] + common[t] * of_sum
        g, x, z = 1 + q * y, d[t] - shift * y, e[t] + shift * y
        near, far = 1 / (x * x + g * g), 1 / (z * z + g * g)
        by_x, by_z = (x * x - g * g) * near * near, (g * g - z * z) * far * far
        by_g = 2 * g * (x * near * near - z * far * far)
        found += v[t] * (by_x * (rise[t] - shift * dy) + by_z * (rise[t] + shift * dy) + by_g * q * dy)
    return found


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def slopes_of_bus(
    rows: tuple[int, int],
    carried: Array,
    tones: Array,
    f_res: Array,
    drives: Array,
    volts: Array,
    law: Array,
    slopes: Array,
) -> None:
    """Changes of the chains' voltages per half-width for some rows of carried [rows, tones].

    tones Hz, f_res [chains, resonators] Hz, drives and volts [resonators, tones], s_t and v_t of a tone that carries 1;
    law: α, Q, n. Into slopes [rows, chains, resonators]; 0 where a balance does not converge.
    """
    chains, count = f_res.shape
    size, damping, q, shift = len(tones), law[0], law[1], law[2]
    f, amount, d, e, s = np.empty(size), np.empty(size), np.empty(size), np.empty(size), np.empty(size)
    v, p, rise, work = np.empty(size), np.empty(size), np.empty(size), np.empty((3, size))
    which, root = np.empty(size, np.int64), np.sqrt(1 - damping * damping)
    for row in range(rows[0], rows[1]):
        active = 0
        for t in range(size):
            if carried[row, t] > 0:
                which[active], f[active], amount[active] = t, tones[t], carried[row, t]
                active += 1
        for k in range(count):
            for t in range(active):
                s[t], v[t] = drives[k, which[t]] * amount[t], volts[k, which[t]] * amount[t]
            for j in range(chains):
                own = f_res[j, k]
                inverse, middle = 1 / (damping * own), root / damping
                for t in range(active):
                    at = f[t] * inverse
                    d[t], e[t], rise[t] = at - middle, at + middle, f[t] / own
                total = _balance(active, d, s, p, work, q, shift)
                slopes[row, j, k] = _slope(active, d, e, p, total, v, rise, work, q, shift) if total >= 0 else 0.0
