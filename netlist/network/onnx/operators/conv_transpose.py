"""Transposed convolutions: zeros between the pixels and flipped taps, with the taps on zeros left out.

Along an axis, pixel i times tap k goes to output o = i s + k d - p (stride s, dilation d, padding p). Of the outputs
with o + p = m s + r, one remainder r after another, each sees only the taps with k d - r = e s, on pixel m - e: a
convolution of its own over the image as it is. All remainders together are one convolution with as many outputs a
channel; wires lay them out.
"""

from dataclasses import dataclass

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array, Ints
from resonet.netlist.network.cnn import Synapses
from resonet.netlist.network.onnx.builder import Chain
from resonet.netlist.network.onnx.file import MAX_ACTIVATION, MAX_ELEMENTS
from resonet.netlist.network.onnx.node import Node
from resonet.netlist.network.onnx.operators.base import Inputs, Operator, fitted, floats, optional
from resonet.netlist.network.onnx.operators.conv import read_weight, seen
from resonet.netlist.network.onnx.window import Windows, read_pads, read_pair

__all__ = ["OPERATORS"]


@dataclass(frozen=True, slots=True)
class _Axis:
    """One axis of a transposed convolution."""

    size: int
    taps: int
    stride: int
    dilation: int
    before: int  # padding, which cuts outputs off
    out: int

    @property
    def reach(self) -> int:
        """Taps of each remainder's convolution."""
        return (self.taps - 1) * self.dilation // self.stride + 1

    @property
    def first(self) -> int:
        """Least m that is computed; those that padding cuts off behind it are not wired."""
        return min(self.before // self.stride, self.reach - 1)

    @property
    def last(self) -> int:
        """Largest m of an output."""
        return (self.out - 1 + self.before) // self.stride

    @property
    def rows(self) -> int:
        """Positions of the convolution."""
        return self.last - self.first + 1

    def places(self) -> tuple[Ints, Ints]:
        """Remainder, and place in its convolution, of each tap."""
        at = np.arange(self.taps) * self.dilation
        return at % self.stride, self.reach - 1 - at // self.stride

    def sources(self) -> tuple[Ints, Ints]:
        """Remainder, and position of its convolution, of each output."""
        at = np.arange(self.out) + self.before
        return at % self.stride, at // self.stride - self.first


def _axes(chain: Chain, node: Node, kernel: tuple[int, ...]) -> tuple[_Axis, _Axis]:
    rank = len(chain.shape) - 1
    image = chain.image()[1:]
    stride, dilation = read_pair(node, "strides", rank), read_pair(node, "dilations", rank)
    extra = read_pair(node, "output_padding", rank, 0)
    if min(*kernel, *stride, *dilation) < 1 or min(extra) < 0:
        raise InputError(
            f"has kernel {kernel}, strides {stride}, dilations {dilation}, output_padding {extra}; possible: 1 or "
            "more, of output_padding 0 or more"
        )
    pads = read_pads(node, rank)
    asked = read_pair(node, "output_shape", rank) if node.get("output_shape", ()) else None
    mode = node.get("auto_pad", "NOTSET") or "NOTSET"
    if mode not in ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"):
        raise InputError("has an unknown auto_pad; possible: NOTSET, SAME_UPPER, SAME_LOWER, VALID")
    found = []
    for n, (size, taps) in enumerate(zip(image, kernel, strict=True)):
        full = stride[n] * (size - 1) + extra[n] + (taps - 1) * dilation[n] + 1
        before, after = pads[n], pads[n + 2]
        if asked is not None or mode.startswith("SAME"):
            total = full - (size * stride[n] if asked is None else asked[n])
            if total <= -stride[n] and asked:
                most = full + stride[n] - 1
                raise InputError(f"asks for {asked[n]} pixels along an axis; possible: at most {most}")
            total = max(total, 0)
            before = total - total // 2 if mode == "SAME_LOWER" or (asked and mode != "SAME_UPPER") else total // 2
            after = total - before
        elif mode == "VALID":
            before = after = 0
        out = full - before - after if asked is None else asked[n]
        if not 1 <= out <= MAX_ACTIVATION:
            raise InputError(f"gives {out} pixels along an axis; possible: 1 to {MAX_ACTIVATION} values of one image")
        found.append(_Axis(size, taps, stride[n], dilation[n], before, out))
    return found[0], found[1]


def _phases(weight: Array, groups: int, rows: _Axis, columns: _Axis) -> Array:
    """Weights [in, out / groups, kh, kw] as those of all remainders, [out * strides, in / groups, reach, reach]."""
    inputs, outputs = weight.shape[:2]
    of_group = weight.reshape(groups, inputs // groups, outputs, rows.taps, columns.taps).transpose(0, 2, 1, 3, 4)
    made = np.zeros((groups, outputs, rows.stride, columns.stride, inputs // groups, rows.reach, columns.reach))
    (rest_y, at_y), (rest_x, at_x) = rows.places(), columns.places()
    # Advanced indices with axes between them come first: [kh, kw, groups, out, in].
    made[:, :, rest_y[:, None], rest_x, :, at_y[:, None], at_x] = of_group.transpose(3, 4, 0, 1, 2)
    return made.reshape(-1, inputs // groups, rows.reach, columns.reach)


def _conv_transpose(chain: Chain, node: Node, inputs: Inputs) -> None:
    weight = read_weight(chain, node, inputs)
    channels = chain.image()[0]
    groups = node.get("group", 1)
    if groups < 1 or weight.shape[0] != channels or channels % groups:
        raise InputError(
            f"has weights {list(weight.shape)} in {groups} groups for {channels} channels; possible: weights "
            "[channels, outputs / groups, height, width] with channels divisible by groups"
        )
    rows, columns = _axes(chain, node, weight.shape[2:])
    out, phases = weight.shape[1] * groups, rows.stride * columns.stride
    if out * phases * (channels // groups) * rows.reach * columns.reach > MAX_ELEMENTS:
        raise InputError(f"has strides that need above the possible {MAX_ELEMENTS} weights")
    bias = fitted(np.zeros(1) if optional(inputs, 2) is None else floats(inputs, 2, "bias"), (out,), "bias")
    padding = [axis.reach - 1 - axis.first for axis in (rows, columns)]
    padding += [max(axis.last - axis.size + 1, 0) for axis in (rows, columns)]
    layer = Synapses(
        name="",
        source=node.source,
        kind="conv",
        weight=_phases(weight, groups, rows, columns),
        bias=np.repeat(bias, phases),
        in_shape=chain.image(),
        out_shape=(out * phases, rows.rows, columns.rows),
        groups=groups,
    )
    windows = Windows(
        kernel=(rows.reach, columns.reach),
        stride=(1, 1),
        dilation=(1, 1),
        padding=(padding[0], padding[1], padding[2], padding[3]),
        out=(rows.rows, columns.rows),
        image=layer.in_shape[1:],
        counted=(0, 0, 0, 0),
    )
    shape = seen(chain, (out, rows.out, columns.out))
    chain.add_synapses(layer, shape=layer.out_shape, windows=windows)
    (rest_y, at_y), (rest_x, at_x) = rows.sources(), columns.sources()
    phase = np.arange(out)[:, None, None] * phases + rest_y[:, None] * columns.stride + rest_x
    table = (phase * rows.rows + at_y[:, None]) * columns.rows + at_x
    chain.add_wiring(node, table.reshape(shape))
    if phases > 1:
        chain.notes.append(f"{node.op} as {phases} convolutions, one for each place between two pixels")


OPERATORS = (Operator("ConvTranspose", _conv_transpose),)
