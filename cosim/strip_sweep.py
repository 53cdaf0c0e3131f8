"""RF currents of large strip-line windows: ladders solved exactly, the couplings between them by iteration.

A direct factorisation fills in where bridges cross (3,600 resonators: over 6 s a tone). Without its couplings the
circuit is a set of ladders, one a chain and one a piece of line, whose factors have no fill. With A the system, P the
same with each coupling element y between two ladders replaced by y to ground at either end,

    x <- x + P⁻¹ (b - A x)

converges, as couplings are weak against what they hang on: 6 steps at 1 GHz, 11 at 20 GHz (stacked: 35). The result is
that of the direct solution to the tolerance, or else the direct solution.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_matrix
from scipy.sparse.linalg import splu

from resonet.cosim.strip_engine import junction_currents, nodal_matrix
from resonet.models.resonator import SpinDiode
from resonet.netlist.strip_circuit import Elements, StripCircuit
from resonet.netlist.strip_drive import drive_emf
from resonet.netlist.strip_ends import cut_ends

__all__ = ["swept_currents", "uncoupled"]

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]
Ints = NDArray[np.int64]
TOLERANCE = 1e-12  # last step, as part of the largest unknown
STEPS = 80


def _apart(elements: Elements, cut: NDArray[np.bool_]) -> Elements:
    """Elements with each of those in `cut` replaced by itself to ground at either end."""
    kept, zero = ~cut, np.zeros(int(cut.sum()), np.int64)
    return Elements(
        np.concatenate([elements.a[kept], elements.a[cut], elements.b[cut]]),
        np.concatenate([elements.b[kept], zero, zero]),
        *(np.concatenate([v[kept], v[cut], v[cut]]) for v in (elements.r, elements.x)),
    )


def uncoupled(circuit: StripCircuit) -> StripCircuit:
    """The circuit as ladders: capacitors, leaks from chain to chain and mutual inductances tie nothing together."""
    of_chain = np.zeros(circuit.nodes + 1, bool)
    of_chain[circuit.head] = of_chain[circuit.foot] = True
    of_chain[0] = False
    none = np.empty(0, np.int64)
    return replace(
        circuit,
        capacitors=_apart(circuit.capacitors, (circuit.capacitors.a > 0) & (circuit.capacitors.b > 0)),
        leaks=_apart(circuit.leaks, of_chain[circuit.leaks.a] & of_chain[circuit.leaks.b]),
        mutual=(none, none, np.empty(0)),
    )


def _solve(matrix: csc_matrix, ladders: csc_matrix, drive: Complex) -> Complex:
    """Solution [unknowns, columns] by iteration on the ladders; where that does not converge, directly."""
    factors, rows = splu(ladders, permc_spec="COLAMD", diag_pivot_thresh=0.01), matrix.tocsr()
    x = factors.solve(drive)
    for _ in range(STEPS):
        step = factors.solve(drive - rows @ x)
        x = x + step
        if np.abs(step).max() <= TOLERANCE * np.abs(x).max():
            return np.asarray(x)
        if not np.isfinite(step).all():
            break
    return np.asarray(splu(matrix, permc_spec="COLAMD", diag_pivot_thresh=0.01).solve(drive))


def swept_currents(circuit: StripCircuit, lines: Ints, tones: Ints, frequencies: Array, device: SpinDiode) -> Complex:
    """Junction currents of each line at its tone, A/√W, [lines, resonators]: `linear_phasors` for large circuits."""
    resistance, out = device.resistance, np.zeros((len(lines), len(circuit.head)), complex)
    begin, end, weak = circuit.pieces.begin, circuit.pieces.end, uncoupled(circuit)
    entry, leave = circuit.branches.a[begin], circuit.branches.b[end]
    own, scale = circuit.line[begin], drive_emf(circuit, resistance)
    for tone in np.unique(tones):
        f, which = float(frequencies[tone]), np.flatnonzero(tones == tone)
        emf, before, after = cut_ends(circuit, f)
        ends = np.concatenate([entry, leave]), np.concatenate([1 / before, after])
        matrix, ladders = (nodal_matrix(one, f, resistance, ends) for one in (circuit, weak))
        drive = np.zeros((matrix.shape[0], len(which)), complex)
        hit, column = np.nonzero(own[:, None] == lines[which][None])
        np.add.at(drive, (entry[hit] - 1, column), (emf / before)[hit] * scale)
        out[which] = junction_currents(circuit, _solve(matrix, ladders, drive), resistance).T
    return out
