"""Weights whose reads are noisy, whatever they are of: `products` stay what the hardware answers, `answers` draw."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from resonet.core.types import Array
from resonet.cosim.noise.layer_noise import LayerNoise, Place, layer_noise
from resonet.cosim.weights.held import HeldWeights, RfWeights
from resonet.netlist.design.design import Design
from resonet.netlist.network.cnn import Synapses
from resonet.netlist.planning.scales import InputScale

__all__ = ["NoisyWeights", "noisy_weights"]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class NoisyWeights(HeldWeights):
    """Other weights with noise in every read: the base answers to the noisy tones, then comes what the chains add."""

    base: HeldWeights
    noise: LayerNoise
    random: np.random.Generator  # every read moves it on

    @classmethod
    def around(cls, base: HeldWeights, noise: LayerNoise, random: np.random.Generator, **more: Any) -> Self:
        """Noise around weights of any kind; `more` is what a kind of its own has besides."""
        return cls(
            layer=base.layer,
            values=base.values,
            trained=base.trained,
            shift=base.shift,
            wired=base.wired,
            base=base,
            noise=noise,
            random=random,
            **more,
        )

    def carried(self, synapses: Synapses, x: Array, scale: InputScale) -> Array:
        """What the inputs carry, without noise: as the base has it."""
        return self.base.carried(synapses, x, scale)

    def products(self, carried: Array) -> Array:
        """What the base gives, without noise, but to tones of a line width."""
        return self.heard_by(carried, self.base.products)[0]

    def heard_by(self, carried: Array, linear: Callable[[Array], Array]) -> tuple[Array, Array | None]:
        """Answers, and the variance of the precession noise, V²; [groups, n, outputs, positions].

        `linear`: what of the base gives the answers to sharp tones where its resonators do not saturate.
        """
        noise, widths = self.noise, self.noise.tones.widths(carried)
        heard = self.base.heard(carried, widths, noise.agitation)
        if heard is not None:
            return heard[0], heard[1] if noise.precession is not None else None
        found = linear(carried)
        if widths is not None:
            found = found - noise.lost(carried, widths) / noise.unit[:, None, :, None]
        return found, noise.linear_precession(carried)

    def answers(self, carried: Array) -> Array:
        """One read, [groups, n, outputs, positions]."""
        return self.read(carried, lambda: self.random.standard_normal(carried.shape))

    def read(self, carried: Array, normal: Callable[[], Array]) -> Array:
        """The same with deviates of the tones by `normal`, as `ToneNoise.drawn` takes them: some may be of one tone."""
        noise = self.noise
        noisy, shifts = noise.tones.drawn(carried, normal)
        answers, precession = self.heard_by(noisy, self.base.answers)
        volts = noise.drawn(answers.shape, precession, self.random)
        if shifts is not None:
            volts += noise.slope[:, None] @ shifts.swapaxes(2, 3)
        return np.asarray(answers + volts / noise.unit[:, None, :, None])


def noisy_weights(
    design: Design,
    held: Mapping[str, RfWeights],
    seed: int = 1,
    base: Mapping[str, HeldWeights] | None = None,
    places: Mapping[str, Place] | None = None,
) -> dict[str, NoisyWeights]:
    """The layers of a design with noise as its [noise] and [neuron] say; the same seed draws the same.

    `held` says what the chains of a program hold; `base`, default the same, is what answers to the tones, such as
    saturating resonators. `places` as for `layer_noise`. Every layer draws from a generator of its own. Raises
    InputError for layers on strip lines.
    """
    streams, base = np.random.SeedSequence(seed).spawn(len(held)), base or held
    return {
        name: NoisyWeights.around(
            base[name], layer_noise(design, own, places[name] if places else None), np.random.default_rng(stream)
        )
        for (name, own), stream in zip(held.items(), streams, strict=True)
    }
