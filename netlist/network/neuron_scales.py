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

Whatever its activation, the chain of a neuron may be `raised`: it holds its weights on the whole range of its
resonators, as if they were as large as the layer's, and its transconductor (behind the outputs the readout) has so much
less gain. top is then each neuron's own largest weight. Since transconductors of one layer then differ, by at most
`gain_range`, that is done only where scales alone do not help as much.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array, Ints
from resonet.netlist.network.cnn import Addend, Cnn, Synapses
from resonet.netlist.network.neuron_labels import TONES, LabelledLayer, NeuronLabels, neuron_labels

__all__ = ["HELPS", "SCALES", "NeuronScales", "find_scales", "logit_error", "scaled_network"]

SCALES = ("auto", "neuron", "layer")
HELPS = 3.0  # times less error at the outputs, by `logit_error`, from which on `auto` gives neurons scales
SWEEPS = 30  # over the layers, in search of the scales, at most
WORTH, PATIENCE = 0.01, 3  # of the error: sweeps that gain less, so many in a row, are the last
MOST = 500  # largest exponent


@dataclass(frozen=True, slots=True, eq=False)
class NeuronScales:
    """Scales of the neurons of a network, and what they are good for."""

    exponents: dict[str, Ints]  # by layer, of those with any: [channels] of 2
    raised: dict[str, Array]  # by layer, of those with any: [groups, outputs], 1 or more
    before: float  # error of the outputs for equal errors of all resonators, any unit
    after: float  # with the scales

    @property
    def gain(self) -> float:
        """How many times less the errors of the weights count at the outputs."""
        return self.before / self.after if self.after > 0 else 1.0


def _error(labels: NeuronLabels, exponents: Ints, raised: Sequence[Array | None]) -> float:
    """`logit_error` of the network with scales of 2 to the exponents [labels], and chains `raised` by layer."""
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
    for entry, square, gains in reversed(list(zip(labels.layers, squares, raised, strict=True))):
        of_sums = counts[entry.outputs]
        taps = np.einsum("ot,gt->go", entry.there, sizes[entry.taps])
        error += float(square.max() * (of_sums * taps / (1.0 if gains is None else gains**2)).sum())
        np.add.at(counts, entry.taps, np.einsum("got,go->gt", square, of_sums))
    return float(np.sqrt(error))


def logit_error(cnn: Cnn) -> float:
    """Error of a network's outputs for weights off by one (of their layer's largest) at random; any common unit.

    First order, and all neurons on; for comparison of the same network with other scales.
    """
    labels = neuron_labels(cnn)
    with np.errstate(all="ignore"):
        own = [entry.synapses.raised for entry in labels.layers]
        return _error(labels, np.zeros(len(labels.shared), np.int64), own)


def _sizes(labels: NeuronLabels, exponents: Ints, of_neurons: bool) -> tuple[Array, Array]:
    """Largest weight of each class of neurons, and largest of what takes its output, [classes]; 0 for none.

    The latter, if `of_neurons`, as part of the largest of the neuron that takes it.
    """
    rows, columns = np.zeros(labels.shared.max() + 1), np.zeros(labels.shared.max() + 1)
    for entry in labels.layers:
        size = np.abs(entry.matrix(exponents))
        own = size.max(2)
        np.maximum.at(rows, labels.shared[entry.outputs], own)
        if of_neurons:
            size = size / np.where(own > 0, own, 1)[..., None]
        np.maximum.at(columns, labels.shared[entry.taps], size.max(1))
    return rows, columns


def _centred(labels: NeuronLabels, exponents: Ints) -> Ints:
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


def _raised(labels: NeuronLabels, exponents: Ints, most: float) -> list[Array | None]:
    """How far the chains of each neuron can be raised, at most by `most`, [groups, outputs] by layer."""
    found: list[Array | None] = []
    for entry in labels.layers:
        size = np.abs(entry.matrix(exponents)).max(2)
        alike = np.zeros(labels.shared.max() + 1)
        np.maximum.at(alike, labels.shared[entry.outputs], size)
        own = alike[labels.shared[entry.outputs]]
        raised = np.minimum(size.max() / np.where(own > 0, own, size.max() or 1.0), most)
        found.append(raised if (raised > 1).any() else None)
    return found


def _candidates(labels: NeuronLabels, behind: bool) -> Iterator[Ints]:
    """Exponents [labels] to try: time and again each neuron's weights and those of its output are made alike.

    Or the latter alone (`behind`), each as part of what its neuron's chain holds: for chains that are raised.
    """
    yield np.zeros(len(labels.shared), np.int64)
    scale = np.zeros(labels.shared.max() + 1)
    for _ in range(SWEEPS):
        rows, columns = _sizes(labels, _rounded(labels, scale), behind)
        live = (rows > 0) & (columns > 0)
        step = np.log2(np.where(live, columns, 1)) - (0 if behind else np.log2(np.where(live, rows, 1)))
        scale = np.round(scale) + (step if behind else 0.5 * step)
        yield _centred(labels, _rounded(labels, scale))


