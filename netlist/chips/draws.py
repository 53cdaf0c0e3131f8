"""Standard scores of a chip, from its seed and number alone: by counter-based random numbers, or a Sobol sequence.

Each stream (a layer's devices of one quantity; what a chip has in common) is a Philox generator whose key is made of
seed, number, layer and quantity, so that a sample can be made alone, in any order and by any worker (J. K. Salmon et
al., Parallel random numbers: as easy as 1, 2, 3, SC11).

Scrambled Sobol points (A. B. Owen; scipy.stats.qmc.Sobol) fill the space of what chips have in common more evenly, or
of everything, up to the 21201 dimensions of their table. Point `number` of the sequence of `seed` belongs to sample
`number`; each coordinate becomes a normal by the inverse distribution function.
"""

import functools
from typing import TYPE_CHECKING

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array

if TYPE_CHECKING:
    from scipy.stats.qmc import Sobol

__all__ = ["COMMON", "MOST_DIMENSIONS", "MOST_NUMBER", "normals", "sobol_normals", "uniforms"]

MOST_DIMENSIONS = 21201
MOST_NUMBER = 2**32 - 1
COMMON = 2**16 - 1  # stands for a layer in the streams of what a chip has in common


def _stream(seed: int, number: int, layer: int, quantity: int) -> np.random.Generator:
    key = np.array([seed | number << 32, layer << 32 | quantity], np.uint64)
    return np.random.Generator(np.random.Philox(key=key))


def normals(seed: int, number: int, layer: int, quantity: int, count: int) -> Array:
    """Standard normals of one stream, [count]."""
    return _stream(seed, number, layer, quantity).standard_normal(count)


def uniforms(seed: int, number: int, layer: int, quantity: int, count: int) -> Array:
    """Numbers between 0 and 1 of one stream, [count]."""
    return _stream(seed, number, layer, quantity).random(count)


@functools.lru_cache(maxsize=2)
def _sequence(dimensions: int, seed: int) -> "Sobol":
    from scipy.stats.qmc import Sobol

    return Sobol(dimensions, scramble=True, bits=32, rng=np.random.default_rng(seed))


def sobol_normals(dimensions: int, seed: int, number: int) -> Array:
    """Point `number` of a scrambled Sobol sequence as standard normals, [dimensions]. Raises InputError."""
    from scipy.special import ndtri

    if not 1 <= dimensions <= MOST_DIMENSIONS:
        told = "of a chip in common, whose shares are zero" if not dimensions else f"{dimensions:,} values that spread"
        raise InputError(
            f"spread.sampling: a Sobol sequence of {told}; possible: 1 ... {MOST_DIMENSIONS:,} dimensions, sampling = "
            "sobol (of what chips have in common: spread.gradient, spread.chip), or random"
        )
    sequence = _sequence(dimensions, seed)
    sequence.reset()
    if number:
        sequence.fast_forward(number)
    unit = sequence.random(1)[0]
    return np.asarray(ndtri(np.clip(unit, 2.0**-33, 1 - 2.0**-33)))
