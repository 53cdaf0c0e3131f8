"""Start-up of an oscillator against the equation itself, integrated by scipy."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from resonet.models.neuron.startup import advance_power, relaxation_rate, stationary_power

GAMMA0, QNL = 2 * np.pi * 0.01 * 2e9, 2.0


@pytest.mark.parametrize("seed", [0.0, 1e-6, 1e-3])
def test_stationary_power_is_a_root_and_the_published_law_without_a_seed(seed: float) -> None:
    xi = np.array([-1.0, 0.0, 0.5, 0.999, 1.0, 1.001, 2.0, 4.0])
    p = stationary_power(xi, QNL, seed)
    assert np.all(p >= 0)
    assert (xi - 1) * p - (xi + QNL) * p**2 + seed == pytest.approx(np.zeros_like(xi), abs=1e-15)
    published = np.maximum(xi - 1, 0) / (xi + QNL)
    assert p == pytest.approx(published, abs=1e-15 + np.sqrt(seed / (1 + QNL)))


@pytest.mark.parametrize("xi", [-0.5, 0.3, 1.0, 1.05, 3.0])
@pytest.mark.parametrize("start", [0.0, 1e-4, 0.7])
def test_advance_power_is_the_integral(xi: float, start: float) -> None:
    seed, step = 1e-4, 12e-9

    def slope(t: float, p: np.ndarray) -> np.ndarray:
        return 2 * GAMMA0 * ((xi - 1) * p - (xi + QNL) * p**2 + seed)

    found = solve_ivp(slope, (0, step), [start], rtol=1e-11, atol=1e-14, method="LSODA").y[0, -1]
    assert advance_power(start, xi, step, GAMMA0, QNL, seed) == pytest.approx(found, rel=1e-7, abs=1e-12)


def test_advance_power_at_threshold_without_a_seed_falls_as_one_over_time() -> None:
    p = advance_power([0.5, 0.0], 1.0, 1e-8, GAMMA0, QNL, 0.0)
    assert p == pytest.approx([1 / (2 + 2 * GAMMA0 * (1 + QNL) * 1e-8), 0.0], rel=1e-12)


def test_small_deviations_decay_at_the_relaxation_rate() -> None:
    xi, seed, step = np.array([0.2, 1.0, 2.0]), 1e-3, 3e-9
    rest = stationary_power(xi, QNL, seed)
    left = advance_power(rest * (1 + 1e-7), xi, step, GAMMA0, QNL, seed) / rest - 1
    rate = relaxation_rate(xi, GAMMA0, QNL, seed)
    assert left / 1e-7 == pytest.approx(np.exp(-rate * step), rel=1e-4)
