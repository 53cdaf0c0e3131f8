"""Piecewise-linear curves, and fits of them to a function: what a transconductor of straight pieces makes of it.

Such a transconductor is a sum of two-slope elements (models/neuron/electronics.py), one for each corner. Between two
corners a distance h apart a line leaves of f an error that goes with f'' h²: for the smallest largest error the corners
lie where ∫ √|f''| dz has grown by equal parts, and where f itself has a corner (C. de Boor, A Practical Guide to
Splines, chapter XII). The values at the corners are those of least squares over the range, all sums alike.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.errors import InputError
from resonet.core.types import Array

__all__ = ["Curve", "CurveError", "fit_curve"]

SMOOTH = 1e-7  # of the range of outputs: how far a function may be from straight between two sampling points
MOST_POINTS = 200_000
START = 65  # points of the first sampling


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Straight pieces between corners, and beyond them; slopes beyond may differ from neuron to neuron."""

    corners: Array  # [corners] rising
    values: Array  # [corners]
    below: Array  # slope before the first corner, of all neurons or [neurons]
    above: Array  # slope behind the last corner, likewise

    def __call__(self, z: ArrayLike) -> Array:
        """Values at z of any shape, neurons last; NaN stays NaN."""
        x = np.asarray(z, float)
        inside = np.interp(x, self.corners, self.values)
        left, right = np.minimum(x - self.corners[0], 0), np.maximum(x - self.corners[-1], 0)
        return np.asarray(inside + self.below * left + self.above * right)

    @property
    def pieces(self) -> int:
        """Straight pieces, those beyond the corners included."""
        return len(self.corners) + 1

    def slopes(self, neurons: int) -> Array:
        """Slopes of all pieces, [neurons, pieces]."""
        inner = np.diff(self.values) / np.diff(self.corners)
        found = np.empty((neurons, self.pieces))
        found[:, 0], found[:, 1:-1], found[:, -1] = self.below, inner, self.above
        return found


@dataclass(frozen=True, slots=True)
class CurveError:
    """Deviation of a curve from its function over the sums it is fitted to, part of the range of the outputs there."""

    largest: float
    rms: float


Function = Callable[[Array], Array]


def _sample(function: Function, low: float, high: float, kinks: list[float]) -> tuple[Array, Array]:
    """Points [n] of low ... high between which a function is straight to SMOOTH of its range, and its values there."""
    z = np.unique(np.concatenate([np.linspace(low, high, START), kinks, [0.0] if low < 0 < high else []]))
    y = function(z)
    while len(z) < MOST_POINTS:
        middle = 0.5 * (z[:-1] + z[1:])
        value = function(middle)
        bent = np.abs(value - 0.5 * (y[:-1] + y[1:])) > SMOOTH * np.ptp(y)
        bent &= (middle > z[:-1]) & (middle < z[1:])
        if not bent.any():
            break
        z, y = np.concatenate([z, middle[bent]]), np.concatenate([y, value[bent]])
        order = np.argsort(z)
        z, y = z[order], y[order]
    return z, y


def _grown(z: Array, y: Array) -> Array:
    """∫ √|f''| dz from the first of the points z [n] to each."""
    if len(z) < 3:
        return np.asarray(z - z[0])
    bend = np.sqrt(np.abs(np.diff(np.diff(y) / np.diff(z))) / (0.5 * (z[2:] - z[:-2])))
    bend = np.concatenate([bend[:1], bend, bend[-1:]])
    return np.concatenate([[0.0], np.cumsum(0.5 * (bend[1:] + bend[:-1]) * np.diff(z))])


def _knots(z: Array, y: Array, kinks: list[float], pieces: int) -> Array:
    """Ends of the pieces [pieces + 1]: the kinks, and between them equal parts of ∫ √|f''|."""
    ends = np.searchsorted(z, kinks)
    sections = [slice(a, b + 1) for a, b in zip([0, *ends], [*ends, len(z) - 1], strict=True)]
    grown = [_grown(z[section], y[section]) for section in sections]
    share = np.ones(len(sections), int)
    for _ in range(pieces - len(sections)):  # one after another to the section whose pieces are the worst
        share[np.argmax([g[-1] / n for g, n in zip(grown, share, strict=True)])] += 1
    found = [z[:1]]
    for section, g, n in zip(sections, grown, share.tolist(), strict=True):
        g = g if g[-1] > 0 else z[section] - z[section][0]
        found.append(np.interp(np.linspace(0, g[-1], n + 1)[1:], g, z[section]))
    return np.unique(np.concatenate(found))


def _quadrature(points: Array) -> tuple[Array, Array]:
    """Points and weights of Simpson's rule between points [n]: [2 n - 1] each."""
    z = np.empty(2 * len(points) - 1)
    z[::2], z[1::2] = points, 0.5 * (points[:-1] + points[1:])
    width, weight = np.diff(points) / 6, np.zeros(len(z))
    weight[1::2] = 4 * width
    weight[:-1:2] += width
    weight[2::2] += width
    return z, weight


def _least_squares(z: Array, y: Array, weight: Array, knots: Array) -> Array:
    """Values at the knots of the line that deviates least from y(z), points [n] with weights.

    Normal equations of hat functions: tridiagonal.
    """
    n = len(knots)
    piece = np.clip(np.searchsorted(knots, z, side="right") - 1, 0, n - 2)
    up = (z - knots[piece]) / np.diff(knots)[piece]
    matrix, right = np.zeros((n, n)), np.zeros(n)
    for row, hat in ((piece, 1 - up), (piece + 1, up)):
        np.add.at(right, row, weight * hat * y)
        np.add.at(matrix, (row, piece), weight * hat * (1 - up))
        np.add.at(matrix, (row, piece + 1), weight * hat * up)
    balance = 1 / np.sqrt(np.diagonal(matrix))
    return np.asarray(balance * np.linalg.solve(matrix * np.outer(balance, balance), balance * right))


def fit_curve(
    function: Function, low: float, high: float, pieces: int, kinks: tuple[float, ...] = ()
) -> tuple[Curve, CurveError]:
    """Curve of that many pieces for a function [n] -> [n] over low ... high, and how far it is off.

    The first and the last piece go on beyond the range. `kinks` are corners of the function itself. Raises InputError
    for fewer pieces than these need.
    """
    room = max(high - low, 1e-6 * max(abs(low), abs(high), 1.0))
    low, high = low, low + room
    inside = sorted(k for k in kinks if low + 1e-9 * room < k < high - 1e-9 * room)
    if pieces <= len(inside) or pieces < 2:
        raise InputError(
            f"{pieces} pieces for a function with {len(inside)} corners; possible: {max(len(inside) + 1, 2)}"
        )
    z, y = _sample(function, low, high, inside)
    knots = _knots(z, y, inside, pieces)
    z, weight = _quadrature(np.unique(np.concatenate([z, knots])))
    y = function(z)
    values = _least_squares(z, y, weight, knots)
    slopes = np.diff(values) / np.diff(knots)
    # The outer knots are no corners: the first and the last piece go on.
    corners, held = (knots[1:-1], values[1:-1]) if len(knots) > 2 else (knots, values)
    curve = Curve(corners, held, slopes[0], slopes[-1])
    off = curve(z) - y
    span = float(np.ptp(y)) or 1.0
    return curve, CurveError(
        float(np.abs(off).max()) / span, math.sqrt(float(off**2 @ weight) / float(weight.sum())) / span
    )
