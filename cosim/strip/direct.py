"""The strip-line circuit solved as one sparse system.

Unknowns are node voltages V and the currents I of branches (lines, rail), so that a branch may have no impedance:

    [ Y   A ] [V]   [J]       Y: junctions 1/(R0 + wire), capacitors 1/(r + 1/jωc), leaks, ends of cut lines
    [ Aᵀ -Z ] [I] = [0]       Z: r + jωl on the diagonal, jωM beside it

symmetric, as the network is reciprocal. One LU factorisation a tone serves all lines of that tone. A junction then
carries i = s (V_head - V_foot)/(R0 + wire) + κ Σ a I_l, its precession is x = chi(f) i, and it rectifies ½ k Re(i x*).
"""

from collections.abc import Callable

import numpy as np
from scipy.sparse import coo_matrix, csc_matrix
from scipy.sparse.linalg import SuperLU, splu

from resonet.core.types import Array, Complex, Ints
from resonet.cosim.strip.laws import Circuit, Left, check_laws, grounded, open_part, rf_circuit
from resonet.models.resonator.linear import SpinDiode
from resonet.netlist.strip.circuit import StripCircuit
from resonet.netlist.strip.drive import drive_emf
from resonet.netlist.strip.ends import cut_ends

__all__ = [
    "factor",
    "junction_currents",
    "left_open",
    "linear_phasors",
    "nodal_matrix",
    "readout_gains",
]


def _admittances(circuit: StripCircuit, f: float, resistance: float) -> tuple[Ints, Ints, Complex]:
    """All two-terminal admittances but the ends of the lines: nodes, S."""
    w = 2j * np.pi * f
    c, leak = circuit.capacitors, circuit.leaks
    a = np.concatenate([circuit.head, c.a, leak.a])
    b = np.concatenate([circuit.foot, c.b, leak.b])
    junction = np.full(len(circuit.head), 1 / (resistance + circuit.wire), complex)
    return a, b, np.concatenate([junction, w * c.x / (1 + w * c.x * c.r), leak.x.astype(complex)])


def _stamp(a: Ints, b: Ints, y: Complex) -> tuple[Ints, Ints, Complex]:
    """Entries of two-terminal admittances in the nodal matrix, row 0 ground."""
    return np.concatenate([a, b, a, b]), np.concatenate([a, b, b, a]), np.concatenate([y, y, -y, -y])


def nodal_matrix(circuit: StripCircuit, f: float, resistance: float, ends: tuple[Ints, Complex]) -> csc_matrix:
    """The system without its ground row; `ends` are nodes and admittances to ground besides."""
    w, branches, nodes = 2j * np.pi * f, circuit.branches, circuit.nodes
    a, b, y = _admittances(circuit, f, resistance)
    zero = np.zeros(len(ends[0]), np.int64)
    rows, cols, values = _stamp(np.concatenate([a, ends[0]]), np.concatenate([b, zero]), np.concatenate([y, ends[1]]))
    count = len(branches.a)
    n = nodes + 1 + np.arange(count)
    i, j, m = circuit.mutual
    ones = np.ones(count, complex)
    rows = np.concatenate([rows, branches.a, branches.b, n, n, n, i + nodes + 1, j + nodes + 1])
    cols = np.concatenate([cols, n, n, branches.a, branches.b, n, j + nodes + 1, i + nodes + 1])
    series = -(branches.r + w * branches.x)
    values = np.concatenate([values, ones, -ones, ones, -ones, series, -w * m, -w * m])
    full = coo_matrix((values, (rows, cols)), shape=(nodes + 1 + count, nodes + 1 + count)).tocsc()
    return full[1:, 1:]


def factor(matrix: csc_matrix) -> SuperLU:
    """Factors of a `nodal_matrix`."""
    return splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=1e-3, options={"SymmetricMode": True})


def junction_currents(circuit: StripCircuit, solved: Complex, resistance: float) -> Complex:
    """Junction currents [resonators, columns], A, from the solution [unknowns, columns]."""
    volts = grounded(solved[: circuit.nodes])
    stubs = solved[circuit.nodes : circuit.nodes + len(circuit.head)]
    rows, cols, a = circuit.field
    count = len(circuit.head)
    field = coo_matrix((a * circuit.placement.geometry.pick_up, (rows, cols)), shape=(count, count)).tocsr()
    through = circuit.turn / (resistance + circuit.wire)
    return np.asarray(through[:, None] * (volts[circuit.head] - volts[circuit.foot]) + field @ stubs)


