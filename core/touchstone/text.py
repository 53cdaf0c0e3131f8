"""Bytes of a file -> lines of text, bounded."""

import codecs
from pathlib import Path

from resonet.core.errors import InputError
from resonet.core.touchstone.record import MOST_BYTES, MOST_LINES, POSSIBLE

__all__ = ["read_lines"]

MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def _decoded(data: bytes) -> str:
    """Text in UTF-8 or UTF-16 with or without its mark, else in the code page of Western Windows."""
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    if data[:400].count(0) * 3 > len(data[:400]) and data[:1] != b"\0":  # UTF-16 without its mark
        return data.decode("utf-16-le", "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def read_lines(path: Path) -> list[str]:
    """Lines of a text file, however they end; what follows a Ctrl-Z (DOS's end of file) is left out."""
    try:
        if not path.is_file():
            raise InputError(f"cannot be read: no such file; {POSSIBLE}")
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"larger than {MOST_BYTES / 1e6:g} MB")
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})") from None
    text = _decoded(data[:MOST_BYTES]).partition("\x1a")[0].replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text:
        raise InputError(f"not a Touchstone file (no text: it holds zero bytes); {POSSIBLE}")
    if text.count("\n") > MOST_LINES:
        raise InputError(f"more than {MOST_LINES} lines")
    return text.split("\n")
