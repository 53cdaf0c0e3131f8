"""Networks that grow: of dense layers, and of convolutions as VGG has them, with a given number of weights."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from resonet.core.types import Array

__all__ = ["SHAPES", "dense_network", "images", "resonators", "vgg"]

STRIDES = (1, 2, 1, 2, 2)  # of the convolutions of `vgg`
SHAPES = {"dense": (64, 1, 1), "vgg": (3, 16, 16)}


def _save(path: Path, nodes: list[onnx.NodeProto], weights: dict[str, Array], shape: tuple[int, ...]) -> Path:
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", *shape])],
        [helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path


def _dense(weights: dict[str, Array], rng: np.random.Generator, name: str, outputs: int, inputs: int) -> None:
    weights["w" + name] = rng.normal(0, (2 / inputs) ** 0.5, (outputs, inputs))
    weights["b" + name] = rng.normal(0, 0.01, outputs)


def _hidden(weights: int) -> int:
    """Neurons of a hidden layer of a `dense_network`."""
    return round((-74 + (74**2 + 4 * weights) ** 0.5) / 2)


def _width(weights: int) -> int:
    """Channels of the first layer of a `vgg`."""
    return max(1, round((-667 + (667**2 + 4 * 135 * weights) ** 0.5) / (2 * 135)))


def resonators(kind: str, weights: int, layer: str) -> int:
    """Resonators of a layer of either network, all positions of a convolution at once; of a whole dense one ("").

    Along each axis a kernel of 3 has 3 taps a position, less one in the padding before and, at stride 1, one behind.
    """
    if kind == "dense":
        hidden = _hidden(weights)
        return hidden**2 + (0 if layer == "dense2" else 74 * hidden)
    number, width = int(layer.removeprefix("conv")) - 1, _width(weights)
    channels, pixels = (3, width, width, 2 * width, 2 * width, 4 * width), SHAPES["vgg"][1]
    for stride in STRIDES[:number]:
        pixels = -(-pixels // stride)
    pairs = 3 * -(-pixels // STRIDES[number]) - (2 if STRIDES[number] == 1 else 1)
    return int(pairs**2 * channels[number] * channels[number + 1])


def dense_network(path: Path, weights: int) -> Path:
    """64 inputs, two hidden layers, 10 classes."""
    hidden = _hidden(weights)
    rng, values = np.random.default_rng(hidden), dict[str, Array]()
    for name, (outputs, inputs) in {"1": (hidden, 64), "2": (hidden, hidden), "3": (10, hidden)}.items():
        _dense(values, rng, name, outputs, inputs)
    nodes = [
        helper.make_node("Flatten", ["x"], ["f"]),
        helper.make_node("Gemm", ["f", "w1", "b1"], ["h1"], transB=1, name="dense1"),
        helper.make_node("Relu", ["h1"], ["r1"]),
        helper.make_node("Gemm", ["r1", "w2", "b2"], ["h2"], transB=1, name="dense2"),
        helper.make_node("Relu", ["h2"], ["r2"]),
        helper.make_node("Gemm", ["r2", "w3", "b3"], ["y"], transB=1, name="dense3"),
    ]
    return _save(path, nodes, values, SHAPES["dense"])


def vgg(path: Path, weights: int) -> Path:
    """Convolutions 3 x 3 of w, w, 2w, 2w, 4w channels, strides 1, 2, 1, 2, 2 on 16 x 16 pixels, a dense layer of 10."""
    width = _width(weights)
    rng, values, nodes, inputs, last = np.random.default_rng(width), dict[str, Array](), [], 3, "x"
    for n, (outputs, stride) in enumerate(zip((width, width, 2 * width, 2 * width, 4 * width), STRIDES, strict=True)):
        values[f"k{n}"] = rng.normal(0, (2 / (9 * inputs)) ** 0.5, (outputs, inputs, 3, 3))
        values[f"c{n}"] = rng.normal(0, 0.01, outputs)
        strides = {"strides": [stride, stride], "pads": [1, 1, 1, 1]}
        nodes.append(helper.make_node("Conv", [last, f"k{n}", f"c{n}"], [f"v{n}"], name=f"conv{n + 1}", **strides))
        nodes.append(helper.make_node("Relu", [f"v{n}"], [f"r{n}"]))
        inputs, last = outputs, f"r{n}"
    _dense(values, rng, "", 10, 4 * inputs)
    nodes.append(helper.make_node("Flatten", [last], ["f"]))
    nodes.append(helper.make_node("Gemm", ["f", "w", "b"], ["y"], transB=1, name="dense1"))
    return _save(path, nodes, values, SHAPES["vgg"])


def images(path: Path, kind: str, count: int) -> Path:
    """Random images and labels for either, as the commands read them."""
    rng = np.random.default_rng(count)
    np.savez(
        path, images=rng.uniform(0, 1, (count, *SHAPES[kind])).astype(np.float32), labels=rng.integers(0, 10, count)
    )
    return path
