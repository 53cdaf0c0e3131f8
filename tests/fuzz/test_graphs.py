"""Random networks with branches against onnxruntime; 3,000 of them: benchmarks/fuzz_graphs.py."""

from collections import Counter

import numpy as np
from graphs import check, random_model

from resonet.core.errors import InputError
from resonet.netlist.network.forward import propagate
from resonet.netlist.network.neuron_labels import neuron_labels
from resonet.netlist.network.neuron_scales import find_scales, scaled_network
from resonet.netlist.network.onnx.read import read_cnn

CASES = 100
SCALED = 50


def test_no_random_graph_is_read_differently_without_a_word(tmp_path):
    found = [(seed, *check(seed, tmp_path / "graph.onnx")) for seed in range(CASES)]
    counts = Counter(kind for _, kind, _ in found)
    assert [case for case in found if case[1] not in ("equal", "refused")] == []
    assert counts["equal"] > 0.9 * CASES


def test_scales_of_neurons_change_no_bit_of_a_random_graph(tmp_path):
    """Any scales that the labels allow, and those that are found; which are never for the worse."""
    place, compared = tmp_path / "graph.onnx", 0
    for seed in range(SCALED):
        place.write_bytes(random_model(seed)[0].SerializeToString())
        try:
            cnn = read_cnn(place)
        except InputError:
            continue
        rng, labels = np.random.default_rng(seed), neuron_labels(cnn)
        any_scale = np.where(labels.fixed, 0, rng.integers(-9, 10, labels.shared.max() + 1)[labels.shared])
        free = {entry.synapses.name: any_scale[entry.outputs.ravel()] for entry in labels.layers}
        found = find_scales(cnn, "neuron")
        assert found.after <= found.before * (1 + 1e-12)
        images = rng.normal(size=(2, *cnn.input_shape))
        wanted = propagate(cnn, images)
        for scales in (free, found.exponents):
            assert np.array_equal(propagate(scaled_network(cnn, scales), images), wanted), seed
        compared += any_scale.any()
    assert compared > 0.7 * SCALED
