"""What a deck is."""

from dataclasses import dataclass

__all__ = ["Deck"]


@dataclass(frozen=True, slots=True)
class Deck:
    """One SPICE deck: its name (without ending) and its text."""

    name: str
    text: str

    @property
    def raw(self) -> str:
        """Name of the raw file that it leaves."""
        return f"{self.name}.raw"
