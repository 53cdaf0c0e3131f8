"""Characteristics of magnetic junctions: resonators of every fidelity, model and ngspice."""

from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resonet.core.errors import InputError
from resonet.core.types import Array, Complex
from resonet.cosim.referee.device import (
    impedance_points,
    macrospin_points,
    precession_points,
    rectified_linear,
    rectified_transient,
)
from resonet.models.fit.fit import rectification
from resonet.models.resonator.auto_oscillator import AutoOscillator, free_frequency, free_power
from resonet.models.resonator.complete import FullResonator, impedance, rectified_voltage
from resonet.models.resonator.forced_oscillation import forced_voltage
from resonet.models.resonator.macrospin import Macrospin
from resonet.models.resonator.macrospin_linear import diode_response, linear_map, linearise
from resonet.report.characteristic_parts import BIASES, SOLVED, STEPPED, Characteristic, largest_deviation, scaled
from resonet.report.device_figures import Panel, Series

__all__ = ["free_curves", "full_curves", "impedance_curves", "macrospin_curves", "rectification_curves"]


def rectification_curves(device: AutoOscillator, spice: bool, sheet: Characteristic) -> None:
    """Voltage against frequency at small and at threshold power, and against power."""
    width, linear = device.damping * device.f0, 0.5 * device.ith**2 * device.r0
    sensitivity = -device.k / (4 * device.damping * device.r0)
    f = device.f0 + width * np.linspace(-6, 6, 601)
    at = device.f0 + width * np.linspace(-5, 5, 11)
    best = device.f0 + width * (1 if device.psi == 0 else float(1 - np.sin(device.psi)) / max(np.cos(device.psi), 0.1))
    powers = linear * np.geomspace(0.003, 30, 200)
    few = linear * np.geomspace(0.01, 10, 5)
    fx, fu = scaled("Hz", device.f0)
    law = rectification(f, device.f0, device.damping, sensitivity, device.psi)
    vx, vu = scaled("V/W", float(np.abs(law).max()))
    small, large = 1e-3 * linear, linear
    px, pu = scaled("W", linear)
    curves = [Series("fidelity 1", f * fx, law * vx, "first")]
    for power, text, colour in ((small, "P → 0", "second"), (large, f"{large * px:.3g} {pu}", "fourth")):
        per_watt = forced_voltage(device, f, power) / power * vx
        curves.append(Series(f"fidelity 2, {text}", f * fx, per_watt, colour, dashed=power == small))  # type: ignore[arg-type]
    volts = np.abs(rectification(best, device.f0, device.damping, sensitivity, device.psi) * powers)
    growth = [
        Series("fidelity 1", powers * px, volts, "first"),
        Series("fidelity 2", powers * px, np.abs(forced_voltage(device, np.full(200, best), powers)), "fourth"),
    ]
    sheet.values |= {"K_SD, V/W": sensitivity, "Q": device.q, "I_th^2 R0 / 2, W": linear}
    if spice:
        values = asdict(device)
        points = rectified_linear(at, values)
        law_at = rectification(at, device.f0, device.damping, sensitivity, device.psi)
        sheet.compare("rectified voltage, fidelity 1", points, law_at, SOLVED)
        curves.append(Series("ngspice .ac", at * fx, points * vx, "first", points=True))
        tones = np.concatenate([at, np.full(len(few), best)])
        watts = np.concatenate([np.full(len(at), large), few])
        got, model = rectified_transient(tones, watts, values, 40), forced_voltage(device, tones, watts)
        limit = STEPPED + device.damping  # the law turns with the precession, which leaves a part of the order of α
        sheet.compare("rectified voltage at threshold power, fidelity 2", got[:11], model[:11], limit)
        sheet.compare("rectified voltage against power, fidelity 2", got[11:], model[11:], limit, each=True)
        curves.append(Series("ngspice transient", at * fx, got[:11] / large * vx, "fourth", points=True))
        growth.append(Series("ngspice transient", few * px, np.abs(got[11:]), "fourth", points=True))
    sheet.panels += [
        Panel("Rectified voltage per watt", f"frequency, {fu}", vu, tuple(curves), zero=True),
        Panel(
            f"Rectified voltage at {best * fx:.4g} {fu}", f"RF power, {pu}", "V", tuple(growth), log_x=True, log_y=True
        ),
    ]


