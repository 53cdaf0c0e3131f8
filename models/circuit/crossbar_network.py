"""Currents in a crossbar with resistive wires: the nodal equations of its 2 rows x columns nodes.

With word lines w, bit lines b and cells of conductance D (diagonal), Kirchhoff's current law is

    A w - D b = s V,      B b - D w = 0,

A and B tridiagonal along each word and each bit line: wires, terminations, and D. Two solvers, for two questions:

* `solve_network`: all voltages and currents for a few input vectors. Without the bit lines (A - D B^-1 D) w = s V, by
  conjugate gradients. Their preconditioner is A^-1, plus what it leaves out for modes that are smooth along both kinds
  of lines, as if all cells were their mean: for all others the preconditioned spectrum is near 1 by itself. A step
  solves all word and all bit lines once, by LAPACK's `pttrs`, in linear time; 8 to 10 steps do for 64 to 512 lines of
  1 kohm cells with 1-ohm wires (A^-1 alone: 8 to 33).
* `norton`: what an array is to its sense amplifiers, for every input at once: row by row, a row's admittance and
  short-circuit currents are added to those of the rows above, as seen through one segment of bit line.

Any resistance may be 0: a line is then one node, or held at its driver's voltage. Currents count from word line to bit
line, away from the (first) driver, and towards the sense amplifier.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import eigh_tridiagonal
from scipy.linalg.blas import daxpy, ddot
from scipy.linalg.lapack import dposv, dpttrf, dpttrs
from threadpoolctl import threadpool_limits

from resonet.core.errors import InputError
from resonet.core.types import Array, Bools
from resonet.models.circuit.crossbar import CrossbarArray
from resonet.models.circuit.crossbar_laws import Currents, check_network, check_outputs, probe

__all__ = ["Norton", "norton", "read_pairs", "sense", "solve_network"]

Pair = tuple[Array, Array]
MOST_BYTES = 4e9  # memory of one solution
MOST_WORK = 1e13  # rows x columns³ of one reduction: some minutes
CONVERGED = 1e-12  # of the first residual, in the norm that conjugate gradients minimise
MOST_STEPS = 20_000
SMOOTH = 10.0  # modes of a line up to so many times the conductance of a cell count as smooth


@dataclass(frozen=True, slots=True, eq=False)
class Norton:
    """An array as its sense amplifiers see it: current = transfer.T V - admittance (voltage of the amplifiers)."""

    transfer: Array  # [rows, columns] S
    admittance: Array  # [columns, columns] S


@dataclass(frozen=True, slots=True, eq=False)
class _Lines:
    """The lines of one direction, without those of the other: what solves them, what their ends make of 1 V."""

    solve: Callable[[Array], Array]  # injected currents [..., lines, cells] -> voltages, maybe in the same memory
    source: Array  # [lines, cells] voltages with 1 V at the ends and 0 V behind the cells
    held: bool = False  # at the voltage of their ends, whatever is injected
    multiply: Callable[[Array], Array] | None = None  # voltages -> currents, [lines, cells]; not for single nodes


def _checked(conductances: ArrayLike) -> Array:
    g = np.ascontiguousarray(conductances, float)
    if g.ndim != 2 or 0 in g.shape or not np.all(np.isfinite(g)) or not np.all(g > 0):
        raise InputError(f"crossbar: cells of shape {list(g.shape)}; possible: [rows, columns] of conductances above 0")
    return g


def _end(segment: float, terminal: float, connected: Bools) -> Array:
    """Conductance from the first cell of each line to its terminal, S; 0 where it is open."""
    resistance = segment + terminal
    return np.where(connected, 1 / resistance if resistance > 0 else np.inf, 0.0)


def _diagonal(g: Array, segment: float, near: Array, far: Array) -> Array:
    """Sum of the conductances at each node [lines, cells]."""
    along = np.full(g.shape, 1 / segment)
    along[:, -1] = 0
    diagonal: Array = g + along
    diagonal[:, 1:] += along[:, :-1]
    diagonal[:, 0] += near
    diagonal[:, -1] += far
    return diagonal


def _factors(diagonal: Array, segment: float) -> tuple[Array, Array]:
    """LDL^T factors of all lines as one matrix, the lines one after the other, not connected."""
    along = np.full(diagonal.shape, -1 / segment)
    along[:, -1] = 0
    d, e, info = dpttrf(diagonal.ravel(), along.ravel()[:-1], overwrite_e=1)
    if info:
        raise InputError(f"crossbar: wires of {segment:g} Ohm leave its equations singular; possible: more, or 0 Ohm")
    return d, e


def _lines(g: Array, segment: float, near: Array, far: Array) -> _Lines:
    """Lines of cells g [lines, cells] with the ends' conductances near, far [lines]; see `_end`."""
    if np.any(np.isinf(near)) or np.any(np.isinf(far)):  # only without a segment: one ideal node
        open_ends = near + far == 0
        if not np.any(open_ends):
            return _Lines(np.zeros_like, np.ones_like(g), True)
        near, far = np.minimum(near, 1e30), np.minimum(far, 1e30)
    if segment == 0:
        total = near + far + g.sum(1)

        def one_node(b: Array) -> Array:
            return np.repeat((b.sum(-1) / total)[..., None], g.shape[1], axis=-1)

        return _Lines(one_node, np.repeat(((near + far) / total)[:, None], g.shape[1], axis=1))
    diagonal = _diagonal(g, segment, near, far)
    d, e = _factors(diagonal, segment)

    def solve(b: Array) -> Array:
        return np.asarray(dpttrs(d, e, b.reshape(-1, g.size).T, overwrite_b=1)[0]).T.reshape(b.shape)

    def multiply(v: Array) -> Array:
        along, leaving = v / segment, diagonal * v
        leaving[:, 1:] -= along[:, :-1]
        leaving[:, :-1] -= along[:, 1:]
        return leaving

    source = np.zeros_like(g)
    source[:, 0] += near
    source[:, -1] += far
    return _Lines(solve, solve(source), multiply=multiply)


