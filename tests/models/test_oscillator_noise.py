"""Noise of an oscillator's tone: Langevin simulations, the limits of theory, and what a resonator makes of it."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad

from resonet.models.neuron.oscillator_noise import (
    amplitude_density,
    broadened_weight,
    frequency_density,
    isochronous_width,
    linewidth,
    power_noise,
)
from resonet.models.neuron.startup import stationary_power
from resonet.models.resonator.auto_oscillator import AutoOscillator
from resonet.models.resonator.auto_oscillator import linewidth as kim_linewidth

ROOT = Path(__file__).parents[2]
QNL, P_T = 2.0, 0.0105


@pytest.fixture(scope="module")
def langevin_oscillator():
    spec = importlib.util.spec_from_file_location("langevin", ROOT / "benchmarks" / "_langevin.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.langevin_oscillator


@pytest.mark.parametrize("xi", [1e-6, 1.0, 1.2, 2.5])
def test_power_and_line_are_those_of_the_langevin_equation(langevin_oscillator, xi):
    mean, density, width = langevin_oscillator(xi, QNL, P_T)
    ours, _, ours_density = power_noise(xi, QNL, P_T)
    assert mean == pytest.approx(ours, rel=0.03)
    assert density == pytest.approx(ours_density, rel=0.15)  # 600 samples: 6 % of a standard deviation
    assert width == pytest.approx(isochronous_width(xi, QNL, P_T), rel=0.15)


def test_far_from_threshold_they_are_the_published_laws():
    noise = 1e-5
    for xi in (2.0, 4.0):
        p = (xi - 1) / (xi + QNL)
        relaxation = 2 * (QNL + xi) * p  # of the power
        mean, variance, density = power_noise(xi, QNL, noise)
        assert mean == pytest.approx(p, rel=1e-4)
        assert variance == pytest.approx(2 * p * (1 + QNL * p) * noise / relaxation, rel=1e-3)
        assert density == pytest.approx(8 * p * (1 + QNL * p) * noise / relaxation**2, rel=1e-3)
        for shift in (0.0, 5e7):
            device = AutoOscillator(f0=2e9, qnl=QNL, nshift=shift)
            wanted = float(kim_linewidth(device, xi * device.ith, noise))
            assert linewidth(xi, device.gamma0, QNL, noise, shift) == pytest.approx(wanted, rel=1e-3)
    # below: thermal light, whose power has an exponential distribution
    mean, variance, density = power_noise(0.5, QNL, noise)
    assert [mean, variance, density] == pytest.approx([2e-5, 4e-10, 4 * 4e-10 / 1.0], rel=1e-3)
    assert isochronous_width(0.5, QNL, noise) == pytest.approx(0.5 / np.pi, rel=1e-3)


@pytest.mark.parametrize("noise", [1e-3, P_T])
def test_static_law_of_the_neurons_is_near_the_mean_power(noise):
    xi = np.array([0.01, 0.5, 0.9, 1.0, 1.1, 1.2, 1.5, 2.0, 4.0])
    mean = np.array([power_noise(x, QNL, noise)[0] for x in xi])
    ratio = stationary_power(xi, QNL, noise) / mean
    assert np.all((ratio > 0.97) & (ratio < 1.25))
    assert ratio[-2:] == pytest.approx([1, 1], abs=0.03)


def test_table_is_what_the_integrals_give_and_grows_with_the_current():
    xi = np.array([0.0, 0.37, 0.99, 1.013, 1.61, 7.3])
    gamma0 = 2 * np.pi * 0.01 * 2e9
    density, corner = amplitude_density(xi, gamma0, QNL, P_T)
    for x, low, edge, width in zip(xi, density, corner, linewidth(xi, gamma0, QNL, P_T), strict=True):
        mean, variance, at_zero = power_noise(max(x, 1e-6), QNL, P_T)
        assert low == pytest.approx(at_zero / mean**2 / gamma0, rel=5e-3)
        assert low * edge * np.pi / 2 == pytest.approx(variance / mean**2, rel=5e-3)
        assert width == pytest.approx(isochronous_width(max(x, 1e-6), QNL, P_T) * gamma0, rel=5e-3)
    assert amplitude_density(xi[:, None], [1e8, 2e8], 0.0, 1e-3)[0].shape == (6, 2)


@pytest.mark.parametrize("u", [-0.7, 0.3, 1.0])
def test_mean_weight_of_a_line_is_the_mean_over_its_lorentzian(u):
    width = 0.4  # in half-widths of the resonator
    half = width / 2

    def part(x: float) -> float:
        return half / np.pi / (x**2 + half**2) * 2 * (u - x) / (1 + (u - x) ** 2)

    wanted = quad(part, -np.inf, np.inf, points=None, limit=400)[0]
    assert broadened_weight(u, width) == pytest.approx(wanted, rel=1e-6)
    assert broadened_weight(u, 0.0) == pytest.approx(2 * u / (1 + u**2))


@pytest.mark.parametrize("u", [0.0, 0.5])
def test_a_resonator_turns_frequency_noise_into_voltage_by_its_slope(u):
    # dz/dt = -(1 + ju) z + e^{j phi}, time in 1/(2 pi h); phi diffuses as the width says; V = 2 Im(z* e^{j phi}).
    width, step, steps, copies = 0.02, 0.05, 2000, 1500
    rng, z, phi, total = np.random.default_rng(2), np.full(1500, 1 / (1 + 1j * u)), np.zeros(1500), np.zeros(1500)
    for _ in range(steps):
        phi += np.sqrt(width * step) * rng.normal(size=copies)  # <phi^2> = 2 pi Delta t, t in 1/(2 pi h)
        tone = np.exp(1j * phi)
        z = z * np.exp(-(1 + 1j * u) * step) + tone * (1 - np.exp(-(1 + 1j * u) * step)) / (1 + 1j * u)
        total += 2 * (np.conj(z) * tone).imag * step
    assert total.mean() / (steps * step) == pytest.approx(broadened_weight(u, width), abs=0.01)
    found = 2 * total.var() / (steps * step) / (2 * np.pi)  # per Hz with h = 1 Hz
    slope = 2 * (1 - u**2) / (1 + u**2) ** 2
    assert found == pytest.approx(slope**2 * float(frequency_density(width)), rel=0.15)
