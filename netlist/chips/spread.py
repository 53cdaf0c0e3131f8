"""How far what is built lies from what was drawn: [spread] of design.toml.

Every quantity has a standard deviation over all devices of all chips, as part of its nominal value where no unit is
said. A device's standard score

    z = √g (gx X + gy Y) + √c zc + √l zl,      g + c + l = 1,                                                      (1)

is made of a gradient over the wafer, a value of the chip and one of the device's own: gx, gy, zc (one each a chip and
quantity) and zl (a device) are independent standard normals, X and Y the device's place from the middle of the chip,
with mean(X² + Y²) = 1 over the devices, so that z has variance 1 over devices and chips. (gx, gy) points in a random
direction. The law then says, with Φ the normal distribution function,

    normal     1 + σ z
    lognormal  exp(s z - s²/2), s² = ln(1 + σ²): mean 1, standard deviation σ
    uniform    1 + √3 σ (2 Φ(z) - 1): between 1 - √3 σ and 1 + √3 σ

(of quantities that have no nominal value: σ z and √3 σ (2 Φ(z) - 1) themselves). Normals of which a device would get a
value below zero are refused when such a chip is drawn.
"""

import math
from dataclasses import dataclass, fields
from typing import Literal, TypeAlias, cast, get_args

import numpy as np

from resonet.core.choices import check_choices, choice, words
from resonet.core.errors import InputError
from resonet.core.parameters import check, parameter
from resonet.core.types import Array

__all__ = [
    "LAWS",
    "QUANTITIES",
    "SAMPLINGS",
    "Law",
    "Quantity",
    "Sampling",
    "Share",
    "SpreadOptions",
    "largest_normal",
    "refused_chips",
]

Law: TypeAlias = Literal["normal", "lognormal", "uniform"]
LAWS: tuple[Law, ...] = get_args(Law)
Sampling: TypeAlias = Literal["random", "sobol", "sobol_all"]
SAMPLINGS: tuple[Sampling, ...] = get_args(Sampling)
Of: TypeAlias = Literal["resonator", "tone", "neuron", "line"]
NONE = "none"
MOST = 1.0
RARE = 0.01  # part of the chips that a law may leave without a value


@dataclass(frozen=True, slots=True)
class Quantity:
    """What may spread."""

    name: str
    of: Of  # what has a value of its own
    parameter: str = ""  # of design.toml, whose value it is a factor of
    added: bool = False  # it is added to the parameter, and no factor
    saturating: bool = False  # only saturating resonators know it


QUANTITIES = {
    one.name: one
    for one in (
        Quantity("f_res", "resonator"),
        Quantity("damping", "resonator", "device.damping"),
        Quantity("resistance", "resonator", "device.resistance"),
        Quantity("magnetoresistance", "resonator", "device.magnetoresistance"),
        Quantity("threshold_current", "resonator", "device.threshold_current"),
        Quantity("node_capacitance", "resonator", "bus.node_capacitance"),
        Quantity("nonlinear_damping", "resonator", "saturation.nonlinear_damping", saturating=True),
        Quantity("frequency_shift", "resonator", "saturation.frequency_shift", added=True, saturating=True),
        Quantity("line_width", "line", "geometry.line_width"),
        Quantity("line_height", "line", "geometry.line_height"),
        Quantity("tone_frequency", "tone"),
        Quantity("tone_level", "tone"),
        Quantity("gain", "neuron"),
        Quantity("offset", "neuron", added=True),
        Quantity("oscillator_threshold", "neuron", "neuron.threshold_current"),
        Quantity("oscillator_power", "neuron", "neuron.full_power"),
    )
}  # their order is part of what seeds give: new ones come last


@dataclass(frozen=True, slots=True)
class Share:
    """How the spread of one quantity is made up."""

    law: Law
    gradient: float  # share of the variance
    chip: float

    @property
    def local(self) -> float:
        """What is left for each device by itself."""
        return max(0.0, 1.0 - self.gradient - self.chip)


def _sigma(doc: str, unit: str = "", most: float = MOST) -> float:
    return cast(float, parameter(0.0, unit, 0.0, most, "standard deviation of " + doc))


