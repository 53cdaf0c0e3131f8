"""Show the models: every claim about the device library, recomputed from scratch, with its bar.

    python benchmarks/show_models.py            # all of it
    python benchmarks/show_models.py --quick    # fits of fewer curves, without the macrospin, which takes longest

Prints what, figure, bar and "holds" or "FALLS SHORT", then measurements without a bar; exit status 1 if any falls
short. Nothing is stored between runs.
"""

import argparse

import _models_auto_oscillator
import _models_devices
import _models_fit
import _models_macrospin
from _show import header, info, show, stop

PARTS = (_models_devices, _models_auto_oscillator, _models_fit, _models_macrospin)


def main() -> None:
    """Run all parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fits of fewer curves, without the macrospin")
    quick = parser.parse_args().quick
    parts = PARTS[:-1] if quick else PARTS
    header("numpy", "scipy", "lmfit", "cmtj")
    for part in parts:
        for line in part.lines(60) if quick and part is _models_fit else part.lines():
            show(*line)
    print()
    for part in parts:
        for note in getattr(part, "notes", tuple)():
            info(*note)
    stop()


if __name__ == "__main__":
    main()
