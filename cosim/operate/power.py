"""What parallel hardware draws while an image is in it, in closed form, as the planned levels of all buses ask for it.

    sources      |EMF|² / (8 Z0) available of every tone on every bus; of neurons' tones what class-A amplifiers of the
                 full tone draw, the same whatever the tone; a tone is split evenly among the positions that hear it
    drive        supply * I_th (1 + headroom (clamp - 1) a) of every neuron, a the mean of what its tone carries

Every position has buses of its own. What `resonet run` prints comes from the same levels followed in time; pixels that
several buses need have lossless splitters here. Left out: programming, the making of pixels' tones, readout.

Of a chip, tones have the errors of its sources' levels, and neurons the thresholds of its oscillators (a mean of each
layer); whatever else it differs in draws no more and no less.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from resonet.core.types import Array
from resonet.cosim.weights.bus_answers import bus_powers
from resonet.netlist.chips.chip import Chip
from resonet.netlist.design.design import Design
from resonet.netlist.network.cnn import IMAGE, Cnn, Synapses, patches
from resonet.netlist.network.forward import propagate, software_layer
from resonet.netlist.planning.frequency_plan import Bus, FrequencyPlan, LayerPlan, bus_gains

__all__ = ["Drawn", "activities", "drawn"]


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


def activities(design: Design, images: Array) -> dict[str, Array]:
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
        known[key] = np.abs(bus.even_levels / bus_gains(bus, plan.device, circuit)) ** 2 / (8 * circuit.impedance)
    return known[key] if bus.parts is None else known[key] * bus.parts


def _split(entry: LayerPlan, full: list[Array]) -> float:
    """What all full tones into all positions of a layer take, any unit, of what each takes on every bus [tones].

    A tone is on one channel, split evenly among the places that hear it; the arms hold what the neediest leaves over.
    """
    layer = entry.layer
    numbers = np.arange(1.0, layer.no_input.size + 1).reshape(layer.no_input.shape)
    tones = patches(numbers, layer)[:, 0].round().astype(np.int64)  # [groups, positions, taps], 0 for padding
    most, total = np.zeros(numbers.size + 1), 0.0
    heard = [tones[bus.group][:, bus.taps] for bus in entry.buses]
    for bus, own in zip(entry.buses, heard, strict=True):
        np.maximum.at(most, own, np.broadcast_to(bus.carries, own.shape))
    for bus, own, taken in zip(entry.buses, heard, full, strict=True):
        total += float((taken / bus.carries * np.where(own == 0, bus.carries, most[own])).sum())
    return total


def _senders(cnn: Cnn, layer: str) -> set[str]:
    """Layers whose neurons send the tones of a layer, over wires and maxima or not."""
    names = [one.name for one in cnn.layers]
    left, found = list(cnn.inputs[names.index(layer)]), set[str]()
    while left:
        source = left.pop()
        if source == IMAGE:
            continue
        if isinstance(cnn.layers[source], Synapses):
            found.add(names[source])
        else:
            left.extend(cnn.inputs[source])
    return found


def _thresholds(design: Design, chip: Chip, layer: str) -> float:
    """Mean threshold of the oscillators that send a layer's tones, as part of the nominal one."""
    own = [chip.layer(name).neurons.get("oscillator_threshold") for name in _senders(design.cnn, layer)]
    return float(np.mean([1.0 if one is None else one.mean() for one in own])) if own else 1.0


def drawn(design: Design, images: Array, chip: Chip | None = None, carried: Mapping[str, Array] | None = None) -> Drawn:
    """What a design's network, or one chip of it, draws for the mean of images [n, *input_shape].

    `carried` may hand in the `activities` of these images.
    """
    plan, neuron = design.plan, design.parameters.neuron
    fixed = slope = inside = 0.0
    operations, known = 0, dict[tuple[bytes, int, int], Array]()
    active = activities(design, images) if carried is None else carried
    first = _of_pixels(design.cnn)
    for entry in plan.layers:
        copies, means, made = entry.layer.positions, active[entry.layer.name], list[Array]()
        operations += copies * entry.resonators
        for bus, power in zip(entry.buses, bus_powers(plan, entry), strict=True):
            mean = means[bus.group, bus.taps]
            level = 1.0 if chip is None else chip.layer(entry.layer.name).of_tones("tone_level", bus)
            mean = mean * level
            full = _sources(plan, bus, known)
            taken = full * mean if entry.layer.name in first else full * (level / neuron.efficiency)
            made.append(taken)
            slope += copies * float(taken.sum())
            rows = 0.5 * plan.device.resistance * len(bus.outputs) * power.sum(1)
            inside += copies * float(rows @ mean)
        if entry.layer.name not in first:
            if entry.carries[0] < 1:
                slope += _split(entry, made) - copies * sum(float(taken.sum()) for taken in made)
            current = 1 + neuron.headroom * (neuron.clamp - 1) * float(means.mean())
            neurons = int(np.prod(entry.layer.in_shape))
            threshold = neuron.threshold_current * (
                1.0 if chip is None else _thresholds(design, chip, entry.layer.name)
            )
            fixed += neurons * neuron.supply * threshold * current
    return Drawn(fixed, slope, inside, operations)
