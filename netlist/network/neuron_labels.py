"""Who takes the output of which neuron, and which neurons must have one scale in common (neuron_scales.py)."""

from dataclasses import dataclass

import numpy as np

from resonet.core.types import Array, Bools, Ints
from resonet.netlist.network.cnn import IMAGE, Cnn, MaxPool, Synapses, Wiring, patches, pool_windows

__all__ = ["NOTHING", "TONES", "LabelledLayer", "NeuronLabels", "neuron_labels"]

NOTHING, TONES = 0, 1  # labels of what no neuron gives: padding, and the image


@dataclass(frozen=True, slots=True, eq=False)
class LabelledLayer:
    """A weighted layer with the labels of what it gives and takes; NOTHING or TONES where that is no neuron's."""

    synapses: Synapses
    outputs: Ints  # [groups, outputs] label of each channel
    taps: Ints  # [groups, taps] label of what a tap takes, one of those that share a scale
    there: Bools  # [outputs, taps] where there is a resonator

    def matrix(self, exponents: Ints) -> Array:
        """Weights [groups, outputs, taps] with scales of 2 to the exponents [labels]."""
        moved = exponents[self.outputs][:, :, None] - exponents[self.taps][:, None]
        return np.asarray(np.ldexp(self.synapses.matrix, moved))


@dataclass(frozen=True, slots=True, eq=False)
class NeuronLabels:
    """Which neurons may have a scale, and which share one."""

    layers: tuple[LabelledLayer, ...]
    shared: Ints  # [labels] class of neurons with one scale
    fixed: Bools  # [labels] keep 1
    shown: Ints  # labels of the network's outputs


class _Walk:
    """Follows the output of every neuron through the network."""

    def __init__(self, cnn: Cnn) -> None:
        self.layers: list[LabelledLayer] = []
        self.pairs: list[Ints] = []  # [2, pairs] labels that share a scale
        self.fixed: list[Ints] = [np.array([NOTHING, TONES])]
        self.count = TONES + 1
        values: dict[int, Ints] = {IMAGE: np.full(int(np.prod(cnn.input_shape)), TONES)}
        for number, (layer, sources) in enumerate(zip(cnn.layers, cnn.inputs, strict=True)):
            x = np.concatenate([values[source] for source in sources])
            match layer:
                case Synapses():
                    values[number] = self._weighted(layer, x)
                case MaxPool():
                    windows = pool_windows(np.asarray(x.reshape(1, *layer.in_shape), float), layer)
                    values[number] = self._tied(windows.reshape(int(np.prod(layer.out_shape)), -1).T)
                case Wiring():
                    values[number] = np.where(layer.index < 0, NOTHING, x[layer.index])
        self.shown = np.unique(values[cnn.last])

    def _tied(self, labels: Array) -> Ints:
        """One label for each column of such that share a scale, [alike, n]; NOTHING and below are none."""
        whole = np.maximum(labels, NOTHING).astype(np.int64)
        chosen: Ints = whole.max(0)
        for row in whole:
            other = (row > NOTHING) & (row != chosen)
            if other.any():
                self.pairs.append(np.unique(np.stack([row[other], chosen[other]]), axis=1))
        return chosen

    def _weighted(self, layer: Synapses, x: Ints) -> Ints:
        found = patches(np.asarray(x.reshape(1, -1), float), layer)[:, 0].swapaxes(0, 1)  # [positions, groups, taps]
        taps = self._tied(found.reshape(len(found), -1)).reshape(layer.groups, -1)
        there = [
            np.repeat(np.eye(layer.outputs), count // layer.outputs, axis=1) if diagonal else np.ones((1, count))
            for count, diagonal in layer.blocks
        ]
        outputs = self.count + np.arange(len(layer.weight)).reshape(layer.groups, layer.outputs)
        all_there = np.concatenate([np.broadcast_to(part, (layer.outputs, part.shape[1])) for part in there], axis=1)
        self.layers.append(LabelledLayer(layer, outputs, taps, all_there > 0))
        self.count += outputs.size
        if not layer.activation.homogeneous:
            self.fixed.append(outputs.ravel())
        if layer.kind == "average_pool":  # chains that are tied together know no weights
            both = np.stack(np.broadcast_arrays(taps[:, None, :], outputs[:, :, None])).reshape(2, -1)
            self.pairs.append(both[:, both[0] > NOTHING])
        return np.asarray(np.repeat(outputs.ravel(), layer.positions))

    def labels(self) -> NeuronLabels:
        """What was found."""
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        one, other = np.concatenate([np.zeros((2, 0), np.int64), *self.pairs], axis=1)
        graph = coo_array((np.ones(len(one), np.int8), (one, other)), shape=(self.count, self.count))
        shared = np.asarray(connected_components(graph, directed=False)[1], np.int64)
        fixed = np.isin(shared, shared[np.concatenate([*self.fixed, self.shown])])
        return NeuronLabels(tuple(self.layers), shared, fixed, self.shown[self.shown > TONES])


def neuron_labels(cnn: Cnn) -> NeuronLabels:
    """Labels of all neurons of a network, and who shares a scale."""
    return _Walk(cnn).labels()
