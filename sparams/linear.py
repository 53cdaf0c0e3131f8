"""The linear engine: S-parameters of a block by elimination of its inner nodes, all frequencies at once.

With the ports terminated by their impedances z and D = diag(1/√z), M v = i and S = 2 D M⁻¹ D - 1 over the port nodes.
Nodes, and the currents of coupled coils, are eliminated without pivoting (`eliminate`); ports, and the waves of
N-ports that have no admittance matrix (an ideal combiner), are left to a dense solver with pivoting. At a frequency
where a pivot is next to nothing (a resonance without loss) the whole sparse matrix is solved with pivoting instead.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from resonet.core.errors import EngineError
from resonet.core.types import Array, Bools, Complex, Ints
from resonet.sparams.block import (
    Block,
    Coils,
    Combiner,
    CoupledLines,
    Drive,
    LineBranch,
    Lumped,
    Measured,
    Resonators,
    check_band,
    merged,
    top_node,
)
from resonet.sparams.elements import LineForm, branch_admittance, coupled_admittance, line_admittance, pieces
from resonet.sparams.eliminate import Plan, make_plan, reduce_to_kept

__all__ = ["linear_s"]

SLICE_BYTES = 2e6  # of matrix entries that are held at once: they stay in the cache
WEAK = 1e-6  # pivot over the rest of its row: six digits lost, ten left
SINGULAR = 1e-3  # smallest singular value of 1 + S down to which an N-port is taken by its admittances


@dataclass(frozen=True, slots=True, eq=False)
class _Stamp:
    """Entries of one element at rows and columns [m]: its values as they are, or those of branches four times each."""

    rows: Ints
    columns: Ints
    element: object
    cut: int = 1

    @property
    def shares(self) -> tuple[int, Ints, Array]:
        """How many values the element has; which of them each entry is, and its sign."""
        m = len(self.rows)
        if isinstance(self.element, Lumped | Resonators):
            return m // 4, np.arange(m) % (m // 4), np.repeat([1.0, 1.0, -1.0, -1.0], m // 4)
        return m, np.arange(m), np.ones(m)


class _Layout:
    """Gives out unknowns (node n is unknown n - 1) and collects the entries of the matrix."""

    def __init__(self, nodes: int) -> None:
        self.size = nodes
        self.kept: list[int] = []
        self.stamps: list[_Stamp] = []

    def fresh(self, count: int, kept: bool = False) -> Ints:
        found = np.arange(self.size, self.size + count)
        self.size += count
        if kept:
            self.kept += found.tolist()
        return found

    def square(self, unknowns: Ints, element: object, cut: int = 1) -> None:
        """A full square matrix over some unknowns."""
        rows, columns = np.meshgrid(unknowns, unknowns, indexing="ij")
        self.stamps.append(_Stamp(rows.ravel(), columns.ravel(), element, cut))


def _place_cut(layout: _Layout, ends: tuple[Ints, Ints], element: object, cut: int) -> None:
    """Pieces of a line in a row, with nodes of their own between them."""
    here = ends[0]
    for n in range(cut):
        there = ends[1] if n == cut - 1 else layout.fresh(len(here))
        layout.square(np.concatenate([here, there]), element, cut)
        here = there


def _place(layout: _Layout, element: object, highest: float) -> None:
    match element:
        case Lumped() | Resonators():
            a, b = element.a - 1, element.b - 1
            layout.stamps.append(_Stamp(np.concatenate([a, b, a, b]), np.concatenate([a, b, b, a]), element))
        case LineBranch(a=near, b=far, line=line):
            _place_cut(layout, (np.array([near - 1]), np.array([far - 1])), element, pieces(line, highest))
        case CoupledLines():
            _place_cut(layout, (element.a - 1, element.b - 1), element, pieces(element, highest))
        case Coils(a=a, b=b, inductance=inductance):
            i = layout.fresh(len(a))
            p, q = np.nonzero(inductance)
            rows = np.concatenate([a - 1, b - 1, i, i, i[p]])
            layout.stamps.append(_Stamp(rows, np.concatenate([i, i, a - 1, b - 1, i[q]]), element))
        case Combiner(inputs=inputs, bus=bus):
            ports = np.append(inputs, bus) - 1
            i = np.append(layout.fresh(len(inputs)), layout.fresh(1, kept=True))  # without loss its pivot is 0
            last, lasts = np.full(len(inputs), i[-1]), np.full(len(inputs), ports[-1])
            rows = np.concatenate([ports, i, i, i[:-1], i[:-1], last, last])
            columns = np.concatenate([i, ports, i, lasts, last, ports[:-1], i[:-1]])
            layout.stamps.append(_Stamp(rows, columns, element))
        case Measured(nodes=nodes, part=part):
            if part.has_admittance(SINGULAR):
                layout.square(nodes - 1, element)
            else:
                i = layout.fresh(len(nodes), kept=True)
                rows, columns = np.meshgrid(i, np.concatenate([nodes - 1, i]), indexing="ij")
                rows, columns = np.append(nodes - 1, rows.ravel()), np.append(i, columns.ravel())
                layout.stamps.append(_Stamp(rows, columns, element))
        case Drive():
            pass
        case _:
            raise TypeError(f"no stamp for {type(element).__name__}")


def _combiner_values(element: Combiner) -> Complex:
    """KCL with the port's current; V_k - z I_k - g (V_bus + z I_bus) = 0; and for the bus, with the sum over k."""
    n, z, g = len(element.inputs), element.z0, element.gain
    one = np.ones(n + 1)
    parts = [one, one, -z * one, -g * one[:-1], -g * z * one[:-1], -g * one[:-1], -g * z * one[:-1]]
    return np.concatenate(parts)[:, None].astype(complex)


