"""The level diagram of a cascade, as RF engineers draw it: power of a tone stage by stage, noise floors, headrooms.

Powers of a tone of the part u of p_max, from its source to its resonator:

    source       EMF² u / (8 Z0)                     available; behind a neuron what its amplifier gives
    splitter     the same of the neediest arm: less by 10 log10(ways), for a splitter of that many ways
    bus          (EMF of the bus)² u / (8 Z0)        available; less by 10 log10(tones) and the combiner's loss
    resonator    ½ |i|² R0 u                         less by mismatch, and by what the other chains of the bus take

Under strip lines splitter and bus are the line itself, and the resonator is the one that gets most: `weakest` is the
far end of an attenuating line. Before it, of a neuron's tone: voltage of its chains, drive current, power of the
oscillator. Noise floors: k T B in the linewidth B = f/Q of the resonator; noise of the amplifier in the same; at the DC
side the budget of `noise/budget`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array, Bools
from resonet.cosim.cascade.hardware import Hardware
from resonet.cosim.cascade.line_dynamics import line_drive
from resonet.cosim.cascade.line_noise import NoisyLines
from resonet.cosim.cascade.two_pass import carried_by, cascade, tones_into
from resonet.cosim.noise.budget import LayerBudget, Tally
from resonet.cosim.noise.noisy import NoisyWeights
from resonet.cosim.weights.bus_answers import bus_powers
from resonet.models.circuit.noise import BOLTZMANN
from resonet.models.resonator.linear_range import linear_limit
from resonet.netlist.cascade.levels import Levels, LinkLevels, voltages_of
from resonet.netlist.design.feed_options import FeedKind
from resonet.netlist.network.cnn import IMAGE

__all__ = [
    "LayerLevels",
    "LevelDiagram",
    "NeuronLevel",
    "ToneLevel",
    "dbm",
    "level_diagram",
]

LINEAR = 1.01  # of p_max: the scales just hold the calibration batch, and the circuit's errors come on top
MOST_IMAGES = 200
AT_ONCE = 20  # images
SILENT = 1e-9  # of a layer's full scale: neurons below have none, but rounding
WHICH = ("largest", "median", "smallest")


@dataclass(frozen=True, slots=True)
class NeuronLevel:
    """What makes a tone."""

    voltage: float  # V at the transconductor, of the pooled chains
    current: float  # A through the oscillator
    overdrive: float  # current over threshold current, ξ
    oscillator: float  # W into a matched load
    amplifier: float  # W at a matched load
    p1db: float  # W, output of the amplifier at 1 dB compression


@dataclass(frozen=True, slots=True)
class ToneLevel:
    """One tone into a layer, W."""

    layer: str
    which: str  # of the non-zero tones of the batch: largest, median, smallest
    image: int
    tone: int
    frequency: float  # Hz
    part: float  # of p_max
    ways: int  # buses that need it
    inputs: int  # tones on its bus, 1 on a line
    source: float
    splitter: float
    bus: float
    resonator: float
    neuron: NeuronLevel | None  # None for a pixel
    weakest: float  # in the resonator that gets least of it
    feed: FeedKind = "bus"  # of the layer; on a strip line `splitter` and `bus` are the line


@dataclass(frozen=True, slots=True)
class LayerLevels:
    """Noise floors and headrooms of a layer; of its neurons nan behind the last."""

    layer: str
    tone_noise: float  # W in a resonator's linewidth, k T B, at the layer's highest channel
    chain_noise: float  # V rms at the transconductor, of all sources
    full_scale: float  # V, largest voltage at a transconductor, without what is trimmed off
    beyond: float  # share of its inputs beyond what tones carry: pixels that are cut off, tones above p_max
    p_max: float  # dB from the largest power in a resonator to p_max
    linear: float  # dB from there to the power up to which a resonator answers as the linear law says
    overdrive: float  # largest ξ of its oscillators
    clamp: float  # dB of current from there to the clamp
    clipped: float  # share of activations beyond the clamp
    p1db: float  # dB from the largest amplifier output to 1 dB compression
    amplifier_noise: float  # W at the amplifiers' outputs in a linewidth, the largest
    worst_neuron: int  # with the least full scale above zero, counted over the groups: where the noise counts most
    worst_full_scale: float  # V, of that neuron at all its positions
    weakest: float  # part of p_max that the weakest full tone carries (plan.levels)
    mean: float  # part of p_max that full tones carry on the average


@dataclass(frozen=True, slots=True)
class LevelDiagram:
    """Levels of a network over a batch of images."""

    images: int
    p_max: float  # W
    linear_power: float  # W, of a tone, up to which a resonator answers as the linear law says
    temperature: float  # K
    tones: tuple[ToneLevel, ...]
    layers: tuple[LayerLevels, ...]
    budgets: tuple[LayerBudget, ...]


def dbm(watts: float) -> float:
    """Power in dBm, of W above 0."""
    return 10 * float(np.log10(watts)) + 30


def _per_part(levels: Levels, number: int) -> tuple[Array, Array]:
    """Power in the resonators that a branch is meant for, [branches], W at p_max: the most, and the least."""
    plan, entry, paths = levels.plan, levels.parallel.entry(number), levels.stages[number].paths
    watts = np.zeros(len(paths.tone))
    if (line := levels.parallel.lines[number]) is not None:
        reached, least = line_drive(line).reached(line) * plan.options.p_max, np.full(len(watts), np.inf)
        np.maximum.at(watts, line.usage.line, reached)
        np.minimum.at(least, line.usage.line, reached)
        return watts, least
    for b, power in enumerate(bus_powers(plan, entry)):
        at = paths.bus == b
        diagonal = np.diagonal(power)[paths.slot[at]]
        watts[at] = 0.5 * plan.device.resistance * diagonal * plan.options.p_max
    return watts, watts


def _chosen(layer: str, tones: Array, live: Bools) -> list[tuple[int, int]]:
    """Image and tone of the largest, the median and the smallest non-zero one of [n, tones]."""
    rows, columns = np.nonzero((tones > 0) & live)
    if not len(rows):
        raise InputError(
            f"layer {layer}: no tone above zero in the whole batch; possible: images that are not black, a network in "
            "which something gets that far"
        )
    order = np.argsort(tones[rows, columns], kind="stable")
    picked = order[[-1, len(order) // 2, 0]]
    return [(int(rows[i]), int(columns[i])) for i in picked]


def _neuron(levels: Levels, number: int, tone: int, volts: Sequence[Array]) -> NeuronLevel | None:
    """The neuron behind a tone into stage `number`, from the voltages [neurons] of every stage; None for a pixel."""
    z0, f = levels.stages[number].paths.impedance, levels.stages[number].paths.frequency[tone]
    for source, stage_levels in enumerate(levels.stages[:number]):
        for link in stage_levels.links:
            t = tone - link.link.start
            if link.link.to != number or not 0 <= t < len(link.neurons):
                continue
            current, voltage = float(link.current(volts[source])[t]), float(volts[source][link.neurons[t]])
            power = float(link.options.oscillator(link.kind, z0).power(current))
            amplifier = link.options.amplifier(z0, float(link.gain[t]))
            out = float(amplifier.compressed(np.sqrt(2 * z0 * power), f))
            overdrive = current / link.options.threshold_current
            return NeuronLevel(voltage, current, overdrive, power, out**2 / (2 * z0), amplifier.p1db)
    return None


def _tone(
    levels: Levels, number: int, which: str, at: tuple[int, int], part: float, per_part: tuple[Array, Array]
) -> ToneLevel:
    """Levels of a tone of the part `part` from its source on, by its neediest branch."""
    (image, tone), paths, z0 = at, levels.stages[number].paths, levels.stages[number].paths.impedance
    branches = np.flatnonzero(paths.tone == tone)
    branch = int(branches[paths.emf[branches].argmax()])
    if levels.parallel.lines[number] is None:
        bus = levels.parallel.entry(number).buses[paths.bus[branch]]
        emf, inputs = bus.levels[paths.slot[branch]] ** 2 * levels.plan.options.p_max, len(bus.taps)
    else:
        emf, inputs = paths.emf[branch] ** 2, 1
    return ToneLevel(
        levels.parallel.stages[number].layer.name,
        which,
        image,
        tone,
        float(paths.frequency[tone]),
        part,
        int(paths.ways[tone]),
        inputs,
        float(paths.source[tone] ** 2 * part / (8 * z0)),
        float(paths.emf[branch] ** 2 * part / (8 * z0)),
        float(emf * part / (8 * z0)),
        float(per_part[0][branch] * part),
        None,
        float(per_part[1][branches].min() * part),
        "bus" if levels.parallel.lines[number] is None else "stripline",
    )


def _decibel(part: float) -> float:
    return 10 * float(np.log10(part)) if part > 0 else float("inf")


@dataclass(slots=True)
class _Driven:
    """Headrooms of the oscillators of a stage over all that they feed; nan where they feed nothing."""

    overdrive: float = float("nan")
    clamp: float = float("nan")
    clipped: float = float("nan")
    p1db: float = float("nan")
    amplifier_noise: float = float("nan")


def _driven(levels: Levels, number: int, voltages: Array, parts: Sequence[Array]) -> _Driven:
    """Headrooms behind a stage, for voltages [n, neurons]; `parts` are the tones [n, tones] into every stage."""
    found, clipped, activations = _Driven(), 0, 0
    for link in levels.stages[number].links:
        xi = link.current(voltages) / link.options.threshold_current
        activations += xi.size
        if not np.isfinite(link.ceiling):  # a clamp of the trained activation is meant
            clipped += int((xi > link.options.clamp).sum())
        following = levels.stages[link.link.to].paths.source[link.span] ** 2 * parts[link.link.to].max(0)[link.span]
        out = float((following / (8 * levels.impedance(link))).max())
        found.overdrive = float(np.fmax(found.overdrive, xi.max()))
        found.clamp = float(np.fmin(found.clamp, 2 * _decibel(link.options.clamp / max(float(xi.max()), 1e-300))))
        found.p1db = float(np.fmin(found.p1db, _decibel(link.options.p1db / max(out, 1e-300))))
        found.amplifier_noise = float(np.fmax(found.amplifier_noise, _amplifier_noise(levels, link)))
        found.clipped = clipped / activations
    return found


def _layer(
    levels: Levels,
    number: int,
    parts: Sequence[Array],
    voltages: Array,
    per_part: Array,
    beyond: float,
    noise: float,
) -> LayerLevels:
    """Noise floors and headrooms of a stage with that `noise`, V; `parts` are the tones [n, tones] into every stage."""
    design, stage_levels, stage = levels.parallel, levels.stages[number], levels.parallel.stages[number]
    device, paths = design.plan.device, stage_levels.paths
    live = paths.tone >= 0
    largest = float((per_part[live] * parts[number].max(0)[paths.tone[live]]).max())
    trimmed = voltages - stage_levels.rest
    driven = _driven(levels, number, voltages, parts)
    return LayerLevels(
        stage.layer.name,
        BOLTZMANN * design.design.parameters.noise.temperature * float(paths.channel.max()) / device.quality,
        noise,
        float(np.abs(trimmed).max()),
        beyond,
        _decibel(design.plan.options.p_max / max(largest, 1e-300)),
        _decibel(linear_limit(device) / max(largest, 1e-300)),
        driven.overdrive,
        driven.clamp,
        driven.clipped,
        driven.p1db,
        driven.amplifier_noise,
        *_worst(levels, number, trimmed),
        *((1.0, 1.0) if design.lines[number] is not None else design.entry(number).carries),
    )


def _worst(levels: Levels, number: int, trimmed: Array) -> tuple[int, float]:
    """Neuron of a stage's layer with the least full scale above zero, and that, V; `trimmed` [n, neurons] in V."""
    stage = levels.parallel.stages[number]
    group, output = np.divmod(stage.first, stage.layer.outputs)
    channel = group // stage.layer.positions * stage.layer.outputs + output
    scale = np.zeros(len(stage.layer.weight))
    np.maximum.at(scale, channel, np.abs(trimmed).max(0))
    live = scale > SILENT * scale.max()
    worst = int(np.where(live, scale, np.inf).argmin()) if live.any() else 0
    return worst, float(scale[worst])


