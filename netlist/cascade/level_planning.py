"""Planning of levels: what follows for every stage and every oscillator from what a designer sets of the neurons.

`drive` belongs to the activation where the network was trained with the oscillator's; for a ReLU it is chosen: the full
scale of the stage that listens is at the part `headroom` of the oscillator's range. One with a ceiling meets the
oscillator's clamp there. The rest is in `levels`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array
from resonet.core.validity import warn
from resonet.netlist.cascade.levels import Knees, Levels, LinkLevels, Sources, StageLevels
from resonet.netlist.cascade.line_stages import LineWeights
from resonet.netlist.cascade.paths import ParallelDesign, TonePaths, all_paths
from resonet.netlist.cascade.stages import Link, Stage
from resonet.netlist.design.neuron_options import IDEAL, Kind, NeuronOptions
from resonet.netlist.design.noise_options import NoiseOptions
from resonet.netlist.network.activations.base import Neuron
from resonet.netlist.programming.methods import Program

__all__ = ["plan_levels"]

Held = Array | LineWeights  # what the chains of a stage hold, on buses and under strip lines
SAME_SEED = 0.1  # by which part the thermal power of training may be off
FIT_POINTS = 400  # of a ReLU's range, where there is no batch to fit an oscillator's curve to


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


def _own_options(layer: str, neuron: Neuron, kind: Kind, options: NeuronOptions, noise: NoiseOptions) -> NeuronOptions:
    """Options of a layer's oscillators: their thermal power, and what a trained activation says of them.

    The temperature is that of the hardware, whatever training assumed.
    """
    if kind == IDEAL:
        return options
    options, trained = options.in_thermal_bath(noise), neuron.oscillator
    if trained is None:
        return options
    if abs(trained.seed - options.seed) > SAME_SEED * options.seed:
        warn(
            "thermal-seed",
            f"layer {layer}: trained with oscillators of the thermal power {trained.seed:g}, those of the hardware "
            f"have {options.seed:.3g}; possible: training with that, or neuron.seed = {trained.seed:g}",
            trained.seed,
            options.seed,
        )
    return replace(options, clamp=trained.clamp, nonlinear_damping=trained.qnl)


def _reference(
    neuron: Neuron,
    kind: Kind,
    options: NeuronOptions,
    levels: tuple[float, float, float],
    targets: Array | None,
) -> float:
    """Oscillator power, W, that stands for the next stage's full scale; `levels`: drive, that full scale, impedance.

    Of a trained oscillator and of the ideal one it is exact. Another one that stands in is fitted: least squares of
    P(ξ) / reference against the trained output, over `targets` (outputs of the trained neurons) or evenly.
    """
    drive, full_scale, impedance = levels
    oscillator, ith = options.oscillator(kind, impedance), options.threshold_current
    if trained := neuron.oscillator:
        return float(oscillator.power(options.clamp * ith) * full_scale / trained.scale)
    if kind == IDEAL:  # whose power is linear: a full scale that others set may be beyond its own clamp
        beyond = max(drive * full_scale / (options.clamp - 1), 1.0)
        return beyond * float(oscillator.power(min(1 + drive * full_scale, options.clamp) * ith))
    outputs = np.linspace(0, full_scale, FIT_POINTS) if targets is None else targets
    powers = oscillator.power((1 + drive * outputs) * ith)
    return float(full_scale * (powers @ powers) / (powers @ outputs))


def _amplifier_gain(layer: str, options: NeuronOptions, reference: float, sources: Sources, impedance: float) -> Array:
    """Gain of every tone's amplifier: `reference` in, half of the source EMF out, compression and pole included."""
    gain, live = np.zeros(len(sources.emf)), sources.live
    amplifier = options.amplifier(impedance)
    out, f = 0.5 * sources.emf[live], sources.frequency[live]
    try:
        gain[live] = amplifier.drive_for(out, f) * amplifier.gain / np.sqrt(2 * impedance * reference)
    except InputError as error:
        raise InputError(f"layer {layer}: {error}; neuron.p1db is {options.p1db:g} W here") from None
    return gain


