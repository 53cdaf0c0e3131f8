"""Journal of a sweep: a line as each point begins and ends, so that a run that was killed goes on where it was.

The first line says what is computed. A line that was cut off in the middle is dropped; a number comes back bit by bit.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from resonet.core.errors import InputError
from resonet.core.files import read_bytes, read_json
from resonet.core.validity import warn
from resonet.cosim.sweep.points import Outcome

__all__ = ["Journal", "open_journal", "read_journal", "sealed_line"]


MOST_BYTES = 100_000_000  # 100,000 points of a kilobyte
KINDS = {"values": dict | None, "error": str, "final": bool, "seconds": int | float, "process": str}  # of an outcome


class Journal:
    """Outcomes by point number, and the file that they are written to as they come."""

    def __init__(self, file: TextIO, outcomes: dict[int, Outcome]) -> None:
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
        self._write(end=point, **asdict(outcome))
        self.outcomes[point] = outcome


def _seal(table: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(table, sort_keys=True).encode()).hexdigest()[:16]


def sealed_line(table: dict[str, Any]) -> str:
    """A line of a journal, with a hash of itself."""
    return json.dumps(table | {"seal": _seal(table)}) + "\n"


def _lines(path: Path) -> list[dict[str, Any]]:
    """Whole lines of a journal that are as they were written; a warning of validity where some are not."""
    found, broken = [], 0
    content = read_bytes(path, MOST_BYTES)
    for line in content[: content.rfind(b"\n") + 1].split(b"\n"):  # what a kill cut off is no line
        try:
            table = read_json(line)
            if table.pop("seal") != _seal(table):
                raise ValueError("edited")
            found.append(table)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            broken += bool(line)
    if broken:
        text = f"{path}: {broken} damaged or edited lines are not used: their points are computed anew"
        warn("damaged-result", text, broken, 0, "lines")
    return found


def read_journal(path: Path) -> tuple[dict[str, Any], dict[int, Outcome]]:
    """What a sweep computes, and the outcomes so far that are final; InputError for what is no journal."""
    try:
        head, *lines = _lines(path)
        outcomes = {}
        for line in lines:
            if "end" in line:
                outcome = Outcome(**{name: line[name] for name in Outcome.__dataclass_fields__})
                if type(line["end"]) is not int or not all(
                    isinstance(getattr(outcome, n), k) for n, k in KINDS.items()
                ):
                    raise ValueError("values of other types")
                outcomes[line["end"]] = outcome
        texts = [outcome.error + outcome.process for outcome in outcomes.values()] + [json.dumps(head)]
        if not all(text.isprintable() for text in texts):
            raise ValueError("control characters")
        return head["sweep"], {point: outcome for point, outcome in outcomes.items() if outcome.final}
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: no journal of a sweep ({error!r:.80}); possible: delete it") from None


def _mend(path: Path) -> None:
    """Take off the last line if a kill cut it short."""
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        os.truncate(path, whole)


@contextmanager
def open_journal(path: Path, sweep: dict[str, Any]) -> Iterator[Journal]:
    """The journal of a sweep, for one process at a time: another one waits. Raises InputError."""
    from filelock import FileLock

    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        outcomes: dict[int, Outcome] = {}
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
