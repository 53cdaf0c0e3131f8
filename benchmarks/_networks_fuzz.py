"""Part of show_networks.py: random graphs against onnxruntime."""

from _show import info, show
from fuzz_graphs import check_graphs

__all__ = ["claims"]

CASES, QUICK_CASES = 3000, 100


def claims(quick: bool) -> None:
    """No graph may be read as something else."""
    cases = QUICK_CASES if quick else CASES
    counts, faults = check_graphs(range(cases))
    for fault in faults:
        print(fault)
    info(f"{cases:,} random graphs: equal, refused by a node's name", f"{counts['equal']}, {counts['refused']}")
    show(f"{cases:,} random graphs: read as something else", str(len(faults)), "0", not faults)
