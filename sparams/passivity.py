"""Proof that a rational model is passive, and the smallest change that makes it so.

Gain: sup over all frequencies, 0 and infinity included, of the largest singular value of S. A level γ is crossed where
the Hamiltonian matrix of S/γ has an imaginary eigenvalue (Boyd et al., Math. Control Signals Syst. 2, 207); for a
symmetric S the square of half its size tells (Gustavsen and Semlyen, IEEE Trans. Microw. Theory Tech. 56, 2701). The
gain is enclosed by Bruinsma and Steinbuch's iteration (Syst. Control Lett. 14, 287): it ends at a level that no
frequency crosses, which is the proof. Where the gain at infinity is next to the level, the eigenvalues are those of the
pencil that needs no inverse. Enforcement: minimal change of residues and constant over the band that lowers
the singular values at their peaks to first order (Grivet-Talocia, IEEE Trans. Circuits Syst. I 51, 1755), repeated;
then the model over what is left of its gain.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from resonet.core.types import Array, Complex
from resonet.sparams.vector_fit import basis, laplace

__all__ = ["Rational", "enforced", "gain_bounds", "scaled"]


SLACK = 1e-8  # relative width of the enclosure of a gain
IMAGINARY = 0.1  # |Re λ| / |λ| up to which an eigenvalue may be a crossing: double ones are known to few digits,
WITHIN = np.array([0.02, 0.15, 0.35, 0.5, 0.65, 0.85, 0.98])  # and between any two of them the gain is looked at
SYMMETRIC = 1e-12
CLOSE = 1e-5  # of a gain at infinity to the level: then the pencil is solved, which is slow,
MOST_PENCIL = 160  # up to so many states; larger models get a constant that is not close
MARGIN = 4 * SLACK  # below 1, where enforcement puts the singular values
ROUNDS = 40
MOST_PEAKS = 60
GRID = 600


@dataclass(frozen=True, eq=False)
class Rational:
    """D + Σ R_k/(s - p_k) + conjugates: poles [k] rad/s, one of each pair, residues [n, n, k], constant [n, n]."""

    poles: Complex
    residues: Complex
    constant: Array

    def at(self, f: Array) -> Complex:
        """S at f (Hz), [frequencies, n, n]."""
        s, n = laplace(f), len(self.constant)
        return (basis(s, self.poles) @ self.coefficients.reshape(-1, n * n)).reshape(-1, n, n) + self.constant

    @cached_property
    def coefficients(self) -> Array:
        """Real coefficients [order, n, n] of the basis."""
        rows = []
        for k, pole in enumerate(self.poles):
            rows.append(self.residues[:, :, k].real)
            if pole.imag != 0:
                rows.append(self.residues[:, :, k].imag)
        n = len(self.constant)
        return np.array(rows) if rows else np.empty((0, n, n))

    @property
    def symmetric(self) -> bool:
        """Whether S equals its transpose."""
        off = [np.abs(x - np.swapaxes(x, 0, 1)).max(initial=0) for x in (self.residues, self.constant)]
        return bool(
            off[0] <= SYMMETRIC * np.abs(self.residues).max(initial=0)
            and off[1] <= SYMMETRIC * max(1.0, float(np.abs(self.constant).max()))
        )

    @cached_property
    def states(self) -> tuple[Array, Array, Array]:
        """A, B, C of a real realisation over the highest pole frequency."""
        n, top = len(self.constant), self.top
        order = len(self.coefficients)
        a, b = np.zeros((order, order)), np.zeros(order)
        k = 0
        for pole in self.poles / top:
            if pole.imag == 0:
                a[k, k], b[k] = pole.real, 1
                k += 1
            else:
                a[k : k + 2, k : k + 2] = [[pole.real, pole.imag], [-pole.imag, pole.real]]
                b[k] = 2
                k += 2
        one = np.eye(n)
        c = np.concatenate(list(self.coefficients), 1) / top if order else np.empty((n, 0))
        return np.asarray(np.kron(a, one)), np.asarray(np.kron(b[:, None], one)), np.asarray(c)

    @cached_property
    def top(self) -> float:
        """Largest magnitude of a pole, rad/s."""
        return float(np.abs(self.poles).max(initial=1.0))


def scaled(model: Rational, factor: float) -> Rational:
    """The model times a factor."""
    return replace(model, residues=model.residues * factor, constant=model.constant * factor)


def _gains(model: Rational, f: Array) -> Array:
    return np.asarray(np.linalg.svd(model.at(f), compute_uv=False)[:, 0])


def _near_infinity(model: Rational, level: float) -> bool:
    """Whether the gain at infinity is so close to the level that matrices with (D/γ - 1)⁻¹ would lose all digits."""
    sigma = np.linalg.svd(model.constant, compute_uv=False)
    return bool(np.abs(sigma / level - 1).min(initial=1) < CLOSE)


def _eigenvalues(model: Rational, level: float) -> Complex:
    """Those of the Hamiltonian matrix of S/level, up to their signs."""
    a, b, c = model.states
    d, one = model.constant / level, np.eye(len(model.constant))
    c = c / level
    if _near_infinity(model, level):
        from scipy.linalg import eigvals

        n, m = len(a), len(one)
        zero, wide, side = np.zeros((n, n)), np.zeros((n, m)), np.zeros((m, n))
        pencil = np.block([[a, zero, b, wide], [zero, -a.T, wide, -c.T], [c, side, d, -one], [side, b.T, -one, d.T]])
        mass = np.diag(np.append(np.ones(2 * n), np.zeros(2 * m)))
        with np.errstate(all="ignore"):
            found = eigvals(pencil, mass, check_finite=False)
        return np.asarray(found[np.isfinite(found)])
    if model.symmetric:
        lower = a - b @ np.linalg.solve(d - one, c)
        upper = a - b @ np.linalg.solve(d + one, c)
        return np.asarray(np.sqrt(np.linalg.eigvals(lower @ upper).astype(complex)))
    r, q = d.T @ d - one, d @ d.T - one
    own = a - b @ np.linalg.solve(r, d.T @ c)
    blocks = [[own, -b @ np.linalg.solve(r, b.T)], [c.T @ np.linalg.solve(q, c), -own.T]]
    return np.asarray(np.linalg.eigvals(np.block(blocks)))


def _crossings(model: Rational, level: float) -> Array:
    """Frequencies (Hz, rising) at which a singular value may equal the level."""
    root = _eigenvalues(model, level)
    near = np.abs(root.real) <= IMAGINARY * np.abs(root)
    return np.unique(np.abs(root.imag[near])) * model.top / (2 * np.pi)


def _sampled(model: Rational) -> Array:
    """Frequencies where a gain is likely to be large: near every pole, over decades, 0."""
    centre, width = np.abs(model.poles) / (2 * np.pi), np.abs(model.poles.real) / (2 * np.pi)
    near = (centre[:, None] + width[:, None] * np.linspace(-3, 3, 13)).ravel()
    low, high = centre.min(initial=1e6), centre.max(initial=1e6)
    return np.unique(np.concatenate([[0.0], np.geomspace(low / 100, 100 * high, GRID), np.abs(near)]))


def gain_bounds(model: Rational, stop: float = np.inf) -> tuple[float, float]:
    """Lower and upper bound of the gain over all frequencies; the upper one is proved. Ends early above `stop`."""
    infinity = float(np.linalg.norm(model.constant, 2))
    if not len(model.coefficients):
        return infinity, infinity
    low = max(infinity, float(_gains(model, _sampled(model)).max()))
    if _near_infinity(model, low) and len(model.states[0]) > MOST_PENCIL:
        return low, np.inf  # cannot be proved at this size: the constant must move away
    for _ in range(30):
        if low > stop or low == 0:
            return low, np.inf if low else 0.0
        level = low * (1 + 2 * SLACK)
        at = _crossings(model, level)
        if not len(at):
            return low, level
        ends = np.concatenate([[0.0], at, [10 * at[-1] + 1.0]])
        inside = np.concatenate([(ends[:-1, None] + np.diff(ends)[:, None] * WITHIN).ravel(), at])
        best = float(_gains(model, inside).max())
        if best <= level:
            return low, level  # no interval between the crossings is above: eigenvalues near the axis, not on it
        low = best
    return low, np.inf


def _peaks(model: Rational, f: Array) -> tuple[Array, Complex, Complex, Array]:
    """Frequencies of local maxima above 1 - margin, their singular vectors and values, one row a value."""
    u, sigma, vh = np.linalg.svd(model.at(f))
    top = sigma[:, 0]
    wall = np.concatenate([[-np.inf], top, [-np.inf]])
    local = np.flatnonzero((top >= wall[:-2]) & (top >= wall[2:]) & (top > 1 - MARGIN))
    local = local[np.argsort(-top[local])][:MOST_PEAKS]
    rows, values = np.nonzero(sigma[local] > 1 - MARGIN)
    at = local[rows]
    return f[at], u[at, :, values], vh[at, values, :].conj(), sigma[at, values]


def _step(model: Rational, f: Array, root: Array) -> Rational | None:
    """A first-order step towards passivity; None if nothing is above 1. root: inverse Cholesky factor of the basis."""
    at, u, v, sigma = _peaks(model, f)
    phi = np.concatenate([basis(laplace(at), model.poles), np.ones((len(at), 1))], 1)
    left, value, right = np.linalg.svd(model.constant)
    over = value > 1 - MARGIN
    if not len(at) and not over.any():
        return None
    infinite = np.zeros((int(over.sum()), phi.shape[1]))
    infinite[:, -1] = 1
    phi = np.concatenate([phi, infinite])
    u, v = np.concatenate([u, left.T[over]]), np.concatenate([v, right[over]])
    sigma = np.concatenate([sigma, value[over]])
    outer = u.conj()[:, :, None] * v[:, None, :]
    slope = (phi @ root.T)[:, :, None, None] * outer[:, None]
    g = slope.real.reshape(len(sigma), -1)
    wanted = (1 - 1.5 * MARGIN) - sigma
    change = g.T @ np.linalg.lstsq(g @ g.T, wanted, rcond=1e-9)[0]
    n = len(model.constant)
    change = (root.T @ change.reshape(phi.shape[1], -1)).reshape(-1, n, n)
    if model.symmetric:
        change = (change + change.transpose(0, 2, 1)) / 2
    return with_change(model, change)


def with_change(model: Rational, change: Array) -> Rational:
    """The model with its real coefficients changed: [order + 1, n, n], the constant last."""
    moved, k = model.residues.copy(), 0
    for n, pole in enumerate(model.poles):
        moved[:, :, n] += change[k]
        if pole.imag != 0:
            moved[:, :, n] += 1j * change[k + 1]
        k += 1 if pole.imag == 0 else 2
    return replace(model, residues=moved, constant=model.constant + change[-1])


def enforced(model: Rational, f: Array) -> Rational:
    """A passive model, proved, close to this one at the frequencies f (Hz)."""
    phi = np.concatenate([basis(laplace(f), model.poles), np.ones((len(f), 1))], 1)
    gram = (phi.conj().T @ phi).real / len(f)
    size = np.sqrt(np.diag(gram))
    gram = gram / size / size[:, None] + 1e-9 * np.eye(len(size))
    root = np.linalg.inv(np.linalg.cholesky(gram)) / size
    fine = np.unique(np.concatenate([_sampled(model), f[:: max(1, len(f) // 400)]]))
    best, least, now = model, np.inf, model
    for _ in range(ROUNDS):
        gain = max(float(_gains(now, fine).max()), float(np.linalg.norm(now.constant, 2)))
        if gain < least:
            best, least = now, gain
        moved = _step(now, fine, root)
        if moved is None:
            crossed = _crossings(now, 1 - MARGIN / 2)
            more = np.setdiff1d((crossed[1:] + crossed[:-1]) / 2, fine)
            if not len(more) or _gains(now, more).max() <= 1 - MARGIN:
                break
            fine, least = np.union1d(fine, more), np.inf
            continue
        now = moved
    return lowered(best)


def lowered(model: Rational) -> Rational:
    """The model over its gain where that is not proved to be 1 at most."""
    for _ in range(6):
        if len(model.states[0]) > MOST_PENCIL and _near_infinity(model, 1.0):
            u, sigma, vh = np.linalg.svd(model.constant)
            close = np.abs(sigma - 1) < 2 * CLOSE
            model = replace(model, constant=(u * np.where(close, 1 - 2 * CLOSE, sigma)) @ vh)
        upper = gain_bounds(model)[1]
        if upper <= 1:
            return model
        model = scaled(model, 1 / (upper * (1 + 4 * SLACK)) if np.isfinite(upper) else 0.5)
    raise ArithmeticError("no bound of the gain found")
