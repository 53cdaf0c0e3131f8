"""Model of a chip on the bench: the closed form of a chain with what cannot be known about its resonators left open.

Chain j answers tone t with (units of the sensitivity that the user believes in)

    w_t = Σ_k G_tk s_k e^(g + g_k) (-4 α_k Re chi(f_t / f_res,k; α_k)),      α_k = α e^(d + d_k)
    f_res,k = rest_k + slope start_k + α f_k (e_k + e^(c + c_k) z_k)

with z_k the tuning from the start on, in believed half-widths: z = slope (tuning - start) / (α f). Open are the offset
e_k of every resonance, and gain g, damping d and tuning slope c, each of the chain and of each resonator. All get a
Gaussian prior, so that a single measurement already says something and many outweigh it: maximum a posteriori by
core/levenberg.py, all chains at once.

What the fitted model still misses is taken up where the measurements show it (`correction`): the misfit of tone t is a
plane over z, D_t + Σ_k B_tk (z_k - z_k now), with Gaussian priors whose variance v is what the misfit has above the
noise, and falls off with the spectral distance of tone and resonator. With v large against the noise this is Broyden's
secant correction from all steps taken, measured finite differences included; with v = 0 the model is left alone.
"""

from dataclasses import dataclass, replace

import numpy as np

from resonet.core.levenberg import minimise
from resonet.core.types import Array, Ints
from resonet.cosim.bench.records import BenchChip, BenchOptions
from resonet.models.resonator.linear import real_susceptibility

__all__ = [
    "ChipModel",
    "History",
    "chip_model",
    "correction",
    "fit",
    "found_detuning",
    "found_scales",
    "identify",
    "model_weights",
    "scan_offsets",
    "solve",
]

BATCH = 8_000_000  # elements of the derivatives held at once
MOST_POINTS = 16  # measurements that a fit looks back on
LEAST_SIGMA = 3e-3  # of the sensitivity: the fit does not go for less, the correction does
SUSPECT = 0.05  # of the sensitivity: a misfit that tells a wrong side of a resonance from wrong scales
SCAN, SCAN_POINTS, SCANS = 4.0, 161, 3  # expected spreads either way, points, rounds of the scan for offsets
SCAN_SIGMA = 0.05  # of the sensitivity: what gain, damping and slope may do to a weight while they are not fitted
FIT_STEPS, SOLVE_STEPS = 8, 25  # a fit goes on at the next pass


@dataclass(frozen=True, slots=True, eq=False)
class ChipModel:
    """What the user believes, in the solver's units."""

    frequencies: Array  # [tones] Hz
    signs: Array  # [K]
    damping: float
    slope: float
    base: Array  # [chains, K] Hz, resonance frequencies at the start
    profile: Array  # [tones, K]
    own: Array  # [K] Hz, the resonators' tones
    memory: float  # weight of a measurement that is one older
    widths: Array  # [parameters] standard deviations of the priors: e_k, g_k, d_k, c_k, g, d, c

    @property
    def unit(self) -> Array:
        """Half-width of each resonator, Hz, [K]."""
        return self.damping * self.own


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """Everything measured so far; variance infinite where a tone was not measured. Units of the sensitivity."""

    z: Array  # [chains, points, K]
    values: Array  # [chains, points, tones]
    variance: Array  # [chains, points, tones]

    @property
    def age(self) -> Array:
        """Measurements since each point, [points]."""
        return np.arange(self.z.shape[1])[::-1].astype(float)

    def add(self, z: Array, values: Array, variance: Array) -> "History":
        """One point more, the latest: [chains, K], [chains, tones] twice."""
        kept = slice(1 - MOST_POINTS, None)
        older = (self.z[:, kept], self.values[:, kept], self.variance[:, kept])
        parts = zip(older, (z, values, variance), strict=True)
        return History(*(np.concatenate([old, new[:, None]], 1) for old, new in parts))


