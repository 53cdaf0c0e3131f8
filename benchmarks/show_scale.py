"""Show large networks, many images and many chips (topic: scale): each part against its bar, ratios within one run.

    python benchmarks/show_scale.py            # all of it
    python benchmarks/show_scale.py --quick    # what ends within a minute

Prints what, figure, bar and "holds" or "FALLS SHORT", then measurements without a bar; exit status 1 if any falls
short. Nothing is stored between runs.
"""

from _show import run_parts

PARTS = ("inference", "kernel", "designs", "monte_carlo", "cluster", "fixed_step", "growth")

if __name__ == "__main__":
    run_parts(str(__doc__), "_scale_", PARTS, "numpy", "numba", "onnxruntime", "distributed")
