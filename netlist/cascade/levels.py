"""Levels of a parallel network: what its neurons make of the voltages of their chains, stage by stage.

A neuron turns the DC voltage V of its chains into the power of a tone:

    V --transconductor--> I = bias + gm V --oscillator--> P(I) --amplifier--> tone of its channel

With z the weighted sum plus bias of the trained network and V = unit (z - b), unit = weight scale * p_max / full scale,

    gm = drive I_th / unit,    bias = I_th (1 + drive (b + zero)),    so  I/I_th = ξ = 1 + drive (z + zero),      (1)

where `zero` is the offset that the tone carries and what the own stage's offset adds is trimmed off at the bias. An
activation with a curve c of straight pieces puts c(z) in the place of z in (1): knees of the transconductor at the
voltages of its corners. The amplifier brings the tone of the full scale of the stage that listens to p_max in its
resonator. Neurons that feed several stages have (1) for each, from one voltage.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from resonet.core.types import Array, Bools, Ints
from resonet.netlist.cascade.paths import ParallelDesign, TonePaths
from resonet.netlist.cascade.stages import Link
from resonet.netlist.design.neuron_options import Kind, NeuronOptions
from resonet.netlist.planning.frequency_plan import FrequencyPlan
from resonet.netlist.programming.methods import Method

__all__ = [
    "Knees",
    "Levels",
    "LinkLevels",
    "Sources",
    "StageLevels",
    "activate",
    "sums_of",
    "tone_power",
    "voltages_of",
]


def _none() -> Array:
    return np.zeros(0)


@dataclass(frozen=True, slots=True, eq=False)
class Knees:
    """Two-slope transconductors of the neurons of a stage, one for each corner of their curve."""

    volts: Array  # [neurons, corners] V, rising
    below: Array  # [neurons] A/V, slope of the first piece
    steps: Array  # [neurons, corners] A/V that each corner adds to the slope

    def currents(self, bias: Array, voltage: Array) -> Iterator[Array]:
        """Current of each, A, [..., neurons], for voltages [..., neurons]; `bias` [neurons] is the first's."""
        for k in range(self.volts.shape[1]):
            over = voltage - self.volts[:, k]
            rest = bias + self.below * over if k == 0 else 0.0
            yield rest + self.steps[:, k] * np.maximum(over, 0)


@dataclass(frozen=True, slots=True, eq=False)
class LinkLevels:
    """Levels of the oscillators by which a stage feeds a later one, one a tone."""

    link: Link
    zero: float  # what is added to their outputs, for tones that must not be negative
    full_scale: float  # of the outputs, `zero` included
    options: NeuronOptions
    kind: Kind
    drive: float  # ξ - 1 per unit of the sum
    ceiling: float  # output at the clamp, where the activation has one
    reference: float  # W of the oscillator, into a matched load, that the amplifier turns into p_max
    gain: Array  # [tones] small-signal voltage gain of the amplifier, matched to matched
    bias: Array = field(default_factory=_none)  # [tones] A at no voltage, or at the first knee
    gm: Array = field(default_factory=_none)  # [tones] A/V
    knees: Knees | None = None  # of transconductors that are not straight; there is no gm then

    @property
    def neurons(self) -> Ints:
        """[tones] neuron of the stage behind each."""
        return self.link.feed.values

    @property
    def span(self) -> slice:
        """The tones among those into the later stage."""
        return slice(self.link.start, self.link.start + len(self.neurons))

    def current(self, voltage: Array) -> Array:
        """Drive currents of the oscillators, A [..., tones], for voltages at the stage's neurons [..., neurons]."""
        voltage = voltage[..., self.neurons]
        if self.knees is None:
            return self.bias + self.gm * voltage
        return np.asarray(sum(self.knees.currents(self.bias, voltage)))

    def supplied(self, voltage: Array) -> Array:
        """What the transconductors draw from the supply, A, likewise: they source current, or sink one another's."""
        if self.knees is None:
            return np.maximum(self.current(voltage), 0)
        return np.asarray(sum(map(np.abs, self.knees.currents(self.bias, voltage[..., self.neurons]))))

    def outputs(self, tones: Array) -> Array:
        """Outputs of the trained network that powers of its tones stand for, units of p_max, [..., tones]."""
        return tones * self.full_scale - self.zero

    def tones(self, outputs: Array) -> Array:
        """The inverse of `outputs`."""
        return (outputs + self.zero) / self.full_scale


