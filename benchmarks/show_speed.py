"""Show whole networks at speed (topic: speed): linear engine, decks, second runs, sweeps that survive, with their bars.

    python benchmarks/show_speed.py            # all of it, some minutes
    python benchmarks/show_speed.py --quick    # what ends within a minute or two

Prints what, figure, bar and "holds" or "FALLS SHORT", then measurements without a bar; exit status 1 if any falls
short. Nothing is stored between runs.
"""

import argparse
import importlib

from _show import header, stop

PARTS = ("linear", "cache")


def main() -> None:
    """Run the claims."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="what ends within a minute or two")
    parser.add_argument("--part", choices=PARTS, help="only this part")
    given = parser.parse_args()
    header("numpy", "scipy", "PySpice", "xarray", "distributed")
    for part in (given.part,) if given.part else PARTS:
        print(f"\n{part}")
        importlib.import_module(f"_speed_{part}").claims(given.quick)
    stop()


if __name__ == "__main__":
    main()
