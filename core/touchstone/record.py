"""What a Touchstone file says, as a record."""

from dataclasses import dataclass
from typing import Literal

from resonet.core.errors import InputError
from resonet.core.types import Array, Complex

__all__ = [
    "MOST_BYTES",
    "MOST_LINES",
    "MOST_POINTS",
    "MOST_PORTS",
    "POSSIBLE",
    "Touchstone",
    "Waves",
    "fault",
    "printable",
]

Waves = Literal["power", "pseudo", "traveling"]

MOST_BYTES = 64_000_000
MOST_LINES = 4_000_000
MOST_PORTS = 128
MOST_POINTS = 100_001
POSSIBLE = "possible: S-parameters in Touchstone 1 or 2 (.s1p, .s2p, ... , .ts), or Y, Z, H, G"


def printable(text: str, most: int = 40) -> str:
    """Text of a file without what a terminal would obey."""
    shown = "".join(c if c.isprintable() else "?" for c in text[:most])
    return shown + ("..." if len(text) > most else "")


def fault(line: int, text: str) -> InputError:
    """The error of a line, counted from 1."""
    return InputError(f"line {line}: {text}")


@dataclass(frozen=True, slots=True, eq=False)
class Touchstone:
    """A network as its file gives it: always single-ended S, whatever the file holds.

    `waves` says what S means where z0 is complex: power waves (Kurokawa), pseudo-waves (Marks and Williams), or
    travelling waves v = √z (a + b), i = (a - b)/√z. All three are one where z0 is real.
    """

    f: Array  # [frequencies] Hz, rising
    s: Complex  # [frequencies, ports, ports]
    z0: Complex  # [frequencies, ports] ohm
    waves: Waves
    names: tuple[str, ...] | None  # of the ports, in comments; for the screen only
    version: str  # "1.0", "1.1", "2.0", "2.1"
    kind: str  # S, Y, Z, H or G: what the file holds
    noise: int  # frequencies of noise data, which are checked and left
    file: str  # where it was read, for messages

    @property
    def ports(self) -> int:
        """Number of ports."""
        return int(self.s.shape[1])