def _values(stamp: _Stamp, f: Array, form: LineForm) -> Complex:
    """Values of a stamp (`_Stamp.shares`), [values, frequencies] or [values, 1]."""
    match stamp.element:
        case Lumped() | Resonators() as element:
            return branch_admittance(element, f)
        case LineBranch(line=line):
            return line_admittance(line, f, stamp.cut, form).reshape(4, -1)
        case CoupledLines() as element:
            return coupled_admittance(element, f, stamp.cut, form).reshape(len(stamp.rows), -1)
        case Coils(a=a, inductance=inductance):
            one = np.ones((len(a), len(f)), complex)
            drop = -2j * np.pi * f * inductance[np.nonzero(inductance)][:, None]
            return np.concatenate([one, -one, one, -one, drop])
        case Combiner() as element:
            return _combiner_values(element)
        case Measured(part=part):
            if part.has_admittance(SINGULAR):
                return np.moveaxis(part.admittance(f), 0, -1).reshape(len(stamp.rows), -1)
            voltage, current = part.wave_equations(f)
            own = np.ones((voltage.shape[1], len(f)), complex)
            both = np.moveaxis(np.concatenate([voltage, current], -1), 0, -1)
            return np.concatenate([own, both.reshape(-1, len(f))])
        case _:
            raise TypeError(f"no values for {type(stamp.element).__name__}")


@dataclass(frozen=True, slots=True, eq=False)
class _System:
    """A block as entries of a sparse matrix."""

    size: int
    stamps: list[_Stamp]
    rows: Ints
    columns: Ints
    total: csr_array  # [entries of the plan, values of the stamps and ports]: which are added up where
    ports: Ints
    shunt: Array  # [ports] 1/z
    plan: Plan


def _system(block: Block, highest: float) -> _System:
    whole = merged(block)
    layout = _Layout(top_node(whole))
    ports = np.array([port.node for port in whole.ports]) - 1
    for element in whole.elements:
        _place(layout, element, highest)
    stamps = layout.stamps
    inside = [(stamp.rows >= 0) & (stamp.columns >= 0) for stamp in stamps]  # ground is no unknown
    rows = np.concatenate([*(s.rows[keep] for s, keep in zip(stamps, inside, strict=True)), ports])
    columns = np.concatenate([*(s.columns[keep] for s, keep in zip(stamps, inside, strict=True)), ports])
    used, packed = np.unique(np.concatenate([rows, columns]), return_inverse=True)  # only unknowns that are there
    rows, columns = packed[: len(rows)], packed[len(rows) :]
    size, ports = len(used), np.searchsorted(used, ports)
    place, of = np.unique(rows * size + columns, return_inverse=True)
    rows, columns = place // size, place % size
    kept = [*ports.tolist(), *np.searchsorted(used, layout.kept).tolist()]
    shunt = np.array([1 / port.impedance for port in whole.ports])
    plan = make_plan(size, rows, columns, kept)
    total = _total(stamps, inside, plan.slots[of], plan.entries, len(ports))
    return _System(size, stamps, rows, columns, total, ports, shunt, plan)


