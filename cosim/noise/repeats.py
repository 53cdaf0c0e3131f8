"""Accuracy with noise: the same images several times, each read with noise of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Ints
from resonet.core.watching import Done
from resonet.cosim.noise.noisy import NoisyWeights, noisy_weights
from resonet.cosim.weights.held import HeldWeights, RfWeights
from resonet.cosim.weights.inference import forward
from resonet.netlist.design.design import Design
from resonet.netlist.network.forward import classes
from resonet.netlist.network.images import ImageSet

__all__ = ["FEW", "MOST_REPEATS", "NoisyAccuracy", "Reads", "noisy_accuracy"]

MOST_REPEATS = 1000
FEW, FEWEST, QUICK = 1000, 50, 1e9  # images, and products of all of them, that take seconds


@dataclass(frozen=True, slots=True)
class NoisyAccuracy:
    """Share of images whose class is their label, in several repeats."""

    images: int
    shares: tuple[float, ...]  # one a repeat
    same_class: float  # share of images in the class that the trained network puts them in, over all repeats
    software: float  # share of the trained network, of these images
    seed: int

    @property
    def mean(self) -> float:
        """Over the repeats."""
        return float(np.mean(self.shares))

    @property
    def spread(self) -> float:
        """Standard deviation of one repeat; nan for a single one."""
        return float(np.std(self.shares, ddof=1)) if len(self.shares) > 1 else float("nan")


@dataclass(frozen=True, slots=True)
class Reads:
    """How images are read with noise."""

    seed: int = 1
    repeats: int = 1
    few: int | None = FEW  # at most so many of the images, and no more than take seconds; None: all

    def of(self, design: Design, data: ImageSet) -> ImageSet | None:
        """The images that are read, the first ones; None where there would be too few of them.

        Layers on strip lines take long: no images are read unless all are asked for.
        """
        if self.few is None:
            return data
        if design.fed_by("stripline"):
            return None
        each = sum(layer.matrix.size * layer.positions for layer in design.cnn.synapses)
        quick = int(QUICK / each)
        if quick < min(FEWEST, len(data.images)):
            return None
        count = min(self.few, quick, len(data.images))
        return replace(data, images=data.images[:count], labels=data.labels[:count])


def noisy_accuracy(
    design: Design,
    held: Mapping[str, RfWeights],
    data: ImageSet,
    trained: Ints,
    seed: int = 1,
    repeats: int = 1,
    base: Mapping[str, HeldWeights] | None = None,
    done: Done | None = None,
    noisy: Mapping[str, NoisyWeights] | None = None,
) -> NoisyAccuracy:
    """Accuracy of labelled images with noise; `held` and `base` as for `noisy_weights`.

    `noisy`: weights whose reads are noisy in their place, those of layers on strip lines too; drawn from `seed`.

    `trained`: classes that the trained network puts these images in, or more. The same seed gives the same, and its
    first repeats are those of fewer. `done` is called after each 500 images of each repeat. Raises InputError.
    """
    if not 1 <= repeats <= MOST_REPEATS:
        raise InputError(f"{repeats} repeats; possible: 1 ... {MOST_REPEATS}")
    ranked, noisy = design.cnn.ranked, noisy or noisy_weights(design, held, seed, base)
    trained = trained[: len(data.images)]
    shares, same = [], []
    for _ in range(repeats):
        found = classes(forward(design, noisy, data.images, done), ranked)
        shares.append(float(np.mean(found == data.labels)))
        same.append(float(np.mean(found == trained)))
    return NoisyAccuracy(
        len(data.images), tuple(shares), float(np.mean(same)), float(np.mean(trained == data.labels)), seed
    )
