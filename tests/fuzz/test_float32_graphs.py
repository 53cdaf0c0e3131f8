"""Random networks with branches in float32 against float64: the same outputs, or a reason why not."""

from collections import Counter
from types import SimpleNamespace

import numpy as np
from graphs import random_model

from resonet.core.errors import InputError
from resonet.cosim.weights.float32 import Float32Network, float32_images
from resonet.cosim.weights.float32_nodes import Inexpressible
from resonet.cosim.weights.held import HeldWeights
from resonet.cosim.weights.inference import forward
from resonet.netlist.network.activations.base import PIECES, Fit
from resonet.netlist.network.cnn import built_network, fitted_layers
from resonet.netlist.network.onnx.read import read_cnn
from resonet.netlist.planning.scales import calibrated_ranges

CASES, CLOSE = 60, 2e-5


def compared(cnn, seed):
    """Largest difference of outputs, part of the largest, with weights and inputs that are a little off."""
    rng = np.random.default_rng(seed)
    images = rng.uniform(0, 1, (40, *cnn.input_shape))
    ranges = calibrated_ranges(cnn, 0.7 * images[:3])
    built = built_network(cnn, {name: Fit(PIECES, *ranges.sums[name]) for name in fitted_layers(cnn)})
    design = SimpleNamespace(cnn=cnn, built=built, scales=ranges.scales)
    held = {
        layer.name: HeldWeights(
            layer=layer.name,
            values=layer.matrix * (1 + 0.05 * rng.standard_normal(layer.matrix.shape)),
            trained=layer.matrix,
        )
        for layer in cnn.synapses
    }
    exact = forward(design, held, images)
    network = Float32Network(built, held, ranges.scales, (0.0, 1.0), 1)
    found = network(float32_images(built, images)).logits
    return np.abs(found - exact).max() / np.abs(exact).max()


def test_random_graphs_in_float32(tmp_path):
    place, counts = tmp_path / "graph.onnx", Counter()
    for seed in range(CASES):
        place.write_bytes(random_model(seed)[0].SerializeToString())
        try:
            cnn = read_cnn(place)
            assert compared(cnn, seed) < CLOSE, seed
            counts["close"] += 1
        except InputError:
            counts["refused"] += 1
        except Inexpressible:
            counts["float64"] += 1
    assert counts["close"] > 0.9 * CASES
