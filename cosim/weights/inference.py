"""Images through the circuit: logits and accuracy with the effective weights of every layer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array, Done
from resonet.cosim.weights.effective import EffectiveWeights
from resonet.netlist.design.design import Design
from resonet.netlist.network.cnn import Synapses, patches
from resonet.netlist.network.forward import activate, propagate
from resonet.netlist.network.images import ImageSet

__all__ = ["Accuracy", "accuracy", "forward", "tone_powers"]


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Share of images whose largest logit is their label."""

    images: int
    software: float
    circuit: float
    same_class: float  # share of images that circuit and software put in the same class
    clipped: dict[str, float]  # by layer: share of its inputs beyond what its tones carry, which are cut off


def tone_powers(design: Design, layer: Synapses, x: Array) -> Array:
    """Power of every tone in W, [groups, n, positions, taps], for a batch of layer inputs [n, *in_shape]."""
    return design.scales[layer.name].carried(patches(x, layer)) * design.plan.options.p_max


def forward(
    design: Design,
    effective: Mapping[str, EffectiveWeights],
    images: Array,
    done: Done | None = None,
    watch: Callable[[Synapses, Array], None] = lambda layer, x: None,
) -> Array:
    """Logits [n, classes] of the circuit: V_j = sum_i P_i W_ji in every layer, then bias and activation at the neuron.

    Where an input carries an offset, the neuron's bias is trimmed so that the zero input gives the trained bias.

    images [n, *input_shape] as the network takes them; `effective` by layer name. `watch` sees the inputs of every
    layer, [batch, *in_shape].
    """
    p_max = design.plan.options.p_max

    def circuit_layer(layer: Synapses, x: Array) -> Array:
        watch(layer, x)
        weights, scale = effective[layer.name].values, design.scales[layer.name]
        sums = weights[:, None] @ tone_powers(design, layer, x).swapaxes(2, 3) * (scale.full_scale / p_max)
        sums -= scale.offset * weights.sum(2)[:, None, :, None]  # the bias is trimmed at the zero input
        return activate(layer, sums)

    return propagate(design.cnn, images, circuit_layer, done=done)


def accuracy(
    design: Design,
    effective: Mapping[str, EffectiveWeights],
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
    if low < 0 or high >= logits.shape[1]:
        raise InputError(f"{data.file}: labels {low} ... {high}; possible: 0 ... {logits.shape[1] - 1}")
    trained = logits.argmax(1)
    outside: dict[str, list[float]] = {entry.layer.name: [] for entry in design.plan.layers}

    def watch(layer: Synapses, x: Array) -> None:
        scale = design.scales[layer.name]
        beyond = np.abs((x + scale.offset) / scale.full_scale - 0.5) > 0.5 + 1e-9
        outside[layer.name].append(float(beyond.mean()) * len(x) / len(data.images))

    circuit = forward(design, effective, data.images, done, watch).argmax(1)
    return Accuracy(
        len(circuit),
        float(np.mean(trained == data.labels)),
        float(np.mean(circuit == data.labels)),
        float(np.mean(circuit == trained)),
        {layer: sum(shares) for layer, shares in outside.items()},
    )
