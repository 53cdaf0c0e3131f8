"""ngspice as a batch process: private run folder, timeout, typed errors; never a silent zero."""

import functools
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from resonet.core.errors import EngineError
from resonet.core.types import Done, nothing
from resonet.cosim.ngspice.raw import Plot, RawError, read_raw
from resonet.netlist.spice.deck import Deck
from resonet.spice_lib.library import copy_library

__all__ = ["EngineError", "find_ngspice", "ngspice_version", "run_deck", "run_decks"]

INSTALL = "install it with: apt-get install ngspice (Debian, Ubuntu), dnf install ngspice, brew install ngspice (macOS)"


def find_ngspice() -> str:
    """Path of the ngspice program: $RESONET_NGSPICE, or the first on PATH. EngineError says how to install it."""
    program = os.environ.get("RESONET_NGSPICE") or "ngspice"
    found = shutil.which(program)
    if not found:
        raise EngineError(f"no program {program!r} here; {INSTALL}")
    return found


@functools.cache
def ngspice_version(program: str) -> str:
    """Version that the program tells, such as "39"."""
    try:
        told = subprocess.run(
            [program, "--version"], capture_output=True, text=True, errors="replace", timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineError(f"{program} does not tell an ngspice version ({error}); {INSTALL}") from None
    found = re.search(r"ngspice-([\w.+]+)", told.stdout + told.stderr)
    if not found:
        raise EngineError(f"{program} does not tell an ngspice version; {INSTALL}", told.stdout + told.stderr)
    return found.group(1)


def _complaint(stderr: str) -> str:
    """The first line of stderr that says that something is wrong."""
    lines = (line.strip() for line in stderr.replace("\r", "\n").splitlines())
    return next((line for line in lines if re.match(r"(fatal )?error|.*(singular matrix|aborted)", line, re.I)), "")


def _run_in(folder: Path, deck: Deck, program: str, timeout: float) -> list[Plot]:
    path = folder / "decks" / f"{deck.name}.cir"
    path.parent.mkdir()
    path.write_text(deck.text, encoding="utf-8")
    copy_library(folder / "lib")
    try:
        done = subprocess.run(
            [program, "-n", "-b", str(path)],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        told = b"".join(part for part in (error.stdout, error.stderr) if isinstance(part, bytes))
        log = told.decode("utf-8", "replace")
        raise EngineError(f"ngspice on {deck.name}: no end after {timeout:g} s", log, folder) from None
    except OSError as error:
        raise EngineError(f"ngspice on {deck.name}: {program} does not run ({error.strerror}); {INSTALL}") from None
    if done.returncode == -signal.SIGINT:
        raise KeyboardInterrupt  # Ctrl-C in a terminal reaches ngspice too
    log = done.stdout + done.stderr
    complaint = _complaint(done.stderr)
    if done.returncode != 0 or complaint:
        raise EngineError(f"ngspice on {deck.name}: {complaint or f'exit status {done.returncode}'}", log, folder)
    try:
        plots = read_raw(folder / deck.raw)
    except (OSError, RawError) as error:
        raise EngineError(f"ngspice on {deck.name}: no usable result ({error})", log, folder) from None
    if not plots or any(plot.data.size == 0 or plot.name == "constants" for plot in plots):  # without an analysis
        raise EngineError(f"ngspice on {deck.name}: an empty result", log, folder)
    if not all(np.all(np.isfinite(plot.data[:, 1:])) for plot in plots):
        raise EngineError(f"ngspice on {deck.name}: values that are not finite", log, folder)
    return plots


def run_deck(deck: Deck, timeout: float = 600.0) -> list[Plot]:
    """Run one deck (its libraries at ../lib) and return its plots.

    The run folder is removed, unless the run failed: then EngineError names it and carries the log.
    """
    program = find_ngspice()
    folder = Path(tempfile.mkdtemp(prefix=f"resonet-{deck.name}-"))
    try:
        plots = _run_in(folder, deck, program, timeout)
    except EngineError as error:
        (folder / "ngspice.log").write_text(error.log, encoding="utf-8")
        raise EngineError(f"{error}; run folder {folder}", error.log, folder) from None
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder)
    return plots


def run_decks(decks: Sequence[Deck], jobs: int | None = None, done: Done = nothing) -> list[list[Plot]]:
    """Run decks side by side, `jobs` at once (default: one a core); results in the order given.

    The work is ngspice's, in processes of its own, so threads are enough here. `done` is called after each deck.
    """

    def one(deck: Deck) -> list[Plot]:
        plots = run_deck(deck)
        done()
        return plots

    with ThreadPoolExecutor(jobs or os.cpu_count() or 1) as pool:
        futures = [pool.submit(one, deck) for deck in decks]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