def _modes(cells: int, segment: float, near: float, far: float, most: float) -> tuple[Array, Array]:
    """Smooth modes of a line without its cells: eigenvalues up to `most`, S, and vectors [cells, modes]."""
    diagonal = _diagonal(np.zeros((1, cells)), segment, np.array([near]), np.array([far]))[0]
    if cells == 1:
        return diagonal, np.ones((1, 1))
    along = np.full(cells - 1, -1 / segment)
    return eigh_tridiagonal(diagonal, along, select="v", select_range=(-most, most))  # type: ignore[no-any-return]


def _smooth(word: tuple[Array, Array], bit: tuple[Array, Array], g: float) -> Callable[[Array], Array]:
    """What A^-1 leaves out of the inverse of A - D B^-1 D for smooth modes, as if all cells were g: [rows, columns]."""
    (along, w), (across, b) = word, bit
    factor = 1 / (along + g - g**2 / (across[:, None] + g)) - 1 / (along + g)
    return lambda r: np.asarray(b @ (factor * (b.T @ r @ w)) @ w.T)


def _conjugate_gradients(
    start: Array, word: _Lines, into_bits: Callable[[Array], Array], smooth: Callable[[Array], Array] | None
) -> Array:
    """Voltages of the word lines from those without bit lines, `into_bits` D B^-1 D; see the module's text."""

    def precondition(r: Array) -> tuple[Array, Array]:
        """An estimate z of what is left, and A z."""
        z = word.solve(r.copy())
        if smooth is None or word.multiply is None:
            return z, r
        more = smooth(r)
        z += more
        return z, np.add(r, word.multiply(more), out=more)

    x, residual = start.copy(), into_bits(start)
    p, a_p = (part.copy() for part in precondition(residual))
    size = ddot(residual.ravel(), p.ravel())
    goal = CONVERGED**2 * size
    for _ in range(MOST_STEPS):
        if size <= goal:
            return x
        q = into_bits(p)
        np.subtract(a_p, q, out=q)
        step = size / ddot(p.ravel(), q.ravel())
        daxpy(p.ravel(), x.reshape(-1), a=step)
        daxpy(q.ravel(), residual.reshape(-1), a=-step)
        z, a_z = precondition(residual)
        last, size = size, ddot(residual.ravel(), z.ravel())
        for direction, new in ((p, z), (a_p, a_z)):
            direction *= size / last
            direction += new
    raise InputError(f"crossbar: no convergence in {MOST_STEPS} steps; possible: wires of less resistance")


