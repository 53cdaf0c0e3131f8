"""What a deck is, how it begins and how it ends."""

from collections.abc import Sequence
from dataclasses import dataclass

from resonet.spice_lib.library import library

__all__ = ["Deck", "control_lines", "title_lines"]


@dataclass(frozen=True, slots=True)
class Deck:
    """One SPICE deck: its name (without ending) and its text."""

    name: str
    text: str

    @property
    def raw(self) -> str:
        """Name of the raw file that it leaves."""
        return f"{self.name}.raw"


def title_lines(name: str, what: str, lib: str, devices: Sequence[str]) -> list[str]:
    """First line, what the deck is, and the libraries it needs."""
    includes = sorted({library()[device].file for device in devices})
    return [f"* resonet {name}: {what}", *(f'.include "{lib}/{file}"' for file in includes)]


def control_lines(name: str, analyses: Sequence[str] = ("run",), vectors: str = "") -> list[str]:
    """Run, write the raw file, leave: without `quit` a bare batch run ends with status 1."""
    lines = [".control", "set filetype=binary"]
    for number, analysis in enumerate(analyses):
        lines += ["set appendwrite"] if number == 1 else []
        lines += [analysis, f"write {name}.raw {vectors}".rstrip()]
    return [*lines, "quit", ".endc", ".end", ""]
