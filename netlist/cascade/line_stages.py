"""A stage under strip lines: its layout, the tone that each line carries, its chains in the order of the stage.

A line passes over every resonator that uses its input, so that nothing combines or splits tones but where one value is
several inputs of the layer: then its source feeds as many lines. Padded taps have no resonator and no tone.
"""

from dataclasses import dataclass, replace

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array, Ints
from resonet.models.resonator.linear import SpinDiode
from resonet.netlist.cascade.stages import SILENT, ParallelNetwork, Stage
from resonet.netlist.design.design import Design
from resonet.netlist.design.feed_options import FeedOptions
from resonet.netlist.network.cnn import Addend, Synapses
from resonet.netlist.strip.arrangement import ARRANGEMENTS, find_arrangement
from resonet.netlist.strip.drive import tuned_share
from resonet.netlist.strip.parasitics import CAUSES, Cause, Parasitics, extract_parasitics
from resonet.netlist.strip.placement import Placement, place_layer
from resonet.netlist.strip.usage import Usage

__all__ = ["LineStage", "LineWeights", "line_stages", "without_padding"]


@dataclass(frozen=True, slots=True, eq=False)
class LineWeights:
    """What the chains of a stage under strip lines hold, in units of the trained weights."""

    matrix: Array  # [chains, tones] also of lines that a chain does not use
    scale: float  # V/W per unit of weight


@dataclass(frozen=True, slots=True, eq=False)
class LineStage:
    """Chains of a stage under strip lines."""

    layer: Synapses  # of the network
    placement: Placement
    frequencies: Array  # [tone classes] Hz
    device: SpinDiode
    feed: FeedOptions
    tone: Ints  # [lines] of the stage, SILENT where the input is always zero
    chains: Ints  # [chains of the stage] number in the placement
    f_res: Array | None = None  # [resonators] Hz, once there is a program

    @property
    def usage(self) -> Usage:
        """Which resonator is under which line."""
        return self.placement.usage

    @property
    def causes(self) -> tuple[str, ...]:
        """What acts besides the own line."""
        return self.feed.acting

    @property
    def sizes(self) -> Ints:
        """Resonators of each chain of the layout."""
        return np.bincount(self.usage.chain)

    @property
    def parasitics(self) -> list[Cause]:
        """Those of the causes that the geometry gives magnitudes for."""
        return [cause for cause in CAUSES if cause in self.causes]

    def _only(self, cause: Cause) -> list[Cause]:
        """That cause, if it acts."""
        return [cause] if cause in self.causes else []

    @property
    def middle(self) -> float:
        """Frequency that parasitics are taken at, Hz."""
        return float(np.sqrt(self.frequencies.min() * self.frequencies.max()))

    @property
    def channel(self) -> Array:
        """[lines] Hz."""
        lines, first = np.unique(self.usage.line, return_index=True)
        return np.asarray(self.frequencies[self.usage.tone[first[np.argsort(lines)]]])

    @property
    def ends(self) -> Parasitics:
        """What stands at the ends of the lines; of other parasitics nothing."""
        return extract_parasitics(self.placement, self.middle, self._only("mismatch"))

    @property
    def programmed(self) -> Array:
        """Resonances as tuning currents are meant to set them, Hz [resonators]. Raises InputError without a program."""
        if self.f_res is None:
            raise InputError(f"layer {self.layer.name}: strip lines without a program; possible: program it first")
        return self.f_res

    @property
    def tuned(self) -> Array:
        """Resonances with what of the tuning currents arrives, Hz [resonators]."""
        built = self.frequencies[self.usage.tone]
        ground = extract_parasitics(self.placement, self.middle, self._only("tuning_loss"))
        share = tuned_share(self.placement, ground, np.arange(len(built)))
        return np.asarray(built + (self.programmed - built) * share)

    def matrix(self, values: Array, tones: int) -> Array:
        """Weights [chains of the stage, tones] from those of the layout [chains, lines]."""
        found, live = np.zeros((len(self.chains), tones)), self.tone >= 0
        np.add.at(found.T, self.tone[live], values[self.chains].T[live])
        return found


def _chain_order(stage: Stage) -> Ints:
    """Chain of the layout for each of the stage: block by block there, position by position here."""
    layer = stage.layer
    at = np.arange(stage.chains).reshape(layer.groups, layer.outputs, layer.positions)
    return np.asarray(at.swapaxes(1, 2).ravel())


def _columns(usage: Usage, layer: Synapses) -> Ints:
    """Column of `Synapses.matrix` of each resonator: what adds up an input tap by tap has those of all outputs."""
    column, first, tap = usage.tap.astype(np.int64), 0, 0
    kernels: list[Synapses | Addend] = [layer, *layer.addends]
    for kernel, (count, diagonal) in zip(kernels, layer.blocks, strict=True):
        own = int(np.prod(kernel.weight.shape[1:]))
        at = (usage.tap >= tap) & (usage.tap < tap + own)
        output = usage.block[at].astype(np.int64) % layer.outputs if diagonal else 0
        column[at] = first + usage.tap[at] - tap + output * own
        first, tap = first + count, tap + own
    return column


def _tones(stage: Stage, usage: Usage) -> Ints:
    """[lines] tone of the stage that each line carries; SILENT where its input is always zero."""
    copy = usage.block.astype(np.int64) // stage.layer.outputs * stage.layer.positions + usage.position
    found = np.full(len(usage.inputs), SILENT)
    found[usage.line] = stage.wires[copy, _columns(usage, stage.layer)]
    return np.where(found < 0, SILENT, found)


def _line_stage(design: Design, stage: Stage) -> LineStage | None:
    """Layout of a stage, where its layer is on strip lines."""
    feed, options = design.parameters.feed, design.plan.options
    if feed.of(stage.layer) == "bus":
        return None
    if not find_arrangement(feed.arrangement).parallel:
        able = ", ".join(name for name in ARRANGEMENTS if find_arrangement(name).parallel)
        raise InputError(
            f"feed.arrangement = {feed.arrangement}: patches go through one after another, and neurons hand on all at "
            f"once; possible: {able}"
        )
    placement = place_layer(stage.layer, feed.arrangement, design.parameters.geometry)
    frequencies = np.geomspace(options.f_min, options.f_max, placement.usage.tones)
    tone, chains = _tones(stage, placement.usage), _chain_order(stage)
    for pooling in stage.poolings:
        members, size = pooling.members, np.bincount(placement.usage.chain)[chains]
        if pooling.kind == "average" and (size[members] != size[members[:, :1]]).any():
            raise InputError(
                f"layer {stage.layer.name}: an average ties chains of unequal length together, as padding has no "
                "resonators under strip lines; possible: that layer on a bus (feed.layers)"
            )
    return LineStage(stage.layer, placement, frequencies, design.plan.device, feed, tone, chains)


def line_stages(design: Design, network: ParallelNetwork) -> tuple[LineStage | None, ...]:
    """Layouts of the stages that the feed of a design puts on strip lines, None for those on buses.

    Raises InputError.
    """
    return tuple(_line_stage(design, stage) for stage in network.stages)


def without_padding(network: ParallelNetwork, lines: tuple[LineStage | None, ...]) -> ParallelNetwork:
    """The network with no tones for padding under strip lines."""
    stages = tuple(
        stage if line is None else replace(stage, wires=np.where(stage.wires < 0, SILENT, stage.wires))
        for stage, line in zip(network.stages, lines, strict=True)
    )
    return replace(network, stages=stages)
