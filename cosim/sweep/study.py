"""A study of many points: what is the same for a sweep over parameters and for chips of a Monte Carlo.

A study says what computes a point, and everything that the points depend on; from that comes its key. As long as points
are missing, `results/<kind>_<key>.jsonl` keeps those that are done, so that a run that was killed goes on where it was.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import numpy as np

from resonet.core.errors import EngineError, InputError
from resonet.core.plugins import plugged_code
from resonet.core.sources import PHYSICS, file_hash, source_hash
from resonet.core.validity import Warned, warn
from resonet.core.watching import Done, nothing
from resonet.cosim.sweep.journal import Journal, open_journal
from resonet.cosim.sweep.outcomes import Outcomes
from resonet.cosim.sweep.points import Outcome, open_workers, run_points
from resonet.cosim.sweep.workers import Work
from resonet.cosim.weights.engines import ENGINES, find_engine

__all__ = ["Study", "from_table", "run_study", "study_key"]

MOST_BREAKS = 3  # times that a pool of processes is opened anew
Record = TypeVar("Record")


@dataclass(frozen=True, slots=True)
class Study:
    """What is computed."""

    kind: str  # how the names of its files begin
    key: str  # of everything that the points depend on
    table: dict[str, Any]  # says to whoever reads the journal what it is
    count: int  # of points
    work: Work  # what computes a point; can be pickled
    first: Callable[[], object] = nothing  # tells what is wrong for all points before the first is handed out
    ordered: Callable[[list[int]], list[int]] = list  # points in the order in which they are handed out


def study_key(what: dict[str, Any], files: Sequence[Path], engine: str) -> str:
    """Hash of what the points depend on: `what`, the files, the engine, our code and plug-ins.

    Raises InputError where this machine does not see one of the files.
    """
    try:
        hashes = {path.name: file_hash(path) for path in files}
    except OSError as error:
        raise InputError(f"{error.filename}: cannot be read here ({error.strerror})") from None
    engines = [find_engine(engine).version(), ENGINES.code_of(engine)]
    plugins = plugged_code("resonet.activations", "resonet.devices", "resonet.onnx_operators")
    text = json.dumps([what | hashes, engines, plugins, source_hash(*PHYSICS), np.__version__], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def from_table(kind: type[Record], table: dict[str, Any]) -> Record:
    """A record of that kind from what `asdict` made of it, as the first line of a journal has it.

    KeyError, TypeError or InputError for what is none.
    """
    hints, found = get_type_hints(kind), dict[str, Any]()
    for spec in fields(kind):  # type: ignore[arg-type]
        value, of = table[spec.name], hints[spec.name]
        if is_dataclass(of):
            value = from_table(of, value)  # type: ignore[arg-type]
        found[spec.name] = tuple(value) if isinstance(value, list) else value
    return kind(**found)


def _warn_again(outcomes: Iterable[Outcome]) -> None:
    """Warnings of the points, wherever they were computed: of each kind the one that is furthest off."""
    given = [Warned(**entry) for outcome in outcomes for entry in (outcome.values or {}).get("warnings", [])]
    for code in dict.fromkeys(entry.code for entry in given):
        alike = [entry for entry in given if entry.code == code]
        worst = max(alike, key=lambda entry: entry.value / entry.limit)
        more = f" (and at {len(alike) - 1} other points)" if len(alike) > 1 else ""
        warn(code, worst.text + more, worst.value, worst.limit, worst.unit)


def _compute(
    journal: Journal,
    missing: list[int],
    work: Callable[[int], dict[str, Any]],
    workers: tuple[int | None, str | None],
    done: Done,
) -> None:
    """Points that are missing, whatever becomes of the workers. Raises EngineError where processes keep dying."""

    def ended(number: int, outcome: Outcome) -> None:
        journal.end(number, outcome)
        done()

    for _ in range(MOST_BREAKS):
        left = [number for number in missing if number not in journal.outcomes]
        try:
            with open_workers(work, *workers) as opened:
                run_points(left, opened, journal.begin, ended)
            return
        except BrokenExecutor:  # a process was killed: its point and those behind it are handed out again
            continue
    raise EngineError(
        f"processes were killed {MOST_BREAKS} times (memory?); what is done is kept; possible: fewer --jobs"
    )


def run_study(
    study: Study,
    folder: Path,
    jobs: int | None = None,
    scheduler: str | None = None,
    done: Done = nothing,
) -> tuple[Path, Outcomes]:
    """Compute what is missing of a study; the path of its journal and the outcome of every point.

    `done` is called for every point, also for what was known. A point that failed keeps its error, and is computed
    again the next time only if an engine or a worker broke down. Raises InputError, EngineError.
    """
    path = folder / "results" / f"{study.kind}_{study.key}.jsonl"
    with open_journal(path, {"key": study.key, "points": study.count} | study.table) as journal:
        missing = [number for number in range(study.count) if number not in journal.outcomes]
        for _ in range(study.count - len(missing)):
            done()
        if missing:
            study.first()
        _compute(journal, study.ordered(missing), study.work, (jobs, scheduler), done)
        outcomes = journal.outcomes
    _warn_again(outcomes.values())
    return path, outcomes
