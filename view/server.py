"""The server: one process on 127.0.0.1, until it is interrupted."""

import asyncio
import secrets
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn

from resonet.core.errors import InputError
from resonet.view.app import make_app
from resonet.view.guard import HOST, Guard
from resonet.view.watch import Watch

if TYPE_CHECKING:
    from resonet.report.page.facts import Facts

__all__ = ["Serving", "open_port", "serve"]

MOST_CONNECTIONS = 64
KEPT_ALIVE = 30  # s


def open_port(port: int) -> socket.socket:
    """A socket that listens on a port of 127.0.0.1, 0 for a free one. Raises InputError where it is taken."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((HOST, port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise InputError(f"--port {port}: {error.strerror}; possible: another one, or 0 for a free one") from None
    return listening


class Serving:
    """A server in a thread of its own, so that signals stay with who started it."""

    def __init__(self, folder: Path, gather: "Callable[[Path], Facts]", port: int = 0) -> None:
        self.socket = open_port(port)
        self.port: int = self.socket.getsockname()[1]
        self.token = secrets.token_urlsafe(24)
        self.watch = Watch(folder, gather)
        app = Guard(make_app(self.watch), self.port, self.token)
        config = uvicorn.Config(
            app,
            http="h11",
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=MOST_CONNECTIONS,
            timeout_keep_alive=KEPT_ALIVE,
            timeout_graceful_shutdown=1,
            h11_max_incomplete_event_size=16_384,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="server", daemon=True)

    @property
    def address(self) -> str:
        """With the token."""
        return f"http://{HOST}:{self.port}/?token={self.token}"

    def _run(self) -> None:
        asyncio.run(self._server.serve([self.socket]))

    def begin(self) -> None:
        """Serve."""
        self.watch.begin()
        self._thread.start()
        while self._thread.is_alive() and not self._server.started:
            time.sleep(0.01)

    def end(self) -> None:
        """Stop, and give the port back."""
        self.watch.end()
        self._server.should_exit = True
        self._thread.join(5)
        self.socket.close()

    def wait(self) -> None:
        """Until it ends."""
        while self._thread.is_alive():
            self._thread.join(1)


def serve(
    folder: Path, gather: "Callable[[Path], Facts]", port: int = 0, told: Callable[[Serving], None] = lambda one: None
) -> None:
    """Serve the page of a design folder until this process is interrupted; `told` is called once it listens.

    Raises InputError where the folder holds no design, or the port is taken.
    """
    if not (folder / "design.toml").is_file():
        raise InputError(f"{folder}: no design here; possible: a folder that `resonet compile MODEL -o FOLDER` wrote")
    serving = Serving(folder, gather, port)
    try:
        serving.begin()
        told(serving)
        serving.wait()
    finally:
        serving.end()
