"""Parallel hardware: stages against the network itself, one tone one channel, tone paths, slices."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import RNG, save_model
from onnx import helper

from resonet.core.errors import InputError
from resonet.cosim.cascade.two_pass import trained_stages
from resonet.netlist.cascade.building import parallel_network
from resonet.netlist.cascade.paths import all_paths, parallel_design
from resonet.netlist.cascade.slices import network_slice
from resonet.netlist.cascade.stages import ParallelNetwork, Stage
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.network.cnn import Cnn, Wiring
from resonet.netlist.network.forward import propagate
from resonet.netlist.network.onnx.read import read_cnn


def through_stages(network: ParallelNetwork, images: np.ndarray) -> np.ndarray:
    """Logits by the stages alone: wires, chains, pools, neurons."""
    return trained_stages(network, images)[-1].outputs[:, network.outputs]


def kinds(stage: Stage) -> list[str]:
    return [pooling.kind for pooling in stage.poolings]


@pytest.fixture(scope="module")
def varied(tmp_path_factory: pytest.TempPathFactory) -> Cnn:
    """Padding, groups, dilation, a wired average, a maximum behind a ReLU, and signed values between layers."""
    rng = RNG(8)
    weights = {
        "w1": rng.normal(0, 0.5, (6, 2, 3, 3)),
        "b1": rng.normal(0, 0.2, 6),
        "w2": rng.normal(0, 0.5, (4, 3, 2, 2)),
        "b2": rng.normal(0, 0.2, 4),
        "w3": rng.normal(0, 0.5, (16, 5)),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["c"], pads=[1, 0, 2, 1]),
        helper.make_node("AveragePool", ["c"], ["a"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Conv", ["a", "w2", "b2"], ["d"], group=2, pads=[1, 1, 1, 1], dilations=[2, 2]),
        helper.make_node("Relu", ["d"], ["r"]),
        helper.make_node("MaxPool", ["r"], ["m"], kernel_shape=[2, 2], strides=[2, 2], pads=[0, 0, 1, 1]),
        helper.make_node("Flatten", ["m"], ["f"]),
        helper.make_node("MatMul", ["f", "w3"], ["y"]),
    ]
    path = tmp_path_factory.mktemp("model") / "varied.onnx"
    return read_cnn(save_model(path, nodes, weights, (2, 8, 8), "y"))


def test_stages_of_a_small_network_compute_what_the_network_computes(small_design, small_images) -> None:
    network = parallel_network(small_design.cnn)
    assert [(s.chains, s.neurons, kinds(s)) for s in network.stages] == [(36, 36, ["none"]), (3, 3, ["none"])]
    assert through_stages(network, small_images) == pytest.approx(propagate(small_design.cnn, small_images), rel=1e-12)


def test_stages_with_pools_padding_and_groups_compute_what_the_network_computes(varied: Cnn) -> None:
    network = parallel_network(varied)
    images = RNG(9).uniform(0, 1, (5, 2, 8, 8))
    assert [kinds(s) for s in network.stages] == [["average"], ["max"], ["none"]]
    assert through_stages(network, images) == pytest.approx(propagate(varied, images), rel=1e-10, abs=1e-12)


def test_every_chain_holds_each_channel_once_and_every_tone_has_one(varied: Cnn, small_design) -> None:
    for network in (parallel_network(varied), parallel_network(small_design.cnn)):
        for stage in network.stages:
            assert np.array_equal(
                np.sort(stage.colours, 1), np.tile(np.arange(stage.layer.taps), (len(stage.wires), 1))
            )
            used = stage.wires >= 0
            pairs = set(zip(stage.wires[used].tolist(), stage.colours[used].tolist(), strict=True))
            assert len(pairs) == len({tone for tone, _ in pairs})


def test_a_value_that_is_needed_on_several_channels_is_a_tone_on_each(small_design, small_images) -> None:
    first, *rest = small_design.cnn.layers
    twice = np.zeros(64, np.int64)  # every pixel of the image is the first one
    cnn = replace(small_design.cnn, layers=(Wiring("wires1", "w", (1, 8, 8), (1, 8, 8), twice), first, *rest))
    network = parallel_network(cnn)
    (feed,) = network.stages[0].feeds
    assert feed.values.tolist() == [0] * 9 + list(range(1, 64))  # on every channel; the others have a source each
    assert through_stages(network, small_images) == pytest.approx(propagate(cnn, small_images), rel=1e-12)


def test_tone_paths_put_p_max_into_every_resonator(small_design) -> None:
    """A tone's source, split and combined, is what the plan's levels ask for at every bus."""
    design = parallel_design(small_design)
    for paths, entry in zip(all_paths(design), design.plan.layers, strict=True):
        live = paths.tone >= 0
        assert live.sum() == sum(len(bus.taps) for bus in entry.buses) == paths.ways.sum()
        assert np.all(paths.share * np.sqrt(paths.ways[paths.tone]) <= 1 + 1e-12)
        for branch in np.flatnonzero(live):
            bus, slot = entry.buses[paths.bus[branch]], paths.slot[branch]
            emf = paths.source[paths.tone[branch]] * paths.share[branch]
            from_combiner = emf / np.sqrt(len(bus.taps)) / np.sqrt(design.plan.options.p_max)
            assert from_combiner == pytest.approx(bus.levels[slot], rel=1e-12)
            assert paths.frequency[paths.tone[branch]] == bus.frequencies[slot]


def test_programs_of_copies_are_the_weights_on_permuted_channels(small_design) -> None:
    design = parallel_design(small_design)
    entry = design.entry(0)
    assert len({tuple(bus.taps) for bus in entry.buses}) == 9  # each position of a 3 x 3 output its own order
    assert all(np.array_equal(np.sort(bus.taps), np.arange(9)) for bus in entry.buses)
    assert design.design.program("coupled").layer("conv1").residual < 1e-9


def test_a_slice_gives_what_the_network_gives_there(varied: Cnn, tmp_path) -> None:
    rng = RNG(3)
    weights = {"w1": rng.normal(0, 1, (4, 1, 5, 5)), "w2": rng.normal(0, 1, (6, 4, 3, 3)), "b2": rng.normal(0, 1, 6)}
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["c"], strides=[2, 2]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("Conv", ["r", "w2", "b2"], ["y"], strides=[2, 2]),
    ]
    cnn = read_cnn(save_model(tmp_path / "two.onnx", nodes, weights, (1, 28, 28), "y"))
    images = rng.uniform(0, 1, (3, 1, 28, 28))
    whole = propagate(cnn, images).reshape(3, 6, *cnn.synapses[1].out_shape[1:])
    part = network_slice(cnn, 2, (1, 3))
    assert part.synapses[0].positions == 9
    assert propagate(part, images) == pytest.approx(whole[:, :2, 1, 3], rel=1e-12)
    for position, outputs, inputs in (((9, 0), 1, None), (None, 7, None), (None, 1, 0)):
        with pytest.raises(InputError, match="possible"):
            network_slice(cnn, outputs, position, inputs)
    with pytest.raises(InputError, match="two convolutions"):
        network_slice(varied, 1)


def test_scales_and_parameters_are_the_designs_own(small_model) -> None:
    base = compile_cnn(small_model)
    design = parallel_design(base)
    assert design.scale(0) == (base.scales["conv1"].offset, base.scales["conv1"].full_scale)
    assert design.resonators == 9 * 4 * 9 + 3 * 36
