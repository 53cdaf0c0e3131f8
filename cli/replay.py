"""A command that ran before on the same things prints again what it printed then; nothing heavy is imported for that.

What counts is content: the words of the command, every file and design folder that they name, the sources of this
version, the engine, Python and the libraries, the terminal. Records lie in `runs/` of the design folder, or in the
user's cache where the command has none; one is believed only while all files that it left are as it left them.
"""

import hashlib
import itertools
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from resonet.core.files import new_file
from resonet.core.sources import file_hash, source_hash

__all__ = [
    "COMMANDS",
    "STATUS",
    "Record",
    "changed_files",
    "dependencies",
    "find_record",
    "read_record",
    "runs_folder",
    "write_record",
]

COMMANDS = (
    *("compile", "crosstalk", "accuracy", "transient", "calibrate", "crossbar", "device", "quantise", "share", "plan"),
    *("layout", "sneak", "sparams", "sweep", "run", "levels", "demo", "status"),
)
PACKAGES = ("core", "models", "spice_lib", "netlist", "cosim", "sparams", "report", "cli", "examples")
LIBRARIES = ("numpy", "scipy", "matplotlib", "scikit-rf", "networkx", "onnx", "lmfit", "xarray", "rich", "PySpice")
DESIGN = ("design.toml", "model.onnx", "program.npz", "calibrated.npz")
STATUS = "status_"  # how the record of a status begins, which says nothing about the folder
OUTPUT = ("-o", "--out")
TERMINAL = ("COLUMNS", "TERM", "NO_COLOR", "FORCE_COLOR")
SHIPPED = ("examples/mnist/mnist.onnx", "examples/mnist/mnist_calibration.npz", "examples/mnist/mnist_test.npz")


@dataclass(frozen=True, slots=True)
class Record:
    """One run of a command."""

    arguments: list[str]
    place: str  # working folder
    depends_on: dict[str, str]  # hash by what it is of
    status: int
    out: str
    err: str
    files: dict[str, str]  # hash by path, of what it left
    seconds: float
    date: str


KINDS = {"arguments": list, "depends_on": dict, "files": dict, "status": int, "seconds": float, "out": str, "err": str}


def _inputs(arguments: Sequence[str], place: Path) -> Iterator[Path]:
    """Existing files and folders that the words name, results aside."""
    skip = False
    for word in arguments[1:]:
        if skip or word.startswith(tuple(f"{option}=" for option in OUTPUT)):
            skip = False
            continue
        skip = word in OUTPUT
        for part in {word, word.partition("=")[2]} - {""}:
            if len(part) < 1000 and "\0" not in part and os.path.exists(place / part):  # noqa: PTH110 - False on any error
                yield place / part


def _outputs(arguments: Sequence[str], place: Path) -> Iterator[Path]:
    """Folders that the command is told to write."""
    for option, value in itertools.pairwise(arguments):
        if option in OUTPUT:
            yield place / value


