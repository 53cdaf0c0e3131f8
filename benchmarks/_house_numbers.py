"""That no number moved: decks and results of this tree against those of an earlier commit of it.

    python benchmarks/_house_numbers.py [--commit HASH] [--quick]

The earlier tree is taken out of git into a temporary folder and run by the same interpreter (`_house_jobs`).
"""

import argparse
import io
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from _house_rf_decks import RfDecks


__all__ = ["COMMIT", "Comparison", "claims", "compare_trees"]

COMMIT = "a9e0b6a"  # before the house was put in order
ROOT = Path(__file__).resolve().parents[1]
VERSION = re.compile(r"^.*\bversion\b.*$", re.MULTILINE | re.IGNORECASE)  # lines that may differ
NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?![\w.])")
PIVOTS = re.compile(r"^\.options pivrel=.*\n", re.MULTILINE)  # asked for since: ngspice lost digits by its own
CLOSE = 1e-12  # relative to the largest value of an array
JOBS = Path(__file__).with_name("_house_jobs.py")


# What a number is, by its job and name: the first that fits.
QUANTITIES = {
    r".*accuracy$": "accuracies",
    r"compiled ": "graph.graphml, bytes",
    r"weights .* (\w+)\|": r"effective weights, \1",
    r"cascade .*\|(\S+)": r"cascades, \1",
    r"crossbar .*\|(logits|currents)": r"crossbars, \1",
    r"crossbar ": "crossbars, weights",
    r"strip weights": "strip lines, weights of a layer by every program",
    r"strip (\w+)": r"strip lines, \1",
    r"block .* (\S+)\|": r"S-parameters, \1",
    r"block \w+\|": "S-parameters, lines by ngspice",
    r"device ": "single devices",
    r"transient ": "chain in the time domain",
}
# Decks of no network that are spelled otherwise since, on purpose: their title, and when the raw file is appended to.
RESPELLED = ("chip__chip__1.cir", "doctor__probe__1.cir")


@dataclass(frozen=True, slots=True)
class Comparison:
    """What became of decks and numbers."""

    decks: int  # compared
    kinds: int  # of decks, by what made them
    differing: list[str]  # decks that are not the same, or that only one tree makes
    rounded: list[str]  # decks that are the same but for numbers that are off by rounding
    rf: "RfDecks"  # of buses, spelled otherwise on purpose: their results
    numbers: dict[str, tuple[int, float]]  # by quantity: values compared, largest difference of the largest value
    missing: list[str]  # numbers that only one tree gives

    @property
    def same(self) -> bool:
        """Whether nothing moved."""
        moved = [off for _, off in self.numbers.values() if off > CLOSE]
        return not self.differing and not self.missing and not moved and self.rf.difference <= CLOSE


