"""A design folder in the place of an earlier one: what would be lost, what goes on to hold, and the exchange."""

import contextlib
import os
import shutil
import zipfile
from pathlib import Path

from resonet.core.errors import InputError
from resonet.core.files import read_toml
from resonet.core.leftovers import draft_path, forget_draft
from resonet.core.npz import read_array
from resonet.core.seen import SEEN
from resonet.core.sources import file_hash
from resonet.netlist.design.earlier import EARLIER
from resonet.netlist.design.fitted_file import FITTED
from resonet.netlist.design.written import WRITTEN, edited_files

__all__ = ["BEFORE", "CALIBRATED", "carry_over", "exchange", "refuse_loss"]

CALIBRATED = "calibrated.npz"
OURS = (
    "design.toml",
    "model.onnx",
    "program.npz",
    "graph.graphml",
    "decks",
    "report",
    CALIBRATED,
    FITTED,
    EARLIER,
    SEEN,
)
BEFORE = "earlier"  # folder in report/ for what the design before showed
PARTS = ("model", "device", "bus", "plan")


def _fits(folder: Path, fingerprint: str) -> bool:
    """Whether a calibrated program is of those parameters."""
    try:
        with zipfile.ZipFile(folder / CALIBRATED) as file:
            return str(read_array(file, "fingerprint", 1)) == fingerprint
    except Exception:  # damaged, in whatever way its reader says so
        return False


def _same(folder: Path, draft: Path) -> bool:
    """Whether two folders hold the same design."""
    return all(
        (folder / name).is_file() and file_hash(folder / name) == file_hash(draft / name)
        for name in ("design.toml", "model.onnx")
    )


def _count(folder: Path) -> int:
    return sum(path.is_file() for path in folder.rglob("*"))


def _changes(folder: Path, draft: Path) -> list[str]:
    """Parameters that differ, by name."""
    try:
        old = read_toml(folder / "design.toml")
    except InputError:
        return []
    new, found = read_toml(draft / "design.toml"), []
    for part in [*PARTS, *(name for name in new if name not in (*PARTS, "derived"))]:
        before, after = old.get(part, {}), new.get(part, {})
        if isinstance(before, dict) and isinstance(after, dict):
            found += [f"{part}.{name}" for name in {**before, **after} if before.get(name) != after.get(name)]
    return ["".join(c if c.isprintable() else "?" for c in name[:60]) for name in found]


def refuse_loss(folder: Path, draft: Path, fingerprint: str) -> None:
    """InputError that says what would be lost if the design in `draft` took the place of that in `folder`."""
    same = _same(folder, draft)
    lost = []
    if (folder / CALIBRATED).is_file() and not _fits(folder, fingerprint):
        lost.append("the calibrated program")
    if not same and (folder / FITTED).is_file():
        lost.append("the fitted program")
    if not same and (reports := _count(folder / "report")):
        lost.append(f"report/ ({reports} files)")
    edits = [name for name, state in edited_files(folder).items() if state == "edited"]
    lost += [f"edits of {edits[0]}" + (f" and {len(edits) - 1} more" if len(edits) > 1 else "")] if edits else []
    if same and not lost:
        return
    changes = _changes(folder, draft)
    other = f"another design is there (other {', '.join(changes[:3])}{', ...' if len(changes) > 3 else ''})"
    told = f"lost would be {', '.join(lost)}" if lost else "its parameters and decks would be lost"
    raise InputError(
        f"{folder}: {'edited' if same else other if changes else 'another design is there'}; {told}; "
        "possible: another folder, or --force"
    )


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def carry_over(folder: Path, draft: Path, fingerprint: str) -> None:
    """Take into `draft` what goes on to hold of the design in `folder`, which stays as it is.

    Results and runs, which are used only where their hashes say so; the calibrated program, if it is of the same
    parameters; figures of another design, in report/earlier; and what is none of ours.
    """
    kept = [path for path in folder.iterdir() if path.name not in OURS]
    if _same(folder, draft):
        kept += [folder / "report", folder / FITTED]
    elif (folder / "report").is_dir():
        ignore = shutil.ignore_patterns(BEFORE)
        shutil.copytree(folder / "report", draft / "report" / BEFORE, symlinks=True, ignore=ignore, copy_function=_link)
    if _fits(folder, fingerprint):
        kept += [folder / CALIBRATED, folder / "decks" / "calibrated"]
        (draft / EARLIER).unlink(missing_ok=True)
    for path in kept:
        target = draft / path.relative_to(folder)
        if path.is_symlink() or path.is_file():
            shutil.copy2(path, target, follow_symlinks=False)
        elif path.is_dir() and not target.exists():
            shutil.copytree(path, target, symlinks=True, copy_function=_link)
    if (draft / "decks" / "calibrated").is_dir():
        with contextlib.suppress(OSError), (draft / "decks" / WRITTEN).open("ab") as file:
            lines = (folder / "decks" / WRITTEN).read_bytes().splitlines(keepends=True)
            file.writelines(line for line in lines if b" calibrated/" in line)


def exchange(draft: Path, folder: Path) -> None:
    """Put `draft` into the place of `folder`; killed in between, the old one goes back (core/leftovers.py)."""
    old = draft_path(folder.parent, f"{folder.name}-old")
    old.mkdir()
    try:
        folder.replace(old / folder.name)
        try:
            draft.replace(folder)
        except BaseException:
            (old / folder.name).replace(folder)
            raise
    finally:
        shutil.rmtree(old, ignore_errors=True)
        forget_draft(old)
