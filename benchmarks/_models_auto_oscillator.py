"""The auto-oscillator (fidelity 2) against its own closed forms, in ngspice, and against fidelity 1.

`lines` are the figures with a bar; `notes` are the input powers up to which the linear law of fidelity 1 may be used.
"""

from collections.abc import Iterator

import numpy as np

from resonet.cosim.ngspice.run import run_deck
from resonet.models.neuron.starting_oscillator import StartingThreeTerminal
from resonet.models.presets.preset import list_presets, load_preset
from resonet.models.resonator.auto_oscillator import (
    AutoOscillator,
    free_frequency,
    free_power,
    growth_rate,
    start_up_time,
)
from resonet.models.resonator.forced_oscillation import (
    ONE_DECIBEL,
    compression_power,
    forced_voltage_per_watt,
    linear_power,
)
from resonet.models.resonator.linear import SpinDiode, rectified_per_watt
from resonet.models.resonator.thermal import thermal_power
from resonet.netlist.spice.deck import Deck

SHIFTS = (0.0, 0.01, -0.1, -1.0, 1.0)  # N / f0
POINTS = 100  # time points per period: growth rates are 1 - (π/100)² = 0.999 of the true ones


def start(device: AutoOscillator, currents: np.ndarray, stop: float) -> tuple[np.ndarray, np.ndarray]:
    """Time and complex c, its operating point taken off, after the kick at each DC current, by ngspice transient.

    Shapes [times] and [currents, times].
    """
    names = ("f0", "q", "r0", "k", "ith", "qnl", "nshift", "x1", "psi", "kick")
    parameters = " ".join(f"{name}={getattr(device, name)!r}" for name in names)
    step = 1 / (POINTS * device.f0)
    text = ["start-up of the auto-oscillator", ".include ../lib/auto_oscillator.lib"]
    for j, current in enumerate(currents):
        text += [f"i{j} 0 p{j} dc {float(current)!r}", f"xo{j} p{j} 0 x{j} y{j} auto_oscillator {parameters}"]
    text += [
        ".save " + " ".join(f"v(x{j}) v(y{j})" for j in range(len(currents))),
        ".options method=trap reltol=1e-6 vntol=1e-10 abstol=1e-14 trtol=1e5",
        f".tran {step!r} {stop!r} 0 {step!r}",
        *(".control", "set filetype=binary", "run", "write start.raw", "quit", ".endc", ".end", ""),
    ]
    plot = run_deck(Deck("start", "\n".join(text)), timeout=120)[0]
    amplitudes = [plot.columns([f"v(x{j})", f"v(y{j})"]).real @ [1, 1j] for j in range(len(currents))]
    return plot.axis, np.array([c - c[0] for c in amplitudes])


def settled(device: AutoOscillator, time: np.ndarray, c: np.ndarray) -> tuple[float, float]:
    """Mean p and true frequency, Hz, of the last third of a transient of trapezoidal steps."""
    late = time > time[-1] * 2 / 3
    turn = np.polyfit(time[late], np.unwrap(np.angle(c[late])), 1)[0] / 2
    step = 1 / (POINTS * device.f0)
    return float(np.mean(np.abs(c[late] - c[late].mean()) ** 2)), float(np.tan(turn * step) / (np.pi * step))


def rising(device: AutoOscillator, time: np.ndarray, c: np.ndarray, current: float) -> float:
    """Measured over analytic time from 1.1 kick to 90 % of the stationary p.

    From 1.1 kick and not from the kick itself, so that the half period that the kick takes is not counted.
    """
    goal = 0.9 * float(free_power(device, current))
    first = 1.1 * device.kick
    power = np.convolve(np.abs(c) ** 2, np.ones(POINTS) / POINTS, "same")  # one period: the DC point's ripple goes
    moments = [time[int(np.argmax(power >= level))] for level in (first, goal)]
    return float((moments[1] - moments[0]) / start_up_time(device, current, first))


def slope() -> float:
    """Log-log slope of the deviation of fidelity 2 from fidelity 1 over power, five decades below compression."""
    power = np.logspace(-16, -11, 26)
    slopes = []
    for shift in (0.0, -0.1):
        device = AutoOscillator.from_spin_diode(SpinDiode(), 1e9, nshift=shift * 1e9)
        for f in (0.993e9, 1.006e9):
            deviation = np.abs(forced_voltage_per_watt(device, f, power) / rectified_per_watt(f, 1e9, SpinDiode()) - 1)
            slopes.append(np.polyfit(np.log(power), np.log(deviation), 1)[0])
    return float(max(slopes, key=lambda s: abs(s - 1)))


