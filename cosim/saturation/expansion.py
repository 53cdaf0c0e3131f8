"""Tails of the tones of a bus in its resonators as polynomials, for the fast balance (cosim/saturation/fast_kernel.py)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from resonet.core.types import Array

__all__ = ["Expansion"]

MARGIN = 1.2  # on the largest p of a tone alone: others add to it


@dataclass(frozen=True, slots=True, eq=False)
class Expansion:
    """One bus. Chains and resonators in one axis, chain by chain; tones that carry 1."""

    nonlinear_damping: float
    own: Array  # [4, chains * resonators] detuning u and e of the own tone, its s and v
    first: Array  # [tones, chains] V of the others without saturation
    tails: NDArray[np.float32]  # [6, tones, chains * resonators]: see `fast_kernel.own_tones`; the last for squares

    @classmethod
    def of(cls, tones: Array, f_res: Array, drives: Array, volts: Array, damping: float, q: float) -> "Expansion":
        """Of tones Hz [resonators], f_res Hz [chains, resonators], drives and volts [resonators, tones].

        Between h = 1 and the largest that a tone alone makes, the polynomials go through both ends and the middle. The
        last is the first order of what a tone's own power takes from its y = 2p - p_t, at a third of the way.
        """
        chains, count = f_res.shape
        at = tones / (damping * f_res[..., None])
        middle = np.sqrt(1 - damping**2) / damping
        d, e = at - middle, at + middle  # [chains, resonators, tones]
        k = np.arange(count)
        pairs = [np.broadcast_to(np.diagonal(values), f_res.shape) for values in (drives, volts)]
        own = np.stack([d[:, k, k], e[:, k, k], *pairs]).reshape(4, -1)
        others = 1.0 - np.eye(count)
        s, v = drives * others, volts * others
        half = (_largest(float(np.diagonal(drives).max()), q) - 1) / 2
        heights = [1 + half * n for n in range(3)]
        sums = _polynomial([s / (d * d + h) for h in heights], half)
        voltages = _polynomial([v * (e / (e * e + h) - d / (d * d + h)) for h in heights], half)
        h = 1 + 2 * half / 3
        by_h = d / (d * d + h) ** 2 - e / (e * e + h) ** 2
        own_power = -2 * q * v * by_h * s / (d * d + h)
        tails = [*sums, *voltages[1:], own_power]
        flat = [part.reshape(chains * count, -1).T for part in tails]
        return cls(q, own, np.ascontiguousarray(voltages[0].sum(1).T), np.stack(flat).astype(np.float32))

    def volts(self, carried: Array, answers: Array, tolerance: float) -> int:
        """Voltages of chains into answers [rows, chains] for carried [rows, tones]; how many did not converge."""
        from resonet.cosim.saturation.fast_kernel import own_tones

        np.matmul(carried, self.first, out=answers)
        single = carried.astype(np.float32)
        coefficients = np.empty((len(self.tails), len(carried), self.own.shape[1]), np.float32)
        np.matmul(single, self.tails[:-1], out=coefficients[:-1])
        np.matmul(single * single, self.tails[-1], out=coefficients[-1])
        carried = np.ascontiguousarray(carried)
        return int(own_tones(carried, self.own, coefficients, self.nonlinear_damping, tolerance, answers))


def _polynomial(values: list[Array], half: float) -> tuple[Array, Array, Array]:
    """Coefficients of 1, x, x² through the values at x = 0, half, 2 half; of 1 alone where that is no way."""
    if half == 0:
        return values[0], np.zeros_like(values[0]), np.zeros_like(values[0])
    square = (values[2] - 2 * values[1] + values[0]) / (2 * half**2)
    return values[0], (values[1] - values[0]) / half - square * half, square


def _largest(drive: float, q: float) -> float:
    """(1 + 2 Q p)² of a tone alone at resonance, p (1 + Q p)² = drive, with a margin on p."""
    roots = np.roots([q * q, 2 * q, 1.0, -drive])
    p = float(roots[np.abs(roots.imag) < 1e-9 * (1 + np.abs(roots))].real.max())
    return (1 + 2 * q * MARGIN * p) ** 2
