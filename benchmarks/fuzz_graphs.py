"""Random networks with branches, read by resonet and run by onnxruntime: equal, or refused with a node's name.

    python benchmarks/fuzz_graphs.py --cases 3000 [--from 0]

Convolutions (groups, dilation, padding, strides), transposed ones, pools (ceil mode), activations in one node or in
several, sums, splits, concatenations, padding with any number, channels-last blocks and dense layers, several outputs,
nodes in any order, opsets 7 to 22. Exit status 1 if one was read differently.
"""

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "fuzz"))

from graphs import check

__all__ = ["check_graphs"]


def check_graphs(numbers: Iterable[int]) -> tuple[Counter[str], list[str]]:
    """How many of the graphs of those numbers are equal, refused or else, and a line for each that is neither."""
    counts, faults = Counter[str](), []
    with tempfile.TemporaryDirectory() as folder:
        for number in numbers:
            kind, detail = check(number, Path(folder) / "graph.onnx")
            counts[kind] += 1
            if kind not in ("equal", "refused"):
                faults.append(f"graph {number}: {kind}: {detail}")
    return counts, faults


def main() -> None:
    """Check all cases, print the counts, then every fault."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=3000)
    parser.add_argument("--from", type=int, default=0, dest="first", help="number of the first case")
    given = parser.parse_args()
    start = time.perf_counter()
    counts, faults = check_graphs(range(given.first, given.first + given.cases))
    print(", ".join(f"{count} {kind}" for kind, count in counts.items()), f"({time.perf_counter() - start:.0f} s)")
    print("\n".join(faults) if faults else "no faults")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
