"""What a solution of a circuit leaves open of Kirchhoff's and Tellegen's laws, element by element, without its matrix.

No solver is believed: what comes out of one is put back into the elements. Where the matrix was put together wrongly,
or its factors lost digits, currents into a node, voltages along a branch or the power balance do not close.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix

from resonet.core.errors import EngineError
from resonet.core.types import Array, Complex, Ints
from resonet.netlist.strip.circuit import StripCircuit

__all__ = ["CLOSED", "Circuit", "Left", "check_laws", "grounded", "open_part", "rf_circuit"]

Values = Array | Complex


@dataclass(frozen=True, slots=True)
class Left:
    """What is open, as parts of what drives the circuit."""

    kirchhoff: float
    power: float

    def within(self, most: "Left") -> bool:
        """Whether no more is open than that; never where something is no number."""
        return self.kirchhoff <= most.kirchhoff and self.power <= most.power


CLOSED = Left(1e-8, 1e-9)


@dataclass(frozen=True, slots=True, eq=False)
class Circuit:
    """Elements at one frequency: admittances from node to node, and branches whose currents are unknowns. 0: ground."""

    nodes: int  # without ground
    a: Ints
    b: Ints
    y: Values  # S
    from_: Ints  # [branches] nodes
    to: Ints
    z: Values  # ohm, in series
    mutual: tuple[Ints, Ints, Values]  # branches i and j, ohm


def rf_circuit(circuit: StripCircuit, f: float, resistance: float, ends: tuple[Ints, Complex]) -> Circuit:
    """The strip-line circuit at f (Hz); `ends` are nodes and admittances to ground besides."""
    w, c, leak, branches = 2j * np.pi * f, circuit.capacitors, circuit.leaks, circuit.branches
    across = np.full(len(circuit.head), 1 / (resistance + circuit.wire), complex)
    i, j, m = circuit.mutual
    return Circuit(
        circuit.nodes,
        np.concatenate([circuit.head, c.a, leak.a, ends[0]]),
        np.concatenate([circuit.foot, c.b, leak.b, np.zeros(len(ends[0]), np.int64)]),
        np.concatenate([across, 1 / (c.r + 1 / (w * c.x)), leak.x, ends[1]]),
        branches.a,
        branches.b,
        branches.r + w * branches.x,
        (i, j, np.asarray(w * m, complex)),
    )


def _incidence(a: Ints, b: Ints, nodes: int) -> csr_matrix:
    """[elements, nodes + 1]: voltages along the elements from those of the nodes."""
    start, signs = np.arange(0, 2 * len(a) + 1, 2), np.tile([1.0, -1.0], len(a))
    return csr_matrix((signs, np.stack([a, b], 1).ravel(), start), shape=(len(a), nodes + 1))


def open_part(circuit: Circuit, injected: Values, volts: Values, currents: Values) -> Left:
    """What a solution leaves open of Kirchhoff's laws, and of the power balance.

    The first is the larger of currents into a node, of the largest injected, and voltage along a branch, of the
    largest; the second source power less what is dissipated, of the apparent power. injected and volts [nodes + 1,
    columns] with ground first, currents [branches, columns].
    """
    across, along = (_incidence(a, b, circuit.nodes) for a, b in ((circuit.a, circuit.b), (circuit.from_, circuit.to)))
    over = across @ volts
    node = np.abs((across.T @ (circuit.y[:, None] * over) + along.T @ currents - injected)[1:]).max(0)
    i, j, m = circuit.mutual
    size = (len(circuit.from_),) * 2
    both = coo_matrix((np.tile(m, 2), (np.concatenate([i, j]), np.concatenate([j, i]))), shape=size).tocsr()
    branch = np.abs(along @ volts - circuit.z[:, None] * currents - both @ currents).max(0, initial=0.0)
    kirchhoff = np.maximum(node / np.abs(injected).max(0), branch / np.abs(volts).max(0))
    lost = circuit.y.real @ np.abs(over) ** 2 + circuit.z.real @ np.abs(currents) ** 2
    sources = (volts * injected.conj()).sum(0).real
    power = np.abs(sources - lost) / np.abs(volts * injected).sum(0)
    return Left(float(kirchhoff.max()), float(power.max()))


def check_laws(what: str, left: Left, most: Left = CLOSED) -> None:
    """Raise EngineError where a solution of the linear engine leaves more open than `most`."""
    if not left.within(most):
        raise EngineError(
            f"{what}: the linear engine's solution leaves {left.kirchhoff:.1e} of its currents or voltages and "
            f"{left.power:.1e} of its power open, allowed {most.kirchhoff:g} and {most.power:g}"
        )


def grounded(values: Complex) -> Complex:
    """Values of the nodes [nodes, columns] with ground's, 0, before them."""
    return np.concatenate([np.zeros((1, values.shape[1]), values.dtype), values])
