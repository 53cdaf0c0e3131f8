"""Neurons of a parallel network: what a designer sets of them, and the levels that follow for every stage.

A neuron turns the DC voltage V of its chains into the power of a tone:

    V --transconductor--> I = bias + gm V --oscillator--> P(I) --amplifier--> tone of its channel

With z the weighted sum plus bias of the trained network and V = unit (z - b), unit = weight scale * p_max / full scale,

    gm = drive I_th / unit,    bias = I_th (1 + drive (b + zero)),    so  I/I_th = ξ = 1 + drive (z + zero),      (1)

where `zero` is the offset that the next stage's tones carry and what the own stage's offset adds is trimmed off at the
bias. An activation with a curve c of straight pieces puts c(z) in the place of z in (1): knees of the transconductor at
the voltages of its corners. One with a ceiling meets the oscillator's clamp there, and `drive` follows from that. The
amplifier brings the tone of the next stage's full scale to p_max in its resonator. `drive` belongs to the
activation where the network was trained with the oscillator's; for a ReLU it is chosen: the full scale of the next
stage is at the part `headroom` of the oscillator's range.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array, Bools, Ints
from resonet.netlist.cascade.paths import ParallelDesign, TonePaths, all_paths
from resonet.netlist.cascade.stages import Link, Stage
from resonet.netlist.design.neuron_options import IDEAL, Kind, NeuronOptions
from resonet.netlist.network.activations.base import Neuron
from resonet.netlist.planning.frequency_plan import FrequencyPlan
from resonet.netlist.programming.methods import Method, Program

__all__ = [
    "Knees",
    "Levels",
    "LinkLevels",
    "StageLevels",
    "activate",
    "plan_levels",
    "sums_of",
    "tone_power",
    "voltages_of",
]

FIT_POINTS = 400  # of a ReLU's range, where there is no batch to fit an oscillator's curve to


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

    @property
    def impedance(self) -> float:
        """Of ports and lines, ohm."""
        return self.plan.circuit.impedance


def _kind(stage: Stage, neuron: Neuron, requested: Kind | None) -> Kind:
    """Oscillator of a stage's neurons: that of its activation, the wanted one where any may stand in, or the ideal."""
    if neuron.oscillator:
        trained = neuron.oscillator.kind
        if requested not in (None, trained):
            raise InputError(f"layer {stage.layer.name}: trained with a {trained} oscillator; possible: that one")
        return trained
    if requested not in (None, IDEAL) and not neuron.any_oscillator:
        raise InputError(
            f"layer {stage.layer.name}: {stage.copies.activation}; possible: neurons of kind {IDEAL}, or a network "
            "trained with oscillators"
        )
    return requested or IDEAL


def _trained_options(neuron: Neuron, options: NeuronOptions) -> NeuronOptions:
    """Options with what a trained activation says of its oscillator."""
    trained = neuron.oscillator
    if trained is None:
        return options
    return replace(options, clamp=trained.clamp, nonlinear_damping=trained.qnl, seed=max(trained.seed, 1e-9))


def _reference(
    neuron: Neuron, kind: Kind, options: NeuronOptions, drive: float, full_scale: float, targets: Array | None
) -> float:
    """Oscillator power, W, that stands for the next stage's full scale.

    Of a trained oscillator and of the ideal one it is exact. Another one that stands in is fitted: least squares of
    P(ξ) / reference against the trained output, over `targets` (outputs of the trained neurons) or evenly.
    """
    oscillator, ith = options.oscillator(kind, 50.0), options.threshold_current
    if trained := neuron.oscillator:
        return float(oscillator.power(options.clamp * ith) * full_scale / trained.scale)
    if kind == IDEAL:  # whose power is linear: a full scale that others set may be beyond its own clamp
        beyond = max(drive * full_scale / (options.clamp - 1), 1.0)
        return beyond * float(oscillator.power(min(1 + drive * full_scale, options.clamp) * ith))
    outputs = np.linspace(0, full_scale, FIT_POINTS) if targets is None else targets
    powers = oscillator.power((1 + drive * outputs) * ith)
    return float(full_scale * (powers @ powers) / (powers @ outputs))


