"""Tones, program and tuning of a strip-line feed: what is played, where resonances stand, what a DC current shifts."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import coo_matrix, csr_matrix
from scipy.spatial import cKDTree

from resonet.core.errors import InputError
from resonet.core.types import Array, Ints
from resonet.models.line.strip_geometry import tuning_field
from resonet.models.resonator.linear import SpinDiode
from resonet.netlist.strip.circuit import StripCircuit
from resonet.netlist.strip.parasitics import Parasitics, tuning_currents
from resonet.netlist.strip.placement import Placement

__all__ = ["drive_emf", "line_emf", "strip_program", "tuned_resonances", "tuned_share", "tuning_matrix"]


def drive_emf(circuit: StripCircuit, resistance: float) -> float:
    """EMF of a source, V peak per √W of tone: √(2/R0)/κ, times source plus termination."""
    return line_emf(circuit.placement, circuit.parasitics, resistance)


def line_emf(placement: Placement, par: Parasitics, resistance: float) -> float:
    """The same from what stands at the ends of the lines."""
    return float(np.sqrt(2 / resistance) / placement.geometry.pick_up * (par.source + par.termination))


def strip_program(placement: Placement, weights: ArrayLike, frequencies: ArrayLike, device: SpinDiode) -> Array:
    """Resonance frequencies, Hz [resonators], at which the ideal circuit holds the shared weights [tuning lines], V/W.

    From V/P = -4 α K_SD s Re chi(f), s = ±1 by tap: with y = Re chi and b = (f/f_res)², y ((1 - b)² + 4α²b) = 1 - b.
    Raises InputError where a weight is beyond what a resonator holds.
    """
    usage = placement.usage
    w = np.asarray(weights, float)[usage.weight] * (1.0 - 2.0 * (usage.tap % 2))
    f, alpha = np.asarray(frequencies, float)[usage.tone], device.damping
    y = -w / (4 * alpha * device.sensitivity)
    slope = 1 - 2 * y + 4 * alpha**2 * y
    inside = slope**2 + 4 * y * (1 - y)
    if np.any(inside < 0):
        raise InputError(
            f"layer {usage.layer}: weight {np.abs(w).max():g} V/W; possible: below {device.sensitivity:g} V/W"
        )
    root, large = np.sqrt(inside), y > 0.5  # one form of the root near b = 1 loses digits at y = 0, the other at y = 1
    b = np.where(large, (root - slope) / np.where(large, 2 * y, 1), 2 * (1 - y) / np.where(large, 1, slope + root))
    return np.asarray(f / np.sqrt(b))


def tuning_matrix(placement: Placement, reach: int = 0) -> csr_matrix:
    """Relative field of every resonator's tuning lines, A/m per A, [resonators, tuning lines].

    `reach` counts lines to either side, one pitch_y apart, whose field is still taken along (0: the own line alone).
    """
    usage, g = placement.usage, placement.geometry
    count = len(usage.weight)
    rows, cols, values = [np.arange(count)], [usage.weight], [np.full(count, float(tuning_field(g)))]
    if reach:
        xyz = placement.xyz * [1e3 / g.pitch_x, 1 / g.pitch_y, 1e3 / g.pitch_z]
        pairs = cKDTree(xyz).query_pairs(reach + 0.01, output_type="ndarray").astype(np.int64).reshape(-1, 2)
        i, j = np.concatenate([pairs, pairs[:, ::-1]]).T
        apart = np.abs(placement.xyz[i, 1] - placement.xyz[j, 1])
        rows, cols, values = [*rows, i], [*cols, usage.weight[j]], [*values, tuning_field(g, apart)]
    full = (np.concatenate(values), (np.concatenate(rows), np.concatenate(cols)))
    return coo_matrix(full, shape=(count, usage.weights)).tocsr()


def tuned_resonances(
    placement: Placement, built: ArrayLike, currents: ArrayLike, reference: float, reach: int = 0
) -> Array:
    """Resonances, Hz [resonators], that tuning currents [tuning lines] or [resonators] (A) make of `built` ones.

    A field shifts a resonance by geometry.slope at the frequency `reference`, and in proportion to its own frequency
    otherwise (see `usage`). With one current a resonator (`tuning_currents`: what leaks away is missing further on)
    only the own line counts.
    """
    built, currents = np.asarray(built, float), np.asarray(currents, float)
    per_line = len(currents) == placement.usage.weights
    field = tuning_matrix(placement, reach) @ currents if per_line else tuning_field(placement.geometry) * currents
    return np.asarray(built * (1 + placement.geometry.slope * field / reference))


def tuned_share(placement: Placement, parasitics: Parasitics, resonators: Ints) -> Array:
    """Tuning current at each of `resonators` as part of what its line is fed, [resonators]."""
    share = np.ones(len(placement.usage.weight))
    if parasitics.tuning_resistance and parasitics.tuning_leakage:
        for line in np.unique(placement.usage.weight[resonators]):
            run = placement.tuning.run(int(line))
            share[placement.tuning.order[run]] = tuning_currents(placement, parasitics, int(line), 1.0)[0]
    return share[resonators]
