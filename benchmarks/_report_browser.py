"""The page in a real browser: drawn, quiet, linked, readable, reachable by keys, light and dark, wide and narrow."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from _chromium import chromium, has_chromium
from _report_build import built, report, resonet
from _show import info, show

__all__ = ["AXE", "CUT", "DRAWN", "SIZES", "THEMES", "axe_script", "check_page", "claims", "none"]

AXE = "axe-core@4.14.1"
SIZES, THEMES = ((1280, 900), (400, 800)), ("light", "dark")
DRAWN = """() => [...document.querySelectorAll('.canvas')].filter((div) => div.offsetParent).filter((div) => {
    const svg = div.querySelector('.main-svg');
    return !svg || svg.getBoundingClientRect().width < 150 || div.querySelectorAll('svg path, svg image').length < 5;
}).map((div) => div.id)"""
CUT = """() => [...document.querySelectorAll('.canvas')].filter((div) => div.offsetParent).flatMap((div) => {
    const outer = div.getBoundingClientRect();
    return [...div.querySelectorAll('text')].filter((text) => {
        const box = text.getBoundingClientRect();
        const inside = box.left > outer.left - 2 && box.right < outer.right + 2;
        return text.textContent && box.width && !(inside && box.top > outer.top - 2 && box.bottom < outer.bottom + 2);
    }).map((text) => div.id + ': ' + text.textContent);
})"""
LINKS = """() => [...document.querySelectorAll('a[href^="#"]')]
    .filter((a) => !document.getElementById(a.hash.slice(1))).map((a) => a.hash)"""


def axe_script() -> str | None:
    """The script of axe-core, by npm; None where there is none."""
    npm = shutil.which("npm")
    if npm is None:
        return None
    with tempfile.TemporaryDirectory() as place:
        done = subprocess.run([npm, "pack", AXE], cwd=place, capture_output=True, text=True, check=False)
        packed = next(Path(place).glob("*.tgz"), None)
        if done.returncode or packed is None:
            return None
        shutil.unpack_archive(packed, place, filter="data")
        return (Path(place) / "package" / "axe.min.js").read_text()


def _opened(browser: Any, path: Path) -> Iterator[tuple[str, Any, list[str], list[str]]]:
    """The page in every size and theme: which, the page, messages of the console, requests."""
    for width, height in SIZES:
        for theme in THEMES:
            context = browser.new_context(
                viewport={"width": width, "height": height}, color_scheme=theme, offline=True, reduced_motion="reduce"
            )
            page, told, asked = context.new_page(), list[str](), list[str]()
            page.on("console", lambda message, told=told: told.append(message.text))
            page.on("pageerror", lambda error, told=told: told.append(str(error)))
            page.on("request", lambda request, asked=asked: asked.append(request.url))
            page.goto(path.as_uri())
            page.wait_for_selector("html[data-drawn]", state="attached", timeout=300_000)
            yield f"{width} px, {theme}", page, told, asked
            context.close()


def none(what: str, found: list[Any]) -> None:
    show(what, "none" if not found else f"{len(found)}: {str(found[0])[:40]}", "none", not found)


def check_page(page: Any, which: str, axe: str | None) -> None:
    """Claims about any page of ours: drawn, whole, linked, no wider than the window, and what axe-core says."""
    none(f"{which}: plots that are not drawn", page.evaluate(DRAWN))
    none(f"{which}: labels of plots that are cut", page.evaluate(CUT))
    none(f"{which}: links to nothing", page.evaluate(LINKS))
    wide = page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
    show(f"{which}: the page is no wider than the window", f"{wide} px", "0 px", wide <= 0)
    if axe:
        page.evaluate(axe)
        found = page.evaluate("() => axe.run()")["violations"]
        grave = [v["id"] for v in found if v["impact"] in ("serious", "critical")]
        none(f"{which}: axe-core, serious or critical", grave)
        none(f"{which}: axe-core, others", [v["id"] for v in found if v["id"] not in grave])


def _keys(page: Any) -> None:
    """Keys and the button of the theme."""
    first = page.locator(".canvas").first
    name = first.get_attribute("id")
    before = page.evaluate("(id) => document.getElementById(id)._fullLayout.xaxis.range", name)
    first.focus()
    page.keyboard.press("+")
    page.wait_for_timeout(300)
    after = page.evaluate("(id) => document.getElementById(id)._fullLayout.xaxis.range", name)
    show("the key + zooms a plot", str(after != before), "True", after != before)
    page.locator("#theme").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("html[data-drawn]", state="attached", timeout=300_000)
    theme = page.evaluate("() => document.documentElement.dataset.theme")
    show("the button changes the theme", str(theme), "dark", theme == "dark")
    page.locator("nav a").last.click()
    last = page.evaluate("() => location.hash")
    seen = page.evaluate("(id) => document.querySelector(id).getBoundingClientRect().top < innerHeight", last)
    show("a link of the contents leads there", str(seen), "True", bool(seen))


def claims(quick: bool) -> None:
    """Print them."""
    if not has_chromium():
        return
    path = report(quick)[0]
    axe = axe_script()
    kept = os.environ.get("RESONET_SCREENSHOTS")
    with chromium() as browser:
        for which, page, told, asked in _opened(browser, path):
            none(f"{which}: messages on the console", told)
            none(f"{which}: requests beside the page", [url for url in asked if not url.startswith(("file:", "data:"))])
            check_page(page, which, axe)
            if kept:
                page.screenshot(path=f"{kept}/{which.replace(' px, ', '_')}.png")
            if which == "1280 px, light":
                _keys(page)
    if axe is None:
        info(f"no {AXE} by npm", "not shown")
    pdf = path.with_suffix(".pdf")
    done = resonet("report", built(quick), "--format", "pdf")
    sound = done.returncode == 0 and pdf.read_bytes()[:5] == b"%PDF-"
    show("--format pdf", f"{pdf.stat().st_size / 1e6:.1f} MB" if sound else done.stderr[:40], "a PDF", sound)
