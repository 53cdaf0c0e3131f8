"""The page of `resonet view` in a real browser: quick, live, quiet, readable, reachable by keys, closed to others."""

import hashlib
import http.client
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from _chromium import chromium, has_chromium
from _report_browser import SIZES, THEMES, axe_script, check_page, none
from _report_build import EXAMPLES, resonet
from _show import info, show

from resonet.cosim.sweep.journal import open_journal
from resonet.cosim.sweep.points import Outcome

SLOWEST_PAINT, SLOWEST_UPDATE = 2.0, 1.0  # s
LONGEST = 300_000  # ms that the browser waits for anything
COUNT = "(id) => document.documentElement.dataset[id] || ''"


@contextmanager
def _served(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command on a folder, and the address that it prints."""
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    heed = "import signal; signal.signal(signal.SIGINT, signal.SIG_DFL); "  # ignored in a shell's background
    code = heed + "from resonet.cli.start import main; main()"
    command = [sys.executable, "-c", code, "view", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as run:
        assert run.stdout is not None
        begin = time.perf_counter()
        line = run.stdout.readline()
        info("from the command to its address, wall time", f"{time.perf_counter() - begin:.1f} s")
        try:
            yield run, line.split()[-1]
        finally:
            if run.poll() is None:
                run.kill()


def _asked(address: str, path: str, method: str = "GET", **headers: str) -> tuple[int, str]:
    """Status and cookie of a request."""
    port = int(address.split(":")[2].split("/")[0])
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status, (answer.headers["set-cookie"] or "").partition(";")[0]


def _closed(address: str) -> None:
    """Who is refused."""
    cookie = _asked(address, address[address.index("/?") :])[1]
    show("with the cookie of a first visit", str(_asked(address, "/state", Cookie=cookie)[0]), "200", bool(cookie))
    for what, status, found in (
        ("no token", 403, _asked(address, "/state")),
        ("a wrong token", 403, _asked(address, "/?token=" + "x" * 32, Cookie=cookie)),
        ("another Host (DNS rebinding)", 403, _asked(address, "/state", Cookie=cookie, Host="rebound.example")),
        ("another Origin", 403, _asked(address, "/state", Cookie=cookie, Origin="http://other.example")),
        ("another method", 405, _asked(address, "/state", "POST", Cookie=cookie)),
        ("another file", 404, _asked(address, "/part/..%2fserver.py", Cookie=cookie)),
    ):
        show(f"refused: {what}", str(found[0]), str(status), found[0] == status)


def _changed(page: Any, what: str, act: Any) -> float:
    """Seconds from an act until the page has drawn what came of it."""
    before = page.evaluate(COUNT, what)
    begin = time.perf_counter()
    act()
    page.wait_for_function(f"(was) => ({COUNT})('{what}') !== was", arg=before, timeout=LONGEST)
    return time.perf_counter() - begin


def _opened(browser: Any, address: str, width: int, height: int, theme: str) -> tuple[Any, Any, list[str], list[str]]:
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=theme, reduced_motion="reduce"
    )
    page, told, asked = context.new_page(), list[str](), list[str]()
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    page.wait_for_selector("html[data-chain][data-drawn]", state="attached", timeout=LONGEST)
    return context, page, told, asked


def _paint(page: Any, which: str) -> None:
    paint = page.evaluate("() => performance.getEntriesByName('first-contentful-paint')[0].startTime") / 1000
    show(f"{which}: first paint", f"{paint:.2f} s", f"<= {SLOWEST_PAINT:g} s", paint <= SLOWEST_PAINT)


def _keys(page: Any, told: list[str]) -> None:
    """The page without a mouse."""

    def change() -> None:
        page.locator("#parameter").focus()
        page.keyboard.type("device.damping")
        page.keyboard.press("Tab")
        page.keyboard.press("Control+A")
        page.keyboard.type("0.02")
        page.keyboard.press("Enter")

    took = _changed(page, "chain", change)
    show("a change by keys, until it is drawn", f"{took:.2f} s", f"<= {SLOWEST_UPDATE:g} s", took <= SLOWEST_UPDATE)
    heads = page.locator("#figures thead th").all_inner_texts()
    show("before and after stand side by side", " | ".join(heads[1:]), "both", heads[1:] == ["as designed", "changed"])
    if kept := os.environ.get("RESONET_SCREENSHOTS"):
        page.evaluate("() => document.getElementById('figures').scrollIntoView()")
        page.set_viewport_size({"width": 1280, "height": 1300})
        page.wait_for_timeout(500)
        page.screenshot(path=f"{kept}/view_change.png", clip={"x": 240, "y": 0, "width": 1040, "height": 1300})
        page.set_viewport_size({"width": SIZES[0][0], "height": SIZES[0][1]})
    said = page.inner_text("#chain-said")
    info("what the server took for it", re.sub(r".*engine, ", "", said))
    canvas = page.locator("#chain-weights")
    ends = "() => String(document.getElementById('chain-weights')._fullLayout.xaxis.range)"
    before = page.evaluate(ends)
    canvas.focus()
    page.keyboard.press("+")
    page.wait_for_timeout(300)
    show("the key + zooms a plot", str(page.evaluate(ends) != before), "True", page.evaluate(ends) != before)
    page.locator("#changes button").focus()
    took = _changed(page, "chain", lambda: page.keyboard.press("Enter"))
    show("a change is taken back by Enter", f"{took:.2f} s", f"<= {SLOWEST_UPDATE:g} s", took <= SLOWEST_UPDATE)
    page.locator("#shift").fill("20 MHz")
    took = _changed(page, "chain", lambda: page.keyboard.press("Enter"))
    show("the tuning of a resonator", f"{took:.2f} s", f"<= {SLOWEST_UPDATE:g} s", took <= SLOWEST_UPDATE)
    page.locator("#value").fill("-1")
    page.keyboard.press("Enter")
    page.wait_for_selector("#chain-error:visible", timeout=LONGEST)
    said = page.inner_text("#chain-error")
    show("a value that cannot be is refused by name", said[:20], "device.damping ...", "device.damping" in said)
    told[:] = [text for text in told if "status of 400" not in text]  # the browser notes that refusal
    page.locator("#reset").click()
    page.wait_for_selector("#chain-error", state="hidden", timeout=LONGEST)


def _grows(page: Any, folder: Path) -> None:
    """A journal that grows, as a study in another process makes it."""
    slowest = 0.0
    with open_journal(folder / "results" / "montecarlo_shown.jsonl", {"points": 12, "key": "shown"}) as journal:
        for point in range(8):
            begin = time.perf_counter()
            journal.begin(point)
            values = {"accuracy": {"programmed": 0.9 + 0.01 * (point * 7 % 5)}}
            journal.end(point, Outcome(values, "", True, 0.1, "here:1"))
            text = f"{point + 1} of 12 chips"
            page.wait_for_function("(t) => document.getElementById('studies').innerText.includes(t)", arg=text)
            count = f"{point + 1:,} chips"
            page.wait_for_function(
                "(t) => document.getElementById('live-histogram-title').innerText.includes(t)", arg=count
            )
            slowest = max(slowest, time.perf_counter() - begin)
            page.wait_for_timeout(500)
    what = "a point in the journal, until its plots are drawn, slowest of 8"
    show(what, f"{slowest:.2f} s", f"<= {SLOWEST_UPDATE:g} s", slowest <= SLOWEST_UPDATE)


def _gone(page: Any, folder: Path) -> None:
    """The folder disappears, and comes back."""
    place = folder.rename(folder.with_name("gone"))
    page.wait_for_selector("#problem:visible", timeout=LONGEST)
    told = page.inner_text("#problem")
    place.rename(folder)
    page.wait_for_selector("#problem", state="hidden", timeout=LONGEST)
    show("a folder that is gone is said, and forgotten", told[-16:], "in one line", "no design here" in told)


def _content(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _seen(browser: Any, address: str, folder: Path) -> None:
    """The page in every size and theme."""
    axe, kept = axe_script(), os.environ.get("RESONET_SCREENSHOTS")
    for width, height in SIZES:
        for theme in THEMES:
            which = f"{width} px, {theme}"
            context, page, told, asked = _opened(browser, address, width, height, theme)
            _paint(page, which)
            took = _changed(page, "wave", lambda page=page: page.locator("#play").click())
            info(f"{which}: nine resonators over time, compiled", f"{took:.1f} s")
            if (width, theme) == (SIZES[0][0], THEMES[0]):
                show("the token leaves the address", str("token" not in page.url), "True", "token" not in page.url)
                _keys(page, told)
                _grows(page, folder)
            check_page(page, which, axe)
            if kept:
                page.screenshot(path=f"{kept}/view_{width}_{theme}.png")
            none(f"{which}: messages on the console", told)
            outside = [url for url in asked if not url.startswith((address[: address.index("/?")], "data:", "blob:"))]
            none(f"{which}: requests to others", outside)
            context.close()
    context, page, *_ = _opened(browser, address, *SIZES[0], THEMES[0])
    _gone(page, folder)
    context.close()


def claims(quick: bool) -> None:
    """Print them."""
    if not has_chromium("starlette", "uvicorn"):
        return
    with tempfile.TemporaryDirectory(prefix="resonet-view-") as place:
        folder = Path(place) / "build"
        resonet("compile", EXAMPLES / "mnist.onnx", "-o", folder)
        resonet("calibrate", folder)
        if not quick:
            resonet("crosstalk", folder)
            resonet("sparams", folder, "--layer", "conv1", "--engine", "linear")
        before = _content(folder)
        with _served(folder) as (run, address):
            _closed(address)
            with chromium() as browser:
                _seen(browser, address, folder)
            run.send_signal(signal.SIGINT)
            err = run.communicate(timeout=60)[1]
            ended = (run.returncode, err) == (130, "resonet: ended by SIGINT\n")
            show("Ctrl-C", f"{run.returncode}, {len(err.splitlines())} line", "130, 1 line", ended)
        for path in (folder / "results").glob("montecarlo_shown.*"):
            path.unlink()
        same = _content(folder) == before
        show("the folder is as it was", str(same), "True", same)
        shutil.rmtree(folder)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    info("processor time of all commands and the browser", f"{used.ru_utime + used.ru_stime:.0f} s")
