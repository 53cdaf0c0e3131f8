"""Weights out of a few levels: levels by closed form, search against all combinations, errors by two engines."""

import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from resonet.cli.main import app
from resonet.core.errors import InputError
from resonet.cosim.calibration.bits import bits_sweep
from resonet.cosim.calibration.quantised import (
    QuantisationOptions,
    calibrated_programs,
    quantise_design,
    quantise_layer,
    quantised_weights,
)
from resonet.cosim.weights.engines import linear, ngspice
from resonet.models.resonator.chain import Chains, chain_response
from resonet.models.resonator.linear import resonance_for_detuning
from resonet.netlist.network.images import ImageSet
from resonet.netlist.programming.dac import (
    Levels,
    Part,
    dac_levels,
    descend,
    level_response,
    nearest,
    quantise,
    state_levels,
)

ALPHA = 0.01
F = np.geomspace(20e9, 15e9, 4)  # 10 linewidths and less apart: the tails matter


def chains_of(f, rng=None, count=1):
    signs = np.where(np.arange(len(f)) % 2, -1.0, 1.0)
    profile = None if rng is None else rng.uniform(0.6, 1.1, (count, len(f), len(f)))
    return Chains(f, signs, ALPHA, profile)


def test_dac_levels_are_even_in_frequency_and_end_at_the_span():
    levels = dac_levels(F, ALPHA, 3, 2.0)
    assert levels.shape == (4, 8)
    step = np.diff(levels, axis=1)
    assert np.allclose(step, step[:, :1], rtol=1e-9)
    assert np.allclose((F / levels[:, 0] - 1) / ALPHA, 2)
    assert np.allclose((F / levels[:, -1] - 1) / ALPHA, -2)


def test_grid_zero_has_a_level_on_the_tone_and_its_weight_is_zero():
    levels = dac_levels(F[:1], ALPHA, 3, 1.0, "zero")
    assert np.allclose(np.diff(levels), np.diff(dac_levels(F[:1], ALPHA, 3, 1.0))[0, 0] * 7 / 8)
    assert levels[0, 4] == F[0]
    answer = level_response(np.array([[4]]), chains_of(F[:1]), Levels(levels))
    assert abs(answer[0, 0]) < 1e-12


def test_states_are_the_ends_of_a_one_bit_dac():
    assert np.allclose(state_levels(F, ALPHA, (-0.7, 0.7)), dac_levels(F, ALPHA, 1, 0.7), rtol=1e-14)


@pytest.mark.parametrize(
    ("states", "word"), [((0.5,), "two or more"), ((-200.0, 1.0), "within"), ((1, np.nan), "within")]
)
def test_impossible_states_are_refused(states, word):
    with pytest.raises(InputError, match=word):
        state_levels(F, ALPHA, states)


def test_nearest_is_nearest_with_offsets():
    rng = np.random.default_rng(2)
    levels = Levels(dac_levels(F, ALPHA, 4, 1.0), rng.normal(0, 1e8, (7, 4)))
    wanted = F * rng.uniform(0.98, 1.02, (7, 4))
    found = nearest(wanted, levels)
    all_f = levels.values[None] + levels.offset[..., None]
    assert np.array_equal(found, np.abs(all_f - wanted[..., None]).argmin(2))
    assert np.array_equal(levels.f_res(found), np.take_along_axis(all_f, found[..., None], 2)[..., 0])


def test_answers_are_those_of_the_chain_solver():
    rng = np.random.default_rng(3)
    chains = chains_of(F, rng, 6)
    levels, index = Levels(dac_levels(F, ALPHA, 4, 1.0)), rng.integers(0, 16, (6, 4))
    detuning = (F / levels.f_res(index) - 1) / ALPHA
    assert np.allclose(level_response(index, chains, levels), chain_response(detuning, chains)[0], atol=1e-12)


def all_combinations(target, chains, levels, row):
    """Least squares of one chain over every combination of levels."""
    count, size = levels.values.shape[1], len(target)
    index = np.array(list(itertools.product(range(count), repeat=size)))
    offset = None if levels.offset is None else np.repeat(levels.offset[row : row + 1], len(index), 0)
    profile = np.repeat(chains.profile[row : row + 1], len(index), 0)
    one = Chains(chains.frequencies, chains.signs, chains.damping, profile)
    answers = level_response(index, one, Levels(levels.values, offset))
    return float(((answers - target) ** 2).sum(1).min())


