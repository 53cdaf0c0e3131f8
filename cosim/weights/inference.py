"""Images through the hardware: logits and accuracy with the weights that every layer holds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array, Done
from resonet.cosim.weights.held import HeldWeights, RfWeights
from resonet.cosim.weights.maxima import DiodePools, PoolError, diode_pools
from resonet.netlist.design.design import Design
from resonet.netlist.network.cnn import Synapses, patches
from resonet.netlist.network.forward import activate, biased, classes, propagate
from resonet.netlist.network.images import ImageSet

__all__ = ["Accuracy", "DiodeAccuracy", "accuracy", "diode_accuracy", "forward", "tone_powers"]


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Share of images whose class (`classes` of their logits) is their label."""

    images: int
    software: float
    circuit: float
    same_class: float  # share of images that circuit and software put in the same class
    logit_rms: float  # of circuit minus software, as part of the largest logit of the software
    logit_max: float  # the largest, likewise
    heads: dict[str, tuple[float, float]]  # of several outputs each: those two, parts of its own largest value
    clipped: dict[str, float]  # by layer: share of its inputs beyond what its tones carry, which are cut off


@dataclass(frozen=True, slots=True)
class DiodeAccuracy:
    """The same with max pools of diodes."""

    circuit: float
    same_class: float
    pools: tuple[PoolError, ...]


def tone_powers(design: Design, layer: Synapses, x: Array) -> Array:
    """Power of every tone in W, [groups, n, positions, taps], for a batch of layer inputs [n, *in_shape]."""
    return design.scales[layer.name].carried(patches(x, layer)) * design.plan.options.p_max


def forward(
    design: Design,
    held: Mapping[str, HeldWeights],
    images: Array,
    done: Done | None = None,
    watch: Callable[[Synapses, Array], None] = lambda synapses, x: None,
    maxima: DiodePools | None = None,
) -> Array:
    """Logits [n, classes] of a network whose hardware holds these weights: the sums of every layer, then its neurons.

    images [n, *input_shape] as the network takes them; `held` by layer name. `watch` sees the inputs of every layer,
    [batch, *in_shape]. Max pools are ideal without `maxima`.
    """

    def hardware_layer(synapses: Synapses, x: Array) -> Array:
        watch(synapses, x)
        sums = held[synapses.name].sums(synapses, x, design.scales[synapses.name])
        if maxima is not None:
            maxima.keep(synapses, biased(synapses, sums))
        return activate(synapses, sums)

    if maxima is None:
        return propagate(design.built, images, hardware_layer, done=done)
    return propagate(design.built, images, hardware_layer, done=done, pooled=maxima.maximum)


def _off(found: Array, logits: Array) -> tuple[float, float]:
    """RMS and largest deviation as part of the largest logit."""
    off = (found - logits) / (float(np.abs(logits).max()) or 1.0)
    return float(np.sqrt(np.mean(off**2))), float(np.abs(off).max())


def _heads_off(design: Design, found: Array, logits: Array) -> dict[str, tuple[float, float]]:
    """The same of each output alone; empty where there is one only."""
    ends = np.cumsum([count for _, count in design.cnn.heads])
    parts = zip(np.split(found, ends[:-1], axis=1), np.split(logits, ends[:-1], axis=1), strict=True)
    return {name: _off(*part) for (name, _), part in zip(design.cnn.heads, parts, strict=True)} if len(ends) else {}


def accuracy(
    design: Design,
    held: Mapping[str, HeldWeights],
    data: ImageSet,
    done: Done | None = None,
    software: Array | None = None,
) -> Accuracy:
    """Accuracy of the circuit on a labelled image set next to the trained network's own.

    `software` may hand in the trained network's logits, where they are known already.
    """
    if not data.labels.size:
        raise InputError(f"{data.file}: no labels; possible: a .npz file with images [n, ...] and labels [n]")
    logits = propagate(design.cnn, data.images, done=done) if software is None else software
    low, high = int(data.labels.min()), int(data.labels.max())
    ranked = design.cnn.ranked
    last = max((ranked or logits.shape[1]) - 1, 1)  # one output tells two classes apart
    if low < 0 or high > last:
        raise InputError(f"{data.file}: labels {low} ... {high}; possible: 0 ... {last}")
    trained = classes(logits, ranked)
    outside: dict[str, list[float]] = {entry.layer.name: [] for entry in design.plan.layers}

    def watch(synapses: Synapses, x: Array) -> None:
        scale = design.scales[synapses.name]
        beyond = np.abs((x + scale.offset) / scale.full_scale - 0.5) > 0.5 + 1e-9
        outside[synapses.name].append(float(beyond.mean()) * len(x) / len(data.images))

    found = forward(design, held, data.images, done, watch)
    circuit = classes(found, ranked)
    rms, largest = _off(found, logits)
    return Accuracy(
        len(circuit),
        float(np.mean(trained == data.labels)),
        float(np.mean(circuit == data.labels)),
        float(np.mean(circuit == trained)),
        rms,
        largest,
        _heads_off(design, found, logits),
        {layer: sum(shares) for layer, shares in outside.items()},
    )


def diode_accuracy(
    design: Design, held: Mapping[str, RfWeights], data: ImageSet, software: Array, done: Done | None = None
) -> DiodeAccuracy | None:
    """Accuracy of the circuit whose max pools are of diodes, as `resonet run` has them; None where nothing is pooled.

    `software`: the trained network's logits [n, classes].
    """
    maxima = diode_pools(design, held)
    if maxima is None:
        return None
    ranked = design.cnn.ranked
    circuit = classes(forward(design, held, data.images, done, maxima=maxima), ranked)
    same = float(np.mean(circuit == classes(software, ranked)))
    return DiodeAccuracy(float(np.mean(circuit == data.labels)), same, maxima.errors)
