"""What the page may ask, and what it is answered: JSON, the events of the folder, and the page itself."""

import asyncio
import functools
import json
import time
from collections.abc import AsyncIterator, Callable
from importlib.resources import files
from typing import Any

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route

from resonet.core.errors import EngineError, InputError
from resonet.core.leftovers import untouched
from resonet.core.text import visible
from resonet.core.validity import collected
from resonet.netlist.design.design import Design
from resonet.report.page.render import environment, template_text
from resonet.view.answers import chain_answer, design_answer, study_answer, wave_answer
from resonet.view.query import Query
from resonet.view.watch import Watch

__all__ = ["make_app"]

LOOK, BEAT = 0.1, 10.0  # s between two looks at what to tell, and between two signs of life
MOST_STREAMS, MOST_WAITING = 12, 6
OURS = {
    "page.css": ("resonet.report.page", "templates", "text/css"),
    "plots.js": ("resonet.report.page", "templates", "text/javascript"),
    "view.css": ("resonet.view", "templates", "text/css"),
    "view.js": ("resonet.view", "templates", "text/javascript"),
    "plotly.min.js": ("plotly", "package_data", "text/javascript"),
}
Work = Callable[[Query, Design], dict[str, Any]]


def _template(name: str) -> str:
    own = files("resonet.view").joinpath("templates", name)
    return own.read_text(encoding="utf-8") if own.is_file() else template_text(name)


def _json(value: Any, status: int = 200) -> Response:
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return Response(text, status, media_type="application/json")


def _error(error: Exception) -> Response:
    """What a user can cause, in one line; of the rest only its kind."""
    text = visible(" ".join(str(error).split())[:600])
    if isinstance(error, InputError):
        return _json({"error": text}, 400)
    if isinstance(error, EngineError):
        return _json({"error": text}, 422)
    if isinstance(error, MemoryError):
        return _json({"error": "not enough memory"}, 422)
    return _json({"error": f"{type(error).__name__}: {text[:200]}"}, 500)


class _App:
    """Answers about one folder. What computes goes to one thread after the other, and few of them wait."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.streams = 0
        self.waiting = 0
        self.limits = {kind: CapacityLimiter(1) for kind in ("quick", "slow", "study")}
        self.page = environment(_template).get_template("view.html.j2")

    async def show(self, request: Request) -> Response:
        """The page, without anything of the folder but its name: the rest it asks for."""
        return HTMLResponse(self.page.render(folder=visible(self.watch.folder.name)))

    async def part(self, request: Request) -> Response:
        """Scripts and styles."""
        name = request.path_params["name"]
        if name not in OURS:
            return Response(status_code=404)
        package, folder, media = OURS[name]
        return Response(template_text(name, package, folder), media_type=media)

    async def state(self, request: Request) -> Response:
        """What changes by itself."""
        return _json(self.watch.state())

    async def report(self, request: Request) -> Response:
        """The report, as parts of a page."""
        return _json(self.watch.report)

    async def events(self, request: Request) -> Response:
        """The state whenever it changes, as server-sent events."""
        if request.method == "HEAD":
            return Response(media_type="text/event-stream")
        if self.streams >= MOST_STREAMS:
            return _json({"error": f"{self.streams} pages are open; possible: close one"}, 503)
        return StreamingResponse(self._told(request), media_type="text/event-stream")

    async def _told(self, request: Request) -> AsyncIterator[str]:
        self.streams += 1
        seen, beat = -1, time.monotonic()
        try:
            while True:
                if (now := self.watch.version) != seen:
                    seen, beat = now, time.monotonic()
                    yield f"data: {json.dumps(self.watch.state())}\n\n"
                elif time.monotonic() - beat > BEAT:
                    beat = time.monotonic()
                    yield ": here\n\n"
                await asyncio.sleep(LOOK)
        finally:
            self.streams -= 1

    async def _work(self, request: Request, kind: str, work: Work, known: str, several: str = "") -> Response:
        """An answer that takes computing, from a checked query; others wait for it, but not many."""
        if self.waiting >= MOST_WAITING:
            return _json({"error": f"{self.waiting} requests are waiting; possible: later"}, 503)
        self.waiting += 1
        try:
            query = Query(request.query_params.multi_items(), known.split(), several.split())
            design = self.watch.design
            if design is None:
                raise InputError(self.watch.problem or "no design to be seen yet")
            call = functools.partial(_computed, work, query, design)
            return _json(await to_thread.run_sync(call, limiter=self.limits[kind], abandon_on_cancel=True))
        except Exception as error:
            return _error(error)
        finally:
            self.waiting -= 1

    async def design(self, request: Request) -> Response:
        """Layers, buses, programs, and what may be changed."""
        return await self._work(request, "quick", design_answer, "")

    async def chain(self, request: Request) -> Response:
        """A chain, as designed and with a change."""
        return await self._work(
            request, "quick", chain_answer, "layer bus chain program resonator bias how shift", "set"
        )

    async def wave(self, request: Request) -> Response:
        """The output of a chain over time."""
        known = "layer bus chain program how shift activation resonators engine"
        return await self._work(request, "slow", wave_answer, known, "set")

    async def study(self, request: Request) -> Response:
        """A quantity of a study that is under way."""
        try:
            query = Query(request.query_params.multi_items(), ("name", "quantity"))
            call = functools.partial(study_answer, query, self.watch)
            return _json(await to_thread.run_sync(call, limiter=self.limits["study"], abandon_on_cancel=True))
        except Exception as error:
            return _error(error)


def _computed(work: Work, query: Query, design: Design) -> dict[str, Any]:
    with untouched(), collected() as found:
        begin = time.perf_counter()
        answer = work(query, design)
        told = [{"code": one.code, "text": visible(one.text)} for one in found]
    return answer | {"warnings": told, "seconds": round(time.perf_counter() - begin, 4)}


def make_app(watch: Watch) -> Starlette:
    """The application about the folder that is watched."""
    app = _App(watch)
    routes = {
        "/": app.show,
        "/part/{name}": app.part,
        "/state": app.state,
        "/events": app.events,
        "/report": app.report,
        "/design": app.design,
        "/chain": app.chain,
        "/wave": app.wave,
        "/study": app.study,
    }
    return Starlette(routes=[Route(path, answer, methods=["GET"]) for path, answer in routes.items()])
