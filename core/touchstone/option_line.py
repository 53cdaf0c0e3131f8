"""The option line: `# GHz S MA R 50`, its words in any order, what is left out by default."""

import re
from dataclasses import dataclass
from typing import Literal

from resonet.core.touchstone.numbers import NUMBER, complex_number
from resonet.core.touchstone.record import fault, printable

__all__ = ["Options", "option_line"]

UNITS = {"hz": 1.0, "khz": 1e3, "mhz": 1e6, "ghz": 1e9, "thz": 1e12}
KINDS = ("s", "y", "z", "h", "g")
FORMATS = ("ma", "db", "ri")
MOST_WORDS = 200
EXAMPLE = "possible: # [Hz|kHz|MHz|GHz|THz] [S|Y|Z|H|G] [DB|MA|RI] [R ohms], in any order"
OHM = re.compile(r"r=?(.+)", re.DOTALL)
UNIT_OF_R = ("ohm", "ohms", "ω", "Ω")
Format = Literal["ma", "db", "ri"]


@dataclass(frozen=True, slots=True)
class Options:
    """What the option line says, or the defaults; `resistance` is empty where it is left out."""

    line: int = 0  # 0: there is no option line
    unit: float = 1e9  # Hz
    kind: str = "s"
    form: str = "ma"
    resistance: tuple[complex, ...] = ()  # ohm, one or one a port
    kind_given: bool = False
    bare: bool = False  # an R without a number


def _resistances(words: list[str], line: int) -> tuple[complex, ...]:
    found = []
    for word in words:
        value = complex_number(word)
        if value is None:
            raise fault(line, f"option line: {printable(word)!r} is no resistance; {EXAMPLE}")
        if not value.real > 0:
            raise fault(line, f"reference impedances must have a positive real part (R {printable(word)})")
        found.append(value)
    return tuple(found)


def option_line(text: str, line: int) -> Options:
    """Options of the text after the `#`. Raises InputError with the line."""
    words = text.lower().split()
    if len(words) > MOST_WORDS:
        raise fault(line, f"option line: {len(words)} words; {EXAMPLE}")
    given: dict[str, str] = {}
    ohms: list[str] = []
    bare = False
    for word in words:
        slot = next((s for s, known in (("unit", UNITS), ("kind", KINDS), ("form", FORMATS)) if word in known), None)
        glued = OHM.fullmatch(word)
        if slot:
            if given.setdefault(slot, word) != word:
                raise fault(line, f"option line: both {given[slot].upper()} and {word.upper()}; {EXAMPLE}")
        elif word == "r":
            bare = True
        elif word in UNIT_OF_R and ohms:
            continue
        elif NUMBER.fullmatch(word) or word.startswith("("):
            ohms.append(word)
        elif glued:
            bare = True
            ohms.append(glued.group(1))
        else:
            raise fault(line, f"option line: {printable(word)!r} is unknown; {EXAMPLE}")
    return Options(
        line,
        UNITS[given.get("unit", "ghz")],
        given.get("kind", "s"),
        given.get("form", "ma"),
        _resistances(ohms, line),
        "kind" in given,
        bare and not ohms,
    )
