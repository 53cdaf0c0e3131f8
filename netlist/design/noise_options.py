"""What a designer says of the noise, [noise] of design.toml; how fast a neuron reads is in [neuron]."""

from dataclasses import dataclass
from typing import Literal, TypeAlias, cast, get_args

from resonet.core.choices import check_choices, choice, words
from resonet.core.errors import InputError
from resonet.core.parameters import check, parameter

__all__ = ["NOISE_SOURCES", "NoiseOptions", "NoiseSource"]

NoiseSource: TypeAlias = Literal[
    "johnson",
    "choke",
    "feed",
    "readout",
    "precession",
    "combiner",
    "amplifier",
    "amplitude",
    "phase",
    "linewidth",
    "tiles",
]
NOISE_SOURCES: tuple[NoiseSource, ...] = get_args(NoiseSource)
ALL, NONE = "all", "none"


@dataclass(frozen=True, slots=True)
class NoiseOptions:
    """Temperature, spin polarisation, read-out, and which sources of noise there are (docs/theory/noise.md).

    johnson     of the chains' resistance                 choke, feed   of the bias tees' chokes, of the buses' sources
    readout     of what reads the chains                  precession    thermal precession, which the tones mix down
    combiner    k T at the buses, riding on the tones     amplifier     of the tones' amplifiers, likewise
    amplitude   of the neurons' oscillators               phase         likewise: their frequency wanders
    tiles       tones of the same channel in the tiles beside, in unknown phases: as a variance, whatever the bandwidth
    linewidth   no noise, but what the width of the oscillators' lines takes off the weights
    """

    temperature: float = parameter(300.0, "K", 1e-3, 1e3, "of chains, combiners and oscillators")
    polarisation: float = parameter(0.6, "", 1e-3, 1.0, "spin polarisation η of the current, in p_T")
    readout: float = parameter(1e-9, "V/sqrt(Hz)", 0.0, 1e-3, "of what reads the last layer, one-sided density")
    sources: str = choice(ALL, lambda: (ALL, NONE, *NOISE_SOURCES), "of noise: all, none, or names", several=True)

    def __post_init__(self) -> None:
        check(self, "noise")
        check_choices(self, "noise")
        if {ALL, NONE} & set(words(self.sources)) and len(words(self.sources)) > 1:
            raise InputError(f"noise.sources = {self.sources[:60]!r}: possible: all, none, or names of sources")

    @property
    def chosen(self) -> tuple[NoiseSource, ...]:
        """The sources that there are."""
        if self.sources == NONE:
            return ()
        if self.sources == ALL:
            return NOISE_SOURCES
        return tuple(cast(NoiseSource, name) for name in words(self.sources))
