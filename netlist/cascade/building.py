"""From the graph of a network to the stages of parallel hardware.

Every value that layers hand on is numbered once: the pixels first, then the chains of every weighted layer, then the
pools of chains. Wiring, concatenation and splitting only move these numbers about, so a layer that takes several others
needs no hardware of its own for it. What becomes of a layer's sums is decided by each that takes them: a maximum pools
chains, an average ties them together where it has them for itself, a weighted layer listens to the neurons behind them.
"""

from dataclasses import replace

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array, Ints
from resonet.netlist.cascade.joining import joined
from resonet.netlist.cascade.stages import ParallelNetwork, Pool
from resonet.netlist.cascade.unrolling import OpenStage, Path, carry, colours, layer_copies, never_negative, rewire
from resonet.netlist.network.activations.linear import LINEAR
from resonet.netlist.network.cnn import IMAGE, Cnn, MaxPool, Synapses, Wiring, patches, pool_windows

__all__ = ["parallel_network"]


def _needed(cnn: Cnn) -> list[int]:
    """Layers that the output depends on, in order."""
    needed = {cnn.last}
    for number in range(len(cnn.layers) - 1, -1, -1):
        if number in needed:
            needed.update(cnn.inputs[number])
    return sorted(needed - {IMAGE})


def _takers(cnn: Cnn) -> dict[int, set[int]]:
    """By layer: those that take its output, through wiring or not; the number of layers stands for the output."""
    takers: dict[int, set[int]] = {number: set() for number in range(IMAGE, len(cnn.layers))}
    takers[cnn.last].add(len(cnn.layers))
    for number in reversed(_needed(cnn)):
        through = takers[number] if isinstance(cnn.layers[number], Wiring) else {number}
        for source in cnn.inputs[number]:
            takers[source] |= through
    return takers


def _is_disjoint_average(before: Synapses, synapses: Synapses) -> bool:
    """Whether an average pool can be made by tying chains together.

    Nothing nonlinear and no padding may lie between, and no chain may be tied to two neurons.
    """
    reach = ((k - 1) * d + 1 for k, d in zip(synapses.weight.shape[2:], synapses.dilation, strict=True))
    alone = all(
        n == 1 or step >= size for n, step, size in zip(synapses.out_shape[1:], synapses.stride, reach, strict=True)
    )
    plain = synapses.kind == "average_pool" and not any(synapses.padding) and not synapses.addends
    mean = bool(np.allclose(synapses.weight, 1 / synapses.taps, rtol=1e-6, atol=0))  # no factor has been folded in
    return plain and mean and before.activation == LINEAR and alone


