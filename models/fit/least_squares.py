"""Least squares for `fit`: a scan over the two parameters that are not linear, then lmfit on all of them."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resonet.core.errors import InputError
from resonet.core.types import Array

__all__ = ["Basis", "Solved", "real_rows", "scan", "solve"]

DAMPINGS = np.geomspace(2e-5, 0.3, 42)
MOST_PLACES = 400
BLOCKS = 16  # least blocks within a full width

Basis = Callable[[Array, float, float], NDArray[Any]]  # (f, f0, α) -> [points, amplitudes]


def real_rows(values: NDArray[Any]) -> Array:
    """Complex rows as real rows, the imaginary parts below."""
    return np.concatenate([values.real, values.imag]) if np.iscomplexobj(values) else np.asarray(values)


def _amplitudes(basis: NDArray[Any], data: NDArray[Any], weight: Array) -> tuple[Array, float]:
    """Best amplitudes of `basis` [points, amplitudes] for `data` [points], and the χ² that is left."""
    matrix, goal = real_rows(weight[:, None] * basis), real_rows(weight * data)
    solved = np.linalg.lstsq(matrix, goal, rcond=None)[0]
    return np.asarray(solved), float(np.sum((goal - matrix @ solved) ** 2))


def _blocks(values: NDArray[Any], size: int) -> NDArray[Any]:
    """Means of blocks of `size` points."""
    whole = len(values) // size * size
    return np.asarray(values[:whole].reshape(-1, size).mean(1))


def _places(f: Array, data: NDArray[Any], width: float) -> Array:
    """Where a resonance of that full width may be: on a grid, or, if that is too fine, where the data stand out."""
    steps = 4 * (f[-1] - f[0]) / width
    if steps <= MOST_PLACES:
        return np.linspace(f[0], f[-1], max(8, int(steps)))
    near = np.argsort(np.abs(data - np.mean(data)))[-24:]  # extremes lie at f0 (Im chi) or half a width off (Re chi)
    return np.unique(np.concatenate([f[near] + shift * width for shift in (-0.5, -0.25, 0, 0.25, 0.5)]))


def scan(
    f: Array, data: NDArray[Any], basis: Basis, weight: Array, dampings: Sequence[float] | Array = DAMPINGS
) -> tuple[float, float, Array]:
    """f0, α and amplitudes of the best fit on a grid fine enough that every minimum in reach has a point in it.

    Data much denser than the width are averaged in blocks, so that the cost does not grow with them.
    """
    step = float(np.median(np.diff(np.unique(f))))
    best: tuple[float, float, float] = (-math.inf, f[0], dampings[0])
    for damping in dampings:
        if 2 * damping * f[-1] < step or damping * f[0] > f[-1] - f[0]:
            continue
        size = int(np.clip(2 * damping * f[0] / step / BLOCKS, 1, max(1, len(f) // 24)))
        ff, dd, ww = _blocks(f, size), _blocks(data, size), _blocks(weight, size)
        total = float(np.sum(np.abs(ww * dd) ** 2))
        for place in _places(ff, dd, 2 * damping * float(f[-1])):
            gain = size * (total - _amplitudes(basis(ff, float(place), float(damping)), dd, ww)[1])
            if gain > best[0]:
                best = (gain, float(place), float(damping))
    return best[1], best[2], _amplitudes(basis(f, best[1], best[2]), data, weight)[0]


@dataclass(frozen=True, slots=True, eq=False)
class Solved:
    """Result of one least-squares fit in SI units."""

    values: dict[str, float]
    errors: dict[str, float]
    covariance: Array
    residual: Array  # weighted, real
    free: int


def solve(
    residual: Callable[[Mapping[str, float]], Array],
    start: Mapping[str, float],
    scale: Mapping[str, float],
    scale_noise: bool,
    what: str,
) -> Solved:
    """Least squares by lmfit in scaled units, so that hertz and farads are all of the order of one."""
    import lmfit  # type: ignore[import-untyped]

    names = list(start)
    parameters = lmfit.Parameters()
    for name in names:
        parameters.add(name, value=start[name] / scale[name])

    def scaled(trial: Any) -> Array:
        return residual({name: trial[name].value * scale[name] for name in names})

    try:
        with np.errstate(all="ignore"):
            result = lmfit.minimize(
                scaled, parameters, scale_covar=scale_noise, ftol=1e-15, xtol=1e-15, gtol=1e-15, max_nfev=4000
            )
    except (ValueError, TypeError, np.linalg.LinAlgError) as error:
        raise InputError(f"{what}: the fit does not converge ({str(error)[:80]})") from None
    values = {name: float(result.params[name].value) * scale[name] for name in names}
    factors = np.array([scale[name] for name in names])
    free = len(result.residual) - len(names)
    covariance = _covariance(result, names, scaled, scale_noise) * np.outer(factors, factors)
    if not np.all(np.isfinite(covariance)) or np.any(np.diag(covariance) < 0):
        raise InputError(
            f"{what}: the data do not determine {', '.join(names)}; possible: more points, fixed parasitics"
        )
    errors = dict(zip(names, np.sqrt(np.diag(covariance)), strict=True))
    return Solved(values, errors, covariance, np.asarray(result.residual, float), free)


def _covariance(result: Any, names: Sequence[str], scaled: Callable[[Any], Array], scale_noise: bool) -> Array:
    """Covariance by lmfit; where it gives none (residuals at rounding error), that of a numerical Jacobian."""
    if result.covar is not None and np.all(np.isfinite(result.covar)):
        return np.asarray(result.covar, float)
    trial, columns = result.params.copy(), []
    for name in names:
        value, step = trial[name].value, 1e-6 * max(abs(trial[name].value), 1e-6)
        trial[name].set(value=value + step)
        above = scaled(trial)
        trial[name].set(value=value - step)
        columns.append((above - scaled(trial)) / (2 * step))
        trial[name].set(value=value)
    jacobian = np.stack(columns, 1)
    noise = result.redchi if scale_noise else 1.0
    return np.asarray(np.linalg.pinv(jacobian.T @ jacobian) * noise)
