"""How far S may be off because a file was written with so many digits."""

import numpy as np

from resonet.core.types import Array, Complex

__all__ = ["rounding"]

MOST_DIGITS = 9  # beyond them, rounding explains nothing that anybody would see
EXACT = 1e-5  # of a unit of the last digit
LEAST = 8  # numbers from which digits can be told
COARSEST = -2  # decimals that a file has at least: a column of ones says nothing
MOST_NUMBERS = 100_000


def _unit(values: Array) -> float:
    """Unit of the last digit of the largest values, those of one decade or else the largest of all; 0 without one.

    In fixed notation all numbers have it; with exponents the smaller ones have a smaller one.
    """
    sizes = np.sort(np.abs(values))[::-1][:MOST_NUMBERS]
    if len(sizes) < LEAST or not sizes[0]:
        return 0.0
    first = int(np.floor(np.log10(sizes[0])))
    sizes = sizes[: max(LEAST, int(np.count_nonzero(sizes >= 10.0**first)))]
    for exponent in range(first, first - MOST_DIGITS, -1):
        scaled = sizes / 10.0**exponent
        if np.all(np.abs(scaled - np.rint(scaled)) < EXACT):
            return float(10.0**exponent) if exponent <= COARSEST else 0.0
    return 0.0


def rounding(s: Complex) -> float:
    """Most that an entry of S is off if its numbers were rounded to the digits that they have; 0 where none is seen.

    Real and imaginary parts, magnitudes or decibels and degrees: the form in which all numbers have the fewest digits.
    """
    entries = s.ravel()
    entries = entries[np.abs(entries) > 0]
    if not len(entries):
        return 0.0
    size, turn = np.abs(entries), np.degrees(np.angle(entries))
    most, found = float(size.max()), []
    parts = _unit(np.concatenate([entries.real, entries.imag]))
    found.append(np.sqrt(0.5) * parts)
    angle = _unit(turn) if np.any(np.abs(turn) > 1e-9) else 0.0
    for unit in (_unit(size), np.log(10) / 20 * most * _unit(20 * np.log10(size))):
        found.append(float(np.hypot(unit / 2, most * np.radians(angle) / 2)) if unit and angle else 0.0)
    return float(min((value for value in found if value), default=0.0))
