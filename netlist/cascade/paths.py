"""Plan and programs of parallel hardware, and the way of every tone from its source to the buses or lines that need it.

The chains of a parallel network are planned like those of any other, a group for each copy of a kernel; only which tap
is on which channel follows the colours of the tones. What a bus needs of a tone is set by the plan's levels; a tone
that several buses need is split, and the splitter's arms hold what the neediest leaves over. Stages under strip lines
have layouts in the place of buses (`line_stages`), and a tone goes into a line of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array, Ints
from resonet.models.circuit.groups import group_sizes, group_starts, stacked_sizes
from resonet.netlist.cascade.building import parallel_network
from resonet.netlist.cascade.line_stages import LineStage, line_stages, without_padding
from resonet.netlist.cascade.stages import Feed, ParallelNetwork, Stage
from resonet.netlist.design.design import Design
from resonet.netlist.network.cnn import Cnn
from resonet.netlist.planning.frequency_plan import Bus, FrequencyPlan, LayerPlan, bus_gains, levelled, plan
from resonet.netlist.planning.scales import InputScale
from resonet.netlist.programming.methods import programs
from resonet.netlist.strip.drive import line_emf

__all__ = ["ParallelDesign", "TonePaths", "all_paths", "parallel_design", "tone_paths"]


@dataclass(frozen=True, slots=True, eq=False)
class ParallelDesign:
    """A network's stages and the design of their chains, a layer of the design for each stage."""

    network: ParallelNetwork
    design: Design
    lines: tuple[LineStage | None, ...]  # by stage, None on buses

    @property
    def stages(self) -> tuple[Stage, ...]:
        """From the pixels on."""
        return self.network.stages

    @property
    def plan(self) -> FrequencyPlan:
        """Frequency plan of the chains, a layer for each stage."""
        return self.design.plan

    def entry(self, stage: int) -> LayerPlan:
        """Plan of a stage."""
        return self.plan.layers[stage]

    def tile_sizes(self, stage: int) -> list[int]:
        """Resonators of what is in series for DC in a neuron, from ground up: tiles, or the groups that they have.

        All neurons of a stage on buses are alike; under strip lines a chain is one tile, and the longest counts.
        """
        if (line := self.lines[stage]) is not None:
            return [int(line.sizes.max())]
        return stacked_sizes(self.entry(stage).tile_sizes, self.plan.circuit.groups)

    def places(self, stage: int, bus: Bus) -> list[tuple[int, slice]]:
        """Where the groups of a bus's chains stand in `tile_sizes`, with their resonators, from the feed on."""
        groups, below = self.plan.circuit.groups, 0
        for other in self.entry(stage).buses:
            if other.group == bus.group and bus.outputs[0] in other.outputs and other.tile < bus.tile:
                below += len(group_sizes(other.size[1], groups))
        sizes, starts = group_sizes(bus.size[1], groups), group_starts(bus.size[1], groups)
        top = below + len(sizes) - 1
        return [
            (top - n, slice(start, start + size)) for n, (start, size) in enumerate(zip(starts, sizes, strict=True))
        ]

    def input_scale(self, stage: int) -> InputScale:
        """How the tones into a stage carry its inputs."""
        return self.design.scales[self.stages[stage].layer.name]

    def scale(self, stage: int) -> tuple[float, float]:
        """Offset and full scale of the tones into a stage: P = p_max (x + offset) / full scale."""
        input_scale = self.input_scale(stage)
        return input_scale.offset, input_scale.full_scale

    def zero(self, stage: int, feed: Feed) -> float:
        """Offset of the tones of one feed of a stage."""
        return min(self.scale(stage)[0], feed.most_offset)

    def padded(self, stage: int, tones: Array) -> Array:
        """Powers of the tones into a stage [n, tones], units of p_max, then those that `SILENT` and -1 stand for."""
        offset, full_scale = self.scale(stage)
        dark = np.broadcast_to([0.0, offset / full_scale], (len(tones), 2))
        return np.concatenate([tones, dark], axis=1)

    def synapses(self, stage: int) -> int:
        """Resonators of a stage."""
        line = self.lines[stage]
        return self.entry(stage).resonators if line is None else len(line.usage.line)

    @property
    def resonators(self) -> int:
        """Of all stages together."""
        return sum(map(self.synapses, range(len(self.stages))))


@dataclass(frozen=True, slots=True, eq=False)
class TonePaths:
    """Tones into a stage. A branch is one tone on one bus, or what stands in for a padded pixel there; or on one line.

    A tone's source at its source impedance has the EMF `source` at p_max; a branch takes `share` of it.
    """

    tones: int
    tone: Ints  # [branches] -1 for a padded pixel, SILENT for one without an offset
    bus: Ints  # [branches] which bus of the stage; 0 for lines
    slot: Ints  # [branches] which input of the bus's combiner; number of the line
    emf: Array  # [branches] V at the combiner's input, or of the line's source, peak, at p_max
    channel: Array  # [branches] Hz
    source: Array  # [tones] V, 0 for a tone that nothing needs
    frequency: Array  # [tones] Hz, 0 likewise
    ways: Ints  # [tones] branches of a tone
    impedance: float  # ohm, of the sources

    @property
    def share(self) -> Array:
        """[branches] EMF at the branch over EMF of the source: at most 1/√ways, as a splitter of that many gives."""
        return np.asarray(np.where(self.tone < 0, 1.0, self.emf / self.source[self.tone]))


