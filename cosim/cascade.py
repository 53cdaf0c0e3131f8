"""The two-pass cascade: images through all stages with the effective weights and the static law of every neuron.

A stage is a product with its effective weights (two-pass method), a pool, and the neurons' law I -> P, all settled.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from resonet.cosim.dc_dynamics import dc_stack
from resonet.cosim.effective import HeldWeights
from resonet.models.errors import InputError
from resonet.models.noise import johnson
from resonet.netlist.activation import apply_activation
from resonet.netlist.neurons import Levels, activate
from resonet.netlist.parallel import ParallelNetwork, Stage
from resonet.netlist.parallel_plan import ParallelDesign

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

Array = NDArray[np.float64]


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
    offset, full_scale = design.scale(0)
    x = np.asarray(images, float).reshape(len(images), -1)
    return np.asarray(np.clip((x + offset) / full_scale, 0, 1))


def pool(levels: Levels, number: int, voltages: Array) -> Array:
    """Voltages at the neurons' inputs, [..., neurons], from those of the chains [..., chains]."""
    stage = levels.design.stages[number]
    if stage.pool == "none":
        return np.asarray(voltages[..., stage.members[:, 0]])
    if stage.pool == "average":
        return np.asarray(voltages[..., stage.members].mean(-1))
    # What the zero of the tones adds differs from chain to chain only where padding does not count: it is trimmed.
    seen = np.where(stage.members < 0, -np.inf, voltages[..., stage.members])
    return np.asarray(levels.stages[number].options.maximum().maximum(seen, -1))


def trained_stages(network: ParallelNetwork, images: Array) -> tuple[StageValues, ...]:
    """What the trained network does with images [n, *input_shape], in the order of the hardware's neurons."""
    x, found = np.asarray(images, float).reshape(len(images), -1), list[StageValues]()
    for stage in network.stages:
        seen = np.where(stage.wires < 0, 0.0, x[:, stage.wires]).swapaxes(0, 1)  # [groups, n, taps]
        chains = (seen @ stage.copies.matrix.swapaxes(1, 2)).swapaxes(0, 1).reshape(len(x), -1)
        pooled = np.where(stage.members < 0, -np.inf, chains[:, stage.members])
        sums = (pooled.mean(-1) if stage.pool == "average" else pooled.max(-1)) + stage.bias
        x = apply_activation(stage.copies.activation, sums)
        found.append(StageValues(sums, x))
    return tuple(found)


def chain_noise_voltage(levels: Levels, number: int, temperature: float = 300.0) -> float:
    """RMS noise at a neuron's input, V, behind its poles: Johnson noise of its chain, noise of the transconductor."""
    options, device = levels.stages[number].options, levels.design.design.plan.device
    buses = levels.design.entry(number).buses
    sizes = [bus.size[1] for bus in buses if (bus.group, bus.bank) == (buses[0].group, buses[0].bank)]
    chain = dc_stack(levels, number).noise(johnson(device.resistance * np.array(sizes, float), temperature))
    return float(np.hypot(chain, options.transconductor().noise_voltage))


def _chains(stage: Stage, weights: Array, tones: Array, dark: float, unit: float) -> Array:
    """Chain voltages [n, chains] for tones [n, tones] in units of p_max; `dark` is that of a padded pixel."""
    padded = np.concatenate([tones, np.full((len(tones), 1), dark)], axis=1)
    seen = padded[:, stage.wires].swapaxes(0, 1)  # [groups, n, taps]
    volts = seen @ (weights.swapaxes(1, 2) * unit)  # [groups, n, outputs]
    return np.asarray(volts.swapaxes(0, 1).reshape(len(tones), -1))


def cascade(
    levels: Levels,
    held: Mapping[str, HeldWeights],
    images: Array,
    noise: np.random.Generator | None = None,
    batch: int = 200,
    done: Callable[[], None] | None = None,
) -> CascadeRun:
    """Images [n, *input_shape] through the hardware; `held` by layer name, `noise` draws thermal noise if given.

    `done` is called after each batch.
    """
    parts = []
    for start in range(0, len(images), batch):
        parts.append(_batch(levels, held, images[start : start + batch], noise))
        if done:
            done()
    if not parts:
        raise InputError("no images; possible: at least one")
    stages = tuple(
        StageValues(np.concatenate([p[n].sums for p in parts]), np.concatenate([p[n].outputs for p in parts]))
        for n in range(len(levels.stages))
    )
    return CascadeRun(stages[-1].sums[:, levels.design.network.outputs], stages)


def _batch(
    levels: Levels, held: Mapping[str, HeldWeights], images: Array, noise: np.random.Generator | None
) -> list[StageValues]:
    """One batch through all stages."""
    design, found = levels.design, []
    tones = pixel_tones(design, images)
    for number, stage in enumerate(design.stages):
        own = levels.stages[number]
        offset, full_scale = design.scale(number)
        weights = stage_weights(stage, held[stage.layer.name])
        volts = _chains(stage, weights, tones, offset / full_scale, own.unit * full_scale)
        if noise is not None:
            volts = volts + noise.normal(0, chain_noise_voltage(levels, number), volts.shape)
        at = pool(levels, number, volts)
        sums = (at - own.rest[stage.members.max(1)]) / own.unit + stage.bias
        if own.kind is None:
            found.append(StageValues(sums, sums))
            break
        tones = activate(levels, number, at)
        zero, scale = design.scale(number + 1)
        found.append(StageValues(sums, tones * scale - zero))
    return found
