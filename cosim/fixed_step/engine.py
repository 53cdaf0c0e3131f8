"""A transient by compiled trapezoids: the deck that ngspice would run, on the same time points.

The first steps and the last are solved with the whole system (`whole`), the full steps between them with what is left
of it (`elimination`, `kernels`). At some of these the whole system is solved too: what is shown, what is in store, and
the energy of the step must agree. So a mistake of the elimination, or a pivot that has become too small, is an error.
"""

import numpy as np
from scipy.sparse import csr_matrix

from resonet.core.errors import EngineError
from resonet.core.types import Array
from resonet.cosim.fixed_step.circuit import read_circuit
from resonet.cosim.fixed_step.elimination import order
from resonet.cosim.fixed_step.equations import form_equations, source_values
from resonet.cosim.fixed_step.grid import EULER, Grid
from resonet.cosim.fixed_step.kernels import Maps, Waves, run_steps
from resonet.cosim.fixed_step.readings import Readings
from resonet.cosim.fixed_step.reduction import Row, reduce, rows_of
from resonet.cosim.fixed_step.whole import Point, System, energy_gap, evaluate, operating_point, solve_point
from resonet.netlist.spice.deck import Deck

__all__ = ["MOST_VALUES", "fixed_step"]

BLOCK = 8192  # steps at most; the sines are set anew at each
WORK = 2_000_000  # steps times unknowns of a block: some tenths of a second, until Ctrl-C is seen
HISTORY = 3  # full steps with the whole system, that controls are extrapolated from
CHECKS = 5
ALLOWED = 1e-6  # of the largest value so far: between compiled steps and the whole system
LEAST = 1e-6  # of the largest of all: what is smaller is held to that
MOST_VALUES = 4_000_000  # of results that are kept; of longer runs each second, third, ... point


