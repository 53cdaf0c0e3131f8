"""Transconductor, amplifier and diode maximum: closed forms, and the circuits in ngspice."""

import math
from dataclasses import fields, replace

import numpy as np
import pytest
from conftest import three_poles
from scipy.integrate import quad
from scipy.optimize import brentq

from resonet.core.errors import InputError
from resonet.cosim.ngspice.run import run_deck
from resonet.models.neuron.electronics import (
    BOLTZMANN,
    THERMAL_VOLTAGE,
    Amplifier,
    DiodeMaximum,
    KneeTransconductor,
    NeuronSupply,
    Transconductor,
)
from resonet.models.neuron.limiter import FULL, fundamental, fundamental_inverse
from resonet.netlist.spice.deck import Deck
from resonet.spice_lib.library import library

FIXED = ".options method=trap reltol=1e-6 vntol=1e-10 abstol=1e-14 trtol=1e5"


def words(device) -> str:
    """Name and parameters as they stand on an instance line."""
    return " ".join([device.SPICE.name, *(f"{s.name}={getattr(device, s.name)!r}" for s in fields(device))])


def simulate(body, analysis, save, vectors=""):
    files = {library()[name].file for name in ("transconductor", "transconductor_knee", "amplifier", "diode_max_arm")}
    text = ["* neuron", *(f'.include "../lib/{file}"' for file in sorted(files)), *body, FIXED]
    text += [".save " + " ".join(save)] if save else []
    text += [".control", "set filetype=binary", analysis, f"write neuron.raw {vectors}".rstrip(), "quit", ".endc"]
    return run_deck(Deck("neuron", "\n".join([*text, ".end", ""])), timeout=60)[0]


# The limiter


def test_fundamental_is_the_integral_and_its_series_takes_over_smoothly():
    for x in (1e-6, 0.3, 0.7127, 2.0, 10.0, 59.9, 60.1, 300.0):
        edge = [min(1.0, 3 / x)] if x > 3 else None
        half = quad(lambda t, x=x: math.tanh(x * math.sin(t)) * math.sin(t), 0, math.pi / 2, points=edge, epsabs=1e-13)
        assert fundamental(x) == pytest.approx(4 / math.pi * half[0], rel=1e-10)
    assert fundamental(1e9) == pytest.approx(FULL, rel=1e-15)
    x = np.array([[0.0, 1e-9], [0.5, 59.0]])
    assert fundamental_inverse(fundamental(x)) == pytest.approx(x, rel=1e-9, abs=1e-18)
    assert np.isnan(fundamental_inverse([FULL, 2.0, -1.0])).all()


# Transconductor


def test_transconductor_by_hand():
    device = Transconductor(gm=0.1, offset=1e-5, bias=1e-5, bandwidth=20e6, en=2e-9)
    assert device.current([0.0, 1e-4]) == pytest.approx([11e-6, 21e-6])  # 1 uA of the offset
    assert device.settling == pytest.approx(7.957747e-9)
    assert device.noise_voltage == pytest.approx(
        2e-9 * math.sqrt(20e6 * quad(lambda u: (1 + u**2) ** -3, 0, np.inf)[0])
    )


def test_transconductor_in_ngspice_settles_on_its_law_and_does_not_load_the_chain():
    device, dt, ramp = Transconductor(offset=-2e-5, bandwidth=50e6), 50e-12, 1e-9
    body = [f"v1 s 0 pwl(0 0 {ramp!r} 1e-4)", "rs s in 1e9", f"xt in out {words(device)}", "rl out 0 200"]
    plot = simulate(body, f"tran {dt!r} 40n 0 {dt!r}", ["v(out)", "v(in)"])
    t, (out, volts) = plot.axis, plot.columns(["v(out)", "v(in)"]).real.T
    assert len(t) == pytest.approx(800, abs=20)

    filtered = 1e-4 * three_poles(t, device.settling, ramp)
    assert out / 200 == pytest.approx(device.current(filtered), rel=1e-4)
    assert volts[-1] == pytest.approx(1e-4, rel=1e-9)


