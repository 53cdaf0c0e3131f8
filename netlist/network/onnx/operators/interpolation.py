"""Linear enlargement by whole factors: fixed weights of three neighbours, a convolution of its own for each place.

Output o of an axis stands at (o + 1/2) / s - 1/2 of the image (half_pixel), or at o / s (asymmetric), between two
pixels whose weights only depend on o mod s. Beyond its edges the image goes on with its last pixels, by wires.
"""

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array
from resonet.netlist.network.cnn import Synapses
from resonet.netlist.network.onnx.builder import Chain
from resonet.netlist.network.onnx.file import MAX_ACTIVATION
from resonet.netlist.network.onnx.node import Node
from resonet.netlist.network.onnx.operators.conv import seen
from resonet.netlist.network.onnx.window import Windows

__all__ = ["add_linear"]


def _taps(factor: int, is_asymmetric: bool) -> Array:
    """Weights [factor, 3] of the pixel before, the own and the next one; of factor 1 [1, 1]."""
    if factor == 1:
        return np.ones((1, 1))
    found = np.zeros((factor, 3))
    for place in range(factor):
        at = Fraction(place, factor) if is_asymmetric else Fraction(2 * place + 1 - factor, 2 * factor)
        low = math.floor(at)
        found[place, low + 1] += float(1 - at + low)
        if at > low:
            found[place, low + 2] += float(at - low)
    return found


def add_linear(chain: Chain, node: Node, factors: Sequence[Fraction], is_asymmetric: bool) -> None:
    """Append the enlargement of the running tensor, by a factor for each of its axes [channels, ...].

    Raises InputError.
    """
    image = chain.image()
    channels, height, width = image
    if factors[0] != 1 or any(factor.denominator != 1 for factor in factors):
        raise InputError("interpolates other than by whole factors of height and width; possible: 2, 3, ... times")
    up, across = (int(factor) for factor in ([Fraction(1)] * (3 - len(factors)) + [*factors[1:]]))
    out = (channels, height * up, width * across)
    if math.prod(out) > MAX_ACTIVATION:
        raise InputError(f"gives {list(out)}; possible: 1 to {MAX_ACTIVATION} values of one image")
    rows, columns = _taps(up, is_asymmetric), _taps(across, is_asymmetric)
    shape, kernel = seen(chain, out), (rows.shape[1], columns.shape[1])
    at = [np.arange(-(k // 2), n + k // 2).clip(0, n - 1) for k, n in zip(kernel, image[1:], strict=True)]
    chain.add_wiring(node, (np.arange(channels)[:, None, None] * height + at[0][:, None]) * width + at[1])
    phases = np.einsum("ai,bj->abij", rows, columns).reshape(up * across, 1, *kernel)
    chain.reserve(channels * phases.size)
    layer = Synapses(
        name="",
        source=node.source,
        kind="conv",
        weight=np.tile(phases, (channels, 1, 1, 1)),
        bias=np.zeros(channels * up * across),
        in_shape=chain.image(),
        out_shape=(channels * up * across, height, width),
        groups=channels,
    )
    windows = Windows(
        kernel=kernel,
        stride=(1, 1),
        dilation=(1, 1),
        padding=(0, 0, 0, 0),
        out=(height, width),
        image=layer.in_shape[1:],
        counted=(0, 0, 0, 0),
    )
    chain.add_synapses(layer, shape=layer.out_shape, windows=windows)
    y, x = np.arange(out[1])[:, None], np.arange(out[2])
    phase = np.arange(channels)[:, None, None] * (up * across) + y % up * across + x % across
    chain.add_wiring(node, ((phase * height + y // up) * width + x // across).reshape(shape))
    chain.notes.append(f"{node.op} as {up * across} convolutions a channel, one for each place between two pixels")
