"""Values of a query as a page may ask them: known names, bounded texts and numbers, everything else refused by name."""

import re
from collections.abc import Sequence

from resonet.core.errors import InputError
from resonet.core.numbers import read_number
from resonet.core.text import visible

__all__ = ["Query"]

MOST_NAMES, MOST_TEXT = 24, 200


class Query:
    """Values by name. Raises InputError for names that are not `known`, or that come twice where once is meant."""

    def __init__(self, given: Sequence[tuple[str, str]], known: Sequence[str], several: Sequence[str] = ()) -> None:
        if len(given) > MOST_NAMES:
            raise InputError(f"{len(given)} values in a query; possible: {MOST_NAMES}")
        self._values: dict[str, list[str]] = {}
        for name, value in given:
            if name not in known and name not in several:
                raise InputError(f"{visible(name[:40])!r}: unknown; possible: {', '.join([*known, *several])}")
            if len(value) > MOST_TEXT:
                raise InputError(f"{name}: {len(value):,} characters; possible: {MOST_TEXT}")
            if not value.isprintable():
                raise InputError(f"{name} = {visible(value[:40])!r}: control characters; possible: text of a line")
            if name in self._values and name not in several:
                raise InputError(f"{name}: given twice; possible: once")
            self._values.setdefault(name, []).append(value)

    def text(self, name: str) -> str | None:
        """A text; None where nothing was given, or nothing is in it."""
        return self._values.get(name, [""])[0] or None

    def texts(self, name: str) -> list[str]:
        """All texts of a name that may come several times."""
        return self._values.get(name, [])

    def whole(self, name: str, low: int, high: int) -> int | None:
        """A whole number within low ... high; None where nothing was given. Raises InputError."""
        text = self.text(name)
        if text is None:
            return None
        if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
            raise InputError(f"{name} = {text[:40]!r}; possible: {low} ... {high}")
        return int(text)

    def number(self, name: str, unit: str, low: float, high: float, default: float) -> float:
        """A number with its unit within low ... high. Raises InputError."""
        text = self.text(name)
        if text is None:
            return default
        possible = f"possible: {low:g} ... {high:g} {unit}".rstrip()
        try:
            value = read_number(text, unit)
        except ValueError as error:
            raise InputError(f"{name} = {text[:40]!r}: {error}; {possible}") from None
        if not low <= value <= high:
            raise InputError(f"{name} = {text[:40]!r}; {possible}")
        return value

    def choice(self, name: str, possible: Sequence[str], default: str) -> str:
        """One of some words. Raises InputError."""
        text = self.text(name) or default
        if text not in possible:
            raise InputError(f"{name} = {text[:40]!r}; possible: {', '.join(possible)}")
        return text
