"""Points of a sweep on any executor: in this process, in processes of this machine, or on a dask cluster.

All three are one code path on the interface of `concurrent.futures`, and give the same numbers: a point is computed by
one thread, whoever computes it. What a point returns is JSON, so that a journal can keep it bit by bit.
"""

import functools
import multiprocessing
import os
import platform
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from resonet.core.errors import EngineError, InputError

__all__ = ["Outcome", "open_executor", "run_points"]

Item = TypeVar("Item")
Value = TypeVar("Value")
CLUSTER = "pip install 'resonet[cluster]'"
ANSWER = 10  # s in which a scheduler must answer


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


def _end_with_parent() -> None:
    """A worker whose parent was killed ends too."""
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


@contextmanager
def _cluster(address: str) -> Iterator[tuple[Executor, int]]:
    try:
        import distributed
    except ImportError:
        raise InputError(f"--scheduler {address[:80]}: dask is not installed here; possible: {CLUSTER}") from None
    try:
        dask: Any = distributed  # has no types
        client = dask.Client(address, timeout=ANSWER, set_as_default=False)
    except (OSError, ValueError) as error:
        raise EngineError(f"no dask scheduler answers at {address[:80]} ({_line(error)[:120]})") from None
    with client:
        workers = client.scheduler_info(n_workers=-1)["workers"].values()
        if not workers:
            raise EngineError(
                f"the dask scheduler at {address[:80]} has no workers; possible: dask worker {address[:80]}"
            )
        with client.get_executor(pure=False) as executor:
            yield executor, 2 * sum(worker["nthreads"] for worker in workers)


def _context() -> Any:
    """How processes are made: forked from a server that has imported what a sweep takes, once for all of them."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["resonet.cosim.sweep.sweep"])
    return context


@contextmanager
def open_executor(jobs: int | None = None, scheduler: str | None = None) -> Iterator[tuple[Executor, int]]:
    """Executor, and how many points it should hold at once.

    `scheduler` is the address of a dask scheduler; else `jobs` processes of this machine (default: one a core), where 1
    is this process itself. Raises InputError without dask, EngineError where no scheduler answers.
    """
    jobs = jobs or os.cpu_count() or 1
    if scheduler is not None:
        with _cluster(scheduler) as found:
            yield found
    elif jobs == 1:
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1):
            yield _Here(), 1
    else:
        with ProcessPoolExecutor(jobs, _context(), _end_with_parent) as executor:
            yield executor, jobs


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
) -> None:
    """Compute every point with `work`, at most `width` at once; `begun` and `ended` are called in this thread.

    `ended` is called as each point finishes, in whatever order. A point that fails is an outcome, not an exception.
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
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                ended(running.pop(future), _outcome(future))
    except BaseException:
        for future in running:
            future.cancel()
        raise