def _biased(device: AutoOscillator, f: Array, current: float, second: bool) -> Complex:
    """Impedance, Ohm, under a DC current: R0 + k (s0 + I ds/di), s the sensed precession x cos ψ + y sin ψ.

    Fidelity 2, where the current takes damping away, to first order: the gain's own modulation by the RF current is
    left out, a part of the order of α.
    """
    if not second:
        full = FullResonator(device.f0, device.q, device.r0, device.k, device.psi)
        return impedance(f, full, current)
    loss, free = device.damping * device.f0 * (1 - current / device.ith), device.free
    turn = np.append(1j * f, 0) + loss  # the last one is DC; y = -(d/dt + Γ) x / ω_d
    s = device.f0**2 / (turn**2 + free**2) * (np.cos(device.psi) - turn / free * np.sin(device.psi))
    return np.asarray(device.r0 + device.k * current * (s[-1] + s[:-1]), np.complex128)


def impedance_curves(device: AutoOscillator, spice: bool, sheet: Characteristic) -> None:
    """|Z| against frequency for three bias currents."""
    width = device.damping * device.f0
    f, at = device.f0 + width * np.linspace(-8, 8, 601), device.f0 + width * np.linspace(-7, 7, 15)
    fx, fu = scaled("Hz", device.f0)
    bias = [0.02 * device.ith, 0.1 * device.ith, 0.3 * device.ith]
    ix, iu = scaled("A", bias[-1])
    points = impedance_points(at, bias, "resonator_full", asdict(device)) if spice else None
    swing = np.abs(_biased(device, f, bias[-1], True)) - device.r0
    zx, zu = scaled("Ω", float(np.abs(swing).max()))

    def change(z: NDArray[Any]) -> Array:
        return np.asarray((np.abs(z) - device.r0) * zx)

    series = []
    for n, (current, colour) in enumerate(zip(bias, BIASES, strict=True)):
        label = f"{current * ix:.3g} {iu}"
        series.append(Series(label, f * fx, change(_biased(device, f, current, False)), colour))
        series.append(Series("", f * fx, change(_biased(device, f, current, True)), colour, dashed=True))
        if points is not None:
            series.append(Series("", at * fx, change(points[n]), colour, points=True))
    if points is not None:
        model = np.array([_biased(device, at, current, False) for current in bias])
        sheet.compare("impedance under bias, fidelity 1", points, model, SOLVED)
    title = "Impedance under bias (dashed: fidelity 2)"
    sheet.panels.append(Panel(title, f"frequency, {fu}", f"|Z| - R0, {zu}", tuple(series), zero=True))


def free_curves(device: AutoOscillator, spice: bool, sheet: Characteristic) -> None:
    """Precession power and frequency above threshold."""
    xi, few = np.linspace(0, 4, 401), np.array([1.5, 2.0, 3.0, 4.0])
    ix, iu = scaled("A", device.ith)
    current, at = xi * device.ith, few * device.ith
    fx, fu = scaled("Hz", device.f0)
    above = xi > 1
    tone = Series("f, model", current[above] * ix, free_frequency(device, current[above]) * fx, "fourth", dashed=True)
    series, tones = [Series("p, model", current * ix, free_power(device, current))], [tone]
    sheet.values["I_th, A"] = device.ith
    if spice:
        power, frequency = precession_points(at, asdict(device))
        limit = STEPPED + device.damping
        sheet.compare("free precession power", power, free_power(device, at), limit)
        sheet.compare("free frequency", frequency, free_frequency(device, at), limit, each=True)
        series.append(Series("p, ngspice transient", at * ix, power, "first", points=True))
        tones.append(Series("f, ngspice transient", at * ix, frequency * fx, "fourth", points=True))
    sheet.panels.append(
        Panel(
            "Free oscillation",
            f"DC current, {iu}",
            "precession power p",
            tuple(series),
            right=tuple(tones),
            y_right=f"frequency, {fu}",
        )
    )


