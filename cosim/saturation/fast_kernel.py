"""The compiled part of the fast balance: every resonator's own tone solved exactly, the tails of all others expanded.

For no frequency shift. With h = (1 + 2 Q p)² the others have the powers s_t / (d_t² + h), far from resonance a smooth
function of h: their sum q and their voltage are polynomials in h - 1, whose coefficients are sums over the tones and so
matrix products. One unknown is left, p, and with the detuning u of the own tone one equation:

    (p - q(h)) [u² + (1 + Q (p + q))²] = s,      own tone: p - q, damping 1 + Q (2p - (p - q)) = 1 + Q (p + q)
"""

import numba
import numpy as np

from resonet.core.types import Array

__all__ = ["own_tones"]

FAST = {"contract", "nsz", "reassoc", "arcp"}
LANES = 64  # resonators at a time: what is known of them stays in the first cache
MOST = 40  # steps of Newton's method


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def own_tones(
    carried: Array,
    places: Array,
    tails: Array,
    coefficients: Array,
    q: float,
    tolerance: float,
    answers: Array,
) -> int:
    """Add to answers [rows, chains] what the own tones give and what saturation takes from the others.

    carried [rows, resonators]; places [4, chains * resonators]: detuning u of the own tone and e, s and v of it where it
    carries 1; tails [rows, chains * resonators] the others' voltages... coefficients [5, rows, chains * resonators] of
    q: 1, h - 1, (h - 1)², and of the others' voltages: h - 1, (h - 1)². Returns how many did not converge.
    """
    rows, chains = answers.shape
    count = carried.shape[1]
    lost = 0
    p, s, v = np.empty(count), np.empty(count), np.empty(count)
    for row in range(rows):
        for j in range(chains):
            start = j * count
            u, e = places[0, start : start + count], places[1, start : start + count]
            c0, c1 = coefficients[0, row, start : start + count], coefficients[1, row, start : start + count]
            c2 = coefficients[2, row, start : start + count]
            v1, v2 = coefficients[3, row, start : start + count], coefficients[4, row, start : start + count]
            v3 = coefficients[5, row, start : start + count]
            for k in range(count):
                s[k] = places[2, start + k] * carried[row, k]
                v[k] = places[3, start + k] * carried[row, k]
                p[k] = s[k] / (u[k] * u[k] + 1) + c0[k]
            worst = 1.0
            for _ in range(MOST):
                worst = 0.0
                for k in range(count):
                    g = 1 + 2 * q * p[k]
                    more = g * g - 1
                    others = c0[k] + more * (c1[k] + more * c2[k])
                    by = (c1[k] + 2 * more * c2[k]) * 4 * q * g
                    own, damping = p[k] - others, 1 + q * (p[k] + others)
                    norm = u[k] * u[k] + damping * damping
                    slope = (1 - by) * norm + own * 2 * damping * q * (1 + by)
                    step = (own * norm - s[k]) / slope
                    p[k] -= step
                    off = abs(step) - tolerance * p[k]
                    worst = off if off > worst else worst
                if worst <= 0:
                    break
            lost += worst > 0
            found = 0.0
            for k in range(count):
                g = 1 + 2 * q * p[k]
                more = g * g - 1
                others = c0[k] + more * (c1[k] + more * c2[k])
                damping = 1 + q * (p[k] + others)
                square = damping * damping
                found += v[k] * (e[k] / (e[k] * e[k] + square) - u[k] / (u[k] * u[k] + square))
                found += more * (v1[k] + more * v2[k]) + g * v3[k]
            answers[row, j] += found
    return lost
