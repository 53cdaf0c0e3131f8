"""Pools: means are depthwise weights, maxima are a layer of their own."""

import math
from dataclasses import replace

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array, Ints
from resonet.netlist.network.cnn import Synapses
from resonet.netlist.network.onnx.builder import Chain
from resonet.netlist.network.onnx.node import Node
from resonet.netlist.network.onnx.operators.base import Inputs, Operator, optional
from resonet.netlist.network.onnx.operators.conv import seen
from resonet.netlist.network.onnx.window import Windows, read_kernel, read_windows

__all__ = ["OPERATORS", "whole_image"]


def _single(chain: Chain, node: Node, windows: Windows) -> bool:
    """Whether every window is one pixel of the image: wires then take it, and no layer is added."""
    if windows.kernel != (1, 1) or any(windows.padding):
        return False
    image = chain.image()
    table = np.arange(math.prod(image)).reshape(image)[:, :: windows.stride[0], :: windows.stride[1]]
    signal = len(chain.shape) == 2
    chain.add_wiring(node, table[:, : windows.out[0], : windows.out[1]])
    if signal:
        chain.shape = chain.shape[0], chain.shape[2]
    chain.notes.append(f"{node.op} of single pixels dropped")
    return True


def _add_mean(chain: Chain, node: Node, windows: Windows, shape: tuple[int, ...], counts: Ints | None = None) -> None:
    """Append sums over windows of the running image, each divided by its count [out_h, out_w].

    Windows of another count have other weights: each count gets chains of its own, as many a channel as there are
    counts, and wires take of each window the one that it needs.
    """
    if (counts is None or (counts == 1).all()) and _single(chain, node, windows):
        chain.shape = shape
        return
    channels, height, width = chain.image()
    kinds, which = (np.ones(1), None) if counts is None else np.unique(counts, return_inverse=True)
    chain.reserve(channels * len(kinds) * math.prod(windows.kernel))
    weight: Array = np.tile(1 / kinds, channels)[:, None, None, None]
    layer = Synapses(
        name="",
        source=node.source,
        kind="average_pool",
        weight=np.broadcast_to(weight, (len(weight), 1, *windows.kernel)),
        bias=np.zeros(len(weight)),
        in_shape=(channels, height, width),
        out_shape=(len(weight), *windows.out),
        groups=channels,
    )
    chain.add_synapses(layer, shape=layer.out_shape, windows=windows)
    if which is not None and len(kinds) > 1:
        size = math.prod(windows.out)
        place = which.reshape(-1) * size + np.arange(size)
        table = np.arange(channels)[:, None] * (len(kinds) * size) + place
        chain.add_wiring(node, table.reshape(channels, *windows.out))
        chain.notes.append(f"{node.op} has windows of {len(kinds)} sizes at its edges: a chain for each of them")
    chain.shape = shape


def _average_pool(chain: Chain, node: Node, inputs: Inputs) -> None:
    axes = len(chain.shape) - 1
    image = chain.image()
    windows = read_windows(node, image[1:], read_kernel(node, axes), axes)
    if not node.flag("count_include_pad"):
        windows = replace(windows, counted=(0, 0, 0, 0))
    rows, columns = windows.weighed()
    if not (rows.all() and columns.all()):
        raise InputError("has windows that lie in the padding alone; possible: padding smaller than the kernel")
    shape = seen(chain, (image[0], *windows.out))
    counts = np.outer(rows, columns)
    whole = [taps == kernel for taps, kernel in zip((rows, columns), windows.kernel, strict=True)]
    alone = all(
        of_axis.all() or (apart == 1 and (of_axis | (taps == 1)).all())
        for of_axis, taps, apart in zip(whole, (rows, columns), windows.dilation, strict=True)
    )
    if alone and (counts != counts[0, 0]).any():
        windows, counts = _repeat_edges(chain, node, windows), np.full_like(counts, math.prod(windows.kernel))
    _add_mean(chain, node, windows, shape, counts)