def _trimmed_zero(options: NeuronOptions, sources: Sources, impedance: float, part: float) -> Array:
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
    kind = _kind(stage, neuron, requested)
    options = _own_options(stage.layer.name, neuron, kind, stage_levels.options, design.design.parameters.noise)
    zero, full_scale = design.zero(link.to, link.feed), design.scale(link.to)[1]
    if trained := neuron.oscillator:
        drive, carried = trained.drive, 0.0
    elif np.isfinite(neuron.ceiling):
        drive, carried = (options.clamp - 1) / (neuron.ceiling + zero), zero
    else:
        drive, carried = options.headroom * (options.clamp - 1) / full_scale, zero
    ith, impedance = options.threshold_current, paths.impedance
    reference = _reference(neuron, kind, options, (drive, full_scale, impedance), targets)
    sources = Sources.of(paths, slice(link.start, link.start + len(which)))
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


def _unit(design: ParallelDesign, number: int, program: Program, held: Held) -> Array:
    """Voltage of every chain of a stage per unit of its sum, V [chains]."""
    stage, raised = design.stages[number], design.stages[number].copies.raised
    weight_scale = held.scale if isinstance(held, LineWeights) else program.layer(stage.layer.name).weight_scale
    unit = weight_scale * design.plan.options.p_max / design.scale(number)[1]
    found = unit * (np.ones(stage.chains) if raised is None else raised.ravel())
    if any((found[pooling.filled] != found[pooling.filled[:, :1]]).any() for pooling in stage.poolings):
        raise InputError(
            f"layer {stage.layer.name}: a pool of neurons that have scales of their own; possible: plan.scale = layer"
        )
    return found


def _rest(design: ParallelDesign, number: int, unit: Array, held: Held) -> tuple[Array, Array | None]:
    """`rest` and `trim` of a stage; on buses weights [groups, outputs, taps].

    Where the offset puts the chains of a maximum at different levels, its arms take that off before they compare.
    """
    stage, offset = design.stages[number], design.scale(number)[0]
    if not offset:
        return np.zeros(stage.neurons), None
    if isinstance(held, LineWeights):
        zeros = [np.full(len(feed.values), design.zero(number, feed)) for feed in stage.feeds]
        chains = unit * (held.matrix @ np.concatenate(zeros))
    else:
        chains = unit * offset * (held * stage.offsets(offset)[:, None]).sum(2).ravel()
        if stage.pools_alike(offset):
            return chains[stage.first], None
    kinds = {"none": chains, "average": chains, "max": np.zeros(stage.chains)}
    return np.concatenate([kinds[pooling.kind][pooling.filled].mean(1) for pooling in stage.poolings]), chains


def plan_levels(
    design: ParallelDesign,
    program: Program,
    options: NeuronOptions | None = None,
    kind: Kind | None = None,
    weights: Mapping[str, Held] | None = None,
    targets: Sequence[Array] | None = None,
) -> Levels:
    """Levels of every stage, for chains at the weight scales of `program` (of the copies, or of sequential hardware).

    `kind`: the neurons of a network that was trained with ReLUs (default the ideal one). `weights`: by layer, those of
    each chain [groups, outputs, taps] as its circuit holds them, for the trim of the offset (default trained ones);
    of layers on strip lines they must be there, and say their scale themselves.
    `targets`: by stage, outputs of its trained neurons for a batch of images [..., neurons]. Raises InputError where an
    amplifier cannot give what a bus needs, or a trained activation is asked to be another one.
    """
    options, paths = options or NeuronOptions(), all_paths(design)
    stages = []
    for number, stage in enumerate(design.stages):
        held = stage.copies.matrix if weights is None else weights[stage.layer.name]
        unit = _unit(design, number, program, held)
        rest, trim = _rest(design, number, unit, held)
        stage_levels = StageLevels(paths[number], unit, rest, options, trim)
        links = []
        for link in design.network.links(number):
            batch = None if targets is None else np.ravel(targets[number][..., link.feed.values])
            links.append(_link_levels(design, number, stage_levels, link, paths[link.to], kind, batch))
        stages.append(replace(stage_levels, links=tuple(links)))
    return Levels(design, program.method, tuple(stages))
