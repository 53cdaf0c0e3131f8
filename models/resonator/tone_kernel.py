"""The compiled part of `balance_tones`. Imported where it is called: numba takes longer to load than most commands.

Arrays of one resonator are [tones]. The rows of `state` are the unknowns p, the loss g and the detuning u of every tone
in the state p, so that eq. 5 and 6 are p_i (u_i² + g_i²) = s_i; and what the mirror tones of all others add to y_i. Of
a tone with a line width (BLUR, x of eq. 8) s_i is made what it would have to be without (GOAL), in every state.
"""

import numba
import numpy as np

from resonet.core.types import Array, Bools, Ints

__all__ = ["SETTLED", "balances"]

SETTLED = 1e-10  # largest |s_i / (u_i² + g_i²) - p_i| over p
AIM = 1e-13  # of the iterations; SETTLED is what counts
STEPS = 60
HALVINGS = 8  # of a step that makes it worse
SMALLEST = 2.0**-16  # step of the homotopy, part of the powers
WIDE = 0.5  # half-widths, the most that a step of the homotopy moves a resonance
BEYOND = 2.0**-7  # part of the powers by which a branch's end is passed: the nearer to it, the slower the motion
RELAXED = 300.0  # for so many 1 / Γ0 an amplitude moves on after a jump, at most
GENTLE = 0.05  # step of that motion, over the largest rate
STILL = 1e-7  # part of √p that it moves in a step at its end
P, LOSS, DETUNING, MIRROR, STEP, TRIAL, LAST, DRIVE, BLUR, GOAL = range(10)  # rows of the working array


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _settle(d: Array, beside: Ints, o: int, qnl: float, shift: float, p: Array, work: Array) -> float:
    """Loss and detuning of every tone in a state p, eq. 5 and 6, o being the strongest tone; the sum of p."""
    total = 0.0
    for i in range(len(p)):
        total += p[i]
    for i in range(len(p)):
        y = 2 * total - p[i] + work[MIRROR, i]
        work[LOSS, i], work[DETUNING, i] = 1 + qnl * y, d[i] - shift * y
    gamma = complex(qnl, -shift)
    square, size = gamma * gamma, qnl * qnl + shift * shift
    for n in range(2):
        c, e = beside[o, n], beside[o, 1 - n]
        if c < 0:
            continue
        inverse = 1 / (1 + 2 * gamma * total + 1j * (2 * d[o] - d[c]))
        own = -2 * square * p[o] * p[c] * inverse
        other = -size * p[o] * p[o] * inverse.conjugate()
        if e >= 0:
            inverse = 1 / (1 + 2 * gamma * total + 1j * (d[c] + d[e] - d[o]))
            own += -2 * size * p[c] * p[e] * inverse.conjugate()  # and as much again from the other one of the two
            other += -4 * square * p[o] * p[e] * inverse
        work[LOSS, o] += own.real
        work[DETUNING, o] += own.imag
        work[LOSS, c] += other.real
        work[DETUNING, c] += other.imag
    return total


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _residual(
    d: Array, s: Array, beside: Ints, o: int, qnl: float, shift: float, p: Array, work: Array
) -> tuple[float, float]:
    """Largest |s_i / (u_i² + g_i²) - p_i|, and the sum of p."""
    total = _settle(d, beside, o, qnl, shift, p, work)
    worst = 0.0
    for i in range(len(p)):
        a, g, x = work[DETUNING, i], work[LOSS, i], work[BLUR, i]
        norm, goal = a * a + g * g, s[i]
        if x > 0:
            goal *= (1 + x / g) * norm / (a * a + (g + x) ** 2)
        work[GOAL, i] = goal
        worst = max(worst, abs(goal / norm - p[i]))
    return worst, total


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _direction(s: Array, qnl: float, shift: float, p: Array, o: int, work: Array) -> bool:
    """Newton's step of eq. 5, all tones but the strongest, o, and the sum eliminated; False where it is singular."""
    step = work[STEP]
    slope, rest = 1.0, 0.0
    for i in range(len(p)):
        a, g = work[DETUNING, i], work[LOSS, i]
        norm = a * a + g * g
        if i != o:
            found = s[i] / norm
            fall = -2 * found * (qnl * g - shift * a) / norm
            step[i] = (found - p[i]) / (1 + fall)
            slope -= 2 * fall / (1 + fall)
            rest += step[i]
    # dp_o (D - x) + 2 x dP = s - p D;   dP slope - dp_o = rest
    a, g = work[DETUNING, o], work[LOSS, o]
    norm, x = a * a + g * g, 2 * p[o] * (qnl * g - shift * a)
    determinant = (norm - x) * slope + 2 * x
    if not abs(determinant) > 1e-12 * norm:
        return False
    change = (s[o] - p[o] * norm + (norm - x) * rest) / determinant  # dP
    for i in range(len(p)):
        if i != o:
            a, g = work[DETUNING, i], work[LOSS, i]
            norm = a * a + g * g
            fall = -2 * s[i] / norm * (qnl * g - shift * a) / norm
            step[i] += 2 * fall / (1 + fall) * change
    step[o] = change * slope - rest
    return True


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _newton(d: Array, s: Array, beside: Ints, o: int, qnl: float, shift: float, p: Array, work: Array) -> bool:
    """Newton's method from p, each step shortened until it helps; True where it arrived."""
    trial = work[TRIAL]
    error, total = _residual(d, s, beside, o, qnl, shift, p, work)
    for _ in range(STEPS):
        if error <= AIM * total:
            break
        if not _direction(work[GOAL], qnl, shift, p, o, work):
            break
        part, better = 1.0, False
        for _ in range(HALVINGS):
            for i in range(len(p)):
                trial[i] = max(p[i] + part * work[STEP, i], 0.0)
            found, sum_of = _residual(d, s, beside, o, qnl, shift, trial, work)
            if found < error:
                better = True
                break
            part /= 2
        if not better:
            break
        p[:], error, total = trial, found, sum_of
    error, total = _residual(d, s, beside, o, qnl, shift, p, work)
    return error <= SETTLED * total


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _first(d: Array, s: Array, qnl: float, p: Array) -> None:
    """A start without frequency shift: one damping g for all tones, from g = 1 + qnl p(g).

    p falls with g, so that this has one root between 1 and 1 + qnl p(1): bisected.
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
def _relax(d: Array, s: Array, qnl: float, shift: float, p: Array, work: Array) -> None:
    """Where the amplitudes go from p by their slow motion (7), each step with its own rates exact."""
    c, total = np.empty(len(p), np.complex128), p.sum()
    for i in range(len(p)):
        y = 2 * total - p[i] + work[MIRROR, i]
        c[i] = -1j * np.sqrt(s[i]) / (1 + qnl * y + 1j * (d[i] - shift * y))
    time, moving = 0.0, True
    while time < RELAXED and moving:
        total, moving = 0.0, False
        for i in range(len(p)):
            p[i] = c[i].real ** 2 + c[i].imag ** 2
            total += p[i]
        h = GENTLE / (1 + 2 * (qnl + abs(shift)) * total)
        for i in range(len(p)):
            y = 2 * total - p[i] + work[MIRROR, i]
            rate = 1 + qnl * y + 1j * (d[i] - shift * y)
            goal = -1j * np.sqrt(s[i]) / rate
            change = (goal - c[i]) * (1 - np.exp(-rate * h))
            c[i] += change
            moving |= abs(change) > STILL * np.sqrt(total)
        time += h


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _raised(
    d: Array, s: Array, mirror: Array, beside: Ints, o: int, qnl: float, shift: float, p: Array, work: Array
) -> tuple[bool, bool]:
    """Put p where it goes when all powers are raised together from zero; whether it arrived, and whether it jumped."""
    last, drive = work[LAST], work[DRIVE]
    done, part, jumped = 0.0, 1.0, False
    last[:] = 0.0
    while done < 1:
        goal = min(1.0, done + part)
        for i in range(len(p)):
            drive[i], work[MIRROR, i], p[i] = goal * s[i], goal * mirror[i], last[i]
        arrived = False
        if _newton(d, drive, beside, o, qnl, shift, p, work):
            moved = 0.0
            for i in range(len(p)):
                moved += abs(p[i] - last[i])
            arrived = 2 * abs(shift) * moved <= WIDE  # no step over a neighbouring branch
        if not arrived:
            if part > SMALLEST:
                part /= 4
                continue
            jumped = True  # the branch ends here: the motion goes on to another one
            goal = min(1.0, done + BEYOND)
            for i in range(len(p)):
                drive[i], work[MIRROR, i], p[i] = goal * s[i], goal * mirror[i], last[i]
            _relax(d, drive, qnl, shift, p, work)
            if not _newton(d, drive, beside, o, qnl, shift, p, work):
                return False, True
        done, last[:] = goal, p
        part = min(2 * part, 1.0)
    return True, jumped


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _strongest(d: Array, s: Array) -> int:
    """The tone with the largest p without the others. Of a function of its own: to numba a 0 would be a constant."""
    o = 0
    for i in range(len(s)):
        if s[i] * (1 + d[o] ** 2) > s[o] * (1 + d[i] ** 2):
            o = i
    return o


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _one(
    d: Array,
    drive: Array,
    mirrored: Array,
    powers: Array,
    widths: Array,
    beside: Ints,
    qnl: float,
    shift: float,
    p: Array,
    loss: Array,
    detuning: Array,
    work: Array,
) -> tuple[bool, bool]:
    """Solve one resonator; whether that failed, and whether its branch had ended. `work` has two more rows."""
    s, mirror = work[10], work[11]
    total = 0.0
    for i in range(len(p)):
        work[BLUR, i] = widths[i]
        s[i] = drive[i] * powers[i]
        mirror[i] = 2 * mirrored[i] * powers[i]
        total += mirror[i]
    o = _strongest(d, s)
    for i in range(len(p)):
        mirror[i] = total - mirror[i]
        work[MIRROR, i] = mirror[i]
    if shift == 0.0:
        _first(d, s, qnl, p)
        arrived, jumped = _newton(d, s, beside, o, qnl, shift, p, work), False
    else:
        arrived, jumped = _raised(d, s, mirror, beside, o, qnl, shift, p, work)
    for i in range(len(p)):
        loss[i], detuning[i] = work[LOSS, i], work[DETUNING, i]
    return not arrived, jumped


@numba.njit(cache=True, nogil=True, error_model="numpy")
def balances(
    d: Array,
    drive: Array,
    mirrored: Array,
    powers: Array,
    widths: Array,
    beside: Ints,
    qnl: float,
    shift: float,
    paired: bool,
    p: Array,
    loss: Array,
    detuning: Array,
    failed: Bools,
    jumped: Bools,
) -> None:
    """Solve for p, g and u [n, resonators, tones] under powers [n, tones], W; widths like powers, x of eq. 8.

    d, drive (a) and mirrored (p of the mirror tone per watt) [resonators, tones]; beside [tones, 2] the tones below and
    above every tone, -1 where there is none; failed and jumped [n, resonators]. `paired`: resonator n under powers n
    alone, p, g and u [n, 1, tones].
    """
    count, resonators, tones = p.shape
    work = np.zeros((12, tones))
    for n in range(count):
        for k in range(resonators):
            r = n if paired else k
            made = (d[r], drive[r], mirrored[r], powers[n], widths[n], beside, qnl, shift)
            failed[n, k], jumped[n, k] = _one(*made, p[n, k], loss[n, k], detuning[n, k], work)
