"""The solver behind every program: against scipy, on both branches, and at the edge of what chains can hold."""

from dataclasses import replace

import numpy as np
import pytest
from networks import dense
from scipy.optimize import least_squares

from resonet.core.levenberg import minimise
from resonet.models.resonator.chain import FARTHEST, Chains, chain_answers, chain_response, far_detuning, solve_chains
from resonet.models.resonator.linear import SpinDiode
from resonet.netlist.planning.frequency_plan import PlanOptions, plan
from resonet.netlist.programming.methods import bus_weights, largest_fill, layer_unit, solve_layer

RNG = np.random.default_rng
ALPHA = 0.01


def chains(count: int, low: float = 1e9, high: float = 20e9, profile=None) -> Chains:
    return Chains(np.geomspace(high, low, count), np.where(np.arange(count) % 2, -1.0, 1.0), ALPHA, profile)


def test_minimise_equals_scipy_within_bounds():
    rng = RNG(1)
    matrix, goal = rng.normal(size=(20, 6, 4)), rng.normal(size=(20, 6))

    def problem(x, rows):
        inner = np.einsum("nij,nj->ni", matrix[rows], x)
        return np.sinh(inner) - goal[rows], np.cosh(inner)[..., None] * matrix[rows]

    found = minimise(problem, np.zeros((20, 4)), -0.2, 0.3, 1e-14, most=400)
    for n in range(20):
        best = least_squares(
            lambda x, n=n: problem(x[None], np.array([n]))[0][0],
            np.zeros(4),
            bounds=(-0.2, 0.3),
            xtol=1e-15,
            ftol=1e-15,
        )
        assert found.squares[n] == pytest.approx(2 * best.cost, rel=1e-3)
    assert np.any(np.isclose(found.x, -0.2) | np.isclose(found.x, 0.3))  # some bounds were felt
    assert np.all((found.x >= -0.2) & (found.x <= 0.3))


def test_minimise_keeps_a_start_that_nothing_improves():
    def problem(x, rows):
        return np.ones((len(rows), 3)), np.zeros((len(rows), 3, 2))

    found = minimise(problem, np.full((4, 2), 0.1), -1, 1, 1e-9)
    assert np.array_equal(found.x, np.full((4, 2), 0.1))
    assert np.array_equal(found.squares, np.full(4, 3.0))


def test_far_detuning_holds_the_same_weight():
    weight = np.array([-0.9, -0.5, 0.4, 1.0])
    u = far_detuning(weight)
    assert np.all(np.abs(u) >= 1)
    assert 2 * u / (1 + u**2) == pytest.approx(weight)
    assert far_detuning(np.array([0.0, 1e-3, -1e-3])) == pytest.approx([FARTHEST, FARTHEST, -FARTHEST])


def test_the_profile_is_in_the_answer_and_in_its_derivative():
    rng = RNG(2)
    profile = rng.uniform(0.2, 1.5, (3, 5, 5))
    some = chains(5, 2e9, 4e9, profile)
    u = rng.uniform(-0.8, 0.8, (3, 5))
    response, jacobian = chain_response(u, some)
    assert response[1] == pytest.approx(chain_response(u[1:2], some, np.array([1]))[0][0])
    assert response[1] != pytest.approx(chain_response(u[1:2], some, np.array([0]))[0][0])
    for k in range(5):
        step = np.zeros(5)
        step[k] = 1e-5
        up, down = (chain_response(u + sign * step, some)[0] for sign in (1, -1))
        assert jacobian[:, :, k] == pytest.approx((up - down) / 2e-5, rel=1e-6, abs=1e-8)


def test_the_solver_inverts_any_profile():
    rng = RNG(3)
    some = chains(25, profile=rng.uniform(0.7, 1.3, (40, 25, 25)))
    true = rng.uniform(-0.5, 0.5, (40, 25))
    target, _ = chain_response(true, some)
    found, worst = solve_chains(target, some)
    assert worst.max() < 1e-11
    assert found == pytest.approx(true, abs=1e-9)


def test_the_far_branch_holds_some_sets_that_the_near_one_cannot():
    some = chains(25, 5e9, 10e9)
    target = RNG(4).uniform(-0.6, 0.6, (40, 25))
    near, worst_near = solve_chains(target, some)
    both, worst_both = solve_chains(target, some, branches="both")
    beyond = worst_near > 1e-6
    gained = beyond & (worst_both < 1e-6)
    assert 0 < gained.sum() <= beyond.sum()
    assert np.array_equal(near[~beyond], both[~beyond])  # what the near branch holds stays on it
    assert np.all(np.abs(near) <= 1)
    assert np.all(np.abs(both[gained]).max(1) > 1)
    squares = [((chain_response(u, some)[0] - target) ** 2).sum(1) for u in (near, both)]
    assert np.all(squares[1] <= squares[0] + 1e-15)


