"""Files: written whole or not at all, and noted; read with a message, within bounds checked before work."""

import json
import os
import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from resonet.core.errors import InputError
from resonet.core.leftovers import draft_path, forget_draft, sweep_once

__all__ = [
    "naming",
    "new_file",
    "read_bytes",
    "read_json",
    "read_text",
    "read_toml",
    "sync_file",
    "toml_line",
    "written_files",
]


MOST_BYTES = 4_000_000  # of a TOML or JSON file: design.toml of a thousand layers has half of one
DEEPEST = 32  # levels of tables, lists and dotted keys
MOST_NAMES = 100_000  # names and list entries of a TOML file: its parser takes a kilobyte for each


def read_bytes(path: Path, most: int = MOST_BYTES) -> bytes:
    """Content of a file of at most `most` bytes; InputError where there is none, or it is larger."""
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise InputError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from None
    if len(data) > most:
        raise InputError(f"{path}: larger than {most:,} bytes")
    return data


def read_text(path: Path, most: int = MOST_BYTES, what: str = "UTF-8 text") -> str:
    """Text of a UTF-8 file of at most `most` bytes, without its byte-order mark. Raises InputError."""
    try:
        return read_bytes(path, most).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not {what} (byte {error.start + 1:,} is no UTF-8)") from None


def _without_strings(text: str) -> str:
    """TOML with its strings emptied and its comments gone: what is left is structure. Linear in the text."""
    parts, at = [], 0
    while found := _MARK.search(text, at):
        start, mark = found.span()[0], found.group()
        parts.append(text[at:start])
        if mark == "#":
            end = text.find("\n", start)
            at = len(text) if end < 0 else end
            continue
        at = start + len(mark)
        while closed := (_END[mark]).search(text, at):
            at = closed.end()
            if not closed.group().startswith("\\"):
                break
        else:
            at = len(text)
        parts.append("S")
    return "".join([*parts, text[at:]])


_MARK = re.compile(r"\"\"\"|\'\'\'|[\"\'#]")
_END = {
    '"': re.compile(r'\\.|["\n]', re.DOTALL),
    "'": re.compile(r"['\n]"),
    '"""': re.compile(r'\\.|"""', re.DOTALL),
    "'''": re.compile(r"'''"),
}


def _check_structure(text: str, path: Path) -> None:
    """Refuse what would cost a TOML parser more than its size says: it works by every part of every dotted key."""
    bare = _without_strings(text)
    line, depth, names = 1, 0, 0
    for piece in re.split(r"([\n=\[\]{},])", bare):
        if piece == "\n":
            line, names = line + 1, names + 1
        elif piece and piece in "[{":
            depth += 1
        elif piece and piece in "]}":
            depth = max(depth - 1, 0)
        elif piece == ",":
            names += 1
        if depth > DEEPEST or piece.count(".") >= DEEPEST:
            raise InputError(f"{path}: not a TOML file of parameters (line {line}: nested more than {DEEPEST} deep)")
        names += piece.count(".")
    if names > MOST_NAMES:
        raise InputError(f"{path}: not a TOML file of parameters (more than {MOST_NAMES:,} names and values)")


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file; InputError where it is none, or is larger or deeper than a table of parameters can be."""
    text = read_text(path, what="a TOML file")
    _check_structure(text, path)
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also numbers of thousands of digits
        raise InputError(f"{path}: not a TOML file ({_one_line(error)})") from None


def toml_line(path: Path, section: str, name: str) -> int | None:
    """Line of a TOML file on which table `section` gives `name`, as such files are mostly written; None if unclear."""
    table, found = "", []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        words = line.partition("#")[0].strip()
        if words.startswith("["):
            table = words.strip("[] \t")
        elif re.sub(r"[\s\"']", "", words.partition("=")[0]) == (name if table == section else f"{section}.{name}"):
            found.append(number)
    return found[0] if len(found) == 1 else None


def read_json(data: bytes | str, most: int = MOST_BYTES) -> Any:
    """Value of a JSON text; ValueError where it is none, too large or too deep for one."""
    if len(data) > most:
        raise ValueError(f"larger than {most:,} bytes")
    try:
        return json.loads(data)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _one_line(error: BaseException) -> str:
    """Text of an exception in one short line that a terminal only prints."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(str(error).split()))[:120]


_written: ContextVar[list[Path] | None] = ContextVar("written", default=None)


@contextmanager
def written_files() -> Iterator[list[Path]]:
    """The files that are written through this module from here on, in order, some of them drafts that are gone."""
    found: list[Path] = []
    token = _written.set(found)
    try:
        yield found
    finally:
        _written.reset(token)


def _note(*paths: Path) -> None:
    if (found := _written.get()) is not None:
        found.extend(paths)


def sync_file(path: Path) -> None:
    """Wait until a file's content is on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


@contextmanager
def naming(path: Path, draft: Path | None = None) -> Iterator[None]:
    """An OSError that names no file, or one that is or lies in `draft`, names `path`: what was being written."""
    try:
        yield
    except OSError as error:
        found = error.filename
        if found is None:
            raise OSError(error.errno, error.strerror or str(error), str(path)) from error
        if draft is None or not isinstance(found, str | os.PathLike) or not Path(found).is_relative_to(draft):
            raise
        raise OSError(error.errno, error.strerror, str(path / Path(found).relative_to(draft))) from error


@contextmanager
def new_file(path: Path, durable: bool = False) -> Iterator[Path]:
    """A temporary name beside `path`; renamed to it at the end, removed if something fails.

    `durable`: it is on the disk before it is renamed, so that a loss of power leaves the old file or the new one whole.
    An OSError of the draft, or of no file in particular such as that of a full disk, names `path`.
    """
    with naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    sweep_once(path.parent.absolute())
    temporary = draft_path(path.parent, path.name, path.suffix)
    try:
        with naming(path, temporary):
            temporary.touch(0o644)
            yield temporary
            temporary.chmod(0o644)
            if durable:
                sync_file(temporary)
            temporary.replace(path)
        _note(path)
    finally:
        temporary.unlink(missing_ok=True)
        forget_draft(temporary)
