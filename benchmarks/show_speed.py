"""Show whole networks at speed (topic: speed): linear engine, decks, second runs, sweeps that survive, with their bars.

    python benchmarks/show_speed.py            # all of it, some minutes
    python benchmarks/show_speed.py --quick    # what ends within a minute

Prints what, figure, bar and "holds" or "FALLS SHORT", then measurements without a bar; exit status 1 if any falls
short. Nothing is stored between runs.
"""

from _show import run_parts

PARTS = ("linear", "cache")

if __name__ == "__main__":
    run_parts(str(__doc__), "_speed_", PARTS, "numpy", "scipy", "PySpice", "xarray", "distributed")