def chip_model(chip: BenchChip, options: BenchOptions, start: Array, slope: float) -> ChipModel:
    """The model before any measurement; `start` [chains, K] in the unit of the tuning."""
    size = len(chip.frequencies)
    each = [np.full(size, width) for width in (options.offset_spread, *3 * [options.device_spread])]
    widths = np.concatenate([*each, np.full(3, options.scale_spread)])
    profile = np.ones((size, size)) if chip.profile is None else np.asarray(chip.profile, float)
    base = np.asarray(chip.rest + slope * start, float)
    tones = np.asarray(chip.frequencies, float)
    return ChipModel(tones, chip.turns, chip.damping, slope, base, profile, tones, options.memory, widths)


def _per_resonator(theta: Array, model: ChipModel) -> tuple[Array, Array, Array, Array]:
    """e, and exp of gain, damping, slope, of each resonator, [chains, 1, K]."""
    size = len(model.own)
    p = theta * model.widths
    e, g, d, c = (p[:, None, n * size : (n + 1) * size] for n in range(4))
    common = p[:, None, 4 * size :]
    gain, damp, slope = (np.exp(np.clip(part + common[..., n : n + 1], -3, 3)) for n, part in enumerate((g, d, c)))
    return e, gain, damp, slope


def model_weights(theta: Array, z: Array, model: ChipModel, base: Array) -> tuple[Array, Array, Array, Array]:
    """Weights [n, points, tones] at z [n, points, K], and what each resonator has in them, [n, points, tones, K].

    That is its part, and the derivatives by its shift in half-widths and by the logarithm of its damping.

    theta [n, parameters] in widths of the priors; base [n, K] as in `ChipModel`, for the chains in question.
    """
    e, gain, damp, slope = _per_resonator(theta, model)
    f_res = base[:, None, :] + model.unit * (e + slope * z)
    f_res = np.maximum(f_res, 0.05 * model.own)
    alpha = (model.damping * damp)[:, :, None, :]
    ratio = model.frequencies[:, None] / f_res[:, :, None, :]
    real, by_ratio = real_susceptibility(ratio, alpha)
    unit = -4 * alpha * model.signs * model.profile * gain[:, :, None, :]
    parts = unit * real
    by_shift = -unit * by_ratio * ratio * (model.unit / f_res)[:, :, None, :]
    # Re chi = a / (a² + b²) with b = 2αr, so that d(α Re chi) / d ln α = α Re chi (2 a Re chi - 1)
    by_damping = parts * (2 * (1 - ratio**2) * real - 1)
    return parts.sum(3), parts, by_shift, by_damping


def found_detuning(theta: Array, z: Array, model: ChipModel) -> Array:
    """Detuning of every resonance from its tone as fitted, in believed half-widths, at z; both [chains, K]."""
    e, _, _, slope = (part[:, 0] for part in _per_resonator(theta, model))
    return np.asarray((model.own - model.base) / model.unit - e - slope * z)


def _by_theta(theta: Array, z: Array, model: ChipModel, base: Array) -> tuple[Array, Array]:
    """Weights [n, points, tones] and their derivatives by theta [n, points, tones, parameters]."""
    weights, parts, by_shift, by_damping = model_weights(theta, z, model, base)
    slope = _per_resonator(theta, model)[3]
    by_slope = by_shift * (slope * z)[:, :, None, :]
    each = (by_shift, parts, by_damping, by_slope)
    common = [part.sum(3, keepdims=True) for part in each[1:]]
    return weights, np.concatenate([*each, *common], 3) * model.widths


