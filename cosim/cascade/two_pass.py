"""The two-pass cascade: images through all stages with the effective weights and the static law of every neuron.

A stage is a product with its effective weights (two-pass method), a pool, and the neurons' law I -> P, all settled.
Under strip lines it is what one read gives: `interfering` weights have the lines of one frequency beat.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array
from resonet.core.watching import Done
from resonet.cosim.noise.noisy import NoisyWeights
from resonet.cosim.strip.held import StripWeights
from resonet.cosim.weights.held import HeldWeights
from resonet.netlist.cascade.levels import Levels, activate, sums_of
from resonet.netlist.cascade.line_stages import LineStage, LineWeights
from resonet.netlist.cascade.paths import ParallelDesign
from resonet.netlist.cascade.stages import ParallelNetwork, Pooling, Stage
from resonet.netlist.network.cnn import IMAGE

__all__ = [
    "CascadeRun",
    "StageValues",
    "carried_by",
    "cascade",
    "chain_weights",
    "pixel_tones",
    "pool",
    "stage_pixels",
    "stage_weights",
    "tones_into",
    "trained_stages",
]


@dataclass(frozen=True, slots=True, eq=False)
class StageValues:
    """What a stage did to a batch, in the units of the trained network."""

    sums: Array  # [n, neurons] weighted sum plus bias at the neurons' inputs, pooled
    outputs: Array  # [n, tones] what they make of it, one stage that they feed after another; the sums where none is


@dataclass(frozen=True, slots=True, eq=False)
class CascadeRun:
    """A batch of images through the hardware."""

    logits: Array  # [n, classes]
    stages: tuple[StageValues, ...]


def stage_weights(stage: Stage, held: HeldWeights) -> Array:
    """Weights of every copy of a stage's kernels on buses, [groups, outputs, taps].

    `held` may come from the parallel hardware or from the sequential one, which has one copy of every kernel.
    """
    if held.values.shape == stage.copies.matrix.shape:
        return held.values
    return np.asarray(held.values[stage.original_group])


def chain_weights(design: ParallelDesign, number: int, held: HeldWeights) -> Array | LineWeights:
    """What the chains of a stage hold: `stage_weights` on buses, of all tones under strip lines."""
    stage, line = design.stages[number], design.lines[number]
    if line is None:
        return stage_weights(stage, held)
    if not isinstance(held, StripWeights):
        raise InputError(f"layer {stage.layer.name}: weights of chains on buses; possible: of strip lines")
    return LineWeights(line.matrix(held.values, stage.tones), held.scale / held.gain)


def stage_pixels(design: ParallelDesign, number: int, images: Array) -> Array:
    """Power of the pixels' tones into a stage, units of p_max, [n, tones]; of none where it listens to neurons only."""
    pixels = design.network.cnn.sent(images).reshape(len(images), -1)
    values = [feed.values for feed in design.stages[number].feeds if feed.source == IMAGE]
    return design.input_scale(number).carried(pixels[:, values[0]] if values else pixels[:, :0])


def pixel_tones(design: ParallelDesign, images: Array) -> Array:
    """Power of the pixels' tones into all stages, one after another, units of p_max, [n, tones]."""
    return np.concatenate([stage_pixels(design, n, images) for n in range(len(design.stages))], axis=1)


def tones_into(levels: Levels, number: int, images: Array, outputs: Sequence[Array]) -> Array:
    """Powers of the tones into a stage, units of p_max, [n, tones], from `outputs` [n, tones] of the stages before it.

    `images` [1 or n, *input_shape].
    """
    n = len(outputs[0]) if outputs else len(images)
    pixels = stage_pixels(levels.parallel, number, images)
    parts = [np.broadcast_to(pixels, (n, pixels.shape[1]))]
    for source, made in enumerate(outputs):
        start = 0
        for link in levels.stages[source].links:
            if link.link.to == number:
                parts.append(link.tones(made[:, start : start + len(link.neurons)]))
            start += len(link.neurons)
    return np.concatenate(parts, axis=1)


def pool(levels: Levels, number: int, voltages: Array) -> Array:
    """Voltages at the neurons' inputs, [..., neurons], from those of the chains [..., chains]."""
    return np.concatenate(
        [_pooled(levels, number, pooling, voltages) for pooling in _poolings(levels, number)], axis=-1
    )


def _poolings(levels: Levels, number: int) -> tuple[Pooling, ...]:
    return levels.parallel.stages[number].poolings


def _pooled(levels: Levels, number: int, pooling: Pooling, voltages: Array) -> Array:
    """Voltages at the inputs of some neurons of a stage."""
    match pooling.kind:
        case "none":
            return np.asarray(voltages[..., pooling.members[:, 0]])
        case "average":
            return np.asarray(voltages[..., pooling.members].mean(-1))
        case "max":
            # What the zero of the tones adds differs from chain to chain only where padding does not count: it is
            # trimmed.
            trim = levels.stages[number].trim
            trimmed = voltages if trim is None else voltages - trim
            inputs = np.where(pooling.members < 0, -np.inf, trimmed[..., pooling.members])
            return np.asarray(levels.stages[number].options.maximum().maximum(inputs, -1))


