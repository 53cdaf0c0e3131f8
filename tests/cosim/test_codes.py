"""Levels that are the codes of a network trained with quantised weights: closed forms, and errors by an engine."""

import json
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
from conftest import complaint, save_model
from networks import quantised_model
from onnx import helper, numpy_helper

from resonet.core.errors import InputError
from resonet.cosim.calibration.bits import bits_sweep
from resonet.cosim.calibration.quantised import (
    QuantisationOptions,
    calibrated_programs,
    quantise_design,
    quantise_layer,
    quantised_weights,
)
from resonet.cosim.weights.engines import layer_response, linear, ngspice
from resonet.models.resonator.chain import chain_response
from resonet.models.resonator.linear import SpinDiode, rectified_per_watt
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.network.forward import propagate
from resonet.netlist.network.images import ImageSet
from resonet.netlist.programming.codes import code_levels, resonance_for_weight
from resonet.netlist.programming.methods import bus_weights, solver_chains

ALONE = QuantisationOptions(table="alone", gain="fixed", descent=False)
CHANNEL = replace(ALONE, table="channel")


@pytest.mark.parametrize("damping", [1e-4, 0.01, 0.2])
def test_a_resonator_alone_holds_its_weight(damping):
    device = SpinDiode(damping=damping)
    ends = np.array([-1 / (1 - damping), 1 / (1 + damping)])
    w = np.concatenate([ends[:1], np.linspace(*ends, 401)[1:-1], [0.0, 1e-12], ends[1:]])
    f = np.geomspace(1e9, 20e9, 3)[:, None]
    f_res = resonance_for_weight(f, w, damping)
    held = rectified_per_watt(f, f_res, device) / device.sensitivity
    np.testing.assert_allclose(held, np.broadcast_to(w, held.shape), atol=1e-14 / damping)
    assert np.all(np.diff(f_res[:, 1:-3], axis=1) < 0)  # the near branch, where f_res falls with the weight
    everywhere = rectified_per_watt(f, f * np.linspace(0.5, 2, 400_001), device) / device.sensitivity
    np.testing.assert_allclose([everywhere.min(), everywhere.max()], ends, rtol=1e-4)
    beyond = resonance_for_weight(f, np.array([-2.0, 2.0]), damping)
    np.testing.assert_array_equal(beyond, resonance_for_weight(f, ends, damping))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    path = quantised_model(tmp_path_factory.mktemp("q"))
    design = compile_cnn(path)
    return path, design, calibrated_programs(design, linear)


def matrix_codes(layer):
    """Trained codes as `matrix`."""
    return layer.grid.codes(layer.weight).reshape(layer.matrix.shape)


def test_network_is_that_of_onnxruntime(made):
    path, design, _ = made
    x = np.random.default_rng(1).uniform(0, 1, (5, 1, 8, 8)).astype(np.float32)
    options = onnxruntime.SessionOptions()  # as the file says: what it fuses of its own is 1e-3 off
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    [expected] = session.run(None, {"x": x})
    np.testing.assert_allclose(propagate(design.cnn, x), expected, atol=1e-5 * np.abs(expected).max())
    assert [(layer.grid.bits, layer.grid.by_neuron) for layer in design.cnn.synapses] == [(4, True), (4, False)]


@pytest.mark.parametrize("scale", ["layer", "neuron"])
def test_every_level_is_a_weight_of_the_network(tmp_path, scale):
    """Level n of a resonator alone gives step (code - zero), whatever is scaled; its own code is the trained one."""
    design = compile_cnn(quantised_model(tmp_path, 3), read_parameters(None, [f"plan.scale={scale}"]))
    device = design.plan.device
    for entry, start in zip(design.plan.layers, calibrated_programs(design, linear).values(), strict=True):
        unit = start.weight_scale / device.sensitivity
        for bus, f_res, found in zip(
            entry.buses, start.f_res, layer_response(design.plan, entry, start.f_res, linear), strict=True
        ):
            chains = solver_chains(bus, device, found.profile)
            levels = code_levels(entry, bus, unit, chains, f_res)
            assert (levels.count, levels.beyond) == (8, 0)
            own = bus.signs * np.diagonal(found.profile, axis1=1, axis2=2).mean(0)
            target, trained = (
                bus_weights(entry, bus) * unit,
                matrix_codes(entry.layer)[bus.group][bus.outputs][:, bus.taps],
            )
            np.testing.assert_array_equal(levels.trained - 4, trained)
            answers = []
            for n in range(8):
                f = levels.f_res(np.full(bus.size, n))
                answers.append(own * rectified_per_watt(bus.frequencies, f, device) / device.sensitivity)
            at = np.take_along_axis(np.array(answers), levels.trained[None], 0)[0]
            np.testing.assert_allclose(at, target, atol=1e-7)  # single precision of the file
            reach = np.abs(np.array(answers)) < 0.95 * np.abs(own)  # all but codes that nobody holds
            steps = np.diff(answers, axis=0)[reach[1:] & reach[:-1]]
            assert (
                np.ptp(np.abs(steps) / np.broadcast_to(np.abs(levels.step), reach[1:].shape)[reach[1:] & reach[:-1]])
                < 1e-9
            )


