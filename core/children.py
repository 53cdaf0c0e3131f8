"""Programs that are run to their end: in process groups of their own, bounded in time and output, never left behind.

A guard, a shell that reads from a pipe, ends the groups of a process that was killed: the pipe closes with it. (The
kernel's parent-death signal would reach the program alone, not what a wrapper script has started, and asking for it
takes code between fork and exec, which threads make unsafe.)
"""

import contextlib
import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NoReturn

__all__ = [
    "ChildEnded",
    "ChildTimeout",
    "Finished",
    "OutputTooLong",
    "end_children",
    "ended_by",
    "is_starting",
    "run_child",
]

LOOK = 0.1  # s between two looks at what may end a run
MOST_OUTPUT = 64 << 20  # bytes
GUARD = r"""
while read -r what group; do
  case $what in
    +) live="$live $group" ;;
    -) new=; for one in $live; do [ "$one" = "$group" ] || new="$new $one"; done; live=$new ;;
  esac
done
for one in $live; do kill -s KILL -- "-$one"; done
"""


class ChildEnded(KeyboardInterrupt):
    """The program was ended because this process is ending."""


class ChildTimeout(Exception):
    """No end in time; carries what was printed."""

    def __init__(self, log: bytes) -> None:
        super().__init__("no end in time")
        self.log = log


class OutputTooLong(ChildTimeout):
    """More was printed than is read."""


@dataclass(frozen=True, slots=True)
class Finished:
    """What a program left: exit status (negative: the signal that ended it), and what it printed."""

    status: int
    out: bytes
    err: bytes


def ended_by(status: int) -> str:
    """An exit status in words; negative: the signal that ended the program."""
    if status >= 0:
        return f"exit status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        return f"ended by signal {-status}"
    return f"ended by {name} ({signal.strsignal(-status)})"


class _Children:
    """Process groups that run now."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.live: dict[int, subprocess.Popen[bytes]] = {}
        self.guard: IO[bytes] | None = None
        self.ending = self.starting = False

    def _tell(self, what: str, group: int) -> None:
        """Tell the guard; it is started at first use, and again where it is gone."""
        for _ in range(2):
            if self.guard is None:
                self.guard = _new_guard()
            if self.guard is None:
                return
            try:
                os.write(self.guard.fileno(), f"{what} {group}\n".encode())
                return
            except OSError:
                self.guard = None

    def start(self, command: Sequence[str], cwd: Path, env: Mapping[str, str]) -> "subprocess.Popen[bytes]":
        with self.lock:
            if self.ending:
                _await_end()
            self.starting = True
            try:
                child = subprocess.Popen(
                    command,
                    cwd=cwd,
                    env=env,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    process_group=0,
                )
                self.live[child.pid] = child
                self._tell("+", child.pid)
            finally:
                self.starting = False
        return child

    def finish(self, child: "subprocess.Popen[bytes]") -> int:
        """End what is left of a group; the status of its program."""
        kill_group(child.pid)  # before it is waited for: its number is not given to another one yet
        status = child.wait()
        with self.lock:
            self.live.pop(child.pid, None)
            self._tell("-", child.pid)
        for stream in (child.stdout, child.stderr):
            if stream is not None:
                stream.close()
        return status

    def end(self) -> None:
        self.ending = True
        held = self.lock.acquire(timeout=1)  # one that is being started is ended too
        for group in list(self.live):
            kill_group(group)
        if held:
            self.lock.release()

    def forget(self) -> None:
        """In a fork: nothing of this is its own."""
        guard = self.guard
        self.__init__()  # type: ignore[misc]
        if guard is not None:
            guard.close()


def _await_end() -> NoReturn:
    """Wait for the end of this process: nothing is to be said of a program that was ended for that."""
    time.sleep(10)
    raise ChildEnded


def kill_group(group: int) -> None:
    """SIGKILL to a process group that may be gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _new_guard() -> IO[bytes] | None:
    try:
        process = subprocess.Popen(
            ["/bin/sh", "-c", GUARD],
            cwd="/",
            env={},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            bufsize=0,
        )
    except OSError:
        return None
    process.returncode = 0  # it outlives this process: nobody waits for it
    return process.stdin


_children = _Children()
os.register_at_fork(after_in_child=_children.forget)


def end_children() -> None:
    """End every program that runs, with all that it has started; none is started from here on."""
    _children.end()


def is_starting() -> bool:
    """Whether a program is being started, which nothing may hold up."""
    return _children.starting


def _exited(child: "subprocess.Popen[bytes]") -> bool:
    """Whether a program has ended; it is not waited for yet, so that its group can still be ended."""
    return os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _watch(
    child: "subprocess.Popen[bytes]", end: float, most: int, stop: threading.Event | None
) -> tuple[bytearray, bytearray]:
    """Read both streams until the program has ended. Raises ChildTimeout, OutputTooLong, ChildEnded."""
    assert child.stdout is not None
    assert child.stderr is not None
    kept = bytearray(), bytearray()
    with selectors.DefaultSelector() as selector:
        for stream, into in zip((child.stdout, child.stderr), kept, strict=True):
            os.set_blocking(stream.fileno(), False)
            selector.register(stream, selectors.EVENT_READ, into)
        pause = 1e-4
        while True:
            left = end - time.monotonic()
            if stop is not None and stop.is_set():
                raise ChildEnded
            if left <= 0:
                raise ChildTimeout(bytes(kept[0] + kept[1]))
            ready = selector.select(min(left, LOOK)) if selector.get_map() else []
            for key, _ in ready:
                found = os.read(key.fd, 1 << 20)
                key.data.extend(found)
                if not found:
                    selector.unregister(key.fileobj)
            if len(kept[0]) + len(kept[1]) > most:
                raise OutputTooLong(bytes((kept[0] + kept[1])[: 1 << 20]))
            if not ready and _exited(child):  # what it has started may still hold the streams
                return kept
            if not selector.get_map():  # closed as a program ends, in general
                time.sleep(pause)
                pause = min(2 * pause, LOOK)


def run_child(
    command: Sequence[str],
    cwd: Path,
    env: Mapping[str, str],
    timeout: float,
    stop: threading.Event | None = None,
    most: int = MOST_OUTPUT,
) -> Finished:
    """Run a program to its end, with all that it starts, within `timeout` s and `most` bytes of output.

    Raises OSError where it cannot be started, ChildTimeout, OutputTooLong, and ChildEnded where `stop` was set or
    `end_children` was called.
    """
    child = _children.start(command, cwd, env)
    out, err, status = bytearray(), bytearray(), None
    try:
        out, err = _watch(child, time.monotonic() + timeout, most, stop)
    finally:
        status = _children.finish(child)
    if _children.ending:
        _await_end()
    return Finished(status, bytes(out), bytes(err))
