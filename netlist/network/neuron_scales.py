"""A scale for each neuron: the same network with outputs of neurons that differ less in size, to the last bit.

Neurons whose activation is homogeneous (f(t z) = t f(z) for t > 0: a ReLU, leaky ones, none at all) may be scaled,

    w_n, b_n  ->  t_n w_n, t_n b_n        weights of the layers that take output n  ->  1/t_n of them,

without any change of the network's outputs. Hardware then amplifies chain to tone by t_n more for each unit of the
trained neuron. What it changes are the errors: a resonator is off by a part of its layer's largest weight, whatever its
own weight. With the errors of all resonators alike and independent, ε, a layer gives the outputs of the network

    error² = ε² top² Σ_m V_m Σ_taps X²,        X² = Σ w² X² + b² of its inputs, forward;  V = Σ w² V of outputs, back

top its largest weight; X the size of what a tap carries, V what the outputs make of a change of a sum. `logit_error`
adds the layers. A small t_n where the next layer's weights for n are large, and the reverse, would leave the network
as it is and the error a thousand times as large.

Scales are powers of two, so that every product and sum of the software keeps its digits. Neurons that are pooled
together, or that one weight of a later layer takes in turn, share a scale, as do an average pool and what it averages;
what gives an output of the network, and any activation that is not homogeneous, keeps 1.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array, Bools, Ints
from resonet.netlist.network.cnn import IMAGE, Addend, Cnn, MaxPool, Synapses, Wiring, patches, pool_windows

__all__ = ["HELPS", "SCALES", "NeuronScales", "find_scales", "logit_error", "scaled_network"]

SCALES = ("auto", "neuron", "layer")
HELPS = 3.0  # times less error at the outputs, by `logit_error`, from which on `auto` gives neurons scales
SWEEPS = 30  # over the layers, in search of the scales
MOST = 500  # largest exponent
NOTHING, TONES = 0, 1  # labels of what no neuron gives: padding, and the image


@dataclass(frozen=True, slots=True, eq=False)
class NeuronScales:
    """Scales of the neurons of a network, and what they are good for."""

    exponents: dict[str, Ints]  # by layer, of those with any: [channels] of 2
    before: float  # error of the outputs for equal errors of all resonators, any unit
    after: float  # with the scales

    @property
    def gain(self) -> float:
        """How many times less the errors of the weights count at the outputs."""
        return self.before / self.after if self.after > 0 else 1.0


@dataclass(frozen=True, slots=True, eq=False)
class _Layer:
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
class _Labels:
    """Which neurons may have a scale, and which share one."""

    layers: tuple[_Layer, ...]
    shared: Ints  # [labels] class of neurons with one scale
    fixed: Bools  # [labels] keep 1
    shown: Ints  # labels of the network's outputs


class _Walk:
    """Follows the output of every neuron through the network."""

    def __init__(self, cnn: Cnn) -> None:
        self.layers: list[_Layer] = []
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
        chosen = np.maximum(labels.max(0), NOTHING).astype(np.int64)
        for row in labels.astype(np.int64):
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
        self.layers.append(_Layer(layer, outputs, taps, all_there > 0))
        self.count += outputs.size
        if not layer.activation.homogeneous:
            self.fixed.append(outputs.ravel())
        if layer.kind == "average_pool":  # chains that are tied together know no weights
            both = np.stack(np.broadcast_arrays(taps[:, None, :], outputs[:, :, None])).reshape(2, -1)
            self.pairs.append(both[:, both[0] > NOTHING])
        return np.repeat(outputs.ravel(), layer.positions)

    def labels(self) -> _Labels:
        """What was found."""
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        one, other = np.concatenate([np.zeros((2, 0), np.int64), *self.pairs], axis=1)
        graph = coo_array((np.ones(len(one), np.int8), (one, other)), shape=(self.count, self.count))
        shared = np.asarray(connected_components(graph, directed=False)[1], np.int64)
        fixed = np.isin(shared, shared[np.concatenate([*self.fixed, self.shown])])
        return _Labels(tuple(self.layers), shared, fixed, self.shown[self.shown > TONES])


def _error(labels: _Labels, exponents: Ints) -> float:
    """`logit_error` of the network with scales of 2 to the exponents [labels]."""
    sizes, counts = np.zeros(len(exponents)), np.zeros(len(exponents))
    sizes[TONES] = counts[labels.shown] = 1.0
    squares = [entry.matrix(exponents) ** 2 for entry in labels.layers]
    for entry, square in zip(labels.layers, squares, strict=True):
        layer = entry.synapses
        bias = np.ldexp(layer.bias.reshape(entry.outputs.shape), exponents[entry.outputs])
        found = (square @ sizes[entry.taps][:, :, None])[..., 0] + bias**2
        if not layer.activation.homogeneous:
            most = float(np.sqrt(found.max()))
            found = np.full_like(found, max(map(abs, layer.activation.range(-most, most))) ** 2)
        sizes[entry.outputs] = found
    error = 0.0
    for entry, square in reversed(list(zip(labels.layers, squares, strict=True))):
        of_sums = counts[entry.outputs]
        taps = np.einsum("ot,gt->go", entry.there, sizes[entry.taps])
        error += float(square.max() * (of_sums * taps).sum())
        np.add.at(counts, entry.taps, np.einsum("got,go->gt", square, of_sums))
    return float(np.sqrt(error))


def logit_error(cnn: Cnn) -> float:
    """Error of a network's outputs for weights off by one (of their layer's largest) at random; any common unit.

    First order, and all neurons on; for comparison of the same network with other scales.
    """
    labels = _Walk(cnn).labels()
    with np.errstate(all="ignore"):
        return _error(labels, np.zeros(len(labels.shared), np.int64))


def _sizes(labels: _Labels, exponents: Ints) -> tuple[Array, Array]:
    """Largest weight of each class of neurons, and largest of what takes its output, [classes]; 0 for none."""
    rows, columns = np.zeros(labels.shared.max() + 1), np.zeros(labels.shared.max() + 1)
    for entry in labels.layers:
        size = np.abs(entry.matrix(exponents))
        np.maximum.at(rows, labels.shared[entry.outputs], size.max(2))
        np.maximum.at(columns, labels.shared[entry.taps], size.max(1))
    return rows, columns


def _centred(labels: _Labels, exponents: Ints) -> Ints:
    """The same with the median of what may be moved together at 0: a factor of a whole layer changes nothing."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count, size = labels.shared.max() + 1, len(labels.layers)
    classes = [np.unique(labels.shared[entry.outputs]) for entry in labels.layers]
    one, other = np.concatenate([np.full(len(c), n) for n, c in enumerate(classes)]), np.concatenate(classes) + size
    graph = coo_array((np.ones(len(one), np.int8), (one, other)), shape=(size + count, size + count))
    part = np.asarray(connected_components(graph, directed=False)[1])[size:][labels.shared]
    result = exponents.copy()
    for number in np.setdiff1d(part, part[labels.fixed]):
        result[part == number] -= int(np.median(exponents[part == number]))
    return result


