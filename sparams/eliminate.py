"""Elimination of inner unknowns from sparse matrices that differ only in frequency.

A chain or a line is a ladder, a bus a tree of ladders, a layout window a mesh of them. So an unknown has few
neighbours, and taking it out, M_ij -= M_ip M_pj / M_pp, touches few entries; each entry is an array over frequencies.
Unknowns that share no neighbour are taken out in one round (odd-even reduction, on any graph), always those with the
fewest neighbours first. Where a mesh has grown dense, unknowns with the same neighbours go as one block. The plan is
made once and runs over the frequencies in slices that stay in the cache.
"""

from dataclasses import dataclass

import numpy as np

from resonet.core.types import Array, Complex, Ints

__all__ = ["Plan", "make_plan", "reduce_to_kept"]

SLACK = 1.5  # how far above the smallest degree a pivot of the same round may lie
BLOCK = 6  # unknowns with the same neighbours from which on they go as one block


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Where every entry lies in the list of values, and the rounds of pivots that share no neighbour."""

    entries: int  # length of the list: entries of the matrix and of the fill
    slots: Ints  # [given entries], where each lies in the list
    # slots of pivots, rows, columns, targets: [m], [m, d], [m, d], [m, d, d] of m lone pivots; of a block of m pivots
    # [m, m], [m, d], [d, m], [d, d]
    rounds: tuple[tuple[Ints, Ints, Ints, Ints], ...]
    kept: Ints  # [k, k], slots of what remains


def _neighbours(size: int, rows: Ints, columns: Ints) -> list[set[int]]:
    found: list[set[int]] = [set() for _ in range(size)]
    for i, j in set(zip(rows.tolist(), columns.tolist(), strict=True)):
        if i != j:
            found[i].add(j)
            found[j].add(i)
    return found


def _one_round(around: list[set[int]], left: set[int]) -> list[int]:
    """Unknowns of small degree, none of them a neighbour, or neighbour's neighbour, of another."""
    order = sorted(left, key=lambda n: (len(around[n]), n))
    limit = SLACK * len(around[order[0]]) + 1
    taken: list[int] = []
    touched: set[int] = set()
    for n in order:
        if len(around[n]) > limit:
            break
        if n not in touched and touched.isdisjoint(around[n]):
            taken.append(n)
            touched |= around[n]
            touched.add(n)
    return taken


def _with_neighbours(group: list[int], around: list[set[int]]) -> tuple[Ints, Ints]:
    """Pivots [m] and their neighbours [m, d]; all have as many."""
    near = [sorted(around[n]) for n in group]
    return np.array(group, np.int64), np.array(near, np.int64).reshape(len(group), -1)


def _twins(n: int, around: list[set[int]], left: set[int]) -> list[int]:
    """The unknown and all others that have the same neighbours."""
    closed = around[n] | {n}
    return [n, *(m for m in sorted(around[n] & left) if around[m] | {m} == closed)]


def _take_out(group: list[int], around: list[set[int]]) -> None:
    """Neighbours of eliminated unknowns become neighbours of each other."""
    near = set().union(*(around[n] for n in group)) - set(group)
    for other in near:
        around[other] |= near
        around[other] -= {other, *group}


def _order(around: list[set[int]], left: set[int]) -> list[tuple[Ints, Ints, bool]]:
    """Pivots [m] with their neighbours, in the order in which they go: [m, d] of lone pivots, [d] of a block."""
    found: list[tuple[Ints, Ints, bool]] = []
    while left:
        taken = _one_round(around, left)
        block = _twins(taken[0], around, left) if len(taken) == 1 else []
        if len(block) >= BLOCK:
            near = np.array(sorted(around[block[0]] - set(block)), np.int64)
            found.append((np.array(block, np.int64), near, True))
            _take_out(block, around)
            left -= set(block)
            continue
        by_degree: dict[int, list[int]] = {}
        for n in taken:
            by_degree.setdefault(len(around[n]), []).append(n)
        found += [(*_with_neighbours(group, around), False) for group in by_degree.values()]
        for n in taken:
            _take_out([n], around)
        left -= set(taken)
    return found


def _places(pivots: Ints, near: Ints, block: bool, size: int) -> tuple[Ints, Ints, Ints, Ints]:
    """Keys row * size + column of pivots, rows, columns and targets."""
    if block:
        return (
            pivots[:, None] * size + pivots,
            pivots[:, None] * size + near,
            near[:, None] * size + pivots,
            near[:, None] * size + near,
        )
    return (
        pivots * (size + 1),
        pivots[:, None] * size + near,
        near * size + pivots[:, None],
        near[:, :, None] * size + near[:, None, :],
    )


def make_plan(size: int, rows: Ints, columns: Ints, kept: list[int]) -> Plan:
    """Plan for a matrix [size, size] with entries at (rows, columns); the unknowns `kept` stay, in that order."""
    order = _order(_neighbours(size, rows, columns), set(range(size)) - set(kept))
    corner = np.array(kept, dtype=np.int64)
    given, remains = rows * size + columns, corner[:, None] * size + corner
    keys = [_places(*one, size) for one in order]
    every = np.unique(np.concatenate([given, remains.ravel(), *(key.ravel() for one in keys for key in one)]))
    rounds = tuple(
        (np.searchsorted(every, p), np.searchsorted(every, r), np.searchsorted(every, c), np.searchsorted(every, t))
        for p, r, c, t in keys
    )
    return Plan(len(every), np.searchsorted(every, given), rounds, np.searchsorted(every, remains))


def _take_block(values: Complex, slots: tuple[Ints, Ints, Ints, Ints]) -> Array:
    """Eliminate a block; returns 1 over its largest share, [frequencies]: 0 where it is singular."""
    pivot, row, column, target = (np.moveaxis(values[s], -1, 0) for s in slots)
    try:
        share = np.linalg.solve(pivot, row)
    except np.linalg.LinAlgError:
        return np.zeros(values.shape[1])
    values[slots[3]] = np.moveaxis(target - column @ share, 0, -1)
    return np.asarray(1 / np.abs(share).max((1, 2), initial=1e-300))


def reduce_to_kept(plan: Plan, values: Complex) -> tuple[Complex, Array]:
    """What remains after elimination, [frequencies, k, k], and how small a pivot became, [frequencies].

    values [entries of the plan, frequencies] is overwritten. The measure is |pivot| over the largest entry of its row
    when it went; where it is tiny, the rest has lost as many digits.
    """
    weakest, squares = np.full(values.shape[1], np.inf), np.full(values.shape[1], np.inf)
    for pivot, row, column, target in plan.rounds:
        if pivot.ndim == 2:
            np.minimum(weakest, _take_block(values, (pivot, row, column, target)), out=weakest)
            continue
        centre = values[pivot]
        across = values[row]
        if row.shape[1]:
            share = values[column] / centre[:, None]
            values[target] -= share[:, :, None] * across[:, None]
            np.minimum(squares, (_square(centre) / _square(across).max(1)).min(0), out=squares)
    weakest = np.minimum(weakest, np.sqrt(squares))
    return np.ascontiguousarray(np.moveaxis(values[plan.kept], -1, 0)), weakest


def _square(values: Complex) -> Array:
    """|values|², without the root that `np.abs` takes with care."""
    return np.asarray(values.real**2 + values.imag**2)
