"""SIGINT, SIGTERM, SIGHUP: engines and workers end at once, nothing is left behind, one line, exit status 128 + n.

A thread waits for the signals, so that no calculation that is under way holds them up, and nothing is raised in the
middle of somebody else's code. Only the command calls this; in a program that imports resonet its own handlers stay.
"""

import atexit
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["heed_signals", "heed_signals_in_worker", "shielded"]

HEEDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
GRACE = 1.0  # s that workers have to end
LATEST = 5.0  # s

_heeding = False


def _call(module: str, name: str) -> None:
    """Call a function of a module, if that is loaded: an import could wait for a thread that stands still."""
    function = getattr(sys.modules.get(module), name, None)
    if function is not None:
        with contextlib.suppress(Exception):
            function()


def _end_workers() -> None:
    """End the worker processes of this one, and give back what multiprocessing has registered."""
    known = getattr(sys.modules.get("multiprocessing.process"), "active_children", None)
    workers = known() if known is not None else []
    for worker in workers:
        worker.terminate()
    end = time.monotonic() + GRACE
    for worker in workers:
        worker.join(max(0.0, end - time.monotonic()))
        if worker.is_alive():
            worker.kill()
    if workers:
        _call("multiprocessing.util", "_run_finalizers")


def _say(name: str) -> None:
    line = f"resonet: ended by {name}\n"
    with contextlib.suppress(OSError):
        if os.isatty(2):
            line = f"\r\x1b[2K\x1b[?25h{line}"  # a progress bar had the line, and hid the cursor
        os.write(2, line.encode())


def _leave(number: int, quiet: bool) -> None:
    """End this process. What it was writing is a draft, so nothing is lost but what was not finished."""
    late = threading.Timer(LATEST, os._exit, (128 + number,))  # whatever holds the rest up
    late.daemon = True
    late.start()
    try:
        _call("resonet.core.children", "end_children")
        with contextlib.suppress(Exception):
            _end_workers()
        _call("resonet.core.leftovers", "remove_drafts")
        if not quiet:
            _say(signal.Signals(number).name)
    finally:
        os._exit(128 + number)


def _stand_still(*_: object) -> None:
    """What the main thread does meanwhile: nothing, so that it neither goes on nor says what went wrong."""
    starting = getattr(sys.modules.get("resonet.core.children"), "is_starting", None)
    if starting is None or not starting():
        time.sleep(2 * LATEST)


def _finish() -> None:
    """The work is done and all is written: signals come too late to change how this process ends."""
    if _heeding:
        for number in HEEDED:
            signal.signal(number, signal.SIG_IGN)


def _forget() -> None:
    """In a fork: its signals are its own."""
    global _heeding
    if _heeding:
        _heeding = False
        signal.set_wakeup_fd(-1)
        for number in HEEDED:
            if signal.getsignal(number) is _stand_still:
                signal.signal(number, signal.SIG_DFL)


os.register_at_fork(after_in_child=_forget)


def _heed(quiet: bool, ignored: tuple[signal.Signals, ...] = ()) -> None:
    global _heeding
    if _heeding or threading.current_thread() is not threading.main_thread():
        return
    _heeding = True
    reading, writing = os.pipe()
    os.set_blocking(writing, False)

    def wait() -> None:
        heeded = {int(number) for number in HEEDED} - {int(number) for number in ignored}
        while byte := os.read(reading, 1):
            if byte[0] in heeded:
                _leave(byte[0], quiet)

    threading.Thread(target=wait, name="signals", daemon=True).start()
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    atexit.register(_finish)
    for number in HEEDED:
        if number in ignored:
            signal.signal(number, signal.SIG_IGN)
        elif signal.getsignal(number) is not signal.SIG_IGN:  # nohup, and what a shell puts into the background
            signal.signal(number, _stand_still)


def heed_signals() -> None:
    """From here on SIGINT, SIGTERM and SIGHUP end this process in order; those that were ignored stay so."""
    _heed(quiet=False)


def heed_signals_in_worker() -> None:
    """The same in a worker process, without a word; Ctrl-C is for its parent, which ends its workers."""
    _heed(quiet=True, ignored=(signal.SIGINT,))


@contextmanager
def shielded() -> Iterator[None]:
    """Processes that are started meanwhile never see Ctrl-C."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