def _slots(entry: LayerPlan, stage: Stage) -> LayerPlan:
    """The plan of a stage, its full tones alike, with every tap on the channel of its colour."""
    tap_of = np.argsort(stage.colours, axis=1)  # [groups, slots]
    buses = tuple(replace(bus, taps=tap_of[bus.group][bus.taps]) for bus in entry.buses)
    return replace(entry, buses=buses)


def _parallel_plan(network: ParallelNetwork, of: FrequencyPlan) -> FrequencyPlan:
    options = replace(of.options, assign=0)  # colours decide
    planned = plan(network.copies, of.device, of.circuit, replace(options, levels="equal"))
    layers = tuple(
        levelled(_slots(entry, stage), of.device, options)
        for entry, stage in zip(planned.layers, network.stages, strict=True)
    )
    return replace(planned, options=options, layers=layers)


def parallel_design(design: Design, cnn: Cnn | None = None, programmed: bool = True) -> ParallelDesign:
    """Parallel hardware of a design's network, or of a part of it (`network_slice`), with the same parameters.

    Its copies have programs of their own, if `programmed`. Raises InputError where the network cannot be built without
    memory between its layers.
    """
    network = parallel_network(cnn or design.cnn)
    lines = line_stages(design, network)
    network = without_padding(network, lines)
    planned = _parallel_plan(network, design.plan)
    scales = {stage.layer.name: design.scales[stage.layer.name] for stage in network.stages}
    on_buses = tuple(entry for entry, line in zip(planned.layers, lines, strict=True) if line is None)
    made = programs(replace(planned, layers=on_buses)) if programmed else {}
    parallel = replace(design, cnn=network.copies, plan=planned, programs=made, scales=scales)
    return ParallelDesign(network, parallel, lines)


def tone_paths(stage: Stage, entry: LayerPlan, planned: FrequencyPlan) -> TonePaths:
    """Where every tone into a stage on buses goes, and with what EMF."""
    root = np.sqrt(planned.options.p_max)
    branches: list[tuple[Ints, Ints, Ints, Array, Array]] = []
    for number, bus in enumerate(entry.buses):
        gain = np.abs(bus_gains(bus, planned.device, planned.circuit))
        tone = stage.wires[bus.group][bus.taps]
        slots, emf = np.arange(len(bus.taps)), bus.levels * root / gain
        branches.append((tone, np.full(len(slots), number), slots, emf, bus.frequencies))
    parts = [np.concatenate(part) for part in zip(*branches, strict=True)]
    return _joined_paths(stage, (parts[0], parts[1], parts[2], parts[3], parts[4]), planned.circuit.impedance)


def line_paths(stage: Stage, line: LineStage, planned: FrequencyPlan) -> TonePaths:
    """Where every tone into a stage under strip lines goes: a branch is a line, all with the EMF of p_max.

    That is what the line's current has to be for a resonator under it to get p_max, if nothing attenuates it.
    """
    ends, count = line.ends, len(line.tone)
    emf = np.sqrt(planned.options.p_max) * line_emf(line.placement, ends, planned.device.resistance)
    branches = line.tone, np.zeros(count, np.int64), np.arange(count), np.full(count, emf), line.channel
    return _joined_paths(stage, branches, ends.source)


def _joined_paths(stage: Stage, branches: tuple[Ints, Ints, Ints, Array, Array], impedance: float) -> TonePaths:
    """Paths of branches: tone, bus, slot, EMF, channel."""
    (tone, where, slot, emf, channel), tones = branches, stage.tones
    live = tone >= 0
    ways = np.bincount(tone[live], minlength=tones)
    largest, frequency = np.zeros(tones), np.zeros(tones)
    np.maximum.at(largest, tone[live], emf[live])
    frequency[tone[live]] = channel[live]
    if not np.allclose(frequency[tone[live]], channel[live], rtol=1e-12, atol=0):
        raise InputError(f"layer {stage.layer.name}: one tone on two channels; possible: tiles alike for all outputs")
    source = largest * np.sqrt(np.maximum(ways, 1))
    return TonePaths(tones, tone, where, slot, emf, channel, source, frequency, ways, impedance)


def all_paths(design: ParallelDesign) -> Sequence[TonePaths]:
    """Tone paths into every stage."""
    return [
        tone_paths(stage, entry, design.plan) if line is None else line_paths(stage, line, design.plan)
        for stage, entry, line in zip(design.stages, design.plan.layers, design.lines, strict=True)
    ]
