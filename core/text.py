"""Text of names that come from somebody else: what it would do beyond being read is shown as an escape."""

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["meant", "visible"]


def meant(word: object, possible: Iterable[str]) -> str:
    """The words that ask "did you mean NAME?" where a possible name is close to what was written, else nothing."""
    folded = {name.casefold(): name for name in possible}
    found = get_close_matches(str(word)[:60].casefold(), folded, 1, 0.7)
    return f" (did you mean {folded[found[0]]}?)" if found else ""


def visible(text: str, keep: str = "") -> str:
    """Text that a terminal only prints: what else it would do to it is shown as an escape, but for `keep`."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else c.encode("unicode_escape").decode() for c in text)
