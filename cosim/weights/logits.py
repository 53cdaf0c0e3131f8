"""Outputs of a network for many images: in float32, and again in float64 wherever 32 bits may tell another class.

A class is the largest output. Where the largest two are closer than what 32 bits may be off by, the image is evaluated
again with 64 bits, as `forward` does it, so that classes are those of 64 bits. How far 32 bits are off is measured: on
a sample of the images, and on all those that are evaluated again; it counts `SAFETY` times.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from resonet.core.types import Array, Bools
from resonet.cosim.weights.float32_nodes import Inexpressible

__all__ = ["FEW", "SAFETY", "SAME", "Logits", "all_exact", "checked_logits", "margins"]

FEW = 200  # images up to which float64 is as fast
SAMPLE = 48  # images that are evaluated both ways to begin with
SAFETY = 32.0
SAME = 1e-4  # of the largest output: beyond that float32 is off by more than rounding
MOST = 0.5  # share of the images from which on float64 for all costs no more


@dataclass(frozen=True, slots=True, eq=False)
class Logits:
    """Outputs of a network, and how they were computed."""

    values: Array  # [n, outputs]; of float32 but for those that are `exact`
    exact: Bools  # [n] evaluated with float64
    rounding: float  # largest difference of an output between both, on the images that were evaluated both ways
    ties: int  # images that float32 could not tell the class of
    reason: str = ""  # why all were evaluated in float64

    def __str__(self) -> str:
        count = len(self.exact)
        if self.reason:
            return f"float64 ({self.reason})"
        return f"float32; {int(self.exact.sum()):,} of {count:,} images again in float64, {self.ties:,} for near ties"


def margins(logits: Array, ranked: int | None = None) -> Array:
    """How far the outputs [n, outputs] of an image are from another class, [n]; NaN where one is not finite.

    `ranked` as for `classes`.
    """
    logits = logits[:, :ranked]
    with np.errstate(invalid="ignore"):
        if logits.shape[1] == 1:
            return np.abs(logits[:, 0])
        largest = np.partition(logits, -2, axis=1)[:, -2:]
        return np.asarray(np.where(np.isfinite(logits).all(1), largest[:, 1] - largest[:, 0], np.nan))


def all_exact(exact: Callable[[slice | Bools], Array], reason: str) -> Logits:
    """Outputs of all images in float64."""
    values = exact(slice(None))
    return Logits(values, np.ones(len(values), bool), 0.0, 0, reason)


def checked_logits(
    quick: Callable[[], tuple[Array, Bools]],
    exact: Callable[[slice | Bools], Array],
    ranked: int | None = None,
) -> Logits:
    """Outputs by float32, and by float64 where that matters.

    `quick` gives those of float32 [n, outputs], and which images are to be evaluated again whatever they are [n];
    `exact` those of the images that it is asked for, by float64. It may raise Inexpressible: then all are by float64.
    """
    try:
        values, redo = quick()
    except Inexpressible as error:
        return all_exact(exact, str(error))
    redo = redo.copy()
    redo[np.linspace(0, len(redo) - 1, min(SAMPLE, len(redo))).astype(int)] = True
    distance, scale = margins(values, ranked), float(np.abs(values).max(initial=0, where=np.isfinite(values)))
    known, rounding, ties = np.zeros(len(redo), bool), 0.0, 0
    while redo.any():
        if (known | redo).mean() > MOST and len(redo) > 2 * SAMPLE:
            return all_exact(exact, f"{int((known | redo).sum()):,} of {len(redo):,} images are near ties or limits")
        found = exact(redo)
        off = np.abs(found - values[redo]).max(initial=0)
        rounding = max(rounding, float(off) if np.isfinite(off) else np.inf)
        if rounding > SAME * scale:
            return all_exact(exact, f"float32 is off by {rounding:.2g} where outputs reach {scale:.2g}")
        values[redo], known = found, known | redo
        near = ~(distance > 2 * SAFETY * rounding)
        ties, redo = int(near.sum()), near & ~known
    return Logits(values, known, rounding, ties)
