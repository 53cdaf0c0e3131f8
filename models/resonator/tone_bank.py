"""Many chains under many tones, fast: the balance of tone_balance.py (eq. 5).

Of each resonator its own tone and the two beside it are solved as there, with their mixing. The tails of all others
depend on the state of the resonator only by the damping that they all see, g = 1 + 2 Q_nl p (their own p_i, far below
that of a tone in resonance, is left out of 2p - p_i), and smoothly: poles lie at g² = -d². Their sums, of p and of the
voltage, are polynomials in g², through values at Chebyshev's points of the range that g² can take, of which g = 1, the
linear law, is one. Coefficients of these polynomials are linear in the powers of the tones: a matrix product for all
images. The precession noise of a tone not told apart is in proportion to what it adds to p (precession_noise.py, eq. 3
with B = 0), and a line width (eq. 8) counts for the three tones that are told apart: of a tail, some 1/d² of it.

With a frequency shift tails follow u = d - 2np as well, and are polynomials in p, of a range that ends where the shift
brings a tail too near its resonance. Their own p_i then counts, to the first order: terms of the squares of the powers.
Resonators beyond that range, and those that may have two answers, get the full balance one by one (tone_bank_shift.py).

The number of points is the least that keeps every resonator's voltage within a tolerance at full powers.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.errors import EngineError, InputError
from resonet.core.types import Array, Bools, Ints
from resonet.models.resonator.fold_over import fold_over
from resonet.models.resonator.linear import SpinDiode
from resonet.models.resonator.own_diodes import OwnDiodes
from resonet.models.resonator.precession_noise import balanced_density, noise_per_precession
from resonet.models.resonator.tone_balance import Saturation, Tones, balance_tones, neighbours, warn_mixing

__all__ = ["ToneBank"]

AT_ONCE = 1_000_000  # numbers in a block of images
PAIRS = 20_000  # resonators that get the full balance at a time
MOST = 8  # points of the polynomials
SHRINK = 0.8  # of the range of p, until so many points are enough
ROOM = 1.02  # of the largest damping
LANES = 4  # chains are padded to a multiple: what is left over of a vector would go one by one
NOWHERE = 1e6  # half-widths to a neighbour that is not there
LOOSE = 1e-6  # change of p by a last sweep
EXCESS = 1e-9  # of a power over the largest


@dataclass(frozen=True, slots=True, eq=False)
class ToneBank:
    """Chains [chains, resonators] that the same tones drive, and what they rectify."""

    device: SpinDiode | OwnDiodes
    law: Saturation
    tones: Array  # [resonators] Hz
    f_res: Array  # [resonators, padded chains] Hz
    currents: Array  # [resonators, tones] or [padded chains, resonators, tones] A²/W
    gains: Array  # [resonators, padded chains]
    most: float  # W, largest power of a tone
    near: Ints  # [resonators, 3]
    at: tuple[Array, Array, Array, Array]  # detuning, mirror, drive, volts [resonators, 3, padded chains]
    far: Array  # [tones, resonators * 2 points * padded chains], per watt; with a shift as many again, per W²
    hiss: Array  # [resonators, padded chains] V²/Hz: precession noise for p_T = 1 of a tone with p = 1
    points: int
    span: float  # of g²; of p with a frequency shift
    chains: int

    @classmethod
    def of(
        cls,
        device: SpinDiode | OwnDiodes,
        law: Saturation,
        f_res: Array,
        tones: Array,
        currents: ArrayLike,
        gains: ArrayLike,
        most: float,
        tolerance: float = 1e-6,
    ) -> "ToneBank":
        """Of f_res [chains, resonators], Hz, whose own tones are tones [resonators], Hz.

        `currents`: |i|² per watt, A²/W (peak), [resonators, tones] or what broadcasts, or [chains, resonators, tones];
        `gains` [chains, resonators] what a resonator's voltage counts (signs of a chain, dividers); `most` W, the
        largest power that a tone will have; `tolerance` of a resonator's tails at that power in all tones, parts of
        K_SD times it. `device`: one for all, or `OwnDiodes` [chains, resonators].
        InputError for a largest power that is not finite and above 0, and for chains or resonators that are not alike
        where the law has a frequency shift.
        """
        if not 0 < most < np.inf:
            raise InputError(f"largest power {most:g} W: possible: finite, above 0")
        given: Array = np.asarray(currents, float)
        if law.frequency_shift and given.ndim == 3:
            raise InputError("currents by chain with saturation.frequency_shift; possible: 0 of it, or all alike")
        chains, count = f_res.shape
        lanes = chains + -chains % LANES
        every = np.minimum(np.arange(lanes), chains - 1)  # the last chain again where lanes are to spare
        given, squares = _of_lanes(given, every, count)
        f_res = f_res[every].T.ravel()
        if isinstance(device, OwnDiodes):
            device = device.arranged(lambda own: own[every].T.ravel())
        at = Tones.at(device, law, f_res, tones, squares)
        gain = np.broadcast_to(np.asarray(gains, float), (chains, count))[every].T
        volts, near = gain.reshape(-1, 1) * at.volts, neighbours(tones)
        others = np.ones((count, count + 1), bool)
        np.put_along_axis(others, near, False, axis=1)
        shifted = law.frequency_shift != 0
        span = _largest(at, law, most) if shifted else _largest_loss(device, law, f_res, tones, squares, most) - 1
        bound = tolerance * float(np.max(device.sensitivity)) * np.abs(gain).max()
        far, span = _polynomials(at, law, volts, np.repeat(others[:, :-1], lanes, 0), span, bound, most, lanes)
        far[0, 0] += at.mirrored * np.repeat(~np.eye(count, dtype=bool), lanes, 0)

        def told_apart(values: Array, missing: float) -> Array:
            padded = np.pad(values, ((0, 0), (0, 1)), constant_values=missing).reshape(count, lanes, -1)
            return np.ascontiguousarray(np.take_along_axis(padded, near[:, None], 2).swapaxes(1, 2))

        own = (
            told_apart(at.detuning, NOWHERE),
            told_apart(at.mirror, NOWHERE),
            told_apart(at.drive, 0.0),
            told_apart(volts, 0.0),
        )
        points = far.shape[1]
        table = far.reshape(-1, 2 * points, count, lanes, count).transpose(0, 4, 2, 1, 3)
        hiss = np.ascontiguousarray(noise_per_precession(device, f_res).reshape(count, lanes))
        made = (device, law, tones, f_res.reshape(count, lanes), given, gain, most, near, own)
        return cls(*made, table.reshape(-1, count * 2 * points * lanes), hiss, points, span or 1.0, chains)

    def voltages(self, powers: Array, threads: int | None = None, widths: Array | None = None) -> Array:
        """Sums of gains times voltages over the resonators of every chain, V, [n, chains], for powers [n, tones], W.

        On all cores without `threads`; widths as for `noisy_voltages`. EngineError where a balance does not settle.
        """
        return self._answers(powers, widths, False, threads)[0]

    def noisy_voltages(
        self, powers: Array, widths: Array | None = None, threads: int | None = None
    ) -> tuple[Array, Array]:
        """Voltages, and densities of the precession noise for p_T = 1, V²/Hz, one-sided, without gains; same shape.

        widths [n, tones], half of the tones' line widths (FWHM) in half-widths of a resonator at their frequency.
        """
        return self._answers(powers, widths, True, threads)

    def _answers(self, powers: Array, widths: Array | None, noisy: bool, threads: int | None) -> tuple[Array, Array]:
        """Voltages and, or none, noise."""
        from threadpoolctl import threadpool_limits

        powers = np.asarray(powers, float)
        if powers.size and not (powers.min() >= 0 and powers.max() <= self.most * (1 + EXCESS)):
            raise InputError(f"RF powers {powers.min():g} ... {powers.max():g} W: possible: 0 ... {self.most:g} W")
        out = np.empty((len(powers), self.at[0].shape[2]))
        noise = np.empty(out.shape if noisy else (0, out.shape[1]))
        wide = np.broadcast_to(0.0 if widths is None else np.asarray(widths, float), powers.shape)
        with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads or os.cpu_count()) as pool:
            blocks = list(self._blocks(len(powers)))
            contexts = [copy_context() for _ in blocks]  # warnings are those of the caller
            inputs = [(powers[own], wide[own], out[own], noise[own]) for own in blocks]
            worst = max(pool.map(lambda own, made: own.run(self._block, *made), contexts, inputs), default=0.0)
        lost = not (np.isfinite(out).all() and np.isfinite(noise).all())
        if lost or not worst <= LOOSE:
            still = "answers without bound" if lost else f"still {worst:.1g} of p a sweep"
            raise EngineError(f"balance of saturating resonators does not settle: {still}; possible: less plan.p_max")
        return out[:, : self.chains], noise[:, : self.chains]

    def _blocks(self, count: int) -> Iterator[slice]:
        """Images that are solved together."""
        step = max(1, AT_ONCE // self.far.shape[1])
        return (slice(first, first + step) for first in range(0, count, step))

    def _block(self, powers: Array, widths: Array, out: Array, noise: Array) -> float:
        """Voltages and noise of a block of images; the largest change that a last sweep made, as part of p."""
        from resonet.models.resonator.tone_bank_kernel import bank_voltages
        from resonet.models.resonator.tone_bank_shift import shifted_voltages

        resonators, _, lanes = self.at[0].shape
        terms = np.hstack([powers, powers**2]) if self.law.frequency_shift else powers
        far = (terms @ self.far).reshape(len(powers), resonators, 2 * self.points, lanes)
        padded, wide = (np.pad(values, ((0, 0), (0, 1))) for values in (powers, widths))
        made, qnl = (padded, wide, self.near, *self.at, far, self.hiss), self.law.nonlinear_damping
        if not self.law.frequency_shift:
            return float(bank_voltages(*made, qnl, self.span, out, noise))
        shift = self.law.frequency_shift / float(np.mean(self.device.damping))
        flags = np.zeros((len(powers), resonators, lanes), bool)
        mixing = shifted_voltages(*made, qnl, shift, self.span, fold_over(qnl, shift), out, noise, flags)
        warn_mixing(mixing)
        self._solve(powers, widths, flags, out, noise)
        return 0.0

    def _solve(self, powers: Array, widths: Array, flags: Bools, out: Array, noise: Array) -> None:
        """Add what flagged resonators [n, resonators, lanes] give by the full balance."""
        every = np.argwhere(flags[:, :, : self.chains])
        for first in range(0, len(every), PAIRS):
            n, k, j = every[first : first + PAIRS].T
            made = (self.device, self.law, self.f_res[k, j], self.tones, self.currents[k], powers[n])
            balance = balance_tones(*made, widths[n], paired=True)
            if not balance.solved:
                raise EngineError(
                    f"{balance.failed.sum():,} balances of saturating resonators did not converge; possible: less "
                    "plan.p_max, saturation.frequency_shift nearer to 0"
                )
            np.add.at(out, (n, j), self.gains[k, j] * balance.voltages[:, 0])
            if len(noise):
                np.add.at(noise, (n, j), balanced_density(*made, balance.p, paired=True)[:, 0])


def _largest_loss(
    device: SpinDiode | OwnDiodes, law: Saturation, f_res: Array, tones: Array, squares: Array, most: float
) -> float:
    """g² of the resonator that is damped most, with room, at full powers. EngineError without a balance."""
    balance = balance_tones(device, law, f_res, tones, squares, np.full(len(tones), most))
    if not balance.solved:
        raise EngineError(f"{int(balance.failed.sum())} of {len(f_res)} resonators have no balance at {most:g} W")
    return float((1 + 2 * law.nonlinear_damping * ROOM * balance.p.sum(-1).max()) ** 2)


def _largest(at: Tones, law: Saturation, most: float) -> float:
    """Power p of a resonator that its tone drives at resonance, with room for the others: where the polynomials end."""
    roots = np.roots([law.nonlinear_damping**2, 2 * law.nonlinear_damping, 1.0, -at.drive.max() * most])
    own = float(roots[np.abs(roots.imag) < 1e-9 * np.abs(roots)].real.max())
    return ROOM * (own + 2 * most * float(np.sort(at.drive / (at.detuning**2 + 1), 1)[:, :-1].sum(1).max(initial=0.0)))


def _tails(at: Tones, law: Saturation, volts: Array, chosen: Bools, p: Array) -> Array:
    """What chosen tones add to p and to the voltage in the states p [points], [2 or 4, points, resonators, tones].

    Of 1 W, without their own p_i in y = 2p - p_i. With a shift p_i counts: -p_i d/dy, per W².
    """
    qnl, shift, p = law.nonlinear_damping, at.shift, p[:, None, None]
    g, u, b = 1 + 2 * qnl * p, at.detuning - 2 * shift * p, at.mirror + 2 * shift * p
    norm = u**2 + g**2
    first = [at.drive * chosen / norm, volts * chosen * (b / (b**2 + g**2) - u / norm)]
    if not shift:
        return np.stack(first)
    cube = at.drive * chosen / norm**3
    second = [2 * (qnl * g - shift * u) * at.drive * cube, -(shift * (g**2 - u**2) + 2 * qnl * g * u) * volts * cube]
    return np.stack(first + second)


def _of_lanes(given: Array, every: Ints, count: int) -> tuple[Array, Array]:
    """|i|² per watt as it is kept, and of each resonator of every lane, [resonators * lanes, tones]."""
    if given.ndim == 3:
        return given[every], given[every].swapaxes(0, 1).reshape(count * len(every), count)
    given = np.broadcast_to(given, (count, count))
    return given, np.repeat(given, len(every), 0)


def _polynomials(
    at: Tones, law: Saturation, volts: Array, chosen: Bools, span: float, bound: float, most: float, lanes: int
) -> tuple[Array, float]:
    """Coefficients of `_tails` [2 or 4, points, resonators, tones], and the range that they are good for.

    They are in t = (g² - 1)/span, with a frequency shift in t = p/span. `bound`, V/W, is of the error of a resonator's
    voltage over all tones of `most`, W. One in `lanes` is asked first how many points it takes, as all are much alike.
    """
    thin = at.rows(slice(None, None, lanes)), law, volts[::lanes], chosen[::lanes]
    points = 2 if span else 1
    while True:
        if span == 0:
            return _through(at, law, volts, chosen, points, span, most)[0], span
        while points < MOST and _through(*thin, points, span, most)[1] > bound:
            points += 1
        found, worst = _through(at, law, volts, chosen, points, span, most)
        if worst <= bound or (points == MOST and not at.shift):
            return found, span
        if points < MOST:
            points += 1
        else:
            span *= SHRINK


def _through(
    at: Tones, law: Saturation, volts: Array, chosen: Bools, points: int, span: float, most: float
) -> tuple[Array, float]:
    """Polynomials through Chebyshev's points, and the largest error of a resonator's voltage halfway between these."""
    angles = np.pi * np.arange(2 * points - 1) / max(2 * points - 2, 1)
    t = 0.5 * (1 - np.cos(angles))
    p = span * t if at.shift else (np.sqrt(1 + span * t) - 1) / (2 * law.nonlinear_damping or 1.0)
    exact = _tails(at, law, volts, chosen, p)
    flat = exact.reshape(*exact.shape[:2], -1)
    found = np.linalg.inv(np.vander(t[::2], points, increasing=True)) @ flat[:, ::2]
    off = np.vander(t[1::2], points, increasing=True) @ found[1::2] - flat[1::2, 1::2]
    sums = np.abs(off).reshape(len(off), points - 1, *at.detuning.shape).sum(-1)
    weights = np.array([1.0, most])[: len(off)]
    worst = float(np.tensordot(weights, sums, 1).max(initial=0.0))
    return found.reshape(len(flat), points, *at.detuning.shape), worst
