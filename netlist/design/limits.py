"""What a designer asks of the S-parameters of a layer, [limits] of design.toml.

By default a layer must be passive and reciprocal, and of the rest nothing is asked: a limit at the end of its range
that every layer passes (300 dB of insertion loss, 0 dB of return loss) judges nothing, whoever wrote it.
"""

from dataclasses import dataclass, fields

from resonet.core.parameters import check, limit

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Pass or fail of `resonet sparams --metrics`; dB values are positive losses, crosstalk a negative level."""

    insertion_loss: float = limit(300.0, "dB", 0.0, 300.0, "largest insertion loss of a channel")
    return_loss: float = limit(0.0, "dB", 0.0, 300.0, "smallest return loss of a channel")
    isolation: float = limit(0.0, "dB", 0.0, 300.0, "smallest isolation between the inputs of adjacent channels")
    rejection: float = limit(0.0, "dB", 0.0, 300.0, "smallest rejection of a resonance at the adjacent channel")
    next_level: float = limit(0.0, "dB", -300.0, 0.0, "largest near-end crosstalk between lines")
    fext_level: float = limit(0.0, "dB", -300.0, 0.0, "largest far-end crosstalk between lines")
    group_delay: float = limit(1.0, "s", 0.0, 1.0, "largest magnitude of the group delay at a channel")
    gain_excess: float = limit(1e-6, "", 0.0, 1e3, "how far the largest singular value may lie above 1 (passivity)")
    asymmetry: float = limit(1e-6, "", 0.0, 1e3, "largest |S_ij - S_ji| (reciprocity)")

    def __post_init__(self) -> None:
        check(self, "limits")

    def asks(self, name: str) -> bool:
        """Whether a limit judges anything."""
        entry = next(field for field in fields(self) if field.name == name)
        low, high = entry.metadata["low"], entry.metadata["high"]
        return entry.default not in (low, high) or getattr(self, name) != entry.default

    def unit(self, name: str) -> str:
        """Unit of a limit."""
        return str(next(field for field in fields(self) if field.name == name).metadata["unit"])
