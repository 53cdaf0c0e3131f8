"""The layers while they grow, operator by operator, and what can be folded into the layers before.

An elementwise `scale * x + offset` disappears into the weighted layers before it if only wires lie between. An
activation moves back over wires (but for wires that add zeros, where its output at zero is not zero), and over maximum
pools if it never falls. Both only where no other path needs the layers on the way.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array, Ints
from resonet.netlist.network.activations.base import Activation
from resonet.netlist.network.activations.linear import LINEAR
from resonet.netlist.network.cnn import IMAGE, Layer, MaxPool, Shape, Synapses, Wiring
from resonet.netlist.network.onnx.file import MAX_ACTIVATION, NUMPY_OPSET
from resonet.netlist.network.onnx.folding import finite, fold_affine, fold_scale, with_values
from resonet.netlist.network.onnx.graph import Graph
from resonet.netlist.network.onnx.grids import ConstantGrid, with_grid
from resonet.netlist.network.onnx.node import Node
from resonet.netlist.network.onnx.window import Windows

__all__ = ["Chain"]


@dataclass(slots=True)
class Chain:
    """A path through the layers, and where it stands: on the layer `at`, which it claims once (IMAGE: on the image).

    `shape` is what the last operator gives for one image, without the batch (ONNX's view of it).
    """

    graph: Graph
    shape: tuple[int, ...]
    at: int = IMAGE
    is_float: bool = True
    is_over: bool = False  # behind a Softmax, where nothing is computed any more
    lost: bool = False  # the batch of one was reshaped away: `shape` is all of ONNX's shape
    grid: ConstantGrid | None = None  # of the constant that the next layer's weights are

    @property
    def opset(self) -> int:
        """Version of the standard operators."""
        return self.graph.opset

    @property
    def batch(self) -> int:
        """Images per run, fixed by the file (1 if it is open)."""
        return self.graph.batch

    @property
    def notes(self) -> list[str]:
        """What was folded or dropped, one line each."""
        return self.graph.notes

    def image(self) -> Shape:
        """Give the running shape as channels, height, width; a signal [channels, length] is an image of height 1."""
        if len(self.shape) == 2:
            return self.shape[0], 1, self.shape[1]
        if len(self.shape) != 3:
            raise InputError(
                f"needs images [channels, height, width] or signals [channels, length], gets {list(self.shape)}; "
                "possible: layers over one or two axes"
            )
        return self.shape[0], self.shape[1], self.shape[2]

    def reserve(self, values: int) -> None:
        """Count the values that a layer will hold, before they are allocated. Raises InputError above the possible."""
        self.graph.reserve(values)

    def put(self, layer: Layer, kind: str, sources: Sequence[int]) -> None:
        """Append a layer that takes `sources`, and stand on it instead."""
        for source in sources:
            self.graph.claim(source)
        self.graph.release(self.at)
        self.at = self.graph.append(layer, kind, sources)
        self.graph.claim(self.at)

    def add_synapses(
        self, layer: Synapses, shape: tuple[int, ...] | None = None, windows: Windows | None = None
    ) -> None:
        """Append a weighted layer; `shape` is ONNX's view of its output.

        The layer gets its name here, and its own copy of weight and bias, which may come as views that hold less.
        """
        self.check_shape(layer.out_shape)
        self.reserve(layer.weight.size)
        if windows is not None:
            layer = replace(layer, stride=windows.stride, dilation=windows.dilation, padding=windows.padding)
        layer = with_grid(layer, self.grid)
        scale, source = self.graph.synapses(self.at), self.at
        folded = None if scale is None else fold_scale(scale, layer)
        if folded is not None:
            layer, [source] = folded, self.graph.sources[self.at]
        layer = finite(replace(layer, weight=np.array(layer.weight, order="C"), bias=np.array(layer.bias)))
        self.put(layer, "pool" if layer.kind == "average_pool" else layer.kind, (source,))
        if folded is not None and scale is not None:
            self.notes.append(f"{scale.name} folded into {self.graph[self.at].name}")
        self.shape = layer.out_shape if shape is None else shape

    def add_max_pool(self, node: Node, windows: Windows) -> None:
        """Append a maximum pool; what has no chains to pool before its neurons, or not of one kind, gets chains."""
        image = self.image()
        if why := self._unpoolable(image[0]):
            size = math.prod(self.shape)
            self._add_scale(node, np.ones(size), np.zeros(size))
            name = self.graph[self.at].name
            self.notes.append(f"{name} added: {why}")
        out = (image[0], *windows.out)
        self.check_shape(out)
        pool = MaxPool(
            name="",
            source=node.source,
            in_shape=image,
            out_shape=out,
            kernel=windows.kernel,
            stride=windows.stride,
            dilation=windows.dilation,
            padding=windows.padding,
        )
        self.put(pool, "maxpool", (self.at,))
        self.shape = (out[0], out[2]) if len(self.shape) == 2 else out

    def _unpoolable(self, channels: int) -> str | None:
        """Why maximum circuits cannot stand right behind the chains of the layers before, over wires; None if they can.

        Behind another pool they can.
        """
        roots: dict[int, Ints] = {}  # values of each layer before, by place in the running tensor
        left = [(self.at, np.arange(math.prod(self.shape)))]
        while left:
            number, where = left.pop()
            layer = None if number == IMAGE else self.graph[number]
            if isinstance(layer, Wiring):
                parts = self._parts(number, layer)
                left += [(source, np.where(where < 0, -1, index[where])) for source, index in parts]
            elif (where >= 0).any():
                roots[number] = np.maximum(where, roots.get(number, where))
        for number in roots:
            layer = self.graph.synapses(number)
            if number == IMAGE:
                return "the maximum of the image itself is taken behind chains of one resonator a pixel"
            if layer is not None and not layer.activation.rises:
                return f"the maximum of {layer.name} is taken behind its neurons"
        owners = np.stack([where >= 0 for where in roots.values()]).reshape(len(roots), channels, -1)
        if (owners.any(2).sum(0) > 1).any():
            names = " and ".join(self.graph[number].name for number in roots)
            return f"a maximum over {names} is taken behind their neurons"
        return None

    def add_wiring(self, node: Node, table: Ints, others: Sequence["Chain"] = ()) -> None:
        """Append an index table [*new shape] over this path's values, and behind these those of others, which end here.

        Tables in a row become one, and one that changes nothing goes.
        """
        self.check_shape(table.shape)
        self.reserve(table.size)
        index, paths = table.ravel(), [self, *others]
        before = [path.wires() for path in paths]
        in_shape, source, sources = self.shape, node.source, tuple(path.at for path in paths)
        if not others and (last := before[0]):
            index = np.where(index < 0, -1, last.index[np.maximum(index, 0)])
            in_shape, source, sources = last.in_shape, last.source, self.graph.sources[self.at]
        elif others:
            sources = tuple(n for path in paths for n in (self.graph.sources[path.at] if path.wires() else (path.at,)))
            index = np.where(index < 0, -1, self._joined(paths)[np.maximum(index, 0)])
        if len(sources) > 1:
            index, sources = self._used(index, sources)
            in_shape = self.graph.shape(sources[0])
            in_shape = in_shape if len(sources) == 1 else (sum(self.graph.size(n) for n in sources),)
        self.shape = table.shape
        alone = len(sources) == 1 and index.size == math.prod(in_shape)
        straight = alone and (index == np.arange(index.size)).all()
        place = sources[0] if straight else self.graph.same_wires(sources, index)
        if place is None:
            self.put(Wiring("", source, in_shape, self.shape, index), "wiring", sources)
            self.graph.keep_wires(self.at)
        else:
            self.graph.claim(place)
            self.graph.release(self.at)
            self.at = place
        for path in others:
            self.graph.release(path.at)

    def wires(self) -> Wiring | None:
        """The wires that it stands on, if it does."""
        layer = None if self.at == IMAGE else self.graph[self.at]
        return layer if isinstance(layer, Wiring) else None

    def _joined(self, paths: Sequence["Chain"]) -> Ints:
        """Index of the values of several paths, one behind the other, in those of the layers before their wires."""
        parts, start = [], 0
        for path in paths:
            wires = path.wires()
            index = np.arange(self.graph.size(path.at)) if wires is None else wires.index
            parts.append(np.where(index < 0, -1, index + start))
            sources = (path.at,) if wires is None else self.graph.sources[path.at]
            start += sum(self.graph.size(number) for number in sources)
        return np.concatenate(parts)

    def _used(self, index: Ints, sources: tuple[int, ...]) -> tuple[Ints, tuple[int, ...]]:
        """Leave out sources that an index over all of them does not use, and those that are there already."""
        ends = np.cumsum([self.graph.size(number) for number in sources])
        owner = np.searchsorted(ends, index, side="right")
        used = np.unique(owner[index >= 0]).tolist() or [0]
        kept = tuple(dict.fromkeys(sources[n] for n in used))
        begins = dict(zip(kept, np.cumsum([0, *(self.graph.size(number) for number in kept)]), strict=False))
        shift = np.zeros(len(sources), int)
        for n in used:
            shift[n] = begins[sources[n]] - (ends[n] - self.graph.size(sources[n]))
        return np.where(index < 0, -1, index + shift[owner.clip(max=len(sources) - 1)]), kept

    def add_affine(self, node: Node, scale: Array, offset: Array) -> None:
        """Apply `scale * x + offset` (both broadcast to the running shape): in the layers before, or as a new one."""
        scale, offset = (np.broadcast_to(a, self.shape).ravel() for a in (scale, offset))
        folded: dict[int, Synapses] = {}
        for number, index in self._feeding(offset):
            before = self.graph.synapses(number)
            layer = None
            if before is not None and before.activation == LINEAR and self.graph.alone(number):
                layer = fold_affine(before, index, scale, offset)
            if layer is None:
                break
            folded[number] = finite(layer)
        else:
            for number, layer in folded.items():
                self.graph.slots[number] = layer
                self.notes.append(f"{node.op} folded into {layer.name}")
            if folded:
                return
        self._add_scale(node, scale, offset)

    def _feeding(self, offset: Array) -> list[tuple[int, Ints]]:
        """Layers right before, over wires that this path alone needs, each with the index of its values or -1.

        Nothing where the wires add zeros which an offset would have to change.
        """
        wires = self.wires()
        if wires is None:
            return [(self.at, np.arange(offset.size))]
        if not self.graph.alone(self.at) or (offset[wires.index < 0] != 0).any():
            return []
        return [*self._parts(self.at, wires)]

    def _parts(self, number: int, wires: Wiring) -> list[tuple[int, Ints]]:
        """Sources of wires, each with the index of its own values, -1 for those of others."""
        sources = self.graph.sources[number]
        if len(sources) == 1:
            return [(sources[0], wires.index)]
        ends = np.cumsum([self.graph.size(source) for source in sources])
        found = []
        for source, end in zip(sources, ends, strict=True):
            begin = end - self.graph.size(source)
            own = (wires.index >= begin) & (wires.index < end)
            found.append((source, np.where(own, wires.index - begin, -1)))
        return found

    def add_activation(self, node: Node, activation: Activation) -> None:
        """Give the last weighted layers an activation, if they may have this one, or else add a layer of weights 1."""
        if node.op == "PRelu" and activation.size > 1 and self.opset < NUMPY_OPSET:
            raise InputError(
                f"has several slopes in an old file; possible: one, or a file of opset {NUMPY_OPSET} or later"
            )
        if activation == LINEAR:
            self.notes.append(f"{node.op} dropped: it changes nothing")
            return
        takers = self._takers(activation)
        if not takers:
            size = math.prod(self.shape)
            self._add_scale(node, np.ones(size), np.zeros(size), activation.size > 1)
            takers = {self.at: (activation, activation)}
        for number, (own, both) in takers.items():
            layer = self.graph.synapses(number)
            assert layer is not None
            if both == layer.activation:
                why = "already ends in one" if both == own else activation.IDLE
                self.notes.append(f"{node.op} dropped: {layer.name} {why}")
            self.graph.slots[number] = layer.with_activation(both)

    def _takers(self, activation: Activation) -> dict[int, tuple[Activation, Activation]]:
        """Weighted layers that an activation moves back to, with what they get and end in; none where one may not."""
        where = np.arange(math.prod(self.shape)) if activation.size > 1 else None  # values that its neurons have
        found: dict[int, tuple[Activation, Activation]] = {}
        left, seen = [(self.at, where, True)], {self.at}
        while left:
            number, where, ours = left.pop()  # ours: no other path needs what lies between
            layer = None if number == IMAGE else self.graph[number]
            ours = ours and self.graph.alone(number)
            before: list[tuple[int, Ints | None]]
            if isinstance(layer, Synapses):
                both = with_values(layer, activation, where)
                if both is None or not (ours or both[1] == layer.activation):
                    return {}
                found[number], before = both, []
            elif isinstance(layer, MaxPool) and activation.rises and where is None:
                before = [(source, None) for source in self.graph.sources[number]]
            elif isinstance(layer, Wiring) and not ((layer.index < 0).any() and activation.at_zero != 0):
                if where is None:
                    before = [(source, None) for source in self.graph.sources[number]]
                else:
                    parts = self._parts(number, layer)
                    before = [(source, np.where(where < 0, -1, index[where])) for source, index in parts]
            else:
                return {}
            left += [(source, index, ours) for source, index in before if source not in seen]
            seen.update(source for source, _ in before)
        return found

    def _add_scale(self, node: Node, scale: Array, offset: Array, each: bool = False) -> None:
        """Depthwise 1x1 layer; one channel per pixel (`each`) where the factors differ within a channel."""
        shape = self.as_image()
        rows = [a.reshape(shape[0], -1) for a in (scale, offset)]
        if len(self.shape) == 2 and not all((row == row[:, :1]).all() for row in rows):
            shape = self.image()  # a signal, whose channels may differ
            rows = [a.reshape(shape[0], -1) for a in (scale, offset)]
        if each or not all((row == row[:, :1]).all() for row in rows):
            shape = (scale.size, 1, 1)
            rows = [a.reshape(-1, 1) for a in (scale, offset)]
        self.add_synapses(
            Synapses(
                name="",
                source=node.source,
                kind="scale",
                weight=rows[0][:, :1, None, None],
                bias=rows[1][:, 0],
                in_shape=shape,
                out_shape=shape,
                groups=shape[0],
            ),
            shape=self.shape,
        )

    def as_image(self) -> Shape:
        """Give the running shape as channels, height, width; a vector is all channels, a plane is one."""
        if len(self.shape) == 3:
            return self.image()
        if len(self.shape) == 2:
            return 1, self.shape[0], self.shape[1]
        return math.prod(self.shape), 1, 1

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Refuse sizes that are not possible between two layers."""
        if not 1 <= math.prod(shape) <= MAX_ACTIVATION:
            raise InputError(f"gives {list(shape)}; possible: 1 to {MAX_ACTIVATION} values of one image")
