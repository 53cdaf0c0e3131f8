"""Fixtures around a device under test: taken off, put on, and what the mismatches look like in time.

A two-port fixture to either side: measured = left ** device ** right, so device = left⁻¹ ** measured ** right⁻¹.
"""

from typing import TYPE_CHECKING

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array
from resonet.sparams.metrics import at_frequencies

if TYPE_CHECKING:
    from skrf import Network

__all__ = ["deembed", "embed", "on_grid", "time_gate", "time_response"]

UNEVEN = 1e-6


def on_grid(network: "Network", f: Array) -> "Network":
    """The network at other frequencies (Hz) inside its band, real and imaginary parts interpolated."""
    import skrf

    n = range(network.nports)
    s = np.stack([np.stack([at_frequencies(network, f, i, j) for j in n], -1) for i in n], -2)
    found = skrf.Network(frequency=skrf.Frequency.from_f(f, unit="hz"), s=s, z0=network.z0[0], name=network.name)
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


def time_gate(network: "Network", start: float, stop: float, i: int = 0, j: int = 0) -> "Network":
    """S_ij with only what arrives between start and stop (s), as a one-port: scikit-rf's gate, flat in its middle half.

    The ends of the band are less exact than its middle, as with any gate.
    """
    _even(network)
    longest = 1 / (network.f[1] - network.f[0])
    if not -longest / 2 <= start < stop <= longest / 2:
        raise InputError(f"gate {start:g} ... {stop:g} s; possible: rising, within ±{longest / 2:g} s")
    return _one(network, i, j).time_gate(start=start, stop=stop, mode="bandpass", method="fft", window=("tukey", 0.5))
