"""The complete linear resonator: closed form against the equation of motion, its limits, and ngspice."""

import importlib.util
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from resonet.core.errors import InputError
from resonet.models.resonator.complete import (
    FullResonator,
    at_temperature,
    impedance,
    junction_current,
    rectified_voltage,
    sensed,
)
from resonet.models.resonator.linear import SpinDiode, rectified_per_watt, susceptibility

ROOT = Path(__file__).parents[2]
IDEAL = FullResonator(f0=5e9)
REAL = FullResonator(f0=5e9, psi=0.6, cpar=20e-15, rc=30.0, lc=50e-12)
F = np.linspace(1e9, 15e9, 701)


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("models_devices", ROOT / "benchmarks" / "_models_devices.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_ideal_it_is_the_resonator_of_the_design():
    device = SpinDiode(damping=0.02, torque_angle=0.5)
    full = FullResonator.from_spin_diode(device, 5e9)
    power = 0.5 * 1e-12 * device.resistance
    assert rectified_voltage(F, full, 1e-6) == pytest.approx(power * rectified_per_watt(F, 5e9, device), rel=1e-12)
    assert FullResonator.from_spin_diode(device, 5e9, rc=7.0).rc == 7.0


@pytest.mark.slow
@pytest.mark.parametrize(("psi", "u"), [(0.0, -0.8), (0.7, 0.3), (math.pi / 2, 0.0), (-1.0, 2.0)])
def test_rectified_voltage_is_the_average_of_current_times_resistance(psi, u):
    # x'' + w0 x'/q + w0² x = w0² i, y = -x'/w0: the average of i k (x cos ψ + y sin ψ), no phasor anywhere.
    device = FullResonator(f0=1e3, q=25.0, psi=psi, k=-2.0)
    f = device.f0 * (1 + u / (2 * device.q))
    w0, w = 2 * np.pi * device.f0, 2 * np.pi * f
    grid = (120 + np.arange(200 * 200) / 200) / f
    solved = solve_ivp(
        lambda t, s: [w0 * s[1], w0 * (np.cos(w * t) - s[0] - s[1] / device.q)],
        (0, grid[-1]),
        [0, 0],
        t_eval=grid,
        method="DOP853",
        rtol=1e-10,
        atol=1e-10,
    )
    swing = solved.y[0] * np.cos(psi) - solved.y[1] * np.sin(psi)
    average = np.mean(np.cos(w * grid) * device.k * swing)
    assert average == pytest.approx(float(rectified_voltage(f, device, 1.0)), rel=1e-6)


def test_mix_angle_turns_the_dispersive_line_into_the_absorptive_one():
    f = 5e9 * (1 + np.array([-0.02, -0.01, 0.0, 0.01, 0.02]))
    turned = replace(IDEAL, psi=math.pi / 2)
    line = rectified_voltage(f, turned, 1e-6)
    assert line[2] == pytest.approx(-0.5 * IDEAL.k * IDEAL.q * 1e-12)  # positive for negative k
    assert line.argmax() == 2
    assert line[1] / line[2] == pytest.approx(0.5, rel=0.02)
    for psi in (0.3, -2.0):  # near resonance the form of `fit`: Re(chi exp(-jψ))
        wanted = 0.5 * IDEAL.k * 1e-12 * (susceptibility(f, 5e9, 0.01) * np.exp(-1j * psi)).real
        assert rectified_voltage(f, replace(IDEAL, psi=psi), 1e-6) == pytest.approx(
            wanted, abs=0.021 * np.abs(line).max()
        )


def test_impedance_at_its_limits():
    assert impedance(F, IDEAL) == pytest.approx(np.full(len(F), 1e3))
    assert impedance(1e-3, REAL, 4e-6) == pytest.approx(30 + 1e3 + 2 * REAL.k * math.cos(0.6) * 4e-6)  # x = I at DC
    far = replace(REAL, rc=0.0, lc=0.0)
    assert impedance(1e13, far) == pytest.approx(1 / (2j * np.pi * 1e13 * far.cpar), rel=1e-3)
    resonant = impedance(5e9, replace(IDEAL, psi=0.0), 1e-6) - impedance(5e9, IDEAL)
    assert resonant == pytest.approx(IDEAL.k * 1e-6 * (1 - 50j))


def test_current_division():
    share = junction_current(F, REAL)
    voltage = impedance(F, replace(REAL, rc=0.0, lc=0.0))
    assert share * REAL.r0 == pytest.approx(voltage, rel=1e-12)
    assert rectified_voltage(F, REAL, 1e-6) == pytest.approx(
        0.5 * REAL.k * np.abs(share) ** 2 * 1e-12 * sensed(F, REAL).real, rel=1e-12
    )
    assert rectified_voltage(F[:, None], REAL, np.array([1e-6, 2e-6j])).shape == (701, 2)


def test_two_pass_in_ngspice(bench):
    assert bench.two_pass_error() <= 1e-6


def test_prewarped_transient_in_ngspice(bench):
    assert bench.transient_error() <= 1e-3


def test_impedance_under_bias_in_ngspice(bench):
    assert bench.bias_error() <= 1e-6
    for bias, psi in ((-8e-6, -1.2), (3e-6, math.pi)):
        device = replace(REAL, psi=psi)
        f, z = bench.spice_impedance(device, bias, (4e9, 6e9), 101)
        assert z == pytest.approx(impedance(f, device, bias), rel=1e-9)


def test_temperature_in_numpy_and_ngspice(bench):
    warm = replace(REAL, tdev=380.0, tcr=-1e-3, tcf=-5e-4, tcq=-2e-3, tck=-3e-3)
    plain = at_temperature(warm)
    assert (plain.f0, plain.r0) == pytest.approx((5e9 * 0.96, 920.0))
    assert (plain.q, plain.k) == pytest.approx((50 * 0.84, REAL.k * 0.76))
    assert at_temperature(plain) == plain
    assert at_temperature(warm, 300.0) == replace(REAL, tdev=300.0)
    assert impedance(F, warm, 2e-6) == pytest.approx(impedance(F, plain, 2e-6))
    assert rectified_voltage(F, warm, 1e-6) == pytest.approx(rectified_voltage(F, plain, 1e-6))
    f, z = bench.spice_impedance(warm, 2e-6, (4e9, 6e9), 101)
    assert z == pytest.approx(impedance(f, warm, 2e-6), rel=1e-9)
    with pytest.raises(InputError, match=r"resonator_full.tcf = -0.01: 1 \+ tcf \(tdev - tnom\) must be positive"):
        replace(REAL, tdev=450.0, tcf=-0.01)