def _balanced(labels: _Labels) -> tuple[Ints, float]:
    """Exponents [labels] at which the outputs are least off, and how much.

    Time and again each neuron's weights and those of its output are made alike.
    """
    scale = np.zeros(labels.shared.max() + 1)
    free = ~labels.fixed
    best = np.zeros(len(labels.shared), np.int64)
    least = _error(labels, best)
    for _ in range(SWEEPS):
        exponents = np.where(free, np.clip(np.round(scale[labels.shared]), -MOST, MOST), 0).astype(np.int64)
        rows, columns = _sizes(labels, exponents)
        live = (rows > 0) & (columns > 0)
        step = 0.5 * np.log2(np.where(live, columns, 1) / np.where(live, rows, 1))
        scale += step - (scale - np.round(scale))
        exponents = np.where(free, np.clip(np.round(scale[labels.shared]), -MOST, MOST), 0).astype(np.int64)
        exponents = _centred(labels, exponents)
        error = _error(labels, exponents)
        if error < least:
            best, least = exponents, error
    return best, least


def find_scales(cnn: Cnn, mode: str = "auto") -> NeuronScales:
    """Scales of a network's neurons.

    `neuron`: those with the least `logit_error`; `auto`: the same where they make it less by the factor HELPS, or else
    none; `layer`: none.
    """
    labels = _Walk(cnn).labels()
    none = np.zeros(len(labels.shared), np.int64)
    with np.errstate(all="ignore"):
        before = _error(labels, none)
        if mode == "layer" or not np.isfinite(before):
            return NeuronScales({}, before, before)
        found, after = _balanced(labels)
    if mode == "auto" and not before >= HELPS * after:
        found, after = none, before
    given = {entry.synapses.name: found[entry.outputs.ravel()] for entry in labels.layers}
    return NeuronScales({name: own for name, own in given.items() if own.any()}, before, after)


