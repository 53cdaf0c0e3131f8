"""What a network takes its pixels to be, and what an image file holds: the scale between them belongs to the network.

    0..1       pixels within 0 ... 1
    0..255     pixels within 0 ... 255, which the network scales itself
    MEAN/STD   (p - MEAN) / STD of pixels p within 0 ... 1, one number or one a channel: 0.1307/0.3081
    file       whatever stands in the file

A file of 8-bit numbers, or of other numbers that fill 0 ... 255, holds pixels of 0 ... 255; numbers within 0 ... 1 are
pixels of 0 ... 1. Either is brought to what the network takes. Anything else (negative numbers, say) was prepared for
the network by whoever wrote the file, and is taken as it stands.
"""

import math
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from resonet.core.errors import InputError
from resonet.core.types import Array

__all__ = ["BYTE", "POSSIBLE", "UNIT", "Pixels", "full_scale_of", "pixels_of_scale"]

POSSIBLE = "0..1, 0..255, file, MEAN/STD such as 0.1307/0.3081 (of pixels within 0 ... 1; one number a channel)"
BYTE = 255.0
# A network that divides bytes multiplies by 1/255 ... 1/50 (a standard deviation in bytes), one that normalises pixels
# of 0 ... 1 by 1 ... 5: the border is far from both.
GAIN_OF_BYTES = 0.15
SHIFT_OF_BYTES = 10.0  # a mean in bytes is 30 ... 200, one of pixels of 0 ... 1 at most 1
FILLED = 127.0  # numbers above fill 0 ... 255; numbers up to 16 or 100 are of some other range
NUMBER = re.compile(r"[+-]?\d{1,20}(?:\.\d{0,20})?(?:e[+-]?\d{1,2})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Pixels:
    """What a network takes of a pixel p within 0 ... 1: (p - mean) / std, or top p; `as_filed`: what the file holds."""

    top: float = 1.0  # 255 for a network that takes bytes
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    as_filed: bool = False
    source: str = ""  # where this is known from, for people
    guessed: bool = False  # from a file of images, not from the network or its user

    def __str__(self) -> str:
        if self.as_filed:
            return "file"
        if self.mean:
            return "/".join(",".join(f"{value!r}" for value in part) for part in (self.mean, self.std))
        return "0..255" if self.top == BYTE else "0..1"

    @property
    def range(self) -> tuple[float, float]:
        """Smallest and largest value of a pixel as the network takes it."""
        if not self.mean:
            return 0.0, self.top
        mean, std = np.array(self.mean), np.array(self.std)
        return float((-mean / std).min()), float(((1 - mean) / std).max())

    @classmethod
    def of_file(cls, values: NDArray[np.generic], file: str) -> "Pixels":
        """What a network of which nothing else is known takes, where these are its images."""
        full = full_scale_of(values)
        if full is None:
            source = f"{file} holds numbers of {values.min():.3g} ... {values.max():.3g}"
            return cls(as_filed=True, source=source, guessed=True)
        return cls(source=f"{file} holds pixels of 0 ... {full:g}, brought to 0 ... 1", guessed=True)

    @classmethod
    def parse(cls, text: str, source: str = "") -> "Pixels":
        """From what `str` gives. Raises InputError."""
        plain = text.strip()
        if plain in ("0..1", "0..255"):
            return cls(top=float(plain[3:]), source=source)
        if plain == "file":
            return cls(as_filed=True, source=source)
        parts = [part.split(",") for part in plain[:2000].split("/")]
        words = [word.strip() for part in parts for word in part]
        if len(parts) == 2 and len(parts[0]) == len(parts[1]) and all(NUMBER.fullmatch(word) for word in words):
            mean, std = (tuple(float(word) for word in part) for part in parts)
            if all(math.isfinite(value) for value in mean) and all(0 < value < math.inf for value in std):
                return cls(mean=mean, std=std, source=source)
        raise InputError(f"pixels {text[:60]!r}; possible: {POSSIBLE}")

    def taken(self, values: NDArray[np.generic], file: str) -> Array:
        """Images [n, ...] of a file as the network takes them, float64. Raises InputError for MEAN/STD that do not fit.

        The shape is that of the network's input: channels first, where MEAN/STD has a number a channel.
        """
        images = values.astype(np.float64)
        full = full_scale_of(values)
        if self.as_filed or full is None:
            if self.guessed and full == BYTE:
                raise InputError(
                    f"{file}: pixels of 0 ... 255, but the network takes numbers made for it ({self.source}); "
                    "possible: such numbers here, too, or resonet compile --pixels MEAN/STD"
                )
            return images
        if full != self.top or self.mean:
            images *= self.top / full
        if self.mean:
            if len(self.mean) not in (1, images.shape[1]):
                raise InputError(
                    f"{file}: {images.shape[1]} channels, pixels {self} have {len(self.mean)}; possible: one number, "
                    "or one a channel"
                )
            column = (-1, *[1] * (images.ndim - 2))
            images -= np.reshape(self.mean, column)
            images /= np.reshape(self.std, column)
        return images


UNIT = Pixels()


def full_scale_of(values: NDArray[np.generic]) -> float | None:
    """What a white pixel is in a file: 255 or 1; None where the numbers were prepared for a network."""
    if values.dtype == np.uint8:
        return BYTE
    if not values.size:
        return None
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > BYTE or not math.isfinite(high):
        return None
    if high <= 1:
        return 1.0
    return BYTE if high > FILLED else None


def pixels_of_scale(gain: float, shift: float, what: str) -> Pixels:
    """What a network takes whose first operators make `gain * p + shift` of a pixel p: bytes, or pixels of 0 ... 1."""
    of_bytes = abs(gain) < GAIN_OF_BYTES or abs(shift) > SHIFT_OF_BYTES
    return Pixels(BYTE if of_bytes else 1.0, source=f"{what} makes {gain:.3g} p {shift:+.3g} of a pixel p")
