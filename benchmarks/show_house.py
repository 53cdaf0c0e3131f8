"""Show the house in order (topic: house): no number moved, imports, lengths, what an extension takes, start-up time.

    python benchmarks/show_house.py            # all of it, some minutes
    python benchmarks/show_house.py --quick    # what ends within a minute

Prints what, figure, bar and "holds" or "FALLS SHORT"; exit status 1 if any falls short. The project as it was before is
taken from the git history and run beside today's.
"""

from _show import run_parts

PARTS = ("shape", "start", "extend", "numbers")

if __name__ == "__main__":
    run_parts(str(__doc__), "_house_", PARTS, "numpy", "networkx", "typer", "lazy_loader")
