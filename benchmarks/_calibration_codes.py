"""Levels that are codes of a network's own quantised weights: the shipped network, rounded, for the show script."""

import tempfile
from pathlib import Path

import numpy as np
import onnx
from _show import info, show
from onnx import helper, numpy_helper

from resonet.cosim.calibration.bits import BitsSweep, bits_sweep
from resonet.cosim.calibration.quantised import QuantisationOptions, calibrated_programs
from resonet.cosim.weights.engines import linear
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.network.images import read_images
from resonet.netlist.network.onnx.read import read_cnn

__all__ = ["claims", "rounded_model"]

MNIST = Path(__file__).parent.parent / "examples" / "mnist"


def rounded_model(source: Path, target: Path, bits: int, by_neuron: bool) -> None:
    """The network of a file with the weights of its Conv and Gemm (transB) nodes as codes and a DequantizeLinear."""
    model = onnx.load(source)
    arrays = {tensor.name: tensor for tensor in model.graph.initializer}
    most, nodes = 2 ** (bits - 1) - 1, []
    for node in model.graph.node:
        if node.op_type in ("Conv", "Gemm"):
            name = node.input[1]
            weight = numpy_helper.to_array(arrays[name]).astype(float)
            axes = tuple(range(1, weight.ndim)) if by_neuron else None
            scale = np.asarray(np.abs(weight).max(axes) / most, np.float32)
            spread = scale.reshape(-1, *[1] * (weight.ndim - 1)) if by_neuron else scale
            codes = np.clip(np.rint(weight / spread), -most, most).astype(np.int8)
            low, high = np.int8(-most - 1), np.int8(most)
            stored = {"q": codes, "s": scale, "z": np.zeros(scale.shape, np.int8), "l": low, "h": high}
            model.graph.initializer.extend(numpy_helper.from_array(np.asarray(a), name + n) for n, a in stored.items())
            nodes.append(helper.make_node("Clip", [name + n for n in "qlh"], [name + "c"]))
            nodes.append(helper.make_node("DequantizeLinear", [name + n for n in "csz"], [name + "f"], axis=0))
            node.input[1] = name + "f"
        nodes.append(node)
    kept = [helper.make_node(n.op_type, n.input, n.output, n.name, domain=n.domain) for n in nodes]
    for copy, node in zip(kept, nodes, strict=True):
        copy.attribute.extend(node.attribute)
    del model.graph.node[:]
    model.graph.node.extend(kept)
    onnx.save(model, target)


def _sweep(folder: Path, bits: int, by_neuron: bool, images: int) -> BitsSweep:
    path = folder / f"mnist_{bits}.onnx"
    rounded_model(MNIST / "mnist.onnx", path, bits, by_neuron)
    shape = read_cnn(path).input_shape
    data = read_images(MNIST / "mnist_test.npz", shape)
    data = type(data)(data.file, data.images[:images], data.labels[:images])
    design = compile_cnn(path, None, read_images(MNIST / "mnist_calibration.npz", shape))
    choices = [QuantisationOptions(bits=bits)]
    choices += [QuantisationOptions(table=table) for table in ("alone", "channel")]
    return bits_sweep(design, linear, choices, data, calibrated_programs(design, linear))


def claims(quick: bool = False) -> None:
    """What the tables lose against calibration, and what equal steps of as many bits lose."""
    with tempfile.TemporaryDirectory() as folder:
        for bits, by_neuron in ((4, False),) if quick else ((4, False), (4, True), (8, False)):
            sweep = _sweep(Path(folder), bits, by_neuron, 1000 if quick else 10_000)
            name = f"{bits}-bit weights, a scale for each {'neuron' if by_neuron else 'layer'}"
            for point in sweep.points:
                errors = f"{100 * point.rms_nearest:.2f} / {100 * point.rms:.2f} %"
                shares = f"{100 * (point.accuracy_nearest or 0):.2f} / {100 * (point.accuracy or 0):.2f} %"
                tunings = sum(layer.tunings for layer in point.layers.values())
                info(
                    f"{name}: {point.label}: RMS nearest / descent; accuracy; tunings",
                    f"{errors}; {shares}; {tunings:,}",
                )
            info(
                f"{name}: software, calibrated",
                f"{100 * (sweep.software or 0):.2f}, {100 * (sweep.accuracy_start or 0):.2f} %",
            )
            best = sweep.points[-1]
            lost = 100 * ((sweep.software or 0) - (best.accuracy or 0))
            show(f"{name}: by channel, accuracy below software", f"{lost:.2f} points", "<= 0.5", lost <= 0.5)
