"""Noise at the neurons of a layer, source by source, for given tones: one record, whoever reads the layer.

A read is the voltage of a chain behind what reads it: choke and capacitors of the bias tees, three poles, and a gated
integrator where there is one (models/circuit/dc_side.py). Its noise is

    chains     4 k T R of every tile, of the chokes, of the buses' sources; input noise of what reads, and 4 k T / R_in
    precession linear in the tone powers (chain_sums.py), or as the saturated resonators have it (`HeldWeights.heard`)
    tones      what rides on them, δ and δf (tones.py): W δ and G a δf, the same for all chains that hear the tone

In the units of the layer's products: sums of trained weights over parts of p_max; `unit` turns them into volts.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from resonet.core.types import Array
from resonet.cosim.noise.chain_sums import chain_sums
from resonet.cosim.noise.tones import Oscillators, ToneNoise, by_tap, riding_noise
from resonet.cosim.weights.engines import readout_divider
from resonet.cosim.weights.held import RfWeights
from resonet.models.circuit.bus import ground_resistance
from resonet.models.circuit.dc_side import DcStack
from resonet.models.circuit.groups import stacked_sizes
from resonet.models.circuit.noise import johnson
from resonet.models.neuron.electronics import POLES
from resonet.models.resonator.thermal import thermal_power
from resonet.netlist.design.design import Design
from resonet.netlist.design.neuron_options import IDEAL, Kind
from resonet.netlist.design.noise_options import NoiseSource
from resonet.netlist.network.cnn import IMAGE, Cnn, Synapses, inner_layers
from resonet.netlist.planning.frequency_plan import LayerPlan
from resonet.netlist.planning.tile_coupling import tile_coupling

__all__ = ["LayerNoise", "Place", "constant_noise", "full_drive", "full_power", "layer_noise", "place_of"]


@dataclass(frozen=True, slots=True, eq=False)
class LayerNoise:
    """Noise of one read of a layer."""

    layer: str
    unit: Array  # [groups, outputs] V per unit of the products
    bandwidth: float  # Hz, equivalent noise bandwidth from a chain to what its neuron reads
    constant: dict[NoiseSource, float]  # V², of all neurons alike, whatever the tones
    precession: Array | None  # [groups, outputs, taps] V² at p_max; None: none
    agitation: Array  # [buses] Hz: p_T times the bandwidth from the bus's tile; 0: no precession noise
    slope: Array  # [groups, outputs, taps] V per Hz at p_max
    loss: Array  # [3, groups, outputs, taps] V at p_max: what line widths take off, chain_sums.py
    tones: ToneNoise

    def linear_precession(self, carried: Array) -> Array | None:
        """Of resonators that do not saturate, V² [groups, n, outputs, positions]; of others an upper bound."""
        return None if self.precession is None else self.precession[:, None] @ carried.swapaxes(2, 3)

    def lost(self, carried: Array, widths: Array) -> Array:
        """What widths (`ToneNoise.widths`) take off the voltages of such resonators, V, same shape."""
        power, found = carried, np.zeros(())
        for own in self.loss:
            power = power * widths
            found = found + own[:, None] @ power.swapaxes(2, 3)
        return np.asarray(found)

    def drawn(self, shape: tuple[int, ...], precession: Array | None, random: np.random.Generator) -> Array:
        """Of one read, V of that shape: what no two chains share; `precession` V², the same shape."""
        variance = sum(self.constant.values()) + (0.0 if precession is None else precession)
        return np.asarray(random.standard_normal(shape) * np.sqrt(variance))

    def sources(
        self, values: Array, carried: Array, precession: Array | None = None
    ) -> Iterator[tuple[NoiseSource, Array]]:
        """Variance by source, V² [groups, n, outputs, positions] or one for all; carried [groups, n, positions, taps].

        `values` [groups, outputs, taps] are the weights that the hardware holds, `precession` what its noise is,
        default that of linear resonators.
        """
        for name, own in self.constant.items():
            yield name, np.asarray(own)
        heard = self.linear_precession(carried) if precession is None else precession
        if self.precession is not None and heard is not None:
            yield "precession", heard
        squares = (values * self.unit[..., None]) ** 2
        for source, variance in self.tones.carried_variances(carried).items():
            yield source, squares[:, None] @ variance.swapaxes(2, 3)
        moved = self.tones.frequency_variance(carried)
        if moved is not None:
            yield "phase", (self.slope**2)[:, None] @ (carried**2 * moved).swapaxes(2, 3)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a layer stands in its network."""

    kind: Kind | None  # of the oscillators that make its tones; None: they are of pixels
    power: float  # W of one that makes a full tone, before its amplifier
    last: bool  # nothing but a read-out listens


def _sources(cnn: Cnn, layer: str) -> list[str | None]:
    """Names of the layers whose neurons make the tones into a layer, through wires and maxima; None for pixels."""
    waiting, ends = list(cnn.inputs[[one.name for one in cnn.layers].index(layer)]), list[str | None]()
    while waiting:
        source = waiting.pop()
        if source != IMAGE and not isinstance(cnn.layers[source], Synapses):
            waiting += cnn.inputs[source]
        else:
            ends.append(None if source == IMAGE else cnn.layers[source].name)
    return ends


def full_power(design: Design, kind: Kind) -> float:
    """Power of an oscillator of that kind, W, at the drive of a full tone."""
    neuron = design.parameters.neuron
    drive = full_drive(design, kind) * neuron.threshold_current
    return float(neuron.oscillator(kind, design.plan.circuit.impedance).power(drive))


