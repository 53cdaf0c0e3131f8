from .auto_oscillator import AutoOscillator as AutoOscillator
from .chain import Chains as Chains
from .chain import solve_chains as solve_chains
from .complete import FullResonator as FullResonator
from .forced_oscillation import linear_power as linear_power
from .linear import (
    SpinDiode as SpinDiode,
)
from .linear import (
    detuning_for_weight as detuning_for_weight,
)
from .linear import (
    resonance_for_detuning as resonance_for_detuning,
)
from .linear import (
    susceptibility as susceptibility,
)
from .macrospin import Macrospin as Macrospin
from .precession_noise import precession_density as precession_density
from .thermal import thermal_power as thermal_power
from .tone_balance import Saturation as Saturation
from .tone_balance import ToneBalance as ToneBalance
from .tone_balance import balance_tones as balance_tones
from .tone_bank import ToneBank as ToneBank