def test_transconductor_noise_in_ngspice_is_its_density():
    device = Transconductor(gm=0.02, en=3e-9)
    body = ["v1 in 0 dc 0 ac 1", f"xt in out {words(device)}", "rl out 0 200 noisy=0"]
    plot = simulate(body, "noise v(out) v1 dec 20 1k 10g\nsetplot noise1", [], "frequency onoise_spectrum")
    found = plot.columns(["onoise_spectrum"])[:, 0].real
    wanted = 3e-9 * 4 / np.hypot(1, plot.axis / 20e6) ** 3
    assert found == pytest.approx(wanted, rel=1e-5)
    rms = math.sqrt(np.trapezoid(found**2 * plot.axis, np.log(plot.axis))) / 4
    assert rms == pytest.approx(device.noise_voltage, rel=5e-3)


def test_knees_add_up_to_a_curve_in_ngspice():
    """The first has the slopes of the first two pieces, each further one the change of slope at its corner."""
    corners, slopes = np.array([-2e-4, 1e-5, 3e-4]), np.array([0.01, 0.05, -0.02, 0.03])
    first = KneeTransconductor(0.01, 0.05, -2e-4, 4e-6)
    more = [KneeTransconductor(0.0, -0.07, 1e-5), KneeTransconductor(0.0, 0.05, 3e-4)]
    v = np.linspace(-5e-4, 5e-4, 201)
    body = ["v1 s 0 dc 0", "rs s in 1e6", "rl out 0 1k"]
    body += [f"xk{n} in out {words(device)}" for n, device in enumerate([first, *more])]
    plot = simulate(body, "dc v1 -5e-4 5e-4 5e-6", ["v(out)", "v(in)"])
    out, volts = plot.columns(["v(out)", "v(in)"]).real.T
    values = 4e-6 + np.concatenate([[0.0], np.cumsum(slopes[1:-1] * np.diff(corners))])
    wanted = np.interp(v, corners, values)
    wanted += slopes[0] * np.minimum(v - corners[0], 0) + slopes[-1] * np.maximum(v - corners[-1], 0)
    assert volts == pytest.approx(v, rel=1e-9, abs=1e-15)
    assert out / 1e3 == pytest.approx(wanted, rel=1e-9, abs=1e-14)
    assert sum(device.current(v) for device in (first, *more)) == pytest.approx(wanted, rel=1e-12, abs=1e-18)


# Amplifier


def test_amplifier_compresses_by_a_decibel_at_p1db():
    device = Amplifier(gain=20.0, p1db=2e-3, z0=75.0)
    peak = math.sqrt(2 * 75 * 2e-3)
    drive = device.drive_for(peak)
    assert 20 * math.log10(20 * drive / peak) == pytest.approx(1, abs=1e-9)
    assert device.compressed(1e-9) == pytest.approx(2e-8, rel=1e-12)
    assert device.compressed(1e3) == pytest.approx(FULL * device.vsat, rel=1e-6)
    out = np.linspace(0, 1.27, 7)[:, None] * device.vsat
    f = np.array([0.0, 20e9, 40e9])
    assert device.compressed(device.drive_for(out, f), f) == pytest.approx(np.broadcast_to(out, (7, 3)), rel=1e-9)
    assert device.compressed(1e-6, 40e9) == pytest.approx(2e-5 / math.sqrt(2), rel=1e-6)
    with pytest.raises(InputError, match=r"a tone of 1 V at its output; possible: 0 ... 0\.\d+ V"):
        replace(device, p1db=1e-3).drive_for([0.1, 1.0])


def test_compression_curve_in_ngspice():
    device, f, points = Amplifier(gain=8.0, p1db=1e-3, z0=75.0), 10e9, 64
    dt, periods = 1 / (points * f), 12
    x = np.array([0.01, 0.3, 0.7127, 1.5, 3.0, 6.0])
    amplitudes = x * device.vsat / device.gain
    body = []
    for n, peak in enumerate(amplitudes.tolist()):
        body += [f"v{n} s{n} 0 sin(0 {2 * peak!r} {f!r})", f"rs{n} s{n} in{n} 75", f"rl{n} out{n} 0 75"]
        body += [f"xa{n} in{n} out{n} {words(device)}"]
    save = [f"v(out{n})" for n in range(len(x))]
    plot = simulate(body, f"tran {dt!r} {(periods + 0.5) / f!r} 0 {dt!r}", save)
    t, volts = plot.axis, plot.columns(save).real
    late = slice(-4 * points - 1, -1)  # the last step may be a shorter one
    assert np.diff(t[late]) / dt == pytest.approx(1, rel=1e-6)
    found = 2 * np.abs(np.exp(-2j * np.pi * f * t[late]) @ volts[late]) / (4 * points)
    assert np.abs(found / device.compressed(amplitudes, f) - 1).max() <= 1e-4
    seen = math.tan(math.pi / points) / math.pi * points * f  # the pole at that step
    assert found == pytest.approx(device.compressed(amplitudes, seen), rel=1e-6)
    assert found[2] ** 2 / 150 == pytest.approx(float(device.pole(f)) ** 2 * 1e-3, rel=0.02)


