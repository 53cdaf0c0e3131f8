"""`resonet clean`: takes out of a design folder what is stale, too much, or left by commands that were killed."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from resonet.api.replay import changed_files, dependencies, read_record
from resonet.cli.options import Folder, Json
from resonet.cli.registry import Command
from resonet.cli.show import print_json, print_table, say

__all__ = ["COMMAND"]


def _stale_result(folder: Path, design: Any, path: Path) -> str:
    """Why effective weights are of no use any more; empty where they are, and for sweeps and chips."""
    from resonet.cosim.feed.store import changed_parts, effective_path, result_parts, stored_parts
    from resonet.netlist.design.tidy import STUDIES

    for method in design.programs:
        for entry in design.plan.layers:
            if path == effective_path(folder, entry.layer.name, method):
                stored = stored_parts(path)
                changed = (
                    [] if stored is None else changed_parts(stored, result_parts(design, entry.layer.name, method))
                )
                return "damaged" if stored is None else f"stale: {', '.join(changed)} changed" if changed else ""
    if path.name.partition("_")[0] in STUDIES:  # only a bound or --all ends these
        return ""
    return "of no layer or program of this design"


def _stale_record(path: Path) -> str:
    record = read_record(path)
    if record is None:
        return "damaged"
    changed = record.depends_on != dependencies(record.arguments, Path(record.place))
    return "stale" if changed or changed_files(record) else ""


def clean_command(
    folder: Folder,
    everything: Annotated[bool, typer.Option("--all", help="All results and records, also those that hold.")] = False,
    dry: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    as_json: Json = False,
) -> None:
    """Remove stale results and records, what is over their bounds, and what killed commands left.

    The design, its programs, decks, report, sweeps and Monte Carlo runs stay. Example: resonet clean build --dry-run
    """
    from resonet.netlist.design.folder import load_design
    from resonet.netlist.design.tidy import clean_design

    design = load_design(folder)

    def stale(path: Path) -> str:
        return _stale_record(path) if path.parent.name == "runs" else _stale_result(folder, design, path)

    found = clean_design(folder, stale, everything, dry)
    if as_json:
        print_json({"folder": folder, "dry_run": dry, "removed": [asdict(one) for one in found]})
        return
    if found:
        rows = [(str(one.path), f"{one.size / 1000:,.1f} kB", one.why) for one in found]
        title = f"{folder}: {'would be removed' if dry else 'removed'}"
        print_table(title, {"what": "left", "size": "right", "why": "left"}, rows)
    size = sum(one.size for one in found) / 1e6
    say(f"{len(found)} files, {size:,.2f} MB {'would be' if dry else 'were'} removed")


COMMAND = Command("tools", clean_command)