def earlier_tree(commit: str, folder: Path) -> Path:
    """A commit of this repository in a folder, with its packages linked below `resonet`."""
    packed = subprocess.run(["git", "-C", str(ROOT), "archive", commit], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    package = folder / "resonet"
    package.mkdir()
    (package / "__init__.py").touch()  # a whole package: no part of it is looked for elsewhere
    for path in sorted(folder.iterdir()):
        if path.is_dir() and path != package:
            (package / path.name).symlink_to(path, target_is_directory=True)
    return folder


def _run(earlier: bool, folder: Path, quick: bool, tree: Path | None = None) -> None:
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    if tree:
        environment["PYTHONPATH"] = str(tree)
    which = "earlier" if earlier else "this"
    command = [sys.executable, str(JOBS), which, str(folder), *(["--quick"] if quick else [])]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{which} tree: {done.stderr[-4000:]}")


def _quantity(name: str) -> str:
    """What a number is, for people."""
    for pattern, quantity in QUANTITIES.items():
        found = re.match(pattern, name)
        if found:
            return found.expand(quantity)
    return name.partition("|")[0]


def _difference(before: NDArray[Any], now: NDArray[Any]) -> float:
    """Largest difference, of the largest value."""
    if before.shape != now.shape or not np.array_equal(np.isnan(before), np.isnan(now)):
        return float("inf")
    scale = float(np.nanmax(np.abs(before), initial=0.0)) or 1.0
    return float(np.nanmax(np.abs(now - before), initial=0.0)) / scale


def _rounded(before: str, now: str) -> bool:
    """Whether two decks differ by rounding of their numbers only."""
    words = [NUMBER.split(text) for text in (before, now)]
    values = [np.array([float(x) for x in NUMBER.findall(text)]) for text in (before, now)]
    return words[0] == words[1] and bool(np.all(np.abs(values[1] - values[0]) <= CLOSE * np.abs(values[0])))


def _compare(before: Path, now: Path, tree: Path) -> Comparison:
    from _house_rf_decks import RF_DECK, compare_rf_decks  # knows this tree only

    decks = [{path.name: path for path in (folder / "decks").iterdir()} for folder in (before, now)]
    differing, rounded = sorted(set(decks[0]) ^ set(decks[1])), list[str]()
    rf = compare_rf_decks(decks[0], decks[1], (tree / "spice_lib", ROOT / "spice_lib"))
    run = {name for name in decks[0] if RF_DECK.fullmatch(name)} | set(RESPELLED)
    for name in sorted(set(decks[0]) & set(decks[1]) - run):
        texts = [PIVOTS.sub("", VERSION.sub("", part[name].read_bytes().decode())) for part in decks]
        if texts[0] != texts[1]:
            (rounded if _rounded(*texts) else differing).append(name)
    numbers: dict[str, tuple[int, float]] = {}
    with np.load(before / "numbers.npz") as old, np.load(now / "numbers.npz") as new:
        missing = sorted(set(old.files) ^ set(new.files))
        for name in sorted(set(old.files) & set(new.files)):
            count, off = numbers.get(_quantity(name), (0, 0.0))
            numbers[_quantity(name)] = (count + old[name].size, max(off, _difference(old[name], new[name])))
    kinds = {re.sub(r"__.*", "", name) for name in decks[0]}
    count = len((set(decks[0]) | set(decks[1])) - run)
    return Comparison(count, len(kinds), differing, rounded, rf, numbers, missing)


def compare_trees(commit: str = COMMIT, quick: bool = False) -> Comparison:
    """Run all jobs in the tree of an earlier commit and in this one, and compare."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "tree").mkdir()
        tree = earlier_tree(commit, folder / "tree")
        _run(True, folder / "before", quick, tree)
        _run(False, folder / "now", quick)
        return _compare(folder / "before", folder / "now", tree)


def claims(quick: bool, commit: str = COMMIT) -> None:
    """Print how many decks and values are the same."""
    from _show import show

    found = compare_trees(commit, quick)
    show(
        f"decks of {found.kinds} jobs as at {commit}; numbers off by rounding in",
        f"{found.decks - len(found.differing)} of {found.decks}; {len(found.rounded)}",
        "all; <= 1e-12",
        not found.differing,
    )
    for name in found.differing[:10]:
        print(f"    {name}")
    rf, (earlier, now) = found.rf, found.rf.seconds
    show(
        f"RF decks, both run: {rf.values:,} phasors of {rf.decks} pairs, largest difference",
        f"{rf.difference:.1e}",
        f"<= {CLOSE:g}",
        rf.decks > 0 and rf.difference <= CLOSE,
    )
    show("processor time of the earlier RF decks over these", f"{earlier / now:.2f}", "> 1", earlier > now)
    for quantity, (count, off) in found.numbers.items():
        show(f"{quantity}: {count:,} values, largest difference", f"{off:.1e}", f"<= {CLOSE:g}", off <= CLOSE)
    show("values that only one tree gives", str(len(found.missing)), "0", not found.missing)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--commit", default=COMMIT)
    parser.add_argument("--quick", action="store_true", help="fewer transients")
    given = parser.parse_args()
    from _show import stop

    claims(given.quick, given.commit)
    stop()
