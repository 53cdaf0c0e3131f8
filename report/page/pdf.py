"""The page as PDF, printed by a Chromium that is installed."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from resonet.core.errors import EngineError
from resonet.core.files import new_file

__all__ = ["BROWSERS", "find_browser", "print_pdf"]

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
TIMEOUT = 300  # s, on a busy machine
BUDGET = 60_000  # ms of the page's own time, in which it draws


def find_browser() -> str:
    """The first of BROWSERS on PATH. Raises EngineError that names them."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        raise EngineError(
            f"--format pdf: none of {', '.join(BROWSERS)} on PATH; possible: apt-get install chromium, or "
            "--format html and the printer of a browser"
        )
    return found


def print_pdf(html: str, target: Path) -> None:
    """Print a page into a file, whole or not at all. Raises EngineError, OSError."""
    browser = find_browser()
    with tempfile.TemporaryDirectory(prefix="resonet-") as place, new_file(target) as draft:
        source, made = Path(place) / "page.html", Path(place) / "page.pdf"
        source.write_text(html, encoding="utf-8")
        command = [browser, "--headless", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
        command += ["--disable-extensions", "--disable-background-networking", "--disable-component-update"]
        command += [f"--user-data-dir={place}/profile", f"--virtual-time-budget={BUDGET}", "--no-pdf-header-footer"]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            command.append("--no-sandbox")  # it refuses to run as root with it; the page is ours and loads nothing
        command += [f"--print-to-pdf={made}", source.as_uri()]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, errors="replace", timeout=TIMEOUT, check=False, cwd=place
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise EngineError(f"{browser}: {str(error)[:200]}; possible: --format html") from None
        if done.returncode or not made.is_file() or made.read_bytes()[:5] != b"%PDF-":
            last = (done.stderr.strip().splitlines() or ["no message"])[-1][:200]
            raise EngineError(f"{browser}: no PDF, exit status {done.returncode}: {last}; possible: --format html")
        shutil.copyfile(made, draft)