def _far_current(word: Array, device: Array, voltage: Array, far: Array, segment: float) -> Array:
    """Current of the second drivers into the word lines, [rows]: half of all where a line is one node."""
    if not np.any(far):
        return np.zeros(len(far))
    return np.asarray(0.5 * device.sum(1) if segment == 0 else (voltage - word[:, -1]) * far)


def _inputs(voltages: ArrayLike, rows: int) -> Array:
    """Voltages as [rows, inputs]."""
    v = np.asarray(voltages, float)
    if v.ndim not in (1, 2) or len(v) != rows or not np.all(np.isfinite(v)):
        raise InputError(f"crossbar: {len(v)} voltages for {rows} word lines; possible: one finite voltage each")
    return v.reshape(rows, -1)


def _check_memory(shape: tuple[int, ...], inputs: int) -> None:
    need = 8.0 * np.prod(shape, dtype=float) * (16 + 5 * inputs)
    if need > MOST_BYTES:
        size = " x ".join(map(str, shape))
        raise InputError(
            f"crossbar of {size} cells with {inputs} input vectors: {need / 1e9:.3g} GB; possible: up to "
            f"{MOST_BYTES / 1e9:g} GB, smaller arrays or fewer vectors at once"
        )


def _empty(rows: int, columns: int, inputs: int) -> Currents:
    """Room for the result; in memory each input vector has its arrays to itself."""
    shapes = [(rows, columns)] * 3 + [(rows, columns + 1), (rows, columns), (columns,)]
    return Currents(*(np.moveaxis(np.empty((inputs, *shape)), 0, -1) for shape in shapes))


def _mask(lines: ArrayLike | None, count: int) -> Bools:
    return np.ones(count, bool) if lines is None else np.asarray(lines, bool)


def _solver(g: Array, array: CrossbarArray, near: Array, far: Array, out: Array) -> Callable[[Array], Pair]:
    """What makes [rows] driver voltages into voltages of word and bit lines, [rows, columns] each."""
    turned = np.ascontiguousarray(g[::-1].T)  # [columns, rows], the cell at the sense amplifier first
    word = _lines(g, array.word_resistance, near, far)
    bit = _lines(turned, array.bit_resistance, out, np.zeros(g.shape[1]))
    smooth = None
    if word.multiply is not None and bit.multiply is not None:
        most, ends = SMOOTH * float(g.mean()), (float(near.mean()), float(far.mean()))
        along = _modes(g.shape[1], array.word_resistance, *ends, most)
        across = _modes(len(g), array.bit_resistance, 0.0, float(out.mean()), most)
        smooth = _smooth(along, across, float(g.mean()))

    def bits(w: Array) -> Array:
        """Bit lines, turned, for word lines at w."""
        return bit.solve(np.multiply(w[::-1].T, turned, order="C"))

    def into_bits(w: Array) -> Array:
        b = bits(w)
        b *= turned
        return np.ascontiguousarray(b.T[::-1])

    def solve(v: Array) -> Pair:
        w = word.source * v[:, None]
        if not (word.held or bit.held):
            w = _conjugate_gradients(w, word, into_bits, smooth)
        return w, bits(w).T[::-1]

    return solve


