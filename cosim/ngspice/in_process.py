"""PySpice's in-process ngspice, set up so that it works with the library that is installed.

One instance a process. Between runs: `run()`, `plot(None, last_plot)`, `destroy()`, `remove_circuit()`; without both of
the last two it leaks. After a failed load it would hand out the previous circuit's result: `load` checks.
"""

import ctypes.util
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resonet.core.leftovers import run_folder
from resonet.cosim.ngspice.run import EngineError

if TYPE_CHECKING:
    from PySpice.Spice.NgSpice.Shared import NgSpiceShared

__all__ = ["in_process_ngspice"]

HARMLESS = ("Warning", "Note:", "Using ", "Trying ", "Supplies reduced", "Reference value", "No. of", "Doing analysis")
INSTALL = "install it with: apt-get install libngspice0 (Debian, Ubuntu), brew install libngspice (macOS)"


def in_process_ngspice() -> "NgSpiceShared":
    """A new `NgSpiceShared` that takes ngspice's remarks for remarks (PySpice takes any of them for an error).

    The library is $NGSPICE_LIBRARY_PATH or what the system's loader finds. Raises EngineError where there is none.
    """
    library = os.environ.get("NGSPICE_LIBRARY_PATH") or ctypes.util.find_library("ngspice")
    if not library:
        raise EngineError(f"no shared library of ngspice here; {INSTALL}")
    os.environ["NGSPICE_LIBRARY_PATH"] = library  # where PySpice looks, at import
    from PySpice.Spice.NgSpice.Shared import NgSpiceShared, ffi_string_utf8

    class Engine(NgSpiceShared):  # type: ignore[misc]
        """PySpice's engine, less easily alarmed."""

        @staticmethod
        def _send_char(message: Any, ngspice_id: Any, user_data: Any) -> int:
            stream, _, text = ffi_string_utf8(message).partition(" ")
            if stream == "stderr" and text.strip().startswith(HARMLESS):
                return 0
            return int(NgSpiceShared._send_char(message, ngspice_id, user_data) or 0)

    with run_folder("home") as home, _at_home(home):
        try:
            return Engine.new_instance()
        except OSError as error:
            raise EngineError(f"{library}: cannot be loaded ({error}); {INSTALL}") from None


@contextmanager
def _at_home(home: Path) -> Iterator[None]:
    """Start ngspice in an empty folder that is its home too: it dies without one, and obeys any .spiceinit there."""
    before, place = os.environ.get("HOME"), Path.cwd()
    os.environ["HOME"] = str(home)
    os.chdir(home)
    try:
        yield
    finally:
        os.chdir(place)
        if before is None:
            del os.environ["HOME"]
        else:
            os.environ["HOME"] = before
