"""Text of names that come from somebody else: what it would do beyond being read is shown as an escape."""

__all__ = ["visible"]


def visible(text: str, keep: str = "") -> str:
    """Text that a terminal only prints: what else it would do to it is shown as an escape, but for `keep`."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else c.encode("unicode_escape").decode() for c in text)