def _rounded(labels: NeuronLabels, scale: Array) -> Ints:
    """Exponents [labels] next to logarithms [classes]."""
    return np.where(labels.fixed, 0, np.clip(np.round(scale[labels.shared]), -MOST, MOST)).astype(np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """Scales that were tried."""

    exponents: Ints
    raised: list[Array | None]
    error: float


def _best(labels: NeuronLabels, raise_chains: bool, most: float) -> _Found:
    """The candidate with the least error at the outputs."""
    flat: list[Array | None] = [None] * len(labels.layers)
    best = _Found(np.zeros(len(labels.shared), np.int64), flat, np.inf)
    for behind in (False, True) if raise_chains else (False,):
        idle = 0
        for exponents in _candidates(labels, behind):
            raised = _raised(labels, exponents, most) if raise_chains else flat
            tried = _Found(exponents, raised, _error(labels, exponents, raised))
            idle = 0 if tried.error < (1 - WORTH) * best.error else idle + 1
            best = tried if tried.error < best.error else best
            if idle > PATIENCE:
                break
    return best


def find_scales(cnn: Cnn, mode: str = "auto", gain_range: float = 1e3) -> NeuronScales:
    """Scales of a network's neurons.

    `neuron`: those with the least `logit_error`, all chains raised; `auto`: scales where they make it less by the
    factor HELPS, or else none, and raised chains where these make what is left less by as much; `layer`: none.
    """
    labels = neuron_labels(cnn)
    none = np.zeros(len(labels.shared), np.int64)
    with np.errstate(all="ignore"):
        flat = [None] * len(labels.layers)
        chosen = plain = _Found(none, list(flat), _error(labels, none, flat))
        if mode != "layer" and np.isfinite(plain.error):
            scaled, raised = _best(labels, False, gain_range), _best(labels, True, gain_range)
            if mode == "neuron":
                chosen = min(scaled, raised, key=lambda found: found.error)
            elif scaled.error >= HELPS * raised.error:
                chosen = raised
            elif plain.error >= HELPS * scaled.error:
                chosen = scaled
    names = [entry.synapses.name for entry in labels.layers]
    own = {name: chosen.exponents[entry.outputs.ravel()] for name, entry in zip(names, labels.layers, strict=True)}
    more = {name: raised for name, raised in zip(names, chosen.raised, strict=True) if raised is not None}
    return NeuronScales({name: e for name, e in own.items() if e.any()}, more, plain.error, chosen.error)


def _scaled_addend(addend: Addend, factors: Ints, diagonal: bool, layer: Synapses) -> Addend:
    """An addend with weights scaled by 2 to the factors [groups, outputs, its taps]."""
    if diagonal:
        each = factors.reshape(layer.groups, layer.outputs, layer.outputs, -1)
        factors = np.diagonal(each, axis1=1, axis2=2).transpose(0, 2, 1)
    factors = factors.reshape(addend.weight.shape)
    grid = addend.grid and addend.grid.times(np.ldexp(1.0, factors))
    return replace(addend, weight=np.ldexp(addend.weight, factors), grid=grid)


def _scaled_layer(entry: LabelledLayer, exponents: Ints) -> Synapses:
    layer = entry.synapses
    moved = exponents[entry.outputs][:, :, None] - exponents[entry.taps][:, None]
    ends = np.cumsum([count for count, _ in layer.blocks])
    own, *more = np.split(moved, ends[:-1], axis=2)
    addends = tuple(
        _scaled_addend(addend, part, diagonal, layer)
        for addend, part, (_, diagonal) in zip(layer.addends, more, layer.blocks[1:], strict=True)
    )
    factors = own.reshape(layer.weight.shape)
    weight = np.ldexp(layer.weight, factors)
    grid = layer.grid and layer.grid.times(np.ldexp(1.0, factors))
    bias = np.ldexp(layer.bias, exponents[entry.outputs].ravel())
    return replace(layer, weight=weight, bias=bias, addends=addends, grid=grid)


def _check_raised(labels: NeuronLabels, entry: LabelledLayer, layer: Synapses, raised: Array) -> None:
    """InputError unless no chain is raised above the layer's largest weight, and chains that are pooled alike."""
    good = raised.shape == entry.outputs.shape and bool(np.all((raised >= 1) & np.isfinite(raised)))
    if good:
        classes, common = labels.shared[entry.outputs], np.ones(labels.shared.max() + 1)
        common[classes] = raised
        size = np.abs(layer.matrix).max(2)
        good = np.array_equal(common[classes], raised) and float((size * raised).max()) <= (1 + 1e-9) * size.max()
    if not good:
        raise InputError(f"layer {entry.synapses.name}: gains of its neurons that it cannot have")


def scaled_network(cnn: Cnn, exponents: Mapping[str, Ints], raised: Mapping[str, Array] | None = None) -> Cnn:
    """The network with neurons scaled by 2 to the exponents [channels], by layer; the same outputs, to the last bit.

    `raised` says how far the chains of some layers' neurons are, [groups, outputs]. Raises InputError where these are
    not what the network can take.
    """
    raised = raised or {}
    if not exponents and not raised and all(layer.raised is None for layer in cnn.synapses):
        return cnn
    labels = neuron_labels(cnn)
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
    scaled = {}
    for entry in labels.layers:
        layer, more = _scaled_layer(entry, found), raised.get(entry.synapses.name)
        if more is not None:
            _check_raised(labels, entry, layer, more)
        scaled[layer.name] = replace(layer, raised=more)
    layers = tuple(scaled[layer.name] if isinstance(layer, Synapses) else layer for layer in cnn.layers)
    return replace(cnn, layers=layers)
