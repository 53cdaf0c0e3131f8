"""Selectivity by the names that RF designers use, as arrays over channels, resonances or pairs of ports.

insertion loss   -20 lg |S21|;  return loss -20 lg |S11|, in dB, positive for a passive network
group delay      -dφ21/dω, s
isolation        -20 lg |S_ij| between two inputs
NEXT, FEXT       20 lg |S| from the near end of a line to the near, or the far, end of another, in dB, negative
resonance        pole p of a rational model of S_ij: centre |p|/2π, loaded Q = |p| / (2 |Re p|), bandwidth between
the -3 dB points of the line f0/Q_L; depth of the notch (negative) or height of the peak against the
model without this pole; unloaded Q by the diameter of its circle, 1/Q_0 = (1 - Re d) / Q_L, with
S = S_background (1 - d) at the centre (Khalil et al., J. Appl. Phys. 111, 054510), for a notch
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from resonet.core.decibel import level
from resonet.core.errors import InputError
from resonet.core.types import Array, Complex
from resonet.sparams.interpolate import interpolated
from resonet.sparams.measured import FittedPart, rational_model

if TYPE_CHECKING:
    from skrf import Network

__all__ = [
    "ChannelMetrics",
    "CrosstalkMetrics",
    "ResonanceMetrics",
    "adjacent_isolation",
    "adjacent_rejection",
    "asymmetry",
    "channel_metrics",
    "gain_excess",
    "group_delay",
    "line_crosstalk",
    "resonance_metrics",
]

FLOOR = 1e-15  # |S| below which a level is rounding


@dataclass(frozen=True, slots=True, eq=False)
class ChannelMetrics:
    """At every channel, all [channels]."""

    frequency: Array  # Hz
    insertion_loss: Array  # dB
    return_loss: Array  # dB
    group_delay: Array  # s


@dataclass(frozen=True, slots=True, eq=False)
class ResonanceMetrics:
    """Of every resonance looked for, all [resonances]; nan where the model has no pole near it."""

    wanted: Array  # Hz, where it was looked for
    centre: Array  # Hz
    bandwidth: Array  # Hz, -3 dB
    loaded_q: Array
    unloaded_q: Array  # nan for a peak, or where the element delivers power
    depth: Array  # dB, |S| at the centre against the background: negative for a notch


@dataclass(frozen=True, slots=True, eq=False)
class CrosstalkMetrics:
    """Between the lines of a row: worst levels over the band, dB, [lines, lines], diagonal nan."""

    near: Array  # NEXT, victim x aggressor
    far: Array  # FEXT
    near_sum: Array  # [lines] power sum over all aggressors, worst over the band
    far_sum: Array


def at_frequencies(network: "Network", f: Array, i: int, j: int) -> Complex:
    """S_ij at frequencies inside the network's band, interpolated without its delay. Ports from 0."""
    f = np.asarray(f, float)
    low, high = network.f[0], network.f[-1]
    if f.size and (f.min() < low * (1 - 1e-9) or f.max() > high * (1 + 1e-9)):
        raise InputError(f"network {network.name}: {f.min():g} ... {f.max():g} Hz; possible: {low:g} ... {high:g} Hz")
    return interpolated(network.f, network.s[:, i : i + 1, j], f)[:, 0]


def group_delay(network: "Network", i: int = 1, j: int = 0) -> Array:
    """-dφ/dω of S_ij, s, [frequencies]: scikit-rf's for an even grid, and on any grid -Im(S'/S)/2π."""
    s = network.s[:, i, j]
    if len(s) < 2:
        return np.full(len(s), np.nan)
    slope = np.gradient(s, network.f, edge_order=2 if len(s) > 2 else 1)
    with np.errstate(all="ignore"):
        return np.asarray(-(slope / s).imag / (2 * np.pi))


def channel_metrics(network: "Network", channels: Array, i: int = 1, j: int = 0) -> ChannelMetrics:
    """Insertion loss j -> i, return loss at j and group delay at the channels (Hz). Ports from 0."""
    channels = np.asarray(channels, float)
    through, back = at_frequencies(network, channels, i, j), at_frequencies(network, channels, j, j)
    delay = np.interp(channels, network.f, group_delay(network, i, j))
    return ChannelMetrics(channels, -level(through), -level(back), delay)


