"""The order in which what `reduction` leaves is eliminated at every step, as operations on slots of one array.

Pivots are chosen once for little fill (Markowitz) among those large enough; what no law touches is done beforehand.
"""

import heapq
from collections.abc import Iterable, Sized
from itertools import count
from typing import NamedTuple

import numpy as np

from resonet.core.errors import EngineError
from resonet.core.types import Array
from resonet.cosim.fixed_step.equations import Places
from resonet.cosim.fixed_step.reduction import Reduced, Row, places

__all__ = ["Factors", "order"]

SAFE = 1e-2  # of the largest in its column: a pivot


class Factors(NamedTuple):
    """How the matrix of (u, w) is factored and solved: pivots in order, below each the rows that it is taken off.

    A law that no control depends on is put into the rows that have its w: it needs no unknown. The others' follow u.
    """

    linked: Places  # laws whose w is an unknown
    unknown: Places  # which
    into: Places  # [laws + 1] into
    into_row: Places  # rows that have a w which is no unknown,
    into_value: Array  # and its factor there
    initial: Array  # [slots] numbers before any law, what never changes already factored
    changing: Places  # slots that are other numbers afterwards
    law_slot: Places  # [entries] slots that a law's derivative goes into,
    law_control: Places  # which,
    law_value: Array  # times what
    pivot_row: Places
    pivot_column: Places
    pivot_slot: Places
    pivot_fixed: Places  # 1 where it never changes
    below: Places  # [pivots + 1] into
    row: Places
    slot: Places
    fixed: Places  # 1 where the multiplier in it never changes
    update: Places  # [below + 1] into
    target: Places
    source: Places
    behind: Places  # [pivots + 1] into
    right_slot: Places
    right_column: Places
    inverse: Array  # [pivots] 1 / pivot of the fixed ones


class _Order:
    """Elimination with the numbers of one point in time, recorded as operations on slots."""

    def __init__(self, reduced: Reduced, laws: Places, gradient: Array) -> None:
        first, number_of_laws = reduced.unknowns, len(laws) - 1
        linked = sorted({c - first for row in reduced.controls for c in row if first <= c < first + number_of_laws})
        self.unknown = dict(zip(linked, range(first, first + len(linked)), strict=True))
        self.size = first + len(linked)
        self.value: list[float] = []
        self.touched: list[bool] = []  # by a law
        self.rows: list[dict[int, int]] = [{} for _ in range(self.size)]  # column -> slot
        self.users: list[set[int]] = [set() for _ in range(self.size)]
        self.into: list[list[tuple[int, float]]] = [[] for _ in range(number_of_laws)]
        self.law: list[tuple[int, int, float]] = []
        for number, row in enumerate(reduced.rows):
            for column, value in row.items():
                if column < first:
                    self.put(number, column, value, False)
                elif column - first in self.unknown:
                    self.put(number, self.unknown[column - first], value, False)
                elif column < first + number_of_laws:
                    self.into[column - first].append((number, value))
        for m in range(number_of_laws):
            rows = self.into[m]
            if m in self.unknown:
                self.put(self.unknown[m], self.unknown[m], 1.0, False)
                rows = [(self.unknown[m], -1.0)]
            for control in range(int(laws[m]), int(laws[m + 1])):
                self.derivative(rows, control, reduced.controls[control], first)
        self.initial = self.value.copy()
        for slot, control, value in self.law:
            self.value[slot] += value * gradient[control]
        self.pivots: list[tuple[int, int, int, bool]] = []
        self.below: list[list[tuple[int, int, bool, list[tuple[int, int]]]]] = []
        self.behind: list[list[tuple[int, int]]] = []

    def derivative(self, rows: list[tuple[int, float]], control: int, of: Row, first: int) -> None:
        """Entries of a law's derivative to a control, in the rows that have the law."""
        for column, value in of.items():
            place = column if column < first else self.unknown.get(column - first, self.size)
            for row, factor in rows if place < self.size else ():
                self.law.append((self.put(row, place, 0.0, True), control, factor * value))

    def put(self, row: int, column: int, value: float, touched: bool) -> int:
        """Add to an entry; its slot."""
        slot = self.rows[row].get(column)
        if slot is None:
            slot = self.rows[row][column] = len(self.value)
            self.value.append(0.0)
            self.touched.append(False)
            self.users[column].add(row)
        self.value[slot] += value
        self.touched[slot] |= touched
        return slot

    def best(self, column: int) -> tuple[int, int]:
        """Cost and row of a pivot in a column."""
        users, value = self.users[column], self.value
        sizes = {r: abs(value[self.rows[r][column]]) for r in users}
        largest = max(sizes.values(), default=0.0)
        if not largest > 0:
            return 1 << 40, -1
        length, row = min((len(self.rows[r]), r) for r, size in sizes.items() if size >= SAFE * largest)
        return (length - 1) * (len(users) - 1), row

    def eliminate(self, column: int, row: int) -> Iterable[int]:
        """Record one pivot; columns whose cost has changed."""
        own, value, touched = self.rows[row], self.value, self.touched
        slot = own.pop(column)
        fixed = not touched[slot]
        below = []
        for user in sorted(self.users[column] - {row}):
            its = self.rows[user].pop(column)
            steady = fixed and not touched[its]
            touched[its] = not steady
            factor = value[its] / value[slot]
            value[its] = factor
            if steady:
                self.initial[its] = factor
            updates = []
            for c, source in own.items():
                target = self.put(user, c, -factor * value[source], not steady or touched[source])
                if target == len(self.initial):
                    self.initial.append(0.0)
                if steady and not touched[source]:
                    self.initial[target] -= factor * value[source]
                else:
                    updates.append((target, source))
            below.append((user, its, steady, updates))
        self.pivots.append((row, column, slot, fixed))
        self.below.append(below)
        self.behind.append([(source, c) for c, source in own.items()])
        for c in own:
            self.users[c].discard(row)
        self.users[column] = set()
        return list(own)

    def run(self, what: str) -> None:
        """All pivots, cheapest first."""
        age = count()  # of two pivots as cheap the older one: neighbours one after the other would wait for each other
        heap = [(self.best(column)[0], next(age), column) for column in range(self.size)]
        heapq.heapify(heap)
        left = set(range(self.size))
        while left:
            if not heap:
                raise EngineError(f"fixed_step, {what}: a singular matrix; a node without a way to ground?")
            cost, _, column = heapq.heappop(heap)
            if column not in left:
                continue
            now, row = self.best(column)
            if row < 0:
                continue
            if now > cost:
                heapq.heappush(heap, (now, next(age), column))
                continue
            left.discard(column)
            for c in self.eliminate(column, row):
                heapq.heappush(heap, (self.best(c)[0], next(age), c))


