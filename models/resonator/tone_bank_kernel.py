"""The compiled part of `ToneBank`. Imported where it is called: numba takes longer to load than most commands.

Of every resonator three tones are told apart, rows of [3, chains]: its own, and those beside it.
"""

import numba
import numpy as np

from resonet.core.types import Array, Ints

__all__ = ["bank_voltages"]

SWEEPS = 80
SETTLED = 1e-8  # change of a sweep, as part of p
FAST = {"contract", "nsz", "reassoc"}


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _sweep(
    s: Array,
    d: Array,
    p: Array,
    loss: Array,
    turn: Array,
    far: Array,
    back: Array,
    wide: Array,
    qnl: float,
    scale: float,
    nodes: int,
) -> tuple[float, float]:
    """One sweep over all chains; the largest change, and the largest sum of p.

    s (1 + wide/loss) = p (turn² + (loss + wide)²), the detuning d, p, loss and turn [3, chains], wide [3] (eq. 8);
    back [chains] p of all tones but the own one;
    far [>= nodes, chains] polynomial of what tones not told apart add to it. The own tone makes a step of Newton's
    method, which comes from above, the others take what it leaves. Loss and turn are those of the state before.
    """
    moved, largest = 0.0, 0.0
    for j in range(len(back)):
        own, q = p[0, j], back[j]
        g, u = loss[0, j], turn[0, j]
        h = g + wide[0]
        rise = 2 * qnl * h * own
        found = (s[0, j] * h + g * rise * own) / (g * (u * u + h * h + rise))
        total = found + q
        g = 1 + 2 * qnl * total
        t = (g * g - 1) * scale
        rest = far[nodes - 1, j]
        for m in range(nodes - 2, -1, -1):
            rest = rest * t + far[m, j]
        between, square = d[1, j] + d[2, j] - d[0, j], 4 * qnl * qnl  # products with the tones beside it, eq. 6
        both = square / (g * g + between * between)
        mixed, twisted = p[1, j] * p[2, j] * both * g, p[1, j] * p[2, j] * both * between
        loss[1, j] = g - qnl * p[1, j] - found * p[2, j] * both * g
        turn[1, j] = d[1, j] + found * p[2, j] * both * between
        loss[2, j] = g - qnl * p[2, j] - found * p[1, j] * both * g
        turn[2, j] = d[2, j] + found * p[1, j] * both * between
        for i in range(1, 3):
            e = 2 * d[0, j] - d[i, j]
            inverse = 0.25 * square * found / (g * g + e * e)
            loss[i, j] -= found * g * inverse
            turn[i, j] -= found * e * inverse
            h = loss[i, j] + wide[i]
            p[i, j] = s[i, j] * h / (loss[i, j] * (turn[i, j] ** 2 + h * h))
            mixed += 2 * p[i, j] * g * inverse
            twisted -= 2 * p[i, j] * e * inverse
            rest += p[i, j]
        loss[0, j] = 1 + qnl * (found + 2 * rest) - mixed
        turn[0, j] = d[0, j] - twisted
        moved = max(moved, abs(found - own) + abs(rest - q))
        largest = max(largest, total)
        p[0, j], back[j] = found, rest
    return moved, largest


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _add_volts(
    power: Array,
    mirror: Array,
    volts: Array,
    p: Array,
    loss: Array,
    turn: Array,
    far: Array,
    back: Array,
    wide: Array,
    qnl: float,
    scale: float,
    nodes: int,
    out: Array,
) -> None:
    """Add the voltages of a resonator in all chains to out [chains]; power [3], far: polynomial of the voltages."""
    for j in range(len(back)):
        g = 1 + 2 * qnl * (p[0, j] + back[j])
        t = (g * g - 1) * scale
        found = far[2 * nodes - 1, j]
        for m in range(2 * nodes - 2, nodes - 1, -1):
            found = found * t + far[m, j]
        for i in range(3):
            b, u, g = mirror[i, j], turn[i, j], loss[i, j] + wide[i]
            found += power[i] * volts[i, j] * (b / (b * b + g * g) - u / (u * u + g * g))
        out[j] += found


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _add_noise(s: Array, d: Array, p: Array, back: Array, hiss: Array, qnl: float, out: Array) -> None:
    """Add the precession noise of a resonator in all chains, hiss [chains] s L_s (precession_noise.py, eq. 3), to out.

    Of a tone not told apart A = G and B = 0, so that s L_s is (1 + Q p) times its own p.
    """
    for j in range(len(back)):
        total = p[0, j] + back[j]
        found = back[j] - p[1, j] - p[2, j]
        for i in range(3):
            g, u, pulled = 1 + qnl * (2 * total - p[i, j]), d[i, j], qnl * p[i, j]
            square = g * g + u * u
            slope = square + 2 * g * pulled
            found += s[i, j] * (4 * g * g * u * u + (g * g - u * u + 2 * g * pulled) ** 2) / (square * slope * slope)
        out[j] += hiss[j] * (1 + qnl * total) * found


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def bank_voltages(
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
    span: float,
    out: Array,
    noise: Array,
) -> float:
    """Voltages out [n, chains] of chains under powers [n, tones + 1], the last 0; the largest change of a last sweep.

    widths like powers, half of the tones' line widths in half-widths of their resonators. With noise [n, chains],
    empty otherwise, also the density of its precession noise, by hiss [resonators, chains].
    near [resonators, 3] tones that are told apart; d, mirror, drive, volts [resonators, 3, chains] of these; far [n,
    resonators, 2 nodes, chains] polynomials in (g² - 1)/span of what the others add to p, and to the voltages.
    """
    resonators, _, chains = d.shape
    nodes, scale, worst = far.shape[2] // 2, 1 / span, 0.0
    s, p, loss, turn = np.empty((3, chains)), np.empty((3, chains)), np.empty((3, chains)), np.empty((3, chains))
    back, power, wide = np.empty(chains), np.empty(3), np.empty(3)
    for n in range(len(out)):
        out[n] = 0
        if len(noise):
            noise[n] = 0
        for k in range(resonators):
            for i in range(3):
                power[i], wide[i] = powers[n, near[k, i]], widths[n, near[k, i]]
                for j in range(chains):
                    s[i, j] = drive[k, i, j] * power[i]
                    p[i, j] = s[i, j] / (d[k, i, j] * d[k, i, j] + 1)
                    turn[i, j] = d[k, i, j]
            for j in range(chains):
                root = np.sqrt(1 + 2 * qnl * p[0, j])  # p (1 + qnl p)² = s within some tenths
                p[0, j] /= root * np.sqrt(root)
                back[j] = p[1, j] + p[2, j] + far[n, k, 0, j]
                loss[0, j] = 1 + qnl * (p[0, j] + 2 * back[j])
            moved, largest = 1.0, 0.0
            for _ in range(SWEEPS):
                moved, largest = _sweep(s, d[k], p, loss, turn, far[n, k], back, wide, qnl, scale, nodes)
                if moved <= SETTLED * largest:
                    break
            worst = max(worst, moved / largest if largest > 0 else 0.0)
            _add_volts(power, mirror[k], volts[k], p, loss, turn, far[n, k], back, wide, qnl, scale, nodes, out[n])
            if len(noise):
                _add_noise(s, d[k], p, back, hiss[k], qnl, noise[n])
    return worst
