"""Resonators far from their tones: the same weights, less of everything that a tone excites on resonance."""

import numpy as np
import pytest

from resonet.models.resonator.chain import Chains, chain_response, solve_chains
from resonet.models.resonator.far_chain import BETWEEN, effective_reach, far_starts
from resonet.models.resonator.linear import detuning_for_weight

DAMPING = 0.01


def chains(count: int, reach: float) -> Chains:
    signs = np.where(np.arange(count) % 2, -1.0, 1.0)
    return Chains(np.geomspace(20e9, 1e9, count), signs, DAMPING, reach=reach)


def excited(detuning: np.ndarray, of: Chains) -> np.ndarray:
    """What tones of 1 excite, parts of what each would on resonance, [chains, tones, resonators]."""
    apart = (of.frequencies[:, None] * (1 + DAMPING * detuning[:, None, :]) / of.frequencies - 1) / DAMPING
    return np.asarray(1 / (1 + apart**2))


@pytest.mark.parametrize("count", [1, 3, 5])
def test_far_resonators_hold_the_same_weights_and_tones_excite_less(count: int) -> None:
    weights = np.clip(np.random.default_rng(3).normal(0, 0.3, (40, count)), -0.8, 0.8)
    near, off = solve_chains(weights, chains(count, 1.0))
    far, worst = solve_chains(weights, chains(count, 50.0))
    assert max(off.max(), worst.max()) < 1e-9
    assert np.abs(chain_response(far, chains(count, 50.0))[0] - weights).max() < 1e-9
    assert np.abs(far).max() > 5
    assert np.mean(excited(far, chains(count, 50.0)).sum(2)) < 0.4 * np.mean(excited(near, chains(count, 1.0)).sum(2))


def test_no_resonator_stands_on_the_tone_of_another() -> None:
    of = chains(12, 1000.0)
    spacing = (1 - of.frequencies[1] / of.frequencies[0]) / DAMPING
    reach = effective_reach(1000.0, of.frequencies, DAMPING)
    assert reach == pytest.approx(BETWEEN * spacing)
    weights = np.clip(np.random.default_rng(4).normal(0, 0.2, (10, 12)), -0.8, 0.8)
    far, worst = solve_chains(weights, of)
    assert worst.max() < 1e-9
    assert np.abs(far).max() <= reach


def test_a_reach_of_one_is_the_near_side_to_the_last_bit() -> None:
    weights = np.clip(np.random.default_rng(5).normal(0, 0.2, (6, 8)), -0.8, 0.8)
    near = solve_chains(weights, chains(8, 1.0))
    plain = solve_chains(weights, Chains(chains(8, 1.0).frequencies, chains(8, 1.0).signs, DAMPING))
    assert all(np.array_equal(a, b) for a, b in zip(near, plain, strict=True))


def test_both_sides_of_a_weight_answer_alike() -> None:
    near = detuning_for_weight(np.array([0.7, -0.3, 1e-12]))
    far = far_starts(near, 100.0)
    assert np.allclose(2 * far[:2] / (1 + far[:2] ** 2), [0.7, -0.3])
    assert far[2] == 100.0
