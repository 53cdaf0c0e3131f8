"""Which ngspice runs, what it is, and what it sees of the user's surroundings."""

import errno
import functools
import hashlib
import os
import re
import shutil
from pathlib import Path

from resonet.core.children import ChildTimeout, ended_by, run_child
from resonet.core.errors import EngineError
from resonet.core.leftovers import run_folder
from resonet.core.sources import file_hash

__all__ = [
    "INSTALL",
    "engine_environment",
    "engine_identity",
    "find_ngspice",
    "ngspice_missing",
    "ngspice_version",
    "why_not_started",
]

INSTALL = "install it with: apt-get install ngspice (Debian, Ubuntu), dnf install ngspice, brew install ngspice (macOS)"
# What would change results, or their form, without standing in the deck.
SILENT = ("NGSPICE_INPUT_DIR", "NGSPICE_MEAS_PRECISION", "SPICE_ASCIIRAWFILE", "SPICE_PATH", "LC_NUMERIC", "LANG")
INSTALLED = ("SPICE_LIB_DIR", "SPICE_SCRIPTS", "SPICE_EXEC_DIR")  # where an installation keeps its own files
MOST_SCRIPT = 1 << 16  # bytes
DEPTH = 3  # scripts that call one another
UNUSABLE = (
    errno.ENOENT,
    errno.EACCES,
    errno.EPERM,
    errno.ENOEXEC,
    errno.ENOTDIR,
    errno.ELOOP,
)  # the program is at fault


def find_ngspice() -> str:
    """Path of the ngspice program: $RESONET_NGSPICE, or the first on PATH. EngineError says how to install it."""
    program = os.environ.get("RESONET_NGSPICE") or "ngspice"
    found = shutil.which(program)
    if not found:
        raise EngineError(f"no program {program!r} here; {INSTALL}")
    return str(Path(found).absolute())


def ngspice_missing() -> str:
    """Why there is no ngspice to ask, empty where there is one; a $RESONET_NGSPICE that is none is an EngineError."""
    if os.environ.get("RESONET_NGSPICE") or shutil.which("ngspice"):
        find_ngspice()
        return ""
    return f"no program 'ngspice' here; {INSTALL}"


def why_not_started(error: OSError | ChildTimeout) -> str:
    """Why a program did not start or answer; how to install it only where the program is at fault, not the system."""
    if not isinstance(error, OSError):
        return f"({error})"
    told = error.strerror or str(error)
    return f"({told}); {INSTALL}" if error.errno in UNUSABLE else f"({told})"


def engine_environment(home: Path) -> dict[str, str]:
    """Environment of an engine: a home of its own (ngspice 39 dies without one), numbers with a point."""
    kept = {name: value for name, value in os.environ.items() if name not in SILENT}
    return kept | {"HOME": str(home), "LC_ALL": "C"}


def _stat(path: str) -> tuple[int, ...]:
    facts = os.stat(path)  # noqa: PTH116 - also of what is no file
    return facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns


def ngspice_version(program: str) -> str:
    """Version that the program tells, such as "39"; asked again only if the program has changed. Raises EngineError."""
    try:
        return _version(program, _stat(program))
    except OSError as error:
        raise EngineError(f"{program} does not tell an ngspice version {why_not_started(error)}") from None


@functools.cache
def _version(program: str, stat: tuple[int, ...]) -> str:
    try:
        with run_folder("version") as folder:
            done = run_child([program, "--version"], folder, engine_environment(folder), 60)
    except (OSError, ChildTimeout) as error:
        raise EngineError(f"{program} does not tell an ngspice version {why_not_started(error)}") from None
    if done.status < 0:
        raise EngineError(f"{program} does not tell an ngspice version: {ended_by(done.status)}")
    told = (done.out + done.err).decode("utf-8", "replace")
    found = re.search(r"ngspice-([\w.+]+)", told)
    if not found:
        raise EngineError(f"{program} does not tell an ngspice version; {INSTALL}", told)
    return found.group(1)


@functools.cache
def _hash(path: str, stat: tuple[int, ...]) -> str:
    return file_hash(Path(path))


def _called(path: str) -> list[str]:
    """Programs and files that a script names; empty for what is no script."""
    with open(path, "rb") as file:  # noqa: PTH123
        text = file.read(MOST_SCRIPT)
    if not text.startswith(b"#!"):
        return []
    words = dict.fromkeys(re.findall(r"""[^\s"'`$;|&()<>={}]+""", text.decode("utf-8", "replace")[2:]))
    known = {word for word in words if "/" in word and os.path.isfile(word)}  # noqa: PTH113 - False on any error
    known |= {found for word in words if "/" not in word and "spice" in word and (found := shutil.which(word))}
    return sorted(os.path.realpath(word) for word in known)


def _contents(path: str, depth: int) -> list[str]:
    found = [_hash(path, _stat(path))]
    for called in _called(path) if depth else ():
        found += _contents(called, depth - 1)
    return found


def engine_identity() -> str:
    """What results of ngspice are keyed by: its version, and a hash of the contents of what is executed.

    That is the program, and where it is a script the files that it names, in turn; what decides where an installation
    finds its own files counts too. Read again only if a file has changed. Raises EngineError.
    """
    program = find_ngspice()
    version = ngspice_version(program)
    try:
        contents = _contents(os.path.realpath(program), DEPTH)
    except OSError as error:
        raise EngineError(f"{program}: cannot be read {why_not_started(error)}") from None
    told = [*contents, *(f"{name}={os.environ.get(name)}" for name in INSTALLED)]
    return f"ngspice-{version} {hashlib.sha256(repr(told).encode()).hexdigest()[:32]}"
