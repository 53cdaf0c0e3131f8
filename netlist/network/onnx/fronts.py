"""The first layer of a network, where the sources of the pixels' tones can do what it does."""

from dataclasses import replace

import numpy as np

from resonet.core.types import Array, Ints
from resonet.netlist.network.cnn import IMAGE, Cnn, Layer, MaxPool, Synapses, Wiring
from resonet.netlist.network.front import Front

__all__ = ["with_front"]


def with_front(cnn: Cnn) -> Cnn:
    """The network without a first layer of one factor a pixel, which its `front` then stands for; or as it is."""
    wires = cnn.layers[0] if cnn.layers and isinstance(cnn.layers[0], Wiring) else None
    place = 0 if wires is None else 1
    scale = _scale(cnn.layers[place : place + 1])
    alone = scale is None or len(cnn.synapses) == 1 or cnn.last == place or not _only(cnn, place)
    if scale is None or alone or _is_pooled(cnn, place):
        return cnn
    factors = [np.repeat(a, scale.positions) for a in (scale.weight[:, 0, 0, 0], scale.bias)]
    if wires is not None:
        moved = [
            _before(a, wires.index, int(np.prod(cnn.input_shape)), own) for a, own in zip(factors, (1, 0), strict=True)
        ]
        if moved[0] is None or moved[1] is None:
            return cnn
        factors = [moved[0], moved[1]]
    gain, offset = (a.reshape(cnn.input_shape) for a in factors)
    inputs = tuple(
        tuple(number - (number >= place) for number in taken) for n, taken in enumerate(cnn.inputs) if n != place
    )
    note = (
        f"{scale.name} ({scale.source}) is done by the sources of the pixels' tones: they send the number that it makes"
    )
    return replace(
        cnn,
        layers=(*cnn.layers[:place], *cnn.layers[place + 1 :]),
        notes=(*cnn.notes, note),
        sources=inputs if cnn.sources else (),
        output=cnn.output - 1 if cnn.output != IMAGE else IMAGE,
        front=Front(gain, offset, scale.activation),
    )


def _scale(layers: tuple[Layer, ...]) -> Synapses | None:
    """A layer of one factor and one offset for each of its inputs."""
    match layers:
        case (Synapses(kind="scale", addends=()) as scale,) if scale.activation.on_pixels:
            return scale
    return None


def _only(cnn: Cnn, place: int) -> bool:
    """Whether the layer `place` is the only one that takes what is before it, and all before it is a chain."""
    users = [n for n, taken in enumerate(cnn.inputs) if any(source < place for source in taken)]
    return users == list(range(place + 1))


def _is_pooled(cnn: Cnn, place: int) -> bool:
    """Whether a maximum is taken of what the layer `place` gives, over wires: then it needs the layer's chains."""
    behind = {place}
    for number, (layer, taken) in enumerate(zip(cnn.layers, cnn.inputs, strict=True)):
        if behind.isdisjoint(taken):
            continue
        if isinstance(layer, MaxPool):
            return True
        if isinstance(layer, Wiring):
            behind.add(number)
    return False


def _before(values: Array, index: Ints, size: int, own: float) -> Array | None:
    """Values behind wires as those of the pixels before; None where a pixel would need two, or a zero another."""
    if (index < 0).any():
        return None
    found = np.full(size, float(own))
    found[index] = values
    return found if (found[index] == values).all() else None
