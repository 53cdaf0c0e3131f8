"""A command that ran before on the same things prints again what it printed then; nothing heavy is imported for that.

What counts is content: the words of the command, every file and design folder that they name, the sources of this
version, the engine's program, Python and the libraries, the terminal. Records lie in `runs/` of the design folder, or
in the user's cache where the command has none; one is believed only while it is whole (it carries a hash of itself) and
all files that it left are as it left them. Plug-in packages count with their sources too; where one brings an engine or
a command, which may ask anything of the machine, nothing is shown again.
"""

import hashlib
import itertools
import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from resonet.core.files import new_file, read_bytes, read_json
from resonet.core.plugins import plugged_code, plugged_groups
from resonet.core.seen import Seen
from resonet.core.sources import file_hash, source_hash

__all__ = [
    "ASIDE",
    "Record",
    "changed_files",
    "dependencies",
    "find_record",
    "read_record",
    "runs_folder",
    "write_record",
]

PACKAGES = ("core", "models", "spice_lib", "netlist", "cosim", "sparams", "report", "api", "cli", "examples")
LIBRARIES = ("numpy", "scipy", "matplotlib", "scikit-rf", "networkx", "onnx", "lmfit", "xarray", "rich", "PySpice")
CALIBRATION = ("calibrated.npz", "fitted.npz", "earlier.npz")
DESIGN = ("design.toml", "model.onnx", "program.npz", *CALIBRATION)
UNCALIBRATED = ("plan", "layout")  # commands that ask for no program, so that a calibration changes nothing in them
MOST_BYTES = 20_000_000  # of a record: what a command printed
ASIDE = " but its limits"  # behind design.toml: what of it numbers depend on
DEEPEST = 4  # levels of a file below its design folder
OUTPUT = ("-o", "--out")
UNKNOWN = frozenset({"resonet.commands", "resonet.engines"})  # groups of plug-ins that may run other programs
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
    answer: dict[str, Any] | None = None  # what it found, as --json prints it; None of a command that keeps nothing

    @property
    def own_hash(self) -> str:
        """Hash of all of it: a record that was cut, damaged or half merged is not believed."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


KINDS: dict[str, Any] = {"arguments": list, "depends_on": dict, "files": dict, "status": int, "seconds": float}
KINDS |= {"out": str, "err": str, "answer": dict | None}


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
    from resonet.netlist.network.onnx.external import data_files

    found: dict[str, str] = {}
    for path in _inputs(arguments, place):
        if path.is_file():
            files = [path, path.parent / "model.onnx"] if path.name == "design.toml" else [path]
        else:
            files = [path / name for name in DESIGN if arguments[0] not in UNCALIBRATED or name not in CALIBRATION]
        files += [file for model in files if model.suffix != ".npz" and model.is_file() for file in data_files(model)]
        found |= _hashes(file for file in files if file.is_file())
        designs = (file for file in files if file.name == "design.toml" and file.is_file())
        found |= {f"{file}{ASIDE}": _but_limits(file) for file in designs}
    return found


def _but_limits(file: Path) -> str:
    """Hash of a design's parameters without those that only judge: numbers hold whatever is asked of them."""
    from resonet.core.errors import InputError
    from resonet.core.files import read_toml
    from resonet.netlist.design.acceptance import JUDGING

    try:
        tables = {name: table for name, table in read_toml(file).items() if name not in JUDGING}
    except InputError:
        return "unreadable"
    return hashlib.sha256(json.dumps(tables, sort_keys=True, default=str).encode()).hexdigest()


def _design_folder(path: Path) -> Path | None:
    """The design folder that a file lies in."""
    return next((up for up in list(path.absolute().parents)[:DEEPEST] if (up / "design.toml").is_file()), None)


def _hashes(files: Iterable[Path]) -> dict[str, str]:
    """Hash of each file by its path; of a design folder nothing is read again that has not changed."""
    found, tables = dict[str, str](), dict[Path, Seen]()
    for file in files:
        folder = _design_folder(file)
        if folder is None:
            found[str(file)] = file_hash(file)
        else:
            table = tables.setdefault(folder, Seen(folder))
            found[str(file)] = table.hash(file.absolute())
    for table in tables.values():
        table.store()
    return found


