"""The page as a file: time, size, bytes, what is on it."""

import json
import re
from pathlib import Path

from _report_build import built, report, resonet
from _show import info, show

MOST_SECONDS, MOST_BYTES = 15.0, 8e6


def claims(quick: bool) -> None:
    """Print them."""
    path, seconds, wall = report(quick)
    text = path.read_text()
    what = "resonet report, shipped network, processor time"
    show(what, f"{seconds:.1f} s", f"<= {MOST_SECONDS:g} s", seconds <= MOST_SECONDS)
    info("the same, wall time, which is the same on an idle machine", f"{wall:.1f} s")
    size = len(text.encode())
    show("size of the page", f"{size / 1e6:.2f} MB", f"< {MOST_BYTES / 1e6:g} MB", size < MOST_BYTES)
    again = Path(path.parent) / "again.html"
    resonet("report", built(quick), "-o", again)
    same = again.read_bytes() == path.read_bytes()
    show("the same folder gives the same bytes", str(same), "True", same)
    plots = len(re.findall(r'<script type="application/json" data-of=', text))
    info("plots on it", str(plots))
    info("tables", str(text.count("<table")))
    judged = json.loads(resonet("report", built(quick), "--json").stdout)
    for one in judged["verdict"]:
        info(f"{one['name']}, limit {one['limit']}", f"{one['found']} {one['state']}")
    accuracy = next(one for one in judged["verdict"] if one["name"] == "Accuracy, circuit")
    show("accuracy of the circuit is judged", accuracy["state"], "pass", accuracy["state"] == "pass")
    sheet = built(quick) / "report" / "data_sheet.md"
    resonet("report", built(quick), "--format", "data-sheet")
    info("data sheet, lines", str(len(sheet.read_text().splitlines())))
