"""What a network has to keep as a whole, beside what each chip must ([specification]): [acceptance] of design.toml."""

from dataclasses import dataclass

from resonet.core.parameters import check, parameter

__all__ = ["JUDGING", "Acceptance"]

JUDGING = ("limits", "specification", "acceptance")  # tables that only say whether numbers are good enough


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Limits that `resonet report` judges by, beside those of [specification]; 0: none."""

    software: float = parameter(0.0, "", 0.0, 1.0, "least share of images in their class, trained network; 0: none")
    saturating: float = parameter(0.0, "", 0.0, 1.0, "least share, resonators that saturate, with noise; 0: none")
    spread: float = parameter(0.0, "", 0.0, 1.0, "least share, median over chips with spread; 0: none")
    passing: float = parameter(0.0, "", 0.0, 1.0, "least yield: share of chips that keep [specification]; 0: none")

    def __post_init__(self) -> None:
        check(self, "acceptance")
