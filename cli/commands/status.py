"""`resonet status`: what a design folder holds, what of it is stale and why, what is missing."""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from resonet.api.kept import kept_runs
from resonet.api.replay import DESIGN, PACKAGES
from resonet.cli.options import Folder, Json
from resonet.cli.registry import Command
from resonet.cli.show import print_json, print_table, say
from resonet.core.errors import EngineError
from resonet.core.seen import Seen, seen
from resonet.core.sources import source_hash

__all__ = ["COMMAND"]

MOST_EDITS = 20  # files that are named
UNFINISHED = re.compile(r"\d+ of \d+")  # state of a study


@dataclass(frozen=True, slots=True)
class _Line:
    """One thing that a folder holds or could hold."""

    what: str
    state: str  # fresh, stale, damaged, missing, or how far
    why: str


def _programs(design: Any, layer: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Programs that a layer can ever have, and those that it has."""
    from resonet.netlist.programming.methods import METHODS

    if design.feed(layer) == "bus":
        return METHODS, tuple(design.programs)
    from resonet.cosim.feed.feeds import feed_of  # strip lines take long to load

    feed = feed_of(design, layer)
    return feed.every, feed.programs(design)


def _kept(path: Path) -> str:
    """What a stored result was computed from, and what it was checked by."""
    from resonet.cosim.feed.store import stored_result

    found = stored_result(path)
    told = found and [found.depends_on, str(found.witness) if found.witness else ""]
    return json.dumps(told)


def _stored(folder: Path, design: Any, layer: str, method: Any, table: Seen, engine: Any) -> _Line | None:
    """Whether stored effective weights by an engine still hold; None where there are none."""
    if not (folder / "results").is_dir() or not any((folder / "results").glob("effective_*.nc")):
        return None
    from resonet.cosim.feed.store import changed_parts, effective_path, result_parts

    path = table.folder / effective_path(folder, layer, method, engine).relative_to(folder)
    if not path.is_file():
        return None
    stored, checked = json.loads(table.of(path, "kept", lambda: _kept(path))) or (None, "")
    if design.feed(layer) == "bus":  # hashes of a million numbers: made once for the same files, code and engine
        files = (path.name, *(table.hash(table.folder / name) for name in DESIGN if (table.folder / name).is_file()))
        on = hashlib.sha256("".join([*files, source_hash(*PACKAGES), engine.version()]).encode()).hexdigest()
        key = f"{layer} {method} {engine.name}"
        made = partial(result_parts, design, layer, method, engine)
        told = table.of(table.folder / "program.npz", key, lambda: json.dumps(made()), on)
        now = json.loads(told)
    else:
        now = result_parts(design, layer, method, engine)
    changed = [] if stored is None else changed_parts(stored, now)
    state = "damaged" if stored is None else "stale" if changed else "fresh"
    return _Line("", state, "changed: " + ", ".join(changed) if changed else checked)


def _weights(folder: Path, design: Any) -> list[_Line]:
    """Effective weights of every layer and program."""
    from resonet.cosim.weights.engines import ENGINES, auto
    from resonet.netlist.programming.methods import OF_WEIGHTS

    engines = [engine for engine in ENGINES.values() if engine.runs_decks and engine.name != auto.name]
    found, names = [], [entry.layer.name for entry in design.plan.layers]
    programs = {name: _programs(design, name) for name in names}
    with seen(folder) as table:
        for method in OF_WEIGHTS:
            for name in names:
                every, there = programs[name]
                if method not in every:
                    continue
                what, line = f"effective weights, {name}, {method}", None
                if method not in there:
                    line = _Line("", "missing", "no such program: resonet calibrate")
                line = line or _stored(folder, design, name, method, table, auto)
                line = line or _Line("", "missing", f"resonet crosstalk --layer {name}")
                found.append(replace(line, what=what))
                others = ((e.name, _stored(folder, design, name, method, table, e)) for e in engines if method in there)
                found += [replace(line, what=f"{what}, by {by}") for by, line in others if line]
    return found


def _codes(design: Any) -> list[_Line]:
    """Grids that weights were trained on."""
    layers = [entry.layer for entry in design.plan.layers]
    return [_Line(layer.name, "trained", str(grid)) for layer in layers for grid in layer.grids]


def _decks(folder: Path, design: Any) -> list[_Line]:
    """Decks and libraries that are not as they were written, and how many are not written."""
    from resonet.netlist.design.decks import written_decks
    from resonet.netlist.design.written import MEANING, edited_files

    edits, lines = edited_files(folder), []
    for program in design.programs:
        there, listed = written_decks(folder / "decks" / program)
        if there < listed and not any(name.startswith(f"decks/{program}/") for name in edits):
            why = f"the others: resonet decks --program {program}"
            lines.append(_Line(f"decks, {program}", "on demand", f"{there:,} of {listed:,} written; {why}"))
    lines += [
        _Line(name, state, MEANING if state == "edited" else "") for name, state in list(edits.items())[:MOST_EDITS]
    ]
    more = len(edits) - MOST_EDITS
    return lines + ([_Line(f"{more} more", "edited", MEANING)] if more > 0 else [])


def _runs(folder: Path) -> list[_Line]:
    """Commands that were run on the folder."""
    found = []
    for run in kept_runs(folder):
        if run.record is None:
            found.append(_Line(f"runs/{run.path.name}", "damaged", "delete it"))
            continue
        told = f"{run.record.date}, {run.record.seconds:.1f} s"
        if run.later:
            told += f"; {Path(next(iter(run.later))).name} is now of: {next(iter(run.later.values()))}"
        found.append(_Line(run.words, "stale" if run.why else "fresh", run.why or told))
    return found


def _warnings(folder: Path) -> list[_Line]:
    """Warnings of validity that commands left."""
    found = []
    for path in sorted((folder / "results").glob("warnings_*.json")):
        what = f"resonet {path.stem.removeprefix('warnings_')}"
        try:
            entries = json.loads(path.read_text(encoding="utf-8"))
            found += [_Line(what, str(entry["code"]), str(entry["text"])) for entry in entries]
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            found.append(_Line(what, "damaged", f"delete results/{path.name}"))
    return found


def _outdated(key: Callable[[], str], known: str) -> bool:
    """Whether the points would come out otherwise now."""
    from resonet.core.errors import InputError

    try:
        return key() != known
    except (InputError, EngineError):
        return True


def _study(path: Path, read: Callable[[dict[str, Any]], tuple[str, Callable[[], str]]]) -> _Line:
    """How far a study is; `read` tells of its journal's first line what it is over, and makes its key anew."""
    from resonet.core.errors import InputError
    from resonet.cosim.sweep.journal import read_journal

    try:
        head, outcomes = read_journal(path)
        (over, key), total = read(head), int(head["points"])
    except (InputError, KeyError, TypeError, ValueError):
        return _Line(path.name, "damaged", "delete it")
    failed = len(outcomes.failed())
    state = "fresh" if len(outcomes) >= total else f"{len(outcomes)} of {total}"
    why = f"{failed} points failed" if failed else "" if state == "fresh" else "the same command goes on with it"
    if _outdated(key, str(head["key"])):
        state, why = "stale", "changed: design, images, code or engine"
    return _Line(f"{path.stem} over {over}", state, why)


def _sweep(head: dict[str, Any]) -> tuple[str, Callable[[], str]]:
    from resonet.cosim.sweep.sweep import sweep_from_table, sweep_key

    sweep = sweep_from_table(head)
    return " x ".join(f"{axis.name!s:.60} ({len(axis.values)})" for axis in sweep.axes), partial(sweep_key, sweep)


def _chips(kind: str, head: dict[str, Any]) -> tuple[str, Callable[[], str]]:
    from resonet.cosim.robust.studies import CHIP_STUDIES

    study = CHIP_STUDIES[kind]
    return f"{head['points']:,} {study.points}", partial(study.key, study.read(head))


def _studies(folder: Path) -> list[_Line]:
    """Sweeps and studies of chips, whole or not."""
    from resonet.netlist.design.tidy import STUDIES

    return [
        _study(path, _sweep if kind == "sweep" else partial(_chips, kind))
        for kind in STUDIES
        for path in sorted((folder / "results").glob(f"{kind}_*.jsonl"))
    ]


def status_command(
    folder: Folder,
    as_json: Json = False,
) -> None:
    """What a design folder holds: what is fresh, what is stale and why, what is missing, how far sweeps and chips are.

    Example: resonet status build
    """
    from resonet.netlist.design.folder import load_design

    design = load_design(folder)
    try:
        weights = _weights(folder, design)
    except EngineError as error:
        weights = [_Line("effective weights", "unknown", str(error))]
    parts = {"decks": _decks(folder, design), "weights": weights, "warnings": _warnings(folder)}
    parts |= {"codes": _codes(design), "sweeps": _studies(folder), "runs": _runs(folder)}
    if as_json:
        print_json({"folder": folder} | {name: [asdict(line) for line in lines] for name, lines in parts.items()})
        return
    titles = {
        "decks": "decks and libraries",
        "weights": "results",
        "warnings": "warnings of validity, of the last run",
        "codes": "weights on a grid of codes (resonet quantise --bits network)",
        "sweeps": "sweeps and chips",
        "runs": "commands, which print again what they printed",
    }
    for name, lines in parts.items():
        if lines:
            columns = {titles[name]: "left", "state": "left", "why": "left"}
            print_table(f"{folder}: {name}", columns, ((line.what, line.state, line.why) for line in lines))
    states = [
        "unfinished" if UNFINISHED.fullmatch(line.state) else line.state
        for name, lines in parts.items()
        if name not in ("warnings", "codes")
        for line in lines
    ]
    told = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    told += f"; {len(parts['warnings'])} warnings" if parts["warnings"] else ""
    say(f"all in all: {told}")


COMMAND = Command("analyse", status_command, stored=False, writes=False)
