"""Detunings at which a chain answers every tone with the weight that it should: the inner problem of all programming.

A chain of K resonators with tones f_a answers tone a with

    w_a = sum_k G_ak s_k (-4 α Re chi(f_a / f_res,k)),      f_res,k = f_k / (1 + α u_k)

in units of K_SD: s_k = (-1)^k, u_k the detuning in half-widths, G_ak the RF power of tone a in resonator k (as part of
the power that the plan gives each tone in its own resonator) times the DC gain from that resonator to the readout. The
ideal bus has G = 1; what the real one has comes from an engine (cosim/weights/engines.py). For one resonator w = 2u /
(1 + u²): every weight below the largest is held at two detunings, one each side of |u| = 1, where the answer folds
back.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from resonet.core.levenberg import Minimum, minimise
from resonet.core.types import Array, Bools, Ints
from resonet.models.resonator.far_chain import effective_reach, solve_far
from resonet.models.resonator.linear import detuning_for_weight, real_susceptibility

__all__ = ["BRANCHES", "Branches", "Chains", "chain_answers", "chain_response", "far_detuning", "solve_chains"]

Branches = Literal["near", "both"]
BRANCHES: tuple[Branches, ...] = ("near", "both")
BATCH = 4_000_000  # elements of the Jacobians held at once
HELD = 65_536  # of the answers: what a processor keeps near
OPEN = 1e-9  # residual from which on a chain is tried once more in another way
FIRST = 0.8  # largest weight of a first guess: at 1 a resonator's answer is flat, and no step leads away from there
STAGES = 10  # steps on the way from zero detuning, for chains that the first guess does not lead home
FOLLOWS = 0.02  # residual with which a chain is still on that way
STEPS = 60  # of one solution, at most
LONGEST, FAR_LONGEST = 0.5, 5.0  # half-widths that a resonator moves in a step; where it stands far away
FARTHEST = 6.0  # half-widths that a resonator on the far branch may stand away from its tone
FLIPS = 3  # resonators of a chain that the search moves to the far branch, at most
KEPT = 6  # candidates that the search goes on with after each flip


@dataclass(frozen=True, slots=True, eq=False)
class Chains:
    """Chains of one bus as the solver sees them."""

    frequencies: Array  # [K] Hz, tone k is resonator k's own
    signs: Array  # [K] (-1)^k
    damping: float
    profile: Array | None = None  # G, [tones, K] or [chains, tones, K]; None: 1
    compiled: bool = False  # solved by compiled code, which takes half a second to load
    own: Array | None = None  # [chains, K] dampings of the resonators themselves; None: `damping`, which u counts in
    tones: Array | None = None  # [K] Hz, where tones stand beside their channels `frequencies`
    reach: float = 1.0  # largest |u|; above 1 resonators stand as far away as they can (`far_chain`)
    parts: Array | None = None  # [K] how strong tones are; in `profile`, where there is one; None: 1

    def part(self, rows: Ints) -> Array | float:
        """Profile of some of the chains."""
        if self.profile is None:
            return 1.0 if self.parts is None else np.repeat(self.parts[:, None], len(self.frequencies), 1)
        return self.profile[rows] if self.profile.ndim == 3 else self.profile

    def alone(self, target: Array) -> Array:
        """What resonators would hold alone, 2u / (1 + u²), turned as they are, for target [chains, K]."""
        return np.asarray(self.signs * target if self.parts is None else self.signs * target / self.parts)

    @property
    def at(self) -> Array:
        """Where the tones are, Hz [K]."""
        return self.frequencies if self.tones is None else self.tones

    @property
    def ratio(self) -> Array:
        """Tone by channel, [tones, K]."""
        return np.asarray(self.at[:, None] / self.frequencies[None, :])

    def dampings(self, rows: Ints) -> Array | float:
        """Of the resonators of some of the chains, [rows, 1, K], or one for all."""
        return self.damping if self.own is None else self.own[rows, None, :]


def chain_response(detuning: Array, chains: Chains, rows: Ints | None = None) -> tuple[Array, Array]:
    """Answer of every chain to each tone in units of K_SD, and its derivative by each detuning.

    detuning [n, K], `rows` [n] the chains that these are (default: the first n) -> [n, K tones], [n, K tones, K].
    """
    rows = np.arange(len(detuning)) if rows is None else rows
    ratio = chains.ratio
    real, slope = real_susceptibility(ratio * (1 + chains.damping * detuning[:, None, :]), chains.dampings(rows))
    unit = -4 * chains.damping * chains.signs * chains.part(rows)
    return (unit * real).sum(2), unit * (chains.damping * ratio) * slope


def chain_answers(detuning: Array, chains: Chains) -> Array:
    """Answer of every chain to each tone in units of K_SD, [chains, tones], a few chains at a time."""
    size = max(1, HELD // detuning.shape[1] ** 2)
    ratio = chains.ratio
    answers = np.empty((len(detuning), len(ratio)))
    for first in range(0, len(detuning), size):
        rows = np.arange(first, min(first + size, len(detuning)))
        part = ratio * (1 + chains.damping * detuning[rows, None, :])
        square, unit = 1 - part**2, -4 * chains.damping * chains.signs * chains.part(rows)
        answers[rows] = (unit * (square / (square**2 + (2 * chains.dampings(rows) * part) ** 2))).sum(2)
    return answers


def far_detuning(weight: Array) -> Array:
    """Detuning |u| >= 1 at which a resonator alone holds a weight -1 ... 1 (units of K_SD), at most `FARTHEST`."""
    near = detuning_for_weight(np.clip(weight, -1, 1))
    return np.clip(1 / np.where(np.abs(near) < 1e-9, np.copysign(1e-9, near), near), -FARTHEST, FARTHEST)


def _refine_compiled(
    target: Array,
    chains: Chains,
    rows: Ints,
    start: Array,
    reach: float,
    tolerance: float,
    most: int,
    longest: float,
) -> Minimum:
    from resonet.models.resonator.chain_newton import refine_chains

    ratio, part = chains.ratio, chains.part(rows)
    own: Array | float = chains.damping if chains.own is None else chains.own[rows]
    units = -4 * chains.damping * chains.signs * (part if np.ndim(part) else np.ones_like(ratio))
    units = units if units.ndim == 3 else units[None]
    return refine_chains(target, ratio, units, (chains.damping, own), start, (-reach, reach), tolerance, most, longest)


def _refine(
    target: Array,
    chains: Chains,
    rows: Ints,
    start: Array,
    reach: float,
    tolerance: float,
    most: int = STEPS,
    longest: float = LONGEST,
) -> Minimum:
    """Solve chain `rows[n]` for target[n] from start[n], |u| <= reach; in batches whose Jacobians fit in memory."""
    size = max(1, BATCH // target.shape[1] ** 2)
    parts = []
    for first in range(0, max(1, len(target)), size):
        batch = slice(first, first + size)
        if chains.compiled or chains.reach > 1:
            of = (target[batch], chains, rows[batch], start[batch], reach, tolerance, most, longest)
            parts.append(_refine_compiled(*of))
            continue

        def problem(x: Array, n: Ints, first: int = first) -> tuple[Array, Array]:
            response, jacobian = chain_response(x, chains, rows[first + n])
            return response - target[first + n], jacobian

        parts.append(minimise(problem, start[batch], -reach, reach, tolerance, longest, most))
    x, worst, squares = (np.concatenate([getattr(p, name) for p in parts]) for name in ("x", "worst", "squares"))
    return Minimum(x, worst, squares, max(p.steps for p in parts))


def _walk(target: Array, chains: Chains, rows: Ints, tolerance: float) -> tuple[Minimum, Bools]:
    """Solve from zero detuning, with the target moved from what the chains answer there to where it belongs.

    Chains that cannot follow are left behind. Returns the rest, and which of `rows` they are.
    """
    u, here = np.zeros_like(target), np.ones(len(rows), bool)
    origin, _ = chain_response(u, chains, rows)
    for share in np.linspace(0, 1, STAGES + 1)[1:-1]:
        goal = origin[here] + share * (target[here] - origin[here])
        refined = _refine(goal, chains, rows[here], u[here], 1.0, FOLLOWS, STEPS // 4)
        u[here] = refined.x
        here[here] = refined.worst <= FOLLOWS
    return _refine(target[here], chains, rows[here], u[here], 1.0, tolerance), here


def _search_far(target: Array, chains: Chains, row: int, near: Array, tolerance: float) -> tuple[Array, float, float]:
    """Best detunings of one chain with up to `FLIPS` resonators on the far branch, greedy: (u, worst, squares)."""
    size = target.shape[0]
    far = far_detuning(chains.alone(target))
    candidates, best = near[None], (near, np.inf, np.inf)
    for _ in range(FLIPS):
        starts = np.repeat(candidates, size, 0)
        flipped = np.tile(np.arange(size), len(candidates))
        starts[np.arange(len(starts)), flipped] = far[flipped]
        refined = _refine(
            np.tile(target, (len(starts), 1)), chains, np.full(len(starts), row), starts, FARTHEST, tolerance
        )
        order = np.argsort(refined.squares)[:KEPT]
        if refined.squares[order[0]] < best[2]:
            first = order[0]
            best = (refined.x[first], float(refined.worst[first]), float(refined.squares[first]))
        if best[1] <= tolerance:
            break
        candidates = refined.x[order]
    return best


def solve_chains(
    target: Array, chains: Chains, start: Array | None = None, branches: Branches = "near", tolerance: float = 1e-12
) -> tuple[Array, Array]:
    """Detunings [chains, K] at which each chain answers tone k with target[:, k] (units of K_SD).

    From `start`, or from about what each resonator would need alone. "near" keeps |u| <= chains.reach; "both" moves
    resonators of chains that cannot hold their weights so to the far branch, where that helps. Also returns the largest
    residual of each chain, [chains]; a chain that cannot hold its weights keeps the detunings with the least squares.
    """
    rows, reach = np.arange(len(target)), effective_reach(chains.reach, chains.frequencies, chains.damping)
    if start is None and reach > 1:
        solved = solve_far(
            chains.alone(target),
            reach,
            lambda left, begin: _refine(
                target[left], chains, left, begin, reach, tolerance, 2 * STEPS, min(FAR_LONGEST, reach)
            ),
        )
        return solved.x, solved.worst
    if start is None:
        start = detuning_for_weight(np.clip(chains.alone(target), -FIRST, FIRST))
    if branches == "both":
        reach = max(reach, float(np.abs(start).max(initial=0)))
    refined = _refine(target, chains, rows, start, reach, tolerance)
    u, worst, squares = refined.x, refined.worst, refined.squares
    left = rows[worst > OPEN]
    if left.size:
        walked, arrived = _walk(target[left], chains, left, tolerance)
        better = walked.squares < squares[left[arrived]]
        kept = left[arrived][better]
        u[kept], worst[kept], squares[kept] = walked.x[better], walked.worst[better], walked.squares[better]
    if branches == "both":
        for row in rows[worst > OPEN]:
            far = _search_far(target[row], chains, int(row), u[row], tolerance)
            if far[2] < squares[row]:
                u[row], worst[row], squares[row] = far
    return u, worst
