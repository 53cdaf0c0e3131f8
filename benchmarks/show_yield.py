"""Show what a wafer of real chips does (topic: yield): spreads, faults, drift, tolerances, each part against its bar.

    python benchmarks/show_yield.py            # all of it
    python benchmarks/show_yield.py --quick    # what ends within a minute
    python benchmarks/show_yield.py --part known

Prints what, figure, bar and "holds" or "FALLS SHORT", then measurements without a bar; exit status 1 if any falls
short. Nothing is stored between runs.
"""

from _show import run_parts

PARTS = ("known", "spread", "montecarlo", "faults", "sensitivity")

if __name__ == "__main__":
    run_parts(str(__doc__), "_yield_", PARTS, "numpy", "numba", "scipy", "onnxruntime", "distributed", "SALib")
