"""What a chip has to keep to pass: [specification] of design.toml."""

from dataclasses import dataclass

from resonet.core.parameters import check, limit

__all__ = ["Specification"]


@dataclass(frozen=True, slots=True)
class Specification:
    """Limits for one chip; 0: none."""

    accuracy: float = limit(0.0, "", 0.0, 1.0, "least share of images in their class, without noise; 0: none")
    noisy: float = limit(0.0, "", 0.0, 1.0, "the same with noise")
    weight_error: float = limit(0.0, "", 0.0, 10.0, "largest RMS error of the weights, part of the largest; 0: none")
    worst_error: float = limit(0.0, "", 0.0, 10.0, "largest error of a weight, likewise; 0: none")
    crosstalk: float = limit(0.0, "dB", -300.0, 0.0, "strongest crosstalk, against K_SD P; 0: no limit")
    latency: float = limit(0.0, "s", 0.0, 1e3, "longest time of an image in parallel hardware; 0: none")
    energy: float = limit(0.0, "J", 0.0, 1e3, "most energy of an image in parallel hardware; 0: none")
    insertion_loss: float = limit(
        0.0, "dB", 0.0, 300.0, "largest insertion loss of a chain at a channel (montecarlo --sparams); 0: none"
    )
    return_loss: float = limit(0.0, "dB", 0.0, 300.0, "least return loss of it at a channel; 0: none")
    resonance_error: float = limit(
        0.0, "", 0.0, 1.0, "largest error of a resonance frequency of it, part of what was programmed; 0: none"
    )

    def __post_init__(self) -> None:
        check(self, "specification")
