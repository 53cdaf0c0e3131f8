"""Where the windows of an ONNX convolution or pool lie: kernel, stride, dilation and padding of the two image axes."""

import math
from dataclasses import dataclass

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Ints
from resonet.netlist.network.cnn import Pair, Sides
from resonet.netlist.network.onnx.file import MAX_ACTIVATION
from resonet.netlist.network.onnx.node import Node

__all__ = ["Windows", "read_kernel", "read_pads", "read_pair", "read_windows"]

AXES = {1: "length", 2: "height, width"}


@dataclass(frozen=True, slots=True)
class Windows:
    """Geometry as `Synapses` and `MaxPool` hold it, with the number of windows down and across."""

    kernel: Pair
    stride: Pair
    dilation: Pair
    padding: Sides  # top, left, bottom, right
    out: Pair
    image: Pair
    counted: Sides  # of the padding, what a mean may count: not what ceil_mode added

    def weighed(self) -> tuple[Ints, Ints]:
        """How many taps a mean counts, down and across, of each window: those in the image and its counted padding."""
        found = []
        for axis in (0, 1):
            tap = np.arange(self.kernel[axis]) * self.dilation[axis]
            at = np.arange(self.out[axis])[:, None] * self.stride[axis] - self.padding[axis] + tap
            before, after = self.counted[axis], self.counted[axis + 2]
            found.append(((at >= -before) & (at < self.image[axis] + after)).sum(1))
        return found[0], found[1]

    def all_touch(self, image: Pair) -> bool:
        """Tell whether every window holds at least one pixel of the image (none lies in the padding alone)."""
        return all(
            _touches(size, k, s, d, before, n)
            for size, k, s, d, before, n in zip(
                image, self.kernel, self.stride, self.dilation, self.padding[:2], self.out, strict=True
            )
        )


def read_pair(node: Node, name: str, axes: int, default: int = 1) -> Pair:
    """Attribute with a number for each of 2 axes, or of 1: that of a signal, which is an image of height 1."""
    values = node.get(name, ()) or (default,) * axes
    if len(values) != axes:
        raise InputError(f"has {len(values)} {name}; possible: {axes} ({AXES[axes]})")
    return (default, values[0]) if axes == 1 else (values[0], values[1])


def read_pads(node: Node, axes: int) -> Sides:
    """Padding top, left, bottom, right; of a signal left and right only."""
    pads = node.get("pads", ()) or (0,) * (2 * axes)
    if len(pads) != 2 * axes or min(pads) < 0:
        sides = "begin, end" if axes == 1 else "top, left, bottom, right"
        raise InputError(f"has pads that do not fit; possible: {2 * axes} of zero or more ({sides})")
    return (0, pads[0], 0, pads[1]) if axes == 1 else (pads[0], pads[1], pads[2], pads[3])


def read_windows(node: Node, image: Pair, kernel: Pair, axes: int = 2) -> Windows:
    """Windows of the node's attributes over an image [height, width]; of 1 axis: over a signal [1, length]."""
    stride = read_pair(node, "strides", axes)
    dilation = read_pair(node, "dilations", axes)
    if min(*kernel, *stride, *dilation) < 1:
        raise InputError(f"has kernel {kernel}, strides {stride}, dilations {dilation}; possible: 1 or more")
    reach = tuple((k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True))
    begin, end = _padding(node, image, reach, stride, axes)
    counted = (begin[0], begin[1], end[0], end[1])
    ceil = node.flag("ceil_mode")
    out = []
    for size, r, s, before, after in zip(image, reach, stride, begin, end, strict=True):
        if size + before + after < r:
            raise InputError(
                f"its window reaches over {reach} pixels, the padded image has fewer; {image} before padding"
            )
        out.append(_ceil_windows(size, r, s, before, after) if ceil else (size + before + after - r) // s + 1)
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
        image=image,
        counted=counted,
    )


def read_kernel(node: Node, axes: int) -> Pair:
    """Kernel of a pool over 2 axes, or 1."""
    if not node.get("kernel_shape", ()):
        raise InputError(f"has no kernel_shape; possible: {axes} ({AXES[axes]})")
    return read_pair(node, "kernel_shape", axes)


def _padding(node: Node, image: Pair, reach: tuple[int, ...], stride: Pair, axes: int) -> tuple[list[int], list[int]]:
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
    pads = read_pads(node, axes)
    return list(pads[:2]), list(pads[2:])


def _ceil_windows(size: int, reach: int, stride: int, before: int, after: int) -> int:
    """Count the windows in ceil mode; one that would begin in the padding after the image is left out."""
    n = -((reach - size - before - after) // stride) + 1
    return n - 1 if (n - 1) * stride >= size + before else n


def _touches(size: int, kernel: int, stride: int, dilation: int, before: int, windows: int) -> bool:
    start = np.arange(windows) * stride - before
    first = np.maximum(-(start // dilation), 0)  # first tap of each window that is not before the image
    return bool(((first < kernel) & (start + first * dilation < size)).all())