@dataclass(frozen=True, slots=True, eq=False)
class StageLevels:
    """Levels of one stage: the tones into it, its chains, and what its neurons drive (nothing behind the logits)."""

    paths: TonePaths  # of the tones into the stage
    unit: Array  # [chains] V at the neuron's input per unit of the trained network's sum; pooled chains have the same
    rest: Array  # [neurons] V that the offset of the stage's tones puts there at an input of zero
    options: NeuronOptions
    trim: Array | None = None  # [chains] V that the arms of maxima take off; None: nothing
    links: tuple[LinkLevels, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """Levels of a network, stage by stage."""

    parallel: ParallelDesign
    method: Method  # program of the chains that the levels are for
    stages: tuple[StageLevels, ...]

    @property
    def plan(self) -> FrequencyPlan:
        """Frequency plan of the chains, a layer for each stage."""
        return self.parallel.plan

    def impedance(self, link: LinkLevels) -> float:
        """Of the ports of a link's oscillators and amplifiers, ohm: that of the sources of the tones they make."""
        return self.stages[link.link.to].paths.impedance


@dataclass(frozen=True, slots=True, eq=False)
class Sources:
    """The sources of some tones."""

    emf: Array  # [tones] V at p_max
    frequency: Array  # [tones] Hz
    live: Bools  # [tones] whether any bus needs them

    @classmethod
    def of(cls, paths: TonePaths, span: slice) -> "Sources":
        """Those of a part of the tones into a stage."""
        return cls(paths.source[span], paths.frequency[span], paths.ways[span] > 0)


def sums_of(levels: Levels, number: int, voltage: Array) -> Array:
    """Weighted sums plus bias of the trained network that voltages at a stage's neurons [..., neurons] stand for."""
    stage_levels, stage = levels.stages[number], levels.parallel.stages[number]
    return np.asarray((voltage - stage_levels.rest) / stage_levels.unit[stage.first] + stage.bias)


def voltages_of(levels: Levels, number: int, sums: Array) -> Array:
    """The inverse of `sums_of`, V."""
    stage_levels, stage = levels.stages[number], levels.parallel.stages[number]
    return np.asarray((sums - stage.bias) * stage_levels.unit[stage.first] + stage_levels.rest)


def activate(levels: Levels, link: LinkLevels, voltage: Array) -> Array:
    """Power of the tones that oscillators make, in units of p_max, from the voltages at the neurons of their stage.

    voltage [..., neurons] in V, of the pooled chains; the result [..., tones] is what arrives in the resonators of the
    stage that listens.
    """
    oscillator = link.options.oscillator(link.kind, levels.impedance(link))
    return tone_power(levels, link, oscillator.power(link.current(voltage)))


def tone_power(levels: Levels, link: LinkLevels, power: Array) -> Array:
    """Tone power in the resonators that listen, units of p_max, for the oscillators' powers in W [..., tones]."""
    sources = Sources.of(levels.stages[link.link.to].paths, link.span)
    live, z0 = sources.live, levels.impedance(link)
    amplifier = link.options.amplifier(z0)
    driven = np.sqrt(2 * z0 * power[..., live]) * (link.gain[live] / amplifier.gain)
    out = amplifier.compressed(driven, sources.frequency[live])
    result = np.zeros(power.shape)
    result[..., live] = (2 * out / sources.emf[live]) ** 2
    return result
