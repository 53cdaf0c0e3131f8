"""Journal of a sweep: a line as each point begins and ends, so that a run that was killed goes on where it was.

The first line says what is computed. A line that was cut off in the middle is dropped; a number comes back bit by bit.
Each line ends with a hash of itself, as it stands there, so that a million of them are read in a minute.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from resonet.core.errors import InputError
from resonet.core.files import read_json
from resonet.core.validity import warn
from resonet.cosim.sweep.outcomes import Outcomes
from resonet.cosim.sweep.points import Outcome

__all__ = ["Journal", "JournalTail", "open_journal", "read_journal", "sealed_line"]


MOST_LINE = 32_000_000  # bytes: the first line names the values of every axis
MOST_POINT = 10**9  # number of a point
SEAL = b', "seal": "'  # before the hash of what stands before it
KINDS = {"values": dict | None, "error": str, "final": bool, "seconds": int | float, "process": str}  # of an outcome


class Journal:
    """Outcomes by point number, and the file that they are written to as they come."""

    def __init__(self, file: TextIO, outcomes: Outcomes) -> None:
        self.outcomes = outcomes
        self._file = file

    def _write(self, **line: Any) -> None:
        self._file.write(sealed_line(line | {"time": datetime.now().isoformat()}))
        self._file.flush()

    def begin(self, point: int) -> None:
        """A point is handed out."""
        self._write(start=point)

    def end(self, point: int, outcome: Outcome) -> None:
        """A point is done."""
        names = Outcome.__dataclass_fields__
        self._write(end=point, **{name: getattr(outcome, name) for name in names})
        self.outcomes[point] = outcome


def _hash(text: bytes) -> bytes:
    return hashlib.sha256(text).hexdigest()[:16].encode()


def sealed_line(table: dict[str, Any]) -> str:
    """A line of a journal, with a hash of what stands before it."""
    text = json.dumps(table).encode()[:-1]
    return (text + SEAL + _hash(text)).decode() + '"}\n'


def _table(line: bytes) -> dict[str, Any]:
    """What a whole line holds; ValueError for one that is not as it was written."""
    text, mark, rest = line.rpartition(SEAL)
    if not mark or rest != _hash(text) + b'"}\n':
        raise ValueError("edited")
    table = read_json(text + b"}", MOST_LINE)
    if not isinstance(table, dict):
        raise ValueError("no table")
    return table


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """Whole lines of a journal that are as they were written; a warning of validity where some are not."""
    broken = 0
    try:
        with path.open("rb") as file:
            while line := file.readline(MOST_LINE):
                try:
                    table = _table(line)
                except ValueError:
                    broken += line.endswith(b"\n") and line != b"\n"  # what a kill cut off is no line
                    continue
                yield table
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    if broken:
        text = f"{path}: {broken} damaged or edited lines are not used: their points are computed anew"
        warn("damaged-result", text, broken, 0, "lines")


def _outcome(line: dict[str, Any]) -> tuple[int, Outcome]:
    """Point and outcome of the line of one that is done. Raises KeyError, ValueError for what is none."""
    outcome = Outcome(**{name: line[name] for name in Outcome.__dataclass_fields__})
    if type(line["end"]) is not int or not all(isinstance(getattr(outcome, n), k) for n, k in KINDS.items()):
        raise ValueError("values of other types")
    if not (outcome.error + outcome.process).isprintable():
        raise ValueError("control characters")
    return line["end"], outcome


def _head(line: dict[str, Any]) -> dict[str, Any]:
    """What a study computes, of the first line of its journal. Raises KeyError, ValueError for what is none."""
    head = line["sweep"]
    if not isinstance(head, dict) or not json.dumps(head).isprintable():
        raise ValueError("control characters")
    return head


def read_journal(path: Path) -> tuple[dict[str, Any], Outcomes]:
    """What a sweep computes, and the outcomes so far that are final; InputError for what is no journal."""
    outcomes = Outcomes()
    try:
        lines = _lines(path)
        head = _head(next(lines, {}))
        for line in lines:
            if "end" in line:
                point, outcome = _outcome(line)
                outcomes[point] = outcome
                if not outcome.final:
                    del outcomes[point]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: no journal of a sweep ({error!r:.80}); possible: delete it") from None
    return head, outcomes


class JournalTail:
    """A journal that somebody else writes, as it grows: only what came since the last `read` is read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._begin()

    def _begin(self) -> None:
        self.head: dict[str, Any] | None = None  # what is computed; None as long as its first line is not there
        self.outcomes = Outcomes()  # that are final
        self.begun: set[int] = set()  # points that were handed out and have no final outcome
        self.broken = 0  # damaged lines
        self._at, self._file = 0, -1

    def read(self, most: int = 1_000_000) -> bool:
        """Take up the whole lines that came, some `most` bytes of them at once; whether there were any.

        A file in the place of the one before is read from its beginning. Raises InputError for what is no journal, and
        OSError.
        """
        with self.path.open("rb") as file:
            facts = os.fstat(file.fileno())
            if facts.st_ino != self._file or facts.st_size < self._at:
                self._begin()
                self._file = facts.st_ino
            if facts.st_size == self._at:
                return False
            file.seek(self._at)
            found = file.read(most)
            if b"\n" not in found:
                found += file.read(max(MOST_LINE - most, 0))
        whole = found.rfind(b"\n") + 1
        if not whole and len(found) >= MOST_LINE:
            raise InputError(
                f"{self.path}: no journal of a sweep (a line of {len(found):,} bytes); possible: delete it"
            )
        self._at += whole
        for line in found[:whole].splitlines(keepends=True):
            self._take(line)
        return whole > 0

    def _take(self, line: bytes) -> None:
        try:
            table = _table(line)
            if self.head is None:
                self.head = _head(table)
            elif "end" in table:
                point, outcome = _outcome(table)
                if not 0 <= point < MOST_POINT:
                    raise ValueError("no point")
                self.begun.discard(point)
                self.outcomes[point] = outcome
                if not outcome.final:
                    del self.outcomes[point]
            elif type(table.get("start")) is int:
                self.begun.add(table["start"])
        except (ValueError, KeyError, TypeError) as error:
            if self.head is None:
                raise InputError(f"{self.path}: no journal of a sweep ({error!r:.80}); possible: delete it") from None
            self.broken += line != b"\n"


def _mend(path: Path) -> None:
    """Take off the last line if a kill cut it short."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(size - MOST_LINE, 0))
        tail = file.read()
    whole = tail.rfind(b"\n") + 1
    if whole < len(tail):
        os.truncate(path, size - len(tail) + whole)


@contextmanager
def open_journal(path: Path, sweep: dict[str, Any]) -> Iterator[Journal]:
    """The journal of a sweep, for one process at a time: another one waits. Raises InputError."""
    from filelock import FileLock

    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        outcomes = Outcomes()
        if path.is_file():
            _mend(path)
            try:
                outcomes = read_journal(path)[1]
            except InputError:  # killed before its first line was whole
                path.unlink()
        with path.open("a", encoding="utf-8") as file:
            if not file.tell():
                file.write(sealed_line({"sweep": sweep}))
                file.flush()
            yield Journal(file, outcomes)