def _scaled_addend(addend: Addend, factors: Ints, diagonal: bool, layer: Synapses) -> Addend:
    """An addend with weights scaled by 2 to the factors [groups, outputs, its taps]."""
    if diagonal:
        each = factors.reshape(layer.groups, layer.outputs, layer.outputs, -1)
        factors = np.diagonal(each, axis1=1, axis2=2).transpose(0, 2, 1)
    return replace(addend, weight=np.ldexp(addend.weight, factors.reshape(addend.weight.shape)))


def _scaled_layer(entry: _Layer, exponents: Ints) -> Synapses:
    layer = entry.synapses
    moved = exponents[entry.outputs][:, :, None] - exponents[entry.taps][:, None]
    ends = np.cumsum([count for count, _ in layer.blocks])
    own, *more = np.split(moved, ends[:-1], axis=2)
    addends = tuple(
        _scaled_addend(addend, part, diagonal, layer)
        for addend, part, (_, diagonal) in zip(layer.addends, more, layer.blocks[1:], strict=True)
    )
    weight = np.ldexp(layer.weight, own.reshape(layer.weight.shape))
    bias = np.ldexp(layer.bias, exponents[entry.outputs].ravel())
    return replace(layer, weight=weight, bias=bias, addends=addends)


def scaled_network(cnn: Cnn, exponents: Mapping[str, Ints]) -> Cnn:
    """The network with neurons scaled by 2 to the exponents [channels], by layer; the same outputs, to the last bit.

    Raises InputError where these are not what the network can take.
    """
    if not exponents:
        return cnn
    labels = _Walk(cnn).labels()
    found = np.zeros(len(labels.shared), np.int64)
    for entry in labels.layers:
        own = exponents.get(entry.synapses.name)
        if own is None:
            continue
        if own.shape != (entry.outputs.size,) or np.abs(own).max() > 2 * MOST:
            raise InputError(f"layer {entry.synapses.name}: scales of {own.size} neurons; it has {entry.outputs.size}")
        found[entry.outputs.ravel()] = own
    common = np.zeros(labels.shared.max() + 1, np.int64)
    common[labels.shared] = found
    bad = (common[labels.shared] != found) | (labels.fixed & (found != 0))
    if bad.any():
        name = next(e.synapses.name for e in labels.layers if bad[e.outputs].any())
        raise InputError(f"layer {name}: a neuron has a scale that it cannot have (activation, pool or shared weights)")
    scaled = {entry.synapses.name: _scaled_layer(entry, found) for entry in labels.layers}
    layers = tuple(scaled[layer.name] if isinstance(layer, Synapses) else layer for layer in cnn.layers)
    return replace(cnn, layers=layers)
