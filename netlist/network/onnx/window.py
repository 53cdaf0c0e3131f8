"""Where the windows of an ONNX convolution or pool lie: kernel, stride, dilation and padding of the two image axes."""

import math
from dataclasses import dataclass

import numpy as np

from resonet.core.errors import InputError
from resonet.netlist.network.cnn import Pair, Sides
from resonet.netlist.network.onnx.file import MAX_ACTIVATION
from resonet.netlist.network.onnx.node import Node

__all__ = ["Windows", "read_windows"]


@dataclass(frozen=True, slots=True)
class Windows:
    """Geometry as `Synapses` and `MaxPool` hold it, with the number of windows down and across."""

    kernel: Pair
    stride: Pair
    dilation: Pair
    padding: Sides  # top, left, bottom, right
    out: Pair
    grown: bool  # ceil_mode added windows that would not be there without it

    def all_touch(self, image: Pair) -> bool:
        """Tell whether every window holds at least one pixel of the image (none lies in the padding alone)."""
        return all(
            _touches(size, k, s, d, before, n)
            for size, k, s, d, before, n in zip(
                image, self.kernel, self.stride, self.dilation, self.padding[:2], self.out, strict=True
            )
        )


def read_windows(node: Node, image: Pair, kernel: Pair) -> Windows:
    """Windows of the node's attributes over an image [height, width]."""
    stride = _pair(node, "strides")
    dilation = _pair(node, "dilations")
    if min(*kernel, *stride, *dilation) < 1:
        raise InputError(f"has kernel {kernel}, strides {stride}, dilations {dilation}; possible: 1 or more")
    reach = tuple((k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True))
    begin, end = _padding(node, image, reach, stride)
    ceil = node.flag("ceil_mode")
    floor_out, out = [], []
    for size, r, s, before, after in zip(image, reach, stride, begin, end, strict=True):
        if size + before + after < r:
            raise InputError(
                f"its window reaches over {reach} pixels, the padded image has fewer; {image} before padding"
            )
        floor_out.append((size + before + after - r) // s + 1)
        out.append(_ceil_windows(size, r, s, before, after) if ceil else floor_out[-1])
    # ceil_mode lets the last window hang over: there the image is padded up to its end.
    end = [
        max(after, (n - 1) * s + r - size - before)
        for size, r, s, before, after, n in zip(image, reach, stride, begin, end, out, strict=True)
    ]
    if math.prod(size + b + e for size, b, e in zip(image, begin, end, strict=True)) > MAX_ACTIVATION:
        raise InputError(f"pads the image to more than {MAX_ACTIVATION} pixels")
    return Windows(
        kernel=kernel,
        stride=stride,
        dilation=dilation,
        padding=(begin[0], begin[1], end[0], end[1]),
        out=(out[0], out[1]),
        grown=out != floor_out,
    )


def _pair(node: Node, name: str) -> Pair:
    values = node.get(name, ()) or (1, 1)
    if len(values) != 2:
        raise InputError(f"has {len(values)} {name}; possible: 2 (height, width)")
    return values[0], values[1]


def _padding(node: Node, image: Pair, reach: tuple[int, ...], stride: Pair) -> tuple[list[int], list[int]]:
    """Get the padding before (top, left) and after (bottom, right), from `pads` or worked out for `auto_pad`."""
    mode = node.get("auto_pad", "NOTSET")
    if mode in ("SAME_UPPER", "SAME_LOWER"):
        total = [
            max((math.ceil(size / s) - 1) * s + r - size, 0) for size, r, s in zip(image, reach, stride, strict=True)
        ]
        less, more = [t // 2 for t in total], [t - t // 2 for t in total]
        return (less, more) if mode == "SAME_UPPER" else (more, less)
    if mode == "VALID":
        return [0, 0], [0, 0]
    if mode not in ("NOTSET", ""):
        raise InputError("has an unknown auto_pad; possible: NOTSET, SAME_UPPER, SAME_LOWER, VALID")
    pads = node.get("pads", ()) or (0, 0, 0, 0)
    if len(pads) != 4 or min(pads) < 0:
        raise InputError("has pads that do not fit; possible: 4 of zero or more (top, left, bottom, right)")
    return list(pads[:2]), list(pads[2:])


def _ceil_windows(size: int, reach: int, stride: int, before: int, after: int) -> int:
    """Count the windows in ceil mode; one that would begin in the padding after the image is left out."""
    n = -((reach - size - before - after) // stride) + 1
    return n - 1 if (n - 1) * stride >= size + before else n


def _touches(size: int, kernel: int, stride: int, dilation: int, before: int, windows: int) -> bool:
    start = np.arange(windows) * stride - before
    first = np.maximum(-(start // dilation), 0)  # first tap of each window that is not before the image
    return bool(((first < kernel) & (start + first * dilation < size)).all())