def _engine() -> str:
    """The ngspice that would be run: hash of its program."""
    path = shutil.which(os.environ.get("RESONET_NGSPICE") or "ngspice")
    try:
        return file_hash(Path(path)) if path else "none"
    except OSError as error:
        return str(error.strerror)


def _libraries() -> str:
    from importlib.metadata import PackageNotFoundError, version

    told = [sys.version]
    for name in LIBRARIES:
        try:
            told.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            told.append(f"{name} none")
    return "; ".join(told)


def _asks_anything() -> bool:
    """Whether there is a plug-in whose answers depend on what nobody here can know of, such as another program."""
    return not UNKNOWN.isdisjoint(plugged_groups())


def _terminal() -> str:
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    return repr([width, sys.stdout.isatty(), sys.stderr.isatty(), *(os.environ.get(name) for name in TERMINAL)])


def dependencies(arguments: Sequence[str], place: Path) -> dict[str, str]:
    """What the outcome of a command run in the folder `place` depends on: a hash or a text by name."""
    found = {"code": source_hash(*PACKAGES), "engine": _engine(), "libraries": _libraries()}
    found |= {group: plugged_code(group) for group in plugged_groups()}
    if arguments[0] == "demo":
        root = Path(__file__).parent.parent
        found |= {name: file_hash(root / name) for name in SHIPPED if (root / name).is_file()}
    return found | _file_hashes(arguments, place)


def runs_folder(arguments: Sequence[str], place: Path) -> Path:
    """Where the records of a command lie: in its design folder, or in the user's cache."""
    for path in [*_inputs(arguments, place), *_outputs(arguments, place)]:
        if (path / "design.toml").is_file():
            return path / "runs"
    cache = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(cache):  # noqa: PTH117 - the XDG specification: a relative path is ignored
        cache = os.path.expanduser("~/.cache")  # noqa: PTH111 - no error without HOME
    return Path(cache) / "resonet" / "runs"


def _name(arguments: Sequence[str], place: Path) -> str:
    words = json.dumps([list(arguments), str(place), _terminal()])
    return f"{arguments[0]}_{hashlib.sha256(words.encode()).hexdigest()[:16]}.json"


def _harmless(*texts: str) -> bool:
    """Whether a terminal would only print and colour them: a folder may come from somebody else."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", "".join(texts))
    return all(c.isprintable() or c in "\n\t" for c in plain)


def read_record(path: Path) -> Record | None:
    """A record; None where there is none that can be read and shown."""
    try:
        table: dict[str, Any] = read_json(read_bytes(path, MOST_BYTES), MOST_BYTES)
        own_hash, found = table.pop("own_hash"), Record(**table)
        sound = all(isinstance(getattr(found, name), kind) for name, kind in KINDS.items())
        sound = sound and own_hash == found.own_hash
        words = [*found.arguments, *found.depends_on, *found.files, found.place, found.date]
        return found if sound and _harmless(found.out, found.err, *words) else None
    except (ValueError, TypeError, KeyError, AttributeError):  # cut off, damaged, of another version
        return None


def changed_files(record: Record) -> list[str]:
    """Files that are no longer as the run left them."""
    now = _hashes(path for path in map(Path, record.files) if path.is_file())
    return [name for name, known in record.files.items() if now.get(name) != known]


def find_record(arguments: Sequence[str], place: Path) -> Record | None:
    """The record of this command, if nothing that it depended on and nothing that it left has changed."""
    if not re.fullmatch("[a-z][a-z0-9_-]*", arguments[0]) or _asks_anything():
        return None
    found = read_record(runs_folder(arguments, place) / _name(arguments, place))
    if found is None or found.depends_on != dependencies(arguments, place) or changed_files(found):
        return None
    return found


def write_record(record: Record) -> None:
    """Store a record; not where there is no room or no permission for it, or a plug-in that may ask anything."""
    if _asks_anything():
        return
    folder = runs_folder(record.arguments, Path(record.place))
    try:
        with new_file(folder / _name(record.arguments, Path(record.place))) as draft:
            table = asdict(record) | {"own_hash": record.own_hash}
            draft.write_text(json.dumps(table, indent=1), encoding="utf-8")
    except OSError:
        return
    from resonet.netlist.design.tidy import bound_folder

    bound_folder(folder.parent, "runs")
