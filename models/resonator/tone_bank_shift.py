"""The compiled part of `ToneBank` with a frequency shift; without one tone_bank_kernel.py is simpler.

As there, three tones of a resonator are told apart, rows of [3, chains]. What the tails of all others add follows the
common state y = 2p of the resonator: g = 1 + 2Qp and u = d - 2np, polynomials in p.

Not answered here, but flagged for the full balance: resonators that may have two answers (fold_over.py), whose tones
beside their own come near resonance, whose p is beyond the range of the polynomials, or that do not settle.
"""

import math

import numba
import numpy as np

from resonet.core.types import Array, Ints

__all__ = ["shifted_voltages"]

SWEEPS = 40
SETTLED = 1e-8  # change of a sweep, as part of the largest p
LOOSE = 1e-6  # of p of a resonator: beyond, it is flagged
HALVINGS = 8  # of the bracket of an own tone's p
SAFE = 0.8  # part of the drive and the detuning of a fold-over, from which on a resonator is flagged
NEAR = 2.0  # half-widths that a tone beside the own one must keep from resonance
FAST = {"contract", "nsz", "reassoc"}


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _start(
    s: Array, d: Array, p: Array, loss: Array, turn: Array, first: Array, back: Array, qnl: float, shift: float
) -> None:
    """Tones as without precession, but the own one, halving its bracket: it rises with s where nothing folds over."""
    for j in range(len(back)):
        for i in range(1, 3):
            p[i, j] = s[i, j] / (d[i, j] * d[i, j] + 1)
        rest, low, high = p[1, j] + p[2, j] + first[j], 0.0, s[0, j]
        for _ in range(HALVINGS):
            found = 0.5 * (low + high)
            y = found + 2 * rest
            u, g = d[0, j] - shift * y, 1 + qnl * y
            above = found * (u * u + g * g) > s[0, j]
            low, high = (low, found) if above else (found, high)
        p[0, j], back[j] = 0.5 * (low + high), rest
        y = p[0, j] + 2 * rest
        turn[0, j], loss[0, j] = d[0, j] - shift * y, 1 + qnl * y


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _sweep(
    s: Array,
    d: Array,
    p: Array,
    loss: Array,
    turn: Array,
    far: Array,
    back: Array,
    moved: Array,
    mixing: Array,
    wide: Array,
    qnl: float,
    shift: float,
    scale: float,
    nodes: int,
) -> tuple[float, float]:
    """One sweep over all chains, as `_sweep` of tone_bank_kernel.py; moved and mixing² [chains], of eq. 6."""
    real, imaginary, size = qnl * qnl - shift * shift, -2 * qnl * shift, qnl * qnl + shift * shift  # γ'² and |γ'|²
    most, largest = 0.0, 0.0
    for j in range(len(back)):
        own, q = p[0, j], back[j]
        g, u = loss[0, j], turn[0, j]
        h = g + wide[0]
        rise = 2 * own * (qnl * h - shift * u)
        found = (s[0, j] * h / g + rise * own) / (u * u + h * h + rise)
        found = min(max(found, 0.5 * own), 2 * own)
        total = found + q
        t = total * scale
        rest = far[nodes - 1, j]
        for m in range(nodes - 2, -1, -1):
            rest = rest * t + far[m, j]
        g, moving = 1 + 2 * qnl * total, 2 * shift * total
        apart = d[1, j] + d[2, j] - d[0, j] - moving
        both = 4 / (g * g + apart * apart)
        two = p[1, j] * p[2, j] * both * size
        mixed, twisted = -two * g, -two * apart  # K of the own tone
        across, aside = (real * g + imaginary * apart) * both * found, (imaginary * g - real * apart) * both * found
        other = p[1, j], p[2, j]
        share = 0.0
        for i in range(1, 3):
            e = 2 * d[0, j] - d[i, j] - moving
            inverse = found / (g * g + e * e)
            loss[i, j] = g - qnl * p[i, j] - other[2 - i] * across - size * found * g * inverse
            turn[i, j] = d[i, j] - moving + shift * p[i, j] - other[2 - i] * aside - size * found * e * inverse
            h = loss[i, j] + wide[i]
            p[i, j] = s[i, j] * h / (loss[i, j] * (turn[i, j] ** 2 + h * h))
            mixed -= 2 * p[i, j] * (real * g + imaginary * e) * inverse
            twisted -= 2 * p[i, j] * (imaginary * g - real * e) * inverse
            rest += p[i, j]
            share = max(share, size * found * inverse)
        loss[0, j] = 1 + qnl * (found + 2 * rest) + mixed
        turn[0, j] = d[0, j] - shift * (found + 2 * rest) + twisted
        moved[j], mixing[j] = abs(found - own) + abs(rest - q), share
        most, largest = max(most, moved[j]), max(largest, total)
        p[0, j], back[j] = found, rest
    return most, largest


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _flag(
    s: Array,
    d: Array,
    p: Array,
    turn: Array,
    back: Array,
    moved: Array,
    qnl: float,
    shift: float,
    scale: float,
    fold: tuple[float, float],
    flags: Array,
) -> None:
    """Which chains are left to the full balance."""
    side = 1.0 if shift > 0 else -1.0
    for j in range(len(back)):
        total, g = p[0, j] + back[j], 1 + 2 * qnl * back[j]
        folds = s[0, j] > SAFE * fold[0] * g * g * g and side * (d[0, j] - 2 * shift * back[j]) > SAFE * fold[1] * g
        near = (s[1, j] > 0 and abs(turn[1, j]) < NEAR) or (s[2, j] > 0 and abs(turn[2, j]) < NEAR)
        flags[j] = folds or near or not (total * scale <= 1 and moved[j] <= LOOSE * total)


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _add_volts(
    power: Array,
    mirror: Array,
    volts: Array,
    d: Array,
    p: Array,
    loss: Array,
    turn: Array,
    far: Array,
    back: Array,
    wide: Array,
    scale: float,
    nodes: int,
    flags: Array,
    out: Array,
) -> None:
    """Add the voltages of a resonator, in all chains that are not flagged, to out [chains]."""
    for j in range(len(back)):
        t = (p[0, j] + back[j]) * scale
        found = far[2 * nodes - 1, j]
        for m in range(2 * nodes - 2, nodes - 1, -1):
            found = found * t + far[m, j]
        for i in range(3):
            u, g = turn[i, j], loss[i, j] + wide[i]
            b = mirror[i, j] + d[i, j] - u
            found += power[i] * volts[i, j] * (b / (b * b + g * g) - u / (u * u + g * g))
        out[j] += 0.0 if flags[j] else found


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _add_noise(
    s: Array, d: Array, p: Array, back: Array, hiss: Array, qnl: float, shift: float, flags: Array, out: Array
) -> None:
    """Add the precession noise, hiss [chains] s L_s (precession_noise.py, eq. 3), of chains not flagged to out."""
    for j in range(len(back)):
        total = p[0, j] + back[j]
        found = back[j] - p[1, j] - p[2, j]
        for i in range(3):
            y = 2 * total - p[i, j]
            g, u = 1 + qnl * y, d[i, j] - shift * y
            square, odd, even = g * g + u * u, 2 * g * u, g * g - u * u
            slope, rise = g + qnl * p[i, j], u - shift * p[i, j]  # A
            by = p[i, j] / square  # B g*² = by [(Q even - n odd) - j (Q odd + n even)]
            across, aside = slope + by * (qnl * even - shift * odd), rise - by * (qnl * odd + shift * even)
            gap = slope * slope + rise * rise - (qnl * qnl + shift * shift) * p[i, j] * p[i, j]
            found += s[i, j] * (across * across + aside * aside) / (gap * gap)
        out[j] += 0.0 if flags[j] else hiss[j] * (1 + qnl * total) * found


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def shifted_voltages(
    powers: Array,
    widths: Array,
    near: Ints,
    d: Array,
    mirror: Array,
    drive: Array,
    volts: Array,
    far: Array,
    hiss: Array,
    qnl: float,
    shift: float,
    span: float,
    fold: tuple[float, float],
    out: Array,
    noise: Array,
    flags: Array,
) -> float:
    """As `bank_voltages`, far in p/span; the largest mixing. fold: s_c and |d_c| of fold_over.py.

    flags [n, resonators, chains]: 1 where the voltage and the noise of a resonator are not in out and noise.
    """
    resonators, _, chains = d.shape
    nodes, scale, worst = far.shape[2] // 2, 1 / span, 0.0
    s, p, loss, turn = np.empty((3, chains)), np.empty((3, chains)), np.empty((3, chains)), np.empty((3, chains))
    back, moved, mixing, power, wide = np.empty(chains), np.zeros(chains), np.zeros(chains), np.empty(3), np.empty(3)
    for n in range(len(out)):
        out[n] = 0
        if len(noise):
            noise[n] = 0
        for k in range(resonators):
            for i in range(3):
                power[i], wide[i] = powers[n, near[k, i]], widths[n, near[k, i]]
                for j in range(chains):
                    s[i, j] = drive[k, i, j] * power[i]
            _start(s, d[k], p, loss, turn, far[n, k, 0], back, qnl, shift)
            for _ in range(SWEEPS):
                made = (s, d[k], p, loss, turn, far[n, k], back, moved, mixing, wide, qnl, shift, scale, nodes)
                most, largest = _sweep(*made)
                if most <= SETTLED * largest:
                    break
            _flag(s, d[k], p, turn, back, moved, qnl, shift, scale, fold, flags[n, k])
            own = flags[n, k]
            lanes = (power, mirror[k], volts[k], d[k], p, loss, turn)
            _add_volts(*lanes, far[n, k], back, wide, scale, nodes, own, out[n])
            if len(noise):
                _add_noise(s, d[k], p, back, hiss[k], qnl, shift, own, noise[n])
            for j in range(chains):
                worst = max(worst, 0.0 if own[j] else mixing[j])
    return math.sqrt(worst)