def test_what_is_left_are_the_tails_of_the_neighbours(made):
    _, design, start = made
    entry, began = design.plan.layers[0], start["conv1"]
    found = quantise_layer(design.plan, entry, began, linear, ALONE)
    [bus], [f_res], unit = entry.buses, found.program.f_res, began.weight_scale / design.plan.device.sensitivity
    np.testing.assert_array_equal(found.index[0] - 8, matrix_codes(entry.layer)[0][bus.outputs][:, bus.taps])
    [response] = layer_response(design.plan, entry, [f_res], linear)
    detuning = (bus.frequencies / f_res - 1) / design.plan.device.damping
    chains = solver_chains(bus, design.plan.device, response.profile * (1 - np.eye(len(bus.taps))))
    tails = chain_response(detuning, chains)[0]
    np.testing.assert_allclose(response.values - bus_weights(entry, bus) * unit, tails, atol=1e-7)
    top = np.abs(entry.layer.matrix).max() * unit
    assert found.rms == pytest.approx(np.sqrt(np.mean(tails**2)) / top, rel=1e-5)
    assert found.rms > 0.02


def test_a_table_by_channel_takes_the_mean_tail_off(made):
    _, design, start = made
    entry, began = design.plan.layers[1], start["dense1"]
    by_channel = quantise_layer(design.plan, entry, began, linear, CHANNEL)
    alone = quantise_layer(design.plan, entry, began, linear, ALONE)
    for bus, response, index in zip(
        entry.buses, layer_response(design.plan, entry, by_channel.program.f_res, linear), by_channel.index, strict=True
    ):
        error = response.values - bus_weights(entry, bus) * began.weight_scale / design.plan.device.sensitivity
        np.testing.assert_allclose(error.mean(0), 0, atol=1e-9)
        assert np.array_equal(index - 8, matrix_codes(entry.layer)[0][bus.outputs][:, bus.taps])
    assert by_channel.rms < 0.5 * alone.rms
    assert by_channel.tunings <= min(sum(f.size for f in began.f_res), 16 * 36)
    count = sum(len({round(f / 1e9, 9) for f in column}) for f_res in by_channel.program.f_res for column in f_res.T)
    assert by_channel.tunings == count  # one tone, one code: one tuning


@pytest.mark.slow
def test_codes_that_move_are_never_worse_and_calibration_is_the_limit(made):
    _, design, start = made
    rng = np.random.default_rng(1)
    data = ImageSet("random", rng.uniform(0, 1, (40, 1, 8, 8)), rng.integers(0, 3, 40))
    choices = [QuantisationOptions(table=table) for table in ("alone", "channel")]
    sweep = bits_sweep(design, linear, choices, data, start)
    assert [(point.label, point.kind, point.bits) for point in sweep.points] == [
        ("4-bit codes", "network", 4),
        ("4-bit codes by channel", "channel", 4),
    ]
    assert sweep.rms_start < 1e-6
    alone, channel = sweep.points
    assert alone.rms <= alone.rms_nearest
    assert channel.rms <= channel.rms_nearest < alone.rms_nearest
    for point in sweep.points:
        found = quantised_weights(design, point.layers, linear)
        for name, layer in point.layers.items():
            assert found[name].rms_error == pytest.approx(layer.rms, rel=1e-9)
            assert (layer.worst_neuron, layer.neuron_error) == (
                found[name].worst_neuron.neuron,
                pytest.approx(found[name].worst_neuron.rms, rel=1e-9),
            )
        assert point.worst.neuron_error == max(layer.neuron_error for layer in point.layers.values())