@dataclass(frozen=True, slots=True)
class SpreadOptions:
    """Standard deviations, as parts of the nominal value where no unit is said, and how they are made up."""

    f_res: float = _sigma("resonance frequencies")
    damping: float = _sigma("the damping α of resonators")
    resistance: float = _sigma("R0 of resonators")
    magnetoresistance: float = _sigma("ΔR/R of resonators")
    threshold_current: float = _sigma("I_th of resonators")
    node_capacitance: float = _sigma("the node capacitance that a resonator brings along")
    nonlinear_damping: float = _sigma("Q_nl of saturating resonators")
    frequency_shift: float = _sigma("N / f0 of saturating resonators, itself")
    line_width: float = _sigma("the width of RF strip lines")
    line_height: float = _sigma("the height of RF strip lines over the resonators")
    tone_frequency: float = _sigma("the frequency of tones")
    tone_level: float = _sigma("the power of tones")
    gain: float = _sigma("the gain of transconductors")
    offset: float = _sigma("the input offset of transconductors", "V", 1.0)
    oscillator_threshold: float = _sigma("the threshold of the neurons' oscillators")
    oscillator_power: float = _sigma("the power of the neurons' oscillators")
    law: str = choice("normal", lambda: LAWS, "of all quantities that `own` does not name")
    gradient: float = parameter(0.0, "", 0.0, 1.0, "share of the variance that is linear over the chip")
    chip: float = parameter(0.0, "", 0.0, 1.0, "share of the variance that all devices of a chip have in common")
    own: str = choice(
        NONE, None, "of single quantities: NAME LAW GRADIENT CHIP, several with commas; none: as of all", several=True
    )
    sampling: str = choice("random", lambda: SAMPLINGS, "random; sobol: of what chips have in common; sobol_all")

    def __post_init__(self) -> None:
        check(self, "spread")
        check_choices(self, "spread")
        self._own()
        for name in self.active:
            share = self.share(name)
            if QUANTITIES[name].added and share.law == "lognormal":
                raise InputError(f"spread.{name}: lognormal, and it may be negative; possible: normal, uniform")
            if share.law == "uniform" and not QUANTITIES[name].added and math.sqrt(3) * getattr(self, name) >= 1:
                raise InputError(
                    f"spread.{name} = {getattr(self, name):g}: uniform, it reaches zero; possible: below "
                    f"{1 / math.sqrt(3):.3f}, or lognormal"
                )

    @property
    def active(self) -> tuple[str, ...]:
        """Names of the quantities that spread."""
        return tuple(name for name in QUANTITIES if getattr(self, name) > 0)

    def sigma(self, name: str) -> float:
        """Standard deviation of a quantity."""
        return float(getattr(self, name))

    def share(self, name: str) -> Share:
        """How the spread of a quantity is made up; lines have one value a chip. Raises InputError."""
        own = self._own().get(name)
        if QUANTITIES[name].of == "line":
            if own is not None and (own.gradient, own.chip) != (0.0, 1.0):
                raise InputError(f"spread.own: {name} has one value a chip; possible: {name} {own.law} 0 1")
            return Share(cast(Law, self.law) if own is None else own.law, 0.0, 1.0)
        found = own or Share(cast(Law, self.law), self.gradient, self.chip)
        if found.gradient + found.chip > 1 + 1e-12:
            raise InputError(
                f"spread of {name}: gradient {found.gradient:g} and chip {found.chip:g} of the variance; possible: "
                "shares of at most 1 together, the rest is each device's own"
            )
        return found

    def _own(self) -> dict[str, Share]:
        found = {}
        for text in () if self.own == NONE else words(self.own):
            try:
                name, law, gradient, chip = text.split()
                share = Share(cast(Law, law), float(gradient), float(chip))
            except ValueError:
                name, law, share = text, "", None
            known = name in QUANTITIES and law in LAWS and share is not None
            if share is None or not known or not (0 <= share.gradient <= 1 and 0 <= share.chip <= 1):
                raise InputError(
                    f"spread.own = {text[:60]!r}: possible: NAME LAW GRADIENT CHIP with NAME of "
                    f"{', '.join(QUANTITIES)}; LAW of {', '.join(LAWS)}; shares of the variance 0 ... 1"
                )
            found[name] = share
        return found

    def values(self, name: str, score: Array | float) -> Array:
        """Factors (or what is added) of a quantity at standard scores of any shape. Raises InputError."""
        z, sigma, share, quantity = np.asarray(score, float), self.sigma(name), self.share(name), QUANTITIES[name]
        middle = 0.0 if quantity.added else 1.0
        if share.law == "lognormal":
            s = math.sqrt(math.log1p(sigma**2))
            return np.asarray(np.exp(s * z - 0.5 * s**2))
        if share.law == "uniform":
            from scipy.special import ndtr

            return np.asarray(middle + math.sqrt(3) * sigma * (2 * ndtr(z) - 1))
        found = np.asarray(middle + sigma * z)
        if not quantity.added and found.size and found.min() <= 0:
            raise InputError(
                f"spread.{name} = {sigma:g}: normal, it leaves a device of this chip {found.min():.3g} of its nominal "
                "value; possible: less, or lognormal"
            )
        return found


def refused_chips(sigma: float, devices: int) -> float:
    """Part of the chips of so many devices of which one or more gets a normal value at or below zero."""
    from scipy.special import log_ndtr

    return float(-np.expm1(devices * log_ndtr(1 / sigma)))


def largest_normal(devices: int) -> float:
    """Standard deviation from which on a normal law refuses over `RARE` of the chips of so many devices."""
    from scipy.special import ndtri

    return float(-1 / ndtri(-np.expm1(np.log1p(-RARE) / devices)))


assert {spec.name for spec in fields(SpreadOptions)} >= set(QUANTITIES)
