"""Points of a sweep on any executor: in this process, in processes of this machine, or on a dask cluster.

All three are one code path on the interface of `concurrent.futures`, and give the same numbers: a point is computed by
one thread, whoever computes it. What a point returns is JSON, so that a journal can keep it bit by bit.
"""

import functools
import multiprocessing
import os
import platform
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from multiprocessing import forkserver, resource_tracker
from typing import Any, TypeVar

from resonet.core.errors import EngineError, InputError
from resonet.core.signals import heed_signals_in_worker, shielded
from resonet.core.types import Done, nothing

__all__ = ["Outcome", "open_executor", "run_points"]

Item = TypeVar("Item")
Value = TypeVar("Value")
LOOK = 1.0  # s between two looks at whether anybody still computes
SOCKET_NAME = len("/pymp-12345678/listener-12345678")  # what multiprocessing puts behind the temporary folder
LONGEST_SOCKET = 103  # bytes of a socket's path: 103 on macOS, 107 on Linux


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a point."""

    values: dict[str, Any] | None  # None: it failed
    error: str  # one line
    final: bool  # whether it would come out the same the next time: not so where an engine or a worker broke down
    seconds: float
    process: str  # machine and process number


class _Here(Executor):
    """Executor that computes at once, in this thread."""

    def submit(self, fn: Callable[..., Value], /, *args: Any, **kwargs: Any) -> "Future[Value]":
        """Result of the call, as a future that is done."""
        future: Future[Value] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


@functools.cache
def _one_thread() -> None:
    """Libraries take one thread in this process: sums come out the same wherever a point is computed."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)


def _start_worker() -> None:
    """A worker whose parent was killed ends too; signals end it in order."""
    heed_signals_in_worker()
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _line(error: BaseException) -> str:
    text = " ".join(str(error).split())[:400]
    return text if isinstance(error, InputError | EngineError) else f"{type(error).__name__}: {text}"


def _guarded(work: Callable[[Item], dict[str, Any]], point: Item) -> Outcome:
    """Compute one point, wherever this runs; what it raises is part of the outcome."""
    _one_thread()
    begin, process = time.perf_counter(), f"{platform.node()}:{os.getpid()}"
    try:
        values = work(point)
    except Exception as error:
        return Outcome(
            None,
            _line(error),
            not isinstance(error, EngineError | OSError | MemoryError),
            time.perf_counter() - begin,
            process,
        )
    return Outcome(values, "", True, time.perf_counter() - begin, process)


def _context() -> Any:
    """How processes are made: forked from a server that has imported what a sweep takes, once for all of them.

    Where there is no such server, or its socket in the temporary folder would have too long a name, each is started by
    itself: slower to begin, and the same afterwards.
    """
    socket = len(os.fsencode(tempfile.gettempdir())) + SOCKET_NAME
    if "forkserver" not in multiprocessing.get_all_start_methods() or socket > LONGEST_SOCKET:
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["resonet.cosim.sweep.sweep"])
    quiet = "ignore:resource_tracker:UserWarning"  # of what this process, if it is killed, could not give back
    sys.warnoptions.append(quiet)
    resource_tracker.ensure_running()  # shields itself, and takes the shield of others away
    sys.warnoptions.remove(quiet)
    with shielded():  # Ctrl-C is for this process, which ends its workers
        forkserver.ensure_running()
    return context


@contextmanager
def open_executor(jobs: int | None = None, scheduler: str | None = None) -> Iterator[tuple[Executor, int, Done]]:
    """Executor, how many points it should hold at once, and what says that nobody computes them any more.

    `scheduler` is the address of a dask scheduler; else `jobs` processes of this machine (default: one a core), where 1
    is this process itself. Raises InputError without dask, EngineError where no scheduler answers.
    """
    jobs = jobs or os.cpu_count() or 1
    if scheduler is not None:
        from resonet.cosim.sweep.cluster import open_cluster

        with open_cluster(scheduler) as found:
            yield found
    elif jobs == 1:
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1):
            yield _Here(), 1, nothing
    else:
        with ProcessPoolExecutor(jobs, _context(), _start_worker) as executor:
            yield executor, jobs, nothing


def _outcome(future: "Future[Outcome]") -> Outcome:
    """Outcome of a point; BrokenExecutor where the pool is lost, and with it the others' outcomes."""
    try:
        return future.result()
    except BrokenExecutor:
        raise
    except Exception as error:  # the cluster gave it up, such as after several workers died of it
        return Outcome(None, _line(error), False, 0.0, "")


def run_points(
    points: Iterable[Item],
    work: Callable[[Item], dict[str, Any]],
    executor: Executor,
    width: int = 1,
    begun: Callable[[Item], None] = lambda point: None,
    ended: Callable[[Item, Outcome], None] = lambda point, outcome: None,
    check: Done = nothing,
) -> None:
    """Compute every point with `work`, at most `width` at once; `begun` and `ended` are called in this thread.

    `ended` is called as each point finishes, in whatever order. A point that fails is an outcome, not an exception.
    `check` is called every second or more often; it raises where no more points will finish.
    Raises BrokenExecutor where a process of a local pool was killed.
    """
    waiting = iter(points)
    running: dict[Future[Outcome], Item] = {}
    try:
        while True:
            for point in islice(waiting, width - len(running)):
                begun(point)
                running[executor.submit(_guarded, work, point)] = point
            if not running:
                return
            for future in wait(running, LOOK, FIRST_COMPLETED).done:
                outcome = _outcome(future)
                if outcome.values is None:  # the point's fault, or nobody's who is still there
                    check()
                ended(running.pop(future), outcome)
            check()
    except BaseException:
        for future in running:
            future.cancel()
        raise
