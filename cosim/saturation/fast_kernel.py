"""The compiled part of the fast balance: every resonator's own tone solved exactly, the tails of all others expanded.

For no frequency shift (equation 1 of cosim/saturation/kernel.py). With h = (1 + 2 Q p)² the others have the powers s_t /
(d_t² + h), which far from resonance is a smooth function of h: their sum q and their voltage are polynomials in h - 1,
whose coefficients are sums over the tones, and so products of matrices. That a tone's own p_t counts once and not twice
in its y_t is for the others a correction of first order, quadratic in what they carry. One unknown is left, p, and with
the detuning u of the own tone one equation:

    (p - q) [u² + (1 + Q (p + q))²] = s,      own tone: p_o = p - q,  y_o = 2p - p_o = p + q
"""

import numba
import numpy as np
from numpy.typing import NDArray

from resonet.core.types import Array

__all__ = ["own_tones"]

FAST = {"contract", "nsz", "reassoc", "arcp"}
MOST = 60  # steps of Newton's method


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def own_tones(
    carried: Array, places: Array, tails: NDArray[np.float32], q: float, tolerance: float, answers: Array
) -> int:
    """Add to answers [rows, chains] what the own tones give, and what saturation takes from the others.

    carried [rows, resonators]; places [4, chains * resonators]: u and e of the own tone, s and v of one that carries 1;
    tails [6, rows, chains * resonators]: of the others' sum of powers the coefficients of 1, h - 1 and (h - 1)², of
    their voltage those of h - 1, (h - 1)² and 1 + 2 Q p. Returns how many did not converge.
    """
    rows, chains = answers.shape
    count, lost = carried.shape[1], 0
    p, s, v = np.empty(count), np.empty(count), np.empty(count)
    for row in range(rows):
        for j in range(chains):
            part = slice(j * count, (j + 1) * count)
            u, e = places[0, part], places[1, part]
            c0, c1, c2 = tails[0, row, part], tails[1, row, part], tails[2, row, part]
            v1, v2, v3 = tails[3, row, part], tails[4, row, part], tails[5, row, part]
            for k in range(count):
                s[k], v[k] = places[2, part][k] * carried[row, k], places[3, part][k] * carried[row, k]
                p[k] = s[k] / (u[k] * u[k] + 1) + c0[k]
            off = 1.0
            for _ in range(MOST):
                off = 0.0
                for k in range(count):
                    g = 1 + 2 * q * p[k]
                    more = g * g - 1
                    others, by = c0[k] + more * (c1[k] + more * c2[k]), 4 * q * g * (c1[k] + 2 * more * c2[k])
                    own, damping = p[k] - others, 1 + q * (p[k] + others)
                    norm = u[k] * u[k] + damping * damping
                    step = (own * norm - s[k]) / ((1 - by) * norm + own * 2 * damping * q * (1 + by))
                    p[k] -= step
                    left = abs(step) - tolerance * p[k]
                    off = left if left > off else off
                if off <= 0:
                    break
            lost += off > 0
            found = 0.0
            for k in range(count):
                g = 1 + 2 * q * p[k]
                more = g * g - 1
                damping = 1 + q * (p[k] + c0[k] + more * (c1[k] + more * c2[k]))
                norm = damping * damping
                found += v[k] * (e[k] / (e[k] * e[k] + norm) - u[k] / (u[k] * u[k] + norm))
                found += more * (v1[k] + more * v2[k]) + g * v3[k]
            answers[row, j] += found
    return lost
