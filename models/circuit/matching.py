"""A transformer between combiner and bus, in closed form, and what no matching network can do.

A chain of K resonators is K R0 (48 kΩ for 48 of 1 kΩ), J of them on a bus K R0 / J; a source of 50 Ω leaves on it
4 Z0 R / (Z0 + R)² of its available power. A transformer of n = √(R / Z0) turns, bus over source side, matches them.

**Circuit**: two coils L1 and n² L1 with the coupling k, a resistance r and n² r in series with them:

    Z11 = r + sL1,   Z12 = s k n L1,   Z22 = n² Z11                                                                  (1)
    Z_in = Z11 - Z12² / (Z22 + Z_load) = r + sL1 (1 - k²) + [s k² L1 in parallel with k² Z_load / n²]   for r = 0    (2)
    behind a source of EMF 1 and Z_s:   EMF Z12 / (Z11 + Z_s),   impedance Z22 - Z12² / (Z11 + Z_s).                 (3)

**Band**, matched at both sides: the coil k² L1 shunts Z0/2 below, the leakage (1 - k²) L1 is in series with 2 Z0 above,

    f_low = Z0 / (4π k² L1),   f_high = Z0 / (π (1 - k²) L1),   f_high / f_low = 4 k² / (1 - k²),                    (4)

half of the power at each, between them 1 / |1 + 2 f_low/f_high + j (f/f_high - f_low/f)|² of it; 20 : 1 (1-20 GHz) asks
for k > 0.92.

**Bode-Fano**: whatever lossless network stands between a source and a load R with C in parallel, its reflection obeys
∫ ln 1/|Γ| dω ≤ π / (R C) (Fano, J. Franklin Inst. 249, 57, 1950), so over a band of B hertz at best everywhere

    |Γ| ≥ exp(-1 / (2 R C B)).                                                                                       (5)

Impedances are those of phasors exp(+st), s = j2πf.
"""

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.types import Array, Complex

__all__ = ["fano_loss", "matched_ratio", "mismatch", "transformer", "transformer_band"]


def transformer(
    s: Complex, ratio: float, inductance: float, coupling: float, resistance: float = 0.0
) -> tuple[Complex, Complex, Complex]:
    """Z11 (source side), Z12 and Z22 (bus side) of eq. 1, ohm; inductance, H, and resistance of the source side."""
    own = resistance + s * inductance
    return own, np.asarray(s * coupling * ratio * inductance), ratio**2 * own


def transformer_band(impedance: float, inductance: float, coupling: float) -> tuple[float, float]:
    """Frequencies, Hz, between which more than half of the power passes, matched at both sides (eq. 4)."""
    main, leakage = coupling**2 * inductance, (1 - coupling**2) * inductance
    return impedance / (4 * np.pi * main), impedance / (np.pi * leakage)


def mismatch(source: float, load: ArrayLike) -> Array:
    """Part of the available power of a real source impedance that a load takes: 4 Z Re Z_L / |Z + Z_L|²."""
    z = np.asarray(load)
    return np.asarray(4 * source * z.real / np.abs(source + z) ** 2)


def matched_ratio(source: float, load: float) -> float:
    """Turns, load over source side, that match two real impedances."""
    return float(np.sqrt(load / source))


def fano_loss(resistance: float, capacitance: float, low: float, high: float) -> float:
    """Least loss by mismatch, dB, that a network can have everywhere between two frequencies (Hz), by eq. 5."""
    least = np.exp(-1 / (2 * resistance * capacitance * (high - low))) if capacitance else 0.0
    return float(-10 * np.log10(1 - least**2))
