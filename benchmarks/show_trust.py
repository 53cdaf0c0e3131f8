"""Show that no number is wrong and none is lost (topic: trust): cases, readers, Touchstone, engines, kills, memory.

    python benchmarks/show_trust.py            # all of it, an hour
    python benchmarks/show_trust.py --quick    # what ends within a minute, on fewer cases

Prints what, figure, bar and "holds" or "FALLS SHORT"; exit status 1 if any falls short. The cases are those in
../shared/cases, beside the checkout, where they are there.
"""

from _show import run_parts

PARTS = ("cases", "touchstone", "readers", "engines", "processes")

if __name__ == "__main__":
    run_parts(str(__doc__), "_trust_", PARTS, "numpy", "scikit-rf", "PySpice", "distributed")
