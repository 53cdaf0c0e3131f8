"""Other programs that are compared with, each in a Python environment of its own, apart from ours."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

__all__ = ["peer_python"]

INSTALL = 1800  # s


def peer_python(name: str, *packages: str) -> Path | None:
    """Python that has a package: RESONET_PEER_<NAME> names it, or one is made in the temporary folder; None without.

    Wheels only: nothing is compiled.
    """
    given = os.environ.get(f"RESONET_PEER_{name.upper()}")
    folder = Path(tempfile.gettempdir()) / "resonet_peers" / name
    python = Path(given) if given else folder / "bin" / "python"
    if _has(python, name) or given:
        return python if _has(python, name) else None
    try:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True, capture_output=True, timeout=INSTALL)
        command = [python, "-m", "pip", "install", "--quiet", "--only-binary=:all:", name, *packages]
        subprocess.run(command, check=True, capture_output=True, timeout=INSTALL)
    except (OSError, subprocess.SubprocessError):
        return None
    return python if _has(python, name) else None


def _has(python: Path, name: str) -> bool:
    try:
        return subprocess.run([python, "-c", f"import {name}"], capture_output=True, timeout=300).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False
