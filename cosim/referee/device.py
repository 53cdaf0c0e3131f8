"""One device in ngspice: the points that its model must go through.

Many operating points run side by side in one deck, each with a device, sources and nodes of its own. In the time domain
the step is fixed, and what is put in and read out is moved by the integrator's own warp, f -> atan(π f dt)/(π dt).
"""

from collections.abc import Mapping, Sequence

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array, Complex
from resonet.cosim.ngspice.kept_step import check_kept_step, hann_weights
from resonet.cosim.ngspice.raw import Plot
from resonet.cosim.ngspice.run import run_deck
from resonet.netlist.spice.deck import Deck
from resonet.netlist.spice.dialect import NGSPICE, numbers
from resonet.netlist.spice.prewarp import played
from resonet.spice_lib.library import library

__all__ = [
    "compression_points",
    "current_points",
    "impedance_points",
    "macrospin_points",
    "oscillator_points",
    "precession_points",
    "rectified_linear",
    "rectified_transient",
    "two_port_points",
]

Values = Mapping[str, float]

MOST_STEPS = 500_000


def _instance(name: str, nodes: Sequence[str], device: str, values: Values) -> str:
    """A subcircuit with those of the values that are parameters of it."""
    subcircuits = library()
    if device not in subcircuits:
        raise InputError(f"no subcircuit {device!r} in spice_lib; possible: {', '.join(subcircuits)}")
    parameters = {name: values[name] for name in subcircuits[device].parameters if name in values}
    return NGSPICE.format_instance(name, nodes, device, numbers(15, **parameters))


def _source(name: str, a: str, b: str, dc: float | None = None, ac: str = "", wave: str = "") -> str:
    return NGSPICE.format_source(name, a, b, "" if dc is None else f"{dc:.15g}", ac, wave)


def _sine(peak: float, f: float) -> str:
    return NGSPICE.format_sine(f"{peak:.15g}", f"{f:.15g}")


def _resistor(name: str, a: str, b: str, ohm: float) -> str:
    return NGSPICE.format_element(name, (a, b), f"{ohm:.15g}")


def _run(name: str, device: str, body: Sequence[str], analysis: str, save: Sequence[str], timeout: float) -> Plot:
    lines = [*NGSPICE.write_head(name, "", "../lib", (device,)), *body, NGSPICE.format_save(save)]
    return run_deck(Deck(name, "\n".join(lines + NGSPICE.write_runs(name, [analysis]))), timeout)[0]


def _grid(f: Array) -> str:
    """An `ac` analysis over evenly spaced frequencies."""
    if len(f) > 1 and not np.allclose(f, np.linspace(f[0], f[-1], len(f)), rtol=1e-9):
        raise InputError("frequencies must be evenly spaced and rising")
    return NGSPICE.format_ac("lin", len(f), f"{f[0]:.15g}", f"{f[-1]:.15g}")


def rectified_linear(f: Array, values: Values) -> Array:
    """Rectified voltage per watt, V/W, of `resonator` by `.ac` and ½ Re(i conj(k x e^{-jψ})); f in Hz, evenly spaced.

    ψ is `psi` of the values, 0 without.
    """
    body = [_instance("x1", ("a", "0", "x"), "resonator", values), _source("i1", "0", "a", 0, "1")]
    plot = _run("device_ac", "resonator", body, _grid(f), ["v(x)"], 60)
    precession = plot.columns(["v(x)"])[:, 0] * np.exp(-1j * values.get("psi", 0.0))
    return np.asarray(values["k"] * precession.real / values["r0"])


def impedance_points(f: Array, bias: Sequence[float], device: str, values: Values) -> Complex:
    """Impedance, Ohm, of a biased junction by `.ac` about its operating point, [bias, f]; bias in A."""
    pins = "xy" if device == "auto_oscillator" else "x"
    body: list[str] = []
    for n, current in enumerate(bias):
        body.append(_instance(f"x{n}", (f"a{n}", "0", *(f"{pin}{n}" for pin in pins)), device, values))
        body.append(_source(f"i{n}", "0", f"a{n}", current, "1"))
    save = [f"v(a{n})" for n in range(len(bias))]
    return np.asarray(_run("device_z", device, body, _grid(f), save, 60).columns(save).T)


