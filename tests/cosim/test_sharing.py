"""Shared tuning currents: counting, closed forms, scipy's least squares, and an engine position by position."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import save_model
from onnx import helper
from scipy.optimize import least_squares
from typer.testing import CliRunner

from resonet.cli.main import app
from resonet.core.errors import InputError
from resonet.cosim.calibration.quantised import calibrated_weights
from resonet.cosim.calibration.shared import SharingOptions, calibrate_shared
from resonet.cosim.weights.engines import linear, ngspice
from resonet.cosim.weights.held import PositionWeights
from resonet.cosim.weights.inference import accuracy, forward
from resonet.models.resonator.chain import Chains, chain_response
from resonet.models.resonator.linear import real_susceptibility
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.network.cnn import Addend, Synapses, patches
from resonet.netlist.network.images import ImageSet
from resonet.netlist.programming.sharing import SharedProblem, share_conv, shared_response, solve_shared

ALPHA = 0.01
F = np.geomspace(20e9, 5e9, 9)
SIGNS = np.where(np.arange(9) % 2, -1.0, 1.0)


def convolution(kernel, stride, dilation, channels=1, size=12):
    out = [(size - (k - 1) * d - 1) // s + 1 for k, s, d in zip(kernel, stride, dilation, strict=True)]
    weight = np.random.default_rng(1).normal(0, 1, (3, channels, *kernel))
    shape = (channels, size, size)
    return Synapses("conv1", "c", "conv", weight, np.zeros(3), shape, (3, *out), stride, dilation)


@pytest.mark.parametrize(
    ("kernel", "stride", "dilation", "channels"),
    [
        ((3, 3), (1, 1), (1, 1), 1),
        ((5, 5), (2, 2), (1, 1), 2),
        ((3, 2), (1, 2), (2, 1), 1),
        ((3, 3), (3, 1), (1, 2), 1),
    ],
)
def test_a_pixel_has_one_class_and_a_chain_has_each_class_once(kernel, stride, dilation, channels):
    layer = convolution(kernel, stride, dilation, channels)
    colouring = share_conv(layer)
    pixels = np.arange(channels * 144, dtype=float).reshape(1, channels, 12, 12)
    seen = patches(pixels, layer)[0, 0].astype(int)  # [positions, taps] which pixel a tap sees
    classes = [set() for _ in range(channels * 144)]
    for sees, phase in zip(seen, colouring.phase, strict=True):
        assert sorted(colouring.taps[phase]) == list(range(layer.taps))
        for number, tap in enumerate(colouring.taps[phase]):
            classes[sees[tap]].add(number)
    assert all(len(found) <= 1 for found in classes)
    assert np.array_equal(colouring.taps[colouring.phase[0]], np.arange(layer.taps))
    kinds = {(t, c) for row in colouring.taps for c, t in enumerate(row)}
    assert len(kinds) == colouring.taps.size  # a tap in a class tells the phase: no kind in two phases


def test_a_dense_layer_has_one_phase():
    colouring = share_conv(convolution((1, 1), (1, 1), (1, 1), 7, 1))
    assert np.array_equal(colouring.taps, np.arange(7)[None])


def problem_of(rng, positions, kernels, spread=0.0, profile=False, lever=0.0):
    """Kernels of 9 taps at positions of one phase: one unknown for each kernel and tap."""
    target = np.tile(rng.uniform(-0.5, 0.5, (kernels, 9)), (positions, 1))
    unknown = np.tile(np.arange(kernels * 9).reshape(kernels, 9), (positions, 1))
    shape = target.shape
    g = rng.uniform(0.9, 1.1, (*shape, 9)) if profile else None
    return SharedProblem(
        target,
        Chains(F, SIGNS, ALPHA, g),
        unknown,
        spread * rng.standard_normal(shape),
        1 + lever * rng.standard_normal(shape),
    )


def alone(problem):
    return replace(problem, unknown=np.arange(problem.unknown.size).reshape(problem.unknown.shape))


def test_alike_positions_lose_nothing_by_sharing():
    problem = problem_of(np.random.default_rng(2), 5, 4)
    shared = solve_shared(problem, np.zeros(36))
    each = solve_shared(alone(problem), np.zeros(180))
    assert (shared.components, each.components) == (4, 20)
    assert shared.worst.max() < 1e-9
    assert np.allclose(shared.x[problem.unknown].ravel(), each.x, atol=1e-9)


def test_detuning_is_that_of_the_tuned_frequency():
    problem = problem_of(np.random.default_rng(3), 2, 2, 0.3, True, 0.1)
    x = np.random.default_rng(4).uniform(-0.5, 0.5, 18)
    f_res = F * (1 + ALPHA * (problem.offset - problem.lever * x[problem.unknown]))
    ratio = F[:, None] / f_res[:, None, :]  # [chains, tones, resonators]
    real, _ = real_susceptibility(ratio, ALPHA)
    answers = (-4 * ALPHA * SIGNS * problem.chains.profile * real).sum(2)
    assert np.allclose(shared_response(problem, x)[0], answers, atol=1e-12)


@pytest.mark.parametrize("positions", [2, 6])
def test_small_spread_leaves_what_linear_least_squares_predicts(positions):
    """Residual of position n is J (x - δ_n) with x = mean δ: RMS J δ times √(1 - 1/positions)."""
    rng = np.random.default_rng(5)
    exact = problem_of(rng, positions, 6)
    nominal = solve_shared(exact, np.zeros(54)).x
    problem = replace(exact, offset=1e-6 * rng.standard_normal(exact.target.shape))
    u = nominal[exact.unknown] / (1 - ALPHA * nominal[exact.unknown])
    jacobian = chain_response(u, exact.chains)[1] * (1 + ALPHA * u)[:, None] ** 2  # du/dδ = -(f_k / f_res)²
    around = problem.offset.reshape(positions, 6, 9)
    around = (around - around.mean(0)).reshape(-1, 9)
    predicted = (np.einsum("nak,nk->na", jacobian, around) ** 2).sum(1)
    found = solve_shared(problem, nominal)
    assert np.allclose(found.squares, predicted, rtol=1e-4, atol=0)
    assert solve_shared(alone(problem), nominal[problem.unknown].ravel()).worst.max() < 1e-9


def test_large_differences_against_scipy():
    problem = problem_of(np.random.default_rng(6), 4, 3, 0.1, True, 0.05)
    found = solve_shared(problem, np.zeros(27))
    wanted = least_squares(
        lambda x: (shared_response(problem, x)[0] - problem.target).ravel(), np.zeros(27), xtol=1e-14, ftol=1e-14
    )
    assert found.squares.sum() == pytest.approx(2 * wanted.cost, rel=1e-8)
    assert np.allclose(found.x, wanted.x, atol=1e-4)
    assert found.squares.sum() > 1e-2


def test_unequal_and_crossing_shares_against_scipy():
    """Chains 0 and 1 share tunings in crossed places, chains 2-4 some of them, chain 5 is alone."""
    rng = np.random.default_rng(7)
    problem = problem_of(rng, 6, 1, 0.1)
    unknown = problem.unknown.copy()
    unknown[1] = unknown[0, ::-1]
    unknown[2:5, :4], unknown[2:5, 4:] = np.arange(9, 13), np.arange(13, 28).reshape(3, 5)
    unknown[5] = np.arange(28, 37)
    problem = replace(problem, unknown=unknown, target=rng.uniform(-0.4, 0.4, (6, 9)))
    found = solve_shared(problem, np.zeros(37))
    assert found.components == 3
    wanted = least_squares(
        lambda x: (shared_response(problem, x)[0] - problem.target).ravel(),
        np.zeros(37),
        bounds=(-1 - np.abs(problem.offset).max(), 1 + np.abs(problem.offset).max()),
        xtol=1e-14,
        ftol=1e-14,
    )
    assert found.squares.sum() <= 2 * wanted.cost * (1 + 1e-6)
    assert found.worst[5] < 1e-9


def test_a_tuning_that_moves_two_resonators_of_a_chain_is_refused():
    problem = problem_of(np.random.default_rng(8), 1, 1)
    with pytest.raises(InputError, match="one chain"):
        solve_shared(replace(problem, unknown=np.zeros((1, 9), int)), np.zeros(1))


@pytest.fixture
def wide(small_design):
    """conv1 of the small network, 4 kernels of 3 x 3 with stride 2, on 13 x 13 pixels: four positions a phase."""
    entry = small_design.plan.layer("conv1")
    return replace(entry, layer=replace(entry.layer, in_shape=(1, 13, 13), out_shape=(4, 6, 6)))


def test_layer_counts_and_limits(small_design, wide):
    """What sharing loses is √(1 - phases / positions) of the spread's error."""
    entry = wide
    exact = calibrate_shared(small_design.plan, entry, linear, SharingOptions(spread=0.0))
    positions = entry.layer.positions
    assert (exact.positions, exact.phases, exact.resonators) == (36, 9, 36 * 36)
    assert (exact.unknowns, exact.components) == (9 * 36, 9 * 4)
    assert exact.rms < 1e-9
    some = SharingOptions(spread=1e-3)
    shared = calibrate_shared(small_design.plan, entry, linear, some)
    each = calibrate_shared(small_design.plan, entry, linear, replace(some, shared=False))
    assert each.unknowns == each.resonators
    assert each.rms < 1e-9
    assert shared.rms / shared.rms_before == pytest.approx(np.sqrt(1 - shared.phases / positions), rel=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("of_two", ["identity", "convolution"])
def test_sums_of_two_inputs(tmp_path, of_two):
    """An identity has one phase, and shares no tails with the kernel: exact. Kernels of 3 and 2 meet in 36 phases."""
    rng, shape = np.random.default_rng(3), (1, 10, 10)
    weights = {"a": (2, 1, 3, 3), "b": (2, 2, 3, 3), "c": (2, 1, 2, 2), "d": (3, 200)}
    nodes = [
        helper.make_node("Conv", ["x", "a"], ["h"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("Conv", ["r", "b"], ["s"], pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["x", "c"], ["u"], pads=[0, 0, 1, 1]),
        helper.make_node("Add", ["s", "r" if of_two == "identity" else "u"], ["t"]),
        helper.make_node("Relu", ["t"], ["v"]),
        helper.make_node("Flatten", ["v"], ["f"]),
        helper.make_node("Gemm", ["f", "d"], ["y"], transB=1),
    ]
    held = {name: rng.normal(0, 0.3, size) for name, size in weights.items()}
    design = compile_cnn(save_model(tmp_path / "m.onnx", nodes, held, shape, "y"))
    entry = design.plan.layer("conv2")
    exact, each, spread = (
        calibrate_shared(design.plan, entry, linear, options)
        for options in (
            SharingOptions(spread=0.0),
            SharingOptions(spread=0.0, shared=False),
            SharingOptions(spread=0.01),
        )
    )
    assert each.rms < 1e-9
    assert each.unknowns == each.resonators == exact.resonators
    if of_two == "identity":
        assert (exact.phases, exact.unknowns, exact.resonators) == (9, 2 * (18 * 9 + 1), 100 * 2 * 19)
        assert exact.rms < 1e-9
    else:
        assert (exact.phases, exact.unknowns, exact.resonators) == (36, 2 * (18 * 9 + 4 * 4), 100 * 2 * 22)
        assert exact.components == 2  # a kernel each
        assert 1e-5 < exact.rms <= exact.rms_before < 2e-3
    assert exact.rms < spread.rms <= spread.rms_before
    off = (spread.weights.values - spread.weights.trained)[0]  # [positions, outputs, taps]
    own = np.abs(spread.weights.trained[0, 0]).max(1)
    errors = np.sqrt((off**2).sum((0, 2)) / (100 * entry.layer.series)) / own
    assert spread.neuron_error == pytest.approx(errors.max(), rel=1e-12)
    assert spread.worst_neuron == errors.argmax()


def test_lines_of_two_inputs_against_scipy():
    """Kernels of 2 and 3 rows: a line of either passes all phases of the other."""
    rng = np.random.default_rng(9)
    shape = (1, 7, 1)
    other = Addend("", rng.normal(0, 1, (2, 1, 3, 1)), (1, 8, 1))
    layer = Synapses(
        "conv1", "", "conv", rng.normal(0, 1, (2, 1, 2, 1)), np.zeros(2), shape, (2, 6, 1), (1, 1), addends=(other,)
    )
    colouring = share_conv(layer)
    own, others = [[0, 1], [1, 0]], [[2, 3, 4], [4, 2, 3], [3, 4, 2]]
    assert colouring.taps.tolist() == [a + b for a in own for b in others]
    assert colouring.phase.tolist() == [0, 4, 2, 3, 1, 5]
    unknown = colouring.kinds(np.arange(5), 2)
    assert np.unique(unknown[:, 0]).size == 2 * 2 + 3 * 3
    target = 0.6 * layer.matrix[0][:, colouring.taps].swapaxes(0, 1) / np.abs(layer.matrix).max()
    f = np.geomspace(20e9, 15e9, 5)
    signs = np.where(np.arange(5) % 2, -1.0, 1.0)
    problem = SharedProblem(target.reshape(-1, 5), Chains(f, signs, ALPHA), unknown.reshape(-1, 5))
    found = solve_shared(problem, np.zeros(26))
    wanted = least_squares(
        lambda x: (shared_response(problem, x)[0] - problem.target).ravel(), np.zeros(26), xtol=1e-14, ftol=1e-14
    )
    assert found.components == 2
    assert found.squares.sum() == pytest.approx(2 * wanted.cost, rel=1e-6)
    assert found.squares.sum() > 1e-6


def test_line_loss_is_shared_out(small_design, wide):
    entry = wide
    lossy = SharingOptions(spread=0.0, line_loss=0.5)
    shared = calibrate_shared(small_design.plan, entry, linear, lossy)
    each = calibrate_shared(small_design.plan, entry, linear, replace(lossy, shared=False))
    assert each.rms < 1e-9
    assert 1e-3 < shared.rms < shared.rms_before


def test_ngspice_measures_the_same(small_design):
    entry = small_design.plan.layer("conv1")
    entry = replace(entry, layer=replace(entry.layer, out_shape=(4, 2, 2)))  # four positions are four decks
    options = SharingOptions(spread=0.1, lever_spread=0.02)
    by_linear, by_ngspice = (calibrate_shared(small_design.plan, entry, run, options) for run in (linear, ngspice))
    assert np.allclose(
        by_ngspice.weights.values, by_linear.weights.values, atol=1e-5 * np.abs(entry.layer.matrix).max()
    )


def test_weights_alike_at_all_positions_are_the_circuit_of_one_copy(small_design, small_images):
    data = ImageSet("x", small_images, np.arange(12) % 3)
    effective = calibrated_weights(small_design, linear)
    copies = {}
    for entry in small_design.plan.layers:
        one = effective[entry.layer.name]
        values = np.repeat(one.values[:, None], entry.layer.positions, 1)
        copies[one.layer] = PositionWeights(layer=one.layer, values=values, trained=one.trained[:, None])
        assert copies[one.layer].rms_error == pytest.approx(one.rms_error, rel=1e-12)
    wanted = forward(small_design, effective, small_images)
    assert forward(small_design, copies, small_images) == pytest.approx(wanted, rel=1e-12)
    by_copies, by_one = accuracy(small_design, copies, data), accuracy(small_design, effective, data)
    assert by_copies.logit_rms == pytest.approx(by_one.logit_rms, rel=1e-6, abs=1e-15)
    assert by_copies.logit_max == pytest.approx(by_one.logit_max, rel=1e-6, abs=1e-15)
    assert replace(by_copies, logit_rms=by_one.logit_rms, logit_max=by_one.logit_max) == by_one
    wrong = {name: replace(one, values=-one.values) for name, one in copies.items()}
    assert accuracy(small_design, wrong, data).circuit != accuracy(small_design, copies, data).circuit


@pytest.mark.slow
def test_command(small_model, tmp_path: Path):
    run, folder = CliRunner().invoke, tmp_path / "build"
    assert run(app, ["compile", str(small_model), "-o", str(folder)]).exit_code == 0
    command = ["share", str(folder), "--layer", "conv1", "--spread", "0,0.1"]
    assert "shared tuning currents" in run(app, command).stdout
    results = json.loads(run(app, [*command, "--json"]).stdout)["results"]
    assert [one["shared"] for one in results] == [True, True, False, False]
    assert results[0]["unknowns"] == results[0]["resonators"]  # nine positions in nine phases: nothing is shared
    assert all(one["rms"] < 1e-9 for one in results)
    assert results[1]["rms_before"] > 0.05
    assert (folder / "report" / "sharing_conv1.png").stat().st_size > 10_000


def test_a_spread_of_half_the_frequency_is_refused(small_design, wide):
    plan = replace(small_design.plan, device=replace(small_design.plan.device, damping=0.2))
    with pytest.raises(InputError, match="spread"):
        calibrate_shared(plan, wide, linear, SharingOptions(spread=2.0))