def _starts(groups: Iterable[Sized]) -> Places:
    return np.cumsum([0, *(len(group) for group in groups)]).astype(np.uint32)


def order(reduced: Reduced, laws: Places, gradient: Array, what: str) -> Factors:
    """Order of elimination of (u, w), chosen at these derivatives of the laws [controls]. Raises EngineError."""
    made = _Order(reduced, laws, gradient)
    made.run(what)
    below = [entry for group in made.below for entry in group]
    updates = [pair for entry in below for pair in entry[3]]
    behind = [pair for group in made.behind for pair in group]
    with np.errstate(divide="ignore"):
        inverse = np.array([1 / made.value[slot] if fixed else 0.0 for _, _, slot, fixed in made.pivots])
    into = [pair for rows in made.into for pair in rows]
    return Factors(
        places(made.unknown),
        places(made.unknown.values()),
        _starts(made.into),
        places(row for row, _ in into),
        np.array([value for _, value in into], float),
        np.array(made.initial),
        places(slot for slot, changes in enumerate(made.touched) if changes),
        places(entry[0] for entry in made.law),
        places(entry[1] for entry in made.law),
        np.array([entry[2] for entry in made.law], float),
        places(pivot[0] for pivot in made.pivots),
        places(pivot[1] for pivot in made.pivots),
        places(pivot[2] for pivot in made.pivots),
        places(pivot[3] for pivot in made.pivots),
        _starts(made.below),
        places(entry[0] for entry in below),
        places(entry[1] for entry in below),
        places(entry[2] for entry in below),
        _starts([entry[3] for entry in below]),
        places(pair[0] for pair in updates),
        places(pair[1] for pair in updates),
        _starts(made.behind),
        places(pair[0] for pair in behind),
        places(pair[1] for pair in behind),
        inverse,
    )
