"""One image read many times with noise by the two-pass cascade."""

from dataclasses import dataclass

import numpy as np

from resonet.core.types import Array
from resonet.cosim.cascade.hardware import Hardware
from resonet.cosim.cascade.two_pass import cascade
from resonet.netlist.network.forward import classes

__all__ = ["NoisyReads", "noisy_reads"]


@dataclass(frozen=True, slots=True, eq=False)
class NoisyReads:
    """The two passes with noise, several times, units of the trained network."""

    logits: Array  # [reads, classes]
    noise: tuple[float, ...]  # by stage, rms over neurons and reads of what noise adds to their sums
    ranked: int | None = None  # as of `Answer`

    @property
    def predicted(self) -> dict[int, float]:
        """Share of the reads that gave each class, the most common first."""
        found, counts = np.unique(classes(self.logits, self.ranked), return_counts=True)
        order = np.argsort(-counts, kind="stable")
        return {int(found[n]): float(counts[n] / len(self.logits)) for n in order}


def noisy_reads(hardware: Hardware, image: Array, reads: int, seed: int) -> NoisyReads:
    """The two passes of an image [*input_shape] with noise. Raises InputError."""
    quiet = cascade(hardware.levels, hardware.answering, image[None])
    run = cascade(hardware.levels, hardware.noisy(seed), np.repeat(image[None], reads, axis=0))
    added = [float(np.sqrt(np.mean((a.sums - b.sums) ** 2))) for a, b in zip(run.stages, quiet.stages, strict=True)]
    return NoisyReads(run.logits, tuple(added), hardware.cnn.ranked)
