"""Numbers as people write them, and as they are shown to people.

    number = [sign] digits [. digits] [e exponent] [blank] [SI prefix] [unit]        "5 GHz"  "-2.5e-3"  "0.2fF"

A power may be given as a level, "-27 dBm" (of 1 mW), and what has no unit as a part of a hundred, "5 %".

Everything that is text and becomes a number goes through `read_number`; what is written in another way is refused with
the reason. A comma is no decimal mark here: programs that drop it make 0,1 to 1. Prefixes follow the SI brochure
(9th edition, section 3): upper and lower case differ (M is mega, m milli), and a prefix belongs to its unit, so that
fm^2 would be (fm)²: units that begin with a power or a reciprocal have none, here or in what is shown.
"""

import math
import re
from collections.abc import Sequence
from decimal import Decimal

__all__ = [
    "engineering",
    "has_prefix",
    "is_bare",
    "mixed_units",
    "percent",
    "quantity",
    "read_list",
    "read_number",
    "read_whole",
    "small_percent",
]

LONGEST = 100  # characters: more than any number has
MOST_DBM = 3000
TINY = 1e-8  # share, below which a difference is no more than rounding
PREFIXES = {"Q": 30, "R": 27, "Y": 24, "Z": 21, "E": 18, "P": 15, "T": 12, "G": 9, "M": 6, "k": 3, "K": 3}
PREFIXES |= {"": 0, "c": -2, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15, "a": -18, "z": -21, "y": -24}
PREFIXES |= {"r": -27, "q": -30}
NO_PREFIX = ("dB", "deg")
GRAMMAR = re.compile(r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))(?:[eE]([+-]?[0-9]{1,4}))?(?![0-9])")
# One letter for what has several in Unicode; the blanks that typesetting puts between number and unit.
SAME = str.maketrans(
    {"µ": "u", "μ": "u", "Ω": "Ω", "−": "-", "²": "^2", "³": "^3", "\N{NO-BREAK SPACE}": " "}
    | {"\N{NARROW NO-BREAK SPACE}": " ", "\N{THIN SPACE}": " "}
)


def has_prefix(unit: str) -> bool:
    """Whether a unit takes an SI prefix: not a power (m^2), a reciprocal (1/m), a level or an angle in degrees."""
    return bool(re.match(r"[A-Za-z](?!\w*\^)", unit)) and not unit.startswith(NO_PREFIX)


def _plain(text: str) -> str:
    return text.translate(SAME).strip(" \t").replace("Ω", "Ohm").replace("ohm", "Ohm")


def _why_not(text: str) -> str:
    """Why something does not begin with a number."""
    if "," in text:
        return "a comma; write a decimal point, as in 0.1"
    if "_" in text or "'" in text:
        return "digits are written without marks between them"
    if text.lstrip("+-").lower().startswith(("inf", "nan")):
        return "must be finite"
    if not text.isascii() and any(c.isdigit() and not c.isascii() for c in text):
        return "digits are those of ASCII, 0 ... 9"
    return "not a number with a unit"


def _power(rest: str, unit: str) -> int:
    """Power of ten of what stands behind the digits; ValueError where it is neither unit nor prefix."""
    if rest in ("", unit):
        return 0
    if rest == "%" and not unit:
        return -2
    prefix = rest.removesuffix(unit) if unit else rest
    if rest.endswith("%"):
        raise ValueError(f"the unit is {unit}" if unit else "% takes no prefix, and nothing between number and %")
    if rest == "E":
        raise ValueError("an exponent without digits")
    if prefix.upper() == "MEG":
        raise ValueError("mega is M, and milli m")
    if prefix not in PREFIXES or (prefix == "K" and unit == "K"):
        raise ValueError(f"the unit is {unit}" if unit else "it has no unit")
    if unit and not has_prefix(unit):
        raise ValueError(f"the unit is {unit}, which has no SI prefix: as a power of ten, such as 1e-15 {unit}")
    return PREFIXES[prefix]


