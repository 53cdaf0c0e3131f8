"""Drafts: files and folders that are renamed or removed before their process ends, and what is left where it could not.

A draft's name carries machine, process and the start of the process, so that whoever comes next can tell what a kill
left behind from what somebody still works on. Those of another machine, or from before it was started anew, count as
left behind after a week.
"""

import contextlib
import functools
import hashlib
import os
import re
import secrets
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

__all__ = [
    "draft_path",
    "forget_draft",
    "left_behind",
    "remove_drafts",
    "run_folder",
    "sweep",
    "sweep_design",
    "sweep_once",
    "untouched",
    "untouched_now",
]

MARK = re.compile(r"-resonet-([0-9a-f]{8})-(\d{1,10})-(\d{1,20})-[0-9a-f]{8}")
OLD = "-old"  # how the mark of a design folder begins that is being replaced: it goes back if the new one never came
FOREIGN = 7 * 86_400  # s
PROC = Path("/proc")

_drafts: set[Path] = set()
_untouched: ContextVar[bool] = ContextVar("untouched", default=False)


@contextmanager
def untouched() -> Iterator[None]:
    """Design folders are only looked at meanwhile: nothing is swept, and nothing that was learned is noted in them."""
    token = _untouched.set(True)
    try:
        yield
    finally:
        _untouched.reset(token)


def untouched_now() -> bool:
    """Whether design folders are only looked at, in this context."""
    return _untouched.get()


def _start(process: int) -> int | None:
    """When a process was started, in a unit of the system; 0 where only its existence is known, None if it is gone."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        facts = (PROC / str(process) / "stat").read_bytes().rpartition(b") ")[2].split()
        return None if facts[0] in (b"Z", b"X") else int(facts[19])  # dead, though nobody has waited for it
    if PROC.joinpath("self", "stat").exists():
        return None
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return None
    except OSError:
        pass
    return 0


@functools.cache
def _machine() -> str:
    """Eight digits for this machine since it was started, as processes on it see it."""
    told = [os.uname().nodename]
    with contextlib.suppress(OSError):
        told.append((PROC / "sys/kernel/random/boot_id").read_text())
    with contextlib.suppress(OSError):
        told.append(str((PROC / "self/ns/pid").readlink()))
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:8]


def draft_path(folder: Path, name: str, suffix: str = "") -> Path:
    """A new path in `folder` for a draft of `name`, which counts as this process's own until `forget_draft`."""
    mark = f"{_machine()}-{os.getpid()}-{_start(os.getpid()) or 0}-{secrets.token_hex(4)}"
    path = folder / f".{name.lstrip('.')[:40]}-resonet-{mark}{suffix}"
    _drafts.add(path)
    return path


def forget_draft(path: Path) -> None:
    """The draft was renamed or removed."""
    _drafts.discard(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def remove_drafts() -> None:
    """Remove every draft of this process: it is about to end at once."""
    for _ in range(3):  # threads may still write into them
        for path in list(_drafts):
            if not _put_back(path):
                _remove(path)
            if not os.path.lexists(path):
                _drafts.discard(path)
        if not _drafts:
            return
        time.sleep(0.02)


@contextmanager
def run_folder(name: str) -> Iterator[Path]:
    """A folder of one's own among the system's temporary files, removed at the end."""
    place = Path(tempfile.gettempdir())
    sweep_once(place)
    path = draft_path(place, f"run-{name}")
    try:
        path.mkdir(mode=0o700)
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        forget_draft(path)


def _left_behind(path: Path) -> bool:
    """Whether a path is a draft whose process is gone."""
    found = MARK.search(path.name)
    if not found or not path.name.startswith("."):
        return False
    machine, process, start = found.groups()
    if machine == _machine():
        return _start(int(process)) != int(start)
    return time.time() - path.lstat().st_mtime > FOREIGN


def _put_back(path: Path) -> bool:
    """Whether the design in a draft went back to its place, because the one that was to replace it is not there."""
    if f"{OLD}-resonet-" not in path.name:
        return False
    with contextlib.suppress(OSError, ValueError):
        (design,) = path.iterdir()
        place = path.parent / design.name
        if not os.path.lexists(place):
            design.rename(place)
            path.rmdir()
            return True
    return False


def _end_engines(folder: Path) -> None:
    """End what still runs in a folder that was left behind."""
    for process in PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):
            if (process / "cwd").readlink() == folder:
                os.kill(int(process.name), signal.SIGKILL)


def left_behind(folder: Path) -> list[Path]:
    """What killed processes left in a folder (not in those below it)."""
    try:
        with os.scandir(folder) as entries:
            marked = [folder / entry.name for entry in entries if MARK.search(entry.name)]
    except OSError:
        return []
    found = []
    for path in marked:
        with contextlib.suppress(OSError):  # swept by somebody else meanwhile
            if path.lstat().st_uid == os.getuid() and _left_behind(path):
                found.append(path)
    return found


def sweep(folder: Path) -> list[Path]:
    """Remove what killed processes left in a folder; the paths. Never what a live one uses."""
    found = left_behind(folder)
    for path in found:
        if not _put_back(path):
            if path.name.startswith(".run-"):
                _end_engines(path)
            _remove(path)
    return found


@functools.cache
def sweep_once(folder: Path) -> None:
    """`sweep`, once in a process for each folder."""
    sweep(folder)


def sweep_design(folder: Path) -> None:
    """Sweep a design folder, what is beside it, and the run folders of engines; each once in a process."""
    if untouched_now():
        return
    folder = folder.absolute()
    inner = [folder / name for name in ("", "results", "runs", "report", "decks")]
    for place in (Path(tempfile.gettempdir()), folder.parent, *inner, *folder.glob("decks/*/")):
        sweep_once(place)
