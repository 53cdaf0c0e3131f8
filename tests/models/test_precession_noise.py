"""Thermal power and the noise that a tone mixes down, against equipartition and a Langevin simulation."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from resonet.models.resonator.auto_oscillator import AutoOscillator
from resonet.models.resonator.forced_oscillation import forced_power
from resonet.models.resonator.linear import SpinDiode
from resonet.models.resonator.macrospin import Macrospin, terms
from resonet.models.resonator.macrospin_linear import linearise
from resonet.models.resonator.macrospin_time import integrate
from resonet.models.resonator.precession_noise import (
    noise_line,
    precession_density,
    saturated_line,
    saturated_precession_density,
)
from resonet.models.resonator.thermal import free_layer_moment, thermal_power

ROOT = Path(__file__).parents[2]
DEVICE = SpinDiode()
P_T = float(thermal_power(DEVICE.damping, DEVICE.threshold_current))


def test_thermal_power_of_the_default_device():
    assert pytest.approx(0.0105, rel=2e-3) == P_T  # 0.01 e kT / (0.6 hbar 10 uA)
    assert thermal_power([0.01, 0.02], [[1e-5], [2e-5]], 77.0, 0.3).shape == (2, 2)


@pytest.mark.parametrize("f0", [1e9, 20e9])
def test_thermal_power_is_equipartition_of_a_macrospin(f0):
    # A macrospin of moment m in a field H along it: energy m mu0 H (1 - cos theta) = 2 p m omega0/gamma, two degrees of
    # freedom. The same m takes spins eta hbar/2 an electron and loses alpha omega0 of its amplitude.
    moment = float(free_layer_moment(0.02, 3e-5, f0, 0.4))
    gamma, omega0 = 1.76085963e11, 2 * np.pi * f0
    threshold = 2 * 1.602176634e-19 * 0.02 * omega0 * moment / (0.4 * gamma * 1.054571817e-34)
    assert threshold == pytest.approx(3e-5, rel=1e-9)
    assert thermal_power(0.02, 3e-5, 350.0, 0.4) == pytest.approx(
        1.380649e-23 * 350 * gamma / (2 * omega0 * moment), rel=1e-8
    )


def test_thermal_power_is_that_of_a_macrospin_in_its_thermal_field():
    # A sphere in a field along z, polariser against it: the current at which the line has no width is the threshold.
    sphere = {
        "kp": 0.0,
        "nx": 1 / 3,
        "ny": 1 / 3,
        "nz": 1 / 3,
        "hz": 1.4e5,
        "px": 0.0,
        "pz": -1.0,
        "lam": 0.0,
        "flr": 0.0,
    }
    device = Macrospin(alpha=0.05, area=8e-16, tmag=300.0, pol=0.5, **sphere)
    still, driven = (linearise(device, current).linewidth for current in (0.0, 1e-6))
    threshold = 1e-6 * still / (still - driven)
    start = np.zeros((3, 1000))
    start[2] = 1.0
    _, m = integrate(terms(device), start, 4e-12, 500, rng=np.random.default_rng(5), every=50)
    found = (1 - m[6:, 2]).mean() / 2
    assert found == pytest.approx(float(thermal_power(0.05, threshold, 300.0, 0.5)), rel=0.06)


@pytest.fixture(scope="module")
def langevin_density():
    spec = importlib.util.spec_from_file_location("langevin", ROOT / "benchmarks" / "_langevin.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.langevin_density


@pytest.mark.parametrize("power", [2e-9, 50e-9, 1e-6])
@pytest.mark.parametrize("u", [0.0, -1.0])
def test_noise_of_a_tone_is_that_of_the_langevin_equation(langevin_density, power, u):
    device = AutoOscillator.from_spin_diode(DEVICE, 2e9)
    f = device.free + u * device.damping * device.f0
    own = forced_power(device, f, power)
    closed = saturated_precession_density(DEVICE, device.f0, power, P_T, saturated_line(u, own, 0.0, device.qnl))
    assert langevin_density(device, f, power, P_T) == pytest.approx(float(closed), rel=0.1)


def test_noise_with_a_frequency_shift(langevin_density):
    device = AutoOscillator.from_spin_diode(DEVICE, 2e9, nshift=-4e7)
    f = device.free - 0.5 * device.damping * device.f0
    own = forced_power(device, f, 50e-9)
    closed = saturated_line(-0.5, own, 0.0, device.qnl, device.nshift / (device.damping * device.f0))
    wanted = saturated_precession_density(DEVICE, device.f0, 50e-9, P_T, closed)
    assert langevin_density(device, f, 50e-9, P_T) == pytest.approx(float(wanted), rel=0.1)


def test_linear_limit_is_the_published_formula():
    u = np.linspace(-2, 2, 9)
    assert saturated_line(u, 0.0, 0.0, 2.0) == pytest.approx(1 / (1 + u**2), rel=1e-12)
    density = precession_density(DEVICE, 1e9 * (1 + 0.001 * 0.5), 1e9, 2e-9, P_T)
    wanted = 1e3 * P_T * 2e-9 / (4 * 2 * np.pi * 0.01 * 1e9 * (1 + 0.05**2))
    assert density == pytest.approx(wanted, rel=1e-3)


def test_far_from_resonance_both_turns_count():
    # Two Lorentzians, at +f_d and -f_d, f_d^2 + (alpha f_res)^2 = f_res^2.
    f, damping = np.array([0.1, 0.5, 1.0, 3.0]), 0.05
    turning = np.sqrt(1 - damping**2)
    both = sum(damping**2 / (damping**2 + (f - side * turning) ** 2) for side in (1, -1))
    assert noise_line(f, 1.0, damping) == pytest.approx(both, rel=1e-9)


def test_density_falls_beyond_the_half_width():
    half = 0.01 * 2e9
    flat, at_half, beyond = precession_density(DEVICE, 2e9, 2e9, 1e-9, P_T, [0.0, half, 30 * half])
    assert at_half / flat == pytest.approx(0.5, rel=2e-2)
    assert beyond / flat == pytest.approx(1 / 901, rel=0.1)
