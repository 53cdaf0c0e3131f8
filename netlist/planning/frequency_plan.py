"""Which tone, on which bus, carries which input: the frequency plan of a network under bus feed.

A neuron's chain is cut into tiles of at most `tile` resonators, each on a bus of its own; the tiles of a neuron are in
series at DC. A bus drives at most `fanout` chains. Channels lie on a geometric grid (constant spacing in linewidths),
the highest next to the feed, because node capacitance takes high frequencies first. The channels at either end of the
band, which have tails from one side only, may stand further off (`ends`), and the inputs may be put on the channels
where their weights fit best (`assign`).
"""

from dataclasses import dataclass, replace

import numpy as np

from resonet.core.choices import check_choices, choice
from resonet.core.errors import InputError
from resonet.core.parameters import check, parameter
from resonet.core.types import Array, Complex, Ints
from resonet.models.circuit.bus import BusCircuit, tone_levels
from resonet.models.circuit.combiner import tone_gains
from resonet.models.resonator.far_chain import effective_reach
from resonet.models.resonator.linear import SpinDiode
from resonet.netlist.network.cnn import Cnn, Synapses
from resonet.netlist.network.neuron_scales import SCALES
from resonet.netlist.planning.bus_cells import bus_cells
from resonet.netlist.planning.channel_order import assign_taps
from resonet.netlist.planning.tone_parts import LEVELS, tone_parts

__all__ = [
    "Bus",
    "FrequencyPlan",
    "LayerPlan",
    "PlanOptions",
    "bus_gains",
    "channel_grid",
    "check_levels",
    "levelled",
    "levelled_parts",
    "plan",
    "source_power",
    "sub_bus",
]

MAX_RESONATORS = 20_000_000
_Made = tuple[SpinDiode, "PlanOptions"]
_Shared = dict[tuple[int, int, int], tuple[Array, Array]]  # channels and levels by tones, chains, resonators below


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What the designer decides about channels and levels."""

    f_min: float = parameter(1e9, "Hz", 1e6, 1e12, "lowest channel")
    f_max: float = parameter(20e9, "Hz", 1e6, 1e12, "highest channel")
    tile: int = parameter(48, "", 1, 4096, "most resonators of a chain on one bus")
    fanout: int = parameter(32, "", 1, 4096, "most chains on one bus")
    fill: float = parameter(0.8, "", 0.01, 0.98, "largest weight of a layer, as part of the largest a resonator holds")
    reach: float = parameter(
        1.0, "", 1.0, 1e3, "farthest that a resonance lies from its tone, half-widths; above 1: far, for less noise"
    )
    p_max: float = parameter(2e-9, "W", 1e-15, 1.0, "tone power in one resonator at the largest activation")
    ends: int = parameter(1, "", 1, 4, "spacing of the first and last channel, in spacings of the others")
    assign: int = parameter(0, "", 0, 1, "1: inputs on the channels where their weights fit best; 0: in order")
    levels: str = choice(
        "equal", lambda: LEVELS, "full tones: all of p_max, or parts of it for the least precession noise, or power"
    )
    scale: str = choice("auto", lambda: SCALES, "one for a layer, one for each neuron, or auto: where that helps")
    gain_range: float = parameter(1e3, "", 1.0, 1e9, "largest over smallest gain of the transconductors of a layer")

    def __post_init__(self) -> None:
        check(self, "plan")
        check_choices(self, "plan")
        if self.f_min >= self.f_max:
            raise InputError(f"plan.f_min = {self.f_min:g} Hz: must be below plan.f_max = {self.f_max:g} Hz")


@dataclass(frozen=True, slots=True, eq=False)
class Bus:
    """One RF bus: the tones on it and the chains that it drives. Resonator k of every chain holds tone k's weight."""

    layer: str
    name: str  # unique within the layer: t0, t1 ..., with g<group> and b<bank> where there are several
    group: int
    tile: int
    bank: int
    outputs: Ints  # [chains] neurons, counted within the group
    taps: Ints  # [resonators] inputs, counted within the group
    frequencies: Array  # [resonators] Hz, channel of each tone, falling from the feed on
    levels: Array  # [resonators] V/√W, EMF at the combiner that puts 1 W, or `parts` of it, into the tone's resonator
    below: int  # resonators of the same neuron in series under this tile, at DC
    reach: float = 1.0  # largest detuning of a resonator, half-widths
    parts: Array | None = None  # [resonators] of p_max that full tones carry; None: all of it

    @property
    def carries(self) -> Array:
        """Of p_max that full tones carry, [resonators]."""
        return np.ones(len(self.taps)) if self.parts is None else self.parts

    @property
    def even_levels(self) -> Array:
        """V/√W [resonators], EMF that puts 1 W into the tone's own resonator, whatever full tones carry."""
        return self.levels if self.parts is None else np.asarray(self.levels / np.sqrt(self.parts))

    def with_parts(self, parts: Array | None) -> "Bus":
        """The same with full tones of those parts of p_max, [resonators]."""
        even = self.even_levels
        return replace(self, levels=even if parts is None else even * np.sqrt(parts), parts=parts)

    @property
    def size(self) -> tuple[int, int]:
        """Chains, resonators per chain."""
        return len(self.outputs), len(self.taps)

    @property
    def signs(self) -> Array:
        """(-1)^k: neighbours are connected head to tail, so their voltages add with alternating sign."""
        return np.where(np.arange(len(self.taps)) % 2, -1.0, 1.0)


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class LayerPlan:
    """One weighted layer and its buses."""

    layer: Synapses
    buses: tuple[Bus, ...]

    @property
    def chains(self) -> int:
        """Neurons: a chain cut into tiles counts once."""
        return int(self.layer.weight.shape[0])

    @property
    def tile_sizes(self) -> list[int]:
        """Resonators of the tiles of a neuron, from ground up; all neurons of a layer are alike."""
        first, *_ = self.buses
        return [bus.size[1] for bus in self.buses if bus.group == first.group and first.outputs[0] in bus.outputs]

    @property
    def resonators(self) -> int:
        """Resonators of one copy of the kernels (sequential convolution)."""
        return sum(len(bus.outputs) * len(bus.taps) for bus in self.buses)

    @property
    def elements(self) -> int:
        """Of the Jacobians of all chains: tones times resonators of each."""
        return sum(len(bus.outputs) * len(bus.taps) ** 2 for bus in self.buses)

    @property
    def carries(self) -> tuple[float, float]:
        """Least and mean part of p_max that full tones on its buses carry."""
        each = np.concatenate([bus.carries for bus in self.buses])
        return float(each.min()), float(each.mean())

    @property
    def channels(self) -> int:
        """Most tones on one bus."""
        return max(len(bus.taps) for bus in self.buses)


