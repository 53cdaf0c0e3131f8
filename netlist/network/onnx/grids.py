"""Which constants of a file lie on a grid of codes, and the grid of a layer whose weights are such a constant.

DequantizeLinear and QONNX Quant of constants make them; what moves constants moves their grid along. The range of the
codes is that of their type, less what a Clip of the codes leaves out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar

import numpy as np

from resonet.core.types import Array
from resonet.netlist.network.cnn import Synapses
from resonet.netlist.network.onnx.fold import FOLDABLE, fold, run_node
from resonet.netlist.network.onnx.node import Node
from resonet.netlist.network.onnx.quantised import DOMAIN, ON_GRID
from resonet.netlist.network.weight_grid import WeightGrid

__all__ = ["ConstantGrid", "Grids", "is_foldable", "with_grid"]

# fmt: off
MOVES = frozenset(["Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"])
# fmt: on
KEEPS = MOVES | {"Cast"}
Constant = np.ndarray[Any, Any]


def is_foldable(node: Node) -> bool:
    """Whether a node may be computed with constants."""
    return node.op in FOLDABLE or node.domain == DOMAIN


@dataclass(frozen=True, slots=True, eq=False)
class ConstantGrid:
    """Grid of a constant: number = step (code - zero)."""

    step: Array  # of the constant's shape (a view), or broadcasts to it
    zero: Array  # likewise
    lowest: int
    highest: int
    most: float  # largest magnitude of the constant


class _Path(Protocol):
    """A path through the layers, which gives a grid to the next."""

    grid: ConstantGrid | None


Path = TypeVar("Path", bound=_Path)


@dataclass(slots=True)
class Grids:
    """Grids of constants, and ranges of constants that are codes, by tensor name."""

    found: dict[str, ConstantGrid] = field(default_factory=dict)
    ranges: dict[str, tuple[int, int]] = field(default_factory=dict)

    def lend(self, path: Path, node: Node) -> Path:
        """The path, whose next layer gets the grid of an operator's weights, its second input."""
        path.grid = self.found.get(node.inputs[1]) if len(node.inputs) > 1 else None
        return path

    def folded(self, node: Node, opset: int, inputs: Sequence[Constant | None]) -> Constant:
        """Compute a node whose inputs are all constants, as `fold`, and keep the grid that its result lies on."""
        own = inputs[0] if node.domain == DOMAIN else None
        result = fold(node, opset, inputs) if own is None else own
        self._note(node, opset, inputs, result)
        return result

    def _note(self, node: Node, opset: int, inputs: Sequence[Constant | None], result: Constant) -> None:
        name, source = node.outputs[0], node.inputs[0] if node.inputs else ""
        first = inputs[0] if inputs else None
        if first is None or not result.size:
            return
        if node.domain == DOMAIN and node.op == ON_GRID:
            scale, zero = (np.asarray(x, float) for x in inputs[1:3] if x is not None)
            self._keep(name, result, scale, zero, node.get("low", 0), node.get("high", 0))
        elif node.op == "DequantizeLinear":
            step, point = (*inputs, None, None)[1:3]
            low, high = self._range(source, first)
            if step is not None and low < high:
                point = np.zeros(step.shape) if point is None else point
                steps, points = (_along(np.asarray(x, float), node, first.shape) for x in (step, point))
                if steps is not None and points is not None:
                    self._keep(name, result, steps, points, low, high)
        elif node.op == "Clip" and first.dtype.kind in "iu":
            low, high = self._range(source, first)
            ends = [None if x is None else int(x.reshape(-1)[0]) for x in (*inputs[1:], None, None)[:2]]
            self.ranges[name] = (
                low if ends[0] is None else max(low, ends[0]),
                high if ends[1] is None else min(high, ends[1]),
            )
        elif node.op in KEEPS:
            if source in self.ranges and result.dtype.kind in "iu":
                self.ranges[name] = self.ranges[source]
            if source in self.found and result.dtype.kind == "f":
                self.found[name] = _moved(self.found[source], node, opset, inputs)

    def _range(self, name: str, codes: Constant) -> tuple[int, int]:
        """Least and largest code; the same number twice where these are none."""
        if name in self.ranges:
            return self.ranges[name]
        if codes.dtype.kind not in "iu":
            return 0, 0
        kind = np.iinfo(codes.dtype)
        return int(kind.min), int(kind.max)

    def _keep(self, name: str, result: Constant, step: Array, zero: Array, low: int, high: int) -> None:
        try:
            step, zero = np.broadcast_to(step, result.shape), np.broadcast_to(zero, result.shape)
        except ValueError:  # it made something of another shape
            return
        if np.isfinite(step).all() and bool((step != 0).all()) and np.isfinite(result).all():
            most = float(np.abs(result).max())
            self.found[name] = ConstantGrid(step, zero, low, high, most)


def _along(values: Array, node: Node, shape: tuple[int, ...]) -> Array | None:
    """Scales or zero points as DequantizeLinear spreads them over codes of `shape`; None where it cannot."""
    axis, block = node.get("axis", 1), node.get("block_size", 0)
    if values.ndim == 0 or (values.ndim == 1 and values.size == 1):
        return values.reshape(())
    if not -len(shape) <= axis < len(shape):
        return None
    axis %= len(shape)
    if block:
        spread: Array = np.repeat(values, block, axis=axis)
        return spread.take(np.arange(shape[axis]), axis=axis) if spread.shape[axis] >= shape[axis] else None
    return values.reshape([-1 if n == axis else 1 for n in range(len(shape))]) if values.ndim == 1 else None


def _moved(grid: ConstantGrid, node: Node, opset: int, inputs: Sequence[Constant | None]) -> ConstantGrid:
    if node.op == "Cast":
        return grid
    step, zero = (run_node(node, opset, [np.array(x), *inputs[1:]]) for x in (grid.step, grid.zero))
    return replace(grid, step=step, zero=zero)


def _of_neurons(values: Array, outputs: int, groups: int) -> list[Array]:
    """What an array of the shape of a constant can mean for the neurons of a layer: one number each, or one for all."""
    first = values.reshape(-1)[0]
    if bool((values == first).all()):
        return [np.full((1, 1, 1, 1), first)]
    for axis, count in enumerate(values.shape):
        own = np.moveaxis(values, axis, 0).reshape(count, -1)
        if bool((own == own[:, :1]).all()):
            each = own[:, 0]
            found = [each] if count == outputs else []
            if outputs % (count * groups) == 0:  # of a transposed convolution: group, channel, place between pixels
                found.append(np.repeat(np.tile(each, groups), outputs // (count * groups)))
            return [one.reshape(-1, 1, 1, 1) for one in found]
    return []


def with_grid(layer: Synapses, constant: ConstantGrid | None) -> Synapses:
    """The layer with the grid that its weights have from a constant; as it is where they lie on none.

    Its weights are the constant moved about, times one factor (Gemm's alpha); a grid they do not fit is not theirs.
    """
    if constant is None or constant.most == 0:
        return layer
    size = len(layer.weight)
    factor = float(np.abs(layer.weight).max()) / constant.most
    for step in _of_neurons(constant.step, size, layer.groups):
        for zero in _of_neurons(constant.zero, size, layer.groups):
            for sign in (1.0, -1.0):
                grid = WeightGrid(sign * factor * step, zero, constant.lowest, constant.highest)
                if factor > 0 and grid.fits(layer.weight):
                    return replace(layer, grid=grid)
    return layer