def _total(stamps: list[_Stamp], inside: list[Bools], slots: Ints, entries: int, ports: int) -> csr_array:
    """`_System.total`; `slots` are the places of the entries of the stamps that are no ground, then of the ports."""
    first, which, signs = 0, [], []
    for stamp, keep in zip(stamps, inside, strict=True):
        count, share, sign = stamp.shares
        which.append(first + share[keep])
        signs.append(sign[keep])
        first += count
    columns = np.concatenate([*which, first + np.arange(ports)])
    return csr_array((np.concatenate([*signs, np.ones(ports)]), (slots, columns)), shape=(entries, first + ports))


def _same(element: object) -> object:
    """What two elements with the same admittances have in common."""
    match element:
        case LineBranch(line=line):
            return line
        case CoupledLines(r=r, l=ind, g=g, c=c, length=length, sections=sections):
            return *map(id, (r, ind, g, c)), length, sections
        case _:
            return id(element)


def _entries(system: _System, f: Array, form: LineForm) -> Complex:
    """Values of the matrix at the places of the plan, [entries, frequencies]; equal lines are computed once."""
    once: dict[object, Complex] = {}
    found = []
    for stamp in system.stamps:
        key = (_same(stamp.element), stamp.cut)
        if key not in once:
            once[key] = _values(stamp, f, form)
        found.append(np.broadcast_to(once[key], (len(once[key]), len(f))))
    found.append(np.broadcast_to(system.shunt[:, None], (len(system.shunt), len(f))))
    return np.asarray(system.total @ np.concatenate(found))


def _pivoted(system: _System, entries: Complex) -> Complex:
    """Inverse over the ports at one frequency, [ports, ports], by a sparse solver with pivoting."""
    from scipy.sparse import csc_array
    from scipy.sparse.linalg import splu

    matrix = csc_array((entries, (system.rows, system.columns)), shape=(system.size, system.size))
    right = np.zeros((system.size, len(system.ports)), complex)
    right[system.ports, np.arange(len(system.ports))] = 1
    try:
        return np.asarray(splu(matrix).solve(right)[system.ports])
    except RuntimeError:
        return np.full((len(system.ports), len(system.ports)), np.nan + 0j)


def _inverse(system: _System, f: Array, form: LineForm) -> Complex:
    """M⁻¹ over the ports, [frequencies, ports, ports]."""
    values, n = _entries(system, f, form), len(system.ports)
    with np.errstate(all="ignore"):  # what goes wrong here is found by its pivots and solved again
        remains, weakest = reduce_to_kept(system.plan, values)
    bad = ~(weakest > WEAK) | ~np.all(np.isfinite(remains), axis=(1, 2))
    remains[bad] = np.eye(remains.shape[1])
    right = np.eye(remains.shape[1], n)
    found = np.linalg.solve(remains, np.broadcast_to(right, (len(f), *right.shape)))[:, :n]
    again = _entries(system, f[bad], form)[system.plan.slots] if bad.any() else values
    for n, k in enumerate(np.flatnonzero(bad)):
        found[k] = _pivoted(system, again[:, n])
    return np.asarray(found)


def linear_s(block: Block, f: Array, lines: LineForm = "spice") -> Complex:
    """S-parameters of a block, [frequencies, ports, ports], in its ports' impedances. f in Hz, positive.

    `lines`: leaky and coupled lines as the ladders that the deck holds, or exact. Raises EngineError where the
    circuit has no solution.
    """
    f = np.asarray(f, float)
    check_band(block, f)
    system = _system(block, float(f.max()))
    size = int(np.clip(SLICE_BYTES / (16 * system.plan.entries), 16, 512))
    ports = len(system.ports)
    s: Complex = np.empty((len(f), ports, ports), complex)
    root = np.sqrt(system.shunt)
    scale = 2 * root[:, None] * root
    for n in range(0, len(f), size):
        np.multiply(_inverse(system, f[n : n + size], lines), scale, out=s[n : n + size])
    s[:, np.arange(ports), np.arange(ports)] -= 1
    if not np.all(np.isfinite(s)):
        where = f[~np.all(np.isfinite(s), axis=(1, 2))][0]
        raise EngineError(f"block {block.name}: no solution at {where:g} Hz")
    return s