def _amplifier_noise(levels: Levels, link: LinkLevels) -> float:
    """Largest noise of the amplifiers of a link at their outputs in a linewidth of the resonators that listen, W."""
    paths, quality = levels.stages[link.link.to].paths, levels.plan.device.quality
    live = paths.ways[link.span] > 0
    f, gain = paths.frequency[link.span][live], link.gain[live]
    amplifier = link.options.amplifier(levels.impedance(link))
    density = amplifier.noise_power(f) * (gain / amplifier.gain) ** 2
    return float((density * f / quality).max())


def _beyond(levels: Levels, number: int, tones: Array, images: Array) -> float:
    """Share of a stage's inputs that are beyond what tones carry: pixels that are cut off, tones above p_max."""
    stage, paths = levels.parallel.stages[number], levels.stages[number].paths
    pixels = [feed.values for feed in stage.feeds if feed.source == IMAGE]
    made, beyond, count = tones[:, sum(map(len, pixels)) :], 0, 0
    for values in pixels:
        x = levels.parallel.network.cnn.sent(images).reshape(len(images), -1)[:, values]
        x = (x + levels.parallel.scale(number)[0]) / levels.parallel.scale(number)[1]
        beyond, count = beyond + int(((x > LINEAR) | (x < 1 - LINEAR)).sum()), count + x.size
    made = made[:, paths.ways[tones.shape[1] - made.shape[1] :] > 0]
    return (beyond + int((made > LINEAR).sum())) / (count + made.size)


