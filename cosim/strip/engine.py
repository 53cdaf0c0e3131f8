"""The strip-line circuit solved as one sparse system, and what it does to the weights.

Unknowns are node voltages V and the currents I of branches (lines, rail), so that a branch may have no impedance:

    [ Y   A ] [V]   [J]       Y: junctions 1/(R0 + wire), capacitors 1/(r + 1/jωc), leaks, ends of cut lines
    [ Aᵀ -Z ] [I] = [0]       Z: r + jωl on the diagonal, jωM beside it

symmetric, as the network is reciprocal. One LU factorisation a tone serves all lines of that tone. A junction then
carries i = s (V_head - V_foot)/(R0 + wire) + κ Σ a I_l, its precession is x = chi(f) i, and it rectifies ½ k Re(i x*).

**Reference.** One watt of a line is the drive that puts ½ |κ I|² R0 = 1 W into its resonators where the line has
neither loss nor reflection: an EMF of √(2/R0)/κ times source plus termination. Without causes a weight is -4 α K_SD s
Re chi.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import coo_matrix, csc_matrix
from scipy.sparse.linalg import SuperLU, splu

from resonet.core.errors import InputError
from resonet.core.types import Array, Complex, Ints
from resonet.cosim.strip.ngspice import ngspice_phasors
from resonet.models.resonator.linear import SpinDiode, susceptibility
from resonet.netlist.strip.circuit import FIELD_CAUSES, StripCircuit, strip_circuit
from resonet.netlist.strip.drive import drive_emf
from resonet.netlist.strip.ends import cut_ends
from resonet.netlist.strip.parasitics import Parasitics
from resonet.netlist.strip.placement import Placement
from resonet.netlist.strip.wiring import neighbour_chains

__all__ = [
    "StripEngine",
    "StripResponse",
    "junction_currents",
    "linear_phasors",
    "nodal_matrix",
    "readout_gains",
    "strip_response",
    "strip_scattering",
]

StripEngine = Literal["linear", "ngspice"]
MOST_PHASORS = 50_000_000  # resonators times lines of one response


@dataclass(frozen=True, slots=True, eq=False)
class StripResponse:
    """What every line does to every chain of a window, per watt of its tone."""

    circuit: StripCircuit  # aggressor chains included
    chains: Ints  # [chains] whose weights are here
    lines: Ints  # [lines] numbers in the placement
    tones: Ints  # [lines] tone class
    frequencies: Array  # [tones] Hz
    current: Complex  # [lines, resonators of the circuit] A/√W, peak, of each junction
    precession: Complex  # same shape and unit
    rectified: Array  # [lines, resonators of the circuit] V/W, p against n
    gains: Array  # [chains, resonators of the circuit] V at the readout per volt rectified
    weights: Array  # [chains, lines] V/W
    coherent: Array  # [chains, tones] V/W: most that equal tones of one frequency add or take, over their phases


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


def _factor(matrix: csc_matrix) -> SuperLU:
    return splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=1e-3, options={"SymmetricMode": True})


def junction_currents(circuit: StripCircuit, solved: Complex, resistance: float) -> Complex:
    """Junction currents [resonators, columns], A, from the solution [unknowns, columns]."""
    volts = np.concatenate([np.zeros((1, solved.shape[1]), complex), solved[: circuit.nodes]])
    stubs = solved[circuit.nodes : circuit.nodes + len(circuit.head)]
    rows, cols, a = circuit.field
    count = len(circuit.head)
    field = coo_matrix((a * circuit.placement.geometry.pick_up, (rows, cols)), shape=(count, count)).tocsr()
    through = circuit.turn / (resistance + circuit.wire)
    return np.asarray(through[:, None] * (volts[circuit.head] - volts[circuit.foot]) + field @ stubs)


def linear_phasors(circuit: StripCircuit, lines: Ints, tones: Ints, frequencies: Array, device: SpinDiode) -> Complex:
    """Junction currents of each line at its tone, A/√W, [lines, resonators].

    `lines` are numbers in the placement, `tones` [lines] their classes, `frequencies` [tones] in Hz.
    """
    resistance, out = device.resistance, np.zeros((len(lines), len(circuit.head)), complex)
    begin, end = circuit.pieces.begin, circuit.pieces.end
    entry, leave = circuit.branches.a[begin], circuit.branches.b[end]
    source_line = circuit.line[begin]
    for tone in np.unique(tones):
        f, which = float(frequencies[tone]), np.flatnonzero(tones == tone)
        emf, before, after = cut_ends(circuit, f)
        matrix = nodal_matrix(
            circuit, f, resistance, (np.concatenate([entry, leave]), np.concatenate([1 / before, after]))
        )
        drive = np.zeros((matrix.shape[0], len(which)), complex)
        hit, column = np.nonzero(source_line[:, None] == lines[which][None])
        np.add.at(drive, (entry[hit] - 1, column), (emf / before)[hit])
        solved = _factor(matrix).solve(drive * drive_emf(circuit, resistance))
        out[which] = junction_currents(circuit, solved, resistance).T
    return out


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
    through = circuit.turn / (resistance + circuit.wire)
    return np.asarray((through[:, None] * (volts[circuit.head] - volts[circuit.foot])).T)


def _coherent(
    gains: Array, current: Complex, precession: Complex, tones: Ints, count: int, transduction: float
) -> Array:
    """Worst case over phases of what equal tones of one frequency make together, V/W, [chains, tones].

    V = aᴴ Q a, Q the Hermitian part of ½ k Σ g i_l x_m*; beyond its diagonal at most Σ |Q[l, m]|; two lines reach it.
    """
    out = np.zeros((len(gains), count))
    for tone in np.unique(tones):
        same_tone = tones == tone
        if same_tone.sum() < 2:
            continue
        i, x = current[same_tone], precession[same_tone]
        for j, gain in enumerate(gains):
            near = np.flatnonzero(np.abs(gain) > 1e-12 * np.abs(gain).max())
            form = (i[:, near] * gain[near]) @ x[:, near].conj().T
            form = 0.25 * transduction * (form + form.conj().T)
            out[j, tone] = np.abs(form).sum() - np.abs(np.diag(form)).sum()
    return out


def strip_response(
    placement: Placement,
    parasitics: Parasitics,
    f_res: Array,
    frequencies: Array,
    window: ArrayLike | None = None,
    engine: StripEngine = "linear",
    device: SpinDiode | None = None,
    neighbours: int = 0,
    also: Iterable[str] = FIELD_CAUSES,
    reach: int = 3,
) -> StripResponse:
    """Effective weights of the chains `window` (None: all), with `neighbours` chains to either side as aggressors.

    f_res [resonators of the placement] and frequencies [tones] in Hz. `parasitics` and `also` hold the causes, fields
    count up to `reach` pitches. Raises InputError, and EngineError from ngspice.
    """
    device = device or SpinDiode()
    if engine not in get_args(StripEngine):
        raise InputError(f"engine {str(engine)[:40]!r}: possible: {', '.join(get_args(StripEngine))}")
    usage = placement.usage
    if len(frequencies) != usage.tones or len(f_res) != len(usage.line):
        raise InputError(
            f"layer {usage.layer}: {len(f_res):,} resonances and {len(frequencies)} tones; possible: "
            f"{len(usage.line):,} and {usage.tones}"
        )
    chains = np.unique(usage.chain if window is None else np.asarray(window)).astype(np.int64)
    with_neighbours = chains if window is None or not neighbours else neighbour_chains(placement, chains, neighbours)
    circuit = strip_circuit(placement, parasitics, None if window is None else with_neighbours, also, reach)
    lines, first = np.unique(circuit.line, return_index=True)
    if len(lines) * len(circuit.head) > MOST_PHASORS:
        raise InputError(
            f"layer {usage.layer}: {len(lines):,} lines over {len(circuit.head):,} resonators; possible: "
            f"{MOST_PHASORS:,} pairs, the layer in windows of chains"
        )
    tones, resonances = circuit.tone[first], f_res[circuit.resonators]
    if engine == "linear":
        current = linear_phasors(circuit, lines, tones, frequencies, device)
        precession = susceptibility(frequencies[tones][:, None], resonances, device.damping) * current
    else:
        current, precession = ngspice_phasors(circuit, lines, tones, frequencies, resonances, device)
    rectified = 0.5 * device.transduction * (current * precession.conj()).real
    gains = readout_gains(circuit, chains, device.resistance)
    coherent = _coherent(gains, current, precession, tones, usage.tones, device.transduction)
    return StripResponse(
        circuit, chains, lines, tones, np.asarray(frequencies, float), current, precession, rectified, gains,
        gains @ rectified.T, coherent,
    )  # fmt: skip


def strip_scattering(circuit: StripCircuit, f: float, resistance: float, z0: float = 50.0) -> Complex:
    """S-parameters of the RF network at f (Hz): begin and end of each piece of line, then heads of chains, all in z0.

    What drives the resonators takes nothing from the lines, so that the network is passive and reciprocal.
    """
    ports = np.concatenate(
        [circuit.branches.a[circuit.pieces.begin], circuit.branches.b[circuit.pieces.end], circuit.readout]
    )
    matrix = nodal_matrix(circuit, f, resistance, (ports, np.full(len(ports), 1 / z0, complex)))
    drive = np.zeros((matrix.shape[0], len(ports)), complex)
    drive[ports - 1, np.arange(len(ports))] = 1 / z0  # EMF of 1 V behind z0
    volts = _factor(matrix).solve(drive)[ports - 1]
    return np.asarray(2 * volts - np.eye(len(ports)))