@pytest.mark.parametrize("count", [2, 4])
def test_descent_against_all_combinations(count):
    rng = np.random.default_rng(4)
    chains = chains_of(F, rng, 60)
    target = rng.uniform(-0.9, 0.9, (60, 4))
    levels = Levels(dac_levels(F, ALPHA, int(np.log2(count)), 1.0), rng.normal(0, 2e7, (60, 4)))
    start = nearest(
        np.broadcast_to(resonance_for_detuning(F, 0.5 * chains.signs * target, ALPHA), target.shape), levels
    )
    index, answers = descend(target, chains, levels, start)
    assert np.allclose(answers, level_response(index, chains, levels), atol=1e-12)
    squares = ((answers - target) ** 2).sum(1)
    before = ((level_response(start, chains, levels) - target) ** 2).sum(1)
    least = np.array([all_combinations(target[n], chains, levels, n) for n in range(60)])
    assert np.all(squares <= before * (1 + 1e-12))
    assert np.any(squares < 0.99 * before)
    assert np.all(squares >= least * (1 - 1e-9))
    assert np.mean(squares <= least * (1 + 1e-9)) >= 0.9
    for k in range(4):  # no single move helps
        for level in range(count):
            moved = index.copy()
            moved[:, k] = level
            assert np.all(((level_response(moved, chains, levels) - target) ** 2).sum(1) >= squares * (1 - 1e-8))


def test_a_window_sees_no_move_within_it_either():
    rng = np.random.default_rng(5)
    chains = chains_of(F, rng, 20)
    target = rng.uniform(-0.8, 0.8, (20, 4))
    levels = Levels(dac_levels(F, ALPHA, 6, 1.0))
    index, answers = descend(target, chains, levels, rng.integers(0, 64, (20, 4)), window=3)
    squares = ((answers - target) ** 2).sum(1)
    for k, move in itertools.product(range(4), range(-3, 4)):
        moved = index.copy()
        moved[:, k] = np.clip(moved[:, k] + move, 0, 63)
        assert np.all(((level_response(moved, chains, levels) - target) ** 2).sum(1) >= squares * (1 - 1e-8))


def parts_of(rng, owner, bits):
    chains = chains_of(F, rng, len(owner))
    target = rng.uniform(-0.5, 0.5, (len(owner), 4))
    wanted = np.asarray(resonance_for_detuning(F, 0.5 * chains.signs * target, ALPHA))
    return [Part(target, wanted, chains, Levels(dac_levels(F, ALPHA, bits, 1.0)), owner)]


def test_gains_are_the_least_squares_ones():
    owner = np.array([0, 0, 1, 1, 1, 2])
    parts = parts_of(np.random.default_rng(6), owner, 2)
    for found in quantise(parts):
        answers = level_response(found.index[0], parts[0].chains, parts[0].levels)
        for n in range(3):
            v, w = answers[owner == n].ravel(), parts[0].target[owner == n].ravel()
            gain, squares, *_ = np.linalg.lstsq(v[:, None], w, rcond=None)
            assert found.gain[n] == pytest.approx(gain[0], rel=1e-12)
            assert found.squares[n] == pytest.approx(squares[0], rel=1e-9)


def test_free_gains_never_lose_and_finer_gains_win():
    for seed in range(8):
        totals = []
        for free, owner in ((False, [0] * 6), (True, [0] * 6), (True, [0, 1, 2, 3, 4, 5])):
            first, best = quantise(parts_of(np.random.default_rng(seed), np.array(owner), 2), free)
            assert np.all(best.squares <= first.squares)
            totals.append(best.squares.sum())
        assert totals[0] > totals[1] > totals[2]


def test_one_resonator_rounds_within_half_a_step():
    """dW/du <= 2 and a step of 2 span / (2^b - 1): off by at most that step, and half of it on the average at most."""
    weights = np.linspace(-0.8, 0.8, 2001)[:, None]
    chains = chains_of(F[:1])
    wanted = np.asarray(resonance_for_detuning(F[:1], weights / (1 + np.sqrt(1 - weights**2)), ALPHA))
    for bits in (3, 5, 7):
        levels = Levels(dac_levels(F[:1], ALPHA, bits, 1.0))
        off = np.abs(level_response(nearest(wanted, levels), chains, levels) - weights)
        step = 2 / (2**bits - 1)
        assert 0.7 * step < off.max() < 1.05 * step
        assert off.mean() < 0.5 * step


@pytest.fixture(scope="module")
def start(small_design):
    return calibrated_programs(small_design, linear)


