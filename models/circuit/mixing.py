"""Second-order products: what two tones drive at the sum and the difference of their frequencies.

The voltage over a resonator is i (R0 + k x). With phasors I_a, X_a (peak) at the frequencies f_a the part k i x has,
besides the rectified voltage, the phasors

    at f_a + f_b:  ½ k (I_a X_b + I_b X_a)      (½ k I_a X_a for a = b)
    at f_a - f_b:  ½ k (I_a X_b* + I_b* X_a)

of the same size as the rectified voltage: at resonance |k X| = 2 K_SD R0 |I|, so two tones of power P give
K_SD R0 |I|² = 2 K_SD P. In series with the chain's resistance they drive a current δ, which each resonator rectifies
together with what it carries at the same frequency already:

    V = ½ Re((I + δ) conj(k chi (I + δ))) = V_0 + k Re(chi) Re(I δ*) + ...

so a tone that a product falls on is off by up to 2 |δ/I| of its own weight, as the phases want it. |δ/I| grows with the
root of the power. A product off by a beat note ν gives an alternating voltage at ν instead, which the DC side takes
out above 1/(2π K R0 (C_block + C_bypass)).
"""

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.types import Complex
from resonet.models.circuit.bus import BusCircuit, resonator_impedance, seen_from_chains, tail_admittance
from resonet.models.circuit.groups import nodal_chain

__all__ = ["output_bandwidth", "product_voltage", "series_transfer"]


def series_transfer(
    f: ArrayLike,
    resistance: float,
    resonators: int,
    chains: int,
    bus: BusCircuit,
    below: int = 0,
    diagonal: bool = False,
    source: Complex | None = None,
) -> Complex:
    """Current of resonator m per volt in series with resonator n, A/V, [frequencies, m, n], both along the chain.

    The network of `models/circuit/bus.py`, without source EMF and with the same voltages in each of the `chains`. The
    matrix is symmetric (reciprocity). `source` is the impedance at the combiner, ohm [frequencies], by default Z0. With
    `diagonal`, of as many frequencies as resonators, only row m of frequency m: [m, n].
    """
    s = 2j * np.pi * np.atleast_1d(np.asarray(f, float)).astype(complex)
    half, size, own = s * bus.node_capacitance / 2, resonators, resonator_impedance(s, resistance, bus)
    choke = bus.choke_resistance + s * bus.choke_inductance
    dc = s * bus.bypass_capacitance + 1 / bus.readout_resistance
    _, behind = seen_from_chains(s, bus, source)
    if bus.groups > 1:
        tail = tail_admittance(s, bus, below * own) if below else None
        return _grouped_transfer(s, resistance, np.reshape(own, (-1, 1)), (chains * behind, tail), size, bus, diagonal)
    feed = 1 / (chains * behind + 1 / (s * bus.block_capacitance))
    step = np.eye(size, size + 1) - np.eye(size, size + 1, 1)  # voltage over resonator m from the nodes, head to tail
    shunt = np.repeat(2 * half[:, None], size + 1, 1)
    shunt[:, 0] = half + feed + 1 / (choke + 1 / dc)
    if below:
        shunt[:, -1] = half + tail_admittance(s, bus, below * own)
    else:
        step, shunt = step[:, :-1], shunt[:, :-1]  # the tail is ground
    shared = step.T @ step / (own[:, None, None] if isinstance(own, np.ndarray) else own)
    nodes = shared + shunt[:, None, :] * np.eye(step.shape[1])
    # Kirchhoff: nodes v = -step^T e / R;  i = (step v + e) / R
    inside = step[:, :, None] if diagonal else np.broadcast_to(step.T, (len(s), *step.T.shape))
    volts = -np.linalg.solve(nodes, inside / resistance)
    current = (step @ volts + (np.eye(size)[:, :, None] if diagonal else np.eye(size))) / resistance
    return np.asarray(current[:, :, 0] if diagonal else current)


def _grouped_transfer(
    s: Complex,
    resistance: float,
    own: Complex,
    ends: tuple[Complex | float, Complex | None],
    size: int,
    bus: BusCircuit,
    diagonal: bool,
) -> Complex:
    """`series_transfer` of a chain in groups; own [1 or frequencies, 1] ohm, ends: impedance at the bus, tail."""
    matrix, path = nodal_chain(s, np.broadcast_to(own, (len(s), size)), bus, *ends)
    step = np.eye(path.size + 1)[path.first] - np.eye(path.size + 1)[path.second]  # row -1 stands for ground
    step = step[:, :-1]
    inside = step[:, :, None] if diagonal else np.broadcast_to(step.T, (len(s), *step.T.shape))
    volts = -np.linalg.solve(matrix, inside / resistance)
    current = (step @ volts + (np.eye(size)[:, :, None] if diagonal else np.eye(size))) / resistance
    return np.asarray(current[:, :, 0] if diagonal else current)


def product_voltage(
    transduction: float, first: tuple[Complex, Complex], second: tuple[Complex, Complex], difference: bool
) -> Complex:
    """Phasor, V, of k i x at the sum or the difference of two tones; each (I, X), any shape, peak.

    For the sum of a tone with itself take half of what this gives.
    """
    (i, x), (j, y) = first, second
    if difference:
        return np.asarray(0.5 * transduction * (i * np.conj(y) + np.conj(j) * x))
    return np.asarray(0.5 * transduction * (i * y + j * x))


def output_bandwidth(resistance: float, resonators: int, bus: BusCircuit) -> float:
    """Frequency, Hz, above which the DC output no longer follows: 1/(2π K R0 (C_block + C_bypass))."""
    return float(1 / (2 * np.pi * resonators * resistance * (bus.block_capacitance + bus.bypass_capacitance)))