def trained_stages(network: ParallelNetwork, images: Array) -> tuple[StageValues, ...]:
    """What the trained network does with images [n, *input_shape], in the order of the hardware's neurons.

    `outputs` [n, neurons] are those of its activations.
    """
    pixels, stages = network.cnn.sent(images).reshape(len(images), -1), list[StageValues]()
    for stage in network.stages:
        inputs = [pixels if f.source == IMAGE else stages[f.source].outputs for f in stage.feeds]
        x = np.concatenate([part[:, feed.values] for part, feed in zip(inputs, stage.feeds, strict=True)], axis=1)
        chains = _chains(stage, stage.copies.matrix, np.concatenate([x, np.zeros((len(x), 2))], axis=1))
        parts = []
        for pooling in stage.poolings:
            pooled = np.where(pooling.members < 0, -np.inf, chains[:, pooling.members])
            parts.append(pooled.mean(-1) if pooling.kind == "average" else pooled.max(-1))
        sums = np.concatenate(parts, axis=1) + stage.bias
        stages.append(StageValues(sums, stage.activation(sums)))
    return tuple(stages)


def _chains(stage: Stage, weights: Array, padded: Array) -> Array:
    """Sums [n, chains] of weights [groups, outputs, taps] over values [n, tones + 2], of padded pixels at the end."""
    inputs = padded[:, stage.wires].swapaxes(0, 1)  # [groups, n, taps]
    return np.asarray((inputs @ weights.swapaxes(1, 2)).swapaxes(0, 1).reshape(len(padded), -1))


def _of_copies(stage: Stage, held: HeldWeights) -> bool:
    """Whether weights are of each copy of the kernels, or of the one copy of sequential hardware."""
    return held.values.shape == stage.copies.matrix.shape


def _carried(stage: Stage, line: LineStage | None, held: HeldWeights, padded: Array) -> Array:
    """What padded tones [n, tones + 2] carry to the chains, as the weights take it.

    [groups, n, positions, taps], or [n, 1, lines] to chains under strip lines.
    """
    if line is not None:
        return padded[:, None, line.tone]
    inputs = padded[:, stage.wires]  # [n, copies, taps]
    n, copies, taps = inputs.shape
    groups = copies if _of_copies(stage, held) else stage.layer.groups
    return inputs.reshape(n, groups, copies // groups, taps).swapaxes(0, 1)


def carried_by(design: ParallelDesign, number: int, held: HeldWeights, tones: Array) -> Array:
    """What tones into a stage [n, tones] carry to the chains of some weights, as these take it."""
    return _carried(design.stages[number], design.lines[number], held, design.padded(number, tones))


def _read(design: ParallelDesign, number: int, held: HeldWeights, tones: Array) -> Array:
    """Products of all chains in one read [n, chains], for tones [n, tones] in units of p_max."""
    carrying = partial(_carried, design.stages[number], design.lines[number], held)
    carried = carrying(design.padded(number, tones))
    if isinstance(held, NoisyWeights):
        random = held.random
        shape = (len(tones), tones.shape[1] + 2)  # all that listen to a tone hear the same of it
        answers = held.read(carried, lambda: carrying(random.standard_normal(shape)))
    else:
        answers = held.answers(carried)
    return answers.transpose(1, 0, 3, 2).reshape(len(tones), -1)


def cascade(
    levels: Levels,
    held: Mapping[str, HeldWeights],
    images: Array,
    batch: int = 200,
    done: Done | None = None,
) -> CascadeRun:
    """Images [n, *input_shape] through the hardware; `held` by layer name, with noise where it is of `NoisyWeights`.

    Noise of the chains is drawn for every copy, that of a tone once for all that hear it. `done` is called after each
    batch.
    """
    if not len(images):
        raise InputError("no images; possible: at least one")
    parts = []
    for start in range(0, len(images), batch):
        parts.append(_batch(levels, held, images[start : start + batch]))
        if done:
            done()
    stages = tuple(
        StageValues(np.concatenate([p[n].sums for p in parts]), np.concatenate([p[n].outputs for p in parts]))
        for n in range(len(levels.stages))
    )
    return CascadeRun(levels.parallel.network.logits([stage.sums for stage in stages]), stages)


def _batch(levels: Levels, held: Mapping[str, HeldWeights], images: Array) -> list[StageValues]:
    """One batch through all stages."""
    design, stages = levels.parallel, list[StageValues]()
    made: list[list[Array]] = [[stage_pixels(design, n, images)] for n in range(len(design.stages))]
    for number, stage in enumerate(design.stages):
        tones, full_scale = np.concatenate(made[number], axis=1), design.scale(number)[1]
        products = _read(design, number, held[stage.layer.name], tones)
        volts = products * (levels.stages[number].unit * full_scale)
        at, outputs = pool(levels, number, volts), list[Array]()
        for link in levels.stages[number].links:
            powers = activate(levels, link, at)
            made[link.link.to].append(powers)
            outputs.append(link.outputs(powers))
        sums = sums_of(levels, number, at)
        stages.append(StageValues(sums, np.concatenate(outputs, axis=1) if outputs else sums))
    return stages
