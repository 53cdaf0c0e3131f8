"""What a chip's neurons make of the sums: a gain and an offset each, in the units of the trained network.

The transconductor of a neuron (gain 1 + g, input offset v_o) drives an oscillator whose threshold is 1 + d of nominal
and whose power is 1 + e. A sum z on a bias b moves the current by (z + b) / T threshold currents, 1/T = headroom
(clamp - 1) / F', with F' the full scale of the tones that it sends; the power goes as I / I_th - 1:

    z' + b = (1 + e)/(1 + d) [(1 + g) (z + o) + b - d T],      o = v_o F / (scale p_max),                            (1)

F the full scale of the inputs and `scale` the volts per watt of a unit of weight. It holds before activations that are
homogeneous for positive factors (ReLU); without spread of the oscillators, before any. Behind the last layer there are
transconductors, and no oscillators.
"""

from dataclasses import replace

import numpy as np

from resonet.core.types import Array
from resonet.cosim.weights.effective import EffectiveWeights
from resonet.netlist.chips.chip import Chip
from resonet.netlist.design.design import Design
from resonet.netlist.network.cnn import Synapses, inner_layers

__all__ = ["neuron_errors"]


def _sent_scale(design: Design, layer: str) -> float:
    """Largest full scale of what takes a layer's outputs, over pools and wires."""
    cnn, found = design.cnn, list[float]()
    names = [one.name for one in cnn.layers]
    reached = {names.index(layer)}
    for number, (one, sources) in enumerate(zip(cnn.layers, cnn.inputs, strict=True)):
        if reached & set(sources):
            if isinstance(one, Synapses):
                found.append(design.scales[one.name].full_scale)
            else:
                reached.add(number)
    return max(found, default=1.0)


def neuron_errors(design: Design, held: EffectiveWeights, chip: Chip) -> EffectiveWeights:
    """Effective weights of a layer with gains and offsets of its neurons in them (eq. 1)."""
    own, entry = chip.layer(held.layer).neurons, design.plan.layer(held.layer)
    if not own:
        return held
    layer, options = entry.layer, design.parameters.neuron
    shape = (layer.groups, layer.outputs)
    inner = layer.name in {one.name for one in inner_layers(design.cnn)}

    def factor(name: str, oscillators: bool) -> Array:
        return own.get(name, np.ones(shape)) if inner or not oscillators else np.ones(shape)

    volts = held.volts_per_weight(design) * np.ones(layer.groups * layer.outputs)
    unit = volts.reshape(shape) * design.plan.options.p_max / design.scales[layer.name].full_scale
    offset = own.get("offset", np.zeros(shape)) / unit
    bias = layer.bias.reshape(shape)
    gain, threshold = factor("gain", False), factor("oscillator_threshold", True)
    after = factor("oscillator_power", True) / threshold
    span = _sent_scale(design, layer.name) / (options.headroom * (options.clamp - 1))
    shift = after * (gain * offset + bias - (threshold - 1) * span) - bias
    values = held.values * (after * gain)[..., None]
    return replace(held, values=values, shift=shift if shift.any() else None)
