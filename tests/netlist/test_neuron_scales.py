"""Scales of neurons: the same network to the last bit, and less error of its outputs."""

import re
from dataclasses import replace

import numpy as np
import pytest
from conftest import RNG
from networks import SETTINGS, dense, spread_model, tiny_model

from resonet.core.errors import InputError
from resonet.core.validity import collected
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.folder import load_design, write_design
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.network.activations.clamps import RELU, Clip
from resonet.netlist.network.activations.linear import LINEAR
from resonet.netlist.network.cnn import Addend, Cnn, MaxPool, Synapses, Wiring
from resonet.netlist.network.forward import propagate
from resonet.netlist.network.neuron_labels import neuron_labels
from resonet.netlist.network.neuron_scales import find_scales, logit_error, scaled_network
from resonet.netlist.planning.frequency_plan import plan
from resonet.netlist.planning.powers import check_gains
from resonet.netlist.programming.methods import bus_weights, program


def two_layers(spread: float = 1e3, activation=RELU, hidden: int = 6, seed: int = 1) -> Cnn:
    """Dense layers 5 -> hidden -> 3; neurons and what takes them differ by `spread`, the function does not."""
    rng, factor = RNG(seed), spread ** -np.linspace(0, 1, hidden)
    first = Synapses(
        "dense1",
        "",
        "dense",
        (rng.normal(size=(hidden, 5)) * factor[:, None]).reshape(hidden, 5, 1, 1),
        rng.normal(size=hidden) * factor,
        (5, 1, 1),
        (hidden, 1, 1),
        activation=activation,
    )
    weight = (rng.normal(size=(3, hidden)) / factor).reshape(3, hidden, 1, 1)
    second = Synapses("dense2", "", "dense", weight, rng.normal(size=3), (hidden, 1, 1), (3, 1, 1))
    return Cnn("net.onnx", "0" * 64, (5,), (first, second))


def conv(name: str, shape, out: int, source_shape, activation=RELU, seed=0, addends=()) -> Synapses:
    rng = RNG(seed)
    return Synapses(
        name,
        "",
        "conv",
        rng.normal(size=shape),
        rng.normal(size=out),
        source_shape,
        (out, *source_shape[1:]),
        padding=(1, 1, 1, 1) if shape[2] == 3 else (0, 0, 0, 0),
        activation=activation,
        addends=addends,
    )


SPREAD = {seed: 10.0 ** RNG(seed).uniform(-2, 2, 4) for seed in (1, 2, 4)}


def spread_rows(layer: Synapses, seed: int) -> Synapses:
    factor = SPREAD[seed][:, None, None, None]
    addends = tuple(replace(addend, weight=addend.weight * factor) for addend in layer.addends)
    return replace(layer, weight=layer.weight * factor, bias=layer.bias * factor.ravel(), addends=addends)


def residual() -> Cnn:
    """conv1, conv2 + identity of conv1, average pool, dense: neurons and what takes them differ by 10^4."""
    shape = (4, 6, 6)
    first = spread_rows(conv("conv1", (4, 2, 3, 3), 4, (2, 6, 6), seed=1), 1)
    identity = Addend("add", np.ones((4, 1, 1, 1)), shape, diagonal=True)
    second = conv("conv2", (4, 4, 3, 3), 4, shape, seed=2, addends=(identity,))
    second = spread_rows(replace(second, weight=second.weight / SPREAD[1][:, None, None]), 2)
    pool = Synapses(
        "pool1",
        "",
        "average_pool",
        np.full((4, 1, 2, 2), 0.25),
        np.zeros(4),
        shape,
        (4, 3, 3),
        stride=(2, 2),
        groups=4,
    )
    flat = Wiring("wiring1", "", (4, 3, 3), (36, 1, 1), np.arange(36))
    weight = RNG(3).normal(size=(3, 4, 9)) / SPREAD[2][:, None]
    last = Synapses("dense1", "", "dense", weight.reshape(3, 36, 1, 1), np.zeros(3), (36, 1, 1), (3, 1, 1))
    sources = ((-1,), (0, 0), (1,), (2,), (3,))
    return Cnn("net.onnx", "0" * 64, (2, 6, 6), (first, second, pool, flat, last), sources=sources)


@pytest.mark.parametrize("mode", ["auto", "neuron"])
@pytest.mark.parametrize("cnn", [two_layers(), residual()], ids=["dense", "residual"])
def test_the_software_keeps_every_bit(cnn, mode):
    images = RNG(7).uniform(-1, 1, (20, *cnn.input_shape))
    found = find_scales(cnn, mode)
    assert found.exponents
    scaled = scaled_network(cnn, found.exponents, found.raised)
    assert any(not np.array_equal(a.weight, b.weight) for a, b in zip(cnn.synapses, scaled.synapses, strict=True))
    assert np.array_equal(propagate(scaled, images), propagate(cnn, images))
    back = scaled_network(scaled, {name: -own for name, own in found.exponents.items()})
    for a, b in zip(cnn.synapses, back.synapses, strict=True):
        assert np.array_equal(a.weight, b.weight)
        assert np.array_equal(a.bias, b.bias)
        assert b.raised is None


