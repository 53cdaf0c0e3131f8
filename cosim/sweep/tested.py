"""Images that a sweep classifies at every point, and what is known of them before the first."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from resonet.core.types import Ints
from resonet.cosim.cascade.hardware import parallel_hardware, saturating_hardware
from resonet.cosim.noise.repeats import noisy_accuracy
from resonet.cosim.saturation.held import saturating_weights
from resonet.cosim.weights.engines import Engine
from resonet.cosim.weights.float32 import Float32Images, float32_images
from resonet.cosim.weights.float32_nodes import Inexpressible
from resonet.cosim.weights.held import HeldWeights, RfWeights
from resonet.cosim.weights.inference import check_labels, circuit_logits
from resonet.cosim.weights.software import SoftwareLogits
from resonet.netlist.design.design import Design
from resonet.netlist.network.forward import classes
from resonet.netlist.network.images import ImageSet

__all__ = ["Law", "Tested", "answering"]

HeldBy = Mapping[Any, Mapping[str, RfWeights]]  # by program, or whatever else tells them apart
AnsweringBy = Mapping[Any, Mapping[str, HeldWeights]]
Law = Literal["linear", "saturating"]


def answering(design: Design, held: HeldBy, resonators: Law, engine: Engine) -> AnsweringBy:
    """What answers to a point's tones, by program: linear resonators, or saturating ones as `accuracy` has them."""
    if resonators == "linear":
        return held
    if design.fed_by("stripline"):
        return {method: saturating_hardware(method, layers)(design).answering for method, layers in held.items()}
    return {method: saturating_weights(design, layers, engine, wide=True) for method, layers in held.items()}


@dataclass(frozen=True, slots=True, eq=False)
class Tested:
    """Labelled images and the trained network's answers."""

    images: ImageSet
    sent: Float32Images | None  # None: not to be had, for a reason that every point tells
    trained: Ints  # classes by the trained network
    software: float  # share of the trained network

    @classmethod
    def read(cls, design: Design, path: Path) -> "Tested":
        """Raises InputError."""
        images = design.images(path)
        check_labels(images)
        logits = SoftwareLogits(design.cnn, images.images, threads=1).values
        check_labels(images, logits, design.cnn.ranked)
        trained = classes(logits, design.cnn.ranked)
        try:
            sent = float32_images(design.built, images.images)
        except Inexpressible:
            sent = None
        return cls(images, sent, trained, float(np.mean(trained == images.labels)))

    def shares(self, design: Design, held: AnsweringBy) -> dict[str, Any]:
        """Quantities of a point: images that the circuit puts in their class, by one thread."""
        found: dict[str, Any] = {"accuracy": {}, "software": self.software}
        for method, layers in held.items():
            logits = circuit_logits(design, layers, self.images.images, None, 1, self.sent)
            right = classes(logits.values, design.cnn.ranked) == self.images.labels
            found["accuracy"][str(method)] = float(np.mean(right))
            if logits.reason:
                found.setdefault("float64", {})[str(method)] = logits.reason
        return found

    def noisy_shares(self, design: Design, held: HeldBy, base: AnsweringBy, seed: int, repeats: int) -> dict[str, Any]:
        """The same with noise; `base` answers to the tones."""
        found: dict[str, Any] = {"noisy": {}, "noisy_spread": {}}
        for method, layers in held.items():
            lines = None
            if design.fed_by("stripline"):
                hardware = parallel_hardware(design, method, held=layers)
                saturating = None if base[method] is layers else base[method]
                lines = replace(hardware, saturating=saturating).noisy(seed)
            made = noisy_accuracy(design, layers, self.images, self.trained, seed, repeats, base[method], None, lines)
            found["noisy"][str(method)], found["noisy_spread"][str(method)] = made.mean, made.spread
        return found
