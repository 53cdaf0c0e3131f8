"""How far a command is: a bar on a terminal, a line now and then where there is none, with the time that is left.

All of it goes to the process's own stderr, and never into the record of a run (cli/rerun.py).
"""

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING

from rich.console import Console

from resonet.core.text import visible

if TYPE_CHECKING:
    from resonet.core.watching import Done

__all__ = ["progress", "quiet"]

EVERY = 10.0  # s between lines
quiet: ContextVar[bool] = ContextVar("quiet", default=False)  # no progress, no suggestions


def _span(seconds: float) -> str:
    """A time as people say it."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


class _Lines:
    """A line on stderr every `EVERY` seconds, from a thread of its own."""

    def __init__(self, what: str, total: int) -> None:
        self.what, self.total, self.taken = what, total, 0
        self.begin = self.last = time.monotonic()  # of the work, of the last step that is done
        self.lock, self.over = threading.Lock(), threading.Event()
        self.thread = threading.Thread(target=self._tell, name="progress", daemon=True)

    def step(self) -> None:
        """One step is done; from any thread."""
        with self.lock:
            self.taken, self.last = self.taken + 1, time.monotonic()

    def line(self) -> str:
        """How far it is."""
        now = time.monotonic()
        whole = (self.last - self.begin) * self.total / self.taken if self.taken else 0.0
        left = f", about {_span(self.begin + whole - now)} left" if self.begin + whole > now else ""
        return (
            f"resonet: {visible(self.what)}: {self.taken:,} of {self.total:,} after {_span(now - self.begin)}{left}\n"
        )

    def _tell(self) -> None:
        while not self.over.wait(EVERY):
            with contextlib.suppress(OSError, ValueError):  # nobody reads
                assert sys.__stderr__ is not None
                sys.__stderr__.write(self.line())
                sys.__stderr__.flush()


@contextlib.contextmanager
def progress(what: str, total: int) -> "Iterator[Done]":
    """Show how far a work of `total` steps is; yields what to call after each of them. Nothing where it is `quiet`."""
    if quiet.get() or sys.__stderr__ is None:
        yield lambda: None
        return
    if not sys.stderr.isatty():
        lines = _Lines(what, total)
        lines.thread.start()
        try:
            yield lines.step
        finally:
            lines.over.set()
            lines.thread.join()
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    times = (TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
    with Progress(*columns, *times, console=Console(file=sys.__stderr__, emoji=False), transient=True) as bar:
        task = bar.add_task(visible(what), total=total)
        yield lambda: bar.advance(task)