def full_drive(design: Design, kind: Kind) -> float:
    """ξ of a full tone: what `headroom` leaves of the range, or all of it where the network was trained with it."""
    neuron = design.parameters.neuron
    return 1 + (neuron.headroom if kind == IDEAL else 1.0) * (neuron.clamp - 1)


def place_of(design: Design, layer: str) -> Place:
    """Place of a layer in a design's network; the weakest of several oscillators counts."""
    last = layer not in {one.name for one in inner_layers(design.cnn)}
    made = [name for name in _sources(design.cnn, layer) if name is not None]
    if not made:
        return Place(None, full_power(design, IDEAL), last)
    oscillators = [design.neuron(name).oscillator for name in made]
    kinds = {IDEAL if one is None else one.kind for one in oscillators}
    power, kind = min((full_power(design, kind), kind) for kind in kinds)
    return Place(kind, power, last)


def constant_noise(design: Design, stack: DcStack, sizes: list[int], last: bool) -> dict[NoiseSource, float]:
    """Variances of what no tone changes, V²: `sizes` resonators of the tiles, `last` where only a read-out listens."""
    circuit, neuron, noise = design.plan.circuit, design.parameters.neuron, design.parameters.noise
    resistance, t = design.plan.device.resistance * np.array(sizes, float), noise.temperature
    read = noise.readout if last else neuron.input_noise
    densities: dict[NoiseSource, tuple[tuple[Array | None, Array], ...]] = {
        "johnson": ((None, johnson(resistance, t)),),
        "choke": ((stack.inputs.choke, johnson(circuit.choke_resistance, t)),),
        "feed": ((stack.inputs.feed, johnson(ground_resistance(circuit), t)),),
        "readout": (
            (stack.inputs.transconductor, np.array(read**2)),
            (stack.inputs.readout, johnson(1 / circuit.readout_resistance, t)),  # 4 k T / R, A²/Hz
        ),
    }
    return {
        name: float(sum((stack.bandwidths(inputs, neuron.integration) * density).sum() for inputs, density in parts))
        for name, parts in densities.items()
        if name in noise.chosen
    }


def _tones(design: Design, entry: LayerPlan, bandwidths: Array, place: Place) -> ToneNoise:
    """Noise of the tones; bandwidths [tiles] from a tone's power to what the neurons read, Hz."""
    neuron, noise = design.parameters.neuron, design.parameters.noise
    riding = riding_noise(design.plan, entry, neuron, place.power, noise.temperature)
    oscillators = None
    if place.kind is not None and {"amplitude", "phase", "linewidth"} & set(noise.chosen):
        channels, thermal = by_tap(entry, [bus.frequencies for bus in entry.buses]), neuron.in_thermal_bath(noise).seed
        drive, ideal = full_drive(design, place.kind) - 1, place.kind == IDEAL
        oscillators = Oscillators(channels, drive, ideal, neuron.damping, neuron.nonlinear_damping, thermal)
    return ToneNoise(
        by_tap(entry, [np.full(len(bus.taps), bandwidths[bus.tile]) for bus in entry.buses]),
        {name: own for name, own in riding.items() if name in noise.chosen},
        oscillators,
        "amplitude" in noise.chosen,
        "phase" in noise.chosen,
        design.plan.device.damping if "linewidth" in noise.chosen else None,
        tile_coupling(design.plan, entry) if "tiles" in noise.chosen else None,
    )


def _by_tile(bandwidths: Array, tiles: list[int], parts: list[int]) -> Array:
    """Bandwidths of tiles, whose groups (RF-parallel parts) count by their resonators; of tiles alone unchanged."""
    if len(parts) == len(tiles):
        return bandwidths
    of_tile = np.searchsorted(np.cumsum(tiles), np.cumsum(parts))
    return np.asarray(np.bincount(of_tile, bandwidths * parts) / np.asarray(tiles))


def layer_noise(design: Design, held: RfWeights, place: Place | None = None) -> LayerNoise:
    """Noise of a layer on buses whose program holds those weights, with [noise] and [neuron] of the design.

    `place`: default where the design's network has the layer. Raises InputError for a layer on strip lines.
    """
    design.require_bus("noise", (held.layer,), "accuracy --noise, run --noise, levels")
    plan, entry, noise = design.plan, design.plan.layer(held.layer), design.parameters.noise
    device, neuron, place = plan.device, design.parameters.neuron, place or place_of(design, held.layer)
    tiles, parts = entry.tile_sizes, stacked_sizes(entry.tile_sizes, plan.circuit.groups)
    stack = DcStack.of_tiles(parts, device.resistance, plan.circuit, neuron.bandwidth, POLES)
    chains, divider = _by_tile(stack.bandwidths(average=neuron.integration), tiles, parts), readout_divider(plan, entry)
    thermal = float(thermal_power(device.damping, device.threshold_current, noise.temperature, noise.polarisation))
    tones = _tones(design, entry, chains / divider**2, place)
    programmed = design.program(held.method).layer(held.layer)
    sums = chain_sums(plan, entry, programmed.f_res, thermal, chains, tones.widest)
    p_max, heard = plan.options.p_max, "precession" in noise.chosen
    return LayerNoise(
        held.layer,
        held.volts_per_weight(design).reshape(entry.layer.matrix.shape[:2]) * p_max,
        float(chains @ tiles / sum(tiles)) / divider**2,
        constant_noise(design, stack, parts, place.last),
        sums.noise * p_max if heard else None,
        thermal * heard * np.array([chains[bus.tile] for bus in entry.buses]),
        sums.slope * (divider * p_max),
        sums.loss * (divider * p_max),
        tones,
    )
