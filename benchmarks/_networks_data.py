"""Where show_networks.py finds what is not shipped: networks of others, and all of Fashion-MNIST's test images."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from resonet.core.errors import InputError
from resonet.examples.datasets import read_idx_pair

__all__ = ["CASES", "EXAMPLES", "fashion_test"]

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
CASES = Path(os.environ.get("RESONET_CASES") or ROOT.parent / "shared" / "cases" / "onnx")
PACKAGE, INSIDE = "dataset-fashion-mnist", Path("usr/share/datasets/fashion-mnist")
KEPT = ROOT / ".venv" / "fashion-mnist"  # of Debian's package, unpacked


def _folder() -> Path | None:
    """Folder with the IDX files: given, installed, or fetched from Debian once."""
    given = os.environ.get("RESONET_FASHION")
    for folder in (Path(given) if given else None, Path("/") / INSIDE, KEPT / INSIDE):
        if folder and folder.is_dir():
            return folder
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        return None
    with tempfile.TemporaryDirectory() as scratch:
        got = subprocess.run(["apt-get", "download", PACKAGE], cwd=scratch, capture_output=True, check=False)
        files = list(Path(scratch).glob("*.deb"))
        if got.returncode or not files:
            return None
        subprocess.run(["dpkg", "-x", files[0], KEPT], check=True, capture_output=True)
    return KEPT / INSIDE


def fashion_test(scratch: Path) -> Path | None:
    """All 10,000 test images as an .npz file; None where they are nowhere."""
    folder = _folder()
    if folder is None:
        return None
    try:
        test = read_idx_pair(folder, "test")
    except InputError as error:
        print(error)
        return None
    path = scratch / "fashion_10000.npz"
    np.savez(path, images=test.images, labels=test.labels.astype(np.uint8))
    return path
