"""Part of show_trust.py: engines that lie, by the tests that hold them."""

import re
import subprocess
import sys
from pathlib import Path

from _show import show

ROOT = Path(__file__).parent.parent


def claims(quick: bool) -> None:
    """Print the claims."""
    tests = ["tests/cosim/test_fake_engines.py", "tests/cosim/test_laws.py"]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *tests]
    if quick:
        command += ["-k", "zeros or doubled"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    last = done.stdout.strip().splitlines()[-1]
    passed = int((re.search(r"(\d+) passed", last) or [0, 0])[1])
    failed = sum(int(n) for n in re.findall(r"(\d+) (?:failed|error)", last))
    show(
        "faked engines: wrong results believed or kept",
        f"{failed} of {passed + failed}",
        "0",
        failed == 0 and passed > 0,
    )
