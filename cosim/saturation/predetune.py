"""Resonators predetuned in closed form to where the images of a batch shift them: what calibration on data begins with.

A resonator k is to answer its own tone, of the power P, as the program says: V ~ P w(u0), at the detuning u0. With a
frequency shift n (half-widths per unit of p) it is at u = d - n y(P), y = p + 2 p_o, p its own tone's and p_o the
others' precession power. Tuned by d - u0 = m, the voltage is off by P w'(u0) (m - n y), whose mean square over a batch
is least for

    m = n <P² y> / <P²>.                                                                                         (1)

To the first order y goes with the powers, p = s P with s the drive over u0² + 1, and (1) is the shift at the powers

    P_k = <P³> / <P²>,    P_t = <P² P_t> / <P²> of the other tones t,                                            (2)

which are moments of the batch. There the balance (eq. 5 of models/resonator/tone_balance.py) is solved: p (u0² + g²) =
s, g = 1 + Q y, a cubic, and p_o = Σ s_t / (d_t² + g²).
"""

import numpy as np

from resonet.core.types import Array
from resonet.cosim.saturation.tables import BusTable, LayerTable
from resonet.models.resonator.tone_balance import Tones

__all__ = ["predetuned"]

ITERATIONS = 60
DARK = 1e-12  # of P²: tones that are as dark shift nothing


def predetuned(table: LayerTable, carried: Array) -> LayerTable:
    """The layer with resonators tuned for the shift that carried [groups, rows, 1, taps] makes, by (1) and (2)."""
    return table.tuned([_tuned(table, bus, carried[bus.group, :, 0, bus.taps].T) for bus in table.buses])


def _tuned(table: LayerTable, bus: BusTable, carried: Array) -> Array:
    """Resonance frequencies [chains, resonators], Hz; carried [rows, tones]."""
    square = carried**2
    own = (square.sum(0) > DARK * len(carried))[:, None]
    powers = np.where(own, square.T @ carried / np.where(own, square.sum(0)[:, None], 1.0), 0.0)  # P_t, of resonator k
    f_res = bus.f_res.copy()
    for j, f in enumerate(f_res):
        at = Tones.at(table.device, table.law, f, bus.tones, bus.currents)
        drive, index = at.drive * powers * table.p_max, np.arange(len(f))
        u = at.detuning[index, index]
        lorentz = at.detuning**2
        p, loss = np.zeros(len(f)), np.ones(len(f))
        for _ in range(ITERATIONS):
            tails = drive / (lorentz + loss[:, None] ** 2)
            p = 0.5 * (p + tails[index, index])
            y = p + 2 * (tails.sum(1) - tails[index, index])
            loss = 1 + table.law.nonlinear_damping * y
        root = np.sqrt(1 - table.device.damping**2)
        f_res[j] = bus.tones / (root + table.device.damping * (u + at.shift * y))
    return f_res
