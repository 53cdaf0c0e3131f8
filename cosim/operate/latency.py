"""How long a design takes for an image, by the time constants of its blocks (models/circuit/settling_time.py).

Parallel hardware: pixels in, logits out, all layers settle in a row; of several ways through the network the longest.
Sequential hardware has one copy of every kernel and takes the positions of a layer one after another, a read each, and
layers one after another: Σ positions * (settling of the layer). A gated integrator adds its time to every read.

Of a chip, each layer waits for the narrowest line among its resonators and for the neuron with the most resistance in
series; oscillators and electronics count as nominal.
"""

import math
from dataclasses import dataclass

from resonet.models.circuit.dc_side import DcStack
from resonet.models.circuit.groups import stacked_sizes
from resonet.models.circuit.multiplexer import ring_time
from resonet.models.circuit.settling_time import Delay, cascade_delay, pole_delay, settled, system_delay
from resonet.models.neuron.electronics import POLES
from resonet.netlist.chips.chip import Chip
from resonet.netlist.chips.values import layer_values
from resonet.netlist.design.design import Design
from resonet.netlist.design.neuron_options import IDEAL
from resonet.netlist.network.cnn import IMAGE, Synapses, inner_layers

__all__ = ["PART", "Latency", "dc_side", "latency"]

PART = 0.01  # of its end within which a sum counts as settled


@dataclass(frozen=True, slots=True)
class Latency:
    """Of one image, s."""

    parallel: float
    sequential: float
    layers: dict[str, float]  # a read of each layer by itself


def dc_side(design: Design, layer: str, chip: Chip | None = None) -> DcStack:
    """DC side of a layer's neurons, up to what they read; of a chip, of the neuron with the most resistance."""
    plan, entry = design.plan, design.plan.layer(layer)
    bandwidth, circuit, resistance = design.parameters.neuron.bandwidth, plan.circuit, plan.device.resistance
    if chip is not None:
        circuit = chip.circuit
        resistance = max(float(own.stack.max()) for own in layer_values(design.plan, entry, chip)) / entry.layer.series
    sizes = stacked_sizes(entry.tile_sizes, circuit.groups)
    return DcStack.of_tiles(sizes, resistance, circuit, bandwidth, POLES)


def _narrowest(design: Design, layer: str, chip: Chip | None) -> float:
    """Half-width of the narrowest line of a layer, Hz."""
    entry = design.plan.layer(layer)
    if chip is None:
        return design.plan.device.damping * min(float(bus.frequencies.min()) for bus in entry.buses)
    return min(float((own.damping * own.tones).min()) for own in layer_values(design.plan, entry, chip))


def _layer(design: Design, name: str, chip: Chip | None) -> tuple[Delay, Delay]:
    """Up to the neurons' inputs of a layer, and through its oscillators (at full drive, of its lowest tones)."""
    entry, neuron = design.plan.layer(name), design.parameters.neuron
    lowest = min(float(bus.frequencies.min()) for bus in entry.buses)
    resonator = pole_delay(1 / (2 * math.pi * _narrowest(design, name, chip)))
    if design.plan.circuit.combining == "multiplexer":
        resonator = cascade_delay((resonator, pole_delay(float(ring_time(lowest, design.plan.circuit)))))
    stack = dc_side(design, name, chip)
    inner = name in {layer.name for layer in inner_layers(design.cnn)}
    oscillator = pole_delay(0.0)
    if inner:
        device = neuron.oscillator(IDEAL, design.plan.circuit.impedance, lowest)
        oscillator = pole_delay(float(1 / device.rate(neuron.clamp * neuron.threshold_current)))
    return cascade_delay((resonator, system_delay(stack.matrix, stack.drive.sum(1)))), oscillator


def latency(design: Design, chip: Chip | None = None) -> Latency:
    """Latency of a design's network, or of one chip of it, in parallel and in sequential hardware."""
    cnn, gate = design.cnn, design.parameters.neuron.integration
    before: dict[int, tuple[Delay, float]] = {IMAGE: (Delay(0.0, 0.0), 0.0)}
    reads, sequential, longest = dict[str, float](), 0.0, 0.0
    for number, (layer, sources) in enumerate(zip(cnn.layers, cnn.inputs, strict=True)):
        slowest, gates = max((before[source] for source in sources), key=lambda way: settled(way[0], PART) + way[1])
        if isinstance(layer, Synapses):
            read, oscillator = _layer(design, layer.name, chip)
            reads[layer.name] = settled(read, PART) + gate
            sequential += layer.positions * reads[layer.name]
            there = cascade_delay((slowest, read))
            longest = max(longest, settled(there, PART) + gates + gate)
            slowest, gates = cascade_delay((there, oscillator)), gates + gate
        before[number] = slowest, gates
    return Latency(longest, sequential, reads)
