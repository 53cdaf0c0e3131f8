"""What a design folder may lose without harm: records and results that are too many, and what killed commands left."""

import os
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from resonet.core.leftovers import left_behind, sweep

__all__ = ["STUDIES", "Removed", "bound_folder", "clean_design", "too_many"]

FRESH = 3600.0  # s: what is younger is never removed for its number or size


@dataclass(frozen=True, slots=True)
class Bound:
    """How much a folder keeps."""

    files: int
    size: int  # bytes


RUNS, RESULTS = Bound(500, 64 << 20), Bound(2000, 4 << 30)
STUDIES = ("sweep", "montecarlo", "faults", "drift", "sensitivity", "tolerances")
# How the names of their files begin: each has its own key, and may have taken hours.
RESULT_FILES = (*(f"{name}_*.{kind}" for name in STUDIES for kind in ("nc", "jsonl", "csv")), "effective_*.nc")
KINDS = {"runs": (("*.json",), RUNS), "results": (RESULT_FILES, RESULTS)}


@dataclass(frozen=True, slots=True)
class Removed:
    """A file or folder that is or would be removed, and why."""

    path: Path
    size: int
    why: str


def too_many(paths: Iterable[Path], bound: Bound, fresh: float = FRESH) -> list[Path]:
    """The oldest of some files that a bound has no room for, but none that is younger than `fresh` s."""
    known = []
    for path in paths:
        try:
            facts = path.lstat()
        except OSError:  # removed meanwhile
            continue
        known.append((facts.st_mtime, facts.st_size, path))
    known.sort(key=lambda one: one[0], reverse=True)
    size, out, now = 0, [], time.time()
    for number, (written, own, path) in enumerate(known):
        size += own
        if (number >= bound.files or size > bound.size) and now - written > fresh:
            out.append(path)
    return out


def _over(folder: Path, name: str) -> list[Path]:
    patterns, bound = KINDS[name]
    return too_many((path for pattern in patterns for path in (folder / name).glob(pattern)), bound)


def bound_folder(folder: Path, name: str) -> None:
    """Keep `runs` or `results` of a design folder within its bound."""
    for path in _over(folder, name):
        path.unlink(missing_ok=True)


def _size(path: Path) -> int:
    if path.is_symlink() or not path.is_dir():
        return path.lstat().st_size
    return sum(one.lstat().st_size for one in path.rglob("*") if not one.is_dir())


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def clean_design(folder: Path, stale: Callable[[Path], str], everything: bool, dry: bool) -> list[Removed]:
    """Remove from a design folder what killed commands left, what is stale, and what is over the bounds.

    stale: why a result or record is of no use any more, empty where it is; `everything`: all results and records;
    `dry`: only say so. Raises OSError.
    """
    places = [folder.absolute().parent, *(path for path in (folder, *folder.rglob("*")) if path.is_dir())]
    left = [path for place in places for path in left_behind(place)]
    found = [Removed(path, _size(path), "left by a killed command") for path in left]
    for place in () if dry else places:
        sweep(place)
    for name, (patterns, _) in KINDS.items():
        over = set(_over(folder, name))
        for path in sorted({path for pattern in patterns for path in (folder / name).glob(pattern)}):
            why = "all of them" if everything else stale(path) or ("over the bound" if path in over else "")
            if why:
                found.append(Removed(path, _size(path), why))
    for one in found:
        if not dry and os.path.lexists(one.path):
            _remove(one.path)
    return found
