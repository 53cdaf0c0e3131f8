"""Fixtures around a device under test: taken off, put on, and what the mismatches look like in time.

A two-port fixture to either side: measured = left ** device ** right, so device = left⁻¹ ** measured ** right⁻¹.
"""

from typing import TYPE_CHECKING

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array, Complex
from resonet.core.validity import warn
from resonet.sparams.interpolate import interpolated, sampling_error
from resonet.sparams.reference import constant_reference

if TYPE_CHECKING:
    from skrf import Network

__all__ = ["deembed", "embed", "on_grid", "time_gate", "time_response"]

UNEVEN = 1e-6
TOO_COARSE = 0.1  # |ΔS| by which interpolation may be off
ORDER = 40  # of the linear prediction beyond the ends of a band
RIDGE = 1e-7  # of its least squares, against noise
HELD_OUT = 20  # part of a band that is predicted from the rest, to see whether it can be
UNPREDICTED = 0.1  # error of that, against the RMS of S, beyond which the ends of a gated band are off


def on_grid(network: "Network", f: Array) -> "Network":
    """The network at other frequencies (Hz) inside its band, interpolated without the delay of each entry.

    Reference impedances that are complex or change with frequency become 50 ohm. InputError where the samples are too
    coarse to be interpolated.
    """
    import skrf

    network = constant_reference(network)
    n = network.nports
    f = np.asarray(f, float)
    low, high = network.f[0], network.f[-1]
    if f.size and (f.min() < low * (1 - 1e-9) or f.max() > high * (1 + 1e-9)):
        raise InputError(f"network {network.name}: {f.min():g} ... {f.max():g} Hz; possible: {low:g} ... {high:g} Hz")
    flat = network.s.reshape(-1, n * n)
    if not np.all(np.isin(f, network.f)):
        off = sampling_error(network.f, flat)
        if len(network.f) > 8 and off > TOO_COARSE:
            raise InputError(
                f"network {network.name}: its {len(network.f)} frequencies are too coarse to interpolate "
                f"(S may be {off:.2g} off); possible: a finer sweep, or the same frequencies"
            )
    s = interpolated(network.f, flat, f).reshape(-1, n, n)
    z0 = np.tile(network.z0[0], (len(f), 1))  # [frequencies, ports]: one dimension would be ambiguous
    found = skrf.Network(frequency=skrf.Frequency.from_f(f, unit="hz"), s=s, z0=z0, name=network.name)
    found.port_names = network.port_names
    return found


def _two_ports(*networks: "Network") -> None:
    for network in networks:
        if network.nports != 2:
            raise InputError(f"network {network.name}: {network.nports} ports; possible: two-ports")


def embed(device: "Network", left: "Network", right: "Network") -> "Network":
    """Left ** device ** right at the device's frequencies."""
    _two_ports(device, left, right)
    return on_grid(left, device.f) ** device ** on_grid(right, device.f)


def deembed(measured: "Network", left: "Network", right: "Network") -> "Network":
    """The device between two fixtures, at the measurement's frequencies. InputError where a fixture blocks."""
    _two_ports(measured, left, right)
    sides = [on_grid(side, measured.f) for side in (left, right)]
    for side in sides:
        if np.abs(side.s[:, 1, 0]).min() < 1e-6:
            raise InputError(f"fixture {side.name}: lets nothing through (|S21| < 1e-6); possible: another fixture")
    found = sides[0].inv ** measured ** sides[1].inv
    found.name, found.port_names = measured.name, measured.port_names
    return found


def _even(network: "Network") -> None:
    step = np.diff(network.f)
    if len(step) < 2 or np.ptp(step) > UNEVEN * step.mean():
        raise InputError(f"network {network.name}: time needs evenly spaced frequencies; possible: a linear sweep")


def time_response(network: "Network", i: int = 0, j: int = 0) -> tuple[Array, Array]:
    """Time (s) and |impulse response| of S_ij with a Kaiser window, [points]; a mismatch stands at its round trip."""
    _even(network)
    entry = _one(network, i, j).windowed(("kaiser", 6))
    values = np.abs(np.fft.fftshift(np.fft.ifft(entry.s[:, 0, 0])))
    time = np.fft.fftshift(np.fft.fftfreq(len(values), entry.f[1] - entry.f[0]))
    return np.asarray(time), np.asarray(values)


def _one(network: "Network", i: int, j: int) -> "Network":
    import skrf

    return skrf.Network(frequency=network.frequency, s=network.s[:, i : i + 1, j : j + 1], z0=50.0)


def _beyond(s: Complex, more: int) -> Complex:
    """S and `more` further samples by linear prediction: each echo is a complex exponential in frequency."""
    order = min(ORDER, len(s) // 3)
    rows = np.lib.stride_tricks.sliding_window_view(s, order + 1)
    past, next_one = rows[:, :-1], rows[:, -1]
    ridge = RIDGE * float(np.vdot(past, past).real) or 1.0
    weights = np.linalg.solve(past.conj().T @ past + ridge * np.eye(order), past.conj().T @ next_one)
    most = float(np.abs(s).max())
    found = np.concatenate([s, np.zeros(more, complex)])
    for k in range(len(s), len(found)):
        value = found[k - order : k] @ weights
        found[k] = value * min(1.0, most / max(abs(value), 1e-300))
    return found


def _warn_of_ends(name: str, s: Complex) -> None:
    """Warn where the last samples at either end of the band are not what linear prediction of the others gives."""
    held = max(1, len(s) // HELD_OUT)
    size = float(np.sqrt((np.abs(s) ** 2).mean())) or 1.0
    off = max(float(np.abs(_beyond(x[:-held], held)[-held:] - x[-held:]).max()) for x in (s, s[::-1])) / size
    if off > UNPREDICTED:
        text = f"network {name}: the gate is unreliable at the ends of the band, which S does not let predict"
        warn("gate-edge", f"{text} (error against its RMS)", off, UNPREDICTED)


def time_gate(network: "Network", start: float, stop: float, i: int = 0, j: int = 0) -> "Network":
    """S_ij with only what arrives between start and stop (s), as a one-port; the gate is flat in its middle half.

    The band is extended by half of itself to either side, predicted from S and faded out, so that the gate does not
    see its ends: without that they are off by far more than the echo that is looked for. Warns (gate-edge) where S is
    not predictable.
    """
    _even(network)
    step, n = float(network.f[1] - network.f[0]), len(network.f)
    longest = 1 / step
    if not -longest / 2 <= start < stop <= longest / 2:
        raise InputError(f"gate {start:g} ... {stop:g} s; possible: rising, within ±{longest / 2:g} s")
    found, more = _one(network, i, j), n // 2
    s = found.s[:, 0, 0]
    _warn_of_ends(network.name or "", s)
    ahead, behind = _beyond(s, more), _beyond(s[::-1], more)[n:][::-1]
    fade = np.sin(np.pi / 2 * (np.arange(more) + 1) / (more + 1)) ** 2
    wide = np.concatenate([behind * fade, s, ahead[n:] * fade[::-1]])
    points = 4 * len(wide)
    within = (np.fft.fftfreq(points, step) - start) / (stop - start)
    ramp = np.clip(4 * np.minimum(within, 1 - within), 0, 1)
    gate = np.sin(np.pi / 2 * ramp) ** 2
    gated = np.fft.fft(np.fft.ifft(wide, points) * gate)[more : more + n]
    found.s = gated[:, None, None]
    return found