def threshold(device: AutoOscillator) -> float:
    """Current over I_th at which the growth rate, of ngspice transients just below and above, crosses zero."""
    currents = np.array([0.95, 1.05]) * device.ith
    time, c = start(device, currents, 60 / device.f0)
    late = time > 5 / device.f0
    rates = [np.polyfit(time[late], np.log(np.abs(amplitude[late])), 1)[0] for amplitude in c]
    return float(np.interp(0, rates, currents) / device.ith)


def lines() -> Iterator[tuple[str, str, str, bool]]:
    """What, figure, bar, and whether it holds."""
    value = slope()
    yield "fidelity 2 -> 1: slope of the deviation over power", f"{value:.4f}", "1 ± 0.02", abs(value - 1) <= 0.02
    at = threshold(AutoOscillator(kick=1e-6))
    yield "threshold current in ngspice / I_th", f"{at:.4f}", "1 ± 0.005", abs(at - 1) <= 0.005
    device = AutoOscillator(nshift=-0.1e9, kick=1e-4)
    currents = np.array([1.5, 2, 4]) * device.ith
    time, c = start(device, currents, 450e-9)
    power, turn = np.array([settled(device, time, value) for value in c]).T
    worst = float(np.abs(power / free_power(device, currents) - 1).max())
    yield "stationary p in ngspice against the closed form", f"{worst:.2%}", "<= 0.5 %", worst <= 0.005
    worst = float(np.abs((turn - device.free) / (free_frequency(device, currents) - device.free) - 1).max())
    yield "frequency pulling N p in ngspice against the closed form", f"{worst:.2%}", "<= 0.5 %", worst <= 0.005
    ratios = [rising(device, time, value, current) for value, current in zip(c, currents, strict=True)]
    worst = max(abs(ratio - 1) for ratio in ratios)
    yield "start-up time in ngspice against the closed form", f"{worst:.2%}", "<= 2 %", worst <= 0.02


def notes() -> Iterator[tuple[str, str]]:
    """Compression powers of the default device, and what they say about P_max."""
    for shift in SHIFTS:
        device = AutoOscillator(nshift=shift * 1e9)
        percent, decibel = (
            [compression_power(device, deviation, side) * 1e9 for side in (1, -1)] for deviation in (0.01, ONE_DECIBEL)
        )
        some = linear_power(device) * 1e9
        yield (
            f"input power at compression, N = {shift:g} f0",
            f"1 %: {percent[0]:.3g} nW above and {percent[1]:.3g} nW below resonance; 1 dB (0.794 of V): "
            f"{decibel[0]:.3g} and {decibel[1]:.3g} nW; every weight within 1 % of the largest: {some:.2g} nW",
        )
    device = AutoOscillator()
    change = [
        float(forced_voltage_per_watt(device, 1.01e9, power) / forced_voltage_per_watt(device, 1.01e9, 0.0) - 1)
        for power in (2e-9, 50e-9, 1e-6)
    ]
    text = ", ".join(f"{watts}: {share:.1%}" for watts, share in zip(("2 nW", "50 nW", "1 uW"), change, strict=True))
    yield "off the linear law at the best detuning, N = 0", text
    for name in list_presets():
        device = load_preset(name).auto_oscillator
        powers = [min(compression_power(device, part, side) for side in (1, -1)) for part in (0.01, ONE_DECIBEL)]
        yield (
            f"preset {name}, fidelity 2: 1 %, 1 dB, recommended P_max",
            ", ".join(f"{watts:.2g} W" for watts in (*powers, linear_power(device))),
        )
    device = AutoOscillator()
    rate, start = float(growth_rate(device, 2 * device.ith)), float(thermal_power(device.damping, device.ith))
    time = float(start_up_time(device, 2 * device.ith, start))
    yield f"start-up at 2 I_th from the thermal power p = {start:.2g}", f"{time * 1e9:.3g} ns (rate {rate:.3g} 1/s)"
    neuron = StartingThreeTerminal()
    times = [float(neuron.start_time(xi * neuron.ith)) * 1e9 for xi in (2.0, 1.1)]
    yield "start-up of the default neuron to 90 %, at 2 and 1.1 I_th", f"{times[0]:.0f}, {times[1]:.0f} ns"
