"""Accuracy with noise: the same images several times, each read with noise of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array, Done
from resonet.cosim.noise.noisy import noisy_weights
from resonet.cosim.weights.held import HeldWeights, RfWeights
from resonet.cosim.weights.inference import forward
from resonet.netlist.design.design import Design
from resonet.netlist.network.forward import classes
from resonet.netlist.network.images import ImageSet

__all__ = ["MOST_REPEATS", "NoisyAccuracy", "few_images", "noisy_accuracy"]

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


def few_images(design: Design, data: ImageSet) -> ImageSet | None:
    """The first of some images, as many as are read with noise in seconds; None where these would be too few."""
    each = sum(layer.matrix.size * layer.positions for layer in design.cnn.synapses)
    count = min(FEW, int(QUICK / each), len(data.images))
    if count < min(FEWEST, len(data.images)):
        return None
    return replace(data, images=data.images[:count], labels=data.labels[:count])


def noisy_accuracy(
    design: Design,
    held: Mapping[str, RfWeights],
    data: ImageSet,
    software: Array,
    seed: int = 1,
    repeats: int = 1,
    base: Mapping[str, HeldWeights] | None = None,
    done: Done | None = None,
) -> NoisyAccuracy:
    """Accuracy of labelled images with noise; `held` and `base` as for `noisy_weights`.

    `software`: the trained network's logits [n, classes] of these images, or of more. The same seed gives the same, and
    its first repeats are those of fewer. `done` is called after each 500 images of each repeat. Raises InputError.
    """
    if not 1 <= repeats <= MOST_REPEATS:
        raise InputError(f"{repeats} repeats; possible: 1 ... {MOST_REPEATS}")
    ranked, noisy = design.cnn.ranked, noisy_weights(design, held, seed, base)
    trained = classes(software[: len(data.images)], ranked)
    shares, same = [], []
    for _ in range(repeats):
        found = classes(forward(design, noisy, data.images, done), ranked)
        shares.append(float(np.mean(found == data.labels)))
        same.append(float(np.mean(found == trained)))
    return NoisyAccuracy(
        len(data.images), tuple(shares), float(np.mean(same)), float(np.mean(trained == data.labels)), seed
    )
