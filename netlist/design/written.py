"""What compile and the other commands wrote into `decks/`, and what of it is no longer as it was written.

`decks/written.sha256` has a line for each deck and library: hash, size, name; the last line of a name counts, and
one of zeros says that the file was taken away again.
"""

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from resonet.core.files import naming, new_file
from resonet.core.seen import Seen, seen
from resonet.core.validity import warn
from resonet.spice_lib.library import library_text

__all__ = [
    "WRITTEN",
    "edited_files",
    "ensure_library",
    "forget_written",
    "note_written",
    "warn_of_edits",
    "write_blocks",
]

WRITTEN = "written.sha256"
STREAM = 1 << 20  # bytes of a deck that are held back
GONE = 64 * "0"  # in the place of a hash
MEANING = "resonet runs decks and libraries of its own, so that the edit changes only what a bare ngspice -b gives"


def _note(decks: Path, lines: Iterable[tuple[str, int, Path]]) -> None:
    told = "".join(f"{digest} {size} {path.relative_to(decks).as_posix()}\n" for digest, size, path in lines)
    with naming(decks / WRITTEN), (decks / WRITTEN).open("ab", buffering=0) as file:
        file.write(told.encode())


def note_written(decks: Path, path: Path, digest: str) -> None:
    """Note a file that was just written into a folder of decks."""
    _note(decks, [(digest, path.stat().st_size, path)])


def forget_written(decks: Path, paths: Sequence[Path]) -> None:
    """Note that files were taken away again."""
    if paths:
        _note(decks, [(GONE, 0, path) for path in paths])


def write_blocks(path: Path, blocks: Iterable[str], decks: Path) -> None:
    """Write a deck of any size, blocks joined by line ends, into a folder below `decks`; whole or not at all."""
    digest, end = hashlib.sha256(), ""
    with new_file(path) as temporary, temporary.open("wb", buffering=STREAM) as file:
        for block in blocks:
            data = (end + block).encode()
            digest.update(data)
            file.write(data)
            end = "\n"
    note_written(decks, path, digest.hexdigest())


def ensure_library(decks: Path) -> None:
    """Write what is missing of the subcircuits in `decks/lib`."""
    lib = decks / "lib"
    lib.mkdir(parents=True, exist_ok=True)
    with os.scandir(lib) as entries:
        known = {entry.name for entry in entries if entry.stat().st_size}
    for name, text in library_text().items():
        if name not in known:
            with new_file(lib / name) as draft:
                draft.write_text(text, encoding="utf-8")
            note_written(decks, lib / name, hashlib.sha256(text.encode()).hexdigest())


def _written(decks: Path) -> dict[str, tuple[str, int]]:
    """Hash and size by name; nothing where a folder is of an older version."""
    try:
        lines = (decks / WRITTEN).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    found = {}
    for line in lines:
        digest, _, rest = line.partition(" ")
        size, _, name = rest.partition(" ")
        if len(digest) == 64 and len(size) < 20 and size.isdecimal() and name:
            found[name] = digest, int(size)
    return {name: known for name, known in found.items() if known[0] != GONE}


def _state(path: Path, known: tuple[str, int], table: Seen) -> str:
    """What became of a file: "missing", "edited", or nothing."""
    try:
        same = path.stat().st_size == known[1] and table.hash(path) == known[0]
    except FileNotFoundError:
        return "missing"
    return "" if same else "edited"


def edited_files(folder: Path, table: Seen | None = None) -> dict[str, str]:
    """Decks and libraries of a design folder that are not as they were written, by name: "edited" or "missing".

    What `table` knows is not read again.
    """
    if table is None:
        with seen(folder) as table:
            return edited_files(folder, table)
    decks, found = table.folder / "decks", {}
    for name, known in _written(decks).items():
        if (
            ".." not in Path(name).parts
            and not Path(name).is_absolute()
            and (state := _state(decks / name, known, table))
        ):
            found[f"decks/{name}"] = state
    return found


def warn_of_edits(folder: Path, table: Seen | None = None) -> None:
    """Give a warning of validity where decks or libraries of a design folder were edited, or are gone."""
    edits = edited_files(folder, table)
    if edits:
        name, state = next(iter(edits.items()))
        more = f" (and {len(edits) - 1} more)" if len(edits) > 1 else ""
        shown = "".join(c if c.isprintable() else "?" for c in name[:200])
        warn("edited-deck", f"{folder / shown} is {state}{more}: {MEANING}", len(edits), 0, "files")
