"""Characteristics of one device: the model's curves, and the same from ngspice as points."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from resonet.core.decibel import level
from resonet.core.types import Array
from resonet.cosim.referee.device import compression_points, current_points, oscillator_points, two_port_points
from resonet.models.circuit.crossbar import CrossbarCell, conductance
from resonet.models.fit.fit import DeviceFit
from resonet.models.line.lines import SECTIONS, LosslessLine, RlcLine, RlgcLine, abcd, ladder_abcd, scattering
from resonet.models.neuron.electronics import Amplifier
from resonet.models.resonator.auto_oscillator import AutoOscillator
from resonet.models.resonator.complete import FullResonator
from resonet.models.resonator.macrospin import Macrospin
from resonet.report.characteristic_parts import BIASES, SOLVED, STEPPED, Characteristic, scaled
from resonet.report.device_figures import Colour, Panel, Series
from resonet.report.junction_curves import (
    free_curves,
    full_curves,
    impedance_curves,
    macrospin_curves,
    rectification_curves,
)

__all__ = ["Characteristic", "characteristic", "fit_panels"]

Line = LosslessLine | RlcLine | RlgcLine


def _neuron(device: Any, name: str, spice: bool, sheet: Characteristic) -> None:
    """Power and frequency of an oscillator neuron."""
    current = np.linspace(0, 1.2 * device.clamp, 601) * device.ith
    at = np.linspace(0, 1.2 * device.clamp, 13) * device.ith
    ix, iu = scaled("A", float(current.max()))
    px, pu = scaled("W", float(device.power(current).max()))
    fx, fu = scaled("Hz", device.f0)
    powers = [Series("model", current * ix, device.power(current) * px)]
    tones = [Series("model", current * ix, device.frequency(current) * fx)]
    sheet.values |= {"I_th, A": device.ith, "largest power, W": float(device.power(current).max())}
    if spice:
        power, frequency = oscillator_points(at, name, asdict(device))
        heard = np.isfinite(frequency) & (at > device.ith)
        sheet.compare("power", power, device.power(at), STEPPED)
        sheet.compare("frequency", frequency[heard], device.frequency(at)[heard], STEPPED, each=True)
        powers.append(Series("ngspice transient", at * ix, power * px, "fourth", points=True))
        tones.append(Series("ngspice transient", at[heard] * ix, frequency[heard] * fx, "fourth", points=True))
    sheet.panels += [
        Panel("Power into a matched load", f"drive current, {iu}", pu, tuple(powers)),
        Panel("Frequency", f"drive current, {iu}", fu, tuple(tones)),
    ]


def _amplifier(device: Amplifier, spice: bool, sheet: Characteristic) -> None:
    """Output power of a tone far below the pole against its input power, and the gain."""
    f, z0 = device.bandwidth / 40, device.z0
    drive, few = (device.vsat / device.gain * np.geomspace(0.01, 6, n) for n in (200, 7))
    out = device.compressed(drive, f)

    def dbm(volts: Array) -> Array:
        return np.asarray(10 * np.log10(volts**2 / (2 * z0) / 1e-3))

    levels, gains = [Series("model", dbm(drive), dbm(out))], [Series("model", dbm(drive), level(out / drive, 1e-8))]
    at_p1db = float(device.drive_for(np.sqrt(2 * z0 * device.p1db), f))
    sheet.values |= {"input at 1 dB compression, dBm": float(dbm(np.array(at_p1db))), "saturation, V": device.vsat}
    if spice:
        points = compression_points(few, f, asdict(device))
        sheet.compare("compression", points, device.compressed(few, f), STEPPED, each=True)
        levels.append(Series("ngspice transient", dbm(few), dbm(points), "fourth", points=True))
        gains.append(Series("ngspice transient", dbm(few), level(points / few, 1e-8), "fourth", points=True))
    sheet.panels += [
        Panel("Fundamental at a matched load", "input, dBm", "output, dBm", tuple(levels)),
        Panel("Gain", "input, dBm", "dB", tuple(gains)),
    ]


def _line(device: Line, name: str, spice: bool, sheet: Characteristic) -> None:
    """S-parameters of a line in 50 ohm, up to its first wavelength."""
    _, ind, _, cap, length = device.rlgc
    delay = length * float(np.sqrt(ind * cap))
    top = min(1 / delay, 1e12)
    f, at = np.linspace(top / 400, top, 400), np.linspace(top / 20, top, 20)
    fx, fu = scaled("Hz", top)
    model, ladder = scattering(abcd(f, device)), isinstance(device, RlgcLine)
    sheet.values |= {"delay, s": delay, "sqrt(l/c), Ohm": float(np.sqrt(ind / cap))}
    got = two_port_points(at, name, asdict(device)) if spice else None
    panels = []
    for n, (what, row) in enumerate((("S21", 1), ("S11", 0))):
        series = [Series("model (exact)", f * fx, level(model[:, row, 0], 1e-8))]
        if ladder:
            rungs = scattering(ladder_abcd(f, device))[:, row, 0]
            series.append(Series(f"ladder of {SECTIONS}", f * fx, level(rungs, 1e-8), "second", dashed=True))
        if got is not None:
            form = scattering(ladder_abcd(at, device) if ladder else abcd(at, device))[:, row, 0]
            sheet.compare(f"{what}, ladder of {SECTIONS}" if ladder else what, got[n], form, SOLVED, scale=1.0)
            series.append(Series("ngspice .ac", at * fx, level(got[n], 1e-8), "fourth", points=True))
        panels.append(Panel(f"|{what}| in 50 Ω", f"frequency, {fu}", "dB", tuple(series)))
    sheet.panels += panels


def _cell(device: CrossbarCell, spice: bool, sheet: Characteristic) -> None:
    """Current against voltage in three states."""
    volts, few = np.linspace(-0.5, 0.5, 101), np.linspace(-0.5, 0.5, 6)
    largest = 0.5 * float(conductance(1.0, device))
    ix, iu = scaled("A", largest)
    series, found, states = [], [], (0.0, 0.5, 1.0)
    for state, colour in zip(states, BIASES, strict=True):
        siemens = float(conductance(state, device))
        series.append(Series(f"state {state:g}: {1 / siemens:.4g} Ω", volts, volts * siemens * ix, colour))
        if spice:
            points = current_points(few, device.SPICE.name, asdict(device) | {"state": state})
            found.append(points)
            series.append(Series("", few, points * ix, colour, points=True))
    if spice:
        sheet.compare(
            "current", np.array(found), np.array([few * float(conductance(s, device)) for s in states]), SOLVED
        )
    sheet.panels.append(Panel("Crossbar cell (circles: ngspice)", "voltage, V", f"current, {iu}", tuple(series)))


def characteristic(name: str, record: Any, spice: bool = True) -> Characteristic:
    """What a device does; without panels for a device that has no characteristic here."""
    sheet = Characteristic()
    junction = record.auto_oscillator() if hasattr(record, "auto_oscillator") else record
    if isinstance(junction, AutoOscillator):
        rectification_curves(junction, spice, sheet)
        impedance_curves(junction, spice, sheet)
        free_curves(junction, spice, sheet)
    elif isinstance(record, Macrospin):
        macrospin_curves(record, spice, sheet)
    elif isinstance(record, FullResonator):
        full_curves(record, spice, sheet)
    elif isinstance(record, LosslessLine | RlcLine | RlgcLine):
        _line(record, name, spice, sheet)
    elif isinstance(record, CrossbarCell):
        _cell(record, spice, sheet)
    elif isinstance(record, Amplifier):
        _amplifier(record, spice, sheet)
    elif name.startswith(("oscillator_", "neuron_")):
        _neuron(record, name, spice, sheet)
    return sheet


def fit_panels(fit: DeviceFit) -> list[Panel]:
    """Measured points, fitted curve and residuals."""
    fx, fu = scaled("Hz", float(fit.frequency.max()))
    f = fit.frequency * fx
    parts: Mapping[str, tuple[Array, Array]]
    if np.iscomplexobj(fit.measured):
        parts = {"Re S11": (fit.measured.real, fit.fitted.real), "Im S11": (fit.measured.imag, fit.fitted.imag)}
        vx, vu = 1.0, "S11"
    else:
        vx, vu = scaled("V/W", float(np.abs(fit.measured).max()))
        parts = {"measured": (fit.measured, fit.fitted)}
    colours: tuple[Colour, ...] = ("first", "fourth")
    curves, residuals = [], []
    for colour, (label, (measured, fitted)) in zip(colours, parts.items(), strict=False):
        curves.append(Series(label, f, measured * vx, colour, points=True))
        curves.append(Series("fit" if label == "measured" else "", f, fitted * vx, colour))
        residuals.append(Series(label if label != "measured" else "", f, (measured - fitted) * vx, colour, points=True))
    return [
        Panel("Measured and fitted", f"frequency, {fu}", vu, tuple(curves)),
        Panel("Residuals", f"frequency, {fu}", vu, tuple(residuals), zero=True),
    ]
