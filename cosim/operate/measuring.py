"""An operating point on images: accuracy with saturation and all noise, and the widest bandwidth that keeps a target.

All evaluations draw the same noise (common random numbers), so that two points differ by what they are and not by
chance; the standard error of a share p of n images is √(p (1 - p) / n).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from resonet.core.errors import EngineError
from resonet.core.types import Array
from resonet.core.watching import Done, nothing
from resonet.cosim.noise.noisy import noisy_weights
from resonet.cosim.operate.points import METHOD, Setting, at_setting, three_digits
from resonet.cosim.saturation.data_fit import fit_on_data
from resonet.cosim.saturation.held import saturating_weights
from resonet.cosim.weights.effective import network_weights
from resonet.cosim.weights.engines import linear
from resonet.cosim.weights.held import HeldWeights
from resonet.cosim.weights.inference import forward
from resonet.netlist.design.design import Design
from resonet.netlist.network.forward import classes
from resonet.netlist.network.images import ImageSet

__all__ = ["FIRST", "Measured", "fitted", "measure", "part_of", "widened"]

STEP, STEPS = 1.6, 4  # factor by which the bandwidth is first moved, and how often it is moved
FIRST = 250  # images of the first measurement; later ones have more


@dataclass(frozen=True, slots=True)
class Measured:
    """Share of images in their class at an operating point."""

    setting: Setting
    accuracy: float
    images: int

    @property
    def error(self) -> float:
        """Standard error of the accuracy."""
        return math.sqrt(max(self.accuracy * (1 - self.accuracy), 1 / self.images) / self.images)


def _held(design: Design, saturating: bool, noise: bool, seed: int) -> dict[str, HeldWeights]:
    """What a design's layers hold, with what is asked for; of the fitted program where there is one."""
    held = network_weights(design, METHOD if design.fitted is None else "fitted", linear)
    base: dict[str, HeldWeights] = dict(saturating_weights(design, held)) if saturating else dict(held)
    return dict(noisy_weights(design, held, seed, base)) if noise else base


def measure(
    design: Design,
    data: ImageSet,
    seed: int = 1,
    saturating: bool = True,
    noise: bool = True,
    done: Done = nothing,
) -> Measured:
    """Accuracy of a design at its own operating point on labelled images; 0 where resonators have no balance there."""
    try:
        outputs = forward(design, _held(design, saturating, noise, seed), data.images, done)
    except EngineError:
        return Measured(Setting.of(design.parameters), 0.0, len(data.images))
    found = classes(outputs, design.cnn.ranked)
    return Measured(Setting.of(design.parameters), float(np.mean(found == data.labels)), len(data.images))


def fitted(design: Design, images: Array) -> Design:
    """The design with a program fitted on images, at its own power. Raises InputError, EngineError."""
    weights = saturating_weights(design, network_weights(design, METHOD, linear), wide=True)
    return fit_on_data(design, weights, images).design(design, METHOD)


def part_of(data: ImageSet, count: int) -> ImageSet:
    """The first images of a set."""
    return replace(data, images=data.images[:count], labels=data.labels[:count])


def widened(
    design: Design, start: Setting, target: Callable[[int], float], data: ImageSet, seed: int = 1
) -> tuple[Measured | None, Measured]:
    """The widest bandwidth that keeps the target on all images of `data`, None where none does; and the last tried.

    Begins at `start`, with a part of the images that grows; `target(n)` is that on the first n. What they say is then
    held against all images, and narrowed until it stands there: the widest of several on few images was also lucky.
    """
    tried, kept = list[Measured](), list[Measured]()
    factor, setting = STEP, start
    for step in range(STEPS):
        images = part_of(data, min(len(data.images), FIRST * 2 ** (step // 2)))
        found = measure(at_setting(design, setting), images, seed)
        tried.append(found)
        good = found.accuracy >= target(found.images)
        if good and (not kept or setting.bandwidth > kept[-1].setting.bandwidth):
            kept.append(found)
        if step and (tried[-2].accuracy >= target(tried[-2].images)) != good:
            factor = math.sqrt(factor)
        setting = replace(setting, bandwidth=three_digits(setting.bandwidth * (factor if good else 1 / factor)))
    if not kept:
        return None, tried[-1]
    best, whole = kept[-1], len(data.images)
    for _ in range(STEPS):
        if best.images == whole and best.accuracy >= target(whole):
            break
        narrower = three_digits(best.setting.bandwidth / (math.sqrt(STEP) if best.images == whole else 1))
        best = measure(at_setting(design, replace(best.setting, bandwidth=narrower)), data, seed)
    return (best if best.accuracy >= target(whole) else None), best
