"""ngspice as a batch process: private run folder, bounds on time and output, typed errors; never a silent zero."""

import contextlib
import logging
import os
import re
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from resonet.core.children import ChildTimeout, Finished, OutputTooLong, ended_by, run_child
from resonet.core.errors import EngineError
from resonet.core.leftovers import run_folder
from resonet.core.watching import Done, nothing
from resonet.cosim.ngspice.program import engine_environment, find_ngspice, ngspice_version, why_not_started
from resonet.cosim.ngspice.raw import Plot, RawError, read_raw
from resonet.netlist.spice.deck import Deck
from resonet.spice_lib.library import library_text

__all__ = ["EngineError", "find_ngspice", "ngspice_version", "run_deck", "run_decks"]

log = logging.getLogger("resonet.ngspice")
MOST_FAILED = 20  # run folders of failed runs that are kept, of one process, and of those before this day
DAY = 86_400  # s
FAILED = "resonet-failed-"
_kept: list[Path] = []  # of this process, oldest first
AXES = {"AC Analysis": "frequency", "Transient Analysis": "time"}  # what the first vector of an analysis is


def _complaint(stderr: str) -> str:
    """The first line of stderr that says that something is wrong."""
    lines = (line.strip() for line in stderr.replace("\r", "\n").splitlines())
    return next((line for line in lines if re.match(r"(fatal )?error|.*(singular matrix|aborted)", line, re.I)), "")


def _ended(
    folder: Path, deck: Deck, program: str, timeout: float, stop: threading.Event | None
) -> tuple[Finished, str]:
    """The engine's end, and what it said. Raises EngineError, KeyboardInterrupt."""
    path = Path("decks", f"{deck.name}.cir")  # relative: no blank or quote of the folder's own path reaches ngspice
    texts = {path: deck.text} | {Path("lib", name): text for name, text in library_text().items()}
    for name, text in texts.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    try:
        done = run_child([program, "-n", "-b", str(path)], folder, engine_environment(folder), timeout, stop)
    except ChildTimeout as error:
        told = f"more than {len(error.log):,} bytes of output" if isinstance(error, OutputTooLong) else ""
        log = error.log.decode("utf-8", "replace")
        raise EngineError(f"ngspice on {deck.name}: {told or f'no end after {timeout:g} s'}", log) from None
    except OSError as error:
        raise EngineError(f"ngspice on {deck.name}: {program} does not run {why_not_started(error)}") from None
    if done.status == -signal.SIGINT:
        raise KeyboardInterrupt  # Ctrl-C in a terminal reached ngspice
    return done, (done.out + done.err).decode("utf-8", "replace")


def _run_in(
    folder: Path, deck: Deck, program: str, timeout: float, stop: threading.Event | None, silent: bool
) -> list[Plot]:
    done, log = _ended(folder, deck, program, timeout, stop)
    complaint = _complaint(done.err.decode("utf-8", "replace"))
    if done.status != 0 or complaint:
        raise EngineError(f"ngspice on {deck.name}: {complaint or ended_by(done.status)}", log)
    try:
        plots = read_raw(folder / deck.raw)
    except (OSError, RawError) as error:
        raise EngineError(f"ngspice on {deck.name}: no usable result ({error})", log) from None
    wrong = _fault(plots, silent)
    if wrong:
        raise EngineError(f"ngspice on {deck.name}: {wrong}", log)
    return plots


def _fault(plots: Sequence[Plot], silent: bool) -> str:
    """What shows that plots are no result of the analyses; empty if nothing does."""
    if not plots or any(plot.data.size == 0 or plot.name == "constants" for plot in plots):  # without an analysis
        return "an empty result"
    for plot in plots:
        axis = AXES.get(plot.name)
        if axis and plot.variables[0] != axis:
            return f"the first vector of the {plot.name} is {plot.variables[0][:60]}, not {axis}"
        values = plot.data[:, 1:] if axis else plot.data
        names = plot.variables[1:] if axis else plot.variables
        finite = np.isfinite(values).all(0)
        if not finite.all():
            return f"values that are not finite in {names[int(finite.argmin())][:60]}"
        if not silent and values.size and not values.any():
            return f"every vector of the {plot.name} is zero, such as {names[0][:60]}"
    return ""


def _outdated(place: Path) -> list[Path]:
    """Kept run folders of this user that may go: older than a day, and not among the last; no other run's of today."""
    found = []
    for path in place.glob(f"{FAILED}*"):
        with contextlib.suppress(OSError):  # removed by somebody else meanwhile
            facts = path.lstat()
            found += [(facts.st_mtime, path)] if facts.st_uid == os.getuid() else []
    return [path for changed, path in sorted(found)[:-MOST_FAILED] if changed < time.time() - DAY]


def _keep(folder: Path, error: EngineError) -> Path | None:
    """Keep the run folder of a failed run, with what was said, among not too many of them; where it is now."""
    place = Path(tempfile.gettempdir())
    try:
        (folder / "ngspice.log").write_text(error.log, encoding="utf-8")
        kept = Path(tempfile.mkdtemp(prefix=FAILED, dir=place))
        folder.replace(kept)
        _kept.append(kept)
        for path in [*_outdated(place), *_kept[:-MOST_FAILED]]:
            shutil.rmtree(path, ignore_errors=True)
        del _kept[:-MOST_FAILED]
    except OSError:  # no room: what went wrong is said all the same
        return None
    return kept


def run_deck(
    deck: Deck, timeout: float = 600.0, stop: threading.Event | None = None, silent: bool = False
) -> list[Plot]:
    """Run one deck (its libraries at ../lib) and return its plots.

    The run folder is removed, unless the run failed: then EngineError names it and carries the log. A result whose
    vectors are all zero is refused unless `silent`: the deck has no source that is not zero. `stop` ends the engine.
    """
    program, begin = find_ngspice(), time.perf_counter()
    with run_folder(deck.name) as folder:
        try:
            plots = _run_in(folder, deck, program, timeout, stop, silent)
            log.info("ngspice: %s: %.2f s", deck.name, time.perf_counter() - begin)
            return plots
        except EngineError as error:
            kept = _keep(folder, error)
            raise EngineError(f"{error}" + (f"; run folder {kept}" if kept else ""), error.log, kept) from None


def run_decks(
    decks: Sequence[Deck], jobs: int | None = None, done: Done = nothing, silent: bool = False
) -> list[list[Plot]]:
    """Run decks side by side, `jobs` at once (default: one a core); results in the order given.

    The work is ngspice's, in processes of its own, so threads are enough here. `done` is called after each deck;
    `silent` as of `run_deck`.
    """
    stop = threading.Event()

    def one(deck: Deck) -> list[Plot]:
        plots = run_deck(deck, stop=stop, silent=silent)
        done()
        return plots

    with ThreadPoolExecutor(jobs or os.cpu_count() or 1) as pool:
        futures = [pool.submit(one, deck) for deck in decks]
        try:
            return [future.result() for future in futures]
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise
