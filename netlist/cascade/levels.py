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
from resonet.core.types import Array
from resonet.netlist.cascade.paths import ParallelDesign, TonePaths, all_paths
from resonet.netlist.cascade.stages import Stage
from resonet.netlist.design.neuron_options import IDEAL, Kind, NeuronOptions
from resonet.netlist.network.activations.base import Neuron
from resonet.netlist.planning.frequency_plan import FrequencyPlan
from resonet.netlist.programming.methods import Method, Program

__all__ = ["Knees", "Levels", "StageLevels", "activate", "plan_levels", "sums_of", "tone_power", "voltages_of"]

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
class StageLevels:
    """Levels of one stage: the tones into it, its chains, and its neurons (none behind the logits)."""

    paths: TonePaths  # of the tones into the stage
    unit: Array  # [chains] V at the neuron's input per unit of the trained network's sum; pooled chains have the same
    rest: Array  # [chains] V that the offset of the stage's tones puts there at an input of zero
    options: NeuronOptions
    kind: Kind | None = None  # of the neurons; None where the chains are the outputs
    gm: Array = field(default_factory=_none)  # [neurons] A/V
    drive: float = 0.0  # ξ - 1 per unit of the sum
    bias: Array = field(default_factory=_none)  # [neurons] A at no voltage, or at the first knee
    knees: Knees | None = None  # of transconductors that are not straight; there is no gm then
    ceiling: float = np.inf  # output at the clamp, where the activation has one
    reference: float = 0.0  # W of the oscillator, into a matched load, that the amplifier turns into p_max
    gain: Array = field(default_factory=_none)  # [neurons] small-signal voltage gain, matched to matched

    def current(self, voltage: Array) -> Array:
        """Drive currents of the oscillators, A, for voltages at the neurons' inputs [..., neurons]."""
        if self.knees is None:
            return self.bias + self.gm * voltage
        return np.asarray(sum(self.knees.currents(self.bias, voltage)))

    def supplied(self, voltage: Array) -> Array:
        """What the transconductors draw from the supply, A, likewise: they source current, or sink one another's."""
        if self.knees is None:
            return np.maximum(self.current(voltage), 0)
        return np.asarray(sum(map(np.abs, self.knees.currents(self.bias, voltage))))


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
    if kind == IDEAL:
        return float(oscillator.power((1 + drive * full_scale) * ith))
    outputs = np.linspace(0, full_scale, FIT_POINTS) if targets is None else targets
    powers = oscillator.power((1 + drive * outputs) * ith)
    return float(full_scale * (powers @ powers) / (powers @ outputs))


def _amplifier_gain(layer: str, options: NeuronOptions, reference: float, paths: TonePaths, impedance: float) -> Array:
    """Gain of every tone's amplifier: `reference` in, half of the source EMF out, compression and pole included."""
    gain = np.zeros(paths.tones)
    live = paths.ways > 0
    amplifier = options.amplifier(impedance)
    out, f = 0.5 * paths.source[live], paths.frequency[live]
    try:
        gain[live] = amplifier.drive_for(out, f) * amplifier.gain / np.sqrt(2 * impedance * reference)
    except InputError as error:
        raise InputError(f"layer {layer}: {error}; neuron.p1db is {options.p1db:g} W here") from None
    return gain


def _trimmed_zero(options: NeuronOptions, paths: TonePaths, impedance: float, part: float) -> Array:
    """Power of the oscillator, part of the reference, at which every tone carries that part of p_max, [tones].

    The amplifier compresses a full tone more than that of an offset, which would be too strong by as much.
    """
    trimmed, live = np.full(paths.tones, part), paths.ways > 0
    amplifier, out, f = options.amplifier(impedance), 0.5 * paths.source[live], paths.frequency[live]
    trimmed[live] = (amplifier.drive_for(np.sqrt(part) * out, f) / amplifier.drive_for(out, f)) ** 2
    return trimmed