def test_amplifier_noise_in_ngspice_is_its_noise_figure():
    device = Amplifier(gain=7.0, nf=1.3, z0=75.0)
    body = ["v1 s 0 dc 0 ac 1", "rs s in 75 noisy=0", f"xa in out {words(device)}", "rl out 0 75 noisy=0"]
    plot = simulate(body, "noise v(out) v1 dec 5 1meg 200g\nsetplot noise1", [], "frequency onoise_spectrum")
    added = plot.columns(["onoise_spectrum"])[:, 0].real ** 2 / 75
    source = BOLTZMANN * 290 * 49 / (1 + (plot.axis / 40e9) ** 2)
    assert added + source == pytest.approx(device.noise_power(plot.axis), rel=1e-5)


def test_supply_by_hand():
    supply = NeuronSupply(efficiency=0.25, supply=0.8)
    assert supply.amplifier_power([1e-6, 2e-6]) == pytest.approx([4e-6, 8e-6])
    assert supply.drive_power([-1e-5, 1e-5]) == pytest.approx([8e-6, 8e-6])


# Diode maximum

POOLS = [
    [0.0, 0.0],
    [3e-5, -1e-4, 2.9e-5, 0.0],
    [-5e-5, -5e-5, -5e-5],
    [1e-4, 9.9e-5, 9.7e-5, -2e-4, 1e-4, 0.0, 5e-5, 2e-5, -1e-5],
    [2e-5],
]


@pytest.mark.parametrize("device", [DiodeMaximum(), DiodeMaximum(2e3, 1e-12, 1.7, 2e-5)], ids=["default", "other"])
def test_diode_maximum_is_kirchhoffs_law_and_ngspice(device):
    body, save = [], []
    for p, pool in enumerate(POOLS):
        for n, volts in enumerate(pool):
            body += [f"v{p}_{n} in{p}_{n} 0 dc {volts!r}", f"x{p}_{n} in{p}_{n} c{p} {words(device.arm)}"]
        body += [f"xo{p} c{p} out{p} {words(device.out(len(pool)))}", f"rl{p} out{p} 0 1e3"]
        save.append(f"v(out{p})")
    found = simulate(body, "op", save).columns(save)[0].real
    for pool, spice in zip(POOLS, found, strict=True):
        slope = device.ideality * THERMAL_VOLTAGE

        def surplus(common, pool=pool, slope=slope):
            through = np.expm1((device.gain * np.array(pool) - common) / slope)
            return device.isat * through.sum() - device.ipull

        common = brentq(surplus, -2.0, 2.0, xtol=1e-15)
        trim = slope * math.log(device.ipull / device.isat + len(pool))
        out = float(device.maximum(pool))
        assert out == pytest.approx((common + trim) / device.gain, abs=1e-12)
        assert spice == pytest.approx(out, abs=1e-6 / device.gain)  # 1 uV of the 1 V swing
        assert 0 <= device.error(pool) <= device.width * math.log(len(pool)) * (1 + 1e-9)
    assert device.error(POOLS[2]) == pytest.approx(device.width * math.log(3))


def test_diode_maximum_over_an_axis_passes_a_clear_winner_unchanged():
    device = DiodeMaximum()
    volts = np.random.default_rng(0).normal(0, 1e-3, (3, 4, 5))
    pooled = device.maximum(volts, axis=1)
    assert pooled.shape == (3, 5)
    assert pooled == pytest.approx(volts.max(axis=1), abs=device.width * math.log(4))
    assert device.maximum([1e-3, -1e-3]) == pytest.approx(1e-3, rel=1e-15)


def test_bad_values_of_what_is_not_in_spice():
    with pytest.raises(InputError, match=r"neuron_supply.efficiency = 2: must be within"):
        NeuronSupply(efficiency=2.0)
    with pytest.raises(InputError, match=r"diode_maximum.gain = 0: must be within"):
        DiodeMaximum(gain=0.0)
