"""Files: written whole or not at all, and noted; TOML read with a message."""

import os
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from resonet.core.errors import InputError
from resonet.core.leftovers import draft_path, forget_draft, sweep_once

__all__ = ["new_file", "read_toml", "sync_file", "written_files"]


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file; InputError where it is none."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:  # also text that is no UTF-8, numbers of thousands of digits
        raise InputError(f"{path}: not a TOML file ({str(error)[:120]})") from None


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
def new_file(path: Path, durable: bool = False) -> Iterator[Path]:
    """A temporary name beside `path`; renamed to it at the end, removed if something fails.

    `durable`: it is on the disk before it is renamed, so that a loss of power leaves the old file or the new one whole.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep_once(path.parent.absolute())
    temporary = draft_path(path.parent, path.name, path.suffix)
    try:
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
