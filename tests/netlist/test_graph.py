"""Networks as graphs: sums of several inputs, wires from several layers, and their hardware."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import RNG

from resonet.cosim.weights.effective import effective_weights
from resonet.cosim.weights.engines import find_engine
from resonet.cosim.weights.inference import forward
from resonet.netlist.design.design import Design
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.network.activations.clamps import RELU
from resonet.netlist.network.cnn import IMAGE, Addend, Cnn, Synapses, Wiring
from resonet.netlist.network.forward import propagate
from resonet.netlist.planning.frequency_plan import plan
from resonet.netlist.planning.scales import bounded_scales, calibrated_scales
from resonet.netlist.programming.methods import programs

IMAGES = RNG(2).uniform(0, 1, (5, 2, 6, 6))


def conv(name, weight, shape, stride=1, addends=(), activation=RELU, groups=1):
    out, _, kh, kw = weight.shape
    size = [-(-n // stride) for n in shape[1:]]
    bias = RNG(len(name)).normal(0, 0.1, out)
    return Synapses(
        name, name, "conv", weight, bias, shape, (out, *size), (stride, stride), (1, 1),
        (kh // 2, kw // 2, kh // 2, kw // 2), groups, activation, addends,
    )  # fmt: skip


def residual() -> Cnn:
    """conv1; a block with identity; a block of stride 2 with a 1x1 projection; a dense layer over both ends."""
    rng = RNG(3)

    def weight(*shape):
        return rng.normal(0, 0.4, shape)

    first = conv("conv1", weight(4, 2, 3, 3), (2, 6, 6))
    second = conv("conv2", weight(4, 4, 3, 3), (4, 6, 6))
    identity = Addend("add", np.ones((4, 1, 1, 1)), (4, 6, 6), diagonal=True)
    third = conv("conv3", weight(4, 4, 3, 3), (4, 6, 6), addends=(identity,))
    projection = Addend("add", weight(6, 4, 1, 1), (4, 6, 6), stride=(2, 2))
    fourth = conv("conv4", weight(6, 4, 3, 3), (4, 6, 6), 2, (projection,))
    ends = Wiring("concat", "concat", (6 * 9 + 4 * 36,), (6 * 9 + 4 * 36, 1, 1), np.arange(6 * 9 + 4 * 36))
    last = Synapses("dense1", "", "dense", weight(3, 198, 1, 1) * 0.2, np.zeros(3), (198, 1, 1), (3, 1, 1))
    sources = ((IMAGE,), (0,), (1, 0), (2, 2), (3, 2), (4,))
    return Cnn("residual.onnx", "0" * 64, (2, 6, 6), (first, second, third, fourth, ends, last), sources=sources)


def by_hand(cnn: Cnn, images):
    """The same with plain loops."""

    def correlate(x, weight, stride):
        kh, kw = weight.shape[2:]
        x = np.pad(x, ((0, 0), (0, 0), (kh // 2,) * 2, (kw // 2,) * 2))
        rows, columns = (-(-(n - k + 1) // stride) for n, k in zip(x.shape[2:], (kh, kw), strict=True))
        out = np.zeros((len(x), len(weight), rows, columns))
        for r in range(rows):
            for c in range(columns):
                patch = x[:, :, r * stride : r * stride + kh, c * stride : c * stride + kw]
                out[:, :, r, c] = np.einsum("nchw,ochw->no", patch, weight)
        return out

    one, two, three, four, _, last = cnn.layers
    a = np.maximum(correlate(images, one.weight, 1) + one.bias[:, None, None], 0)
    b = np.maximum(correlate(a, two.weight, 1) + two.bias[:, None, None], 0)
    c = np.maximum(correlate(b, three.weight, 1) + a + three.bias[:, None, None], 0)
    skip = correlate(c, four.addends[0].weight, 2)
    d = np.maximum(correlate(c, four.weight, 2) + skip + four.bias[:, None, None], 0)
    flat = np.concatenate([d.reshape(len(d), -1), c.reshape(len(c), -1)], axis=1)
    return flat @ last.weight[:, :, 0, 0].T


@pytest.fixture(scope="module")
def design() -> Design:
    cnn = residual()
    planned = plan(cnn)
    return Design(cnn, read_parameters(), planned, programs(planned), calibrated_scales(cnn, IMAGES), "images")


def test_the_sums_of_several_inputs():
    cnn = residual()
    wanted = by_hand(cnn, IMAGES)
    assert propagate(cnn, IMAGES) == pytest.approx(wanted, abs=1e-12 * np.abs(wanted).max())
    bounds = bounded_scales(cnn)
    for name, scale in calibrated_scales(cnn, IMAGES).items():
        assert bounds[name].offset >= scale.offset
        assert bounds[name].full_scale >= scale.full_scale


def test_an_identity_is_one_resonator_a_neuron(design):
    entry = design.plan.layer("conv3")
    assert (entry.layer.taps, entry.layer.series) == (36 + 4, 37)
    assert entry.resonators == 4 * 37
    own = [bus for bus in entry.buses if bus.taps.min() >= 36]
    assert [(bus.outputs.tolist(), bus.taps.tolist(), bus.below) for bus in own] == [
        ([n], [36 + n], 36) for n in range(4)
    ]
    assert len({bus.name for bus in entry.buses}) == len(entry.buses)
    assert design.plan.layer("conv4").layer.series == 40


@pytest.mark.parametrize("layer", ["conv3", "conv4"])
def test_ngspice_and_the_closed_form_agree(design, layer):
    by = {name: effective_weights(design, layer, "coupled", engine=find_engine(name)) for name in ("linear", "ngspice")}
    scale = np.abs(by["linear"].trained).max()
    assert by["ngspice"].values == pytest.approx(by["linear"].values, abs=1e-9 * scale)
    wired = np.ones((4, 40), bool) if layer == "conv3" else np.ones((6, 40), bool)
    if layer == "conv3":
        wired[:, 36:] = np.eye(4, dtype=bool)
    assert np.all(by["ngspice"].values[0][~wired] == 0)
    assert np.abs(by["ngspice"].error).max() < 0.1


def test_calibrated_the_circuit_is_the_network(design):
    from resonet.cosim.calibration.newton import calibrate

    linear = find_engine("linear")
    calibrated = calibrate(design, engine=linear).design
    held = {
        e.layer.name: effective_weights(calibrated, e.layer.name, "calibrated", engine=linear)
        for e in design.plan.layers
    }
    wanted = propagate(design.cnn, IMAGES)
    assert forward(calibrated, held, IMAGES) == pytest.approx(wanted, abs=1e-6 * np.abs(wanted).max())


def test_the_graph_is_networkx():
    import networkx as nx

    graph = residual().graph()
    assert nx.is_directed_acyclic_graph(graph)
    assert sorted(graph.predecessors("conv3")) == ["conv1", "conv2"]
    assert graph.edges["conv1", "conv3"]["input"] == 1
    chain = replace(residual(), layers=residual().layers[:2], sources=())
    assert list(chain.graph().edges) == [("image", "conv1"), ("conv1", "conv2")]