def test_a_start_at_the_fold_is_left():
    """At a weight of 1 the answer of a resonator is flat: a first guess there once stayed there."""
    true = RNG(2).uniform(-0.9, 0.9, (100, 48))
    target, _ = chain_response(true, chains(48))
    assert np.mean(np.abs(target).max(1) > 1) > 0.2  # the neighbours' tails take some beyond what one can do alone
    assert solve_chains(target, chains(48))[1].max() < 1e-9


@pytest.fixture(scope="module")
def crowded():
    """A layer of 12 chains of 25 resonators between 5 and 10 GHz, where few sets fit at full scale."""
    weight = RNG(5).uniform(-1, 1, (12, 25))
    return plan(dense(weight), options=PlanOptions(f_min=5e9, f_max=10e9))


def test_largest_fill_is_the_edge(crowded):
    entry, device = crowded.layers[0], crowded.device
    fill = largest_fill(entry, device, 0.8)
    assert 0.1 < fill < 0.8

    def worst(scale: float) -> float:
        return max(float(one.worst.max()) for one in solve_layer(entry, device, scale)) / scale

    assert worst(fill) < 1e-9
    assert worst(1.02 * fill) > 1e-6


def test_largest_fill_of_a_layer_that_fits_or_never_fits(crowded):
    entry, device = crowded.layers[0], crowded.device
    assert largest_fill(entry, device, 0.1) == 0.1
    assert largest_fill(entry, SpinDiode(damping=0.2), 0.8) == 0.0


def test_units_of_a_layer(crowded):
    entry = crowded.layers[0]
    assert np.abs(bus_weights(entry, entry.buses[0])).max() * layer_unit(entry, 0.6) == pytest.approx(0.6)
    assert layer_unit(plan(dense(np.zeros((2, 3)))).layers[0], 0.6) == 1.0


@pytest.mark.parametrize("kind", ["ideal", "one profile", "a profile each"])
def test_compiled_solver_goes_the_way_of_minimise(kind):
    rng = RNG(5)
    count, size = 40, 17  # no multiple of four
    target = rng.normal(size=(count, size))
    target *= np.linspace(0.1, 1.3, count)[:, None] / np.abs(target).max(
        1, keepdims=True
    )  # the last ones cannot be held
    shape = {"ideal": None, "one profile": (size, size), "a profile each": (count, size, size)}[kind]
    profile = None if shape is None else rng.uniform(0.8, 1.1, shape)
    (u, worst), (v, left) = (
        solve_chains(target, replace(chains(size, profile=profile), compiled=compiled)) for compiled in (False, True)
    )
    held = worst < 1e-9
    assert 10 < held.sum() < count
    assert np.array_equal(held, left < 1e-9)
    assert np.abs(u - v)[held].max() < 1e-10
    assert left[~held] == pytest.approx(worst[~held], rel=1e-3)


def test_compiled_solver_searches_far_branches_too():
    target = np.array([[0.9, -0.95, 0.97, 0.9, -0.96, 0.95]])
    crowded = chains(6, 2e9, 2.2e9)
    (_, near), (_, far) = (
        solve_chains(target, replace(crowded, compiled=compiled), branches="both") for compiled in (False, True)
    )
    assert far == pytest.approx(near, rel=1e-6, abs=1e-11)


def test_answers_alone_are_those_of_the_response():
    rng = RNG(6)
    some = chains(300, profile=rng.uniform(0.8, 1.1, (5, 300, 300)))  # more than fits near the processor: in parts
    u = rng.uniform(-1, 1, (5, 300))
    assert np.array_equal(chain_answers(u, some), chain_response(u, some)[0])


def test_layers_of_many_chains_are_solved_by_compiled_code(monkeypatch):
    from resonet.netlist.programming import methods

    planned = plan(dense(RNG(7).normal(size=(40, 90))), options=PlanOptions())
    (entry,) = planned.layers
    assert not methods.many_chains(entry)
    slow = methods.programs(planned)
    monkeypatch.setattr(methods, "MANY", entry.elements)
    fast = methods.programs(planned)
    assert methods.many_chains(entry)
    for method, program in slow.items():
        for a, b in zip(program.layers[0].f_res, fast[method].layers[0].f_res, strict=True):
            assert np.abs(a / b - 1).max() < 1e-12
        assert program.layers[0].weight_scale == fast[method].layers[0].weight_scale
