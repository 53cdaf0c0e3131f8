"""Pools: means are depthwise equal weights, maxima are a layer of their own."""

import math

import numpy as np

from resonet.core.errors import InputError
from resonet.netlist.network.cnn import Synapses
from resonet.netlist.network.onnx.builder import Chain
from resonet.netlist.network.onnx.node import Node
from resonet.netlist.network.onnx.operators.base import Inputs, Operator, optional
from resonet.netlist.network.onnx.window import Windows, read_windows

__all__ = ["OPERATORS"]


def _add_mean(chain: Chain, node: Node, windows: Windows, shape: tuple[int, ...] | None = None) -> None:
    """Append the mean over windows of the running image as depthwise equal weights."""
    channels, height, width = chain.image()
    area = math.prod(windows.kernel)
    layer = Synapses(
        name="",
        source=node.source,
        kind="average_pool",
        weight=np.broadcast_to(1 / area, (channels, 1, *windows.kernel)),
        bias=np.zeros(channels),
        in_shape=(channels, height, width),
        out_shape=(channels, *windows.out),
        groups=channels,
    )
    chain.add_synapses(layer, shape=shape, windows=windows)


def _kernel(node: Node) -> tuple[int, int]:
    kernel = node.get("kernel_shape", ())
    if len(kernel) != 2:
        raise InputError(f"has kernel_shape {list(kernel)}; possible: two numbers (height, width)")
    return kernel[0], kernel[1]


def _average_pool(chain: Chain, node: Node, inputs: Inputs) -> None:
    windows = read_windows(node, chain.image()[1:], _kernel(node))
    if windows.grown:
        raise InputError(
            "has ceil_mode with windows that hang over the edge; possible: ceil_mode = 0, or sizes that fit"
        )
    if any(windows.padding) and not node.flag("count_include_pad"):
        raise InputError(
            "averages without its padding, so that edge windows have other weights; possible: no padding, or "
            "count_include_pad = 1"
        )
    _add_mean(chain, node, windows)


def _whole_image(image: tuple[int, int]) -> Windows:
    return Windows(kernel=image, stride=(1, 1), dilation=(1, 1), padding=(0, 0, 0, 0), out=(1, 1), grown=False)


def _global_average_pool(chain: Chain, node: Node, inputs: Inputs) -> None:
    _add_mean(chain, node, _whole_image(chain.image()[1:]))


def _reduce_mean(chain: Chain, node: Node, inputs: Inputs) -> None:
    """Mean over any axes but the batch: wires bring the kept axes to the front, then it is a global average."""
    given = optional(inputs, 1)
    axes = node.get("axes", ()) if given is None else tuple(int(a) for a in given.ravel()[:8])
    if not axes and node.flag("noop_with_empty_axes"):
        return
    rank = 1 + len(chain.shape)
    reduced = sorted({axis % rank for axis in axes if -rank <= axis < rank})
    if len(reduced) != len(axes) or not reduced or reduced[0] == 0:
        raise InputError(
            f"averages over the axes {list(axes)}; possible: the axes of the image, not the batch (axis 0)"
        )
    shape = chain.shape
    kept = [axis for axis in range(1, rank) if axis not in reduced]
    table = np.arange(math.prod(shape)).reshape(shape).transpose([axis - 1 for axis in kept + reduced])
    *rows, columns = table.shape[len(kept) :]
    chain.add_wiring(node, table.reshape(math.prod(table.shape[: len(kept)]), math.prod(rows), columns))
    keep = node.flag("keepdims", True)
    left = tuple(1 if axis in reduced else shape[axis - 1] for axis in range(1, rank) if keep or axis in kept)
    _add_mean(chain, node, _whole_image(chain.image()[1:]), shape=left)


def _max_pool(chain: Chain, node: Node, inputs: Inputs) -> None:
    image = chain.image()[1:]
    windows = read_windows(node, image, _kernel(node))
    if not windows.all_touch(image):
        raise InputError("has windows that lie in the padding alone; possible: padding smaller than the kernel")
    chain.add_max_pool(node, windows)


OPERATORS = (
    Operator("AveragePool", _average_pool),
    Operator("GlobalAveragePool", _global_average_pool),
    Operator("MaxPool", _max_pool),
    Operator("ReduceMean", _reduce_mean),
)
