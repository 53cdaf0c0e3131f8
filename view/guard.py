"""Who may ask: this machine's browser, which was given the token, for a page that came from here. Nobody else.

Requests pass in this order; whatever fails says why in one line, and nothing of the folder:

    method       GET or HEAD, for nothing changes anything
    Host         127.0.0.1:PORT as it is: a name that somebody's DNS turned to 127.0.0.1 is none of ours
    Origin       none, or this page's; and what `Sec-Fetch-Site` says is this page or the address bar
    token        in the query, for the first visit; from then on a cookie that no script reads and no other site sends
"""

import secrets
from collections.abc import Iterator
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["HEADERS", "Guard"]

HOST = "127.0.0.1"
MOST_QUERY, MOST_COOKIES = 4000, 8000  # characters
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cache-control": "no-store",
}


class Guard:
    """Lets through to `app` what passes; see the module."""

    def __init__(self, app: ASGIApp, port: int, token: str) -> None:
        self.app, self.token = app, token
        self.host = f"{HOST}:{port}"
        self.cookie = f"resonet_view_{port}"  # cookies know no ports
        self.session = secrets.token_urlsafe(32)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] != "http":
            return
        refused = self._refused(scope)
        first = refused is None and b"token=" in scope["query_string"]

        async def answered(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                if first:
                    headers["set-cookie"] = f"{self.cookie}={self.session}; Path=/; HttpOnly; SameSite=Strict"
            await send(message)

        if refused is None:
            await self.app(scope, receive, answered)
            return
        status, text = refused
        headers = {"allow": "GET, HEAD"} if status == 405 else {}
        await PlainTextResponse(f"resonet view: {text}\n", status, headers)(scope, receive, answered)

    def _refused(self, scope: Scope) -> tuple[int, str] | None:
        """Status and reason; None for a request that passes."""
        given = _Headers(scope)
        if scope["method"] not in ("GET", "HEAD"):
            return 405, "nothing here is changed by a request; possible: GET"
        if given.all("host") != [self.host]:
            return 403, f"asked by another name; possible: http://{self.host}"
        if any(origin != f"http://{self.host}" for origin in given.all("origin")):
            return 403, "asked by a page of another origin"
        if any(site not in ("same-origin", "none") for site in given.all("sec-fetch-site")) and not _navigates(given):
            return 403, "asked by a page of another site"
        if len(scope["query_string"]) > MOST_QUERY:
            return 400, f"a query of {len(scope['query_string']):,} characters; possible: {MOST_QUERY:,}"
        try:
            query = parse_qsl(scope["query_string"].decode("ascii"), keep_blank_values=True, max_num_fields=40)
        except ValueError:
            return 400, "a query that cannot be read"
        tokens = [value for name, value in query if name == "token"]
        known = self._is(tokens[0], self.token) if len(tokens) == 1 and scope["path"] == "/" else False
        if not known and (tokens or not self._remembered(given)):
            return 403, "no token, or a wrong one; possible: the address that `resonet view` printed"
        return None

    def _remembered(self, given: "_Headers") -> bool:
        """Whether a request carries the cookie of a first visit."""
        text = "; ".join(given.all("cookie"))
        if len(text) > MOST_COOKIES:
            return False
        try:
            found = SimpleCookie(text).get(self.cookie)
        except CookieError:
            return False
        return found is not None and self._is(found.value, self.session)

    def _is(self, found: str, wanted: str) -> bool:
        """Whether two secrets are equal, in a time that says nothing of where they differ."""
        return secrets.compare_digest(found.encode(), wanted.encode())


class _Headers:
    """Headers of a request."""

    def __init__(self, scope: Scope) -> None:
        self._given: list[tuple[bytes, bytes]] = scope["headers"]

    def all(self, name: str) -> list[str]:
        """Every value of a header."""
        return list(self._of(name.encode()))

    def _of(self, name: bytes) -> Iterator[str]:
        for key, value in self._given:
            if key.lower() == name:
                yield value.decode("latin-1")


def _navigates(given: _Headers) -> bool:
    """Whether somebody follows a link to the page, such as from a terminal in a browser: it shows nothing to others."""
    mode: Any = given.all("sec-fetch-mode")
    return mode == ["navigate"] and given.all("sec-fetch-dest") == ["document"]
