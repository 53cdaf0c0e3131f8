"""Where a resonance folds over: up to which tone power its answer is one, whatever it was tuned to.

One tone of the drive s in a resonator with nonlinear damping Q and frequency shift n, half-widths (tone_balance.py, 5):

    F(p) = p h(p) = s,    h = u² + g²,   u = d - n p,   g = 1 + Q p.

F has an extremum where F' = h + p h' = 0, with h' = 2 (Q g - n u) = -2a; two of them meet where F'' = 2h' + p h'' = 0
as well, h'' = 2 (n² + Q²). There p = 2a / (n² + Q²) and (n² + Q²) h = 4a². With b = Q u + n g, a² + b² = (n² + Q²) h,
so b = √3 a, for n > 0, and

    g = a (√3 n - Q) / (n² + Q²) = 1 + 2 Q a / (n² + Q²),   so   a = (n² + Q²) / (√3 (n - √3 Q)), and

    p_c = 2 / (√3 (n - √3 Q)),   s_c = 8 (n² + Q²) / (3√3 (n - √3 Q)³),   d_c = (√3 n + Q) / (n - √3 Q).         (1)

For n < 0 put |n|; d_c has the other sign. Q = 0: 8 / (3√3 n) at √3 half-widths, the bistability of Duffing's oscillator
(Landau and Lifshitz, Mechanics, section 29). With |n| <= √3 Q damping grows faster than the resonance moves, and
nothing folds over at any power. Other tones, of the power p_o in all, put g0 = 1 + 2 Q p_o in the place of 1:
everything scales, s_c as g0³, d_c (from the moved resonance) as g0, so that they only raise the limit, as long as none
of them comes near the resonance itself.

Beyond s_c, at detunings beyond d_c, the resonator has two answers, and which of them it gives depends on the tones
before: no tuning mends that.
"""

import math

import numpy as np

from resonet.core.validity import warn
from resonet.models.resonator.linear import SpinDiode
from resonet.models.resonator.tone_balance import Saturation, Tones

__all__ = ["fold_over", "fold_over_power", "warn_fold_over"]


def fold_over(damping: float, shift: float) -> tuple[float, float]:
    """s_c and |d_c| of (1) for Q and n; inf where nothing folds over."""
    size, room = abs(shift), abs(shift) - math.sqrt(3) * damping
    if room <= 0:
        return math.inf, math.inf
    drive = 8 * (size**2 + damping**2) / (3 * math.sqrt(3) * room**3)
    return drive, (math.sqrt(3) * size + damping) / room


def fold_over_power(device: SpinDiode, law: Saturation) -> float:
    """Power of a tone in its resonator, W, above which it has two answers at some detuning; inf where it never has."""
    per_watt = float(Tones.at(device, law, 1e9, 1e9, 2 / device.resistance).drive[0, 0])  # of no frequency
    return fold_over(law.nonlinear_damping, law.frequency_shift / device.damping)[0] / per_watt


def warn_fold_over(device: SpinDiode, law: Saturation, p_max: float) -> None:
    """Warn (fold-over) where tones of p_max, W, can fold their resonance over."""
    limit = fold_over_power(device, law)
    if p_max > limit:
        text = (
            f"saturation.frequency_shift = {law.frequency_shift:g}: tones of plan.p_max fold resonances over, and "
            f"answers depend on the image before; possible: plan.p_max up to {np.floor(1e10 * limit) / 10:g} nW"
        )
        warn("fold-over", text, p_max, limit, "W")
