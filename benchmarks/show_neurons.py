"""Show oscillator neurons (topic: neurons): layers cascaded in one netlist, every claim recomputed, with its bar.

    python benchmarks/show_neurons.py            # all of it, half an hour on two idle cores
    python benchmarks/show_neurons.py --quick    # what ends within a minute

Prints what, figure, bar and "holds" or "FALLS SHORT", then measurements without a bar; exit status 1 if any falls
short. Nothing is stored between runs.
"""

import argparse
import importlib

from _show import header, stop

PARTS = ("transient", "time", "mnist")


def main() -> None:
    """Run the claims."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="what ends within a minute")
    parser.add_argument("--part", choices=PARTS, help="only this part")
    given = parser.parse_args()
    header("numpy", "scipy", "onnx", "onnxruntime")
    for part in (given.part,) if given.part else PARTS:
        print(f"\n{part}")
        importlib.import_module(f"_neurons_{part}").claims(given.quick)
    stop()


if __name__ == "__main__":
    main()
