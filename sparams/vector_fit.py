"""Rational functions with common poles through sampled matrices, by relaxed vector fitting.

S(f) = D + Σ_k R_k / (j2πf - p_k) (Gustavsen and Semlyen, IEEE Trans. Power Deliv. 14, 1052), relaxed (ibid. 21, 1587).
The entries' own numerators are eliminated by one QR factorisation of the basis, which they share (Deschrijver et al.,
IEEE Microw. Wireless Compon. Lett. 18, 383), and the entries are first rotated into their principal components: the
least squares of all entries are those of the few that carry the signal.
"""

from collections.abc import Iterator

import numpy as np

from resonet.core.types import Array, Complex

__all__ = ["basis", "laplace", "loewner_orders", "principal", "residues", "start_poles", "vector_fit"]


FIT_POINTS = 500  # frequencies from which poles are taken; residues use all
LOEWNER_POINTS = 300
ITERATIONS = 12
SETTLED = 1e-4  # relative change of σ at which the poles stay
MOST_COMPONENTS = 12
RANKS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-9, 1e-11)  # of singular values, where orders worth a try end
HELD = 40  # frequencies on either side of the band
LEAST_DAMPING = 1e-9  # of a pole, relative: an undamped one rings for ever


def laplace(f: Array) -> Complex:
    """The variable j2πf of frequencies in Hz."""
    return np.asarray(2j * np.pi * np.asarray(f, float), complex)


def basis(s: Complex, poles: Complex) -> Complex:
    """Real-coefficient basis [points, order]: a column for a real pole, two for one of a conjugate pair."""
    columns = []
    for pole in poles:
        if pole.imag == 0:
            columns.append(1 / (s - pole.real))
        else:
            own, mirror = 1 / (s - pole), 1 / (s - pole.conjugate())
            columns += [own + mirror, 1j * (own - mirror)]
    return np.stack(columns, -1) if columns else np.empty((len(s), 0), complex)


def _real(x: Complex) -> Array:
    """Real parts over imaginary parts."""
    return np.concatenate([x.real, x.imag])


def principal(entries: Complex, tolerance: float) -> Complex:
    """Principal components [points, few] of entries [points, all], which the rest differs from by less than tolerance.

    A real rotation, so least squares with real coefficients stay what they are.
    """
    left, strength, _ = np.linalg.svd(_real(entries), full_matrices=False)
    rest = np.sqrt(np.cumsum(strength[::-1] ** 2)[::-1] / len(left))
    keep = max(1, min(MOST_COMPONENTS, int((rest > tolerance).sum())))
    turned = left[:, :keep] * strength[:keep]
    half = len(entries)
    return np.asarray(turned[:half] + 1j * turned[half:])


def start_poles(order: int, low: float, high: float, spacing: str) -> Complex:
    """Weakly damped pairs over the band (rad/s), and a real one where the order is odd."""
    pairs, odd = divmod(order, 2)
    low = max(low, high / 1e4)
    at = np.geomspace(low, high, pairs) if spacing == "log" else np.linspace(low, high, pairs)
    real = np.full(odd, -np.sqrt(low * high))
    return np.concatenate([real + 0j, -at / 100 + 1j * at])


def _zeros(poles: Complex, numerator: Array, constant: float) -> Complex:
    """Zeros of constant + Σ c/(s - p), those in the right half plane mirrored; one of each pair."""
    order = len(numerator)
    a, b = np.zeros((order, order)), np.zeros(order)
    k = 0
    for pole in poles:
        if pole.imag == 0:
            a[k, k], b[k] = pole.real, 1
            k += 1
        else:
            a[k : k + 2, k : k + 2] = [[pole.real, pole.imag], [-pole.imag, pole.real]]
            b[k] = 2
            k += 2
    found = np.linalg.eigvals(a - np.outer(b, numerator) / constant)
    found = found[found.imag >= 0]
    damping = np.maximum(np.abs(found.real), LEAST_DAMPING * np.abs(found))
    return np.asarray(np.sort_complex(np.where(found.imag == 0, -damping + 0j, -damping + 1j * found.imag)))