@dataclass(frozen=True, slots=True, eq=False)
class _Sources:
    """The sources of some tones."""

    emf: Array  # [tones] V at p_max
    frequency: Array  # [tones] Hz
    live: Bools  # [tones] whether any bus needs them

    @classmethod
    def of(cls, paths: TonePaths, span: slice) -> "_Sources":
        return cls(paths.source[span], paths.frequency[span], paths.ways[span] > 0)


def _amplifier_gain(layer: str, options: NeuronOptions, reference: float, sources: _Sources, impedance: float) -> Array:
    """Gain of every tone's amplifier: `reference` in, half of the source EMF out, compression and pole included."""
    gain, live = np.zeros(len(sources.emf)), sources.live
    amplifier = options.amplifier(impedance)
    out, f = 0.5 * sources.emf[live], sources.frequency[live]
    try:
        gain[live] = amplifier.drive_for(out, f) * amplifier.gain / np.sqrt(2 * impedance * reference)
    except InputError as error:
        raise InputError(f"layer {layer}: {error}; neuron.p1db is {options.p1db:g} W here") from None
    return gain


def _trimmed_zero(options: NeuronOptions, sources: _Sources, impedance: float, part: float) -> Array:
    """Power of the oscillator, part of the reference, at which every tone carries that part of p_max, [tones].

    The amplifier compresses a full tone more than that of an offset, which would be too strong by as much.
    """
    trimmed, live = np.full(len(sources.emf), part), sources.live
    amplifier, out, f = options.amplifier(impedance), 0.5 * sources.emf[live], sources.frequency[live]
    trimmed[live] = (amplifier.drive_for(np.sqrt(part) * out, f) / amplifier.drive_for(out, f)) ** 2
    return trimmed


def _link_levels(
    design: ParallelDesign,
    number: int,
    stage_levels: StageLevels,
    link: Link,
    paths: TonePaths,
    requested: Kind | None,
    targets: Array | None,
) -> LinkLevels:
    """Levels of the oscillators between two stages; `paths` of the tones into the later one."""
    stage, which = design.stages[number], link.feed.values
    neuron = stage.activation.neuron(design.design.fit(stage.activation_layer))
    options, kind = _trained_options(neuron, stage_levels.options), _kind(stage, neuron, requested)
    zero, full_scale = design.zero(link.to, link.feed), design.scale(link.to)[1]
    if trained := neuron.oscillator:
        drive, carried = trained.drive, 0.0
    elif np.isfinite(neuron.ceiling):
        drive, carried = (options.clamp - 1) / (neuron.ceiling + zero), zero
    else:
        drive, carried = options.headroom * (options.clamp - 1) / full_scale, zero
    ith, impedance = options.threshold_current, design.plan.circuit.impedance
    reference = _reference(neuron, kind, options, drive, full_scale, targets)
    sources = _Sources.of(paths, slice(link.start, link.start + len(which)))
    gain = _amplifier_gain(stage.layer.name, options, reference, sources, impedance)
    made = LinkLevels(link, zero, full_scale, options, kind, drive, neuron.ceiling, reference, gain)
    first, bias = stage.first[which], stage.bias[which]
    rest, unit = stage_levels.rest[which], stage_levels.unit[first]
    at_zero = full_scale * _trimmed_zero(options, sources, impedance, carried / full_scale) if carried else 0.0
    if neuron.curve is None:
        gm = drive * ith / unit
        return replace(made, gm=gm, bias=ith * (1 + drive * (bias + at_zero)) - gm * rest)
    slopes = neuron.curve.slopes(stage.neurons)[which] * (drive * ith / unit)[:, None]
    volts = (neuron.curve.corners - bias[:, None]) * unit[:, None] + rest[:, None]
    current = ith * (1 + drive * (neuron.curve.values[0] + at_zero)) + np.zeros(len(which))
    return replace(made, bias=current, knees=Knees(volts, slopes[:, 0], np.diff(slopes, axis=1)))


