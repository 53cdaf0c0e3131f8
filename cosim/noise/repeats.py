"""Accuracy with noise: the same images several times, each read with noise of its own."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Done
from resonet.cosim.noise.noisy import noisy_weights
from resonet.cosim.weights.held import HeldWeights, RfWeights
from resonet.cosim.weights.inference import forward
from resonet.netlist.design.design import Design
from resonet.netlist.network.forward import classes
from resonet.netlist.network.images import ImageSet

__all__ = ["MOST_REPEATS", "NoisyAccuracy", "noisy_accuracy"]

MOST_REPEATS = 1000


@dataclass(frozen=True, slots=True)
class NoisyAccuracy:
    """Share of images whose class is their label, in several repeats."""

    images: int
    shares: tuple[float, ...]  # one a repeat
    same_class: float  # share of images in the class that the same hardware without noise puts them in, of all repeats
    seed: int

    @property
    def mean(self) -> float:
        """Over the repeats."""
        return float(np.mean(self.shares))

    @property
    def spread(self) -> float:
        """Standard deviation of one repeat; nan for a single one."""
        return float(np.std(self.shares, ddof=1)) if len(self.shares) > 1 else float("nan")


def noisy_accuracy(
    design: Design,
    held: Mapping[str, RfWeights],
    data: ImageSet,
    seed: int = 1,
    repeats: int = 1,
    base: Mapping[str, HeldWeights] | None = None,
    done: Done | None = None,
) -> NoisyAccuracy:
    """Accuracy of labelled images with noise; `held` and `base` as for `noisy_weights`.

    The same seed gives the same, and its first repeats are those of fewer. `done` is called after each 500 images of
    each of repeats + 1. Raises InputError.
    """
    if not 1 <= repeats <= MOST_REPEATS:
        raise InputError(f"{repeats} repeats; possible: 1 ... {MOST_REPEATS}")
    ranked, noisy = design.cnn.ranked, noisy_weights(design, held, seed, base)
    quiet = classes(forward(design, base or held, data.images, done), ranked)
    shares, same = [], []
    for _ in range(repeats):
        found = classes(forward(design, noisy, data.images, done), ranked)
        shares.append(float(np.mean(found == data.labels)))
        same.append(float(np.mean(found == quiet)))
    return NoisyAccuracy(len(data.images), tuple(shares), float(np.mean(same)), seed)
