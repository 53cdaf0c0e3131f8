"""What the strip-line circuit does to the weights.

**Reference.** One watt of a line is the drive that puts ½ |κ I|² R0 = 1 W into its resonators where the line has
neither loss nor reflection: an EMF of √(2/R0)/κ times source plus termination. Without causes a weight is -4 α K_SD s
Re chi.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.errors import InputError
from resonet.core.types import Array, Complex, Ints
from resonet.cosim.strip.direct import factor, left_open, linear_phasors, nodal_matrix, readout_gains
from resonet.cosim.strip.laws import check_laws
from resonet.cosim.strip.ngspice import ngspice_phasors
from resonet.models.resonator.linear import SpinDiode, susceptibility
from resonet.netlist.strip.circuit import FIELD_CAUSES, StripCircuit, strip_circuit
from resonet.netlist.strip.parasitics import Parasitics
from resonet.netlist.strip.placement import Placement
from resonet.netlist.strip.wiring import neighbour_chains

__all__ = ["StripEngine", "StripResponse", "strip_response", "strip_scattering"]

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
    ends = ports, np.full(len(ports), 1 / z0, complex)
    matrix = nodal_matrix(circuit, f, resistance, ends)
    drive = np.zeros((matrix.shape[0], len(ports)), complex)
    drive[ports - 1, np.arange(len(ports))] = 1 / z0  # EMF of 1 V behind z0
    solved = factor(matrix).solve(drive)
    left = left_open(circuit, f, resistance, ends, drive, solved)
    check_laws(f"S-parameters of layer {circuit.placement.usage.layer} at {f:g} Hz", left)
    return np.asarray(2 * solved[ports - 1] - np.eye(len(ports)))
