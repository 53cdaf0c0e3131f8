"""Part of show_trust.py: kills, full disks, no home, memory."""

import re
import subprocess
import sys
from pathlib import Path

from _show import show

SCRIPT = Path(__file__).with_name("kill_and_fill.py")


def claims(quick: bool) -> None:
    """Print the claims."""
    counts = {"kills": 3, "fills": 2, "soak": 200} if quick else {"kills": 60, "fills": 20, "soak": 2000}
    options = [word for name, count in counts.items() for word in (f"--{name}", str(count))]
    done = subprocess.run([sys.executable, str(SCRIPT), *options], capture_output=True, text=True, check=False)
    what = {
        f"{counts['kills']} kills": "wrong results, orphans, leftovers, tracebacks",
        f"{counts['fills']} full disks": "wrong results, leftovers, tracebacks",
        "read-only, no home": "wrong results, tracebacks",
    }
    for name, bad in what.items():
        found = re.search(rf"^{name}: (.*)$", done.stdout, re.MULTILINE)
        figure = found[1] if found else "did not end"
        show(f"{name}: {bad}", figure[:40], "nothing wrong", figure == "nothing wrong")
    growth = re.search(r"in one process: ([+-][0-9.]+) MB", done.stdout)
    figure = f"{growth[1]} MB" if growth else "did not end"
    show(
        f"{counts['soak']} chain simulations in one process: growth",
        figure,
        "< 5 MB",
        bool(growth) and float(growth[1]) < 5,
    )