def solve_network(
    conductances: ArrayLike,
    voltages: ArrayLike,
    array: CrossbarArray,
    driven: ArrayLike | None = None,
    sensed: ArrayLike | None = None,
) -> Currents:
    """Every voltage and current of a crossbar, for several input vectors.

    conductances [rows, columns] in S, above 0; voltages [rows] or [rows, inputs] of the drivers, V; `driven` [rows] and
    `sensed` [columns] are False for lines that are open (default: none). Raises InputError, sizes first;
    EngineError (`check_network`).
    """
    _check_memory(np.shape(conductances), np.shape(voltages)[1] if np.ndim(voltages) == 2 else 1)
    g = _checked(conductances)
    v_in = _inputs(voltages, len(g))
    on_rows, on_columns = _mask(driven, len(g)), _mask(sensed, g.shape[1])
    if not (on_rows.any() or on_columns.any()):
        raise InputError("crossbar: no line is driven or sensed; possible: at least one")
    near = _end(array.word_resistance, array.driver_resistance, on_rows)
    far = near if array.drive == "both" else np.zeros(len(g))
    solve = _solver(g, array, near, far, _end(array.bit_resistance, array.sense_resistance, on_columns))
    solution = _empty(len(g), g.shape[1], v_in.shape[1])
    for n, v in enumerate(v_in.T):
        with threadpool_limits(1, "blas"):  # its threads would mostly wait for each other, and use up processor time
            w, b = solve(v)
        device = g * (w - b)
        second = _far_current(w, device, v, far, array.word_resistance)
        solution.word_voltage[..., n], solution.bit_voltage[..., n], solution.device[..., n] = w, b, device
        solution.word[:, -1, n] = -second
        solution.word[:, :-1, n] = np.cumsum(device[:, ::-1], axis=1)[:, ::-1] - second[:, None]
        np.cumsum(device, axis=0, out=solution.bit[..., n])
    solution.output[:] = solution.bit[-1]
    check_network(solution, v_in, array, on_rows, on_columns)
    return solution


def norton(conductances: ArrayLike, array: CrossbarArray) -> Norton:
    """What an array of cells [rows, columns], S, is to its sense amplifiers: for all inputs at once.

    (1 + r Y)^-1 [Y, J] takes admittance Y and short-circuit currents J through a segment r of every bit line; nothing
    cancels in it, and r may be 0. Raises InputError, sizes first, and EngineError where `solve_network` gives another.
    """
    rows, columns = np.shape(conductances)
    if float(rows) * float(columns) ** 3 > MOST_WORK:
        raise InputError(
            f"crossbar of {rows} x {columns} cells: too large to reduce (rows x columns³ above {MOST_WORK:g}); "
            "possible: smaller arrays"
        )
    g = _checked(conductances)
    near = _end(array.word_resistance, array.driver_resistance, np.ones(rows, bool))
    far = near if array.drive == "both" else np.zeros(rows)
    r, unit = array.bit_resistance, np.eye(columns)[:, None]  # 1 A into each cell of a word line
    y, j = np.zeros((columns, columns)), np.zeros((columns, rows))
    with threadpool_limits(1, "blas"):  # as in solve_network
        for n in range(rows):
            row = g[n : n + 1]
            y[:], j[:, :n] = _through(r, y, j[:, :n])
            word = _lines(row, array.word_resistance, near[n : n + 1], far[n : n + 1])
            j[:, n] = row[0] * word.source[0]
            y += np.diag(row[0])
            if not word.held:
                y -= row[0][:, None] * word.solve(unit.copy())[:, 0] * row[0]
        y, j = _through(r, y, j)
    volts, found = probe(rows), Norton(j.T, y)
    check_outputs(volts @ sense(found, array), solve_network(g, volts, array).output[:, 0])
    return found


def _through(r: float, y: Array, j: Array) -> tuple[Array, Array]:
    """Norton equivalent behind a resistance r in every line."""
    if r == 0:
        return y, j
    both = np.concatenate([y, j], axis=1)
    solved = dposv(np.eye(len(y)) + r * y, both)[1]
    half = solved[:, : len(y)]
    return (half + half.T) / 2, solved[:, len(y) :]


def sense(equivalent: Norton, array: CrossbarArray) -> Array:
    """Currents into the sense amplifiers per volt of input, [rows, columns] S, all bit lines sensed at once."""
    return _through(array.sense_resistance, equivalent.admittance, equivalent.transfer.T)[1].T


def read_pairs(equivalent: Norton, array: CrossbarArray) -> Array:
    """The same, [rows, columns], with one pair of bit lines (2j, 2j + 1) sensed at a time and all others open."""
    impedance = np.linalg.inv(equivalent.admittance)
    open_voltage = impedance @ equivalent.transfer.T
    output = np.empty_like(open_voltage)
    for j in range(0, len(output), 2):
        pair = slice(j, j + 2)
        output[pair] = np.linalg.solve(impedance[pair, pair] + array.sense_resistance * np.eye(2), open_voltage[pair])
    return output.T
