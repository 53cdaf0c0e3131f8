"""RF decks of an earlier commit against those of this tree: spelled otherwise on purpose, so results are compared.

Since decks are linear and element by element (netlist/bus/linear_chain.py) their bytes say nothing; ngspice runs both
texts, the earlier ones with the choice of pivots that decks ask for since, without which ngspice loses digits, and
current and precession of every resonator must be the same. The earlier names are said here.
"""

import re
import resource
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from resonet.cosim.ngspice.program import engine_environment, find_ngspice
from resonet.cosim.ngspice.raw import Plot, read_raw
from resonet.netlist.bus.linear_chain import PRECESSION, SENSE
from resonet.netlist.spice.dialect import NGSPICE

__all__ = ["RF_DECK", "RfDecks", "compare_rf_decks"]

RF_DECK = re.compile(r".*__(?!.*strip)(\w+_rf)__\d+\.cir")  # strip decks are what they were
EARLIER = ("i(v.xr{j}_{k}.vsense)", "v(x{j}_{k})")  # current and precession of resonator k of chain j
PIVOTS = NGSPICE.format_pivots()
NAME = re.compile(re.escape(SENSE).replace(r"\{j\}", r"(\d+)").replace(r"\{k\}", r"(\d+)"))


@dataclass(frozen=True, slots=True)
class RfDecks:
    """What running all of them gave."""

    decks: int  # pairs
    values: int  # phasors compared
    difference: float  # largest, of the largest of its kind in its plot
    seconds: tuple[float, float]  # processor time of ngspice: of the earlier decks, of these


def _run(text: str, name: str, folder: Path) -> tuple[list[Plot], float]:
    """Plots of a deck, run bare, and the processor time that took."""
    (folder / "decks").mkdir(exist_ok=True)
    (folder / "decks" / f"{name}.cir").write_text(text, encoding="utf-8")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [find_ngspice(), "-n", "-b", f"decks/{name}.cir"]
    done = subprocess.run(command, cwd=folder, env=engine_environment(folder), capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(f"{name}: {done.stderr.decode()[-2000:]}")
    seconds = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return read_raw(folder / f"{name}.raw"), seconds


def _apart(before: list[Plot], now: list[Plot]) -> tuple[int, float]:
    """Values compared, and the largest difference of the largest of its kind in its plot."""
    if len(before) != len(now):
        return 0, float("inf")
    count, worst = 0, 0.0
    for old, new in zip(before, now, strict=True):
        places = [found.groups() for found in map(NAME.fullmatch, new.variables) if found]
        for was, named in zip(EARLIER, (SENSE, PRECESSION), strict=True):
            one, other = (
                plot.columns([name.format(j=j, k=k) for j, k in places]) for plot, name in ((old, was), (new, named))
            )
            same = one.shape == other.shape and one.size and np.array_equal(old.axis, new.axis)
            worst = max(worst, float(np.abs(one - other).max() / np.abs(one).max()) if same else float("inf"))
            count += one.size
        if 2 * len(places) != len(old.variables) - 1:  # a resonator is missing, or saved once only
            worst = float("inf")
    return count, worst


def compare_rf_decks(before: dict[str, Path], now: dict[str, Path], libraries: tuple[Path, Path]) -> RfDecks:
    """Run the RF decks of both trees, by file name, each pair of texts once; `libraries` hold their .lib files."""
    seen: set[tuple[str, str]] = set()
    values, worst, seconds = 0, 0.0, np.zeros(2)
    with tempfile.TemporaryDirectory() as scratch:
        folders = [Path(scratch, which) for which in ("before", "now")]
        for folder, library in zip(folders, libraries, strict=True):
            folder.mkdir()
            (folder / "lib").symlink_to(library, target_is_directory=True)
        for file in sorted(set(before) & set(now)):
            found = RF_DECK.fullmatch(file)
            title, _, rest = before[file].read_text(encoding="utf-8").partition("\n")
            texts = f"{title}\n{PIVOTS}\n{rest}", now[file].read_text(encoding="utf-8")
            if found is None or texts in seen:
                continue
            seen.add(texts)
            ran = [_run(text, found[1], folder) for text, folder in zip(texts, folders, strict=True)]
            count, off = _apart(ran[0][0], ran[1][0])
            values, worst = values + count, max(worst, off)
            seconds += [ran[0][1], ran[1][1]]
    return RfDecks(len(seen), values, worst, (float(seconds[0]), float(seconds[1])))
