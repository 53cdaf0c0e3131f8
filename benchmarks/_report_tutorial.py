"""The tutorial, from its page alone: its blocks in an empty folder, from an own PyTorch network to the report."""

import json
import os
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

from _report_build import resonet
from _show import info, show

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "start" / "tutorial.md"
LONGEST = 300.0  # s, set-up aside


def claims(quick: bool) -> None:
    """Print them."""
    if find_spec("torch") is None or find_spec("sybil") is None:
        info('no torch or no sybil; possible: pip install -e ".[train,docs]"', "not shown")
        return
    sys.path.insert(0, str(ROOT / "docs" / "tools"))
    from blocks import run_page

    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    with tempfile.TemporaryDirectory(prefix="resonet-tutorial-") as place:
        folder, before, begin = Path(place) / "empty", os.times(), time.perf_counter()
        found = run_page(PAGE, Path(place) / "base", folder, empty=True)
        wall, after = time.perf_counter() - begin, os.times()
        page = folder / "build" / "report" / "report.html"
        text = page.read_text(encoding="utf-8") if page.is_file() else ""
        judged = json.loads(resonet("report", folder / "build", "--json").stdout or '{"verdict": []}')["verdict"]
    processor = after.children_user + after.children_system - before.children_user - before.children_system
    told = "none" if not found.failed else f"line {found.failed[0][0]}: {found.failed[0][1]}"[:60]
    show("tutorial: blocks of the page that failed", told, "none", not found.failed)
    info("tutorial: blocks run, left out (the installation)", f"{found.ran}, {sum(found.skipped.values())}")
    show("tutorial: it ends in a report", f"{len(text) / 1e6:.1f} MB", "a page", "</html>" in text)
    passed = [one["name"] for one in judged if one["state"] == "pass"]
    show("tutorial: limits that the report says are kept", str(len(passed)), ">= 2", len(passed) > 1)
    what = "tutorial: own network to report, wall time on two cores"
    show(what, f"{wall:.0f} s", f"<= {LONGEST:g} s", wall <= LONGEST)
    info("the same, processor time", f"{processor:.0f} s")
