"""Devices over frequency and damping: what stays the same when a resonator is made for another channel.

The threshold current is I_th = Γ0/σ = (2 e/(η ħ)) (m/γ) α ω0 (`thermal`, eq. 2), so it cannot stay the same while both
the free layer and its efficiency do:

* **fixed_threshold**: I_th is one number for all channels and dampings, as in the published simulations (Leroux et al.,
  Phys. Rev. Applied 15, 034067). The moment of the free layer then goes as 1/(α f0): other volumes for other channels;
* **fixed_volume**: one free layer, tuned by its field or shape. I_th goes as α f0, and with it K_SD as 1/(α f0), the
  power up to which it is linear as (α f0)², p_T = α e kT/(ħ η I_th) as 1/f0 (Slavin and Tiberkevich, IEEE Trans. Magn.
  45, 1875, eq. 30; Slonczewski, J. Magn. Magn. Mater. 159, L1). From 1 to 20 GHz: 20, 400 and 20 times.

Networks are built of the first: all their resonators share one K_SD.
"""

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, get_args

from resonet.core.errors import InputError
from resonet.models.resonator.linear import SpinDiode
from resonet.models.resonator.linear_range import linear_range
from resonet.models.resonator.thermal import POLARISATION, TEMPERATURE, free_layer_moment, thermal_power

__all__ = ["FAMILIES", "Family", "Member", "member"]

Family: TypeAlias = Literal["fixed_threshold", "fixed_volume"]
BEYOND = 1e3  # threshold powers: no device is linear there
FAMILIES: tuple[Family, ...] = get_args(Family)


@dataclass(frozen=True, slots=True)
class Member:
    """One device of a family."""

    family: Family
    damping: float
    f0: float  # Hz
    threshold_current: float  # A
    sensitivity: float  # V/W, K_SD
    linear_power: float  # W, up to which the response is linear (`linear_range`)
    thermal_power: float  # p_T
    moment: float  # A m², of the free layer


def member(
    device: SpinDiode,
    family: Family,
    damping: float,
    f0: float,
    at: float,
    temperature: float = TEMPERATURE,
    polarisation: float = POLARISATION,
) -> Member:
    """The device of another damping at the resonance f0, Hz, where `device` itself has its threshold at `at`, Hz.

    Raises InputError for a family that there is not, and a threshold current out of range.
    """
    if family not in FAMILIES:
        raise InputError(f"device family {str(family)[:40]!r}: possible: {', '.join(FAMILIES)}")
    scale = damping * f0 / (device.damping * at) if family == "fixed_volume" else 1.0
    made = replace(device, damping=damping, threshold_current=device.threshold_current * scale)
    return Member(
        family,
        damping,
        f0,
        made.threshold_current,
        made.sensitivity,
        linear_range(made, BEYOND * made.threshold_power).limit,
        float(thermal_power(damping, made.threshold_current, temperature, polarisation)),
        float(free_layer_moment(damping, made.threshold_current, f0, polarisation)),
    )