def _neurons(
    design: ParallelDesign,
    number: int,
    stage_levels: StageLevels,
    paths: TonePaths,
    requested: Kind | None,
    targets: Array | None,
) -> StageLevels:
    """Levels of a stage with those of its neurons."""
    stage = design.stages[number]
    neuron = stage.activation.neuron(design.design.fit(stage.activation_layer))
    options, kind = _trained_options(neuron, stage_levels.options), _kind(stage, neuron, requested)
    zero, full_scale = design.scale(number + 1)
    if trained := neuron.oscillator:
        drive, zero = trained.drive, 0.0
    elif np.isfinite(neuron.ceiling):
        drive = (options.clamp - 1) / max(neuron.ceiling + zero, full_scale)
    else:
        drive = options.headroom * (options.clamp - 1) / full_scale
    ith = options.threshold_current
    reference = _reference(neuron, kind, options, drive, full_scale, targets)
    complete = replace(
        stage_levels,
        options=options,
        kind=kind,
        drive=drive,
        reference=reference,
        ceiling=neuron.ceiling,
        gain=_amplifier_gain(stage.layer.name, options, reference, paths, design.plan.circuit.impedance),
    )
    rest, unit = stage_levels.rest[stage.first], stage_levels.unit[stage.first]
    impedance = design.plan.circuit.impedance
    at_zero = full_scale * _trimmed_zero(options, paths, impedance, zero / full_scale) if zero else 0.0
    if neuron.curve is None:
        gm = drive * ith / unit
        return replace(complete, gm=gm, bias=ith * (1 + drive * (stage.bias + at_zero)) - gm * rest)
    slopes = neuron.curve.slopes(stage.neurons) * (drive * ith / unit)[:, None]
    volts = (neuron.curve.corners - stage.bias[:, None]) * unit[:, None] + rest[:, None]
    first = ith * (1 + drive * (neuron.curve.values[0] + at_zero)) + np.zeros(stage.neurons)
    return replace(complete, bias=first, knees=Knees(volts, slopes[:, 0], np.diff(slopes, axis=1)))


def _raised(stage: Stage) -> Array:
    """How much more than the layer's scale says each chain of a stage holds, [chains]."""
    return np.ones(stage.chains) if stage.copies.raised is None else stage.copies.raised.ravel()


def plan_levels(
    design: ParallelDesign,
    program: Program,
    options: NeuronOptions | None = None,
    kind: Kind | None = None,
    sums: Mapping[str, Array] | None = None,
    targets: Sequence[Array] | None = None,
) -> Levels:
    """Levels of every stage, for chains at the weight scales of `program` (of the copies, or of sequential hardware).

    `kind`: the neurons of a network that was trained with ReLUs (default the ideal one). `sums`: by layer, the sum of
    each chain's weights [groups, outputs] as its circuit holds them, for the trim of the offset (default trained ones).
    `targets`: by stage, outputs of its trained neurons for a batch of images, any shape. Raises InputError where an
    amplifier cannot give what a bus needs, or a trained activation is asked to be another one.
    """
    options, paths = options or NeuronOptions(), all_paths(design)
    p_max = design.plan.options.p_max
    stages = []
    for number, stage in enumerate(design.stages):
        offset, full_scale = design.scale(number)
        unit = program.layer(stage.layer.name).weight_scale * p_max / full_scale * _raised(stage)
        weight_sums = stage.copies.matrix.sum(2) if sums is None else sums[stage.layer.name]
        stage_levels = StageLevels(paths[number], unit, unit * offset * weight_sums.ravel(), options)
        if number + 1 < len(design.stages):
            batch = None if targets is None else np.ravel(targets[number])
            stage_levels = _neurons(design, number, stage_levels, paths[number + 1], kind, batch)
        stages.append(stage_levels)
    return Levels(design, program.method, tuple(stages))


def sums_of(levels: Levels, number: int, voltage: Array) -> Array:
    """Weighted sums plus bias of the trained network that voltages at a stage's neurons [..., neurons] stand for."""
    stage_levels, stage = levels.stages[number], levels.parallel.stages[number]
    return np.asarray((voltage - stage_levels.rest[stage.first]) / stage_levels.unit[stage.first] + stage.bias)


def voltages_of(levels: Levels, number: int, sums: Array) -> Array:
    """The inverse of `sums_of`, V."""
    stage_levels, stage = levels.stages[number], levels.parallel.stages[number]
    return np.asarray((sums - stage.bias) * stage_levels.unit[stage.first] + stage_levels.rest[stage.first])


def activate(levels: Levels, number: int, voltage: Array) -> Array:
    """Power of the tones that a stage's neurons make, in units of p_max, from the voltages at their inputs.

    voltage [..., neurons] in V, of the pooled chains; the result is what arrives in the resonators of the next stage.
    """
    stage = levels.stages[number]
    if stage.kind is None:
        raise InputError(f"stage {number}: no neurons behind the logits")
    oscillator = stage.options.oscillator(stage.kind, levels.impedance)
    return tone_power(levels, number, oscillator.power(stage.current(voltage)))


def tone_power(levels: Levels, number: int, power: Array) -> Array:
    """Tone power in the next stage's resonators, units of p_max, for the oscillators' powers in W [..., neurons]."""
    stage, paths = levels.stages[number], levels.stages[number + 1].paths
    live = paths.ways > 0
    amplifier = stage.options.amplifier(levels.impedance)
    driven = np.sqrt(2 * levels.impedance * power[..., live]) * (stage.gain[live] / amplifier.gain)
    out = amplifier.compressed(driven, paths.frequency[live])
    result = np.zeros(power.shape)
    result[..., live] = (2 * out / paths.source[live]) ** 2
    return result