def left_open(
    circuit: StripCircuit, f: float, resistance: float, ends: tuple[Ints, Complex], drive: Complex, solved: Complex
) -> Left:
    """What a solution [unknowns, columns] of `nodal_matrix` leaves open of the laws of circuits."""
    nodes, elements = circuit.nodes, rf_circuit(circuit, f, resistance, ends)
    return open_part(elements, grounded(drive[:nodes]), grounded(solved[:nodes]), solved[nodes:])


def linear_phasors(circuit: StripCircuit, lines: Ints, tones: Ints, frequencies: Array, device: SpinDiode) -> Complex:
    """Junction currents of each line at its tone, A/√W, [lines, resonators].

    `lines` are numbers in the placement, `tones` [lines] their classes, `frequencies` [tones] in Hz.
    """
    out = np.zeros((len(lines), len(circuit.head)), complex)
    for tone in np.unique(tones):
        which = np.flatnonzero(tones == tone)
        out[which] = tone_currents(circuit, lines[which], float(frequencies[tone]), device.resistance).T
    return out


def tone_currents(
    circuit: StripCircuit,
    lines: Ints,
    f: float,
    resistance: float,
    factored: Callable[[csc_matrix], SuperLU] = factor,
) -> Complex:
    """Junction currents of lines of one tone, f in Hz, A/√W, [resonators, lines]. Raises EngineError (`check_laws`)."""
    begin, end = circuit.pieces.begin, circuit.pieces.end
    entry, leave = circuit.branches.a[begin], circuit.branches.b[end]
    emf, before, after = cut_ends(circuit, f)
    ends = np.concatenate([entry, leave]), np.concatenate([1 / before, after])
    matrix = nodal_matrix(circuit, f, resistance, ends)
    drive = np.zeros((matrix.shape[0], len(lines)), complex)
    hit, column = np.nonzero(circuit.line[begin][:, None] == lines[None])
    np.add.at(drive, (entry[hit] - 1, column), (emf / before)[hit])
    drive *= drive_emf(circuit, resistance)
    solved = factored(matrix).solve(drive)
    left = left_open(circuit, f, resistance, ends, drive, solved)
    check_laws(f"layer {circuit.placement.usage.layer} at {f:g} Hz", left)
    return junction_currents(circuit, solved, resistance)


def readout_gains(circuit: StripCircuit, chains: Ints, resistance: float) -> Array:
    """Voltage at the open head of each chain per volt rectified in each resonator, p against n, [chains, resonators].

    By reciprocity: one ampere into the head, and the current that runs through each junction.
    """
    leak, rail = circuit.leaks, slice(len(circuit.head) + len(circuit.pieces.source), None)
    rails = circuit.branches.a[rail], circuit.branches.b[rail], circuit.branches.r[rail]
    dc_nodes = np.unique(np.concatenate([[0], circuit.head, circuit.foot]))
    a, b = np.concatenate([circuit.head, leak.a]), np.concatenate([circuit.foot, leak.b])
    g = np.concatenate([1 / (resistance + circuit.wire), leak.x])
    dc = np.isin(a, dc_nodes) & np.isin(b, dc_nodes)
    rows, cols, values = _stamp(a[dc], b[dc], g[dc].astype(complex))
    count = len(rails[0])
    n = circuit.nodes + 1 + np.arange(count)
    ones = np.ones(count)
    rows = np.concatenate([rows, rails[0], rails[1], n, n, n])
    cols = np.concatenate([cols, n, n, rails[0], rails[1], n])
    values = np.concatenate([values.real, ones, -ones, ones, -ones, -rails[2]])
    size = circuit.nodes + 1 + count
    kept = np.concatenate([dc_nodes[dc_nodes > 0], n])
    matrix = coo_matrix((values, (rows, cols)), shape=(size, size)).tocsc()[kept][:, kept]
    heads = circuit.readout[np.searchsorted(circuit.chains, chains)]
    inject = np.zeros((len(kept), len(chains)))
    inject[np.searchsorted(kept, heads), np.arange(len(chains))] = 1
    volts = np.zeros((size, len(chains)))
    volts[kept] = splu(matrix.tocsc()).solve(inject)
    injected, none = np.zeros((circuit.nodes + 1, len(chains))), (np.empty(0, np.int64),) * 2
    injected[heads, np.arange(len(chains))] = 1
    elements = Circuit(circuit.nodes, a[dc], b[dc], g[dc], *rails, (*none, np.empty(0)))
    left = open_part(elements, injected, volts[: circuit.nodes + 1], volts[circuit.nodes + 1 :])
    check_laws(f"layer {circuit.placement.usage.layer} at DC", left)
    through = circuit.turn / (resistance + circuit.wire)
    return np.asarray((through[:, None] * (volts[circuit.head] - volts[circuit.foot])).T)
