"""Characteristics of one device: the model's curves, and the same from ngspice as points."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resonet.core.errors import InputError
from resonet.core.types import Array, Complex
from resonet.cosim.referee.device import (
    compression_points,
    current_points,
    impedance_points,
    macrospin_points,
    oscillator_points,
    precession_points,
    rectified_linear,
    rectified_transient,
    two_port_points,
)
from resonet.models.circuit.crossbar import CrossbarCell, conductance
from resonet.models.fit.fit import DeviceFit, rectification
from resonet.models.line.lines import SECTIONS, LosslessLine, RlcLine, RlgcLine, abcd, ladder_abcd, scattering
from resonet.models.neuron.electronics import Amplifier
from resonet.models.resonator.auto_oscillator import AutoOscillator, forced_voltage, free_frequency, free_power
from resonet.models.resonator.complete import FullResonator, impedance, rectified_voltage
from resonet.models.resonator.macrospin import Macrospin, diode_response, linear_map, linearise
from resonet.report.device_figures import Colour, Panel, Series

__all__ = ["Characteristic", "characteristic", "fit_panels"]

Line = LosslessLine | RlcLine | RlgcLine
BIASES: tuple[Colour, ...] = ("faint", "first", "fourth")  # one for each of three


@dataclass(slots=True)
class Characteristic:
    """Panels to draw; `deviation`: model against ngspice, largest difference over largest value."""

    panels: list[Panel] = field(default_factory=list)
    deviation: dict[str, float] = field(default_factory=dict)
    values: dict[str, float] = field(default_factory=dict)  # key figures by name with unit


def _off(points: NDArray[Any], model: NDArray[Any]) -> float:
    return float(np.abs(points - model).max() / np.abs(model).max())


def _scaled(unit: str, largest: float) -> tuple[float, str]:
    """Factor and unit with a prefix that suits the largest value."""
    for factor, prefix in ((1e-9, "G"), (1e-6, "M"), (1e-3, "k"), (1, ""), (1e3, "m"), (1e6, "µ"), (1e9, "n")):
        if largest * factor >= 1:
            return factor, prefix + unit
    return 1e12, "p" + unit


def _rectification(device: AutoOscillator, spice: bool, made: Characteristic) -> None:
    """Voltage against frequency at small and at threshold power, and against power."""
    width, linear = device.damping * device.f0, 0.5 * device.ith**2 * device.r0
    sensitivity = -device.k / (4 * device.damping * device.r0)
    f = device.f0 + width * np.linspace(-6, 6, 601)
    at = device.f0 + width * np.linspace(-5, 5, 11)
    best = device.f0 + width * (1 if device.psi == 0 else float(1 - np.sin(device.psi)) / max(np.cos(device.psi), 0.1))
    powers = linear * np.geomspace(0.003, 30, 200)
    few = linear * np.geomspace(0.01, 10, 5)
    fx, fu = _scaled("Hz", device.f0)
    law = rectification(f, device.f0, device.damping, sensitivity, device.psi)
    vx, vu = _scaled("V/W", float(np.abs(law).max()))
    small, large = 1e-3 * linear, linear
    px, pu = _scaled("W", linear)
    curves = [Series("fidelity 1", f * fx, law * vx, "first")]
    for power, text, colour in ((small, "P → 0", "second"), (large, f"{large * px:.3g} {pu}", "fourth")):
        found = forced_voltage(device, f, power) / power * vx
        curves.append(Series(f"fidelity 2, {text}", f * fx, found, colour, dashed=power == small))  # type: ignore[arg-type]
    volts = np.abs(rectification(best, device.f0, device.damping, sensitivity, device.psi) * powers)
    growth = [
        Series("fidelity 1", powers * px, volts, "first"),
        Series("fidelity 2", powers * px, np.abs(forced_voltage(device, np.full(200, best), powers)), "fourth"),
    ]
    made.values |= {"K_SD, V/W": sensitivity, "Q": device.q, "I_th^2 R0 / 2, W": linear}
    if spice:
        values = asdict(device)
        points = rectified_linear(at, values)
        law_at = rectification(at, device.f0, device.damping, sensitivity, device.psi)
        made.deviation["rectified voltage, fidelity 1"] = _off(points, law_at)
        curves.append(Series("ngspice .ac", at * fx, points * vx, "first", points=True))
        tones = np.concatenate([at, np.full(len(few), best)])
        watts = np.concatenate([np.full(len(at), large), few])
        got, model = rectified_transient(tones, watts, values, 40), forced_voltage(device, tones, watts)
        made.deviation["rectified voltage at threshold power, fidelity 2"] = _off(got[:11], model[:11])
        made.deviation["rectified voltage against power, fidelity 2"] = float(np.abs(got[11:] / model[11:] - 1).max())
        curves.append(Series("ngspice transient", at * fx, got[:11] / large * vx, "fourth", points=True))
        growth.append(Series("ngspice transient", few * px, np.abs(got[11:]), "fourth", points=True))
    made.panels += [
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


def _impedance(device: AutoOscillator, spice: bool, made: Characteristic) -> None:
    """|Z| against frequency for three bias currents."""
    width = device.damping * device.f0
    f, at = device.f0 + width * np.linspace(-8, 8, 601), device.f0 + width * np.linspace(-7, 7, 15)
    fx, fu = _scaled("Hz", device.f0)
    bias = [0.02 * device.ith, 0.1 * device.ith, 0.3 * device.ith]
    ix, iu = _scaled("A", bias[-1])
    points = impedance_points(at, bias, "resonator_full", asdict(device)) if spice else None
    swing = np.abs(_biased(device, f, bias[-1], True)) - device.r0
    zx, zu = _scaled("Ω", float(np.abs(swing).max()))

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
        made.deviation["impedance under bias, fidelity 1"] = _off(points, model)
    title = "Impedance under bias (dashed: fidelity 2)"
    made.panels.append(Panel(title, f"frequency, {fu}", f"|Z| - R0, {zu}", tuple(series), zero=True))


def _free(device: AutoOscillator, spice: bool, made: Characteristic) -> None:
    """Precession power and frequency above threshold."""
    xi, few = np.linspace(0, 4, 401), np.array([1.5, 2.0, 3.0, 4.0])
    ix, iu = _scaled("A", device.ith)
    current, at = xi * device.ith, few * device.ith
    fx, fu = _scaled("Hz", device.f0)
    above = xi > 1
    tone = Series("f, model", current[above] * ix, free_frequency(device, current[above]) * fx, "fourth", dashed=True)
    series, tones = [Series("p, model", current * ix, free_power(device, current))], [tone]
    made.values["I_th, A"] = device.ith
    if spice:
        power, frequency = precession_points(at, asdict(device))
        made.deviation["free precession power"] = _off(power, free_power(device, at))
        made.deviation["free frequency"] = float(np.abs(frequency / free_frequency(device, at) - 1).max())
        series.append(Series("p, ngspice transient", at * ix, power, "first", points=True))
        tones.append(Series("f, ngspice transient", at * ix, frequency * fx, "fourth", points=True))
    made.panels.append(
        Panel(
            "Free oscillation",
            f"DC current, {iu}",
            "precession power p",
            tuple(series),
            right=tuple(tones),
            y_right=f"frequency, {fu}",
        )
    )


def _neuron(device: Any, name: str, spice: bool, made: Characteristic) -> None:
    """Power and frequency of an oscillator neuron."""
    current = np.linspace(0, 1.2 * device.clamp, 601) * device.ith
    at = np.linspace(0, 1.2 * device.clamp, 13) * device.ith
    ix, iu = _scaled("A", float(current.max()))
    px, pu = _scaled("W", float(device.power(current).max()))
    fx, fu = _scaled("Hz", device.f0)
    powers = [Series("model", current * ix, device.power(current) * px)]
    tones = [Series("model", current * ix, device.frequency(current) * fx)]
    made.values |= {"I_th, A": device.ith, "largest power, W": float(device.power(current).max())}
    if spice:
        power, frequency = oscillator_points(at, name, asdict(device))
        heard = np.isfinite(frequency) & (at > device.ith)
        made.deviation["power"] = _off(power, device.power(at))
        made.deviation["frequency"] = float(np.abs(frequency / device.frequency(at) - 1)[heard].max())
        powers.append(Series("ngspice transient", at * ix, power * px, "fourth", points=True))
        tones.append(Series("ngspice transient", at[heard] * ix, frequency[heard] * fx, "fourth", points=True))
    made.panels += [
        Panel("Power into a matched load", f"drive current, {iu}", pu, tuple(powers)),
        Panel("Frequency", f"drive current, {iu}", fu, tuple(tones)),
    ]


def _amplifier(device: Amplifier, spice: bool, made: Characteristic) -> None:
    """Output power of a tone far below the pole against its input power, and the gain."""
    f, z0 = device.bandwidth / 40, device.z0
    drive, few = (device.vsat / device.gain * np.geomspace(0.01, 6, n) for n in (200, 7))
    out = device.compressed(drive, f)

    def level(volts: Array) -> Array:
        return np.asarray(10 * np.log10(volts**2 / (2 * z0) / 1e-3))

    levels, gains = [Series("model", level(drive), level(out))], [Series("model", level(drive), _decibel(out / drive))]
    at_p1db = float(device.drive_for(np.sqrt(2 * z0 * device.p1db), f))
    made.values |= {"input at 1 dB compression, dBm": float(level(np.array(at_p1db))), "saturation, V": device.vsat}
    if spice:
        points = compression_points(few, f, asdict(device))
        made.deviation["compression"] = float(np.abs(points / device.compressed(few, f) - 1).max())
        levels.append(Series("ngspice transient", level(few), level(points), "fourth", points=True))
        gains.append(Series("ngspice transient", level(few), _decibel(points / few), "fourth", points=True))
    made.panels += [
        Panel("Fundamental at a matched load", "input, dBm", "output, dBm", tuple(levels)),
        Panel("Gain", "input, dBm", "dB", tuple(gains)),
    ]


def _macrospin(device: Macrospin, spice: bool, made: Characteristic) -> None:
    """Small-signal rectification with its fidelity 1, and resonance against the field."""
    with np.errstate(all="ignore"):  # a device without equilibrium is refused in words
        found, linear = linear_map(device), linearise(device)
    width = found.damping * found.f_res
    f = found.f_res + width * np.linspace(-8, 8, 401)
    law = rectification(f, found.f_res, found.damping, found.sensitivity, found.psi)
    fx, fu = _scaled("Hz", found.f_res)
    vx, vu = _scaled("V/W", float(np.abs(law).max()))
    response = diode_response(f, device)
    made.values |= {"f0, Hz": found.f_res, "Q": 1 / (2 * found.damping), "K_SD, V/W": found.sensitivity}
    made.values |= {"psi, rad": found.psi, "R0, Ohm": found.resistance}
    made.deviation["rectified voltage, fidelity 1 against 3, 8 half widths around"] = _off(law, response)
    curves = [
        Series("fidelity 3, linearised", f * fx, response * vx, "fourth"),
        Series(f"fidelity 1, ψ = {found.psi:.3g}", f * fx, law * vx, "first", dashed=True),
    ]
    if spice:
        at = found.f_res + width * np.array([-5.0, -2.0, -0.7, 0.7, 2.0, 5.0])
        amplitude = 0.02 / float(np.linalg.norm(linear.precession(found.f_res)[:, 0]))
        volts = macrospin_points(at, linear.m0, amplitude, asdict(device) | {"width": width})
        points = volts / (0.5 * amplitude**2 * found.resistance)
        made.deviation["rectified voltage, fidelity 3"] = _off(points, diode_response(at, device))
        curves.append(Series("ngspice transient", at * fx, points * vx, "fourth", points=True))
    fields, tuned = np.linspace(0.5, 1.5, 21) * (device.hz or 1e5), []
    for value in fields:
        try:
            tuned.append(linearise(replace(device, hz=float(value))).f_res)
        except InputError:
            tuned.append(np.nan)
    line = Series("", fields / 1e3, np.array(tuned) * fx)
    made.panels += [
        Panel("Rectified voltage per watt, small signal", f"frequency, {fu}", vu, tuple(curves), zero=True),
        Panel("Resonance against the field along z", "field, kA/m", fu, (line,)),
    ]


def _full(device: FullResonator, spice: bool, made: Characteristic) -> None:
    """Rectified voltage per watt and impedance under bias of the resonator with its contact."""
    width = device.f0 / (2 * device.q)
    f, at = device.f0 + width * np.linspace(-8, 8, 601), device.f0 + width * np.linspace(-7, 7, 15)
    fx, fu = _scaled("Hz", device.f0)
    volts = rectified_voltage(f, device, 1.0) / (0.5 * device.r0)
    vx, vu = _scaled("V/W", float(np.abs(volts).max()))
    bias = [0.0, 1e-6, 3e-6]
    points = impedance_points(at, bias, device.SPICE.name, asdict(device)) if spice else None
    series = []
    for n, (current, colour) in enumerate(zip(bias, BIASES, strict=True)):
        series.append(Series(f"{current * 1e6:g} µA", f * fx, np.abs(impedance(f, device, current)), colour))
        if points is not None:
            series.append(Series("", at * fx, np.abs(points[n]), colour, points=True))
    if points is not None and device.cnode == 0:
        model = np.array([impedance(at, device, current) for current in bias])
        made.deviation["impedance under bias"] = _off(points, model)
    curve = Series("", f * fx, volts * vx)
    made.panels += [
        Panel("Rectified voltage per watt in R0", f"frequency, {fu}", vu, (curve,), zero=True),
        Panel("Impedance under bias (circles: ngspice)", f"frequency, {fu}", "|Z|, Ω", tuple(series)),
    ]


def _line(device: Line, name: str, spice: bool, made: Characteristic) -> None:
    """S-parameters of a line in 50 ohm, up to its first wavelength."""
    _, ind, _, cap, length = device.rlgc
    delay = length * float(np.sqrt(ind * cap))
    top = min(1 / delay, 1e12)
    f, at = np.linspace(top / 400, top, 400), np.linspace(top / 20, top, 20)
    fx, fu = _scaled("Hz", top)
    model, ladder = scattering(abcd(f, device)), isinstance(device, RlgcLine)
    made.values |= {"delay, s": delay, "sqrt(l/c), Ohm": float(np.sqrt(ind / cap))}
    got = two_port_points(at, name, asdict(device)) if spice else None
    panels = []
    for n, (what, row) in enumerate((("S21", 1), ("S11", 0))):
        series = [Series("model (exact)", f * fx, _decibel(model[:, row, 0]))]
        if ladder:
            rungs = scattering(ladder_abcd(f, device))[:, row, 0]
            series.append(Series(f"ladder of {SECTIONS}", f * fx, _decibel(rungs), "second", dashed=True))
        if got is not None:
            form = scattering(ladder_abcd(at, device) if ladder else abcd(at, device))[:, row, 0]
            made.deviation[f"{what}, ladder of {SECTIONS}" if ladder else what] = float(np.abs(got[n] - form).max())
            series.append(Series("ngspice .ac", at * fx, _decibel(got[n]), "fourth", points=True))
        panels.append(Panel(f"|{what}| in 50 Ω", f"frequency, {fu}", "dB", tuple(series)))
    made.panels += panels


def _decibel(s: NDArray[Any]) -> Array:
    return np.asarray(20 * np.log10(np.maximum(np.abs(s), 1e-8)))


def _cell(device: CrossbarCell, spice: bool, made: Characteristic) -> None:
    """Current against voltage in three states."""
    volts, few = np.linspace(-0.5, 0.5, 101), np.linspace(-0.5, 0.5, 6)
    largest = 0.5 * float(conductance(1.0, device))
    ix, iu = _scaled("A", largest)
    series, worst = [], 0.0
    for state, colour in zip((0.0, 0.5, 1.0), BIASES, strict=True):
        siemens = float(conductance(state, device))
        series.append(Series(f"state {state:g}: {1 / siemens:.4g} Ω", volts, volts * siemens * ix, colour))
        if spice:
            points = current_points(few, device.SPICE.name, asdict(device) | {"state": state})
            worst = max(worst, float(np.abs(points - few * siemens).max()) / largest)
            series.append(Series("", few, points * ix, colour, points=True))
    if spice:
        made.deviation["current"] = worst
    made.panels.append(Panel("Crossbar cell (circles: ngspice)", "voltage, V", f"current, {iu}", tuple(series)))


def characteristic(name: str, record: Any, spice: bool = True) -> Characteristic:
    """What a device does; without panels for a device that has no characteristic here."""
    made = Characteristic()
    junction = record.auto_oscillator() if hasattr(record, "auto_oscillator") else record
    if isinstance(junction, AutoOscillator):
        _rectification(junction, spice, made)
        _impedance(junction, spice, made)
        _free(junction, spice, made)
    elif isinstance(record, Macrospin):
        _macrospin(record, spice, made)
    elif isinstance(record, FullResonator):
        _full(record, spice, made)
    elif isinstance(record, LosslessLine | RlcLine | RlgcLine):
        _line(record, name, spice, made)
    elif isinstance(record, CrossbarCell):
        _cell(record, spice, made)
    elif isinstance(record, Amplifier):
        _amplifier(record, spice, made)
    elif name.startswith(("oscillator_", "neuron_")):
        _neuron(record, name, spice, made)
    return made


def fit_panels(fit: DeviceFit) -> list[Panel]:
    """Measured points, fitted curve and residuals."""
    fx, fu = _scaled("Hz", float(fit.frequency.max()))
    f = fit.frequency * fx
    parts: Mapping[str, tuple[Array, Array]]
    if np.iscomplexobj(fit.measured):
        parts = {"Re S11": (fit.measured.real, fit.fitted.real), "Im S11": (fit.measured.imag, fit.fitted.imag)}
        vx, vu = 1.0, "S11"
    else:
        vx, vu = _scaled("V/W", float(np.abs(fit.measured).max()))
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
