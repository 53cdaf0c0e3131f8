"""Shared: networks that compile in milliseconds."""

import numpy as np
from conftest import RNG, save_model
from onnx import helper

from resonet.netlist.network.activations.oscillator import OscillatorActivation
from resonet.netlist.network.cnn import Cnn, Synapses
from resonet.netlist.network.onnx.neurons import with_activations

SETTINGS = [
    *("plan.f_min=2 GHz", "plan.f_max=5.2 GHz", "plan.tile=12", "bus.choke_inductance=20 uH"),
    *("bus.block_capacitance=0.1 pF", "bus.bypass_capacitance=0.3 pF"),
]
POOLS = {"none": [], "average": ["AveragePool"], "max": ["MaxPool"]}


def dense(weight: np.ndarray, groups: int = 1, name: str = "dense1") -> Cnn:
    """One dense layer, [groups * outputs, taps], without bias."""
    out, taps = weight.shape
    layer = Synapses(
        name,
        "",
        "dense",
        weight.reshape(out, taps, 1, 1),
        np.zeros(out),
        (groups * taps, 1, 1),
        (out, 1, 1),
        groups=groups,
    )
    return Cnn("net.onnx", "0" * 64, (groups * taps,), (layer,))


def tiny_model(folder, pool: str = "none", activation: OscillatorActivation | None = None):
    """conv 2x2x2 on a 3 x 4 image, a pool over columns, ReLU or an oscillator, dense 3."""
    import onnx

    rng = RNG(4)
    size = 6 if pool == "none" else 3
    weights = {
        "w1": rng.normal(0, 0.5, (2, 1, 2, 2)),
        "b1": rng.normal(0.1, 0.1, 2),
        "w2": rng.normal(0, 0.5, (3, 2 * size)),
        "b2": rng.normal(0, 0.1, 3),
    }
    pools = [helper.make_node(op, ["c"], ["p"], kernel_shape=[2, 1], strides=[2, 1]) for op in POOLS[pool]]
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["c"]),
        *pools,
        helper.make_node("Relu", ["p" if pools else "c"], ["r"], name="neuron"),
        helper.make_node("Flatten", ["r"], ["f"]),
        helper.make_node("Gemm", ["f", "w2", "b2"], ["y"], transB=1),
    ]
    path = save_model(folder / f"tiny_{pool}.onnx", nodes, weights, (1, 3, 4), "y")
    if activation:
        onnx.save(with_activations(onnx.load(path), {"neuron": activation}), path)
    return path


def spread_model(folder, spread: float = 1e3):
    """conv 2x2x4 on a 3 x 4 image, ReLU, dense 3: channels and what takes them differ by `spread`."""
    rng, factor = RNG(4), spread ** -np.linspace(0, 1, 4)
    weights = {
        "w1": rng.normal(0, 0.5, (4, 1, 2, 2)) * factor[:, None, None, None],
        "b1": rng.normal(0.1, 0.1, 4) * factor,
        "w2": (rng.normal(0, 0.5, (3, 4, 6)) / factor[:, None]).reshape(3, 24),
        "b2": rng.normal(0, 0.1, 3),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["c"]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("Flatten", ["r"], ["f"]),
        helper.make_node("Gemm", ["f", "w2", "b2"], ["y"], transB=1),
    ]
    return save_model(folder / f"spread{spread:g}.onnx", nodes, weights, (1, 3, 4), "y")


def quantised_model(folder, bits: int = 4, of_all: bool = True):
    """conv 3x3x4 of stride 2 on an 8 x 8 image, ReLU, dense 3: weights of few bits by QuantizeLinear, Clip and so on.

    The convolution has a scale for each kernel, the dense layer one; without `of_all` its weights are as they are.
    """
    import onnx
    from onnx import numpy_helper

    rng, half = RNG(7), 2 ** (bits - 1)
    w, v = (
        rng.normal(0, 0.3, (4, 1, 3, 3)) * np.array([1, 0.6, 0.8, 0.4])[:, None, None, None],
        rng.normal(0, 0.3, (36, 3)),
    )
    scales = np.abs(w).max((1, 2, 3)) / (half - 0.5), np.abs(v).max() / (half - 0.5)
    nodes = []
    for name, axis in (("w", 0), ("v", 1)):
        nodes += [
            helper.make_node("QuantizeLinear", [name, f"{name}s", f"{name}z"], [f"{name}q"], axis=axis),
            helper.make_node("Clip", [f"{name}q", "low", "high"], [f"{name}c"]),
            helper.make_node("DequantizeLinear", [f"{name}c", f"{name}s", f"{name}z"], [f"{name}f"], axis=axis),
        ]
    nodes = nodes if of_all else nodes[:3]
    nodes += [
        helper.make_node("Conv", ["x", "wf"], ["c"], strides=[2, 2]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("Flatten", ["r"], ["f"]),
        helper.make_node("MatMul", ["f", "vf" if of_all else "v"], ["y"]),
    ]
    path = save_model(
        folder / f"quantised{bits}{of_all}.onnx",
        nodes,
        {"w": w, "v": v, "ws": scales[0], "vs": scales[1]},
        (1, 8, 8),
        "y",
    )
    model = onnx.load(path)
    codes = {"wz": np.zeros(4, np.int8), "vz": np.int8(0), "low": np.int8(-half), "high": np.int8(half - 1)}
    model.graph.initializer.extend(numpy_helper.from_array(np.asarray(a), name) for name, a in codes.items())
    onnx.save(model, path)
    return path