@pytest.mark.parametrize(
    "options", [QuantisationOptions(bits=3, gain="chain"), QuantisationOptions(bits=4, spread=0.2)]
)
def test_worst_neuron_of_dac_levels(made, options):
    _, design, start = made
    found = quantise_design(design, linear, options, start)
    for name, held in quantised_weights(design, found, linear).items():
        assert found[name].neuron_error == pytest.approx(held.worst_neuron.rms, rel=1e-9)
        assert found[name].worst_neuron == held.worst_neuron.neuron


def test_known_offsets_of_fabrication_choose_other_codes(made):
    """With fabrication off by several steps the nearest codes make up for it; the trained ones would not."""
    _, design, start = made
    entry = design.plan.layers[0]
    found = quantise_layer(design.plan, entry, start["conv1"], linear, replace(ALONE, spread=0.3, seed=3))
    assert (found.index[0] - 8 != matrix_codes(entry.layer)[0][entry.buses[0].outputs][:, entry.buses[0].taps]).any()
    bus = entry.buses[0]
    offset = 0.3 * 0.01 * bus.frequencies * np.random.default_rng(3).standard_normal(bus.size)
    profile = layer_response(design.plan, entry, start["conv1"].f_res, linear)[0].profile
    unit = start["conv1"].weight_scale / design.plan.device.sensitivity
    levels = code_levels(entry, bus, unit, solver_chains(bus, design.plan.device, profile), start["conv1"].f_res[0])
    np.testing.assert_allclose(found.program.f_res[0], levels.f_res(found.index[0]) + offset, rtol=1e-13)


def test_layers_without_codes_stay_calibrated(tmp_path):
    design = compile_cnn(quantised_model(tmp_path, 4, of_all=False))
    start = calibrated_programs(design, linear)
    found = quantise_design(design, linear, replace(CHANNEL, descent=True), start)
    np.testing.assert_array_equal(found["dense1"].program.f_res[0], start["dense1"].f_res[0])
    assert (found["dense1"].levels, found["conv1"].levels) == (1, 16)
    assert found["dense1"].rms < 1e-6 < found["conv1"].rms


def test_sums_of_inputs_with_grids_of_their_own(tmp_path):
    """Two convolutions of 3 and 5 bits in series, and an identity, whose weights have no codes."""
    rng = np.random.default_rng(8)
    codes = {
        "a": rng.integers(-4, 4, (2, 1, 3, 3)),
        "b": rng.integers(-16, 16, (2, 2, 3, 3)),
        "c": rng.integers(-4, 4, (2, 1, 1, 1)),
    }
    nodes, pads = [], {"pads": [1, 1, 1, 1]}
    for name, bits in (("a", 3), ("b", 5), ("c", 3)):
        nodes += [
            helper.make_node("QuantizeLinear", [name, f"{name}s", "zero"], [f"{name}1"]),
            helper.make_node("Clip", [f"{name}1", f"low{bits}", f"high{bits}"], [f"{name}2"]),
            helper.make_node("DequantizeLinear", [f"{name}2", f"{name}s", "zero"], [f"{name}3"]),
        ]
    nodes += [
        helper.make_node("Conv", ["x", "a3"], ["h"], **pads),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("Conv", ["r", "b3"], ["s"], **pads),
        helper.make_node("Conv", ["x", "c3"], ["u"]),
        helper.make_node("Sum", ["s", "u", "r"], ["t"]),
        helper.make_node("Relu", ["t"], ["v"]),
        helper.make_node("Flatten", ["v"], ["f"]),
        helper.make_node("Gemm", ["f", "d"], ["y"], transB=1),
    ]
    scales = {"a": 0.1, "b": 0.03, "c": 0.2}
    weights = {name: codes[name] * scale for name, scale in scales.items()}
    weights |= {f"{name}s": np.array(scale) for name, scale in scales.items()} | {"d": rng.normal(0, 0.2, (3, 72))}
    path = save_model(tmp_path / "m.onnx", nodes, weights, (1, 6, 6), "y")
    model = onnx.load(path)
    ends = {"zero": 0, "low3": -4, "high3": 3, "low5": -16, "high5": 15}
    model.graph.initializer.extend(numpy_helper.from_array(np.int8(value), name) for name, value in ends.items())
    onnx.save(model, path)
    design = compile_cnn(path)
    entry = design.plan.layer("conv2")
    assert sorted((grid.bits, float(grid.step.ravel()[0])) for grid in entry.layer.grids) == [
        (3, pytest.approx(0.2)),
        (5, pytest.approx(0.03)),
    ]
    start = calibrated_programs(design, linear)["conv2"]
    found = quantise_layer(design.plan, entry, start, linear, ALONE)
    assert found.levels == 32
    expected = np.concatenate([codes["b"].reshape(2, -1), codes["c"].reshape(2, -1)], 1)
    for bus, index, levels, f_res, began in zip(
        entry.buses, found.index, found.sets, found.program.f_res, start.f_res, strict=True
    ):
        assert (index <= levels.top).all()
        if len(bus.outputs) == 1:  # the identity's
            assert not levels.coded.any()
            np.testing.assert_array_equal(f_res, began)
        else:
            assert levels.coded.all()
            np.testing.assert_array_equal(index + levels.lowest, expected[bus.outputs][:, bus.taps])
    moved = quantise_layer(design.plan, entry, start, linear, QuantisationOptions(table="channel"))
    assert moved.rms <= moved.rms_nearest < found.rms
    for index, levels in zip(moved.index, moved.sets, strict=True):
        assert (index <= levels.top).all()


