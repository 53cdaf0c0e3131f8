"""The compiled part of `tone_balance`. Imported where it is called: numba takes longer to load than most commands."""

import numba
import numpy as np

from resonet.core.types import Array, Bools

__all__ = ["CONVERGED", "balances"]

CONVERGED = 1e-12  # largest |F_i| over the largest p, of equation 2
NEWTON = 40  # iterations
HALVINGS = 12  # of a step that makes it worse
SMALLEST = 2.0**-20  # step of the homotopy, part of the powers
TURN = 1e-3  # relaxation after a jump: step in units of 1 / Γ0 is this over the largest rate
RELAXED = 200.0  # for so many 1 / Γ0


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _residual(d: Array, s: Array, qnl: float, shift: float, p: Array) -> tuple[float, float]:
    """Largest |s_i / D_i - p_i|, and the sum of p."""
    total = 0.0
    for i in range(len(p)):
        total += p[i]
    worst = 0.0
    for i in range(len(p)):
        y = 2 * total - p[i]
        worst = max(worst, abs(s[i] / ((d[i] - shift * y) ** 2 + (1 + qnl * y) ** 2) - p[i]))
    return worst, total


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _direction(d: Array, s: Array, qnl: float, shift: float, p: Array, step: Array) -> bool:
    """Newton's step, by elimination of all tones but the strongest, o, and the sum; False where it is singular."""
    total, o = 0.0, 0
    for i in range(len(p)):
        total += p[i]
        if p[i] > p[o]:
            o = i
    slope, rest, own_d, own_slope = 1.0, 0.0, 1.0, 0.0
    for i in range(len(p)):
        y = 2 * total - p[i]
        a, g = d[i] - shift * y, 1 + qnl * y
        norm, rise = a * a + g * g, 2 * (qnl * g - shift * a)
        if i == o:
            own_d, own_slope = norm, rise
            continue
        phi = s[i] / norm
        fall = -phi * rise / norm
        inverse = 1 / (1 + fall)
        slope -= 2 * fall * inverse
        rest += (phi - p[i]) * inverse
        step[i] = (phi - p[i]) * inverse  # what is known of it; 2 fall inverse dP comes later
    x = p[o] * own_slope
    # dp_o (D - x) + 2 x dP = s - p D;   dP slope - dp_o = rest
    wanted = s[o] - p[o] * own_d
    determinant = (own_d - x) * slope + 2 * x
    if not abs(determinant) > 1e-12 * own_d:
        return False
    change = (wanted + (own_d - x) * rest) / determinant  # dP
    for i in range(len(p)):
        if i != o:
            y = 2 * total - p[i]
            a, g = d[i] - shift * y, 1 + qnl * y
            norm, rise = a * a + g * g, 2 * (qnl * g - shift * a)
            fall = -s[i] / norm * rise / norm
            step[i] += 2 * fall / (1 + fall) * change
    step[o] = change * slope - rest
    return True


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _newton(d: Array, s: Array, qnl: float, shift: float, p: Array, step: Array, trial: Array) -> bool:
    """Newton's method from p, each step shortened until it helps; True where it arrived."""
    error, total = _residual(d, s, qnl, shift, p)
    for _ in range(NEWTON):
        if error <= CONVERGED * total:
            return True
        if not _direction(d, s, qnl, shift, p, step):
            return False
        part, better = 1.0, False
        for _ in range(HALVINGS):
            for i in range(len(p)):
                trial[i] = max(p[i] + part * step[i], 0.0)
            found, total = _residual(d, s, qnl, shift, trial)
            if found < error:
                better = True
                break
            part /= 2
        if not better:
            return error <= 100 * CONVERGED * total
        p[:], error = trial, found
    return error <= 100 * CONVERGED * total


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _first(d: Array, s: Array, qnl: float, p: Array) -> None:
    """A start without frequency shift: common damping of all tones by a scalar iteration that cannot diverge.

    p falls with the damping g, so g = 1 + qnl p(g) has one root between 1 and 1 + qnl p(1): bisected.
    """
    low, high = 1.0, 1.0
    for i in range(len(p)):
        high += qnl * s[i] / (1 + d[i] * d[i])
    for _ in range(12):
        g, total = 0.5 * (low + high), 0.0
        for i in range(len(p)):
            total += s[i] / (d[i] * d[i] + g * g)
        if 1 + qnl * total > g:
            low = g
        else:
            high = g
    g = 0.5 * (low + high)
    for i in range(len(p)):
        p[i] = s[i] / (d[i] * d[i] + g * g)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _relax(d: Array, s: Array, qnl: float, shift: float, p: Array) -> None:
    """Where the amplitudes go from p, by their slow equations of motion 3, each step with its own rates exact."""
    c = np.sqrt(p).astype(np.complex128)
    for i in range(len(p)):
        total = 0.0
        for k in range(len(p)):
            total += p[k]
        y = 2 * total - p[i]
        c[i] = -1j * np.sqrt(s[i]) / (1 + qnl * y + 1j * (d[i] - shift * y))
    time = 0.0
    while time < RELAXED:
        total = 0.0
        for i in range(len(p)):
            total += c[i].real ** 2 + c[i].imag ** 2
        h = 0.05 / (1 + 2 * (qnl + abs(shift)) * total)
        for i in range(len(p)):
            y = 2 * total - (c[i].real ** 2 + c[i].imag ** 2)
            rate = 1 + qnl * y + 1j * (d[i] - shift * y)
            goal = -1j * np.sqrt(s[i]) / rate
            c[i] = goal + (c[i] - goal) * np.exp(-rate * h)
        time += h
    for i in range(len(p)):
        p[i] = c[i].real ** 2 + c[i].imag ** 2


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _raised(d: Array, s: Array, qnl: float, shift: float, p: Array, work: Array) -> tuple[bool, bool]:
    """Put p where it goes when all powers are raised together from zero; whether it arrived, and whether it jumped."""
    step, trial, last, drive = work[0], work[1], work[2], work[3]
    done, part, jumped = 0.0, 1.0, False
    last[:] = 0.0
    while done < 1:
        goal = min(1.0, done + part)
        for i in range(len(p)):
            drive[i] = goal * s[i]
            p[i] = last[i]
        largest = 0.0
        arrived = False
        # an honest step: no tone's own resonance moves by more than half a width, the damping by half of itself
        if _newton(d, drive, qnl, shift, p, step, trial):
            move = 0.0
            for i in range(len(p)):
                move += abs(p[i] - last[i])
                largest = max(largest, p[i])
            arrived = 2 * abs(shift) * move <= 0.5
        if arrived:
            done, last[:] = goal, p
            part = min(2 * part, 1.0)
        elif part > SMALLEST:
            part /= 4
        else:  # the branch ends here: the motion goes on to another one
            jumped = True
            for i in range(len(p)):
                drive[i] = goal * s[i]
                p[i] = last[i]
            _relax(d, drive, qnl, shift, p)
            if not _newton(d, drive, qnl, shift, p, step, trial):
                return False, True
            done, last[:], part = goal, p, 1 / 64
    return True, jumped


@numba.njit(cache=True, nogil=True, error_model="numpy")
def balances(
    d: Array, scale: Array, powers: Array, qnl: float, shift: float, p: Array, failed: Bools, jumped: Bools
) -> None:
    """Solve p[n, resonators, tones] for powers [n, tones], W; d and scale (p D per watt) [resonators, tones]."""
    count, resonators, tones = p.shape
    work = np.empty((5, tones))
    for n in range(count):
        for r in range(resonators):
            s, own = work[4], p[n, r]
            for i in range(tones):
                s[i] = scale[r, i] * powers[n, i]
            if shift == 0.0:
                _first(d[r], s, qnl, own)
                failed[n, r] = not _newton(d[r], s, qnl, shift, own, work[0], work[1])
            else:
                arrived, jumps = _raised(d[r], s, qnl, shift, own, work)
                failed[n, r], jumped[n, r] = not arrived, jumps
