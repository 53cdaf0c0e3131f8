"""Neurons and tones of parallel hardware: which values need one, and the tones into every stage.

A neuron stands behind every value that a later stage gets, or that is a logit. A tone is a value on a channel of the
stage that listens to it, so a value that a stage needs on two channels is two tones. Values that a stage gets but does
not need have a tone without a load there, unless another stage takes values of the same kind too.
"""

import math
from collections.abc import Sequence

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Bools, Ints
from resonet.netlist.cascade.stages import SILENT, Feed, ParallelNetwork, Pooling, Stage
from resonet.netlist.cascade.unrolling import OpenStage, Path, most_offset
from resonet.netlist.network.cnn import IMAGE, Cnn

__all__ = ["joined"]

IDLE = -1  # channel of a tone that a stage gets and does not need


class _Joiner:
    """Stages that are needed, their neurons and their tones."""

    def __init__(self, paths: Sequence[Path], stages: Sequence[OpenStage], outputs: Ints) -> None:
        self.paths, self.stages, self.outputs = paths, stages, outputs
        self.ends = np.unique(outputs[outputs >= 0])
        self.live = self._live()
        self.takers = self._takers()
        self.number = {stage: n for n, stage in enumerate(self.live)}  # of the stages that are left
        self.pairs = {stage: self._pairs(stage) for stage in self.live}
        self.neurons = self._neurons()

    def path_of(self, values: Ints) -> Ints:
        """Which path values belong to."""
        return np.asarray(np.searchsorted([path.base for path in self.paths], values, side="right") - 1)

    def stage_of(self, values: Ints) -> Ints:
        """Which stage values come from, before any is left out; IMAGE for pixels."""
        return np.asarray(np.array([path.stage for path in self.paths])[self.path_of(values)])

    def _live(self) -> list[int]:
        """Stages that the outputs depend on."""
        live = set(np.unique(self.stage_of(self.ends)).tolist())
        for stage in range(len(self.stages) - 1, -1, -1):
            if stage in live:
                wires = self.stages[stage].wires
                live |= set(np.unique(self.stage_of(wires[wires >= 0])).tolist())
        return sorted(live - {IMAGE})

    def _takers(self) -> Ints:
        """[paths] how many stages get values of each, the outputs counted as one."""
        takers = np.zeros(len(self.paths), np.int64)
        for values in (*(self.stages[stage].given for stage in self.live), self.ends):
            takers[np.unique(self.path_of(values))] += 1
        return takers

    def _pairs(self, number: int) -> Ints:
        """[tones, 2] value and channel of each tone into a stage."""
        stage = self.stages[number]
        used = stage.wires >= 0
        if not used.any():
            raise InputError(f"layer {stage.layer.name}: zeros are all that it gets; possible: inputs of some kind")
        channels = stage.layer.taps
        keys = np.unique(stage.wires[used] * channels + stage.colours[used])
        pairs = np.stack([keys // channels, keys % channels], axis=1)
        pixels = np.arange(len(self.paths[0].members) if (stage.given < self.paths[1].base).any() else 0)
        idle = np.setdiff1d(np.union1d(stage.given, pixels), pairs[:, 0])
        idle = idle[(self.takers[self.path_of(idle)] == 1) & np.isin(self.stage_of(idle), [IMAGE, *self.live])]
        return np.concatenate([pairs, np.stack([idle, np.full(len(idle), IDLE)], axis=1)])

    def _neurons(self) -> Ints:
        """[values] number of each among the neurons of its stage, or among the pixels; -1 for none."""
        last = self.paths[-1]
        needed = np.zeros(last.base + len(last.members), bool)
        needed[self.ends] = True
        for pairs in self.pairs.values():
            needed[pairs[:, 0]] = True
        found, counts = np.full(len(needed), -1), dict.fromkeys(range(len(self.stages)), 0)
        for path in self.paths:
            at = path.base + np.flatnonzero(needed[path.base : path.base + len(path.members)])
            if path.stage == IMAGE:
                found[at] = at
                continue
            found[at] = counts[path.stage] + np.arange(len(at))
            counts[path.stage] += len(at)
        return found

    def poolings(self, number: int) -> tuple[Pooling, ...]:
        """Neurons of a stage."""
        found = []
        for path in self.paths:
            if path.stage == number:
                at = self.neurons[path.base : path.base + len(path.members)] >= 0
                if at.any():
                    found.append(Pooling(path.kind, path.members[at]))
        return tuple(found)

    def _most_offset(self, source: int, values: Ints) -> float:
        """Largest offset that the tones of such values may have."""
        if source == IMAGE:
            return math.inf
        chains = np.concatenate([self.paths[p].members.max(1) for p in np.unique(self.path_of(values))])
        return most_offset(self.stages[source].copies.activation.take(chains))

    def stage(self, number: int) -> Stage:
        """A stage with its tones and neurons."""
        stage, pairs = self.stages[number], self.pairs[number]
        source, neuron = self.stage_of(pairs[:, 0]), self.neurons[pairs[:, 0]]
        order = np.lexsort((pairs[:, 1], neuron, source))
        pairs, source, neuron = pairs[order], source[order], neuron[order]
        feeds = tuple(
            Feed(self.number.get(s, IMAGE), neuron[source == s], self._most_offset(s, pairs[source == s, 0]))
            for s in np.unique(source).tolist()
        )
        offset = np.repeat([feed.most_offset > 0 for feed in feeds], [len(feed.values) for feed in feeds])
        wires = _silenced(stage, _numbered(stage, pairs), offset)
        return Stage(stage.layer, stage.copies, wires, stage.colours, feeds, self.poolings(number), stage.behind)


def _numbered(stage: OpenStage, pairs: Ints) -> Ints:
    """Wires of a stage in numbers of tones, for pairs [tones, 2] of value and channel."""
    channels = stage.layer.taps + 1
    keys = pairs[:, 0] * channels + (pairs[:, 1] - IDLE)
    order = np.argsort(keys)
    wanted = stage.wires * channels + (stage.colours - IDLE)
    at = order[np.minimum(np.searchsorted(keys[order], wanted), len(keys) - 1)]
    return np.asarray(np.where(stage.wires >= 0, at, -1))


def _silenced(stage: OpenStage, wires: Ints, offset: Bools) -> Ints:
    """Wires with padding that carries an offset only where it stands in for what carries one.

    All positions of a kernel then have the same offset; `offset` [tones].
    """
    carried = np.append(offset, False)[wires] & (wires >= 0)
    kernels = carried.reshape(stage.layer.groups, stage.layer.positions, -1).any(1)
    return np.asarray(np.where((wires < 0) & ~np.repeat(kernels, stage.layer.positions, axis=0), SILENT, wires))


def joined(cnn: Cnn, paths: Sequence[Path], stages: Sequence[OpenStage], outputs: Ints) -> ParallelNetwork:
    """The network of stages whose neurons and tones are not known yet; `outputs` [logits] are values, -1 for zero."""
    joiner = _Joiner(paths, stages, outputs)
    if not joiner.live or (joiner.stage_of(joiner.ends) == IMAGE).any():
        raise InputError(f"{cnn.file}: outputs that no weighted layer makes; possible: sums of weighted layers")
    shown = np.where(outputs >= 0, outputs, joiner.ends[0])
    numbers = np.array([joiner.number.get(stage, IMAGE) for stage in range(len(stages))])
    return ParallelNetwork(
        cnn,
        tuple(joiner.stage(stage) for stage in joiner.live),
        numbers[joiner.stage_of(shown)],
        np.asarray(np.where(outputs >= 0, joiner.neurons[shown], -1)),
    )
