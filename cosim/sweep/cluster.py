"""Points of a sweep on a dask cluster. Nobody waits for ever for a scheduler or for workers that are gone.

What computes the points goes to each worker once, also to one that comes later; a task names it.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from resonet.core.errors import EngineError, InputError
from resonet.core.heap import keep_memory
from resonet.cosim.sweep.workers import Work, Workers, hold_work

__all__ = ["open_cluster"]

CLUSTER = "pip install 'resonet[cluster]'"
ANSWER = 5.0  # s in which a scheduler must answer
PATIENCE = 15.0  # s without scheduler or workers until a sweep is given up
EVERY = 3.0  # s


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__


async def _identity(address: str) -> dict[str, Any]:
    """What a dask server says that it is."""
    from distributed.core import rpc

    server_at: Any = rpc  # has no types

    async def ask() -> dict[str, Any]:
        async with server_at(address, timeout=ANSWER) as server:
            found: dict[str, Any] = await server.identity()
            return found

    return await asyncio.wait_for(ask(), ANSWER)


def _workers(address: str) -> int:
    """Threads of the workers of a scheduler. Raises EngineError; no client is left half open for that."""
    shown = address[:80]
    try:
        found = asyncio.run(_identity(address))
        kind = str(found.get("type"))
        threads = sum(int(worker["nthreads"]) for worker in found.get("workers", {}).values())
    except Exception as error:  # whatever it is that answers there
        told = f"no answer in {ANSWER:g} s" if isinstance(error, TimeoutError) else _line(error)
        raise EngineError(f"no dask scheduler answers at {shown} ({told}); possible: tcp://HOST:8786") from None
    if kind != "Scheduler":
        what = f"at {shown} answers a dask {kind[:40].lower()}, no scheduler"
        raise EngineError(f"{what}; possible: its scheduler's address")
    if not threads:
        raise EngineError(f"the dask scheduler at {shown} has no workers; possible: dask worker {shown}")
    return threads


class _Watch:
    """Whether a cluster still computes: `check` raises EngineError once it has not for a while."""

    def __init__(self, address: str) -> None:
        self.address, self.seen = address, time.monotonic()
        self.asked = self.seen

    def check(self) -> None:
        """Call it every second or so; a client knows only what it last heard, so that the scheduler is asked."""
        now = time.monotonic()
        if now - self.asked < min(EVERY, PATIENCE):
            return
        try:
            _workers(self.address)
            self.seen = time.monotonic()
        except EngineError as error:
            if time.monotonic() - self.seen > PATIENCE:
                raise EngineError(
                    f"{error}, for {PATIENCE:g} s; what is done is kept, the same command goes on"
                ) from None
        self.asked = time.monotonic()


@contextmanager
def _silent() -> Iterator[None]:
    """What dask says of lost connections is said by us, in one line."""
    known = ["distributed", *logging.root.manager.loggerDict]
    loggers = [logging.getLogger(n) for n in known if n.partition(".")[0] in ("distributed", "tornado", "asyncio")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


class _Told:
    """Plugin that tells a worker what computes the points of a name."""

    def __init__(self, name: str, work: Work) -> None:
        self.name, self.work = name, work

    def setup(self, worker: object) -> None:
        """The worker is there."""
        keep_memory()
        hold_work(self.name, self.work)

    def teardown(self, worker: object) -> None:
        """The sweep is over."""
        hold_work(self.name, None)


@contextmanager
def open_cluster(address: str, name: str, work: Work) -> Iterator[Workers]:
    """Workers of a dask cluster that know `work` by its name.

    Raises InputError without dask, EngineError where no scheduler with workers answers.
    """
    try:
        import distributed
    except ImportError:
        raise InputError(f"--scheduler {address[:80]}: dask is not installed here; possible: {CLUSTER}") from None
    dask: Any = distributed  # has no types
    with _silent():
        threads = _workers(address)
        try:
            client = dask.Client(address, timeout=ANSWER, set_as_default=False)
        except (OSError, ValueError) as error:
            raise EngineError(f"no dask scheduler answers at {address[:80]} ({_line(error)})") from None
        executor = client.get_executor(pure=False)
        try:
            _tell(client, dask, name, work, address)
            yield Workers(executor, name, 2 * threads, _Watch(address).check, lump=True)
        finally:
            with contextlib.suppress(Exception):
                client.unregister_worker_plugin(name)
            with contextlib.suppress(Exception):
                executor.shutdown(wait=False)
            with contextlib.suppress(Exception):
                client.close(timeout=2)


def _tell(client: Any, dask: Any, name: str, work: Work, address: str) -> None:
    """Every worker knows the work, and every one that comes. Raises EngineError."""

    class Plugin(_Told, dask.WorkerPlugin):  # type: ignore[misc]
        """As dask wants it."""

    try:
        client.register_plugin(Plugin(name, work), name=name)
    except Exception as error:  # such as a worker without this package
        raise EngineError(
            f"the workers of the dask scheduler at {address[:80]} cannot take the sweep ({_line(error)}); "
            "possible: the same resonet there"
        ) from None