def _budget(held: NoisyWeights, levels: Levels, number: int, tones: Array) -> LayerBudget:
    """Noise budget of a stage, for tones [n, tones]; under strip lines every chain counts as a neuron."""
    stage, lines = levels.parallel.stages[number], isinstance(held, NoisyLines)
    tally = Tally(held.flat, 1) if isinstance(held, NoisyLines) else Tally(held, stage.layer.groups)
    for start in range(0, len(tones), AT_ONCE):
        carried = carried_by(levels.parallel, number, held, tones[start : start + AT_ONCE])
        tally.add(carried[None] if lines else carried)
    return tally.budget()


def level_diagram(hardware: Hardware, images: Array) -> LevelDiagram:
    """Levels over a batch of images [n, *input_shape], the first `MOST_IMAGES` of it, by the two-pass cascade.

    Raises InputError.
    """
    levels, images = hardware.levels, np.asarray(images[:MOST_IMAGES], float)
    run, held = cascade(levels, hardware.answering, images), hardware.noisy()
    outputs = [stage.outputs for stage in run.stages]
    parts = [tones_into(levels, number, images, outputs[:number]) for number in range(len(levels.stages))]
    volts = [voltages_of(levels, number, stage.sums) for number, stage in enumerate(run.stages)]
    shown, layers, budgets = [], [], []
    for number, tones in enumerate(parts):
        per_part = _per_part(levels, number)
        name, live = levels.parallel.stages[number].layer.name, levels.stages[number].paths.ways > 0
        for which, at in zip(WHICH, _chosen(name, tones, live), strict=True):
            tone_level = _tone(levels, number, which, at, float(tones[at]), per_part)
            neuron = _neuron(levels, number, at[1], [voltages[at[0]] for voltages in volts])
            shown.append(replace(tone_level, neuron=neuron))
        beyond, budget = _beyond(levels, number, tones, images), _budget(held[name], levels, number, tones)
        layers.append(_layer(levels, number, parts, volts[number], per_part[0], beyond, budget.noise))
        budgets.append(budget)
    return LevelDiagram(
        len(images),
        levels.plan.options.p_max,
        linear_limit(levels.plan.device),
        hardware.holder.parameters.noise.temperature,
        tuple(shown),
        tuple(layers),
        tuple(budgets),
    )
