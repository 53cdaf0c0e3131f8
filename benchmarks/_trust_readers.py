"""Part of show_trust.py: every reader on broken inputs."""

import re
import subprocess
import sys
from pathlib import Path

from _show import show

SCRIPT = Path(__file__).with_name("fuzz_readers.py")


def claims(quick: bool) -> None:
    """Print the claims."""
    cases = 60 if quick else 10_000
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--cases", str(cases)], capture_output=True, text=True, check=False
    )
    head, *rows = [line for line in done.stdout.splitlines() if line]
    kinds = head.split()[2:-1]
    for row in rows:
        numbers = re.search(rf"((?:\s+\d+){{{len(kinds) + 2}}})\s*$", row)
        if numbers is None:
            break
        counts = dict(zip(kinds, map(int, numbers[1].split()[1:-1]), strict=True))
        bad = sum(counts.values()) - counts["accepted"] - counts["refused"]
        name = row[: numbers.start()].strip()
        figure = f"{counts['accepted']} taken, {bad} faults"
        show(f"{name}: {cases:,} broken inputs, {counts['refused']:,} refused", figure, "0 faults", bad == 0)
    show("all readers: exit status", str(done.returncode), "0", done.returncode == 0)
