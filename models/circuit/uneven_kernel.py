"""Compiled: powers of the RF currents of chains that are not alike, what `uneven_currents` says of their squares.

For chains without groups (bus.groups = 1). Only the way inwards needs complex numbers: with b_k the impedance behind
resonator k and n_k = Z_k + b_k,

    b_{k-1} = n_k / (1 + jωC_k n_k),    |i_k|² = |v_k|² / |n_k|²,    |v_{k+1}|² = |v_k|² |b_k|² / |n_k|²,

C_k that of the node before resonator k. Imported where it is called: numba takes long to load.
"""

import numba
import numpy as np

from resonet.core.types import Array, Bools, Complex

__all__ = ["ladder_powers"]

FAST = {"contract", "nsz"}


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _inwards(
    resistance: Array,
    node: Array,
    junction: float,
    omega: Array,
    tail: Complex,
    near: Array,
    far: Array,
    real: Array,
    imag: Array,
) -> None:
    """One chain: near [resonators, tones] 1 / |n|², far |b|² / |n|²; real, imag [tones]: of 1 / n of the first."""
    size, tones = near.shape
    for t in range(tones):
        real[t], imag[t] = tail[t].real, tail[t].imag
    for k in range(size - 1, -1, -1):
        ohm, farad = resistance[k], 0.5 * (node[k] + node[k - 1])
        for t in range(tones):
            a, b = real[t], imag[t]
            x = omega[t] * ohm * junction
            part = ohm / (1 + x * x)
            u, w = part + a, b - x * part  # n = R / (1 + jx) + b
            square = 1 / (u * u + w * w)
            near[k, t], far[k, t] = square, (a * a + b * b) * square
            if k:
                c = omega[t] * farad
                p, q = 1 - c * w, c * u  # 1 + jc n
                over = 1 / (p * p + q * q)
                real[t], imag[t] = (u * p + w * q) * over, (w * p - u * q) * over
            else:
                real[t], imag[t] = u * square, -w * square


@numba.njit(cache=True, nogil=True, error_model="numpy")
def ladder_powers(
    resistance: Array,
    node: Array,
    junction: float,
    copies: int,
    omega: Array,
    tail: Complex,
    ends: tuple[Complex, Complex],
    source: tuple[Complex, Complex],
    levels: Array,
    heard: Bools,
    powers: Array,
) -> None:
    """|i|² through R0 of every resonator, A²/W, into powers [chains, resonators, tones].

    resistance, node [chains, resonators] ohm, F; junction: capacitance across each R0, F; copies: of every chain on the
    bus; omega [tones] rad/s; tail [chains, tones] ohm; ends: impedance of the DC block, ohm, and admittance of choke
    and what is behind it, S; source: EMF per volt, and impedance, ohm, seen from the chains; levels [tones] V/√W; heard
    [chains]: whether the bus reaches them.
    """
    chains, size, tones = powers.shape
    near, far = np.empty((size, tones)), np.empty((size, tones))
    real, imag, square = np.empty(tones), np.empty(tones), np.empty(tones)
    total = np.zeros(tones, np.complex128)
    block, shunt = ends
    for j in range(chains):
        _inwards(resistance[j], node[j], junction, omega, tail[j], near, far, real, imag)
        for t in range(tones):
            head = complex(real[t], imag[t] + 0.5 * omega[t] * node[j, 0]) + shunt[t]
            drawn = 1 / (block[t] + 1 / head)
            total[t] += drawn if heard[j] else 0.0
            square[t] = abs(drawn / head) ** 2 if heard[j] else 0.0
        for k in range(size):
            for t in range(tones):
                powers[j, k, t] = square[t] * near[k, t]
                square[t] *= far[k, t]
    emf, impedance = source
    for t in range(tones):
        x = omega[t] * junction
        square[t] = (abs(emf[t] / (1 + impedance[t] * (copies * total[t]))) * levels[t]) ** 2
        imag[t] = x
    for j in range(chains):
        for k in range(size):
            ohm = resistance[j, k]
            for t in range(tones):
                powers[j, k, t] *= square[t] / (1 + (imag[t] * ohm) ** 2)
