"""A network as parallel hardware: every position of a convolution has chains and neurons of its own.

Nothing is stored between layers, so each pixel and each neuron is a tone for as long as an image lasts. A tone goes to
every patch that its pixel lies in, and has one frequency in all of them: tones are coloured so that no chain sees two
inputs on one channel. For a kernel of kh x kw taps the colour (channel, row mod kh, column mod kw) does it, since any
window of that size holds each residue once; so the same kernel is programmed kh kw times, each time with its taps on
other channels.

A tone belongs to the stage that listens to it: channel, full scale and offset are that stage's. What several stages
need has a source for each: a neuron's voltage then drives an oscillator for each of them. So has a value that one stage
needs on two channels, as where a layer adds its own input to its sums.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from resonet.core.types import Array, Ints
from resonet.netlist.network.activations.base import Activation
from resonet.netlist.network.cnn import IMAGE, Cnn, Synapses

__all__ = ["SILENT", "Feed", "Link", "ParallelNetwork", "Pool", "Pooling", "Stage"]

Pool = Literal["none", "average", "max"]
SILENT = -2  # in `Stage.wires`: a padded pixel among inputs that carry no offset


@dataclass(frozen=True, slots=True, eq=False)
class Feed:
    """Tones into a stage from one place."""

    source: int  # number of the stage whose neurons make them, IMAGE for pixels
    values: Ints  # [tones] which of its neurons, or pixels
    most_offset: float = math.inf  # of the stage's offset they carry no more: a threshold ends them there


@dataclass(frozen=True, slots=True, eq=False)
class Pooling:
    """Neurons behind the chains of a stage that pool them alike."""

    kind: Pool
    members: Ints  # [neurons, pooled] chains whose DC voltages a neuron pools, -1 where none (padding)

    @property
    def filled(self) -> Ints:
        """The same with one of the neuron's other chains where there is none."""
        return np.where(self.members < 0, self.members.max(1, keepdims=True), self.members)


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """Chains of a weighted layer, the tones that they listen to, pools and neurons behind them."""

    layer: Synapses  # of the network
    copies: (
        Synapses  # the same with each position a group of its own: group = group of the layer * positions + position
    )
    wires: Ints  # [groups, taps] the tone that feeds each tap, -1 where none does (padding), SILENT
    colours: Ints  # [groups, taps] the channel of each tap within the chain, 0 ... taps - 1
    feeds: tuple[Feed, ...]  # the tones, one feed behind the other
    poolings: tuple[Pooling, ...]  # the neurons, likewise
    behind: str = ""  # layer whose activation the neurons have, if another than `layer`

    @property
    def chains(self) -> int:
        """Chains: groups x outputs of a group, in that order."""
        return len(self.copies.weight)

    @property
    def tones(self) -> int:
        """Tones into the stage."""
        return sum(len(feed.values) for feed in self.feeds)

    @property
    def neurons(self) -> int:
        """Neurons: of the voltage of each an oscillator, or several, or a logit is made."""
        return sum(len(pooling.members) for pooling in self.poolings)

    @property
    def original_group(self) -> Ints:
        """[groups] group of the network's layer that a copy stands for."""
        return np.repeat(np.arange(self.layer.groups), self.layer.positions)

    @property
    def first(self) -> Ints:
        """[neurons] a chain of each neuron: all of a pool hold the same kernel."""
        return np.concatenate([pooling.members.max(1) for pooling in self.poolings])

    @property
    def bias(self) -> Array:
        """[neurons] trained bias."""
        return np.asarray(self.copies.bias[self.first])

    @property
    def activation(self) -> Activation:
        """Trained activation of the neurons."""
        return self.copies.activation.take(self.first)

    @property
    def activation_layer(self) -> str:
        """Name of the layer whose activation that is."""
        return self.behind or self.layer.name

    def pools_alike(self, offset: float) -> bool:
        """Whether an offset of the tones adds the same to all chains of each pool."""
        channels = np.arange(len(self.layer.weight)).reshape(self.layer.groups, -1)
        kernels = np.repeat(channels, self.layer.positions, axis=0).ravel()
        offsets, outputs = self.offsets(offset), self.copies.outputs
        for pooling in self.poolings:
            members, first = pooling.filled, pooling.filled[:, :1]
            if (kernels[members] != kernels[first]).any():
                return False
            if (offsets[members // outputs] != offsets[first // outputs]).any():
                return False
        return True

    def offsets(self, offset: float) -> Array:
        """[groups, taps] which part of the offset of the stage, above 0, a tap's tone carries."""
        parts = [np.full(len(feed.values), min(feed.most_offset / offset, 1.0)) for feed in self.feeds]
        return np.asarray(np.concatenate([*parts, [0.0, 1.0]])[self.wires])


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """Oscillators by which the neurons of a stage feed a later one."""

    to: int  # number of that stage
    start: int  # of its tones the first that they make
    feed: Feed


@dataclass(frozen=True, slots=True, eq=False)
class ParallelNetwork:
    """A network as stages, from the pixels' tones to the logits; a stage comes behind all that feed it."""

    cnn: Cnn
    stages: tuple[Stage, ...]
    ends: Ints  # [logits] stage behind each
    outputs: Ints  # [logits] which of its neurons, -1 for a logit that is always zero

    @property
    def copies(self) -> Cnn:
        """The chains alone, to plan and program them: what lies between them is in `stages`."""
        return replace(self.cnn, layers=tuple(stage.copies for stage in self.stages), sources=(), output=IMAGE)

    def links(self, number: int) -> tuple[Link, ...]:
        """Where the neurons of a stage go, one link for each later stage that they feed."""
        found = []
        for to, stage in enumerate(self.stages):
            starts = np.cumsum([0, *(len(feed.values) for feed in stage.feeds)]).tolist()
            found += [Link(to, start, f) for start, f in zip(starts, stage.feeds, strict=False) if f.source == number]
        return tuple(found)

    def read(self, number: int) -> Ints:
        """Neurons of a stage that are logits, rising."""
        return np.unique(self.outputs[(self.ends == number) & (self.outputs >= 0)])

    def logits(self, sums: Sequence[Array]) -> Array:
        """Outputs [..., logits] for the sums of every stage [..., neurons]; what activation they have is exact."""
        found = np.zeros((*sums[0].shape[:-1], len(self.outputs)))
        for number in np.unique(self.ends[self.outputs >= 0]).tolist():
            at = (self.ends == number) & (self.outputs >= 0)
            found[..., at] = self.stages[number].activation(sums[number])[..., self.outputs[at]]
        return found