def test_the_estimate_is_the_error_of_a_linear_network():
    """Inputs and errors of weights of unit variance, no activation: exact, to what 4,000 draws say."""
    cnn, rng = two_layers(20.0, LINEAR), RNG(2)
    first, second = (layer.weight[..., 0, 0] for layer in cnn.synapses)
    sizes = (first**2).sum(1) + cnn.synapses[0].bias ** 2
    wanted = np.abs(first).max() ** 2 * 5 * (second**2).sum() + np.abs(second).max() ** 2 * 3 * sizes.sum()
    assert logit_error(cnn) == pytest.approx(np.sqrt(wanted), rel=1e-12)
    x = rng.normal(size=(4000, 5))
    by_first = np.abs(first).max() * rng.normal(size=(4000, 6, 5)) @ x[..., None]
    hidden = x @ first.T + cnn.synapses[0].bias
    by_second = np.abs(second).max() * rng.normal(size=(4000, 3, 6)) @ hidden[..., None]
    off = (second @ by_first + by_second)[..., 0]
    assert np.sqrt((off**2).sum(1).mean()) == pytest.approx(logit_error(cnn), rel=0.05)


def test_auto_helps_where_neurons_differ_and_leaves_the_rest_alone():
    assert find_scales(two_layers(1.0)).exponents == {}
    assert find_scales(two_layers(1.0)).raised == {}
    found = find_scales(two_layers(1e3))
    assert list(found.exponents) == ["dense1"]
    assert found.gain > 50
    assert np.ptp(found.exponents["dense1"]) == pytest.approx(np.log2(1e3), abs=2)
    assert np.all(np.diff(found.exponents["dense1"]) >= 0)  # the smaller the weights the larger the scale
    assert find_scales(two_layers(1e3), "layer").exponents == {}
    assert found.gain == pytest.approx(
        logit_error(two_layers(1e3)) / logit_error(scaled_network(two_layers(1e3), found.exponents)), rel=1e-12
    )


def test_an_activation_that_is_not_homogeneous_keeps_its_neurons_and_their_chains_are_raised():
    cnn = two_layers(1e3, Clip(0.0, 6.0))
    assert neuron_labels(cnn).fixed.all()
    found = find_scales(cnn, "neuron")
    assert found.exponents == {}
    own = np.abs(cnn.synapses[0].weight).reshape(6, 5).max(1)
    assert found.raised["dense1"][0] == pytest.approx(np.minimum(own.max() / own, 1e3), rel=1e-12)
    assert find_scales(cnn, "neuron", 10.0).raised["dense1"].max() == 10
    with pytest.raises(InputError, match="dense1: a neuron has a scale that it cannot have"):
        scaled_network(cnn, {"dense1": np.arange(6)})


def test_who_shares_a_scale():
    labels = neuron_labels(residual())
    outputs = {entry.synapses.name: labels.shared[entry.outputs.ravel()] for entry in labels.layers}
    assert np.array_equal(outputs["conv2"], outputs["pool1"])  # an average knows no weights
    assert len(set(outputs["conv1"]) | set(outputs["conv2"])) == 8
    assert labels.fixed[labels.layers[-1].outputs].all()  # the network's outputs
    found = find_scales(residual(), "neuron").exponents
    assert np.array_equal(found["conv2"], found["pool1"])


def test_a_maximum_over_channels_ties_them():
    """Maxout: a wiring puts pairs of channels beside each other, a pool takes the larger."""
    shape = (4, 2, 2)
    first = spread_rows(conv("conv1", (4, 1, 3, 3), 4, (1, 2, 2), seed=1, activation=LINEAR), 4)
    pairs = np.arange(16).reshape(2, 2, 4).transpose(0, 2, 1)  # [two, positions, pair]
    wires = Wiring("wiring1", "", shape, (2, 4, 2), pairs.ravel())
    pool = MaxPool("pool1", "", (2, 4, 2), (2, 4, 1), (1, 2))
    last = Synapses("dense1", "", "dense", RNG(3).normal(size=(3, 2, 4, 1)), np.zeros(3), (2, 4, 1), (3, 1, 1))
    cnn = Cnn("net.onnx", "0" * 64, (1, 2, 2), (first, wires, pool, last))
    found = find_scales(cnn, "neuron")
    exponents = found.exponents.get("conv1", np.zeros(4, int)).reshape(2, 2)
    assert np.array_equal(exponents[:, 0], exponents[:, 1])
    raised = found.raised["conv1"].reshape(2, 2)
    assert np.array_equal(raised[:, 0], raised[:, 1])
    images = RNG(5).uniform(-1, 1, (9, 1, 2, 2))
    assert np.array_equal(propagate(scaled_network(cnn, found.exponents), images), propagate(cnn, images))
    with pytest.raises(InputError, match="gains of its neurons"):
        scaled_network(cnn, {}, {"conv1": np.array([[1.0, 2.0, 1.0, 1.0]])})


