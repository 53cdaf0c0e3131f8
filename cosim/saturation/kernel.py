"""The compiled part of saturating chains: the balance of every resonator for every position of every image.

In half-widths of the resonator, tone t has the detuning d_t, and without saturation the power s_t / (d_t² + 1). With
all other tones the balance (models/resonator/tone_balance.py) is one equation a tone,

    p_t D_t = s_t,   D_t = x_t² + g_t²,   x_t = d_t - n y_t,   g_t = 1 + Q y_t,   y_t = 2p - p_t,   p = Σ p_t      (1)

which depends on its own p_t by A_t = D_t - p_t D'_t, and on the p of all by 2 p_t D'_t, with D'_t = dD_t/dy_t = 2 (Q
g_t - n x_t). Newton's step is therefore solved for p first, and costs one division a tone:

    Δp (1 + Σ 2 p_t D'_t / A_t) = Σ (p_t - F_t/A_t) - p,   Δp_t = -(F_t + 2 p_t D'_t Δp) / A_t,   F_t = p_t D_t - s_t

It begins at the powers without saturation, which are above the solution. Where the shift could fold the resonance over,
the powers are raised from zero in steps, as `tone_balance` does it. Tones that carry nothing are left out.

The rectified voltage is that of the linear law with g and x in the place of 1 and d, e_t = (f_t + f_d) / half-width:

    V_t = v_t [(e + n y)/((e + n y)² + g²) - x/(x² + g²)]                                                          (2)
"""

import numba
import numpy as np

from resonet.core.types import Array
from resonet.models.resonator.tone_kernel import _raised

__all__ = ["answers_of_bus"]

FAST = {"contract", "nsz", "reassoc", "arcp"}
MOST = 60  # steps of Newton's method
FOLD = 0.2  # half-widths of shift, without saturation, from which on the powers are raised from zero


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _newton(count: int, d: Array, s: Array, p: Array, work: Array, law: Array, total: float) -> tuple[float, bool]:
    """Solve (1) from p, whose sum is `total`, on; its sum, and whether that converged.

    work [5, tones]; law: Q, n, tolerance.
    """
    q, shift, tolerance = law[0], law[1], law[2]
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
        if abs(step) <= tolerance * total:
            return total, True
    return total, False


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _balance(count: int, d: Array, s: Array, p: Array, work: Array, law: Array) -> tuple[float, bool]:
    """Solve (1) for `count` tones into p [tones]; their sum, and whether that converged."""
    total, shift = 0.0, law[1]
    for t in range(count):
        p[t] = s[t] / (d[t] * d[t] + 1)
        total += p[t]
    if total == 0:
        return 0.0, True
    if 2 * abs(shift) * total <= FOLD:
        return _newton(count, d, s, p, work, law, total)
    good, _ = _raised(d[:count], s[:count], law[0], shift, p[:count], work[:, :count])
    total = 0.0
    for t in range(count):
        total += p[t]
    return total, good


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _volts(count: int, d: Array, e: Array, p: Array, total: float, v: Array, law: Array) -> float:
    """Sum of (2) over the tones."""
    q, shift, found = law[0], law[1], 0.0
    for t in range(count):
        y = 2 * total - p[t]
        g, x, z = 1 + q * y, d[t] - shift * y, e[t] + shift * y
        near, far = x * x + g * g, z * z + g * g
        found += v[t] * (z * near - x * far) / (near * far)
    return found


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _slope(
    count: int, d: Array, e: Array, p: Array, total: float, v: Array, rise: Array, work: Array, law: Array
) -> float:
    """What (2) changes by per half-width that the resonance is tuned down: `rise` [tones] is dd/du = de/du = f / f_res.

    (1) holds all along: A_t dp_t + 2 p_t D'_t dp = -2 p_t x_t rise_t, and dp is the sum of the dp_t.
    """
    q, shift, rest, slope = law[0], law[1], 0.0, 1.0
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
def answers_of_bus(
    rows: tuple[int, int],
    carried: Array,
    tones: Array,
    f_res: Array,
    drives: Array,
    volts: Array,
    damping: float,
    law: Array,
    answers: Array,
    slopes: Array,
) -> int:
    """Voltages of the chains of a bus for some rows of carried [rows, tones], into answers [rows, chains].

    tones Hz, f_res [chains, resonators] Hz, drives and volts [resonators, tones], s_t and v_t of a tone that carries 1.
    Where slopes [rows, chains, resonators] is not empty, what every resonator changes by goes there. Returns how many
    balances did not converge.
    """
    chains, count = f_res.shape
    size = len(tones)
    f, amount, d, e, s = np.empty(size), np.empty(size), np.empty(size), np.empty(size), np.empty(size)
    v, p, rise, work = np.empty(size), np.empty(size), np.empty(size), np.empty((5, size))
    which = np.empty(size, np.int64)
    lost, root, wanted = 0, np.sqrt(1 - damping * damping), slopes.size > 0
    for row in range(rows[0], rows[1]):
        active = 0
        for t in range(size):
            if carried[row, t] > 0:
                which[active], f[active], amount[active] = t, tones[t], carried[row, t]
                active += 1
        for j in range(chains):
            answers[row, j] = 0.0
        for k in range(count):
            for t in range(active):
                s[t], v[t] = drives[k, which[t]] * amount[t], volts[k, which[t]] * amount[t]
            for j in range(chains):
                own = f_res[j, k]
                inverse, middle = 1 / (damping * own), root / damping
                for t in range(active):
                    at = f[t] * inverse
                    d[t], e[t] = at - middle, at + middle
                total, good = _balance(active, d, s, p, work, law)
                lost += not good
                answers[row, j] += _volts(active, d, e, p, total, v, law)
                if wanted:
                    for t in range(active):
                        rise[t] = f[t] / own
                    slopes[row, j, k] = _slope(active, d, e, p, total, v, rise, work, law)
    return lost
