"""The grid that the weights of a network lie on which was trained with quantised ones: weight = step (code - zero).

A step for the whole layer or for each neuron, as the file has it, and one for each input of a neuron where a factor of
the inputs was folded into the weights: whatever multiplies weights multiplies their steps.
"""

from dataclasses import dataclass, replace

import numpy as np

from resonet.core.types import Array, Ints

__all__ = ["WeightGrid"]


def _compact(values: Array) -> Array:
    """The array with an axis of one wherever all along an axis is alike."""
    for axis in range(values.ndim):
        first = values.take([0], axis)
        if values.shape[axis] > 1 and bool((values == first).all()):
            values = first
    return np.array(values)


@dataclass(frozen=True, slots=True, eq=False)
class WeightGrid:
    """Codes that weights stand for, lowest <= code <= highest, and what a code is worth."""

    step: Array  # weight per code, signed; broadcasts to weights [outputs, inputs of a group, kernel_h, kernel_w]
    zero: Array  # code of the weight zero, likewise
    lowest: int
    highest: int

    @property
    def levels(self) -> int:
        """How many codes there are."""
        return self.highest - self.lowest + 1

    @property
    def bits(self) -> int:
        """Bits of a code."""
        return (self.levels - 1).bit_length()

    def __str__(self) -> str:
        if self.step.shape[1:] != (1, 1, 1):
            steps = "steps that differ by input"
        else:
            steps = "a step for each neuron" if self.by_neuron else "one step"
        return f"{self.bits}-bit codes {self.lowest} ... {self.highest}, {steps}"

    @property
    def by_neuron(self) -> bool:
        """Whether neurons have steps of their own."""
        return bool(self.step.shape[0] > 1)

    def times(self, factor: Array) -> "WeightGrid":
        """The grid of weights that were multiplied by `factor`, which broadcasts to them."""
        with np.errstate(all="ignore"):  # an overflow is found by the check for finite weights
            return replace(self, step=_compact(self.step * factor))

    def codes(self, weight: Array) -> Ints:
        """Code of each weight [outputs, inputs, kernel_h, kernel_w]; where a step is 0, that of zero."""
        step = np.where(self.step == 0, 1.0, self.step)
        return np.rint(np.where(self.step == 0, 0.0, weight / step) + self.zero).astype(np.int64)

    def fits(self, weight: Array) -> bool:
        """Whether all weights lie on it, to the single precision in which codes were made numbers."""
        with np.errstate(all="ignore"):
            code = weight / np.where(self.step == 0, 1.0, self.step) + self.zero
        if not np.isfinite(code).all():
            return False
        near = np.abs(code - np.rint(code)) <= 1e-3 + 1e-6 * np.abs(code)
        return bool((near & (np.rint(code) >= self.lowest) & (np.rint(code) <= self.highest)).all())