def _repeat_edges(chain: Chain, node: Node, windows: Windows) -> Windows:
    """The windows over an image that wires have made larger by what lies at its edges.

    Where a window counts all of its taps or one only, that one in every tap has the mean of the window, too (without
    dilation it is the pixel at the edge).
    """
    channels, *image = chain.image()
    places = []
    for axis, size in enumerate(image):
        before, after, low, high = (sides[n] for sides in (windows.padding, windows.counted) for n in (axis, axis + 2))
        at = np.arange(-before, size + after).clip(-low, size - 1 + high)
        places.append(np.where((at >= 0) & (at < size), at, -1))
    rows, columns = places
    table = np.arange(channels)[:, None, None] * math.prod(image) + rows[:, None] * image[1] + columns
    table[:, (rows[:, None] < 0) | (columns < 0)] = -1
    chain.add_wiring(node, table)
    return replace(windows, padding=(0, 0, 0, 0))


def whole_image(image: tuple[int, int]) -> Windows:
    """One window over all of an image [height, width]."""
    return Windows(
        kernel=image,
        stride=(1, 1),
        dilation=(1, 1),
        padding=(0, 0, 0, 0),
        out=(1, 1),
        image=image,
        counted=(0, 0, 0, 0),
    )


def _pool_all(chain: Chain, node: Node, shape: tuple[int, ...]) -> None:
    """Pool each channel of the running image to one value."""
    windows = whole_image(chain.image()[1:])
    if node.op in ("GlobalMaxPool", "ReduceMax"):
        if not _single(chain, node, windows):
            chain.add_max_pool(node, windows)
        chain.shape = shape
    else:
        count = 1 if node.op == "ReduceSum" else math.prod(windows.kernel)
        _add_mean(chain, node, windows, shape, np.full((1, 1), count))


def _global_pool(chain: Chain, node: Node, inputs: Inputs) -> None:
    _pool_all(chain, node, seen(chain, (chain.image()[0], 1, 1)))


def _reduce(chain: Chain, node: Node, inputs: Inputs) -> None:
    """Pool any axes but the batch: wires bring the kept axes to the front, then it is a pool of all that is left."""
    given = optional(inputs, 1)
    axes = node.get("axes", ()) if given is None else tuple(int(a) for a in given.ravel()[:8])
    if not axes and node.flag("noop_with_empty_axes"):
        return
    rank = 1 + len(chain.shape)
    reduced = sorted({axis % rank for axis in axes if -rank <= axis < rank})
    if len(reduced) != len(axes) or not reduced or reduced[0] == 0:
        raise InputError(f"pools the axes {list(axes)}; possible: the axes of the image, not the batch (axis 0)")
    shape = chain.shape
    kept = [axis for axis in range(1, rank) if axis not in reduced]
    table = np.arange(math.prod(shape)).reshape(shape).transpose([axis - 1 for axis in kept + reduced])
    *rows, columns = table.shape[len(kept) :]
    chain.add_wiring(node, table.reshape(math.prod(table.shape[: len(kept)]), math.prod(rows), columns))
    keep = node.flag("keepdims", True)
    left = tuple(1 if axis in reduced else shape[axis - 1] for axis in range(1, rank) if keep or axis in kept)
    _pool_all(chain, node, left)


def _max_pool(chain: Chain, node: Node, inputs: Inputs) -> None:
    axes = len(chain.shape) - 1
    image = chain.image()[1:]
    windows = read_windows(node, image, read_kernel(node, axes), axes)
    if not windows.all_touch(image):
        raise InputError("has windows that lie in the padding alone; possible: padding smaller than the kernel")
    if not _single(chain, node, windows):
        chain.add_max_pool(node, windows)


OPERATORS = (
    Operator("AveragePool", _average_pool),
    *(Operator(name, _global_pool) for name in ("GlobalAveragePool", "GlobalMaxPool")),
    Operator("MaxPool", _max_pool),
    *(Operator(name, _reduce) for name in ("ReduceMax", "ReduceMean", "ReduceSum")),
)
