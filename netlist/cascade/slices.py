"""A part of a network that is small enough for a transient: one position of its second convolution."""

from dataclasses import replace

import numpy as np

from resonet.core.errors import InputError
from resonet.netlist.network.activations.linear import LINEAR
from resonet.netlist.network.cnn import IMAGE, Cnn, Wiring

__all__ = ["network_slice"]


def network_slice(cnn: Cnn, outputs: int, position: tuple[int, int] | None = None, inputs: int | None = None) -> Cnn:
    """The first two convolutions of a network, cut down to one position of the second and its first `outputs`.

    position: row and column in the second layer's output, default its middle; `inputs` keeps the first channels of the
    first layer only (default all). The result takes a whole image and gives the second layer's sums before its
    activation. Raises InputError where the network does not begin with two convolutions.
    """
    weighted = cnn.synapses[:2]
    in_a_row = cnn.layers[:2] == weighted and cnn.inputs[:2] == ((IMAGE,), (0,))
    if [synapses.kind for synapses in weighted] != ["conv", "conv"] or not in_a_row:
        raise InputError(f"{cnn.file}: a slice needs two convolutions in a row at the start of the network")
    first, second = weighted
    if first.groups * second.groups != 1 or any(first.padding) or any(second.padding):
        raise InputError(f"{cnn.file}: a slice needs convolutions without groups and padding")
    row, column = (n // 2 for n in second.out_shape[1:]) if position is None else position
    keep = first.weight.shape[0] if inputs is None else inputs
    limits = (second.out_shape[1], second.out_shape[2], first.weight.shape[0] + 1, second.weight.shape[0] + 1)
    if not all(0 <= n < limit for n, limit in zip((row, column, keep, outputs), limits, strict=True)) or not (
        keep and outputs
    ):
        raise InputError(
            f"{cnn.file}: slice at row {row}, column {column} of {keep} inputs and {outputs} outputs; possible: below "
            f"{limits[0]}, {limits[1]}, 1 ... {limits[2] - 1}, 1 ... {limits[3] - 1}"
        )
    reach = [(k - 1) * d + 1 for k, d in zip(second.weight.shape[2:], second.dilation, strict=True)]
    pixels = [
        (r - 1) * s + (k - 1) * d + 1
        for r, s, k, d in zip(reach, first.stride, first.weight.shape[2:], first.dilation, strict=True)
    ]
    corner = [n * a * b for n, a, b in zip((row, column), second.stride, first.stride, strict=True)]
    channels, height, width = first.in_shape
    grid = np.arange(channels * height * width).reshape(channels, height, width)
    grid = grid[:, corner[0] : corner[0] + pixels[0], corner[1] : corner[1] + pixels[1]]
    crop = Wiring("crop1", first.source, first.in_shape, grid.shape, grid.ravel())
    first = replace(
        first,
        raised=None if first.raised is None else first.raised[:, :keep],
        weight=first.weight[:keep],
        bias=first.bias[:keep],
        in_shape=(channels, pixels[0], pixels[1]),
        out_shape=(keep, reach[0], reach[1]),
    )
    second = replace(
        second,
        raised=None if second.raised is None else second.raised[:, :outputs],
        weight=second.weight[:outputs, :keep],
        bias=second.bias[:outputs],
        in_shape=first.out_shape,
        out_shape=(outputs, 1, 1),
        activation=LINEAR,
    )
    notes = (*cnn.notes, "a slice of two convolutions")
    return replace(cnn, layers=(crop, first, second), notes=notes, sources=(), output=IMAGE, heads=())
