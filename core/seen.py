"""What is known of the content of a folder's files, so that what has not changed is not read again.

`seen.json` of a folder holds, for each file, the times of its last changes, its size and its inode as they were when
it was read, and the hashes that were made of it. A file of which all of these are the same is taken to be the same, but
for one that was changed in the very tick of the clock in which it was read: a later change may bear the same times. So
a file is noted only if the file system's own clock had gone on since its last change before it was read (git's rule for
racy entries). Times of change (ctime) cannot be set from outside as those of modification can, so a file with old times
that was copied in is seen, too.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from resonet.core.errors import InputError
from resonet.core.files import read_bytes, read_json
from resonet.core.leftovers import draft_path, forget_draft, untouched_now
from resonet.core.sources import file_hash

__all__ = ["SEEN", "Seen", "seen"]

SEEN = "seen.json"
MOST_BYTES = 50_000_000  # of seen.json
WORTH = 16_000_000  # bytes read: less takes no time, and touches nothing where nothing was noted before
Stamp = list[int]  # time of modification and of change in ns, size in bytes, inode


def _stamp(path: Path) -> Stamp:
    facts = path.stat()
    return [facts.st_mtime_ns, facts.st_ctime_ns, facts.st_size, facts.st_ino]


class Seen:
    """Hashes of the files of one folder, by name below it; `seen` opens one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: dict[str, tuple[Stamp, dict[str, str]]] = {}
        self._clock: int | None = None
        self._changed, self._read, self._kept = False, 0, (folder / SEEN).is_file()
        with suppress(InputError, ValueError, TypeError, AttributeError, OverflowError):
            table = read_json(read_bytes(folder / SEEN, MOST_BYTES), MOST_BYTES)
            self._known = {
                str(name): ([int(n) for n in stamp], {str(k): str(v) for k, v in made.items()})
                for name, (stamp, made) in table.items()
            }

    def of(self, path: Path, what: str, make: Callable[[], str], on: str = "") -> str:
        """`make()`, which depends on the content of a file of the folder alone, or what it gave for the same content.

        `on` is what it depends on beside that. Raises what `make` raises, and OSError where there is no such file.
        """
        name, stamp = path.relative_to(self.folder).as_posix(), _stamp(path)
        known, made = self._known.get(name, (None, {}))
        if known == stamp and what in made and made[what].startswith(f"{on} "):
            return made[what].removeprefix(f"{on} ")
        self._read += stamp[2]
        clock = self._now() if self._kept or self._read >= WORTH else None
        value = make()
        if clock is not None and max(stamp[:2]) < clock and _stamp(path) == stamp:
            entry = {what: f"{on} {value}"}
            self._known[name] = stamp, ({**made, **entry} if known == stamp else entry)
            self._changed = True
        return value

    def hash(self, path: Path) -> str:
        """SHA-256 of a file of the folder. Raises OSError."""
        return self.of(path, "sha256", lambda: file_hash(path))

    def _now(self) -> int | None:
        """What the file system's clock showed before anything was read; None where nothing can be written."""
        if self._clock is None and not untouched_now():
            draft = draft_path(self.folder, SEEN)
            with suppress(OSError):
                draft.touch()
                self._clock = max(_stamp(draft)[:2])
                draft.unlink()
            forget_draft(draft)
        return self._clock

    def store(self) -> None:
        """Write what was learned, if anything was; not where nothing can be written."""
        if not self._changed or untouched_now():
            return
        kept = {name: entry for name, entry in self._known.items() if (self.folder / name).is_file()}
        draft = draft_path(self.folder, SEEN)
        with suppress(OSError):
            draft.write_text(json.dumps(kept, separators=(",", ":")), encoding="utf-8")
            draft.replace(self.folder / SEEN)
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        forget_draft(draft)
        self._changed = False


@contextmanager
def seen(folder: Path) -> Iterator[Seen]:
    """What is known of a folder's files; what is learned is stored at the end."""
    table = Seen(Path(os.path.abspath(folder)))  # noqa: PTH100 - as its files are named
    try:
        yield table
    finally:
        table.store()
