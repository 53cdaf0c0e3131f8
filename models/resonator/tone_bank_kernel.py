"""The compiled part of `tone_bank`. Imported where it is called: numba takes longer to load than most commands."""

import numba
import numpy as np

from resonet.core.types import Array, Ints

__all__ = ["bank_voltages"]

SWEEPS = 60
SETTLED = 1e-10  # change of a sweep, as part of p
FAST = {"contract", "nsz", "reassoc"}


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _sweep(
    s: Array, d: Array, p: Array, far: Array, back: Array, qnl: float, scale: float, nodes: int
) -> tuple[float, float]:
    """One sweep over all chains: p [3, chains] of the own tone and its neighbours, back [chains] = p of all but own.

    s and d² [3, chains]; far [>= nodes, chains]: polynomial of the other tones' p. The own tone by a step of Newton's
    method, which comes from above; the others with what it leaves. Largest change and largest p are returned.
    """
    moved, largest = 0.0, 0.0
    for j in range(len(back)):
        own, q = p[0, j], back[j]
        g = 1 + qnl * (2 * q + own)
        rise = 2 * qnl * g * own
        found = (s[0, j] + rise * own) / (d[0, j] + g * g + rise)
        total = found + q
        g = 1 + qnl * (2 * total - p[1, j])
        left = s[1, j] / (d[1, j] + g * g)
        g = 1 + qnl * (2 * total - p[2, j])
        right = s[2, j] / (d[2, j] + g * g)
        g = 1 + 2 * qnl * total
        t = (g * g - 1) * scale
        rest = far[nodes - 1, j]
        for m in range(nodes - 2, -1, -1):
            rest = rest * t + far[m, j]
        rest += left + right
        change = abs(found - own) + abs(rest - q)
        moved = max(moved, change)
        largest = max(largest, total)
        p[0, j], p[1, j], p[2, j], back[j] = found, left, right, rest
    return moved, largest


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _volts(
    power: Array,
    d: Array,
    b: Array,
    volts: Array,
    p: Array,
    far: Array,
    back: Array,
    qnl: float,
    scale: float,
    nodes: int,
    out: Array,
) -> None:
    """Voltages of a resonator in all chains, added to out [chains]; power [3], the rest as above, far of the voltages."""
    for j in range(len(back)):
        total = p[0, j] + back[j]
        g = 1 + 2 * qnl * total
        t = (g * g - 1) * scale
        found = far[2 * nodes - 1, j]
        for m in range(2 * nodes - 2, nodes - 1, -1):
            found = found * t + far[m, j]
        for i in range(3):
            loss = 1 + qnl * (2 * total - p[i, j])
            loss *= loss
            found += power[i] * volts[i, j] * (b[i, j] / (b[i, j] ** 2 + loss) - d[i, j] / (d[i, j] ** 2 + loss))
        out[j] += found


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def bank_voltages(
    powers: Array,
    near: Ints,
    d: Array,
    b: Array,
    drive: Array,
    volts: Array,
    far: Array,
    qnl: float,
    span: float,
    out: Array,
) -> float:
    """Voltages out [n, chains] of chains under powers [n, tones + 1], the last 0; the largest change of a last sweep.

    near [resonators, 3] tones that are told apart; d, b, drive, volts [resonators, 3, chains] of these; far [n,
    resonators, 2 nodes, chains] polynomials in (g² - 1)/span of what the others add to p, and to the voltages.
    """
    resonators, _, chains = d.shape
    nodes, scale, worst = far.shape[2] // 2, 1 / span, 0.0
    s, square, p, back, power = (
        np.empty((3, chains)),
        np.empty((3, chains)),
        np.empty((3, chains)),
        np.empty(chains),
        np.empty(3),
    )
    for n in range(len(out)):
        out[n] = 0
        for k in range(resonators):
            for i in range(3):
                power[i] = powers[n, near[k, i]]
                for j in range(chains):
                    s[i, j] = drive[k, i, j] * power[i]
                    square[i, j] = d[k, i, j] * d[k, i, j]
                    p[i, j] = s[i, j] / (square[i, j] + 1)
            for j in range(chains):
                back[j] = p[1, j] + p[2, j] + far[n, k, 0, j]
            moved, largest = 1.0, 0.0
            for _ in range(SWEEPS):
                moved, largest = _sweep(s, square, p, far[n, k], back, qnl, scale, nodes)
                if moved <= SETTLED * largest:
                    break
            worst = max(worst, moved / largest if largest > 0 else 0.0)
            _volts(power, d[k], b[k], volts[k], p, far[n, k], back, qnl, scale, nodes, out[n])
    return worst
