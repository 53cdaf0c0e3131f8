"""Many floats as decimal text at once: what `format` makes of each, by whole arrays."""

import functools
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from resonet.core.types import Array, Bools, Ints

__all__ = ["decimals", "rounded"]

Ascii = NDArray[np.uint8]
FEW = 150  # values, below which arrays cost more than they save
SPLIT = 2.0**27 + 1
UNSURE = 1e-6  # of a unit of the last digit, beside a half, within which `format` rounds
RANGE = 1e-99, 1e99


@functools.lru_cache(maxsize=512)
def _power(k: int) -> tuple[float, float]:
    """10^k as a float and what that leaves, together right to 2^-105."""
    exact = Fraction(10) ** k
    return float(exact), float(exact - Fraction(float(exact)))


@functools.cache
def _four_digits() -> NDArray[np.uint32]:
    """ASCII of 0000 ... 9999, [10000] words of four bytes."""
    text = "".join(f"{n:04d}" for n in range(10_000)).encode()
    return np.frombuffer(text, np.uint32)


def _halves(value: Array) -> tuple[Array, Array]:
    """Two numbers of 26 bits that add up to each."""
    scaled = SPLIT * value
    high = scaled - (scaled - value)
    return high, value - high


def _scaled(value: Array, exponent: Ints, digits: int) -> tuple[Ints, Bools]:
    """Nearest whole numbers to value · 10^(digits - 1 - exponent); and where that is sure.

    The product of a float and a power of two floats, as a float and a rest that is right to 1e-14.
    """
    first = int(exponent.min())
    there = np.bincount(exponent - first)
    table = np.array([_power(digits - 1 - first - n) if count else (0.0, 0.0) for n, count in enumerate(there)])
    power, rest = table.T if len(table) == 1 else np.take(table, exponent - first, 0).T
    product = value * power
    (a, b), (c, d) = _halves(value), _halves(power)
    left = b * d - (((product - a * c) - b * c) - a * d) + value * rest  # Dekker: the product's rounding, exactly
    whole = np.floor(product)
    part = (product - whole) + left + 0.5
    return whole.astype(np.int64) + np.floor(part).astype(np.int64), np.abs(part - np.round(part)) > UNSURE


@functools.cache
def _exponents() -> Ascii:
    """ASCII of e-99 ... e+99, [199, 4]."""
    return np.frombuffer("".join(f"e{n:+03d}" for n in range(-99, 100)).encode(), np.uint8).reshape(199, 4)


def _figures(number: Ints, digits: int) -> Ascii:
    """ASCII of whole numbers of so many digits, [numbers, digits]."""
    rest, words = number, np.empty((len(number), 5), np.uint32)
    for n in range(4, -1, -1):
        rest, word = rest // 10_000, rest
        words[:, n] = _four_digits()[word - 10_000 * rest]
    return words.view(np.uint8)[:, 20 - digits :]


def _side_by_side(parts: Sequence[Ascii], ends_in_zero: Bools, tail: int) -> NDArray[np.bytes_]:
    """Text of each row of all parts beside each other; zeros before the last `tail` characters say nothing."""
    room = np.empty((len(ends_in_zero), sum(part.shape[1] for part in parts)), np.uint8)
    np.concatenate([np.broadcast_to(part, (len(room), part.shape[1])) for part in parts], 1, out=room)
    rows, end = np.flatnonzero(ends_in_zero), room.shape[1] - tail
    while len(rows):
        last = room[rows, end - 1]
        room[rows, end - 1 : end - 1 + tail] = room[rows, end : end + tail]
        room[rows, end - 1 + tail] = 0  # numpy takes no such byte at the end for part of a text
        end -= 1
        rows = rows[(last == ord("0")) & np.isin(room[rows, end - 1], (ord("0"), ord(".")))]
    return room.view(f"S{room.shape[1]}").ravel()


def _ascii(text: str) -> Ascii:
    return np.frombuffer(text.encode(), np.uint8)[None]


def _layout(exponent: Ints, digits: int) -> Ints:
    """Which of the three ways to spell a number: 99 with an exponent, 0 with a point in it, -4 ... -1 behind 0.0..."""
    return np.where((exponent < -4) | (exponent >= digits), 99, np.minimum(exponent, 0))


def _spelled(number: Ints, exponent: Ints, digits: int, layout: int) -> NDArray[np.bytes_]:
    """Whole numbers of so many digits times 10^(exponent - digits + 1), all of one layout."""
    figures, zero = _figures(number, digits), number % 10 == 0
    if layout == 99:
        parts = [figures[:, :1], _ascii("." if digits > 1 else ""), figures[:, 1:], _exponents()[exponent + 99]]
        return _side_by_side(parts, zero & (digits > 1), 4)
    if layout < 0:
        return _side_by_side([_ascii("0." + "0" * (-layout - 1)), figures], zero, 0)
    column, point = np.arange(digits + 1), exponent[:, None] + 1
    room = np.concatenate([figures[:, :1], figures], 1)
    np.copyto(room[:, :-1], figures, where=column[:-1] < point)
    room[column == point] = ord(".")
    room[exponent == digits - 1, -1] = 0
    return _side_by_side([room], zero & (exponent < digits - 1), 0)


def _known(values: Array, digits: int) -> tuple[Ints, Ints, Bools]:
    """Whole numbers of so many digits and exponents of 10 of each value, and where they are known."""
    plain = (values > RANGE[0]) & (values < RANGE[1])
    safe = values if plain.all() else np.where(plain, values, 1.0)
    exponent = np.floor(np.log10(safe)).astype(np.int64)
    number, sure = _scaled(safe, exponent, digits)
    sure &= plain & (number > 10 ** (digits - 1)) & (number < 10**digits)  # else the exponent may be off by one
    return number, exponent, sure


def decimals(values: Array, digits: int) -> list[bytes]:
    """`f"{v:.{digits}g}".encode()` of each value, byte for byte; digits <= 17."""
    value = np.ascontiguousarray(values, float).ravel()
    if len(value) < FEW:
        return [f"{v:.{digits}g}".encode() for v in value.tolist()]
    number, exponent, sure = _known(value, digits)
    layout = _layout(exponent, digits)
    if (layout == layout[0]).all():
        texts: list[bytes] = _spelled(number, exponent, digits, int(layout[0])).tolist()
    else:
        out = np.empty(len(value), object)
        for one in set(layout.tolist()):
            which = np.flatnonzero(layout == one)
            out[which] = _spelled(number[which], exponent[which], digits, one)
        texts = out.tolist()
    for n in np.flatnonzero(~sure).tolist():
        texts[n] = f"{value[n]:.{digits}g}".encode()
    return texts


def rounded(values: Array, digits: int) -> Array:
    """What `float` makes of that text; digits <= 15."""
    value = np.ascontiguousarray(values, float).ravel()
    if not len(value):
        return np.zeros(np.shape(values))
    number, exponent, sure = _known(value, digits)
    power = digits - 1 - exponent
    exact = sure & (np.abs(power) <= 22)  # a power of 10 and a number that are floats: one rounding, as in reading
    ten = np.array([float(10**n) for n in range(23)])[np.where(exact, np.abs(power), 0)]
    out: Array = np.where(power >= 0, number / ten, number * ten)
    for n in np.flatnonzero(~exact):
        out[n] = float(f"{value[n]:.{digits}g}")
    return np.asarray(out.reshape(np.shape(values)))
