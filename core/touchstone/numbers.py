"""Numbers as Touchstone allows them: sign, digits, point, exponent; nothing that a lenient parser would also take."""

import re
from collections.abc import Iterable

from resonet.core.errors import InputError
from resonet.core.touchstone.record import POSSIBLE, fault, printable

__all__ = ["NUMBER", "complex_number", "numbers", "plain_numbers"]

MOST_DIGITS = 60
LONG = 4096  # characters of a line below which the length of its words cannot hurt
NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d{1,4})?", re.ASCII | re.IGNORECASE)
PLAIN = re.compile(r"[0-9eE+\-.\s]*", re.ASCII)
FORTRAN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)d[+-]?\d{1,4}", re.ASCII | re.IGNORECASE)
LOWEST = re.compile(r"-(?:inf(?:inity)?|1\.#inf\d*)", re.ASCII | re.IGNORECASE)
ODD = re.compile(r"[+-]?(?:nan|inf|infinity|1\.#\w+|nan\(\w+\))", re.ASCII | re.IGNORECASE)
COMPLEX = re.compile(r"\(?([^()]+?)(?:([+-])(?:j([^()j]*)|([^()j]+)j))?\)?", re.ASCII | re.IGNORECASE)


def _odd(word: str, line: int) -> float:
    """The number of a word that is not of the plain form: a Fortran exponent, or a level of -inf dB."""
    if len(word) <= MOST_DIGITS:
        if FORTRAN.fullmatch(word):
            return float(word.lower().replace("d", "e"))
        if LOWEST.fullmatch(word):
            return float("-inf")
        if ODD.fullmatch(word):
            raise fault(line, f"values that are not finite ({printable(word)})")
        if "," in word and NUMBER.fullmatch(word.replace(",", ".", 1).rstrip(",")):
            raise fault(line, f"{printable(word)!r}: a comma; possible: a decimal point, blanks between numbers")
    raise InputError(f"not a Touchstone file (line {line}: {printable(word)!r} is not a number); {POSSIBLE}")


def numbers(words: Iterable[str], line: int) -> list[float]:
    """Values of the words of a line. Raises InputError with the line and the word."""
    found = []
    for word in words:
        plain = len(word) <= MOST_DIGITS and NUMBER.fullmatch(word)
        found.append(float(word) if plain else _odd(word, line))
    return found


def plain_numbers(text: str, line: int) -> list[float]:
    """Values of a line of data: at once where it holds nothing but digits, signs, points and exponents."""
    words = text.split()
    if len(text) > LONG and max(map(len, words)) > MOST_DIGITS:
        raise fault(line, f"a number of more than {MOST_DIGITS} characters")
    if PLAIN.fullmatch(text):
        try:
            return list(map(float, words))
        except ValueError:
            pass  # told apart word by word
    return numbers(words, line)


def complex_number(word: str) -> complex | None:
    """50, 50+j0, 50-10j or (50+50j) as a number; None if it is none."""
    match = COMPLEX.fullmatch(word.strip()) if len(word) <= 2 * MOST_DIGITS else None
    if match is None or not NUMBER.fullmatch(match.group(1).strip()):
        return None
    imaginary = (match.group(3) or match.group(4) or "0").strip()
    if not NUMBER.fullmatch(imaginary):
        return None
    value = complex(float(match.group(1)), float((match.group(2) or "+") + imaginary))
    return value if abs(value) < float("inf") else None