class _Results:
    """Means over all points, and as many of the points as there is room for."""

    def __init__(self, grid: Grid, variables: int, window: float) -> None:
        self.grid, self.window, self.at = grid, window, 0
        self.each = -(-grid.points * max(variables, 1) // MOST_VALUES)
        self.sums, self.weight = np.zeros(variables), 0.0
        self.time: list[Array] = []
        self.data: list[Array] = []

    def add(self, values: Array) -> None:
        """The next points [points, variables]."""
        first, last = self.at, self.at + len(values)
        weights = self.grid.weights(first, last, self.window)
        self.sums += weights @ values
        self.weight += float(weights.sum())
        kept = np.flatnonzero(
            (np.arange(first, last) % self.each == 0) | (np.arange(first, last) == self.grid.points - 1)
        )
        self.time.append(self.grid.times(first, last)[kept])
        self.data.append(values[kept])
        self.at = last


class _Stepper:
    """A circuit on its way."""

    def __init__(self, deck: Deck, window: float) -> None:
        circuit = read_circuit(deck)
        self.name, self.saved = deck.name, circuit.saved
        self.grid = Grid(circuit.step, circuit.stop)
        self.equations = form_equations(circuit)
        self.results = _Results(self.grid, len(self.saved), window)
        self.systems: dict[float, System] = {}
        self.checked = 0.0

    def sources(self, n: int) -> Array:
        """Independent sources at a time point."""
        return np.asarray(source_values(self.equations.waves, self.grid.times(n, n + 1))[0])

    def whole(self, a: float, stored: Array, c: Array, n: int) -> Point:
        """Solution at time point n with what is in store, from controls c on."""
        if a not in self.systems:
            self.systems = {a: System(self.equations, a)}
        time = float(self.grid.times(n, n + 1)[0])
        rest = np.concatenate([stored, self.sources(n)])
        return solve_point(self.systems[a], rest, c, time, self.name)

    def ahead(self) -> Array:
        """Controls of the next step, about."""
        return np.asarray(3 * (self.past[0] - self.past[1]) + self.past[2])

    def begin(self) -> None:
        """Operating point, the first points, and some full steps."""
        equations, grid = self.equations, self.grid
        point = operating_point(equations, self.sources(0), self.name)
        self.results.add((equations.shown @ point.y)[None])
        flow, past = np.zeros(equations.capacity.shape[0]), list[Array]()
        times = grid.times(0, grid.begun + HISTORY + 1)
        for n, step in enumerate(np.diff(times)):
            a, b = (1 / step, 0.0) if n < EULER else (2 / step, 1.0)
            a = 2 / grid.step if n >= grid.begun else a
            stored = a * (equations.capacity @ (equations.stored @ point.y)) + b * flow
            point = self.whole(a, stored, point.c, n + 1)
            flow = a * (equations.capacity @ (equations.stored @ point.y)) - stored
            self.results.add((equations.shown @ point.y)[None])
            past.insert(0, point.c)
        self.a, self.past = 2 / grid.step, np.array(past[:HISTORY])
        self.stored = self.a * (equations.capacity @ (equations.stored @ point.y)) + flow
        self.largest = np.abs(self.stored)
        self.shown = np.abs(equations.shown @ point.y)

    def compile(self) -> None:
        """What the compiled steps need."""
        equations = self.equations
        _, laws, stores, sources = equations.widths
        now = float(self.grid.times(self.results.at - 1, self.results.at)[0])
        _, slope = evaluate(equations.laws, self.past[0], now)
        reduced = reduce(equations, self.a)
        self.factors = order(reduced, equations.laws.start, slope, self.name)
        first = reduced.unknowns + laws
        last = first + stores + sources
        unknown = dict(zip(self.factors.linked.tolist(), self.factors.unknown.tolist(), strict=True))
        place = {c: c for c in range(reduced.unknowns)} | {reduced.unknowns + m: n for m, n in unknown.items()}
        solved = [{place[c]: v for c, v in row.items() if c < first} for row in reduced.controls]
        self.maps = Maps(
            rows_of(reduced.rows, first, last),
            rows_of(reduced.controls, first, last),
            rows_of(solved, 0, first),
            rows_of(_next_stored(reduced.stored, equations.capacity, self.a, first), 0, last),
            rows_of(reduced.shown, 0, last),
        )
        self.z = np.zeros(last)
        self.z[first : first + stores] = self.stored
        self.block = max(1, min(BLOCK, WORK // last))
        self.scale, self.top = np.zeros(laws), np.abs(self.past).max(axis=0)
        self.store = slice(first, first + stores)
        waves = equations.waves
        self.sines = [n for n, wave in enumerate(waves) if wave.sine]
        self.others = [n for n, wave in enumerate(waves) if not wave.sine]
        self.sine = np.array([waves[n].sine for n in self.sines]).reshape(-1, 3).T.copy()
        self.offset = np.array([waves[n].constant for n in self.sines])

    def run(self, steps: int) -> Array:
        """So many compiled steps; results [steps, variables]. Raises EngineError."""
        first = self.results.at
        time = self.grid.times(first - 1, first + steps)
        peak, omega, phase = self.sine
        angle = omega * time[0] + phase
        turn = omega * self.grid.step
        waves = Waves(
            np.array(self.sines, np.uint32),
            self.offset,
            peak,
            *(np.sin(angle), np.cos(angle), np.sin(turn), np.cos(turn)),
            np.array(self.others, np.uint32),
            source_values([self.equations.waves[n] for n in self.others], time[1:]),
            time[1:],
        )
        out = np.empty((steps, len(self.saved)))
        maps = [array for rows in self.maps for array in rows]
        carried = (self.z, self.past, self.scale, self.top, out)
        arguments = (*self.equations.laws, *maps, *self.factors, *waves, *carried)
        failed = int(run_steps(*arguments))
        if failed >= 0 or not (np.isfinite(out).all() and np.isfinite(self.z).all()):
            at = time[1 + max(failed, 0)]
            raise EngineError(f"fixed_step, {self.name}: no solution at {at:g} s; possible: smaller steps, or ngspice")
        self.stored = self.z[self.store].copy()
        self.results.add(out)
        return out

    def check(self) -> None:
        """Two compiled steps against the whole system, and the energy of the second."""
        points, n = [], self.results.at
        for k in (0, 1):
            points.append(self.whole(self.a, self.stored, self.ahead(), n + k))
            stored = self.stored
            out = self.run(1)[0]
            charge = self.a * (self.equations.capacity @ (self.equations.stored @ points[-1].y))
            shown = self.equations.shown @ points[-1].y
            self.largest = np.maximum(self.largest, np.abs(self.stored))
            self.shown = np.maximum(self.shown, np.abs(shown))
            self.compare("what is in store", self.stored, 2 * charge - stored, self.largest)
            self.compare("what is shown", out, shown, self.shown)
        gap = energy_gap(self.equations, self.grid.step, points, [self.sources(n), self.sources(n + 1)])
        self.refuse("the energy of a step", gap)

    def compare(self, what: str, found: Array, whole: Array, largest: Array) -> None:
        """EngineError where the compiled steps are off."""
        floor = LEAST * largest.max(initial=0.0) + np.finfo(float).tiny
        self.refuse(what, float((np.abs(found - whole) / (largest + floor)).max(initial=0.0)))

    def refuse(self, what: str, off: float) -> None:
        """EngineError for too large a difference."""
        self.checked = max(self.checked, off)
        if not off <= ALLOWED:
            at = self.grid.times(self.results.at, self.results.at + 1)[0]
            raise EngineError(
                f"fixed_step, {self.name}: {what} is off by {off:.1e} of its largest value at {at:g} s, allowed "
                f"{ALLOWED:g}; nothing of the result is believed; possible: ngspice"
            )

    def end(self) -> None:
        """The last full step and what is left of one, with the whole system."""
        equations, grid = self.equations, self.grid
        point = self.whole(self.a, self.stored, self.ahead(), self.results.at)
        flow = self.a * (equations.capacity @ (equations.stored @ point.y)) - self.stored
        self.results.add((equations.shown @ point.y)[None])
        before, last = grid.times(grid.points - 2, grid.points)
        a = 2 / (last - before)
        stored = a * (equations.capacity @ (equations.stored @ point.y)) + flow
        point = self.whole(a, stored, point.c, grid.points - 1)
        self.results.add((equations.shown @ point.y)[None])


def _next_stored(rows: list[Row], capacity: csr_matrix, a: float, first: int) -> list[Row]:
    """J of the next step, 2 κ s - J, as rows over z; `rows` are s."""
    found: list[Row] = []
    start, column, value = capacity.indptr.tolist(), capacity.indices.tolist(), capacity.data.tolist()
    for j in range(len(rows)):
        row: Row = {first + j: -1.0}
        for n in range(start[j], start[j + 1]):
            for c, v in rows[column[n]].items():
                row[c] = row.get(c, 0.0) + 2 * a * value[n] * v
        found.append(row)
    return found


def fixed_step(deck: Deck, window: float) -> Readings:
    """Transient of a deck with a fixed step; means over the last `window` s. Raises InputError, EngineError."""
    stepper = _Stepper(deck, window)
    stepper.begin()
    stepper.compile()
    last = stepper.grid.points - 2  # the last full step and the last point are solved whole
    for mark in np.linspace(stepper.results.at, last - 2, CHECKS + 1).astype(int)[1:].tolist():
        while stepper.results.at < mark:
            stepper.run(min(stepper.block, mark - stepper.results.at))
        stepper.check()
    stepper.run(last - stepper.results.at)
    stepper.end()
    results = stepper.results
    return Readings(
        stepper.saved,
        np.concatenate(results.time),
        np.concatenate(results.data),
        results.sums / results.weight,
        results.at,
        stepper.checked,
    )
