"""When a cascade of linear blocks has settled, from the first two cumulants of their impulse responses.

The impulse response of blocks in a row is the convolution of theirs, so means add and variances add: with A, b, e of x'
= A x + b v, y = e x, and m_n = (-1)^(n+1) n! e A^-(n+1) b,

    mean = m_1 / m_0,   variance = m_2 / m_0 - mean²,                                                             (1)

(Elmore, J. Appl. Phys. 19, 55, 1948, who takes both). A step has settled to the part ε when the gamma distribution of
that mean and variance has 1 - ε behind it: exact for any number of equal poles, a fit for others. What rings, and what
starts only above a threshold, is later than this.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from resonet.core.types import Array

__all__ = ["Delay", "cascade_delay", "pole_delay", "settled", "system_delay"]


@dataclass(frozen=True, slots=True)
class Delay:
    """Cumulants of an impulse response."""

    mean: float  # s
    variance: float  # s²


def pole_delay(constant: float, poles: int = 1) -> Delay:
    """Of equal poles of that time constant, s, in a row."""
    return Delay(poles * constant, poles * constant**2)


def system_delay(matrix: Array, drive: Array) -> Delay:
    """Of the last state of x' = matrix x + drive v, [states, states] and [states] (eq. 1)."""
    first = np.linalg.solve(matrix, drive)
    second = np.linalg.solve(matrix, first)
    third = np.linalg.solve(matrix, second)
    mean, square = -second[-1] / first[-1], 2 * third[-1] / first[-1]
    return Delay(float(mean), float(max(square - mean**2, 0.0)))


def cascade_delay(blocks: Iterable[Delay]) -> Delay:
    """Of blocks in a row."""
    blocks = list(blocks)
    return Delay(sum(block.mean for block in blocks), sum(block.variance for block in blocks))


def settled(delay: Delay, part: float = 0.01) -> float:
    """Time after which a step stays within that part, 0 ... 1, of its end, s."""
    from scipy.special import gammaincinv

    if delay.variance <= 0 or delay.mean <= 0:
        return delay.mean
    shape = delay.mean**2 / delay.variance
    return float(gammaincinv(shape, 1 - part) * delay.variance / delay.mean)