@dataclass(frozen=True, slots=True, eq=False)
class FrequencyPlan:
    """The plan of a whole network, with what it was made from."""

    device: SpinDiode
    circuit: BusCircuit
    options: PlanOptions
    layers: tuple[LayerPlan, ...]

    def layer(self, name: str) -> LayerPlan:
        """Plan of the layer of that name; InputError lists the names there are."""
        for entry in self.layers:
            if entry.layer.name == name:
                return entry
        names = ", ".join(entry.layer.name for entry in self.layers)
        raise InputError(f"layer {name[:60]!r}: no such weighted layer; possible: {names}")


def bus_gains(bus: Bus, device: SpinDiode, circuit: BusCircuit) -> Complex:
    """EMF of a bus, seen behind the source impedance, per EMF of each tone's source, [tones]."""
    return tone_gains(bus.frequencies, device.resistance, len(bus.outputs), circuit, bus.below)


def channel_grid(resonators: int, options: PlanOptions) -> Array:
    """Channels in Hz, highest first, geometric from f_max to f_min; one channel alone sits in the geometric middle.

    With `ends` above 1 places next to the first and the last stay vacant (from four channels on).
    """
    if resonators == 1:
        return np.array([np.sqrt(options.f_min * options.f_max)])
    if options.ends == 1 or resonators < 4:
        return np.geomspace(options.f_max, options.f_min, resonators)
    grid = np.geomspace(options.f_max, options.f_min, resonators - 2 + 2 * options.ends)
    return np.concatenate([grid[:1], grid[options.ends : -options.ends], grid[-1:]])


def _fitted_taps(
    synapses: Synapses,
    group: int,
    bank: Ints,
    tile: Ints,
    grid: Array,
    made_for: _Made,
) -> Ints:
    """Inputs of a tile in the order of its channels."""
    device, options = made_for
    if not options.assign or len(tile) == 1 or (largest := float(np.abs(synapses.matrix).max())) == 0:
        return tile
    weights = synapses.held[group][np.ix_(bank, tile)] * (options.fill / largest)
    return tile[assign_taps(weights, grid, device.damping)]


def _buses(
    synapses: Synapses, device: SpinDiode, circuit: BusCircuit, options: PlanOptions, shared: _Shared
) -> list[Bus]:
    """Buses of a layer, group by group, bank by bank, from the grounded tile up; `shared` by buses that are alike."""
    cells, buses = bus_cells(synapses, options.tile, options.fanout), []
    for group in range(synapses.groups):
        stacked = np.zeros(synapses.outputs, np.int64)  # resonators of each neuron so far
        for t, b, label, bank, tile in cells:
            key = (len(tile), len(bank), int(stacked[bank[0]]))
            if key not in shared:
                grid = channel_grid(len(tile), options)
                shared[key] = grid, tone_levels(grid, device.resistance, len(bank), circuit, key[2])
            name = (f"g{group}" if synapses.groups > 1 else "") + label
            taps = _fitted_taps(synapses, group, bank, tile, shared[key][0], (device, options))
            buses.append(Bus(synapses.name, name, group, t, b, bank, taps, *shared[key], key[2], options.reach))
            stacked[bank] += len(tile)
    return buses


