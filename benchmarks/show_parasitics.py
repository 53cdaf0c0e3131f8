"""Show strip lines, parasitics, sneak paths and the crossbar: every claim about them, recomputed, with its bar.

    python benchmarks/show_parasitics.py            # all of it, some minutes
    python benchmarks/show_parasitics.py --quick    # what ends within a minute

Prints what, figure, bar and "holds" or "FALLS SHORT", then measurements without a bar; exit status 1 if any falls
short. Nothing is stored between runs.
"""

from _show import run_parts

PARTS = ("strip", "strip_circuit", "attribution", "crossbar")

if __name__ == "__main__":
    run_parts(str(__doc__), "_parasitics_", PARTS, "numpy", "scipy", "networkx", "scikit-rf", "badcrossbar")
