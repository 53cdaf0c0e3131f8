"""One image read many times with noise by the two-pass cascade.

Noise is what differs from read to read. The line width of the tones takes off the weights what it takes in every read:
that is no noise but a shift of the sums, told apart.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from resonet.core.types import Array
from resonet.cosim.cascade.hardware import Hardware
from resonet.cosim.cascade.two_pass import CascadeRun, cascade
from resonet.cosim.noise.noisy import NoisyWeights
from resonet.cosim.weights.held import HeldWeights
from resonet.netlist.network.forward import classes

__all__ = ["NoisyReads", "noisy_reads"]


@dataclass(frozen=True, slots=True, eq=False)
class NoisyReads:
    """The two passes with noise, several times, units of the trained network."""

    logits: Array  # [reads, classes]
    noise: tuple[float, ...]  # by stage, rms over neurons and reads of what noise adds to their sums
    shift: tuple[float, ...]  # by stage, rms over neurons of what the line width of the tones changes in every read
    ranked: int | None = None  # as of `Answer`

    @property
    def predicted(self) -> dict[int, float]:
        """Share of the reads that gave each class, the most common first."""
        found, counts = np.unique(classes(self.logits, self.ranked), return_counts=True)
        order = np.argsort(-counts, kind="stable")
        return {int(found[n]): float(counts[n] / len(self.logits)) for n in order}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Quiet(HeldWeights):
    """Weights that answer as one of their functions says."""

    answering: Callable[[Array], Array]

    def products(self, carried: Array) -> Array:
        """What it says."""
        return self.answering(carried)


def _quiet(weights: NoisyWeights, answering: Callable[[Array], Array]) -> _Quiet:
    return _Quiet(layer=weights.layer, values=weights.values, trained=weights.trained, answering=answering)


def _apart(run: CascadeRun, other: CascadeRun) -> tuple[float, ...]:
    """By stage, the rms difference of the sums."""
    pairs = zip(run.stages, other.stages, strict=True)
    return tuple(float(np.sqrt(np.mean((a.sums - b.sums) ** 2))) for a, b in pairs)


def noisy_reads(hardware: Hardware, image: Array, reads: int, seed: int) -> NoisyReads:
    """The two passes of an image [*input_shape] with noise. Raises InputError."""
    noisy = hardware.noisy(seed)

    def quiet(chosen: Mapping[str, Callable[[Array], Array]]) -> CascadeRun:
        held = {name: _quiet(own, chosen[name]) for name, own in noisy.items()}
        return cascade(hardware.levels, held, image[None])

    still = quiet({name: own.products for name, own in noisy.items()})
    shift = (0.0,) * len(still.stages)
    if any(own.noise.tones.widest for own in noisy.values()):
        shift = _apart(still, quiet({name: own.base.sharp for name, own in noisy.items()}))
    run = cascade(hardware.levels, noisy, np.repeat(image[None], reads, axis=0))
    return NoisyReads(run.logits, _apart(run, still), shift, hardware.cnn.ranked)
