"""One command line: what ran before on the same things is shown again (api/replay.py), the rest is run and recorded."""

import io
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from resonet.api.replay import Record, dependencies, find_record, write_record
from resonet.core.sources import file_hash

__all__ = ["known_or_run"]

COMMON = ("-q", "--quiet", "-v", "--verbose", "--strict")


class _Copy(io.TextIOBase):
    """A stream that goes on to another one, and is kept."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.kept = io.StringIO()

    def write(self, text: str) -> int:
        """Write, and keep."""
        self.kept.write(text)
        return self.stream.write(text)

    def flush(self) -> None:
        """Flush the stream beneath."""
        self.stream.flush()

    def isatty(self) -> bool:
        """Whether the stream beneath is a terminal."""
        return self.stream.isatty()

    def fileno(self) -> int:
        """Descriptor of the stream beneath."""
        return self.stream.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Encoding of the stream beneath."""
        return self.stream.encoding


def _show(record: Record) -> int:
    """Print a record; the status with which its run ended."""
    sys.stdout.write(record.out)
    sys.stdout.flush()
    sys.stderr.write(record.err)
    if sys.stderr.isatty():
        sys.stderr.write(f"as on {record.date} in {record.seconds:.1f} s: nothing that it depends on has changed\n")
    return record.status


def _ended(error: SystemExit) -> int | None:
    """Status of a run that came to its end; None for one that broke off: what broke it may be gone the next time."""
    import typer

    status = error.code or 0
    if not isinstance(status, int) or status > 1:
        return None
    return status if status == 0 or isinstance(error.__context__, typer.Exit) else None


def _repeats(arguments: list[str], before: dict[str, str], after: dict[str, str]) -> bool:
    """Whether the command would do the same again: it found the files that it leaves, but for those it makes itself."""
    if arguments[0] != "calibrate":
        return before == after
    words = " ".join(arguments).replace("=", " ").split()
    moved = {name for name in after if before.get(name) != after[name]}
    return "calibrated" not in words and all(Path(name).name in ("calibrated.npz", "fitted.npz") for name in moved)


def _is_stored(name: str) -> bool:
    """Whether the outcome of a command may be shown again."""
    from resonet.cli.registry import find_command

    command = find_command(name)
    return command is not None and command.stored


def _run(arguments: list[str], seldom: float) -> None:
    """Run a command, and store what came of it. Raises SystemExit."""
    from resonet.cli import main
    from resonet.cli.show import answers
    from resonet.core.files import written_files
    from resonet.netlist.design.written import WRITTEN

    if not _is_stored(arguments[0]):
        main.main()
    place = Path.cwd()
    before, begin = dependencies(arguments, place), time.perf_counter()
    out, err = _Copy(sys.stdout), _Copy(sys.stderr)
    told: list[dict[str, Any]] = []
    answers.set(told)
    try:
        with redirect_stdout(out), redirect_stderr(err), written_files() as written:
            main.main()
    except SystemExit as error:
        status = _ended(error)
        after, seconds = dependencies(arguments, place), time.perf_counter() - begin
        whole = "[not-written]" not in err.kept.getvalue()  # what it could not write then, it may write now
        worth = seconds > seldom or bool(told)  # what it found is wanted by `report`, however quickly it was found
        if whole and status is not None and worth and _repeats(arguments, before, after):
            # the list of decks grows with what other commands write, and is no result
            kept = [path for path in dict.fromkeys(written) if path.is_file() and path.name != WRITTEN]
            files = {str(path.absolute()): file_hash(path) for path in kept}
            date = datetime.now().isoformat(" ", "seconds")
            texts = (out.kept.getvalue(), err.kept.getvalue())
            last = told[-1] if told else None
            write_record(Record(arguments, str(place), after, status, *texts, files, seconds, date, last))
        raise


def _command_first(words: list[str]) -> list[str]:
    """The same command line with the options of all commands, which may stand before the command, at its end."""
    count = next((n for n, word in enumerate(words) if word not in COMMON), len(words))
    return words if "--" in words else words[count:] + words[:count]


def known_or_run(seldom: float) -> None:
    """Show what is known, run what is not; what takes less than `seldom` s and finds nothing is not stored.

    Raises SystemExit.
    """
    arguments = _command_first(sys.argv[1:])
    if not arguments or "--help" in arguments:
        from resonet.cli import main

        main.main()
    if (found := find_record(arguments, Path.cwd())) is not None:
        sys.exit(_show(found))
    _run(arguments, seldom)
