"""Images through a network of which one layer is under strip-line feed, every position with weights of its own."""

from collections.abc import Mapping

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array, Ints
from resonet.cosim.strip.layer import StripLayer, StripWeights
from resonet.cosim.weights.effective import EffectiveWeights
from resonet.cosim.weights.inference import tone_powers
from resonet.models.resonator.linear import real_susceptibility
from resonet.netlist.design.design import Design
from resonet.netlist.network.cnn import Synapses
from resonet.netlist.network.forward import activate, propagate
from resonet.netlist.network.images import ImageSet

__all__ = ["coherent_sums", "strip_accuracy", "strip_logits"]


def _line_powers(design: Design, layer: Synapses, inputs: Ints, x: Array) -> Array:
    """Power of every line, part of p_max, [n, lines]."""
    scale = design.scales[layer.name]
    return np.asarray(np.clip((x.reshape(len(x), -1)[:, inputs] + scale.offset) / scale.full_scale, 0, 1))


def coherent_sums(layer: StripLayer, weights: StripWeights, powers: Array, phases: Array) -> Array:
    """Neuron inputs with interference, [n, chains], trained units: V = Σ_f ½ k g |Σ_l i_l √P_l e^jφ_l|² Re chi.

    powers [n, lines] as part of p_max, phases [lines] or [n, lines] in rad.
    """
    amplitude = np.sqrt(powers) * np.exp(1j * phases)
    out = np.zeros((len(powers), layer.placement.usage.chains))
    for window in layer.windows:
        built = layer.frequencies[window.circuit.tone]
        f_res = built + (weights.f_res[window.circuit.resonators] - built) * window.share
        volts = np.zeros((len(powers), len(f_res)))
        for tone in np.unique(window.tones):
            own = window.tones == tone
            met = amplitude[:, window.lines[own]] @ window.current[own]
            real, _ = real_susceptibility(layer.frequencies[tone] / f_res, layer.device.damping)
            volts += (met.real**2 + met.imag**2) * real
        out[:, window.chains] = 0.5 * layer.device.transduction * volts @ window.gains.T
    return out * weights.gain / weights.scale


def strip_logits(
    design: Design,
    effective: Mapping[str, EffectiveWeights],
    weights: StripWeights,
    strip: StripLayer,
    images: Array,
    seed: int | None = None,
) -> Array:
    """Logits [n, classes]; other layers have their `effective` weights, or the trained ones where there are none.

    With a `seed` the lines of one frequency interfere, with random phases that stay for all images.
    """
    usage, name = strip.placement.usage, strip.layer.name
    rng = np.random.default_rng(seed)
    phases = 2 * np.pi * rng.random(len(usage.inputs))
    p_max = design.plan.options.p_max

    def circuit_layer(layer: Synapses, x: Array) -> Array:
        scale = design.scales[layer.name]
        if layer.name == name:
            powers = _line_powers(design, layer, usage.inputs, x)
            sums = powers @ weights.values.T if seed is None else coherent_sums(strip, weights, powers, phases)
            zero = np.full(len(usage.inputs), scale.offset / scale.full_scale)
            sums = (sums - weights.values @ zero) * scale.full_scale  # the bias is trimmed at the zero input
            groups, outputs, _ = layer.matrix.shape
            return activate(layer, sums.reshape(len(x), groups, outputs, -1).swapaxes(0, 1))
        held = effective[layer.name].values if layer.name in effective else layer.matrix
        sums = held[:, None] @ tone_powers(design, layer, x).swapaxes(2, 3) * (scale.full_scale / p_max)
        return activate(layer, sums - scale.offset * held.sum(2)[:, None, :, None])

    return propagate(design.cnn, images, circuit_layer)


def strip_accuracy(
    design: Design,
    effective: Mapping[str, EffectiveWeights],
    weights: StripWeights,
    strip: StripLayer,
    data: ImageSet,
    seed: int | None = None,
) -> float:
    """Share of images in their class; arguments as of `strip_logits`. Raises InputError without labels."""
    if not data.labels.size:
        raise InputError(f"{data.file}: no labels; possible: a .npz file with images [n, ...] and labels [n]")
    logits = strip_logits(design, effective, weights, strip, data.images, seed)
    return float(np.mean(logits.argmax(1) == data.labels))
