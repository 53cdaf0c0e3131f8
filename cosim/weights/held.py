"""The weights that the hardware of a layer holds, and the law of a layer: what its neurons get for an input.

    sums = F [V(a) - V(a0)]      a = (x + offset) / F, cut off at 0 and 1: what the inputs carry, a0 for the zero input

V is what the hardware answers to what its inputs carry, for resonators and crossbars W a. The bias of every neuron is
trimmed at the zero input, so that the offset with which inputs are carried changes no sum.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from resonet.core.types import Array, Bools
from resonet.cosim.weights.witness import Witness
from resonet.netlist.design.design import Design
from resonet.netlist.network.cnn import Cnn, Synapses, patches
from resonet.netlist.network.forward import layer_parts
from resonet.netlist.planning.scales import InputScale
from resonet.netlist.programming.methods import Method

__all__ = ["Aggressor", "HeldWeights", "NeuronError", "PositionWeights", "RfWeights", "trained_weights"]


@dataclass(frozen=True, slots=True)
class NeuronError:
    """Error of a neuron's weights."""

    neuron: int  # of the layer, counted over its groups
    rms: float  # as part of its own largest weight


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class HeldWeights:
    """The weights that the hardware of a layer holds, in the units of the trained ones.

    Other hardware has other `carried` inputs and `products`; what is drawn anew in every read (noise, phases) is in its
    `answers`. The law of the layer, `sums`, is the same for all.
    """

    layer: str
    values: Array  # [groups, outputs per group, taps]
    trained: Array  # same shape
    shift: Array | None = None  # [groups, outputs] that the neurons add to the sums; None: nothing
    wired: Bools | None = None  # same shape: which of them hardware holds; None for all (`Synapses.wired`)

    @property
    def error(self) -> Array:
        """Deviation of every weight as part of the layer's largest trained weight."""
        return np.asarray((self.values - self.trained) / (np.abs(self.trained).max() or 1.0))

    @property
    def rms_error(self) -> float:
        """Root mean square of `error`, per weight that hardware holds."""
        return float(np.sqrt(np.mean((self.error if self.wired is None else self.error[self.wired]) ** 2)))

    @property
    def by_neuron(self) -> tuple[Array, Array]:
        """Trained weights and deviations of every neuron, [neurons, weights] each; neurons count over the groups."""
        neurons = self.trained.shape[0] * self.trained.shape[1]
        trained, values = self.pairs
        return trained.reshape(neurons, -1), (values - trained).reshape(neurons, -1)

    @property
    def neuron_errors(self) -> Array:
        """RMS deviation of each neuron's weights as part of its own largest trained one, [neurons].

        Of a neuron without weights, as part of the layer's largest.
        """
        trained, off = self.by_neuron
        own = np.abs(trained).max(1)
        own = np.where(own > 0, own, own.max() or 1.0)
        return np.asarray(np.sqrt(np.mean(off**2, axis=1)) / own)

    @property
    def worst_neuron(self) -> "NeuronError":
        """The neuron whose weights are furthest off."""
        errors = self.neuron_errors
        return NeuronError(int(errors.argmax()), float(errors.max()))

    @property
    def pairs(self) -> tuple[Array, Array]:
        """Trained and held weights side by side, [weights] each, neuron by neuron."""
        if self.wired is not None:
            return self.trained[self.wired], self.values[self.wired]
        return self.trained.ravel(), self.values.ravel()

    def carried(self, synapses: Synapses, x: Array, scale: InputScale) -> Array:
        """What the inputs carry, parts of the largest, for a batch [n, *in_shape]: [groups, n, positions, taps]."""
        return patches(scale.carried(x), synapses, float(scale.carried(np.zeros(()))))

    def products(self, carried: Array) -> Array:
        """W a, [groups, n, outputs, positions]."""
        return np.asarray(self.values[:, None] @ carried.swapaxes(2, 3))

    def sharp(self, carried: Array) -> Array:
        """The same to tones without a line width."""
        return self.products(carried)

    def answers(self, carried: Array) -> Array:
        """What one read gives; same shape as `products`."""
        return self.products(carried)

    def heard(self, carried: Array, widths: Array | None, agitation: Array) -> tuple[Array, Array] | None:
        """Of weights that depend on the tones: `products`, and variances of the precession noise, V², same shape.

        widths like carried: half of the tones' line widths in half-widths, None: sharp; agitation [buses] p_T times the
        bandwidth to what reads, Hz. None: the linear law holds.
        """
        del carried, widths, agitation
        return None

    def sums(self, synapses: Synapses, x: Array, scale: InputScale) -> Array:
        """What the neurons get for a batch [n, *in_shape], in trained units: [groups, n, outputs, positions]."""
        found = []
        for part in layer_parts(synapses, x):
            answers = self.answers(self.carried(synapses, part, scale))
            if scale.offset:
                answers = answers - self.products(self.carried(synapses, synapses.no_input, scale))
            sums = scale.full_scale * answers
            found.append(sums if self.shift is None else sums + self.shift[:, None, :, None])
        return found[0] if len(found) == 1 else np.concatenate(found, axis=1)