def test_raised_chains_are_programmed_as_weights_that_large():
    weight = RNG(3).normal(size=(4, 12)) * np.array([1, 0.1, 0.01, 1e-4])[:, None]
    weight[0] *= 2 / np.abs(weight[0]).max()
    own = np.abs(weight).max(1)
    raised = own.max() / own
    cnn = dense(weight)
    up = scaled_network(cnn, {}, {"dense1": raised[None]})
    planned, large = plan(up), plan(dense(weight * raised[:, None]))
    assert bus_weights(planned.layers[0], planned.layers[0].buses[0]) == pytest.approx(weight * raised[:, None])
    for method in ("formula", "coupled"):
        one, other = (program(p, method).layers[0] for p in (planned, large))
        assert one.f_res[0] == pytest.approx(other.f_res[0], rel=1e-13)
        assert one.weight_scale == pytest.approx(other.weight_scale, rel=1e-12)


def test_a_gain_that_no_transconductor_has_is_said():
    cnn = two_layers(1e6, Clip(0.0, 6.0))
    found = find_scales(cnn, "neuron", 100.0)
    options = replace(read_parameters().plan, gain_range=100.0)
    with collected() as warnings:
        check_gains(plan(scaled_network(cnn, {}, found.raised), options=options))
    (told,) = warnings
    own = np.abs(cnn.synapses[0].weight).reshape(6, 5).max(1)
    assert (told.code, told.limit) == ("neuron-gain", 100.0)
    assert told.value == pytest.approx(own.max() / own.min(), rel=1e-9)
    with collected() as quiet:
        alike = find_scales(two_layers(1.0), "neuron")
        check_gains(plan(scaled_network(two_layers(1.0), alike.exponents, alike.raised)))
    assert not quiet


@pytest.mark.parametrize("mode", ["auto", "neuron"])
def test_a_design_folder_keeps_the_scales(tmp_path, mode):
    model = spread_model(tmp_path)
    made = compile_cnn(model, read_parameters(None, [*SETTINGS, f"plan.scale={mode}"]))
    assert made.neuron_scales
    write_design(made, model, tmp_path / "design")
    read = load_design(tmp_path / "design")
    for a, b in zip(made.cnn.synapses, read.cnn.synapses, strict=True):
        assert np.array_equal(a.weight, b.weight)
        assert (a.raised is None) == (b.raised is None) == (mode == "auto")
        assert a.raised is None or np.array_equal(a.raised, b.raised)
    assert np.array_equal(
        read.trained.synapses[0].weight,
        compile_cnn(model, read_parameters(None, [*SETTINGS, "plan.scale=layer"])).cnn.synapses[0].weight,
    )
    text = (tmp_path / "design" / "design.toml").read_text()
    assert f'scale = "{mode}"' in text
    assert "neuron_scales" in text
    assert ("neuron_gains" in text) == (mode == "neuron")


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("conv1/neuron_scale", np.array([0.5, 1, 1, 1]), "unusable scales of neurons"),
        ("conv1/neuron_scale", np.array([1, 1]), "unusable scales of neurons"),
        ("conv1/neuron_scale", np.array([5000, 0, 0, 0]), "conv1: scales of 4 neurons"),
        ("dense1/neuron_scale", np.array([1, 0, 0]), "dense1: a neuron has a scale that it cannot have"),
        ("conv1/raised", np.array([[0.5, 1, 1, 1]]), "conv1: gains of its neurons"),
        ("conv1/raised", np.array([[np.inf, 1, 1, 1]]), "conv1: gains of its neurons"),
    ],
)
def test_scales_that_cannot_be_are_refused(tmp_path, name, value, what):
    model = spread_model(tmp_path)
    write_design(compile_cnn(model, read_parameters(None, SETTINGS)), model, tmp_path / "design")
    path = tmp_path / "design" / "program.npz"
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **(arrays | {name: value}))
    with pytest.raises(InputError, match=what):
        load_design(tmp_path / "design")


def test_chains_under_strip_lines_are_not_raised(tmp_path):
    settings = [*SETTINGS, "plan.scale=neuron", "feed.kind=stripline"]
    first, second = compile_cnn(spread_model(tmp_path), read_parameters(None, settings)).cnn.synapses
    assert first.raised is None
    assert second.raised is not None


def test_other_words_are_refused_and_older_designs_are_not(tmp_path):
    with pytest.raises(InputError, match=r"plan.scale = 'chip': possible: auto, neuron, layer"):
        read_parameters(None, ["plan.scale=chip"])
    model = tiny_model(tmp_path)
    write_design(compile_cnn(model, read_parameters(None, SETTINGS)), model, tmp_path / "design")
    path = tmp_path / "design" / "design.toml"
    text = path.read_text()
    path.write_text(re.sub(r"(?m)^(scale|gain_range) = .*\n", "", text))  # as a version without scales wrote it
    assert load_design(tmp_path / "design").parameters.plan.scale == "auto"
    path.write_text(text.replace('scale = "auto"', 'scale = "neuron"'))
    with pytest.raises(InputError, match="made from other parameters"):
        load_design(tmp_path / "design")
