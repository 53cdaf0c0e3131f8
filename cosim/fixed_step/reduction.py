"""What can be eliminated once for all steps, and is.

Equations whose elimination makes the others no longer go first: inner nodes of devices, tanks, the far side of sources.
All that depends on them, the laws' controls, what is stored and what is shown, is then in terms of what is left.
"""

import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_matrix

from resonet.core.types import Array
from resonet.cosim.fixed_step.equations import Equations, Places

__all__ = ["Reduced", "Row", "Rows", "places", "reduce", "rows_of"]

LEAST = 1e-3  # of the largest in its column: a pivot
LOST = 1e-13  # of both terms: a difference that is zero
LONGER = 2  # entries that an elimination may add
Row = dict[int, float]


class Rows(NamedTuple):
    """A sparse matrix, row by row."""

    start: Places
    column: Places
    value: Array


@dataclass(frozen=True, slots=True, eq=False)
class Reduced:
    """0 = `rows` z, and what else is linear in z = (u, w, J, e), u the unknowns that are left."""

    unknowns: int  # u
    rows: list[Row]
    controls: list[Row]
    stored: list[Row]
    shown: list[Row]


def _subtract(row: Row, factor: float, other: Row, pivot: int) -> tuple[list[int], list[int]]:
    """Row less factor times another one, the pivot's column removed; columns that came and went."""
    came, went = [], []
    for column, value in other.items():
        if column == pivot:
            continue
        old, less = row.get(column), factor * value
        if old is None:
            row[column] = -less
            came.append(column)
        else:
            new = old - less
            if abs(new) <= LOST * abs(old):
                del row[column]
                went.append(column)
            else:
                row[column] = new
    del row[pivot]
    return came, went


def _dicts(matrix: csr_matrix) -> list[Row]:
    matrix = matrix.tocsr()
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    start, column, value = matrix.indptr.tolist(), matrix.indices.tolist(), matrix.data.tolist()
    return [dict(zip(column[a:b], value[a:b], strict=True)) for a, b in pairwise(start)]


class _Reduction:
    def __init__(self, equations: Equations, a: float) -> None:
        self.size, *_ = equations.widths
        groups = [equations.rows(a), equations.control, equations.stored, equations.shown]
        self.parts = np.cumsum([0, *(group.shape[0] for group in groups)]).tolist()
        self.rows = [row for group in groups for row in _dicts(group)]
        self.active = set(range(self.size))
        self.users: list[set[int]] = [set() for _ in range(self.size)]
        for number, row in enumerate(self.rows):
            for column in row:
                if column < self.size:
                    self.users[column].add(number)
        self.left = set(range(self.size))

    def best(self, column: int) -> tuple[int, int]:
        """Entries that eliminating a column adds at most, and with which row; -1 for none."""
        users = self.users[column]
        owners = [r for r in users if r < self.size]
        if not owners:
            return 0, -1
        rows = self.rows
        largest = max(abs(rows[r][column]) for r in owners)
        length, row = min((len(rows[r]), r) for r in owners if abs(rows[r][column]) >= LEAST * largest)
        return (length - 1) * (len(users) - 1) - (length + len(users) - 1), row

    def eliminate(self, column: int, row: int) -> Iterable[int]:
        """Take a column out of all rows by one of them; columns whose cost has changed."""
        other = self.rows[row]
        pivot = other[column]
        for user in self.users[column] - {row}:
            came, went = _subtract(self.rows[user], self.rows[user][column] / pivot, other, column)
            for c in came:
                if c < self.size:
                    self.users[c].add(user)
            for c in went:
                if c < self.size:
                    self.users[c].discard(user)
        changed = [c for c in other if c < self.size and c != column]
        for c in changed:
            self.users[c].discard(row)
        self.users[column] = set()
        self.active.discard(row)
        self.left.discard(column)
        return changed

    def run(self) -> None:
        """Eliminate while the rows grow no longer."""
        heap = [(self.best(column)[0], column) for column in range(self.size)]
        heapq.heapify(heap)
        while heap:
            cost, column = heapq.heappop(heap)
            if column not in self.left:
                continue
            now, row = self.best(column)
            if row < 0 or now > LONGER:
                continue
            if now > cost:
                heapq.heappush(heap, (now, column))
                continue
            for c in self.eliminate(column, row):
                heapq.heappush(heap, (self.best(c)[0], c))


def reduce(equations: Equations, a: float) -> Reduced:
    """Eliminate what no step needs, for κ = a K."""
    reduction = _Reduction(equations, a)
    reduction.run()
    size, left = reduction.size, sorted(reduction.left)
    place = {column: n for n, column in enumerate(left)}
    shift = len(left) - size

    def moved(rows: Iterable[Row]) -> list[Row]:
        return [{place[c] if c < size else c + shift: v for c, v in row.items()} for row in rows]

    parts, rows = reduction.parts, reduction.rows
    groups = [rows[a:b] for a, b in pairwise(parts[1:])]
    return Reduced(len(left), moved(rows[r] for r in sorted(reduction.active)), *(moved(group) for group in groups))


def places(values: Iterable[int]) -> Places:
    """Whole numbers as compiled code takes them."""
    return np.array(list(values), np.uint32)


def rows_of(rows: list[Row], first: int, last: int) -> Rows:
    """Rows as arrays, columns first ... last - 1 only."""
    kept = [sorted((c, v) for c, v in row.items() if first <= c < last) for row in rows]
    flat = [pair for row in kept for pair in row]
    return Rows(
        np.cumsum([0, *(len(row) for row in kept)]).astype(np.uint32),
        places(c for c, _ in flat),
        np.array([v for _, v in flat], float),
    )
