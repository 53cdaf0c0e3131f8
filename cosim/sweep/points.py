"""Points of a sweep on any executor: in this process, in processes of this machine, or on a dask cluster.

All three are one code path on the interface of `concurrent.futures`, and give the same numbers: a point is computed by
one thread, whoever computes it. What a point returns is JSON, so that a journal can keep it bit by bit. What computes
the points goes to each process once; a task carries its name and the numbers of the points, several where they are
short.
"""

import functools
import multiprocessing
import os
import platform
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import forkserver, resource_tracker
from typing import Any

from resonet.core.errors import EngineError, InputError
from resonet.core.heap import keep_memory
from resonet.core.signals import heed_signals_in_worker, shielded
from resonet.cosim.sweep.workers import Work, Workers, held_work, hold_work

__all__ = ["Outcome", "open_workers", "run_points"]

LOOK = 1.0  # s between two looks at whether anybody still computes
SOCKET_NAME = len("/pymp-12345678/listener-12345678")  # what multiprocessing puts behind the temporary folder
TASK = 0.1  # s that a task of short points should take: what a cluster spends on a task is a few milliseconds
MOST_IN_TASK = 100  # points: no more are lost with a worker
# What processes take, imported once for all.
PRELOADED = ["resonet.cosim.sweep.sweep", "resonet.cosim.montecarlo.run", "resonet.cosim.robust.fault_study"]
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

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """Result of the call, as a future that is done."""
        future: Future[Any] = Future()
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


def _start_worker(name: str, work: Work) -> None:
    """A worker whose parent was killed ends too; signals end it in order."""
    keep_memory()
    hold_work(name, work)
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


def _guarded(work: Work, point: int) -> Outcome:
    """Compute one point, wherever this runs; what it raises is part of the outcome."""
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


def _task(name: str, points: Sequence[int]) -> list[Outcome]:
    """Outcomes of some points, by the work that this process holds."""
    _one_thread()
    work = held_work(name)
    if work is None:
        error = "this worker was not told what to compute (it came while the sweep was starting)"
        return [Outcome(None, error, False, 0.0, f"{platform.node()}:{os.getpid()}") for _ in points]
    return [_guarded(work, point) for point in points]


def _context() -> Any:
    """How processes are made: forked from a server that has imported what a sweep takes, once for all of them.

    Where there is no such server, or its socket in the temporary folder would have too long a name, each is started by
    itself: slower to begin, and the same afterwards.
    """
    socket = len(os.fsencode(tempfile.gettempdir())) + SOCKET_NAME
    if "forkserver" not in multiprocessing.get_all_start_methods() or socket > LONGEST_SOCKET:
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    quiet = "ignore:resource_tracker:UserWarning"  # of what this process, if it is killed, could not give back
    sys.warnoptions.append(quiet)
    resource_tracker.ensure_running()  # shields itself, and takes the shield of others away
    sys.warnoptions.remove(quiet)
    with shielded():  # Ctrl-C is for this process, which ends its workers
        forkserver.ensure_running()
    return context


@contextmanager
def open_workers(work: Work, jobs: int | None = None, scheduler: str | None = None) -> Iterator[Workers]:
    """Workers that compute points with `work`, which can be pickled unless this process is the only one.

    `scheduler` is the address of a dask scheduler; else `jobs` processes of this machine (default: one a core), where 1
    is this process itself. Raises InputError without dask, EngineError where no scheduler answers.
    """
    jobs, name = jobs or os.cpu_count() or 1, f"resonet-{uuid.uuid4().hex}"
    if scheduler is not None:
        from resonet.cosim.sweep.cluster import open_cluster

        with open_cluster(scheduler, name, work) as found:
            yield found
    elif jobs == 1:
        from threadpoolctl import threadpool_limits

        hold_work(name, work)
        try:
            with threadpool_limits(1):
                yield Workers(_Here(), name, 1)
        finally:
            hold_work(name, None)
    else:
        with ProcessPoolExecutor(jobs, _context(), _start_worker, (name, work)) as executor:
            yield Workers(executor, name, jobs)


def _outcomes(future: "Future[list[Outcome]]", count: int) -> list[Outcome]:
    """Outcomes of a task; BrokenExecutor where the pool is lost, and with it the others' outcomes."""
    try:
        return future.result()
    except BrokenExecutor:
        raise
    except Exception as error:  # the cluster gave it up, such as after several workers died of it
        return [Outcome(None, _line(error), False, 0.0, "")] * count


class _Lumps:
    """How many points go out in a task: as many as take TASK at the pace of the last ones, and leave some for all."""

    def __init__(self, workers: Workers) -> None:
        self.most, self.width, self.pace = MOST_IN_TASK if workers.lump else 1, workers.width, TASK

    def heed(self, outcomes: Sequence[Outcome]) -> None:
        """What the last points took."""
        self.pace += 0.3 * (sum(outcome.seconds for outcome in outcomes) / len(outcomes) - self.pace)

    def size(self, left: int) -> int:
        """Points in the next task, where so many are still to be handed out."""
        return max(min(self.most, int(TASK / max(self.pace, 1e-6)), left // (2 * self.width)), 1)


def run_points(
    points: Iterable[int],
    workers: Workers,
    begun: Callable[[int], None] = lambda point: None,
    ended: Callable[[int, Outcome], None] = lambda point, outcome: None,
) -> None:
    """Have every point computed; `begun` and `ended` are called in this thread.

    `ended` is called as each point finishes, in whatever order. A point that fails is an outcome, not an exception.
    The workers' `check` is called every second or more often; it raises where no more points will finish.
    Raises BrokenExecutor where a process of a local pool was killed.
    """
    waiting, at, lumps = list(points), 0, _Lumps(workers)
    running: dict[Future[list[Outcome]], list[int]] = {}
    try:
        while True:
            while at < len(waiting) and len(running) < workers.width:
                lump = waiting[at : at + lumps.size(len(waiting) - at)]
                at += len(lump)
                for point in lump:
                    begun(point)
                running[workers.executor.submit(_task, workers.work, lump)] = lump
            if not running:
                return
            for future in wait(running, LOOK, FIRST_COMPLETED).done:
                outcomes = _outcomes(future, len(running[future]))
                if any(outcome.values is None for outcome in outcomes):  # the points' fault, or nobody's who is there
                    workers.check()
                for point, outcome in zip(running.pop(future), outcomes, strict=True):
                    ended(point, outcome)
                lumps.heed(outcomes)
            workers.check()
    except BaseException:
        for future in running:
            future.cancel()
        raise
