"""Noise budget of a layer: what every source puts on its neurons over a batch of images, against what they are to read.

Powers of the sources add. Of a neuron with the voltages v over the batch (all positions) and the noise σ, both at its
input behind its poles:

    SNR = 20 log10(std(v) / σ),      ENOB = log2((max v - min v) / (√12 σ)):

a converter of that many bits over the neuron's swing, max v - min v, has the rms error σ, a step of √12 σ. Noise that
depends on the tones is averaged in power over the batch. Of a layer: all its neurons, the largest swing of one.
What the line width of the tones takes off the weights is no noise: the part of the voltages that is gone,
Σ (v0 - v) v0 / Σ v0² with v0 those of sharp tones.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from resonet.core.types import Array
from resonet.cosim.noise.noisy import NoisyWeights, noisy_weights
from resonet.cosim.weights.held import HeldWeights, RfWeights
from resonet.cosim.weights.inference import forward
from resonet.netlist.design.design import Design
from resonet.netlist.design.noise_options import NoiseSource
from resonet.netlist.network.cnn import Synapses

__all__ = ["LayerBudget", "NeuronBudget", "Tally", "effective_bits", "noise_budget", "signal_to_noise"]


def effective_bits(swing: float, noise: float) -> float:
    """ENOB of that swing and noise, V; nan without a swing, infinite without noise."""
    if not swing > 0:
        return float("nan")
    return float(np.log2(swing / (np.sqrt(12) * noise))) if noise else float("inf")


def signal_to_noise(signal: float, noise: float) -> float:
    """SNR in dB of rms values, V; likewise."""
    if not signal > 0:
        return float("nan")
    return 20 * float(np.log10(signal / noise)) if noise else float("inf")


@dataclass(frozen=True, slots=True)
class NeuronBudget:
    """One neuron at all its positions."""

    neuron: int  # counted over the groups of the layer
    swing: float  # V, largest less smallest voltage
    signal: float  # V, standard deviation
    noise: float  # V rms
    snr: float  # dB
    enob: float

    @classmethod
    def of(cls, neuron: int, swing: float, signal: float, noise: float) -> "NeuronBudget":
        """With what follows."""
        ratio = signal_to_noise(signal, noise)
        return cls(neuron, swing, signal, noise, ratio, effective_bits(swing, noise))


@dataclass(frozen=True, slots=True)
class LayerBudget:
    """One layer."""

    layer: str
    bandwidth: float  # Hz, equivalent noise bandwidth from a chain to what its neuron reads
    sources: dict[NoiseSource, float]  # V rms of each
    noise: float  # V rms of all
    density: float  # V/√Hz: white noise of that in the bandwidth is as much
    swing: float
    signal: float
    snr: float
    enob: float
    dominant: str  # the largest source; "" without any
    dulled: float  # part of the voltages that the line width of the tones takes off
    neurons: tuple[NeuronBudget, ...]

    @property
    def worst(self) -> NeuronBudget:
        """The neuron with the fewest bits, of those that have a swing."""
        live = [one for one in self.neurons if one.swing > 0] or list(self.neurons)
        return min(live, key=lambda one: one.enob)


@dataclass(slots=True, eq=False)
class Tally:
    """Voltages and noise of a layer's neurons, batch by batch."""

    held: NoisyWeights
    groups: int  # of the layer: copies of its kernels, if the weights are of these, count as positions
    count: int = 0
    variances: dict[NoiseSource, Array] = field(default_factory=dict)  # V² summed over images, [groups, outputs]
    moments: Array = field(default_factory=lambda: np.zeros(()))  # [2, groups, outputs] sums of v and v²
    sharp: Array = field(default_factory=lambda: np.zeros(2))  # Σ (v0 - v) v0 and Σ v0²
    ends: Array = field(default_factory=lambda: np.zeros(()))  # [2, groups, outputs] -largest and smallest v

    def add(self, carried: Array) -> None:
        """What the tones of a batch carry, [groups, n, positions, taps]."""
        noise = self.held.noise
        answers, precession = self.held.heard_by(carried, self.held.base.products)
        volts = answers * noise.unit[:, None, :, None]
        if noise.tones.widest:
            sharp = self.held.base.sharp(carried) * noise.unit[:, None, :, None]
            self.sharp = self.sharp + np.array([((sharp - volts) * sharp).sum(), (sharp**2).sum()])
        for source, variance in noise.sources(self.held.values, carried, precession):
            total = np.broadcast_to(variance, volts.shape).sum((1, 3))
            self.variances[source] = self.variances.get(source, 0.0) + total
        moments = np.stack([volts.sum((1, 3)), (volts**2).sum((1, 3))])
        ends = np.stack([-volts.max((1, 3)), volts.min((1, 3))])
        self.moments = self.moments + moments
        self.ends = ends if not self.count else np.minimum(self.ends, ends)
        self.count += volts.shape[1] * volts.shape[3]

    def _folded(self, array: Array) -> Array:
        """[..., groups, outputs] of weights, by group of the layer, [..., neurons, copies]."""
        *more, copies, outputs = array.shape
        folded = array.reshape(*more, self.groups, copies // self.groups, outputs)
        return np.asarray(np.moveaxis(folded, -2, -1).reshape(*more, self.groups * outputs, -1))

    def budget(self) -> LayerBudget:
        """What it comes to."""
        high, low = -self._folded(self.ends[:1])[0].min(1), self._folded(self.ends[1:])[0].min(1)
        mean, square = self._folded(self.moments).mean(-1) / self.count
        signal, span = np.sqrt(np.maximum(square - mean**2, 0.0)), high - low
        each = {source: self._folded(total).mean(1) / self.count for source, total in self.variances.items()}
        power = np.sum([*each.values()], axis=0) if each else np.zeros(len(span))
        neurons = map(NeuronBudget.of, range(len(span)), span.tolist(), signal.tolist(), np.sqrt(power).tolist())
        sources = {source: float(np.sqrt(own.mean())) for source, own in each.items()}
        noise, bandwidth = float(np.sqrt(power.mean())), self.held.noise.bandwidth
        together = float(np.sqrt(np.mean(signal**2)))
        return LayerBudget(
            self.held.layer,
            bandwidth,
            sources,
            noise,
            noise / float(np.sqrt(bandwidth)),
            float(span.max()),
            together,
            signal_to_noise(together, noise),
            effective_bits(float(span.max()), noise),
            max(sources, key=lambda name: sources[name]) if sources else "",
            float(self.sharp[0] / self.sharp[1]) if self.sharp[1] else 0.0,
            tuple(neurons),
        )


def noise_budget(
    design: Design,
    held: Mapping[str, RfWeights],
    images: Array,
    base: Mapping[str, HeldWeights] | None = None,
) -> tuple[LayerBudget, ...]:
    """Budget of every layer for images [n, *input_shape], whose way through the network is that without noise.

    `held` and `base` as for `noisy_weights`. Raises InputError for layers on strip lines.
    """
    noisy = noisy_weights(design, held, base=base)
    tallies = {name: Tally(own, design.plan.layer(name).layer.groups) for name, own in noisy.items()}

    def watch(synapses: Synapses, x: Array) -> None:
        own = noisy[synapses.name]
        tallies[synapses.name].add(own.carried(synapses, x, design.scales[synapses.name]))

    forward(design, base or held, images, watch=watch)
    return tuple(tally.budget() for tally in tallies.values())
