"""Every reader of files and texts from outside, on thousands of broken inputs, each in a child with bounds.

    python benchmarks/fuzz_readers.py --cases 10000 [--reader curve] [--from 0]

A child reads a batch under RLIMIT_AS of 2 GiB and 5 s of processor time a case; where it dies, the case that it was at
is the culprit, and another child goes on behind it. Exit status 1 if there was a fault. The inputs are the same in
every run, and `make test` has the first 200 of each (tests/fuzz; a new reader is a line of READERS there).
"""

import argparse
import json
import math
import mmap
import os
import resource
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # each thread of it takes address space
TESTS = Path(__file__).parents[1] / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "fuzz")]

from readers import READERS, Case, run_case  # noqa: E402 - found by the line above

MEMORY = 2 << 30  # bytes
SECONDS = 5
BATCH = 500
KINDS = ("accepted", "refused", "traceback", "over 5 s", "over 2 GiB", "outside")
BY_SIGNAL = {signal.SIGXCPU: "over 5 s", signal.SIGKILL: "over 2 GiB"}


def _kind(case: Case) -> str:
    memory = case.outcome == "traceback" and case.detail.startswith("MemoryError")
    return "over 2 GiB" if memory else case.outcome


def _child(name: str, numbers: range, good: list[bytes], at: mmap.mmap, told: Path) -> None:
    """Read a batch; the outcome of each case goes to `told`, the number of the case before it is read to `at`."""
    warnings.simplefilter("error")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory() as place, told.open("a") as file:
        (Path(place) / "case").mkdir()
        (Path(place) / "here").mkdir()
        os.chdir(Path(place) / "here")
        for number in numbers:
            at[:8] = number.to_bytes(8, "little")
            used = resource.getrusage(resource.RUSAGE_SELF)
            hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
            resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(used.ru_utime + used.ru_stime) + SECONDS, hard))
            case = run_case(name, number, good, Path(place) / "case")
            if os.listdir():  # noqa: PTH208 - the folder that it runs in
                case = Case("outside", str(os.listdir()))  # noqa: PTH208
            file.write(json.dumps([number, _kind(case), case.detail]) + "\n")
            file.flush()


def fuzz(name: str, numbers: range) -> tuple[Counter[str], list[tuple[int, str, str]]]:
    """Outcomes of a reader by kind, and its faults: number, kind, what happened."""
    counts: Counter[str] = Counter()
    faults = []
    with tempfile.TemporaryDirectory() as folder:
        good_folder, told = Path(folder) / "good", Path(folder) / "told"
        good_folder.mkdir()
        good = READERS[name].good(good_folder)
        at, first = mmap.mmap(-1, 8), numbers.start
        while first < numbers.stop:
            batch = range(first, min(first + BATCH, numbers.stop))
            told.write_text("")
            child = os.fork()
            if child == 0:
                try:
                    _child(name, batch, good, at, told)
                    os._exit(0)
                except BaseException:
                    os._exit(70)
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            done = [json.loads(line) for line in told.read_text().splitlines()]
            counts.update(kind for _, kind, _ in done)
            faults += [tuple(one) for one in done if one[1] not in ("accepted", "refused")]
            first = batch.stop
            if status:
                culprit = int.from_bytes(at[:8], "little")
                kind = BY_SIGNAL.get(-status, "traceback")
                counts[kind] += 1
                faults.append((culprit, kind, f"the process ended with {status}"))
                first = culprit + 1
    return counts, faults


def main() -> None:
    """Fuzz, print the table, then every fault."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=10_000, help="of each reader")
    parser.add_argument("--from", type=int, default=0, dest="first", help="number of the first case")
    parser.add_argument("--reader", choices=list(READERS), help="only this one")
    given = parser.parse_args()
    print(f"{'reader':<24}{'cases':>8}" + "".join(f"{kind:>12}" for kind in KINDS) + f"{'s':>8}", flush=True)
    every = []
    for name in [given.reader] if given.reader else READERS:
        start = time.perf_counter()
        counts, faults = fuzz(name, range(given.first, given.first + given.cases))
        cells = "".join(f"{counts[kind]:>12}" for kind in KINDS)
        print(f"{name:<24}{counts.total():>8}{cells}{time.perf_counter() - start:>8.0f}", flush=True)
        every += [(name, *fault) for fault in faults]
    for name, number, kind, detail in every:
        print(f"{name}, case {number}: {kind}: {detail}")
    print(f"\n{len(every)} faults" if every else "\nno faults")
    sys.exit(bool(every))


if __name__ == "__main__":
    main()
