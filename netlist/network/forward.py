"""Images -> outputs through the layers of a network, with the weighted layers done by whoever is asked."""

from collections.abc import Callable

import numpy as np

from resonet.core.types import Array, Ints
from resonet.core.watching import Done
from resonet.netlist.network.cnn import (
    IMAGE,
    Cnn,
    Layer,
    MaxPool,
    Synapses,
    Wiring,
    apply_wiring,
    max_pool,
    patches,
)

__all__ = ["activate", "biased", "classes", "layer_parts", "layer_sums", "propagate", "software_layer"]

LARGE, PART = 2**22, 2**19  # values that the chains of a layer see, 8 bytes each
Weighted = Callable[[Synapses, Array], Array]
Pooled = Callable[[MaxPool, Array], Array]


def _ideal(layer: MaxPool, x: Array) -> Array:
    return max_pool(x, layer)


def classes(logits: Array, ranked: int | None = None) -> Ints:
    """Class of each image [n] from logits [n, outputs]: the largest; of one output alone, 1 where it is above zero.

    `ranked` of them count, from the first on (`Cnn.ranked`).
    """
    logits = logits[:, :ranked]
    if logits.shape[1] == 1:
        return (logits[:, 0] > 0).astype(np.int64)
    found: Ints = logits.argmax(1)
    return found


def biased(layer: Synapses, sums: Array) -> Array:
    """Bias on the sums [groups, n, outputs per group, positions] -> [n, *out_shape]: before the activation."""
    return sums.transpose(1, 0, 2, 3).reshape(sums.shape[1], *layer.out_shape) + layer.bias[:, None, None]


def activate(layer: Synapses, sums: Array) -> Array:
    """Bias and activation on the sums [groups, n, outputs per group, positions] -> [n, *out_shape]."""
    out = biased(layer, sums)
    return np.moveaxis(layer.activation(np.moveaxis(out, 1, -1)), -1, 1)


def layer_parts(layer: Synapses, x: Array) -> list[Array]:
    """The inputs [n, ...] of a layer in parts of so many images that what its chains see stays in the cache.

    One part where what they see of all images is not large.
    """
    each = layer.groups * layer.positions * layer.taps
    if len(x) * each <= LARGE:
        return [x]
    size = max(PART // each, 1)
    return [x[start : start + size] for start in range(0, len(x), size)]


def _products(layer: Synapses, x: Array) -> Array:
    """Weighted sums as trained, [groups, n, outputs per group, positions]."""
    found = [layer.matrix[:, None] @ patches(part, layer).swapaxes(2, 3) for part in layer_parts(layer, x)]
    return found[0] if len(found) == 1 else np.concatenate(found, axis=1)


def layer_sums(layer: Synapses, x: Array) -> Array:
    """Weighted sums plus bias of the layer as trained: batch [n, *in_shape] -> [n, *out_shape]."""
    return biased(layer, _products(layer, x))


def software_layer(layer: Synapses, x: Array) -> Array:
    """The layer as trained: batch [n, *in_shape] -> [n, *out_shape]."""
    return activate(layer, _products(layer, x))


def _apply(layer: Layer, x: Array, weighted: Weighted, pooled: Pooled) -> Array:
    match layer:
        case Synapses():
            return weighted(layer, x)
        case MaxPool():
            return pooled(layer, x)
        case Wiring():
            return apply_wiring(x, layer)


def _outputs(cnn: Cnn, images: Array, weighted: Weighted, pooled: Pooled) -> Array:
    """Outputs of one batch; what no later layer takes is let go at once."""
    inputs = cnn.inputs
    last_use = {source: number for number, sources in enumerate(inputs) for source in sources}
    last_use[cnn.last] = len(inputs)
    values = {IMAGE: cnn.sent(images)}
    for number, (layer, sources) in enumerate(zip(cnn.layers, inputs, strict=True)):
        taken = [values[source] for source in sources]
        x = taken[0] if len(taken) == 1 else np.concatenate([part.reshape(len(part), -1) for part in taken], axis=1)
        values[number] = _apply(layer, x, weighted, pooled)
        values = {source: value for source, value in values.items() if last_use.get(source, -2) > number}
    return values[cnn.last]


def propagate(
    cnn: Cnn,
    images: Array,
    weighted: Weighted = software_layer,
    batch: int = 500,
    done: Done | None = None,
    pooled: Pooled = _ideal,
) -> Array:
    """Outputs [n, features] of images [n, *input_shape]; `done` is called after each batch of images.

    `weighted` and `pooled` do weighted layers and maxima, the trained ones by default.
    """
    outputs = []
    for start in range(0, len(images), batch):
        x = _outputs(cnn, images[start : start + batch], weighted, pooled)
        outputs.append(x.reshape(len(x), -1))
        if done:
            done()
    return np.concatenate(outputs)