def _relocated(s: Complex, h: Complex, poles: Complex) -> tuple[Complex, float]:
    """New poles, and how far σ was from 1. h [points, components]."""
    phi = np.concatenate([basis(s, poles), np.ones((len(s), 1))], 1)
    size = np.linalg.norm(_real(phi), axis=0)
    phi = phi / size
    shared = np.linalg.qr(_real(phi))[0]
    rows = []
    for k in range(h.shape[1]):
        own = _real(h[:, k, None] * phi)
        rows.append(np.linalg.qr(own - shared @ (shared.T @ own), mode="r"))
    weight = float(np.linalg.norm(h)) / len(s) or 1.0
    rows.append((weight * phi.real.sum(0))[None])
    right = np.zeros(sum(map(len, rows)))
    right[-1] = weight * len(s)
    found = np.linalg.lstsq(np.concatenate(rows), right, rcond=1e-14)[0] / size
    constant = float(found[-1])
    constant = np.sign(constant or 1.0) * max(abs(constant), 1e-8)
    sigma = (phi * size)[:, :-1] @ found[:-1] / constant
    return _zeros(poles, found[:-1], constant), float(np.abs(sigma).max())


def _held(s: Complex, entries: Complex, poles: Complex, weight: float) -> tuple[Array, Array]:
    """Rows and right sides that hold S outside the band near its ends, over three decades to either side."""
    edge = np.geomspace(1.1, 1e3, HELD)
    outside = np.concatenate([s[-1] * edge, s[:1] / edge[::-1] if s[0] != 0 else s[:0]])
    ends = np.concatenate([np.repeat(entries[-1:], HELD, 0), np.repeat(entries[:1], len(outside) - HELD, 0)])
    rows = np.concatenate([basis(outside, poles), np.ones((len(outside), 1))], 1)
    size = weight * np.sqrt(len(s) / len(outside))
    return size * _real(rows), size * _real(ends)


def residues(s: Complex, entries: Complex, poles: Complex, held: float = 0.0) -> tuple[Complex, Array]:
    """Residues [all, poles] and constants [all] of entries [points, all] for given poles.

    `held`: weight of the wish that S stays outside the band what it is at its ends; a fit is free there, and far off.
    """
    phi = _real(np.concatenate([basis(s, poles), np.ones((len(s), 1))], 1))
    right = _real(entries)
    if held:
        more, ends = _held(s, entries, poles, held)
        phi, right = np.concatenate([phi, more]), np.concatenate([right, ends])
    size = np.linalg.norm(phi, axis=0)
    found = np.linalg.lstsq(phi / size, right, rcond=1e-12)[0] / size[:, None]
    out, k = [], 0
    for pole in poles:
        if pole.imag == 0:
            out.append(found[k] + 0j)
            k += 1
        else:
            out.append(found[k] + 1j * found[k + 1])
            k += 2
    return np.stack(out, -1) if out else np.empty((entries.shape[1], 0), complex), found[-1]


def vector_fit(f: Array, h: Complex, order: int, spacing: str = "lin", start: Complex | None = None) -> Complex:
    """Poles, rad/s, one of each pair, of a fit of that order to h [frequencies, components] at f (Hz)."""
    top = 2 * np.pi * f[-1]
    thin = slice(None, None, -(-len(f) // FIT_POINTS))
    s, h = laplace(f[thin] / top), h[thin]
    poles = start_poles(order, 2 * np.pi * f[0] / top, 1.0, spacing) if start is None else start / top
    for _ in range(ITERATIONS):
        poles, moved = _relocated(s, h, poles)
        if moved < SETTLED:
            break
    return np.asarray(poles * top)


def loewner_orders(f: Array, h: Complex) -> Iterator[int]:
    """Orders that the data ask for, rising.

    The order of a rational function is the rank of the Loewner matrix (g(x) - g(y)) / (x - y) of its samples (Mayo and
    Antoulas, Linear Algebra Appl. 425, 634), here of a random mix of all components; a noise floor cuts the rank off.
    """
    mix = np.random.default_rng(1).normal(size=h.shape[1])
    thin = slice(None, None, max(1, len(f) // LOEWNER_POINTS))
    g, x = h[thin] @ mix, 2j * np.pi * f[thin] / f[-1]
    if f[0] == 0:
        g, x = g[1:], x[1:]
    g, x = np.stack([g, g.conj()], 1).ravel(), np.stack([x, x.conj()], 1).ravel()
    left, right = np.arange(len(x)) % 4 < 2, np.arange(len(x)) % 4 >= 2
    strength = np.linalg.svd((g[left, None] - g[right]) / (x[left, None] - x[right]), compute_uv=False)
    yield from sorted({int((strength > tolerance * strength[0]).sum()) for tolerance in RANKS})
