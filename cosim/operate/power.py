"""What parallel hardware draws while an image is in it, in closed form, as the planned levels of all buses ask for it.

    sources      |EMF|² / (8 Z0) available of every tone on every bus; of neurons' tones what class-A amplifiers of the
                 full tone draw, the same whatever the tone
    drive        supply * I_th (1 + headroom (clamp - 1) a) of every neuron, a the mean of what its tone carries

Every position has buses of its own. What `resonet run` prints comes from the same levels followed in time; pixels that
several buses need have lossless splitters here. Left out: programming, the making of pixels' tones, readout.
"""

from dataclasses import dataclass

import numpy as np

from resonet.core.types import Array
from resonet.cosim.weights.bus_answers import bus_powers
from resonet.netlist.design.design import Design
from resonet.netlist.network.cnn import IMAGE, Cnn, Synapses, patches
from resonet.netlist.network.forward import propagate, software_layer
from resonet.netlist.planning.frequency_plan import Bus, FrequencyPlan, bus_gains

__all__ = ["Drawn", "drawn"]


@dataclass(frozen=True, slots=True)
class Drawn:
    """Of parallel hardware."""

    fixed: float  # W, whatever p_max
    slope: float  # W per W of p_max
    resonators: float  # of `slope`, what ends up in the resonators
    operations: int  # synaptic operations of an image

    def power(self, p_max: float) -> float:
        """Drawn at that tone power, W."""
        return self.fixed + self.slope * p_max


def _activities(design: Design, images: Array) -> dict[str, Array]:
    """Mean of what the inputs of every layer carry over images and positions, [groups, taps], by layer."""
    found: dict[str, Array] = {}

    def watch(layer: Synapses, x: Array) -> Array:
        scale = design.scales[layer.name]
        found[layer.name] = patches(scale.carried(x), layer, float(scale.carried(np.zeros(())))).mean((1, 2))
        return software_layer(layer, x)

    propagate(design.built, images, watch, len(images))
    return found


def _of_pixels(cnn: Cnn) -> set[str]:
    """Names of the layers that only pixels feed, through wires and maxima or not."""
    pixels, found = {IMAGE}, set[str]()
    for number, (layer, sources) in enumerate(zip(cnn.layers, cnn.inputs, strict=True)):
        if pixels.issuperset(sources):
            if isinstance(layer, Synapses):
                found.add(layer.name)
            else:
                pixels.add(number)
    return found


def _sources(plan: FrequencyPlan, bus: Bus, known: dict[tuple[bytes, int, int], Array]) -> Array:
    """What the sources of a bus's tones must have available, W per W of p_max, [tones]; `known` by buses alike."""
    circuit = plan.circuit
    if circuit.combining == "resistive":
        return bus.levels**2 * len(bus.taps) * (10 ** (circuit.combiner_loss / 10) / (8 * circuit.impedance))
    key = bus.frequencies.tobytes(), len(bus.outputs), bus.below
    if key not in known:
        known[key] = np.abs(bus.levels / bus_gains(bus, plan.device, circuit)) ** 2 / (8 * circuit.impedance)
    return known[key]


def drawn(design: Design, images: Array) -> Drawn:
    """What a design's network draws, for the mean of images [n, *input_shape]."""
    plan, neuron = design.plan, design.parameters.neuron
    fixed = slope = inside = 0.0
    operations, known = 0, dict[tuple[bytes, int, int], Array]()
    activities = _activities(design, images)
    first = _of_pixels(design.cnn)
    for entry in plan.layers:
        copies, carried = entry.layer.positions, activities[entry.layer.name]
        operations += copies * entry.resonators
        for bus, power in zip(entry.buses, bus_powers(plan, entry), strict=True):
            mean = carried[bus.group, bus.taps]
            full = _sources(plan, bus, known)
            taken = full * mean if entry.layer.name in first else full / neuron.efficiency
            slope += copies * float(taken.sum())
            rows = 0.5 * plan.device.resistance * len(bus.outputs) * power.sum(1)
            inside += copies * float(rows @ mean)
        if entry.layer.name not in first:
            current = 1 + neuron.headroom * (neuron.clamp - 1) * float(carried.mean())
            neurons = int(np.prod(entry.layer.in_shape))
            fixed += neurons * neuron.supply * neuron.threshold_current * current
    return Drawn(fixed, slope, inside, operations)
