"""Compiled: what chains rectify whose resonators are not alike. Imported where it is called.

V = ½ k |i|² Re chi,    Re chi = a / (a² / r² + 4 α² f²),    a = (r - f)(r + f),    r the resonance frequency.
"""

import numba
import numpy as np

from resonet.core.types import Array, Ints

__all__ = ["uneven_answers"]

FAST = {"contract", "nsz"}


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def uneven_answers(
    f_res: Array,
    damping: Array,
    volts: Array,
    tones: Array,
    powers: Array,
    values: Array,
    most: Array,
    chain: Ints,
) -> None:
    """Answers of the chains of a bus to 1 W of each tone, V, into values [chains, tones].

    f_res, damping and volts (½ k with its sign) [chains, resonators]; tones in Hz; powers: |i|²
    [chains or 1, resonators, tones]. Into most [resonators, tones] goes the largest |V| over the chains, into chain
    which one that was.
    """
    size, count = f_res.shape[1], len(tones)
    own = np.empty(count)
    most[:], values[:] = -1.0, 0.0
    for j in range(len(f_res)):
        shared = j if len(powers) > 1 else 0
        answer = values[j]
        for k in range(size):
            r, volt, loss, power = f_res[j, k], volts[j, k], 4 * damping[j, k] ** 2, powers[shared, k]
            over = 1 / (r * r)
            for t in range(count):
                f = tones[t]
                a = (r - f) * (r + f)
                own[t] = volt * power[t] * (a / (a * (a * over) + loss * f * f))
            for t in range(count):
                answer[t] += own[t]
            for t in range(count):
                size_here = abs(own[t])
                if size_here > most[k, t]:
                    most[k, t], chain[k, t] = size_here, j
