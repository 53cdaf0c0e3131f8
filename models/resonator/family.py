"""Devices over frequency and damping: what stays the same when a resonator is made for another channel.

The threshold current is I_th = Γ0/σ = (2 e/(η ħ)) (m/γ) α ω0 (`thermal`, eq. 2), so it cannot stay the same while both
the free layer and its efficiency do:

* **fixed_threshold**: I_th is one number for all channels and dampings, as in the published simulations (Leroux et al.,
  Phys. Rev. Applied 15, 034067). The moment of the free layer then goes as 1/(α f0): other volumes for other channels;
* **fixed_volume**: one free layer, tuned by its field or shape. I_th goes as α f0, and with it K_SD as 1/(α f0), the
  power up to which it is linear as (α f0)², p_T = α e kT/(ħ η I_th) as 1/f0 (Slavin and Tiberkevich, IEEE Trans. Magn.
  45, 1875, eq. 30; Slonczewski, J. Magn. Magn. Mater. 159, L1). From 1 to 20 GHz: 20, 400 and 20 times.

Networks are built of the first: all their resonators share one K_SD, on which the meaning of a program rests (its
weights are V/W per unit, the same on every channel). A network of one free layer answers alike if the tone of every
channel has the power P(f) = p_max K_SD(f_mid)/K_SD(f), which goes as f:

* P K_SD is one number, so programs, sums and Johnson noise are those of the network of one threshold;
* precession noise, in proportion to p_T P/Γ0, is the same too: p_T P does not depend on f;
* saturation is not: the precession power of a tone in resonance is in proportion to P/I_th², and so to 1/f, like the
  tone's power over that up to which its resonator is linear.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, get_args

from resonet.core.errors import InputError
from resonet.models.resonator.linear import SpinDiode
from resonet.models.resonator.linear_range import linear_range
from resonet.models.resonator.thermal import POLARISATION, TEMPERATURE, free_layer_moment, thermal_power

__all__ = ["FAMILIES", "ChannelMember", "Family", "Member", "channel_members", "member"]

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


@dataclass(frozen=True, slots=True)
class ChannelMember:
    """The device of one channel, and the tone that makes it answer as a network of one threshold does."""

    device: Member
    tone_power: float  # W, of a full tone, with which the channel has the same largest voltage as all others
    over_linear: float  # that power over the one up to which the response is linear


def channel_members(
    device: SpinDiode,
    family: Family,
    channels: Iterable[float],
    at: float,
    p_max: float,
    temperature: float = TEMPERATURE,
    polarisation: float = POLARISATION,
) -> list[ChannelMember]:
    """Devices on channels, Hz, where `device` has its threshold at `at`, Hz, and a full tone there p_max, W.

    Raises InputError as `member` does.
    """
    found = []
    for f in channels:
        own = member(device, family, device.damping, f, at, temperature, polarisation)
        power = p_max * device.sensitivity / own.sensitivity
        found.append(ChannelMember(own, power, power / own.linear_power))
    return found
