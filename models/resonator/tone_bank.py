"""Many chains under many tones, fast: the balance of tone_balance.py (eq. 5) without frequency shift.

Of each resonator its own tone and the two beside it are solved as there, with their mixing. The tails of all others
depend on the state of the resonator only by the damping that they all see, g = 1 + 2 Q_nl p (their own p_i, far below
that of a tone in resonance, is left out of 2p - p_i), and smoothly: poles lie at g² = -d². Their sums, of p and of the
voltage, are polynomials in g², through values at Chebyshev's points of the range that g² can take, of which g = 1, the
linear law, is one. Coefficients of these polynomials are linear in the powers of the tones: a matrix product for all
images. The precession noise of a tone not told apart is in proportion to what it adds to p (precession_noise.py, eq. 3
with B = 0), and a line width (eq. 8) counts for the three tones that are told apart: of a tail, some 1/d² of it.

The number of points is the least that keeps every resonator's voltage within a tolerance at full powers.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.errors import EngineError, InputError
from resonet.core.types import Array, Bools, Ints
from resonet.models.resonator.linear import SpinDiode
from resonet.models.resonator.precession_noise import noise_per_precession
from resonet.models.resonator.tone_balance import Saturation, Tones, balance_tones, neighbours

__all__ = ["ToneBank"]

AT_ONCE = 1_000_000  # numbers in a block of images
MOST = 8  # points of the polynomials
ROOM = 1.02  # of the largest damping
LANES = 4  # chains are padded to a multiple: what is left over of a vector would go one by one
NOWHERE = 1e6  # half-widths to a neighbour that is not there
LOOSE = 1e-6  # change of p by a last sweep
EXCESS = 1e-9  # of a power over the largest


@dataclass(frozen=True, slots=True, eq=False)
class ToneBank:
    """Chains [chains, resonators] that the same tones drive, and what they rectify."""

    law: Saturation
    most: float  # W, largest power of a tone
    near: Ints  # [resonators, 3]
    at: tuple[Array, Array, Array, Array]  # detuning, mirror, drive, volts [resonators, 3, padded chains]
    far: Array  # [tones, resonators * 2 points * padded chains], per watt
    hiss: Array  # [resonators, padded chains] V²/Hz: precession noise for p_T = 1 of a tone with p = 1
    points: int
    span: float  # of g²
    chains: int

    @classmethod
    def of(
        cls,
        device: SpinDiode,
        law: Saturation,
        f_res: Array,
        tones: Array,
        currents: ArrayLike,
        gains: ArrayLike,
        most: float,
        tolerance: float = 1e-6,
    ) -> "ToneBank":
        """Of f_res [chains, resonators], Hz, whose own tones are tones [resonators], Hz.

        `currents`: |i|² per watt, A²/W (peak), [resonators, tones] or what broadcasts; `gains` [chains, resonators]
        what a resonator's voltage counts (signs of a chain, dividers); `most` W, the largest power that a tone will
        have; `tolerance` of a resonator's tails at that power in all tones, parts of K_SD times it.
        InputError where the law has a frequency shift: `balance_tones` solves that.
        """
        if law.frequency_shift:
            raise InputError("a frequency shift: possible: balance_tones, or a frequency_shift of 0")
        if not 0 < most < np.inf:
            raise InputError(f"largest power {most:g} W: possible: finite, above 0")
        chains, count = f_res.shape
        lanes = chains + -chains % LANES
        every = np.minimum(np.arange(lanes), chains - 1)  # the last chain again where lanes are to spare
        squares = np.repeat(np.broadcast_to(np.asarray(currents, float), (count, count)), lanes, 0)
        f_res = f_res[every].T.ravel()
        at = Tones.at(device, law, f_res, tones, squares)
        gain = np.broadcast_to(np.asarray(gains, float), (chains, count))[every].T.reshape(-1, 1)
        volts, near = gain * at.volts, neighbours(tones)
        others = np.ones((count, count + 1), bool)
        np.put_along_axis(others, near, False, axis=1)
        span = _largest_loss(device, law, f_res, tones, squares, most) - 1
        bound = tolerance * device.sensitivity * np.abs(gain).max()
        mirrored = at.mirrored * np.repeat(~np.eye(count, dtype=bool), lanes, 0)
        far = _polynomials(at, volts, mirrored, np.repeat(others[:, :-1], lanes, 0), span, bound)

        def told_apart(values: Array, missing: float) -> Array:
            padded = np.pad(values, ((0, 0), (0, 1)), constant_values=missing).reshape(count, lanes, -1)
            return np.ascontiguousarray(np.take_along_axis(padded, near[:, None], 2).swapaxes(1, 2))

        own = (
            told_apart(at.detuning, NOWHERE),
            told_apart(at.mirror, NOWHERE),
            told_apart(at.drive, 0.0),
            told_apart(volts, 0.0),
        )
        table = far.reshape(len(far), count, lanes, count).transpose(3, 1, 0, 2).reshape(count, -1)
        hiss = np.ascontiguousarray(noise_per_precession(device, f_res).reshape(count, lanes))
        return cls(law, most, near, own, np.ascontiguousarray(table), hiss, len(far) // 2, span or 1.0, chains)

    def voltages(self, powers: Array, threads: int | None = None) -> Array:
        """Sums of gains times voltages over the resonators of every chain, V, [n, chains], for powers [n, tones], W.

        On all cores without `threads`. EngineError where a balance does not settle.
        """
        return self._answers(powers, None, False, threads)[0]

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
            blocks = self._blocks(len(powers))
            made = pool.map(lambda own: self._block(powers[own], wide[own], out[own], noise[own]), blocks)
            worst = max(made, default=0.0)
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

        resonators, _, lanes = self.at[0].shape
        far = (powers @ self.far).reshape(len(powers), resonators, 2 * self.points, lanes)
        padded, wide = (np.pad(values, ((0, 0), (0, 1))) for values in (powers, widths))
        law = (self.law.nonlinear_damping, self.span)
        return float(bank_voltages(padded, wide, self.near, *self.at, far, self.hiss, *law, out, noise))


def _largest_loss(device: SpinDiode, law: Saturation, f_res: Array, tones: Array, squares: Array, most: float) -> float:
    """g² of the resonator that is damped most, with room, at full powers. EngineError without a balance."""
    balance = balance_tones(device, law, f_res, tones, squares, np.full(len(tones), most))
    if not balance.solved:
        raise EngineError(f"{int(balance.failed.sum())} of {len(f_res)} resonators have no balance at {most:g} W")
    return float((1 + 2 * law.nonlinear_damping * ROOM * balance.p.sum(-1).max()) ** 2)


def _polynomials(at: Tones, volts: Array, mirrored: Array, chosen: Bools, span: float, bound: float) -> Array:
    """Coefficients in t = (g² - 1)/span of what chosen tones of 1 W add to p, and to the voltage, V.

    volts, mirrored and chosen [resonators, tones] -> [2 points, resonators, tones]: first those of p. `bound`, V, is of
    the error of a resonator's voltage, summed over the tones.
    """

    def values(t: Array) -> Array:
        loss = 1 + span * t[:, None, None]
        lorentz = chosen / (at.detuning**2 + loss)
        voltage = volts * (chosen * at.mirror / (at.mirror**2 + loss) - at.detuning * lorentz)
        return np.stack([at.drive * lorentz + mirrored, voltage])

    between = np.linspace(0, 1, 2 * MOST + 1)
    exact = values(between)
    for points in range(2 if span else 1, MOST + 1):
        nodes = 0.5 * (1 - np.cos(np.pi * np.arange(points) / max(points - 1, 1)))
        turned = np.linalg.inv(np.vander(nodes, points, increasing=True))
        found = np.einsum("mn,knrt->kmrt", turned, values(nodes))
        if span == 0:
            break
        off = np.einsum("xm,kmrt->kxrt", np.vander(between, points, increasing=True), found) - exact
        if np.abs(off[1]).sum(-1).max() <= bound:
            break
    return np.asarray(found.reshape(-1, *at.detuning.shape))