def test_errors_are_those_of_the_effective_weights(small_design, start):
    for options in (
        QuantisationOptions(bits=3),
        QuantisationOptions(bits=3, gain="chain"),
        QuantisationOptions(bits=5, gain="fixed", spread=0.2, grid="zero"),
    ):
        found = quantise_design(small_design, linear, options, start)
        for name, held in quantised_weights(small_design, found, linear).items():
            assert held.rms_error == pytest.approx(found[name].rms, rel=1e-9)
            assert np.abs(held.error).max() == pytest.approx(found[name].program.residual, rel=1e-9)
            assert found[name].rms_start < 1e-6
            assert found[name].rms <= found[name].rms_nearest
            assert found[name].levels == 2**options.bits


def test_f_res_are_levels_plus_the_offsets_of_fabrication(small_design, start):
    entry = small_design.plan.layers[0]
    options = QuantisationOptions(bits=4, spread=0.3, seed=7)
    found = quantise_layer(small_design.plan, entry, start["conv1"], linear, options)
    bus = entry.buses[0]
    offset = 0.3 * ALPHA * bus.frequencies * np.random.default_rng(7).standard_normal(bus.size)
    grid = dac_levels(bus.frequencies, ALPHA, 4, 1.0)
    expected = grid[np.arange(bus.size[1]), found.index[0]] + offset
    assert np.allclose(found.program.f_res[0], expected, rtol=1e-14)


def test_errors_by_ngspice_are_the_same(small_design, start):
    entry = small_design.plan.layers[0]
    options = QuantisationOptions(states=(-1.0, 1.0))
    by_linear, by_ngspice = (
        quantise_layer(small_design.plan, entry, start["conv1"], run, options) for run in (linear, ngspice)
    )
    assert by_ngspice.rms == pytest.approx(by_linear.rms, rel=1e-5)
    assert all(np.array_equal(a, b) for a, b in zip(by_ngspice.index, by_linear.index, strict=True))


def test_more_bits_are_better_and_end_at_the_calibrated_circuit(small_design, start):
    rng = np.random.default_rng(1)
    data = ImageSet("random", rng.uniform(0, 1, (40, 1, 8, 8)), rng.integers(0, 3, 40))
    sweep = bits_sweep(small_design, linear, [QuantisationOptions(bits=b) for b in (1, 3, 6, 10)], data, start)
    errors = [point.rms for point in sweep.points]
    assert all(a > 2 * b for a, b in itertools.pairwise(errors))
    assert errors[-1] < 2e-3
    assert sweep.rms_start < 1e-6
    assert sweep.points[-1].accuracy == sweep.accuracy_start == sweep.software


@pytest.mark.slow
def test_command_writes_what_it_shows(small_model, tmp_path: Path):
    run = CliRunner().invoke
    folder = tmp_path / "build"
    assert run(app, ["compile", str(small_model), "-o", str(folder)]).exit_code == 0
    rng = np.random.default_rng(1)
    np.savez(tmp_path / "t.npz", images=rng.uniform(0, 1, (20, 1, 8, 8)), labels=rng.integers(0, 3, 20))
    command = ["quantise", str(folder), "--bits", "2,4", "--states=-1,1", "--data", str(tmp_path / "t.npz")]
    assert "4-bit" in run(app, command).stdout
    shown = json.loads(run(app, [*command, "--json"]).stdout)
    assert [point["label"] for point in shown["points"]] == ["2-bit", "4-bit", "states -1, 1"]
    assert shown["points"][1]["rms"] < shown["points"][1]["rms_nearest"] < shown["points"][0]["rms_nearest"]
    with np.load(folder / "results" / "quantised_2.npz") as saved:
        assert saved["conv1/0/level"].max() <= 3
        assert saved["conv1/0/f_res"].shape == (4, 9)
    assert (folder / "report" / "quantised.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"bits": 11}, "1 ... 10"),
        ({"span": float("nan")}, "span"),
        ({"gain": "some"}, "fixed, layer, chain"),
        ({"grid": "x"}, "ends"),
    ],
)
def test_impossible_options_are_refused(settings, word):
    with pytest.raises(InputError, match=word):
        QuantisationOptions(**settings)


def test_a_span_beyond_the_resonance_is_refused(small_design, start):
    with pytest.raises(InputError, match="half-widths"):
        quantise_design(small_design, linear, QuantisationOptions(span=100.0), start)


def test_a_spread_beyond_the_resonance_is_refused(small_design, start):
    plan = replace(small_design.plan, device=replace(small_design.plan.device, damping=0.2))
    with pytest.raises(InputError, match="spread"):
        quantise_layer(plan, plan.layers[0], start["conv1"], linear, QuantisationOptions(spread=10.0))
