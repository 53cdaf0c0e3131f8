"""How strong the tones of a bus are: all alike, or each as its weights need.

A full tone of the part λ of p_max and a resonator that holds w/λ give the same voltage for the same activation, V ~
K_SD λ P f(u): sums and Johnson noise stay as they are. What changes is where the resonators stand. With x = |w| in
parts of what a resonator holds and u their detuning, 2u / (1 + u²) = x/λ, the precession that a tone excites, and the
noise that it mixes down, go as λ s(x/λ),

    s = 1 / (1 + u²) = (1 + √(1 - (x/λ)²)) / 2   near the tone,   (1 - √(1 - (x/λ)²)) / 2   far from it,             (1)

far where x/λ >= 2r / (1 + r²), r the farthest detuning. What a neuron hears of input i goes with the mean activation of
i, which is a factor of both its noise and its power: so each λ_i is found alone,

    λ_i = argmin λ (Σ_j s(x_ji/λ) / g_j² + μ),     m_i / fill <= λ_i <= 1,                                        (2)

m_i its largest x, g_j the gain of chain j (`raised`) over that of its layer. Under a limit for each tone (p_max, what
saturation leaves) only precession counts, μ = 0: `precession`. Under a limit T for all tones of a bus, p_max goes as
1/Σ λ and the variance is J (Σ λ/T)² + R(λ) Σ λ/T with J of Johnson noise and read-out, R of precession: its derivative
is that of (2) with μ = R / Σ λ + 2J / T, which grows beyond all bounds where chains and read-out make the noise: each
tone is then as weak as its largest weight lets it be, λ_i = m_i / fill: `power`. Near, λ s falls with λ, and both are
the same.
"""

import numpy as np

from resonet.core.types import Array, Bools

__all__ = ["LEVELS", "tone_parts"]

LEVELS = ("equal", "precession", "power")
LEAST = 0.01  # of p_max: the weakest tone
TRIED = 64  # parts between the least that holds the weights and 1
ROOM = 0.8  # of the reach, up to which a resonator counts as far: the chain's other tones move it


def _excited(held: Array, reach: float) -> Array:
    """The s of (1), of what resonators hold, any shape, parts of what they can."""
    root = np.sqrt(np.maximum(1 - held**2, 0.0))
    far = held >= 2 * reach / (1 + reach**2) if reach > 1 else np.zeros(held.shape, bool)
    return np.asarray(0.5 * np.where(far, 1 - root, 1 + root))


def tone_parts(levels: str, held: Array, there: Bools, gains: Array, fill: float, reach: float) -> Array | None:
    """Full tones as parts of p_max, [tones]; None where they are equal.

    held [chains, tones]: weights of all resonators of the tones in parts of what one can hold, `fill` at most; `there`
    says which of them are built, same shape; gains [chains, 1]: of the chains over that of their layer; `reach`:
    farthest detuning, half-widths.
    """
    if levels == "equal":
        return None
    size = np.abs(held) * there
    least = np.clip(size.max(0, initial=0.0) / fill, LEAST, 1.0)
    if levels == "power" or reach <= 1:
        return np.asarray(least)
    best, part = np.full(len(least), np.inf), least.copy()
    counts = there / gains**2
    for share in np.linspace(0, 1, TRIED):
        tried = least ** (1 - share)
        noise = tried * (counts * _excited(size / tried, ROOM * reach)).sum(0)
        part, best = np.where(noise < best, tried, part), np.minimum(best, noise)
    return np.asarray(part)
