"""What a solution of a circuit leaves open of Kirchhoff's and Tellegen's laws, element by element, without its matrix.

No solver is believed: what comes out of one is put back into the elements. Where the matrix was put together wrongly,
or its factors lost digits, currents into a node, voltages along a branch or the power balance do not close.
"""

from dataclasses import dataclass

import numba
import numpy as np

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


@numba.njit(cache=True, nogil=True)
def _put_back(
    admittances: tuple[Ints, Ints, Complex], branches: tuple[Ints, Ints, Complex], mutual: tuple[Ints, Ints, Complex],
    volts: Complex, currents: Complex, flow: Complex, fall: Complex, lost: Array,
) -> None:  # fmt: skip
    """Add to currents that leave nodes `flow`, to voltages left along branches `fall`, and to power `lost`."""
    for e in range(len(admittances[0])):
        a, b, y = admittances[0][e], admittances[1][e], admittances[2][e]
        for c in range(len(lost)):
            over = volts[a, c] - volts[b, c]
            flow[a, c] += y * over
            flow[b, c] -= y * over
            lost[c] += y.real * (over.real * over.real + over.imag * over.imag)
    for e in range(len(branches[0])):
        a, b, z = branches[0][e], branches[1][e], branches[2][e]
        for c in range(len(lost)):
            i = currents[e, c]
            flow[a, c] += i
            flow[b, c] -= i
            fall[e, c] += volts[a, c] - volts[b, c] - z * i
            lost[c] += z.real * (i.real * i.real + i.imag * i.imag)
    for e in range(len(mutual[0])):
        i, j, m = mutual[0][e], mutual[1][e], mutual[2][e]
        for c in range(len(lost)):
            fall[i, c] -= m * currents[j, c]
            fall[j, c] -= m * currents[i, c]


def open_part(circuit: Circuit, injected: Values, volts: Values, currents: Values) -> Left:
    """What a solution leaves open of Kirchhoff's laws, and of the power balance.

    The first is the larger of currents into a node, of the largest injected, and voltage along a branch, of the
    largest; the second source power less what is dissipated, of the apparent power. injected and volts [nodes + 1,
    columns] with ground first, currents [branches, columns].
    """
    into, volt, amp = (np.ascontiguousarray(v, complex) for v in (injected, volts, currents))
    flow, fall, lost = -into, np.zeros_like(amp), np.zeros(volt.shape[1])
    parts = (circuit.a, circuit.b, circuit.y), (circuit.from_, circuit.to, circuit.z), circuit.mutual
    admittances, branches, mutual = ((i, j, np.asarray(v, complex)) for i, j, v in parts)
    _put_back(admittances, branches, mutual, volt, amp, flow, fall, lost)
    node, branch = np.abs(flow[1:]).max(0), np.abs(fall).max(0, initial=0.0)
    kirchhoff = np.maximum(node / np.abs(into).max(0), branch / np.abs(volt).max(0))
    sources = (volt * into.conj()).sum(0).real
    power = np.abs(sources - lost) / np.abs(volt * into).sum(0)
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
