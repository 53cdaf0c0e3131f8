"""Equations of a circuit in trapezoidal steps: modified nodal analysis with what is in store beside the unknowns.

Unknowns y are node voltages (V) and currents through V, E, H, L and B sources of voltages (mA, which makes the numbers
of a circuit of kilo-ohms alike). A capacitor or inductor stores s (its voltage, its current), and its flow φ (current,
voltage) is K ds/dt. A step h of the trapezoidal rule, or of the backward Euler rule, from n to n + 1 is

    φ[n+1] = κ s[n+1] - J[n],    J[n] = κ s[n] + b φ[n],    κ = a K,    a, b = 2/h, 1 (trapezoids) or 1/h, 0,       (1)

so with κ constant J[n+1] = 2 κ s[n+1] - J[n]. K is a matrix, diagonal but for coupled inductors. Each row of the
equations is linear in z = (y, w, J, e): w are the values of B sources and diodes, laws f(c) of controls c = F y, and e
the independent sources.
Source: L. W. Nagel, SPICE2, memorandum UCB/ERL M520 (1975), sections 2 and 4.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix

from resonet.core.errors import InputError
from resonet.core.types import Array
from resonet.cosim.fixed_step.circuit import Circuit, Element, Wave
from resonet.cosim.fixed_step.expressions import OPERATIONS, Program

__all__ = ["Equations", "Laws", "Places", "form_equations", "source_values"]

MILLI = 1e-3  # A per unit of current
PRODUCT = tuple(OPERATIONS[name] for name in ("number", "control", "*", "control", "*"))
NAMES = {number: name for name, number in OPERATIONS.items()}
DEEPEST = 24  # of the stack machine
MOST_CONTROLS = 8  # of one law
Places: TypeAlias = NDArray[np.uint32]  # unsigned: compiled code then does not ask whether they are negative
Entries = list[tuple[int, int, float]]


class Laws(NamedTuple):
    """All B sources and diodes, products of two controls first; law m has the controls start[m] ... start[m + 1]."""

    factor: Array  # [products] of the first laws, which are factor * control * control
    start: Places  # [laws + 1]
    steps: Places  # [laws + 1] where each begins in
    operation: Places  # [steps]
    argument: Array  # [steps]
    junction: Array  # [controls] V, n Vt where the control is the voltage of a diode, else 0


@dataclass(frozen=True, slots=True, eq=False)
class Equations:
    """0 = `constant` z + Σ over stores `into` (κ s - J), s = `stored` y, controls `control` y, results `shown` y."""

    size: int  # unknowns y
    constant: csr_matrix  # [rows, y + w + J + e]
    into: csr_matrix  # [rows, stores]
    stored: csr_matrix  # [stores, y]
    capacity: csr_matrix  # [stores, stores] K
    control: csr_matrix  # [controls, y]
    shown: csr_matrix  # [results, y]
    laws: Laws
    waves: tuple[Wave, ...]
    nodes: dict[str, int]

    @property
    def widths(self) -> tuple[int, int, int, int]:
        """How many y, w, J and e there are."""
        return self.size, len(self.laws.start) - 1, self.capacity.shape[0], len(self.waves)

    def rows(self, a: float) -> csr_matrix:
        """[rows, y + w + J + e] for κ = a K; a = 0 is the operating point, where no flow is."""
        if a == 0:
            return self.constant
        y, w, stores, sources = self.widths
        flow = (a * (self.into @ self.capacity @ self.stored)).tocoo()
        into = self.into.tocoo()
        shape = (y, y + w + stores + sources)
        data, where = np.concatenate([flow.data, -into.data]), np.concatenate([flow.row, into.row])
        column = np.concatenate([flow.col, into.col + y + w])
        return (self.constant + coo_matrix((data, (where, column)), shape=shape).tocsr()).tocsr()


class _Former:
    def __init__(self, circuit: Circuit) -> None:
        self.name = circuit.name
        names = dict.fromkeys(n for e in circuit.elements if e.kind != "k" for n in e.nodes if n != "0")
        self.nodes = {node: n for n, node in enumerate(names)}
        branches = [e.name for e in circuit.elements if e.kind in ("v", "e", "h", "l", "bv")]
        self.branches = {name: len(names) + n for n, name in enumerate(branches)}
        self.size = len(names) + len(branches)
        self.constant: Entries = []
        self.into: Entries = []
        self.stored: Entries = []
        self.capacity: list[float] = []
        self.places: dict[tuple[str, str], int] = {}  # of capacitors by their nodes, of inductors by their name
        self.mutual: Entries = []
        self.laws: list[Program] = []
        self.of_laws: Entries = []
        self.waves: list[Wave] = []
        self.of_waves: Entries = []

    def across(self, row: int, a: str, b: str, value: float) -> Entries:
        """Value times the voltage from a to b in a row."""
        return [(row, self.nodes[n], v) for n, v in ((a, value), (b, -value)) if n != "0"]

    def through(self, a: str, b: str, column: int, value: float, into: Entries | None = None) -> None:
        """Value times a column as a current that leaves a and comes to b."""
        rows = self.constant if into is None else into
        rows += [(self.nodes[n], column, v) for n, v in ((a, value), (b, -value)) if n != "0"]

    def ammeter(self, name: str) -> int:
        """Column of the current through a source."""
        if name not in self.branches:
            raise InputError(f"{self.name}: the current of {name[:60]}; possible: that of a voltage source")
        return self.branches[name]

    def store(self, element: Element) -> None:
        """A capacitor, beside others between the same nodes, or an inductor."""
        a, b = element.nodes
        if element.kind == "l":
            branch = self.branches[element.name]
            self.places[(element.name, "")] = len(self.capacity)
            self.into.append((branch, len(self.capacity), -1.0))
            self.stored.append((len(self.capacity), branch, 1.0))
            self.capacity.append(element.value * MILLI)
            return
        key = (min(a, b), max(a, b))
        if a == b or not element.value:
            return
        if key not in self.places:
            self.places[key] = len(self.capacity)
            self.capacity.append(0.0)
            self.through(*key, self.places[key], 1.0, self.into)
            self.stored += self.across(self.places[key], *key, 1.0)
        self.capacity[self.places[key]] += element.value / MILLI

    def couple(self, element: Element) -> None:
        """Two inductors."""
        one, two = (self.places.get((name, ""), -1) for name in element.nodes)
        if min(one, two) < 0 or one == two or not abs(element.value) < 1:
            raise InputError(
                f"{self.name}: {element.name} couples {', '.join(element.nodes)[:60]}; possible: inductors"
            )
        value = element.value * math.sqrt(self.capacity[one] * self.capacity[two])
        self.mutual += [(one, two, value), (two, one, value)]

    def add(self, element: Element) -> None:
        """The entries of an element."""
        kind, (a, b, *controls) = element.kind, element.nodes
        if kind in ("c", "l"):
            self.store(element)
        if kind in ("r", "g"):
            value = (1 / element.value if kind == "r" else element.value) / MILLI
            plus, minus = (a, b) if kind == "r" else controls
            for _, column, sign in self.across(0, plus, minus, 1.0):
                self.through(a, b, column, sign * value)
        elif kind == "f":
            self.through(a, b, self.ammeter(element.control), element.value)
        elif kind == "i":
            self.through(a, b, len(self.waves), 1 / MILLI, self.of_waves)
            self.waves.append(element.wave)
        elif kind == "bi":
            self.through(a, b, len(self.laws), 1.0, self.of_laws)
        if kind.startswith("b") and element.law:
            self.laws.append(_scaled(element.law) if kind == "bi" else element.law)
        if element.name in self.branches:
            self.branch(element)

    def branch(self, element: Element) -> None:
        """The row of a voltage source or inductor, and its current."""
        kind, (a, b, *controls), row = element.kind, element.nodes, self.branches[element.name]
        self.through(a, b, row, 1.0)
        self.constant += self.across(row, a, b, 1.0)
        if kind == "e":
            self.constant += self.across(row, controls[0], controls[1], -element.value)
        elif kind == "h":
            self.constant.append((row, self.ammeter(element.control), -element.value * MILLI))
        elif kind == "bv":
            self.of_laws.append((row, len(self.laws) - 1, -1.0))
        elif kind == "v" and element.wave != Wave():
            self.of_waves.append((row, len(self.waves), -1.0))
            self.waves.append(element.wave)

    def probe(self, row: int, names: Sequence[str]) -> Entries:
        """A voltage, or a current in A, in a row."""
        kind, *which = names
        if kind == "i":
            return [(row, self.ammeter(which[0]), MILLI)]
        missing = [node for node in which if node != "0" and node not in self.nodes]
        if missing:
            raise InputError(f"{self.name}: no node {missing[0][:60]}")
        return self.across(row, which[0], which[1], 1.0)


def _scaled(law: Program) -> Program:
    """A current in the unit of currents."""
    more = ((OPERATIONS["number"], 1 / MILLI), (OPERATIONS["*"], 0.0))
    return Program((*law.steps, *more), law.controls)


def _is_product(law: Program) -> bool:
    return tuple(operation for operation, _ in law.steps) == PRODUCT and len(law.controls) == 2


def _depth(law: Program) -> int:
    """How high the stack of a law grows."""
    takes = {"neg": 0, "?": 2} | dict.fromkeys(("sqrt", "exp", "ln", "sin", "cos", "tanh", "abs"), 0)
    takes |= dict.fromkeys(("number", "time", "control"), -1) | {"diode": 2}
    depths = np.cumsum([-takes.get(NAMES[operation], 1) for operation, _ in law.steps])
    return int(depths.max())


def _joined(name: str, laws: Sequence[Program]) -> Laws:
    """All laws in a row, products first. InputError for one that the stack machine cannot hold."""
    factor = [law.steps[0][1] for law in laws if _is_product(law)]
    junction: list[float] = []
    for law in laws:
        if _depth(law) > DEEPEST or len(law.controls) > MOST_CONTROLS:
            raise InputError(
                f"{name}: a source of {len(law.controls)} controls, {_depth(law)} terms deep; possible: "
                f"{MOST_CONTROLS}, {DEEPEST} deep"
            )
        diode = any(operation == OPERATIONS["diode"] for operation, _ in law.steps)
        junction += [law.steps[2][1] if diode else 0.0] * len(law.controls)
    steps = [step for law in laws for step in law.steps]
    return Laws(
        np.array(factor, float),
        np.cumsum([0, *(len(law.controls) for law in laws)]).astype(np.uint32),
        np.cumsum([0, *(len(law.steps) for law in laws)]).astype(np.uint32),
        np.array([operation for operation, _ in steps], np.uint32),
        np.array([argument for _, argument in steps], float),
        np.array(junction, float),
    )


def _matrix(entries: Entries, shape: tuple[int, int]) -> csr_matrix:
    row, column, value = (np.array(part) for part in zip(*entries, strict=True)) if entries else ([], [], [])
    return coo_matrix((np.asarray(value, float), (row, column)), shape=shape).tocsr()


def _probe(name: str) -> tuple[str, ...]:
    """v(a) or i(v.x1.vsense) of a raw file as a probe."""
    kind, inside = name[0], name[2:-1]
    return (kind, inside, "0") if kind == "v" else (kind, inside[2:] if inside.startswith("v.") else inside)


def form_equations(circuit: Circuit) -> Equations:
    """Equations of a circuit; the results are its saved vectors. Raises InputError."""
    former = _Former(circuit)
    for element in circuit.elements:
        if element.kind != "k":
            former.add(element)
    for element in circuit.elements:
        if element.kind == "k":
            former.couple(element)
    size, stores, waves = former.size, len(former.capacity), len(former.waves)
    turn = sorted(range(len(former.laws)), key=lambda m: not _is_product(former.laws[m]))
    place, laws = {m: n for n, m in enumerate(turn)}, [former.laws[m] for m in turn]
    entries = former.constant + [(r, size + place[c], v) for r, c, v in former.of_laws]
    entries += [(r, size + len(laws) + stores + c, v) for r, c, v in former.of_waves]
    probes = [probe for law in laws for probe in law.controls]
    control = [entry for row, probe in enumerate(probes) for entry in former.probe(row, probe)]
    shown = [entry for row, name in enumerate(circuit.saved) for entry in former.probe(row, _probe(name))]
    return Equations(
        size,
        _matrix(entries, (size, size + len(laws) + stores + waves)),
        _matrix(former.into, (size, stores)),
        _matrix(former.stored, (stores, size)),
        _matrix([(n, n, value) for n, value in enumerate(former.capacity)] + former.mutual, (stores, stores)),
        _matrix(control, (len(probes), size)),
        _matrix(shown, (len(circuit.saved), size)),
        _joined(circuit.name, laws),
        tuple(former.waves),
        former.nodes,
    )


def source_values(waves: Sequence[Wave], time: Array) -> Array:
    """Independent sources at some times, [times, sources]."""
    found = np.empty((len(time), len(waves)))
    for n, wave in enumerate(waves):
        found[:, n] = wave.constant
        if wave.sine:
            peak, omega, phase = wave.sine
            found[:, n] += peak * np.sin(omega * time + phase)
        if wave.pieces:
            at, value = np.array(wave.pieces).T
            found[:, n] += np.interp(time, at, value)
    return found
