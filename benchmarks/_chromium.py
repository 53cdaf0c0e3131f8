"""The installed Chromium, driven by Playwright, for the parts that look at a page as people see it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from _show import info

from resonet.core.errors import EngineError
from resonet.report.page.pdf import find_browser

__all__ = ["chromium", "has_chromium"]


def has_chromium(*modules: str) -> bool:
    """Whether Chromium, Playwright and these modules are there; what is missing is said."""
    missing = next((name for name in ("playwright", *modules) if find_spec(name) is None), None)
    if missing is not None:
        info(f"no {missing}; possible: sh bootstrap.sh test browser", "not shown")
        return False
    try:
        find_browser()
    except EngineError as error:
        info(str(error)[:68], "not shown")
        return False
    return True


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser of Playwright, closed at the end."""
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=find_browser(), args=flags)
        try:
            yield browser
        finally:
            browser.close()
