"""Recompute the main numbers of README and docs/ by the commands that the pages name, and compare.

    python docs/tools/drift.py            # what takes seconds, on the shipped MNIST network with all 10,000 images
    python docs/tools/drift.py --all      # also what takes minutes

A number has drifted where its page no longer shows it, or where the command gives another one.
"""

import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["NUMBERS", "Checked", "Number", "check"]

ROOT = Path(__file__).resolve().parents[2]
MNIST = "examples/mnist/mnist"
DATA = f"--data {MNIST}_test.npz"
COMPILE = f"compile {MNIST}.onnx --calibration {MNIST}_calibration.npz"
PERCENT = 100.0


@dataclass(frozen=True, slots=True)
class Number:
    """A number of a page, and where it comes from."""

    page: str
    shown: str  # as the page has it, somewhere
    value: float
    digits: int  # after the point
    command: str  # of resonet, in a folder that holds `build`
    found: Callable[[Any], float]  # in its --json
    slow: bool = False


@dataclass(frozen=True, slots=True)
class Checked:
    """A number, what the command gives now, and what is wrong with it."""

    number: Number
    now: float
    fault: str


def _share(*path: str) -> Callable[[Any], float]:
    """A share of the --json, in per cent."""

    def found(told: Any) -> float:
        for word in path:
            told = told[int(word)] if isinstance(told, list) else told[word]
        return PERCENT * float(told)

    return found


def _resonators(told: Any) -> float:
    return float(sum(layer["resonators"] for layer in told["layers"]))


ACCURACY, CROSSTALK = f"accuracy build {DATA}", "crosstalk build"
NUMBERS = (
    Number("README.md", "13,008 resonators", 13008, 0, CROSSTALK, _resonators),
    Number("README.md", "| trained network | | 99.10 % |", 99.10, 2, ACCURACY, _share("accuracy", "software")),
    Number("README.md", "7.62 % | 78.48 %", 78.48, 2, ACCURACY, _share("accuracy", "circuit_formula")),
    Number("README.md", "1.63 % | 98.93 %", 98.93, 2, ACCURACY, _share("accuracy", "circuit_coupled")),
    Number("README.md", "below 1e-6 | 99.10 %", 99.10, 2, ACCURACY, _share("accuracy", "circuit_calibrated")),
    Number("README.md", "5.36 / 8.48 / 7.62 %", 5.36, 2, CROSSTALK, _share("layers", "0", "rms_error_formula")),
    Number("README.md", "0.30 / 1.69 / 1.63 %", 1.69, 2, CROSSTALK, _share("layers", "1", "rms_error_coupled")),
    Number("README.md", "0.30 / 1.69 / 1.63 %", 1.63, 2, CROSSTALK, _share("layers", "2", "rms_error_coupled")),
    Number(
        "docs/guide/quantised.md",
        "8.26 %, 4.14 %",
        98.31,
        2,
        f"quantise build --bits 4 {DATA}",
        _share("points", "0", "accuracy"),
        slow=True,
    ),
    Number(
        "docs/theory/crossbar.md",
        "1 Ohm, OFF/ON 2, direct | 8.42 % | 84.80 %",
        84.80,
        2,
        f"crossbar build {DATA} --no-sweep",
        _share("networks", "1", "accuracy"),
        slow=True,
    ),
    Number(
        "docs/guide/operate.md",
        "98.53 % of all 10,000",
        98.53,
        2,
        f"accuracy point --resonators saturating --fit {MNIST}_calibration.npz --noise {DATA}",
        _share("noise", "programs", "fitted", "mean"),
        slow=True,
    ),
)


def _told(command: str, folder: Path, kept: dict[str, Any]) -> Any:
    """The --json of a command, run once."""
    if command not in kept:
        words = [sys.executable, "-m", "resonet.cli.start", *shlex.split(command), "--json"]
        environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
        done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"resonet {command}: {done.stderr.strip().splitlines()[-1]}")
        kept[command] = json.loads(done.stdout)
    return kept[command]


def check(every: bool = False) -> list[Checked]:
    """Recompute the numbers, those that take minutes where `every`."""
    chosen = [one for one in NUMBERS if every or not one.slow]
    kept: dict[str, Any] = {}
    checked = []
    with tempfile.TemporaryDirectory(prefix="resonet-numbers-") as place:
        folder = Path(place)
        (folder / "examples").symlink_to(ROOT / "examples")
        _told(f"{COMPILE} -o build", folder, kept)
        _told("calibrate build", folder, kept)
        if any("point" in one.command.split() for one in chosen):
            _told(f"{COMPILE} -o point --design {MNIST.rpartition('/')[0]}/operating_point.toml", folder, kept)
        for one in chosen:
            now = one.found(_told(one.command, folder, kept))
            faults = []
            if one.shown not in (ROOT / one.page).read_text(encoding="utf-8"):
                faults.append(f"the page does not show {one.shown!r}")
            if round(now, one.digits) != round(one.value, one.digits):
                faults.append(f"{now:.{one.digits}f}, not {one.value:.{one.digits}f}")
            checked.append(Checked(one, now, "; ".join(faults)))
    return checked


def main(given: Sequence[str]) -> int:
    """Print every number with what the command gives; 1 if one has drifted."""
    checked = check("--all" in given)
    for one in checked:
        number = one.number
        what = one.fault or "holds"
        print(f"{number.page}: {number.shown}: {one.now:.{number.digits}f}: {what} (resonet {number.command})")
    return 1 if any(one.fault for one in checked) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
