"""Part of show_networks.py: random graphs against onnxruntime."""

import sys
import tempfile
from collections import Counter
from pathlib import Path

from _show import info, show

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "fuzz"))

from graphs import check

__all__ = ["claims"]

CASES, QUICK_CASES = 3000, 100


def claims(quick: bool) -> None:
    """No graph may be read as something else."""
    cases, counts = QUICK_CASES if quick else CASES, Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(cases):
            kind, detail = check(seed, Path(folder) / "graph.onnx")
            counts[kind] += 1
            if kind not in ("equal", "refused"):
                info(f"graph {seed}", f"{kind}: {detail}")
    info(f"{cases:,} random graphs: equal, refused by a node's name", f"{counts['equal']}, {counts['refused']}")
    faults = cases - counts["equal"] - counts["refused"]
    show(f"{cases:,} random graphs: read as something else", str(faults), "0", not faults)
