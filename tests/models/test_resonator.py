"""The linear resonator against the equation of motion, the published law and their limits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from resonet.core.errors import InputError
from resonet.models.resonator.linear import (
    SpinDiode,
    detuning_for_weight,
    published_law,
    real_susceptibility,
    rectified_per_watt,
    resonance_for_detuning,
    susceptibility,
)

DEVICE = SpinDiode()


def test_default_sensitivity_is_that_of_the_published_simulations():
    assert DEVICE.sensitivity == pytest.approx(8838.83, rel=1e-6)
    assert DEVICE.transduction == pytest.approx(-4 * 0.01 * 8838.83476 * 1e3)


@pytest.mark.slow
@pytest.mark.parametrize("detuning", [-2.0, -0.5, 0.7, 3.0])
def test_rectified_voltage_is_the_time_average_of_current_times_resistance(detuning):
    # x'' + Δω x' + ω0² x = ω0² i with i = cos(ωt): the average of i k x over whole periods, no phasor anywhere.
    damping, f_res = 0.02, 1.0
    f = f_res * (1 + damping * detuning)
    device = SpinDiode(damping=damping)
    w0, w = 2 * np.pi * f_res, 2 * np.pi * f
    settle, periods = 120, 200
    grid = (settle + np.arange(200 * periods) / 200) / f
    solved = solve_ivp(
        lambda t, y: [y[1], w0**2 * (np.cos(w * t) - y[0]) - 2 * damping * w0 * y[1]],
        (0, grid[-1]),
        [0, 0],
        t_eval=grid,
        method="DOP853",
        rtol=1e-10,
        atol=1e-10,
    )
    average = np.mean(np.cos(w * grid) * device.transduction * solved.y[0])
    per_watt = average / (0.5 * device.resistance)  # P = ½ |i|² R0 with i = 1 A peak
    assert per_watt == pytest.approx(float(rectified_per_watt(f, f_res, device)), rel=1e-6)


def test_the_published_law_is_the_limit_near_resonance():
    u = np.array([-1.5, -1, -0.3, 0.2, 1, 2])
    worst = []
    for damping in (1e-2, 1e-3, 1e-4):
        device = SpinDiode(damping=damping)
        f = 5e9 * (1 + damping * u)
        law = published_law(f, 5e9, device)
        assert law / device.sensitivity == pytest.approx(2 * u / (1 + u**2))
        worst.append(np.abs(rectified_per_watt(f, 5e9, device) - law).max() / device.sensitivity)
    assert worst[0] < 0.03
    assert worst[0] / worst[1] == pytest.approx(10, rel=0.05)  # first order in the damping
    assert worst[1] / worst[2] == pytest.approx(10, rel=0.05)


def test_tails_far_from_resonance():
    low, high = 1e3, 1e13
    twice = 2 * (1 + DEVICE.damping**2) * published_law(low, 5e9, DEVICE)
    assert rectified_per_watt(low, 5e9, DEVICE) == pytest.approx(twice, rel=1e-6)
    fall = rectified_per_watt(high, 5e9, DEVICE) / rectified_per_watt(10 * high, 5e9, DEVICE)
    assert fall == pytest.approx(100, rel=1e-4)  # f^-2


def test_positive_above_resonance():
    assert rectified_per_watt(5.01e9, 5e9, DEVICE) > 0 > rectified_per_watt(4.99e9, 5e9, DEVICE)


@pytest.mark.slow
@given(ratio=st.floats(0.05, 20), damping=st.floats(1e-4, 0.2))
@settings(derandomize=True, deadline=None, max_examples=200)
def test_derivative_of_the_real_part(ratio, damping):
    value, slope = real_susceptibility(np.array(ratio), damping)
    assert value == pytest.approx(susceptibility(ratio, 1.0, damping).real, rel=1e-9, abs=1e-12)
    z = ratio + 1e-20j  # complex step through the rational function
    a, b = 1 - z**2, 2 * damping * z
    assert slope == pytest.approx((a / (a**2 + b**2)).imag / 1e-20, rel=1e-8, abs=1e-10)


@given(weight=st.floats(-1, 1))
@settings(derandomize=True, deadline=None, max_examples=200)
def test_weight_to_detuning_and_back(weight):
    u = float(detuning_for_weight(weight))
    assert abs(u) <= 1
    assert 2 * u / (1 + u**2) == pytest.approx(weight, rel=1e-9, abs=1e-300)
    f_res = float(resonance_for_detuning(5e9, u, 0.01))
    assert (5e9 - f_res) / (0.01 * f_res) == pytest.approx(u, rel=1e-6, abs=1e-9)


def test_a_weight_beyond_the_range_is_refused():
    with pytest.raises(InputError, match=r"weight 1.2 .* -1 ... 1"):
        detuning_for_weight([0.1, 1.2])


@pytest.mark.parametrize(
    ("name", "value"),
    [("damping", 0.0), ("damping", -0.01), ("resistance", 0.0), ("threshold_current", float("nan"))],
)
def test_bad_parameters_are_named_with_their_range(name, value):
    with pytest.raises(InputError, match=rf"device.{name} = {value:g}: must be within"):
        SpinDiode(**{name: value})
