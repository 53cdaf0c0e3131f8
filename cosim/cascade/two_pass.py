"""The two-pass cascade: images through all stages with the effective weights and the static law of every neuron.

A stage is a product with its effective weights (two-pass method), a pool, and the neurons' law I -> P, all settled.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array, Done
from resonet.cosim.cascade.dc_dynamics import dc_stack
from resonet.cosim.weights.held import HeldWeights
from resonet.models.circuit.noise import johnson
from resonet.netlist.cascade.levels import Levels, activate, sums_of
from resonet.netlist.cascade.paths import ParallelDesign
from resonet.netlist.cascade.stages import ParallelNetwork, Stage

__all__ = [
    "CascadeRun",
    "StageValues",
    "cascade",
    "chain_noise_voltage",
    "pixel_tones",
    "pool",
    "stage_weights",
    "trained_stages",
]


@dataclass(frozen=True, slots=True, eq=False)
class StageValues:
    """What a stage did to a batch, in the units of the trained network."""

    sums: Array  # [n, neurons] weighted sum plus bias at the neurons' inputs, pooled
    outputs: Array  # [n, neurons] what the neurons make of it; the sums themselves behind the last stage


@dataclass(frozen=True, slots=True, eq=False)
class CascadeRun:
    """A batch of images through the hardware."""

    logits: Array  # [n, classes]
    stages: tuple[StageValues, ...]


def stage_weights(stage: Stage, held: HeldWeights) -> Array:
    """Weights of every copy of a stage's kernels, [groups, outputs, taps].

    `held` may come from the parallel hardware or from the sequential one, which has one copy of every kernel.
    """
    if held.values.shape == stage.copies.matrix.shape:
        return held.values
    return np.asarray(held.values[stage.original_group])


def pixel_tones(design: ParallelDesign, images: Array) -> Array:
    """Power of the pixels' tones, units of p_max, [n, pixels]."""
    return design.input_scale(0).carried(design.network.cnn.sent(images).reshape(len(images), -1))


def pool(levels: Levels, number: int, voltages: Array) -> Array:
    """Voltages at the neurons' inputs, [..., neurons], from those of the chains [..., chains]."""
    stage = levels.parallel.stages[number]
    if stage.pool == "none":
        return np.asarray(voltages[..., stage.members[:, 0]])
    if stage.pool == "average":
        return np.asarray(voltages[..., stage.members].mean(-1))
    # What the zero of the tones adds differs from chain to chain only where padding does not count: it is trimmed.
    inputs = np.where(stage.members < 0, -np.inf, voltages[..., stage.members])
    return np.asarray(levels.stages[number].options.maximum().maximum(inputs, -1))


def trained_stages(network: ParallelNetwork, images: Array) -> tuple[StageValues, ...]:
    """What the trained network does with images [n, *input_shape], in the order of the hardware's neurons."""
    x, stages = network.cnn.sent(images).reshape(len(images), -1), list[StageValues]()
    for stage in network.stages:
        chains = _chains(stage, stage.copies.matrix, np.concatenate([x, np.zeros((len(x), 1))], axis=1))
        pooled = np.where(stage.members < 0, -np.inf, chains[:, stage.members])
        sums = (pooled.mean(-1) if stage.pool == "average" else pooled.max(-1)) + stage.bias
        x = stage.activation(sums)
        stages.append(StageValues(sums, x))
    return tuple(stages)


def chain_noise_voltage(levels: Levels, number: int, temperature: float = 300.0) -> float:
    """RMS noise at a neuron's input, V, behind its poles: Johnson noise of its chain, noise of the transconductor."""
    options, device = levels.stages[number].options, levels.plan.device
    resistance = device.resistance * np.array(levels.parallel.tile_sizes(number), float)
    chain = dc_stack(levels, number).noise(johnson(resistance, temperature))
    return float(np.hypot(chain, options.transconductor().noise_voltage))


def _chains(stage: Stage, weights: Array, padded: Array) -> Array:
    """Sums [n, chains] of weights [groups, outputs, taps] over values [n, tones + 1], a padded pixel's at the end."""
    inputs = padded[:, stage.wires].swapaxes(0, 1)  # [groups, n, taps]
    return np.asarray((inputs @ weights.swapaxes(1, 2)).swapaxes(0, 1).reshape(len(padded), -1))


def cascade(
    levels: Levels,
    held: Mapping[str, HeldWeights],
    images: Array,
    noise: np.random.Generator | None = None,
    batch: int = 200,
    done: Done | None = None,
) -> CascadeRun:
    """Images [n, *input_shape] through the hardware; `held` by layer name, `noise` draws thermal noise if given.

    `done` is called after each batch.
    """
    if not len(images):
        raise InputError("no images; possible: at least one")
    weights = [
        stage_weights(stage, held[stage.layer.name])
        * (stage_levels.unit * levels.parallel.scale(n)[1]).reshape(stage.copies.groups, -1, 1)  # V per unit of p_max
        for n, (stage, stage_levels) in enumerate(zip(levels.parallel.stages, levels.stages, strict=True))
    ]
    rms = [chain_noise_voltage(levels, n) if noise else 0.0 for n in range(len(weights))]
    parts = []
    for start in range(0, len(images), batch):
        parts.append(_batch(levels, weights, images[start : start + batch], rms, noise))
        if done:
            done()
    stages = tuple(
        StageValues(np.concatenate([p[n].sums for p in parts]), np.concatenate([p[n].outputs for p in parts]))
        for n in range(len(levels.stages))
    )
    return CascadeRun(stages[-1].sums[:, levels.parallel.network.outputs], stages)


def _batch(
    levels: Levels, weights: Sequence[Array], images: Array, rms: Sequence[float], noise: np.random.Generator | None
) -> list[StageValues]:
    """One batch through all stages; weights [groups, outputs, taps] in V per unit of p_max, `rms` of the noise in V."""
    design, stages = levels.parallel, []
    tones = pixel_tones(design, images)
    for number, stage in enumerate(design.stages):
        volts = _chains(stage, weights[number], design.padded(number, tones))
        if noise is not None:
            volts = volts + noise.normal(0, rms[number], volts.shape)
        at = pool(levels, number, volts)
        sums = sums_of(levels, number, at)
        if levels.stages[number].kind is None:
            stages.append(StageValues(sums, sums))
            break
        tones = activate(levels, number, at)
        zero, scale = design.scale(number + 1)
        stages.append(StageValues(sums, tones * scale - zero))
    return stages
