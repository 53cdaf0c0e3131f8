"""What a user can cause ends in one line on stderr and an exit status, never in a traceback.

Exit status: 0 fine, 1 the physics, the input, the engine or the system says no, 2 wrong usage, 130 interrupted.
Nothing heavy is imported here: an interrupt while the rest is being imported has to end in one line too.
"""

import os
import sys
import tempfile
from collections.abc import Callable
from typing import NoReturn, TextIO

from resonet.core.text import visible

__all__ = ["complain", "guarded"]

INTERRUPTED = 130


class _Told(SystemExit):
    """The end of a run whose line was written."""


def complain(message: str) -> None:
    """One line on stderr; nothing where that is closed or full."""
    line = f"resonet: {visible(' '.join(message.split()))}"
    try:
        if sys.stderr.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb":
            line = f"\x1b[31m{line}\x1b[0m"
        sys.stderr.write(line + "\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        _give_up(sys.stderr)


def _give_up(stream: TextIO) -> None:
    """Send a stream that cannot be written nowhere, or Python complains of it at its end."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    except (OSError, ValueError):
        return


def _open_streams() -> None:
    """Give closed standard streams something to stand on, and let no character be unprintable.

    Else the first file that is opened would get their number. OSError where there is no place for results.
    """
    results = sys.stdout is not None
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        continue
    os.close(descriptor)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            stream = open(os.devnull, mode, encoding="utf-8")  # noqa: PTH123, SIM115 - stays open
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="backslashreplace")
    if not results:
        raise OSError("standard output is closed; possible: > FILE, or > /dev/null")


def _find_home() -> None:
    """HOME where nobody set it: ngspice 39 breaks down without."""
    if not os.environ.get("HOME"):
        home = os.path.expanduser("~")  # noqa: PTH111 - "~" where nobody knows, no error
        os.environ["HOME"] = home if os.path.isabs(home) else tempfile.gettempdir()  # noqa: PTH117


def _told(error: OSError) -> str:
    """A fault of the system in words."""
    return f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error)


def _status(error: BaseException) -> int:
    """Exit status of what ended a run, after its line."""
    from resonet.core.errors import EngineError, InputError

    if isinstance(error, KeyboardInterrupt):
        complain("interrupted")
        return INTERRUPTED
    if isinstance(error, BrokenPipeError):  # the reader left; so do we
        return 1
    if isinstance(error, InputError | EngineError):
        complain(str(error))
    elif isinstance(error, MemoryError):
        complain("not enough memory; possible: fewer layers, images or points at once, fewer --jobs")
    elif isinstance(error, OSError):
        complain(_told(error))
    else:
        raise error
    return 1


def _flushed(status: int) -> int:
    """The same status, or 1 where the last of the output cannot be written."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError) as error:
            _give_up(stream)
            if stream is sys.stdout and not isinstance(error, BrokenPipeError):
                complain(f"standard output: {_told(error) if isinstance(error, OSError) else error}")
                status = status or 1
    return status


def guarded(run: Callable[[], None]) -> NoReturn:
    """Run a command to its end. Raises SystemExit, with the exit status."""
    try:
        _open_streams()
        _find_home()
        run()
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
        if status == INTERRUPTED and not isinstance(error, _Told):
            complain("interrupted")
            raise _Told(_flushed(status)) from None
        if _flushed(status) == status:
            raise
        raise _Told(1) from None
    except (Exception, KeyboardInterrupt) as error:
        status = _status(error)
    else:
        status = 0
    raise _Told(_flushed(status))