def _unit(design: ParallelDesign, number: int, weight_scale: float) -> Array:
    """Voltage of every chain of a stage per unit of its sum, V [chains]."""
    stage, raised = design.stages[number], design.stages[number].copies.raised
    unit = weight_scale * design.plan.options.p_max / design.scale(number)[1]
    found = unit * (np.ones(stage.chains) if raised is None else raised.ravel())
    if any((found[pooling.filled] != found[pooling.filled[:, :1]]).any() for pooling in stage.poolings):
        raise InputError(
            f"layer {stage.layer.name}: a pool of neurons that have scales of their own; possible: plan.scale = layer"
        )
    return found


def _rest(design: ParallelDesign, number: int, unit: Array, weights: Array) -> tuple[Array, Array | None]:
    """`rest` and `trim` of a stage; weights [groups, outputs, taps].

    Where the offset puts the chains of a maximum at different levels, its arms take that off before they compare.
    """
    stage, offset = design.stages[number], design.scale(number)[0]
    if not offset:
        return np.zeros(stage.neurons), None
    chains = unit * offset * (weights * stage.offsets(offset)[:, None]).sum(2).ravel()
    if stage.pools_alike(offset):
        return chains[stage.first], None
    kinds = {"none": chains, "average": chains, "max": np.zeros(stage.chains)}
    return np.concatenate([kinds[pooling.kind][pooling.filled].mean(1) for pooling in stage.poolings]), chains


def plan_levels(
    design: ParallelDesign,
    program: Program,
    options: NeuronOptions | None = None,
    kind: Kind | None = None,
    weights: Mapping[str, Array] | None = None,
    targets: Sequence[Array] | None = None,
) -> Levels:
    """Levels of every stage, for chains at the weight scales of `program` (of the copies, or of sequential hardware).

    `kind`: the neurons of a network that was trained with ReLUs (default the ideal one). `weights`: by layer, those of
    each chain [groups, outputs, taps] as its circuit holds them, for the trim of the offset (default trained ones).
    `targets`: by stage, outputs of its trained neurons for a batch of images [..., neurons]. Raises InputError where an
    amplifier cannot give what a bus needs, or a trained activation is asked to be another one.
    """
    options, paths = options or NeuronOptions(), all_paths(design)
    stages = []
    for number, stage in enumerate(design.stages):
        unit = _unit(design, number, program.layer(stage.layer.name).weight_scale)
        held = stage.copies.matrix if weights is None else weights[stage.layer.name]
        rest, trim = _rest(design, number, unit, held)
        stage_levels = StageLevels(paths[number], unit, rest, options, trim)
        links = []
        for link in design.network.links(number):
            batch = None if targets is None else np.ravel(targets[number][..., link.feed.values])
            links.append(_link_levels(design, number, stage_levels, link, paths[link.to], kind, batch))
        stages.append(replace(stage_levels, links=tuple(links)))
    return Levels(design, program.method, tuple(stages))


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
    oscillator = link.options.oscillator(link.kind, levels.impedance)
    return tone_power(levels, link, oscillator.power(link.current(voltage)))


def tone_power(levels: Levels, link: LinkLevels, power: Array) -> Array:
    """Tone power in the resonators that listen, units of p_max, for the oscillators' powers in W [..., tones]."""
    sources = _Sources.of(levels.stages[link.link.to].paths, link.span)
    live = sources.live
    amplifier = link.options.amplifier(levels.impedance)
    driven = np.sqrt(2 * levels.impedance * power[..., live]) * (link.gain[live] / amplifier.gain)
    out = amplifier.compressed(driven, sources.frequency[live])
    result = np.zeros(power.shape)
    result[..., live] = (2 * out / sources.emf[live]) ** 2
    return result