@dataclass(frozen=True, slots=True)
class Aggressor:
    """The strongest crosstalk of a layer: what one tone rectifies in a resonator that is another tone's."""

    level: float  # dB, against the largest voltage that a resonator gives for the same power (K_SD P)
    bus: str  # or what else the map of crosstalk is called
    chain: int  # position of the chain there
    victim: int  # row of the map: the resonator, counted from the feed
    aggressor: int  # column of the map: the tone, by the resonator that it belongs to

    @property
    def where(self) -> str:
        """One phrase for people."""
        return f"bus {self.bus}, chain {self.chain}: tone {self.aggressor} -> resonator {self.victim}"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class RfWeights(HeldWeights):
    """Of resonators that RF tones drive."""

    MAP: ClassVar[str] = "bus {}"  # what a map of crosstalk is of
    AXES: ClassVar[tuple[str, str]] = ("aggressor tone (0 = highest)", "victim resonator (0 = at feed)")

    method: Method  # of the program
    crosstalk: dict[str, Array]  # by bus: [victim, aggressor tone], largest |V| / (P K_SD) over the chains
    worst: Aggressor | None  # None where nobody disturbs
    witness: Witness | None = None  # check of the engine that found them, where there was any

    def volts_per_weight(self, design: Design) -> Array:
        """Voltage at the neurons for a tone of 1 W, per unit of a trained weight, V/W [channels].

        InputError without the program.
        """
        synapses = design.plan.layer(self.layer).layer
        raised = np.ones(len(synapses.bias)) if synapses.raised is None else synapses.raised.ravel()
        return np.asarray(design.program(self.method).layer(self.layer).weight_scale * raised)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PositionWeights(HeldWeights):
    """Weights of a parallel layer, every position with its own.

    values [groups, positions, outputs, taps]; trained [groups, 1, outputs, taps].
    """

    @property
    def by_neuron(self) -> tuple[Array, Array]:
        """Trained weights of every neuron, and their deviations at all positions, [neurons, weights]."""
        groups, positions, outputs, taps = self.values.shape
        off = (self.values - self.trained).swapaxes(1, 2).reshape(groups * outputs, positions * taps)
        return self.trained.reshape(groups * outputs, taps), off

    def products(self, carried: Array) -> Array:
        """W a, [groups, n, outputs, positions]."""
        sums = carried.transpose(0, 2, 1, 3) @ self.values.swapaxes(2, 3)  # [groups, positions, n, outputs]
        return np.asarray(sums.transpose(0, 2, 3, 1))


def trained_weights(cnn: Cnn) -> dict[str, HeldWeights]:
    """Every layer of a network with exactly its trained weights, by name."""
    return {
        synapses.name: HeldWeights(layer=synapses.name, values=synapses.matrix, trained=synapses.matrix)
        for synapses in cnn.synapses
    }
