"""Show strip lines, parasitics, sneak paths and the crossbar: every claim about them, recomputed, with its bar.

    python benchmarks/show_parasitics.py            # all of it, some minutes
    python benchmarks/show_parasitics.py --quick    # what ends within a minute

Prints what, figure, bar and "holds" or "FALLS SHORT", then measurements without a bar; exit status 1 if any falls
short. Nothing is stored between runs.
"""

import argparse
import importlib

from _show import header, stop

PARTS = ("strip", "strip_circuit", "attribution", "crossbar")


def main() -> None:
    """Run the claims."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="what ends within a minute")
    parser.add_argument("--part", choices=PARTS, help="only this part")
    given = parser.parse_args()
    header("numpy", "scipy", "networkx", "scikit-rf", "badcrossbar")
    for part in (given.part,) if given.part else PARTS:
        print(f"\n{part.replace('_', ' ')}")
        importlib.import_module(f"_parasitics_{part}").claims(given.quick)
    stop()


if __name__ == "__main__":
    main()
