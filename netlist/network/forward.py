"""Images -> outputs through the layers of a network, with the weighted layers done by whoever is asked."""

from collections.abc import Callable

import numpy as np

from resonet.core.types import Array, Done
from resonet.netlist.network.activation import apply_activation
from resonet.netlist.network.cnn import Cnn, MaxPool, Synapses, Wiring, apply_wiring, max_pool, patches

__all__ = ["activate", "propagate", "software_layer"]

Weighted = Callable[[Synapses, Array], Array]


def activate(layer: Synapses, sums: Array) -> Array:
    """Bias and activation on the sums [groups, n, outputs per group, positions] -> [n, *out_shape]."""
    out = sums.transpose(1, 0, 2, 3).reshape(sums.shape[1], *layer.out_shape) + layer.bias[:, None, None]
    return apply_activation(layer.activation, out)


def software_layer(layer: Synapses, x: Array) -> Array:
    """The layer as trained: batch [n, *in_shape] -> [n, *out_shape]."""
    return activate(layer, layer.matrix[:, None] @ patches(x, layer).swapaxes(2, 3))


def propagate(
    cnn: Cnn,
    images: Array,
    weighted: Weighted = software_layer,
    batch: int = 500,
    done: Done | None = None,
) -> Array:
    """Outputs [n, features] of images [n, *input_shape]; `done` is called after each batch of images."""
    outputs = []
    for start in range(0, len(images), batch):
        x = np.asarray(images[start : start + batch], float)
        for layer in cnn.layers:
            match layer:
                case Synapses():
                    x = weighted(layer, x)
                case MaxPool():
                    x = max_pool(x, layer)
                case Wiring():
                    x = apply_wiring(x, layer)
        outputs.append(x.reshape(len(x), -1))
        if done:
            done()
    return np.concatenate(outputs)
