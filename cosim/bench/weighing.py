"""Weighing designs: which tones are on in which reading, so that few noisy readings give every weight.

A chain answers V = o + Σ_t P_t W_t + noise σ, with the voltmeter's zero o. Powers are not negative, so what a chemical
balance does with Hadamard matrices is done here with their 0/1 form, the S-matrix (Harwit and Sloane, Hadamard
Transform Optics, 1979, chapter 3): S Sᵀ = (n + 1)/4 (1 + J), S⁻¹ = 2/(n + 1) (2 Sᵀ - J). With p for "on",

    one tone at a time, zero known                   var W = σ² / p²
    S-matrix of order n, zero known                  var W = 4n / (n + 1)² σ² / p²      (n elements of ±2/(n + 1))
    one tone at a time, one reading for the zero     var W = 2 σ² / p²
    S-matrix and one reading for the zero            var W = 4 / (n + 1) σ² / p²

The last is what `weighing_design` makes: with the reading at no power the rows are (1 - H)/2 of a Hadamard matrix H of
order n + 1, whose orthogonal columns give the zero for next to nothing. Tones fewer than n leave columns out, which
does not change the variance.
"""

from typing import Literal

import numpy as np
from scipy.linalg import hadamard

from resonet.core.errors import InputError
from resonet.core.types import Array

__all__ = ["DESIGNS", "Design", "noise_gain", "s_matrix", "s_order", "weighing_design"]

Design = Literal["hadamard", "single", "random"]
DESIGNS: tuple[Design, ...] = ("hadamard", "single", "random")
MOST_TONES = 4096
RANDOM_EXCESS = 1.5  # readings of a random design per unknown


def _is_prime(n: int) -> bool:
    return n > 1 and all(n % k for k in range(2, int(n**0.5) + 1))


def s_order(tones: int) -> int:
    """Least order n >= tones of an S-matrix that is made here: 2^m - 1, or a prime with n = 3 modulo 4."""
    if not 1 <= tones <= MOST_TONES:
        raise InputError(f"weighing design for {tones} tones; possible: 1 ... {MOST_TONES}")
    n = tones
    while not ((n + 1) & n == 0 or (n % 4 == 3 and _is_prime(n))):
        n += 1
    return n


def s_matrix(order: int) -> Array:
    """S-matrix [order, order] of 0 and 1, by Sylvester (order 2^m - 1) or Paley (a prime, 3 modulo 4)."""
    if order < 1 or s_order(order) != order:
        raise InputError(f"no S-matrix of order {order}; the next is {s_order(max(1, order))}")
    if (order + 1) & order == 0:
        return np.asarray((1 - hadamard(order + 1)[1:, 1:]) / 2, float)
    row = np.zeros(order)
    row[np.arange(order) ** 2 % order] = 1  # the squares and zero: (order + 1)/2 of them
    return np.stack([np.roll(row, shift) for shift in range(order)])


def weighing_design(tones: int, kind: Design = "hadamard", seed: int = 0) -> Array:
    """Readings [settings, tones], 1 where a tone is on; the first has none on and gives the zero."""
    if kind not in DESIGNS:
        raise InputError(f"bench.design = {str(kind)[:40]!r}: possible: {', '.join(DESIGNS)}")
    if kind == "hadamard":
        on = s_matrix(s_order(tones))[:, :tones]
    elif kind == "single":
        on = np.eye(tones)
    else:
        rng = np.random.default_rng(seed)
        rows = int(np.ceil(RANDOM_EXCESS * (tones + 1))) + 1
        on = (rng.random((rows, tones)) < 0.5).astype(float)
        # a subset drawn by chance may leave a tone out, or tie two together: one reading each makes up for that
        if np.linalg.matrix_rank(np.column_stack([np.ones(rows + 1), np.vstack([np.zeros(tones), on])])) <= tones:
            on = np.vstack([on, np.eye(tones)])
    return np.vstack([np.zeros(tones), on])


def noise_gain(design: Array) -> Array:
    """Variance of each weight [tones] by least squares with unknown zero, in units of σ² / p²."""
    full = np.column_stack([np.ones(len(design)), design])
    return np.asarray(np.diag(np.linalg.inv(full.T @ full))[1:])