def _transient(
    name: str, device: str, body: Sequence[str], dt: float, stop: float, save: Sequence[str], initial: bool = False
) -> Plot:
    steps = round(stop / dt)
    if steps > MOST_STEPS:
        raise InputError(
            f"{device}: {steps:,} time steps until it has settled; possible: {MOST_STEPS:,} (a larger damping, or no "
            "comparison with ngspice: --no-spice)"
        )
    analysis = NGSPICE.format_tran(dt, stop, initial)
    plot = _run(name, device, [*body, NGSPICE.format_fixed_step()], analysis, save, 300)
    check_kept_step(plot, steps)
    return plot


def rectified_transient(f: Array, power: Array, values: Values, points: int = 80) -> Array:
    """Rectified voltage, V, of `auto_oscillator` under tones of f (Hz) and power (W in r0), by transient; all [n].

    `points` time steps a period. The free frequency moves with the tone: both turn as the integrator has them.
    """
    peak = np.sqrt(2 * power / values["r0"])
    dt = 1 / (points * float(f.max()))
    width = values["f0"] / (2 * values["q"])
    window = 6 / width
    stop = np.ceil((1.6 / width + window) / dt) * dt
    body = []
    for n, (tone, amplitude) in enumerate(zip(played(f, dt), peak, strict=True)):
        body += [
            _instance(f"x{n}", (f"a{n}", "0", f"x{n}", f"y{n}"), "auto_oscillator", {**values, "kick": 0.0}),
            _source(f"i{n}", "0", f"a{n}", wave=_sine(amplitude, tone)),
        ]
    save = [f"v(a{n})" for n in range(len(f))]
    plot = _transient("device_tran", "auto_oscillator", body, dt, float(stop), save)
    return np.asarray(hann_weights(plot.axis, window) @ plot.columns(save).real)


def precession_points(current: Array, values: Values, points: int = 80) -> tuple[Array, Array]:
    """Stationary p and frequency (Hz) of a free `auto_oscillator` at DC currents above threshold (A), by transient."""
    gamma = 2 * np.pi * values["f0"] / (2 * values["q"])
    top = values["f0"] + max(values.get("nshift", 0.0), 0.0)
    dt = 1 / (points * top)
    stop = np.ceil((5 / (gamma * (current.min() / values["ith"] - 1)) + 40 / values["f0"]) / dt) * dt
    body, save = [], []
    for n, amperes in enumerate(current):
        started = {**values, "kick": 0.05}
        body.append(_instance(f"x{n}", (f"a{n}", "0", f"x{n}", f"y{n}"), "auto_oscillator", started))
        body.append(_source(f"i{n}", "0", f"a{n}", amperes))
        save += [f"v(x{n})", f"v(y{n})"]
    plot = _transient("device_free", "auto_oscillator", body, dt, float(stop), save)
    x, y = plot.columns(save).real[:, 0::2], plot.columns(save).real[:, 1::2]
    weight = hann_weights(plot.axis, 20 / values["f0"])
    late = plot.axis > plot.axis[-1] - 20 / values["f0"]
    phase = np.unwrap(np.angle(x[late] + 1j * y[late]), axis=0)
    turn = np.abs(np.polyfit(plot.axis[late], phase, 1)[0]) / (2 * np.pi)
    return np.asarray(weight @ (x**2 + y**2)), np.tan(np.pi * turn * dt) / (np.pi * dt)


def oscillator_points(current: Array, device: str, values: Values, points: int = 60) -> tuple[Array, Array]:
    """Power into a matched load (W) and frequency (Hz, NaN without a tone) of an oscillator neuron, by transient."""
    f0, z0 = values["f0"], values["z0"]
    dt, stop = 1 / (points * f0), 40 / f0
    body = []
    for n, amperes in enumerate(current):
        body += [
            _instance(f"x{n}", (f"a{n}", "0", f"out{n}"), device, values),
            _source(f"i{n}", "0", f"a{n}", amperes),
            _resistor(f"rl{n}", f"out{n}", "0", z0),
        ]
    save = [f"v(out{n})" for n in range(len(current))]
    plot = _transient("device_tone", device, body, dt, stop, save)
    volts = plot.columns(save).real
    power = hann_weights(plot.axis, 20 / f0) @ volts**2 / z0
    frequency = np.full(len(current), np.nan)
    for n in np.flatnonzero(power > 1e-6 * power.max()).tolist():
        v, t = volts[:, n], plot.axis
        up = np.flatnonzero((v[:-1] < 0) & (v[1:] >= 0) & (t[:-1] > 5 / f0))
        if len(up) > 2:
            at = t[up] - v[up] * (t[up + 1] - t[up]) / (v[up + 1] - v[up])
            frequency[n] = (len(at) - 1) / (at[-1] - at[0])
    return np.asarray(power), frequency


