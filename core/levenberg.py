"""Levenberg-Marquardt for many small problems at once, with bounds.

scipy's `least_squares` takes one problem a call; a layer has thousands of chains, whose normal equations are solved
here as one stack. Method: Nocedal & Wright, Numerical Optimization, chapter 10.3; bounds by projection.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from resonet.core.types import Array, Bools, Ints

__all__ = ["Minimum", "minimise"]

# (x [m, unknowns], which problems these are [m]) -> residuals [m, r], Jacobians [m, r, unknowns]
Problem = Callable[[Array, Ints], tuple[Array, Array]]

FIRST_DAMPING, LEAST_DAMPING, MOST_DAMPING = 1e-6, 1e-14, 1e8
STALL = 1e-4  # a step that lowers the squares by less than this part of them, again and again, leads nowhere
PATIENCE = 6  # such steps


@dataclass(frozen=True, slots=True, eq=False)
class Minimum:
    """Where every problem ended."""

    x: Array  # [problems, unknowns]
    worst: Array  # [problems] largest residual, absolute
    squares: Array  # [problems] sum of the squared residuals
    steps: int  # passes over the problems that were still moving


def _step(jacobian: Array, residual: Array, damping: Array, fixed: Bools, longest: float) -> Array:
    """Damped Gauss-Newton steps [m, unknowns]; unknowns that are `fixed` stay, none moves further than `longest`."""
    unknowns = jacobian.shape[2]
    jacobian = np.where(fixed[:, None, :], 0.0, jacobian)
    transposed = jacobian.swapaxes(1, 2)
    normal = transposed @ jacobian
    diagonal = np.arange(unknowns)
    scale = np.maximum(normal[:, diagonal, diagonal].max(1), 1e-300)
    normal[:, diagonal, diagonal] += (damping * scale)[:, None] + fixed * scale[:, None]
    step = -np.linalg.solve(normal, transposed @ residual[..., None])[..., 0]
    largest = np.maximum(np.abs(step).max(1), 1e-300)
    return np.asarray(step * np.minimum(1, longest / largest)[:, None])


def minimise(
    problem: Problem,
    start: Array,
    lower: float | Array,
    upper: float | Array,
    tolerance: float,
    longest: float = 0.5,
    most: int = 60,
) -> Minimum:
    """Least squares of every problem from `start` [problems, unknowns] within the bounds (broadcast to `start`).

    A problem is done once its largest residual is at most `tolerance`, or once it no longer moves. No unknown moves
    further than `longest` in a step. The result is never worse than the start.
    """
    lower, upper = np.broadcast_to(lower, start.shape), np.broadcast_to(upper, start.shape)
    x = np.clip(start, lower, upper)
    everything = np.arange(len(x))
    residual, jacobian = problem(x, everything)
    squares, damping = (residual**2).sum(1), np.full(len(x), FIRST_DAMPING)
    idle, taken = np.zeros(len(x), int), 0
    for _ in range(most):
        moving = (np.abs(residual).max(1) > tolerance) & (idle < PATIENCE) & (damping < MOST_DAMPING)
        if not moving.any():
            break
        taken += 1
        rows = everything[moving]
        slope = (jacobian[rows] * residual[rows][..., None]).sum(1)
        outward = ((x[rows] >= upper[rows]) & (slope < 0)) | ((x[rows] <= lower[rows]) & (slope > 0))
        step = _step(jacobian[rows], residual[rows], damping[rows], outward, longest)
        trial = np.clip(x[rows] + step, lower[rows], upper[rows])
        found, derivative = problem(trial, rows)
        now = (found**2).sum(1)
        better = now < squares[rows]
        idle[rows] = np.where(better & (now < (1 - STALL) * squares[rows]), 0, idle[rows] + better)
        damping[rows] = np.where(better, np.maximum(0.1 * damping[rows], LEAST_DAMPING), 10 * damping[rows] + 1e-9)
        kept = rows[better]
        x[kept], residual[kept], jacobian[kept], squares[kept] = (
            part[better] for part in (trial, found, derivative, now)
        )
    return Minimum(x, np.abs(residual).max(1), squares, taken)