def test_a_network_without_codes_is_refused(small_design):
    with pytest.raises(InputError, match=r"no weights on a grid of codes; possible: .* or bits of a DAC"):
        bits_sweep(small_design, linear, [ALONE])


@pytest.mark.slow
def test_errors_by_ngspice_are_the_same(made):
    _, design, start = made
    by_linear, by_ngspice = (
        quantise_layer(design.plan, design.plan.layers[0], start["conv1"], run, CHANNEL) for run in (linear, ngspice)
    )
    assert by_ngspice.rms == pytest.approx(by_linear.rms, rel=1e-5)


@pytest.mark.slow
def test_command(made, resonet, tmp_path, small_model):
    folder = tmp_path / "build"
    told = json.loads(resonet("compile", made[0], "-o", folder, "--json").out)
    grids = ["4-bit codes -8 ... 7, a step for each neuron", "4-bit codes -8 ... 7, one step"]
    assert [layer["weight_grids"] for layer in told["layers"]] == [[grids[0]], [grids[1]]]
    held = json.loads(resonet("status", folder, "--json").out)["codes"]
    assert [(line["what"], line["why"]) for line in held] == [("conv1", grids[0]), ("dense1", grids[1])]
    assert grids[0] in (folder / "design.toml").read_text()
    shown = json.loads(resonet("quantise", folder, "--bits", "3,network", "--json").out)
    assert [point["kind"] for point in shown["points"]] == ["dac", "network", "channel"]
    row = shown["points"][2]["layers"]["conv1"]
    assert (row["levels"], row["beyond"], row["tunings"]) == (16, 0, row["tunings"])
    with np.load(folder / "results" / "quantised_network.npz") as saved:
        layer = made[1].plan.layers[0]
        assert saved["conv1/0/code"].shape == layer.buses[0].size
        assert -8 <= saved["conv1/0/code"].min() <= saved["conv1/0/code"].max() <= 7
        tables, whose = saved["conv1/0/table"], saved["conv1/0/table_of_chain"]
        assert tables.shape == (4, 9, 16)  # the scale of each kernel has a table of its own
        at = np.take_along_axis(tables[whose], saved["conv1/0/level"][..., None], 2)[..., 0]
        np.testing.assert_allclose(at, saved["conv1/0/f_res"], rtol=1e-13)
        assert saved["dense1/0/table"].shape[0] == 1
    table = resonet("quantise", folder, "--bits", "network").out
    assert all(word in table for word in ("4-bit", "codes by"))  # cells wrap
    assert "quantised_network_channel.npz" in table
    assert "1-bit" not in table
    assert "codes by" in resonet("quantise", folder).out  # told without being asked
    plain = tmp_path / "plain"
    assert resonet("compile", small_model, "-o", plain).code == 0
    assert "no weights on a grid" in complaint(resonet("quantise", plain, "--bits", "network"))
    assert "network" not in resonet("quantise", plain, "--bits", "2").out