def macrospin_curves(device: Macrospin, spice: bool, sheet: Characteristic) -> None:
    """Small-signal rectification with its fidelity 1, and resonance against the field."""
    with np.errstate(all="ignore"):  # a device without equilibrium is refused in words
        diode, linear = linear_map(device), linearise(device)
    width = diode.damping * diode.f_res
    f = diode.f_res + width * np.linspace(-8, 8, 401)
    law = rectification(f, diode.f_res, diode.damping, diode.sensitivity, diode.psi)
    fx, fu = scaled("Hz", diode.f_res)
    vx, vu = scaled("V/W", float(np.abs(law).max()))
    response = diode_response(f, device)
    sheet.values |= {"f0, Hz": diode.f_res, "Q": 1 / (2 * diode.damping), "K_SD, V/W": diode.sensitivity}
    sheet.values |= {"psi, rad": diode.psi, "R0, Ohm": diode.resistance}
    sheet.deviation["rectified voltage, fidelity 1 against 3, 8 half widths around"] = largest_deviation(law, response)
    curves = [
        Series("fidelity 3, linearised", f * fx, response * vx, "fourth"),
        Series(f"fidelity 1, ψ = {diode.psi:.3g}", f * fx, law * vx, "first", dashed=True),
    ]
    if spice:
        at = diode.f_res + width * np.array([-5.0, -2.0, -0.7, 0.7, 2.0, 5.0])
        amplitude = 0.02 / float(np.linalg.norm(linear.precession(diode.f_res)[:, 0]))
        volts = macrospin_points(at, linear.m0, amplitude, asdict(device) | {"width": width})
        points = volts / (0.5 * amplitude**2 * diode.resistance)
        sheet.compare("rectified voltage, fidelity 3", points, diode_response(at, device), STEPPED)
        curves.append(Series("ngspice transient", at * fx, points * vx, "fourth", points=True))
    fields, tuned = np.linspace(0.5, 1.5, 21) * (device.hz or 1e5), []
    for value in fields:
        try:
            tuned.append(linearise(replace(device, hz=float(value))).f_res)
        except InputError:
            tuned.append(np.nan)
    line = Series("", fields / 1e3, np.array(tuned) * fx)
    sheet.panels += [
        Panel("Rectified voltage per watt, small signal", f"frequency, {fu}", vu, tuple(curves), zero=True),
        Panel("Resonance against the field along z", "field, kA/m", fu, (line,)),
    ]


def full_curves(device: FullResonator, spice: bool, sheet: Characteristic) -> None:
    """Rectified voltage per watt and impedance under bias of the resonator with its contact."""
    width = device.f0 / (2 * device.q)
    f, at = device.f0 + width * np.linspace(-8, 8, 601), device.f0 + width * np.linspace(-7, 7, 15)
    fx, fu = scaled("Hz", device.f0)
    volts = rectified_voltage(f, device, 1.0) / (0.5 * device.r0)
    vx, vu = scaled("V/W", float(np.abs(volts).max()))
    bias = [0.0, 1e-6, 3e-6]
    points = impedance_points(at, bias, device.SPICE.name, asdict(device)) if spice else None
    series = []
    for n, (current, colour) in enumerate(zip(bias, BIASES, strict=True)):
        series.append(Series(f"{current * 1e6:g} µA", f * fx, np.abs(impedance(f, device, current)), colour))
        if points is not None:
            series.append(Series("", at * fx, np.abs(points[n]), colour, points=True))
    if points is not None and device.cnode == 0:
        model = np.array([impedance(at, device, current) for current in bias])
        sheet.compare("impedance under bias", points, model, SOLVED)
    curve = Series("", f * fx, volts * vx)
    sheet.panels += [
        Panel("Rectified voltage per watt in R0", f"frequency, {fu}", vu, (curve,), zero=True),
        Panel("Impedance under bias (circles: ngspice)", f"frequency, {fu}", "|Z|, Ω", tuple(series)),
    ]
