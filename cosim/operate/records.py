"""What a search for operating points is asked, and what it finds."""

from dataclasses import dataclass

from resonet.core.parameters import check, parameter
from resonet.core.types import Array
from resonet.cosim.operate.latency import Latency, latency
from resonet.cosim.operate.measuring import Measured
from resonet.cosim.operate.points import Setting
from resonet.cosim.operate.surrogate import Surrogate
from resonet.netlist.design.design import Design

__all__ = ["UNBOUNDED", "Found", "FrontPoint", "SearchOptions"]

UNBOUNDED = 1e6  # s: no bound on the latency


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """How far the search goes."""

    target: float = parameter(0.985, "", 0.0, 1.0, "accuracy that is wanted")
    latency_max: float = parameter(
        UNBOUNDED, "s", 1e-12, UNBOUNDED, "longest time of an image: among those the least energy"
    )
    structures: int = parameter(12, "", 1, 10_000, "structures that are looked at")
    measured: int = parameter(2, "", 0, 100, "of these that are measured on images; 0: by the surrogate alone")
    images: int = parameter(2000, "", 50, 10_000_000, "that the search may see; the others confirm")
    margin: float = parameter(0.003, "", 0.0, 0.5, "by which the search aims above the target")
    seed: int = parameter(1, "", 0, 2**31, "of the search, of the choice of images, of the noise")

    def __post_init__(self) -> None:
        check(self, "operate")

    @property
    def aim(self) -> float:
        """Accuracy that the search aims at."""
        return min(self.target + self.margin, 1.0)


@dataclass(frozen=True, slots=True)
class FrontPoint:
    """A point that no other one beats in latency, energy and accuracy at once, by the surrogates."""

    structure: dict[str, float]
    setting: Setting
    latency: float  # s, parallel hardware
    energy: float  # J an image
    accuracy: float


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What a search found."""

    design: Design  # at the chosen point
    structure: dict[str, float]
    surrogate: Surrogate
    searched: Measured  # on the images that the search saw
    confirmed: Measured  # on the others
    front: tuple[FrontPoint, ...]
    powers: Array  # W that surrogates were asked at
    looked_at: int  # structures

    @property
    def setting(self) -> Setting:
        """The chosen power and bandwidth."""
        return Setting.of(self.design.parameters)

    @property
    def latency(self) -> Latency:
        """Of an image at the chosen point."""
        return latency(self.design)

    @property
    def power(self) -> float:
        """Drawn by parallel hardware, W."""
        return self.surrogate.drawn.power(self.setting.p_max)

    @property
    def in_resonators(self) -> float:
        """Of an image, what ends up in the resonators, J."""
        return self.surrogate.drawn.resonators * self.setting.p_max * self.latency.parallel

    @property
    def energy(self) -> float:
        """Of an image in parallel hardware, J."""
        return self.power * self.latency.parallel