def _background(part: FittedPart, f: Array, k: int) -> Complex:
    """The model without its k-th pole at the frequencies f [n]."""
    s = 2j * np.pi * f
    return np.asarray(part.model(f)[:, 0, 0] - part.residues[0, 0, k] / (s - part.poles[k]))


def resonance_metrics(
    network: "Network", wanted: Array, i: int = 1, j: int = 0, reach: float = 0.02
) -> ResonanceMetrics:
    """Resonances of S_ij near the frequencies `wanted` (Hz), each within `reach` of it. Ports from 0.

    Needs a grid with several points in every linewidth (`sparams.grid`).
    """
    wanted = np.asarray(wanted, float)
    part = rational_model(network, i, j, len(wanted))
    sharp = np.flatnonzero(part.poles.imag > 0)
    found = np.full((5, len(wanted)), np.nan)
    centres = np.abs(part.poles[sharp]) / (2 * np.pi)
    for n, f0 in enumerate(wanted):
        near = sharp[np.abs(centres / f0 - 1) <= reach]
        if not len(near):
            continue
        strength = np.abs(part.residues[0, 0, near] / part.poles[near].real)
        k = int(near[strength.argmax()])
        pole = part.poles[k]
        centre, loaded = abs(pole) / (2 * np.pi), abs(pole) / (2 * abs(pole.real))
        f = np.array([centre])
        ratio = complex(part.model(f)[0, 0, 0] / _background(part, f, k)[0])
        unloaded = loaded / ratio.real if 0 < ratio.real < 1 else np.nan
        found[:, n] = centre, centre / loaded, loaded, unloaded, level(np.array(ratio))
    return ResonanceMetrics(wanted, *found)


def adjacent_rejection(resonances: ResonanceMetrics, channels: Array) -> Array:
    """Attenuation of each resonance at the nearest channel that is not its own, dB, [resonances].

    By its own line: 10 lg (1 + (2 Q_L δf/f0)²). channels [resonances] in the resonances' order.
    """
    apart = np.abs(np.asarray(channels, float)[None] - resonances.centre[:, None])
    np.fill_diagonal(apart, np.inf)
    turn = 2 * resonances.loaded_q * apart.min(1) / resonances.centre
    return np.asarray(10 * np.log10(1 + turn**2))


def adjacent_isolation(network: "Network", channels: Array) -> Array:
    """Isolation between the input of each channel and its neighbours', dB, [channels], at either's frequency.

    Ports 0 ... n-1 of the network are the inputs of the channels (Hz, sorted either way).
    """
    n = len(channels)
    if n > network.nports:
        raise InputError(f"network {network.name}: {network.nports} ports for {n} channels")
    found = np.full(n, np.inf)
    for k in range(n - 1):
        pair = np.abs(at_frequencies(network, channels[k : k + 2], k, k + 1)).max()
        both = float(-level(np.array(pair)))
        found[k], found[k + 1] = min(found[k], both), both
    return found


def line_crosstalk(network: "Network", lines: int) -> CrosstalkMetrics:
    """NEXT and FEXT of a row whose ports are near0 ..., far0 ...: worst over the band."""
    if network.nports != 2 * lines:
        raise InputError(f"network {network.name}: {network.nports} ports; possible: {2 * lines} (near and far ends)")
    power = np.abs(network.s) ** 2
    off = ~np.eye(lines, dtype=bool)
    near, far = power[:, :lines, :lines] * off, power[:, lines:, :lines] * off
    worst = [10 * np.log10(np.maximum(p.max(0), FLOOR**2)) for p in (near, far)]
    sums = [10 * np.log10(np.maximum(p.sum(2).max(0), FLOOR**2)) for p in (near, far)]
    for matrix in worst:
        np.fill_diagonal(matrix, np.nan)
    return CrosstalkMetrics(worst[0], worst[1], sums[0], sums[1])


def gain_excess(network: "Network") -> float:
    """Largest singular value of S minus 1: positive where the network is active."""
    return float(np.linalg.svd(network.s, compute_uv=False).max() - 1)


def asymmetry(network: "Network") -> float:
    """Largest |S_ij - S_ji|."""
    return float(np.abs(network.s - np.swapaxes(network.s, 1, 2)).max())
