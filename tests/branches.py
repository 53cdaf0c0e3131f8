"""Shared: networks whose layers branch, add up, join and split, built layer by layer."""

from dataclasses import dataclass, field

import numpy as np
from networks import SETTINGS

from resonet.netlist.design.design import Design
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.network.activations.base import Activation
from resonet.netlist.network.activations.clamps import RELU
from resonet.netlist.network.activations.linear import LINEAR
from resonet.netlist.network.cnn import IMAGE, Addend, Cnn, Layer, MaxPool, Synapses, Wiring, fitted_layers
from resonet.netlist.planning.frequency_plan import plan
from resonet.netlist.planning.scales import calibrated_ranges
from resonet.netlist.programming.methods import programs

RNG = np.random.default_rng


@dataclass
class Graph:
    """Layers so far; every method returns the number of the layer that it adds."""

    shape: tuple[int, int, int]
    rng: np.random.Generator
    layers: list[Layer] = field(default_factory=list)
    sources: list[tuple[int, ...]] = field(default_factory=list)

    def shape_of(self, number: int) -> tuple[int, ...]:
        return self.shape if number == IMAGE else self.layers[number].out_shape

    def _add(self, layer: Layer, *sources: int) -> int:
        self.layers.append(layer)
        self.sources.append(sources)
        return len(self.layers) - 1

    def _weight(self, *shape: int) -> np.ndarray:
        return self.rng.normal(0, 1 / np.sqrt(np.prod(shape[1:])), shape)

    def conv(
        self,
        source: int,
        out: int,
        kernel: int = 3,
        stride: int = 1,
        pad: int | None = None,
        groups: int = 1,
        activation: Activation = RELU,
        skip: int | None = None,
        project: bool = False,
    ) -> int:
        """A convolution; `skip` is added to its sums, one to one or by a projection of 1 x 1."""
        shape, pad = self.shape_of(source), kernel // 2 if pad is None else pad
        size = [(n + 2 * pad - kernel) // stride + 1 for n in shape[1:]]
        addends = ()
        if skip is not None:
            of = self.shape_of(skip)
            weight = self._weight(out, of[0] // groups, 1, 1) if project else np.ones((out, 1, 1, 1))
            step = -(-of[1] // size[0])
            addends = (Addend("add", weight, of, (step, step), diagonal=not project),)
        weight, bias = self._weight(out, shape[0] // groups, kernel, kernel), self.rng.normal(0.1, 0.1, out)
        made = Synapses(
            f"conv{len(self.layers)}", "", "conv", weight, bias, shape, (out, *size), (stride, stride), (1, 1),
            (pad, pad, pad, pad), groups, activation, addends,
        )  # fmt: skip
        return self._add(made, source, *(() if skip is None else (skip,)))

    def dense(self, source: int, out: int, activation: Activation = LINEAR, skip: int | None = None) -> int:
        """A dense layer over all values; `skip` [out] is added to its sums."""
        count = int(np.prod(self.shape_of(source)))
        addends = () if skip is None else (Addend("add", np.ones((out, 1, 1, 1)), (out, 1, 1), diagonal=True),)
        made = Synapses(
            f"dense{len(self.layers)}", "", "dense", self._weight(out, count, 1, 1), self.rng.normal(0, 0.1, out),
            (count, 1, 1), (out, 1, 1), activation=activation, addends=addends,
        )  # fmt: skip
        return self._add(made, source, *(() if skip is None else (skip,)))

    def average(self, source: int, size: int = 2, stride: int | None = None, pad: int = 0) -> int:
        """An average pool."""
        channels, *shape = self.shape_of(source)
        stride = stride or size
        out = [(n + 2 * pad - size) // stride + 1 for n in shape]
        weight = np.full((channels, 1, size, size), 1 / size**2)
        made = Synapses(
            f"pool{len(self.layers)}", "", "average_pool", weight, np.zeros(channels), (channels, *shape),
            (channels, *out), (stride, stride), padding=(pad,) * 4, groups=channels,
        )  # fmt: skip
        return self._add(made, source)

    def maximum(self, source: int, size: int | tuple[int, int] = 2, stride: int | None = None, pad: int = 0) -> int:
        """A maximum."""
        channels, *shape = self.shape_of(source)
        kernel = (size, size) if isinstance(size, int) else size
        strides = kernel if stride is None else (stride, stride)
        out = [(n + 2 * pad - k) // step + 1 for n, k, step in zip(shape, kernel, strides, strict=True)]
        made = MaxPool(
            f"max{len(self.layers)}", "", (channels, *shape), (channels, *out), kernel, strides, padding=(pad,) * 4
        )
        return self._add(made, source)

    def wires(self, index: np.ndarray, out_shape: tuple[int, ...], *sources: int) -> int:
        """Values of several layers, one behind the other, moved about."""
        shapes = [self.shape_of(source) for source in sources]
        count = sum(int(np.prod(shape)) for shape in shapes)
        shape = shapes[0] if len(shapes) == 1 else (count,)
        return self._add(Wiring(f"wires{len(self.layers)}", "", shape, out_shape, np.asarray(index)), *sources)

    def concat(self, *sources: int) -> int:
        """Channels of several layers of one size, one behind the other."""
        shape = (sum(self.shape_of(source)[0] for source in sources), *self.shape_of(sources[0])[1:])
        return self.wires(np.arange(np.prod(shape)), shape, *sources)

    def flat(self, *sources: int) -> int:
        """All values of several layers, one behind the other."""
        count = sum(int(np.prod(self.shape_of(source))) for source in sources)
        return self.wires(np.arange(count), (count, 1, 1), *sources)

    def channels(self, source: int, first: int, last: int) -> int:
        """Some channels of a layer."""
        shape = self.shape_of(source)
        index = np.arange(np.prod(shape)).reshape(shape)[first:last]
        return self.wires(index.ravel(), index.shape, source)

    def cnn(self, output: int = IMAGE) -> Cnn:
        """The network; its output is that of the last layer, or of another one."""
        return Cnn("graph.onnx", "0" * 64, self.shape, tuple(self.layers), sources=tuple(self.sources), output=output)


def graph_design(cnn: Cnn, images: np.ndarray, settings: tuple[str, ...] = ()) -> Design:
    """Design of a network with the tests' parameters."""
    made = read_parameters(None, [*SETTINGS, "neuron.p1db=1 W", *settings])
    planned = plan(cnn, made.device, made.bus, made.plan)
    ranges = calibrated_ranges(cnn, images)
    sums = {name: ranges.sums[name] for name in fitted_layers(cnn)}
    return Design(cnn, made, planned, programs(planned), ranges.scales, "images", sums=sums)


def random_graph(seed: int, size: int = 6) -> Cnn:
    """Blocks with skips, branches, splits and pools in random order, a dense layer over one or both ends."""
    rng = RNG(seed)
    graph = Graph((int(rng.integers(1, 3)), size, size), rng)
    laws = (RELU, RELU, LINEAR)

    def law() -> Activation:
        return laws[rng.integers(len(laws))]

    last, ends = graph.conv(IMAGE, 4, 3, int(rng.integers(1, 3)), activation=law()), []
    for _ in range(int(rng.integers(1, 4))):
        shape = graph.shape_of(last)
        match int(rng.integers(7)):
            case 0:
                inner = graph.conv(last, shape[0])
                last = graph.conv(inner, shape[0], skip=last, activation=law())
            case 1:
                inner = graph.conv(last, 4, stride=2 if shape[1] > 2 else 1)
                last = graph.conv(inner, 4, skip=last, project=True, activation=law())
            case 2:
                last = graph.conv(last, shape[0], groups=2 if shape[0] % 2 == 0 else 1, skip=last)
            case 3:
                branches = [graph.conv(last, 2, 1, activation=law()), graph.conv(last, 2, 3, activation=law())]
                last = graph.concat(*branches, last)
            case 4:
                half = shape[0] // 2
                parts = graph.channels(last, 0, half), graph.channels(last, half, shape[0])
                last = graph.concat(graph.conv(parts[0], half, activation=law()), parts[1])
            case 5 if shape[1] >= 2:
                raw = graph.conv(last, 4, activation=law())
                ends += [graph.average(raw), graph.average(raw, shape[1])][: rng.integers(3)]
                last = graph.average(raw, 2)
            case _ if shape[1] >= 3:
                raw = graph.conv(last, 4, activation=law())
                ends += [raw][: rng.integers(2)]
                last = graph.maximum(graph.maximum(raw, 3, 1, 1), 2, 2)
            case _:
                ends.append(last)
    graph.dense(graph.flat(last, *ends), 3)
    return graph.cnn()