def fit(history: History, model: ChipModel, theta: Array) -> tuple[Array, Array]:
    """Parameters [chains, parameters], in widths of their priors, most probable after the measurements.

    Goes downhill from `theta`; also returns the squares left, [chains].
    """
    chains, points, tones = history.values.shape
    weight = np.sqrt(model.memory ** history.age[:, None] / (history.variance + LEAST_SIGMA**2))
    size = max(1, BATCH // (points * tones * theta.shape[1]))
    minima = []
    for first in range(0, chains, size):
        part = slice(first, first + size)

        def problem(x: Array, n: Ints, first: int = first) -> tuple[Array, Array]:
            rows = first + n
            value, slope = _by_theta(x, history.z[rows], model, model.base[rows])
            w = weight[rows]
            residual = (w * (value - history.values[rows])).reshape(len(x), -1)
            jacobian = (w[..., None] * slope).reshape(len(x), residual.shape[1], -1)
            prior = np.broadcast_to(np.eye(x.shape[1]), (len(x), x.shape[1], x.shape[1]))
            return np.concatenate([residual, x], 1), np.concatenate([jacobian, prior], 1)

        minima.append(minimise(problem, theta[part], -6.0, 6.0, 1e-9, 1.0, FIT_STEPS))
    return np.concatenate([part.x for part in minima]), np.concatenate([part.squares for part in minima])


def identify(history: History, model: ChipModel, theta: Array) -> Array:
    """As `fit`; chains that it leaves far from a measurement are tried from a new scan too, and keep what is better."""
    theta, squares = fit(history, model, theta)
    misfit = history.values - model_weights(theta, history.z, model, model.base)[0]
    bad = np.flatnonzero((np.abs(misfit) * np.isfinite(history.variance)).max((1, 2)) > SUSPECT)
    if not len(bad):
        return theta
    part = replace(model, base=model.base[bad])
    measured = History(history.z[bad], history.values[bad], history.variance[bad])
    for start in (np.zeros_like(theta[bad]), theta[bad]):
        other, left = fit(measured, part, scan_offsets(measured, part, start))
        better = left < squares[bad]
        theta[bad[better]], squares[bad[better]] = other[better], left[better]
    return theta


def scan_offsets(history: History, model: ChipModel, theta: Array) -> Array:
    """Parameters with the offset of each resonator where a scan over all of its range explains the measurements best.

    A weight is held at two detunings, one each side of |u| = 1, and a fit does not leave the side on which it starts.
    Resonator after resonator, the others as they are, a few times over.
    """
    size, chains = len(model.frequencies), len(theta)
    theta, grid = theta.copy(), np.linspace(-SCAN, SCAN, SCAN_POINTS)
    weight = 1 / (history.variance + SCAN_SIGMA**2)
    parts = model_weights(theta, history.z, model, model.base)[1]
    for k in SCANS * list(range(size)):
        trial = np.repeat(theta[:, None], SCAN_POINTS, 1)
        trial[:, :, k] = grid
        lines = _line(trial.reshape(-1, theta.shape[1]), k, np.repeat(history.z, SCAN_POINTS, 0), model)
        lines = lines.reshape(chains, SCAN_POINTS, *parts.shape[1:3])
        rest = history.values - (parts.sum(3) - parts[..., k])
        cost = (weight[:, None] * (rest[:, None] - lines) ** 2).sum((2, 3)) + trial[:, :, k] ** 2
        best, every = cost.argmin(1), np.arange(chains)
        theta[:, k], parts[..., k] = trial[every, best, k], lines[every, best]
    return theta


def _line(theta: Array, k: int, z: Array, model: ChipModel) -> Array:
    """Part of resonator k alone, [n, points, tones]; theta, z [n, ...], n a multiple of the chains, chain by chain."""
    size = len(model.frequencies)
    base = np.repeat(model.base[:, k : k + 1], len(theta) // len(model.base), 0)
    columns = [k + n * size for n in range(4)] + [4 * size + n for n in range(3)]
    alone = replace(
        model,
        signs=model.signs[k : k + 1],
        profile=model.profile[:, k : k + 1],
        widths=model.widths[columns],
        own=model.own[k : k + 1],
    )
    return model_weights(theta[:, columns], z[..., k : k + 1], alone, base)[0]


def correction(history: History, model: ChipModel, theta: Array, now: Array) -> tuple[Array, Array]:
    """Misfit of the model at z = now [chains, K]: D [chains, tones] and its slopes B [chains, tones, K].

    A measurement at a distance of d half-widths says less about the plane at `now`: its variance grows by v d⁴;
    and by v (1 - memory)² per square of its age, because chips drift.
    """
    misfit = history.values - model_weights(theta, history.z, model, model.base)[0]
    measured = np.isfinite(history.variance)
    misfit, noise = np.where(measured, misfit, 0.0), np.where(measured, history.variance, 0.0)
    count = np.maximum(1, measured.sum((1, 2)))
    v = np.maximum(0, (misfit**2 - noise).sum((1, 2)) / count)
    v = np.maximum(v, 1e-30)[:, None, None, None]
    z = history.z - now[:, None]
    far = (np.abs(z).max(2) ** 4 + ((1 - model.memory) * history.age) ** 2)[:, None, :]
    apart = (model.frequencies[:, None] - model.own) / model.unit
    local = 1 / (1 + apart**2) ** 2  # [tones, K], variance of B in units of v
    both = np.einsum("jmk,jnk,tk->jtmn", z, z, local, optimize=True)
    spread = np.where(measured, history.variance, 1e6).swapaxes(1, 2) + v[..., 0] * far + 1e-6 * v[..., 0]
    kernel = v * (1 + both) + spread[..., None] * np.eye(z.shape[1])
    weight = v[..., 0] * np.linalg.solve(kernel, misfit.swapaxes(1, 2)[..., None])[..., 0]
    return weight.sum(2), np.einsum("jtm,jmk,tk->jtk", weight, z, local, optimize=True)


def solve(
    target: Array, model: ChipModel, theta: Array, now: Array, extra: tuple[Array, Array], limits: tuple[Array, Array]
) -> tuple[Array, Array]:
    """Z [chains, K] at which model and correction answer with the target, and the largest residual [chains].

    Within the limits of the tuning (z, [chains, K] each) and on the near branch, |u| <= 1, of every resonance.
    """
    e, _, damp, slope = (part[:, 0] for part in _per_resonator(theta, model))
    alpha = np.minimum(model.damping * damp, 0.5)
    edges = [(model.own / (1 + u * alpha) - model.base) / model.unit - e for u in (1.0, -1.0)]
    lower, upper = (np.clip(edge / slope, *limits) for edge in edges)
    constant, plane = extra

    def problem(z: Array, n: Ints) -> tuple[Array, Array]:
        value, _, by_shift, _ = model_weights(theta[n], z[:, None], model, model.base[n])
        bent = (plane[n] @ (z - now[n])[..., None])[..., 0]
        jacobian = by_shift[:, 0] * slope[n][:, None, :] + plane[n]
        return value[:, 0] + constant[n] + bent - target[n], jacobian

    def bounded(z: Array, n: Ints) -> tuple[Array, Array]:
        """`problem` in the unit interval between the bounds, which differ from chain to chain."""
        width = (upper - lower)[n]
        residual, jacobian = problem(lower[n] + width * z, n)
        return residual, jacobian * width[:, None, :]

    width = np.maximum(upper - lower, 1e-12)
    # Not from a bound: there the line is flat, and the solver would take it for the end.
    starts = (np.clip((now - lower) / width, 0.1, 0.9), np.full(now.shape, 0.5))
    first, second = (minimise(bounded, start, 0.0, 1.0, 1e-9, 0.25, SOLVE_STEPS) for start in starts)
    better = second.squares < 0.5 * first.squares - 1e-12
    x = np.where(better[:, None], second.x, first.x)
    return lower + width * x, np.where(better, second.worst, first.worst)


def found_scales(theta: Array, model: ChipModel, sensitivity: float) -> tuple[float, float, float]:
    """Slope (Hz per unit of tuning), damping and sensitivity (V/W) as fitted, medians over all resonators."""
    _, gain, damp, slope = _per_resonator(theta, model)
    return (
        float(np.median(slope)) * model.slope,
        float(np.median(damp)) * model.damping,
        float(np.median(gain)) * sensitivity,
    )
