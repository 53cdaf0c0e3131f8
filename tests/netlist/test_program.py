"""Plan and program: the coupled solve holds the weights, the formula does not, and what cannot be held says so."""

import numpy as np
import pytest
from networks import dense

from resonet.core.errors import InputError
from resonet.models.resonator.chain import Chains, chain_response, solve_chains
from resonet.models.resonator.linear import SpinDiode, detuning_for_weight, rectified_per_watt, resonance_for_detuning
from resonet.netlist.planning.frequency_plan import PlanOptions, channel_grid, plan
from resonet.netlist.programming.methods import COMPILED, program

RNG = np.random.default_rng
ALPHA = 0.01


# At 48 channels and weights up to 0.8 some sets need a resonator beyond |u| = 1: the range, not the solver, ends there.
@pytest.mark.slow
@pytest.mark.parametrize(("channels", "largest"), [(9, 0.8), (25, 0.8), (48, 0.7)])
def test_coupled_solve_holds_random_weights(channels, largest):
    f = np.geomspace(20e9, 1e9, channels)
    signs = np.where(np.arange(channels) % 2, -1.0, 1.0)
    target = RNG(channels).uniform(-largest, largest, (1000, channels))
    u, residual = solve_chains(target, Chains(f, signs, ALPHA))
    assert residual.max() < 1e-9
    # The closed form once more, resonator by resonator, from the resonance frequencies alone.
    f_res = resonance_for_detuning(f, u, ALPHA)
    device = SpinDiode(damping=ALPHA)
    answer = sum(
        signs[k] * rectified_per_watt(f[None, :], f_res[:, k, None], device) / device.sensitivity
        for k in range(channels)
    )
    assert np.abs(answer - target).max() < 2e-9


def test_chain_response_jacobian_is_the_derivative():
    f, signs = np.geomspace(4e9, 2e9, 4), np.array([1.0, -1, 1, -1])
    u = RNG(1).uniform(-0.7, 0.7, (2, 4))
    _, jacobian = chain_response(u, Chains(f, signs, ALPHA))
    for k in range(4):
        step = np.zeros(4)
        step[k] = 1e-5
        up, down = (chain_response(u + sign * step, Chains(f, signs, ALPHA))[0] for sign in (1, -1))
        assert jacobian[:, :, k] == pytest.approx((up - down) / 2e-5, rel=1e-6, abs=1e-8)


def test_a_chain_that_cannot_hold_its_weights_keeps_its_best_and_says_so():
    f = np.geomspace(20e9, 1e9, 200)
    signs = np.where(np.arange(200) % 2, -1.0, 1.0)
    target = RNG(2).uniform(-0.9, 0.9, (5, 200))
    u, residual = solve_chains(target, Chains(f, signs, ALPHA))
    start, _ = chain_response(detuning_for_weight(signs * target), Chains(f, signs, ALPHA))
    assert np.all(np.isfinite(u))
    assert np.all(np.abs(u) <= 1)
    assert np.all(residual <= np.abs(start - target).max(1) + 1e-12)  # never worse than where it started
    found, _ = chain_response(u, Chains(f, signs, ALPHA))
    assert np.abs(found - target).max(1) == pytest.approx(residual)
    assert np.all(((found - target) ** 2).sum(1) <= ((start - target) ** 2).sum(1))  # never worse than the start


def test_programs_of_a_layer():
    weight = RNG(3).normal(0, 1, (6, 100))
    planned = plan(dense(weight))
    formula, coupled = (program(planned, method).layers[0] for method in COMPILED)
    assert formula.weight_scale == coupled.weight_scale
    assert coupled.weight_scale == pytest.approx(0.8 * planned.device.sensitivity / np.abs(weight).max())
    assert coupled.residual < 1e-9 < 0.05 < formula.residual
    assert [a.shape for a in coupled.f_res] == [bus.size for bus in planned.layers[0].buses]


def test_zero_weights_have_a_program():
    planned = plan(dense(np.zeros((2, 5))))
    layer = program(planned, "coupled").layers[0]
    assert layer.residual < 1e-9
    assert np.isfinite(layer.weight_scale)


def test_unknown_method():
    with pytest.raises(InputError, match="possible: formula, coupled"):
        program(plan(dense(np.ones((1, 2)))), "exact")


def test_tiles_banks_and_groups_cover_every_weight_once():
    weight = np.arange(2 * 70 * 101, dtype=float).reshape(140, 101)
    planned = plan(dense(weight, groups=2), options=PlanOptions(tile=48, fanout=32))
    entry = planned.layers[0]
    seen = np.zeros(entry.layer.matrix.shape, int)
    for bus in entry.buses:
        assert len(bus.taps) <= 48
        assert len(bus.outputs) <= 32
        assert np.all(np.diff(bus.frequencies) < 0)  # the highest next to the feed
        seen[bus.group][np.ix_(bus.outputs, bus.taps)] += 1
    assert np.all(seen == 1)
    assert len({bus.name for bus in entry.buses}) == len(entry.buses) == 2 * 3 * 3
    assert sorted({bus.below for bus in entry.buses}) == [0, 34, 68]
    assert (entry.chains, entry.resonators, entry.channels) == (140, 14140, 34)


def test_channel_grid():
    grid = channel_grid(25, PlanOptions())
    assert grid[0] == pytest.approx(20e9)
    assert grid[-1] == pytest.approx(1e9)
    assert grid[1:] / grid[:-1] == pytest.approx(np.full(24, 20 ** (-1 / 24)))
    assert channel_grid(1, PlanOptions())[0] == pytest.approx(np.sqrt(20) * 1e9)


def test_a_band_upside_down_and_a_network_too_large_are_refused():
    with pytest.raises(InputError, match=r"plan.f_min = 3e\+10 Hz: must be below plan.f_max"):
        PlanOptions(f_min=30e9)
    huge = dense(np.broadcast_to(np.ones(1), (10_000, 10_000)))
    with pytest.raises(InputError, match=r"layer dense1: 100,000,000 resonators .* possible: 20,000,000"):
        plan(huge)


def test_an_unknown_layer_is_named_with_the_layers_there_are():
    with pytest.raises(InputError, match=r"layer 'conv7'.* possible: dense1"):
        plan(dense(np.ones((1, 2)))).layer("conv7")
