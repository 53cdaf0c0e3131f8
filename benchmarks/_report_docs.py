"""The documentation: every block runs, the site builds strictly and asks no network, in a browser as on paper."""

import os
import shutil
import sys
import tempfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from _chromium import chromium, has_chromium
from _show import info, show

ROOT = Path(__file__).resolve().parents[1]
SIZES, THEMES = ((1280, 900), (400, 800)), ("light", "dark")
LOOKED_AT = (
    "index.html",
    "start/tutorial.html",
    "theory/figures.html",
    "guide/sneak_paths.html",
    "claims.html",
    "commands.html",
    "reference.html",
)
BROKEN = "[nothing](start/absent.md) [nowhere](start/setup.md#absent)\n"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def _none(what: str, found: list[Any]) -> None:
    show(what, "none" if not found else f"{len(found)}: {str(found[0])[:40]}", "none", not found)


def _blocks(quick: bool) -> None:
    """Blocks of all pages; quickly of the how-tos."""
    from blocks import pages, run_page

    chosen = sorted((ROOT / "docs" / "how").glob("*.md")) if quick else pages(())
    ran, left, failed = 0, 0, list[str]()
    with tempfile.TemporaryDirectory(prefix="resonet-docs-") as place:
        for number, page in enumerate(chosen):
            if page.name == "tutorial.md":
                continue  # part tutorial
            found = run_page(page, Path(place) / "base", Path(place) / str(number))
            ran, left = ran + found.ran, left + sum(found.skipped.values())
            failed += [f"{page.name}, line {line}: {told}" for line, told in found.failed]
            shutil.rmtree(Path(place) / str(number), ignore_errors=True)
    _none(f"blocks of {len(chosen)} pages that failed", failed)
    info("blocks run, left out with a reason", f"{ran}, {left}")


def _strict() -> None:
    """The site, and that it would not be built with a dead link."""
    import pages

    external, faults = pages.build()
    _none("the site, built strictly: faults", faults)
    info("pages, external links (by their syntax only)", f"{len(list(pages.SITE.rglob('*.html')))}, {len(external)}")
    (pages.PAGES / "glossary.md").write_text(BROKEN, encoding="utf-8")
    told = " ".join(pages.run_mkdocs())
    dead = [name for name in ("absent.md", "#absent") if name not in told]
    show("a dead link and a dead anchor end the build", "both" if not dead else f"not {dead[0]}", "both", not dead)
    _none("the site, built again", pages.build()[1])


def _browser() -> None:
    """The site in a browser."""
    import pages

    kept = os.environ.get("RESONET_SCREENSHOTS")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(pages.SITE)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    home = f"http://127.0.0.1:{server.server_port}/"
    with chromium() as browser:
        for width, height in SIZES:
            for theme in THEMES:
                context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme)
                page, told, asked, wide = context.new_page(), list[str](), list[str](), list[str]()
                page.on("console", lambda message, told=told: told.append(message.text))
                page.on("request", lambda request, asked=asked: asked.append(request.url))
                for name in LOOKED_AT:
                    page.goto(home + name)
                    page.wait_for_timeout(300)
                    if page.evaluate("() => document.documentElement.scrollWidth > innerWidth"):
                        wide.append(name)
                    if kept:
                        page.screenshot(path=f"{kept}/{name.replace('/', '_')}_{width}_{theme}.png")
                which = f"{width} px, {theme}"
                _none(f"{which}: messages on the console", told)
                _none(f"{which}: requests elsewhere", [url for url in asked if not url.startswith((home, "data:"))])
                _none(f"{which}: pages wider than the window", wide)
                context.close()
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(home)
        page.fill("input.md-search__input", "sneak path")
        page.wait_for_selector(".md-search-result__item", timeout=60_000)
        count = page.locator(".md-search-result__item").count()
        show("the search finds pages", str(count), ">= 1", count >= 1)
    server.shutdown()


def claims(quick: bool) -> None:
    """Print them."""
    if find_spec("mkdocs") is None or find_spec("sybil") is None:
        info("no mkdocs; possible: sh bootstrap.sh test docs", "not shown")
        return
    sys.path.insert(0, str(ROOT / "docs" / "tools"))
    _strict()
    if has_chromium():
        _browser()
    _blocks(quick)
