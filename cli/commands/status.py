"""`resonet status`: what a design folder holds, what of it is stale and why, what is missing."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

from resonet.cli.options import Folder, Json
from resonet.cli.registry import Command
from resonet.cli.replay import Record, changed_files, dependencies, read_record
from resonet.cli.show import print_json, print_table, say
from resonet.core.errors import EngineError
from resonet.core.sources import file_hash

__all__ = ["COMMAND"]

MOST_EDITS = 20  # files that are named


@dataclass(frozen=True, slots=True)
class _Line:
    """One thing that a folder holds or could hold."""

    what: str
    state: str  # fresh, stale, damaged, missing, or how far
    why: str


def _weights(folder: Path, design: Any) -> list[_Line]:
    """Effective weights of every layer and program."""
    from resonet.cosim.feed.feeds import feed_of
    from resonet.cosim.feed.store import changed_parts, effective_path, result_parts, stored_parts
    from resonet.netlist.programming.methods import Method

    found = []
    names = [entry.layer.name for entry in design.plan.layers]
    for method in get_args(Method):
        for name in names:
            feed = feed_of(design, name)
            if method not in feed.every:
                continue
            what, path = f"effective weights, {name}, {method}", effective_path(folder, name, method)
            if method not in feed.programs(design):
                found.append(_Line(what, "missing", "no such program: resonet calibrate"))
            elif not path.is_file():
                found.append(_Line(what, "missing", f"resonet crosstalk --layer {name}"))
            else:
                stored = stored_parts(path)
                changed = [] if stored is None else changed_parts(stored, result_parts(design, name, method))
                state = "damaged" if stored is None else "stale" if changed else "fresh"
                found.append(_Line(what, state, "changed: " + ", ".join(changed) if changed else ""))
    return found


def _codes(design: Any) -> list[_Line]:
    """Grids that weights were trained on."""
    layers = [entry.layer for entry in design.plan.layers]
    return [_Line(layer.name, "trained", str(grid)) for layer in layers for grid in layer.grids]


def _decks(folder: Path) -> list[_Line]:
    """Decks and libraries that are not as they were written."""
    from resonet.netlist.design.written import MEANING, edited_files

    edits = edited_files(folder)
    lines = [
        _Line(name, state, MEANING if state == "edited" else "") for name, state in list(edits.items())[:MOST_EDITS]
    ]
    more = len(edits) - len(lines)
    return lines + ([_Line(f"{more} more", "edited", MEANING)] if more > 0 else [])


def _runs(folder: Path) -> list[_Line]:
    """Commands that were run on the folder."""
    found = []
    records = {path: read_record(path) for path in sorted((folder / "runs").glob("*.json"))}
    left_by: dict[tuple[str, str], Record] = {}  # by file and hash
    for known in sorted(filter(None, records.values()), key=lambda known: known.date):
        left_by |= dict.fromkeys(known.files.items(), known)
    for path, record in records.items():
        if record is None:
            found.append(_Line(f"runs/{path.name}", "damaged", "delete it"))
            continue
        now = dependencies(record.arguments, Path(record.place))
        changed = [Path(name).name for name in now if record.depends_on.get(name) != now[name]]
        changed += [f"{Path(name).name} (gone)" for name in record.depends_on if name not in now]
        lost, later = _changed(record, left_by)
        why = [f"changed: {', '.join(changed)}"] if changed else []
        why += [f"{len(lost)} of its files changed or gone, such as {Path(lost[0]).name}"] if lost else []
        what, told = " ".join(["resonet", *record.arguments]), f"{record.date}, {record.seconds:.1f} s"
        if later:
            told += f"; {Path(next(iter(later))).name} is now of: {' '.join(['resonet', *next(iter(later.values()))])}"
        found.append(_Line(what, "stale" if why else "fresh", "; ".join(why) or told))
    return found


def _changed(record: Record, left_by: Mapping[tuple[str, str], Record]) -> tuple[list[str], dict[str, list[str]]]:
    """Files that are no longer as a run left them; and those that a later run wrote anew, with its words.

    The latter are no sign that its numbers are out of date: it makes those files again when it is run again.
    """
    lost, later = [], {}
    for name in changed_files(record):
        by = left_by.get((name, file_hash(Path(name)))) if Path(name).is_file() else None
        if by is not None and by.date >= record.date:
            later[name] = by.arguments
        else:
            lost.append(name)
    return lost, later


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


def _outdated(sweep: Any, key: str) -> bool:
    """Whether the points would come out otherwise now."""
    from resonet.core.errors import InputError
    from resonet.cosim.sweep.sweep import sweep_key

    try:
        return sweep_key(sweep) != key
    except (InputError, EngineError):
        return True


def _sweeps(folder: Path) -> list[_Line]:
    """Sweeps, whole or not."""
    from resonet.core.errors import InputError
    from resonet.cosim.sweep.journal import read_journal
    from resonet.cosim.sweep.sweep import sweep_from_table

    found = []
    for path in sorted((folder / "results").glob("sweep_*.jsonl")):
        try:
            head, outcomes = read_journal(path)
            sweep, total = sweep_from_table(head), int(head["points"])
        except (InputError, KeyError, TypeError, ValueError):
            found.append(_Line(path.name, "damaged", "delete it"))
            continue
        names = " x ".join(f"{axis.name!s:.60} ({len(axis.values)})" for axis in sweep.axes)
        failed = len(outcomes.failed())
        state = "fresh" if len(outcomes) == total else f"{len(outcomes)} of {total}"
        why = f"{failed} points failed" if failed else "" if state == "fresh" else "the same command goes on with it"
        if _outdated(sweep, str(head["key"])):
            state, why = "stale", "changed: design, images, code or engine"
        found.append(_Line(f"{path.stem} over {names}", state, why))
    return found


def status_command(
    folder: Folder,
    as_json: Json = False,
) -> None:
    """What a design folder holds: what is fresh, what is stale and why, what is missing, how far sweeps are.

    Example: resonet status build
    """
    from resonet.netlist.design.folder import load_design

    design = load_design(folder)
    try:
        weights = _weights(folder, design)
    except EngineError as error:
        weights = [_Line("effective weights", "unknown", str(error))]
    parts = {"decks": _decks(folder), "weights": weights, "warnings": _warnings(folder)}
    parts |= {"codes": _codes(design), "sweeps": _sweeps(folder), "runs": _runs(folder)}
    if as_json:
        print_json({"folder": folder} | {name: [asdict(line) for line in lines] for name, lines in parts.items()})
        return
    titles = {
        "decks": "decks and libraries",
        "weights": "results",
        "warnings": "warnings of validity, of the last run",
        "codes": "weights on a grid of codes (resonet quantise --bits network)",
        "sweeps": "sweeps",
        "runs": "commands, which print again what they printed",
    }
    for name, lines in parts.items():
        if lines:
            columns = {titles[name]: "left", "state": "left", "why": "left"}
            print_table(f"{folder}: {name}", columns, ((line.what, line.state, line.why) for line in lines))
    states = [line.state for name, lines in parts.items() if name not in ("warnings", "codes") for line in lines]
    told = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    told += f"; {len(parts['warnings'])} warnings" if parts["warnings"] else ""
    say(f"all in all: {told}")


COMMAND = Command("look", status_command, stored=False, writes=False)