def check_levels(bus: Bus, circuit: BusCircuit, options: PlanOptions) -> None:
    """InputError for a bus with a tone that no level brings to its resonator."""
    if not np.all(np.isfinite(bus.levels)) or bus.levels.max() > 1e9:
        lost = "the parasitics leave a tone no current at its own resonator"
        less = f"plan.tile below {options.tile}, bus.node_capacitance below {circuit.node_capacitance:g} F"
        raise InputError(f"layer {bus.layer}, bus {bus.name}: {lost}; possible: {less}")


def plan(
    cnn: Cnn, device: SpinDiode | None = None, circuit: BusCircuit | None = None, options: PlanOptions | None = None
) -> FrequencyPlan:
    """Plan tiles, channels and tone levels of every weighted layer.

    Raises InputError where a bus would carry a channel that no tone can reach, where a chain has fewer resonators than
    groups (one alone stays one), or the network is too large.
    """
    device, circuit, options = device or SpinDiode(), circuit or BusCircuit(), options or PlanOptions()
    total, shared = 0, _Shared()
    for synapses in cnn.synapses:
        total += synapses.groups * synapses.outputs * synapses.series
        if total > MAX_RESONATORS:
            raise InputError(
                f"layer {synapses.name}: {total:,} resonators so far; possible: {MAX_RESONATORS:,} in one design"
            )
    layers = []
    for synapses in cnn.synapses:
        buses = _buses(synapses, device, circuit, options, shared)
        for bus in buses:
            if 1 < bus.size[1] < circuit.groups:
                raise InputError(
                    f"layer {synapses.name}, bus {bus.name}: bus.groups = {circuit.groups} of chains of {bus.size[1]} "
                    f"resonators; possible: 1 ... {bus.size[1]}"
                )
            check_levels(bus, circuit, options)
        layers.append(levelled(LayerPlan(synapses, tuple(buses)), device, options))
    return FrequencyPlan(device, circuit, options, tuple(layers))


def levelled_parts(
    layer: Synapses, group: int, taps: Ints, grid: Array, device: SpinDiode, options: PlanOptions
) -> Array | None:
    """Full tones of some inputs of a group, on channels `grid`, Hz, as parts of p_max; None where they are equal."""
    if options.levels == "equal":
        return None
    largest = float(np.abs(layer.matrix).max()) or 1.0
    gains = np.ones((layer.outputs, 1)) if layer.raised is None else layer.raised[group][:, None]
    held = layer.matrix[group][:, taps] * gains * (options.fill / largest)
    reach = effective_reach(options.reach, grid, device.damping)
    return tone_parts(options.levels, held, layer.wired[group][:, taps], gains, options.fill, reach)


def levelled(entry: LayerPlan, device: SpinDiode, options: PlanOptions) -> LayerPlan:
    """A layer with full tones as strong as `options.levels` says for its weights; an input has one in all its banks."""
    if options.levels == "equal":
        return entry
    known, buses = dict[tuple[int, bytes], Array | None](), list[Bus]()
    for bus in entry.buses:
        key = bus.group, bus.taps.tobytes()
        if key not in known:
            known[key] = levelled_parts(entry.layer, bus.group, bus.taps, bus.frequencies, device, options)
        buses.append(bus.with_parts(known[key]))
    return replace(entry, buses=tuple(buses))


def source_power(entry: LayerPlan, plan: FrequencyPlan) -> float:
    """Largest power, dBm, that a tone source of the layer must have available at p_max: |EMF|² / (8 Z0)."""
    circuit, p_max = plan.circuit, plan.options.p_max
    if circuit.combining == "resistive":
        loss = 10 ** (circuit.combiner_loss / 10)
        watts = max(
            float(bus.levels.max()) ** 2 * p_max * len(bus.taps) * loss / (8 * circuit.impedance) for bus in entry.buses
        )
    else:
        alike = {(bus.frequencies.tobytes(), *bus.size, bus.below, bus.levels.tobytes()): bus for bus in entry.buses}
        emf = max(np.abs(bus.levels / bus_gains(bus, plan.device, circuit)).max() for bus in alike.values())
        watts = float(emf) ** 2 * p_max / (8 * circuit.impedance)
    return 10 * float(np.log10(watts)) + 30


def sub_bus(bus: Bus, plan: FrequencyPlan, chain: int, positions: Ints) -> Bus:
    """One chain of a bus alone on its bus, grounded, cut down to the resonators at `positions`; levels anew."""
    frequencies = bus.frequencies[positions]
    return replace(
        bus,
        name=f"{bus.name}n{bus.outputs[chain]}k{len(positions)}",
        outputs=bus.outputs[chain : chain + 1],
        taps=bus.taps[positions],
        frequencies=frequencies,
        levels=tone_levels(frequencies, plan.device.resistance, 1, plan.circuit),
        below=0,
        parts=None,
    ).with_parts(None if bus.parts is None else bus.parts[positions])