def _file_hashes(arguments: Sequence[str], place: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in _inputs(arguments, place):
        if path.is_file():
            files = [path, path.parent / "model.onnx"] if path.name == "design.toml" else [path]
        else:
            files = [path / name for name in DESIGN]
        found |= {str(file): file_hash(file) for file in files if file.is_file()}
    return found


def _whole_folder(folder: Path) -> dict[str, str]:
    """Hash of everything in a design folder, and of what the commands that were run there depended on."""
    files = {path for path in folder.rglob("*") if not (path.parent.name == "runs" and path.name.startswith(STATUS))}
    for path in (folder / "runs").glob("*.json"):
        if (record := read_record(path)) is not None:
            files |= {Path(name) for name in (*record.depends_on, *record.files) if os.path.isabs(name)}  # noqa: PTH117
    return {str(path): file_hash(path) for path in sorted(files) if path.is_file()}


def _engine() -> str:
    """The ngspice that would be run: where it is, how long, how old."""
    path = shutil.which(os.environ.get("RESONET_NGSPICE") or "ngspice")
    facts = os.stat(path) if path else None  # noqa: PTH116
    return f"{path} {facts.st_size} {facts.st_mtime_ns}" if facts else "none"


def _libraries() -> str:
    from importlib.metadata import PackageNotFoundError, version

    told = [sys.version]
    for name in LIBRARIES:
        try:
            told.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            told.append(f"{name} none")
    return "; ".join(told)


def _terminal() -> str:
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    return repr([width, sys.stdout.isatty(), sys.stderr.isatty(), *(os.environ.get(name) for name in TERMINAL)])


def dependencies(arguments: Sequence[str], place: Path) -> dict[str, str]:
    """What the outcome of a command run in the folder `place` depends on: a hash or a text by name."""
    found = {"code": source_hash(*PACKAGES), "engine": _engine(), "libraries": _libraries()}
    if arguments[0] == "demo":
        root = Path(__file__).parent.parent
        found |= {name: file_hash(root / name) for name in SHIPPED if (root / name).is_file()}
    if arguments[0] == "status":
        folders = [_whole_folder(path) for path in _inputs(arguments, place) if path.is_dir()]
        found["folder"] = hashlib.sha256(repr(folders).encode()).hexdigest()
    return found | _file_hashes(arguments, place)


def runs_folder(arguments: Sequence[str], place: Path) -> Path:
    """Where the records of a command lie: in its design folder, or in the user's cache."""
    for path in [*_inputs(arguments, place), *_outputs(arguments, place)]:
        if (path / "design.toml").is_file():
            return path / "runs"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "resonet" / "runs"


def _name(arguments: Sequence[str], place: Path) -> str:
    words = json.dumps([list(arguments), str(place), _terminal()])
    return f"{arguments[0]}_{hashlib.sha256(words.encode()).hexdigest()[:16]}.json"


def _harmless(*texts: str) -> bool:
    """Whether a terminal would only print and colour them: a folder may come from somebody else."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", "".join(texts))
    return all(c.isprintable() or c in "\n\t" for c in plain)


def _content(table: dict[str, Any]) -> str:
    """Hash of a record's own content: one that was damaged or edited by hand is not shown."""
    return hashlib.sha256(json.dumps(table, sort_keys=True).encode()).hexdigest()


def read_record(path: Path) -> Record | None:
    """A record; None where there is none that can be read and shown."""
    try:
        table: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if table.pop("content") != _content(table):
            return None
        found = Record(**table)
        sound = all(isinstance(getattr(found, name), kind) for name, kind in KINDS.items())
        words = [*found.arguments, *found.depends_on, *found.files, found.place, found.date]
        return found if sound and _harmless(found.out, found.err, *words) else None
    except (
        OSError,
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        RecursionError,
    ):  # cut off, damaged, of another version
        return None


def changed_files(record: Record) -> list[str]:
    """Files that are no longer as the run left them."""
    return [name for name, known in record.files.items() if not Path(name).is_file() or file_hash(Path(name)) != known]


def find_record(arguments: Sequence[str], place: Path) -> Record | None:
    """The record of this command, if nothing that it depended on and nothing that it left has changed."""
    found = read_record(runs_folder(arguments, place) / _name(arguments, place))
    if found is None or found.depends_on != dependencies(arguments, place) or changed_files(found):
        return None
    return found


def write_record(record: Record) -> None:
    """Store a record; where there is no room or no permission for it, nothing is stored."""
    folder = runs_folder(record.arguments, Path(record.place))
    try:
        table = asdict(record)
        with new_file(folder / _name(record.arguments, Path(record.place))) as draft:
            draft.write_text(json.dumps(table | {"content": _content(table)}, indent=1), encoding="utf-8")
    except OSError:
        return
    from resonet.netlist.design.tidy import bound_folder

    bound_folder(folder.parent, "runs")