def compression_points(amplitude: Array, f: float, values: Values, points: int = 80) -> Array:
    """Peak fundamental, V, at a matched load of `amplifier` for tones of f (Hz) and that peak (V) at its input [n]."""
    z0, dt = values["z0"], 1 / (points * f)
    body = []
    for n, peak in enumerate(amplitude):
        body += [
            _source(f"v{n}", f"s{n}", "0", wave=_sine(2 * peak, f)),
            _resistor(f"rs{n}", f"s{n}", f"a{n}", z0),
            _instance(f"x{n}", (f"a{n}", f"out{n}"), "amplifier", values),
            _resistor(f"rl{n}", f"out{n}", "0", z0),
        ]
    save = [f"v(out{n})" for n in range(len(amplitude))]
    plot = _transient("device_gain", "amplifier", body, dt, 14 / f, save)
    weight = hann_weights(plot.axis, 10 / f) * np.exp(-2j * np.pi * f * plot.axis)
    return np.asarray(2 * np.abs(weight @ plot.columns(save).real))


def macrospin_points(f: Array, start: Array, amplitude: float, values: Values, points: int = 40) -> Array:
    """Rectified voltage, V, of `macrospin` under tones of f (Hz) and that current (A, peak), by transient.

    `start` is the equilibrium m0 [3]; `values` may hold `width`, the half width in Hz (default α f).
    """
    dt = 1 / (points * float(f.max()))
    width = values.get("width", values["alpha"] * float(f.mean()))
    window = 4 / width
    body, save = [], [f"v(a{n})" for n in range(len(f))]
    for n, tone in enumerate(played(f, dt)):
        body += [
            _instance(f"x{n}", (f"a{n}", "0", "0", "0", *(f"m{axis}{n}" for axis in "xyz")), "macrospin", values),
            _source(f"i{n}", "0", f"a{n}", wave=_sine(amplitude, tone)),
            NGSPICE.format_initial({f"m{axis}{n}": f"{m:.15g}" for axis, m in zip("xyz", start, strict=True)}),
        ]
    stop = float(np.ceil((1.6 / width + window) / dt) * dt)
    plot = _transient("device_spin", "macrospin", body, dt, stop, save, initial=True)
    return np.asarray(hann_weights(plot.axis, window) @ plot.columns(save).real)


def current_points(volts: Array, device: str, values: Values) -> Array:
    """Current, A, into the first pin of a two-terminal device at DC voltages (V), the second grounded."""
    body, save = [], [f"i(v{n})" for n in range(len(volts))]
    for n, level in enumerate(volts):
        body.append(_instance(f"x{n}", (f"a{n}", "0"), device, values))
        body.append(_source(f"v{n}", f"a{n}", "0", level))
    return np.asarray(-_run("device_iv", device, body, NGSPICE.format_op(), save, 60).data[0, :].real[: len(volts)])


def two_port_points(f: Array, device: str, values: Values, z0: float = 50.0) -> tuple[Complex, Complex]:
    """S21 and S11 of a line between its two pins by `.ac`; f in Hz, evenly spaced."""
    body = [_instance("x1", ("a", "b"), device, values), _source("v1", "s", "0", 0, "2")]
    body += [NGSPICE.format_element(*end, repr(z0)) for end in (("rs", ("s", "a")), ("rl", ("b", "0")))]
    volts = _run("device_line", device, body, _grid(f), ["v(a)", "v(b)"], 60).columns(["v(a)", "v(b)"])
    return np.asarray(volts[:, 1]), np.asarray(volts[:, 0] - 1)
