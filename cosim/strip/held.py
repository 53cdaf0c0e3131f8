"""The weights that a layer under strip-line feed holds: those of every position, to every line.

A layer with chains for all positions answers in one step; a sequential one, whose chains every patch goes through, in a
step a position. Lines of one frequency interfere in a resonator: `interfering` takes that up, with phases that stay.
"""

from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np

from resonet.core.types import Array, Bools
from resonet.cosim.strip.passes import StripPass
from resonet.cosim.weights.held import Aggressor, RfWeights
from resonet.models.resonator.linear import SpinDiode, real_susceptibility
from resonet.netlist.design.design import Design
from resonet.netlist.network.cnn import Synapses, patches
from resonet.netlist.planning.scales import InputScale
from resonet.netlist.programming.methods import OF_WEIGHTS, Method
from resonet.netlist.strip.placement import Placement
from resonet.netlist.strip.usage import Usage

__all__ = [
    "LINES",
    "STRIP_PROGRAMS",
    "InterferingWeights",
    "LineAggressor",
    "StripLayer",
    "StripWeights",
    "coherent_sums",
    "interfering",
]

STRIP_PROGRAMS: tuple[Method, ...] = OF_WEIGHTS
LINES = "strip lines"  # the one map of crosstalk


@dataclass(frozen=True, slots=True, eq=False)
class StripLayer:
    """RF and DC passes of all windows of a layer."""

    placement: Placement
    layer: Synapses
    frequencies: Array  # [tones] Hz
    device: SpinDiode
    windows: tuple[StripPass, ...]


@dataclass(frozen=True, slots=True)
class LineAggressor(Aggressor):
    """The strongest crosstalk of a layer: a line's tone in a resonator of another line; rows and columns are tones."""

    line: int  # number in the placement
    tap: int  # of the victim

    @property
    def where(self) -> str:
        """One phrase for people."""
        return f"line {self.line} (tone {self.aggressor}) -> chain {self.chain}, tap {self.tap} (tone {self.victim})"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class StripWeights(RfWeights):
    """Weights of a layer under strip-line feed, every position with its own; values and trained [chains, lines]."""

    usage: Usage
    groups: int  # of the layer
    parallel: bool  # every position has chains of its own
    uses: Bools  # [chains, lines] the chain uses the line
    f_res: Array  # Hz [resonators]
    fill: float  # largest weight as part of a resonator's range
    gain: float  # of the readout
    scale: float  # V/W per unit of weight, before the gain
    failing: int  # chains that do not hold their weights

    MAP: ClassVar[str] = "{}"
    AXES: ClassVar[tuple[str, str]] = ("aggressor tone (0 = lowest)", "victim resonator, by its tone")

    def volts_per_weight(self, design: Design) -> Array:
        """Voltage at the neurons for a tone of 1 W, per unit of a trained weight, V/W [channels], before the gain."""
        return np.full(len(design.plan.layer(self.layer).layer.bias), self.scale / self.gain)

    def rms(self, foreign: bool | None = None) -> float:
        """RMS error per weight as part of the largest; only of own (False) or foreign (True) lines."""
        kept = np.ones_like(self.uses) if foreign is None else self.uses != foreign
        square = float(((self.values - self.trained)[kept] ** 2).sum()) / self.uses.sum()
        return float(np.sqrt(square)) / (float(np.abs(self.trained).max()) or 1.0)

    @property
    def rms_error(self) -> float:
        """Root of the summed squares of the error over all lines, per weight."""
        return self.rms()

    @property
    def error(self) -> Array:
        """Deviation of the weights to the lines that chains use, parts of the largest trained one, [weights]."""
        trained, values = self.pairs
        return np.asarray((values - trained) / (np.abs(self.trained).max() or 1.0))

    @property
    def neuron_errors(self) -> Array:
        """RMS deviation of each neuron's weights, over all lines, as part of its own largest trained one, [neurons]."""
        blocks = self.usage.blocks
        each = ((self.values - self.trained) ** 2).sum(1).reshape(blocks, -1).sum(1)
        own = np.abs(self.trained).max(1).reshape(blocks, -1).max(1)
        own = np.where(own > 0, own, own.max() or 1.0)
        return np.asarray(np.sqrt(each / self.uses.reshape(blocks, -1).sum(1)) / own)

    @property
    def pairs(self) -> tuple[Array, Array]:
        """Trained and held weights to the lines that chains use, [weights] each."""
        return self.trained[self.uses], self.values[self.uses]

    def carried(self, synapses: Synapses, x: Array, scale: InputScale) -> Array:
        """What the lines carry, parts of the largest, for a batch [n, *in_shape]: [n, steps, lines]."""
        if self.parallel:
            return scale.carried(x.reshape(len(x), 1, -1)[..., self.usage.inputs])
        taps = patches(x, synapses).transpose(1, 2, 0, 3)
        return scale.carried(taps.reshape(*taps.shape[:2], -1)[..., self.usage.inputs])

    def products(self, carried: Array) -> Array:
        """W a, [groups, n, outputs, positions], of what lines carry, [n, steps, lines]."""
        return self.by_output(carried @ self.values.T)

    def by_output(self, sums: Array) -> Array:
        """Sums of the chains, [n, steps, chains] -> [groups, n, outputs, positions]."""
        outputs = self.usage.blocks // self.groups
        each = sums.reshape(*sums.shape[:2], self.groups, outputs, -1).transpose(2, 0, 3, 1, 4)
        return each.reshape(*each.shape[:3], -1)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class InterferingWeights(StripWeights):
    """The same with interference of the lines of one frequency, and phases that stay for all images."""

    strip: StripLayer
    phases: Array  # [lines] rad

    def answers(self, carried: Array) -> Array:
        """What one read gives, [groups, n, outputs, positions], of what lines carry, [n, steps, lines]."""
        sums = coherent_sums(self.strip, self, carried.reshape(-1, carried.shape[-1]), self.phases)
        return self.by_output(sums.reshape(*carried.shape[:2], -1))


def coherent_sums(strip_layer: StripLayer, weights: StripWeights, powers: Array, phases: Array) -> Array:
    """Neuron inputs with interference, [n, chains], trained units: V = Σ_f ½ k g |Σ_l i_l √P_l e^jφ_l|² Re chi.

    powers [n, lines] as part of p_max, phases [lines] or [n, lines] in rad.
    """
    amplitude = np.sqrt(powers) * np.exp(1j * phases)
    out = np.zeros((len(powers), strip_layer.placement.usage.chains))
    for window in strip_layer.windows:
        built = strip_layer.frequencies[window.circuit.tone]
        f_res = built + (weights.f_res[window.circuit.resonators] - built) * window.share
        volts = np.zeros((len(powers), len(f_res)))
        for tone in np.unique(window.tones):
            same_tone = window.tones == tone
            met = amplitude[:, window.lines[same_tone]] @ window.current[same_tone]
            real, _ = real_susceptibility(strip_layer.frequencies[tone] / f_res, strip_layer.device.damping)
            volts += (met.real**2 + met.imag**2) * real
        out[:, window.chains] = 0.5 * strip_layer.device.transduction * volts @ window.gains.T
    return out * weights.gain / weights.scale


def interfering(weights: StripWeights, strip: StripLayer, seed: int = 0) -> InterferingWeights:
    """Weights of a layer with random phases of its lines, those of a seed; `strip` as the weights were made from."""
    values = {spec.name: getattr(weights, spec.name) for spec in fields(StripWeights)}
    phases = 2 * np.pi * np.random.default_rng(seed).random(len(strip.placement.usage.inputs))
    return InterferingWeights(**values, strip=strip, phases=phases)