def _decimal(text: str, unit: str) -> Decimal:
    """The exact value, within the range of floating point. Raises ValueError with the reason."""
    if len(text) > LONGEST:
        raise ValueError(f"longer than {LONGEST} characters")
    plain = _plain(text)
    found = GRAMMAR.match(plain)
    rest = plain[found.end() :] if found else ""
    if found is None or any(mark in rest for mark in ",_'") or rest[:1].isdigit() or rest[:1] == ".":
        raise ValueError(_why_not(plain))
    rest = rest.lstrip(" ")
    level = rest == "dBm" and unit == "W"
    power = 0 if level else _power(rest, unit)
    value = Decimal(f"{found.group(1)}e{int(found.group(2) or 0) + power}")
    if level:
        if abs(value) > MOST_DBM:
            raise ValueError("beyond the range of floating point")
        value = Decimal(10) ** (value / 10 - 3)
    if math.isinf(float(value)) or (value and not float(value)):
        raise ValueError("beyond the range of floating point")
    return value


def read_number(text: str, unit: str = "") -> float:
    """SI value of text: the nearest number in floating point. Raises ValueError whose text is the reason."""
    return float(_decimal(text, unit))


def read_whole(text: str, unit: str = "") -> int:
    """Whole number, exact. Raises ValueError whose text is the reason."""
    value = _decimal(text, unit)
    if "%" in text:
        raise ValueError("it has no unit")
    if value != value.to_integral_value():
        raise ValueError("a whole number is expected")
    return int(value)


def read_list(text: str, unit: str = "", most: int = 10_000) -> list[str]:
    """The words of a list with commas: either all of them carry a unit or prefix, or none does. Raises ValueError.

    "0,1 fF" is one number with a comma to some and two numbers to others, and so it is refused.
    """
    words = text.split(",")
    if len(words) > most:
        raise ValueError(f"{len(words):,} numbers; at most {most:,}")
    if mixed_units(words, unit):
        raise ValueError(
            f"a comma stands between numbers: write a decimal point, and {unit or '%'} behind every number or none"
        )
    return words


def is_bare(text: str) -> bool:
    """Whether text ends in the digits of a number, so that nothing says its unit."""
    return not text.strip() or text.strip()[-1] in "0123456789."


def mixed_units(words: Sequence[str], unit: str) -> bool:
    """Whether some of several numbers carry a unit or prefix and some do not, so that two things may be meant."""
    return bool(unit or "%" in "".join(words)) and len(set(map(is_bare, words))) > 1


def quantity(value: float | str, unit: str) -> str | float | int:
    """A value as people write it, at full precision: 2e-17 F -> "20 aF"; numbers without unit and words stay."""
    from quantiphy import Quantity  # heavy enough to wait until somebody reads units

    if not unit or isinstance(value, int | str):
        return value
    if has_prefix(unit) and unit != "rad" and " " not in unit:
        text = str(Quantity(value, unit).render(prec="full"))
        try:
            if read_number(text, unit) == value:
                return text
        except ValueError:  # beyond the prefixes
            pass
    return f"{value!r} {unit}"


def engineering(value: float, unit: str, digits: int = 3) -> str:
    """A value for people, to some digits, with an SI prefix where its unit takes one."""
    from quantiphy import Quantity

    if not has_prefix(unit):
        return f"{value:.{digits}g} {unit}".strip()
    return str(Quantity(value, unit).render(prec=digits - 1))


def percent(share: float | None, digits: int = 2) -> str:
    """A share in per cent, or a dash."""
    return "-" if share is None else f"{100 * share:.{digits}f} %"


def small_percent(share: float | None) -> str:
    """A share in per cent, or a dash; what two digits would show as zero comes with its order of magnitude.

    What is less than `TINY` is rounding, whose size says nothing: "< 1e-6 %".
    """
    if share is None or not 0 < abs(share) < 5e-5:
        return percent(share)
    return f"{100 * share:.0e} %" if abs(share) >= TINY else f"< {100 * TINY:.0e} %".replace("e-0", "e-")