class _Builder:
    """Walks the layers and keeps which values they hand on."""

    def __init__(self, cnn: Cnn) -> None:
        self.cnn, self.takers = cnn, _takers(cnn)
        pixels = int(np.prod(cnn.input_shape))
        self.paths = [Path(IMAGE, "none", np.arange(pixels)[:, None], 0)]
        self.stages: list[OpenStage] = []
        self.values: dict[int, Ints] = {IMAGE: np.arange(pixels)}  # by layer: values of its output, -1 for zero

    def take(self, number: int) -> None:
        """One layer of the network."""
        layer = self.cnn.layers[number]
        taken = np.concatenate([self.values[source] for source in self.cnn.inputs[number]])
        match layer:
            case Synapses():
                tied = self._tied(number, layer, taken)
                self.values[number] = self._chains(number, layer, taken) if tied is None else tied
            case MaxPool():
                self.values[number] = self._max_pool(layer, taken)
            case Wiring():
                self.values[number] = rewire(taken, layer)

    def _new_path(self, stage: int, kind: Pool, members: Ints) -> int:
        last = self.paths[-1]
        base = last.base + len(last.members)
        self.paths.append(Path(stage, kind, members, base))
        return base

    def _paths_of(self, values: Ints) -> Ints:
        """Which path values belong to, -1 for none."""
        return np.asarray(np.searchsorted([path.base for path in self.paths], values, side="right") - 1)

    def _chains(self, number: int, synapses: Synapses, taken: Ints) -> Ints:
        """Values of a layer of chains."""
        copies, given = layer_copies(synapses), np.unique(taken[taken >= 0])
        self.stages.append(OpenStage(number, synapses, copies, carry(taken, synapses), colours(synapses), given))
        chains = np.arange(len(copies.weight))
        base = self._new_path(len(self.stages) - 1, "none", chains[:, None])
        of_copies = chains.reshape(synapses.groups, synapses.positions, synapses.outputs)
        return np.asarray(base + of_copies.swapaxes(1, 2).ravel())

    def _tied(self, number: int, synapses: Synapses, taken: Ints) -> Ints | None:
        """Values of an average pool that ties chains together; None where it is a layer of resonators."""
        paths = np.unique(self._paths_of(taken))
        path = self.paths[paths[0]]
        if len(paths) > 1 or paths[0] < 0 or path.stage == IMAGE or path.kind != "none":
            return None
        stage = self.stages[path.stage]
        if not _is_disjoint_average(stage.layer, synapses) or self.takers[stage.number] != {number}:
            return None
        windows = patches(np.asarray(taken - path.base, np.float64).reshape(1, *synapses.in_shape), synapses)
        members = windows.reshape(-1, synapses.taps).round().astype(np.int64)
        if len(np.unique(members)) < members.size or np.ptp(stage.kernels[members], axis=1).any():
            return None
        copies = _with_average(stage.copies, synapses, members)
        self.stages[path.stage] = replace(stage, copies=copies, behind=synapses.name)
        return self._pooled(path.stage, "average", members)

    def _max_pool(self, pool: MaxPool, taken: Ints) -> Ints:
        """Values of a maximum: of chains, or of maxima of chains."""
        windows = pool_windows(np.asarray(taken + 1.0, np.float64).reshape(1, *pool.in_shape), pool)
        windows = windows.reshape(-1, pool.kernel[0] * pool.kernel[1])
        numbers = np.where(np.isfinite(windows), windows, 0).round().astype(np.int64) - 1
        of_path = self._paths_of(numbers)
        stages = np.array([path.stage for path in self.paths] + [IMAGE])[of_path]
        if (stages[of_path >= 0] == IMAGE).any():
            raise InputError(f"layer {pool.name}: a maximum of the image itself; possible: behind a weighted layer")
        if any(self.paths[p].kind == "average" for p in np.unique(of_path[of_path >= 0])):
            raise InputError(f"layer {pool.name}: a maximum of averages that are wiring; possible: one pool of them")
        of_row, values = stages.max(1), np.full(len(numbers), -1)
        if ((stages != of_row[:, None]) & (of_path >= 0)).any():
            raise InputError(f"layer {pool.name}: a maximum over several layers; possible: each window in one of them")
        for s in np.unique(of_row[of_row >= 0]).tolist():
            zeros = (windows[of_row == s] == 0).any()
            values[of_row == s] = self._maxima(pool, s, numbers[of_row == s], bool(zeros))
        return values

    def _maxima(self, pool: MaxPool, s: int, numbers: Ints, zeros: bool) -> Ints:
        """Values of maxima [windows, values] of a stage; `zeros`: whether zeros that wires put in are among them."""
        stage, members = self.stages[s], self._members(numbers)
        if zeros and not never_negative(stage.copies.activation):
            raise InputError(
                f"layer {pool.name}: zeros among its inputs; possible: behind neurons without negative outputs"
            )
        filled = np.where(members < 0, members.max(1, keepdims=True), members)
        bias, activation = stage.copies.bias[filled], stage.copies.activation
        channels = np.ptp(stage.kernels[filled], axis=1) > 0
        if channels.any() and (np.ptp(bias, axis=1).any() or activation.size > 1):
            raise InputError(
                f"layer {pool.name}: a maximum over channels whose bias or activation differ; possible: within one"
            )
        return self._pooled(s, "max", members)

    def _members(self, numbers: Ints) -> Ints:
        """Chains [windows, chains] behind values [windows, values] of one stage, each once, -1 for none."""
        of_path = self._paths_of(numbers)
        used = np.unique(of_path[of_path >= 0]).tolist()
        width = max(self.paths[p].members.shape[1] for p in used)
        found = np.full((*numbers.shape, width), -1)
        for p in used:
            members = self.paths[p].members
            found[of_path == p, : members.shape[1]] = members[numbers[of_path == p] - self.paths[p].base]
        found = found.reshape(len(numbers), -1)
        if width > 1:
            found = -np.sort(-found, axis=1)
            found[:, 1:][found[:, 1:] == found[:, :-1]] = -1
        return found

    def _pooled(self, stage: int, kind: Pool, rows: Ints) -> Ints:
        """Values of pools of a stage's chains, rows [values, pooled], -1 where a row is empty."""
        used, where = np.unique(rows, axis=0, return_inverse=True)
        none = np.asarray((used < 0).all(1))
        base = self._new_path(stage, kind, used[~none])
        numbers = np.where(none, -1, base + np.cumsum(~none) - 1)
        return np.asarray(numbers[where.ravel()])


def _with_average(copies: Synapses, average: Synapses, members: Ints) -> Synapses:
    """Chains of a stage whose average is taken: bias and activation of the pool are theirs."""
    channel = np.arange(len(average.bias)).repeat(len(members) // len(average.bias))
    bias: Array = copies.bias.copy()
    bias[members] += average.bias[channel][:, None]
    its = np.zeros(len(bias), np.int64)
    its[members] = channel[:, None]
    return replace(copies, bias=bias, activation=average.activation.take(its))


def parallel_network(cnn: Cnn) -> ParallelNetwork:
    """Stages of a network. Raises InputError where the layers cannot follow each other without memory."""
    builder = _Builder(cnn)
    for number in _needed(cnn):
        builder.take(number)
    return joined(cnn, builder.paths, builder.stages, builder.values[cnn.last])
