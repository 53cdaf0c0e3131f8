"""`resonet report`: everything that a design folder holds on one page, as a PDF, or as a data sheet."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from resonet.cli.options import Folder, Json
from resonet.cli.registry import Command
from resonet.cli.show import print_json, print_table, say

__all__ = ["COMMAND"]


def report_command(
    folder: Folder,
    kind: Annotated[
        Literal["html", "pdf", "data-sheet"], typer.Option("--format", help="What is written; pdf takes a Chromium.")
    ] = "html",
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="File to write (default: report/report.html of the folder).")
    ] = None,
    program: Annotated[
        Literal["formula", "coupled", "calibrated"] | None,
        typer.Option("--program", help="The program that is judged (default: calibrated, where there is one)."),
    ] = None,
    spec: Annotated[
        list[str] | None,
        typer.Option("--spec", help='A limit, such as "accuracy >= 98 %"; beside [specification] and [acceptance].'),
    ] = None,
    as_json: Json = False,
) -> None:
    """One page of all that was computed: verdict against the limits, then layer by layer; offline, interactive.

    Nothing is computed anew: what is not there, or no longer holds, stands with the command that makes it.

    Example: resonet report build --spec "accuracy >= 98 %"
    """
    from resonet.api.pages import write_report

    made = write_report(folder, out, kind=kind, program=program, spec=spec or ())
    if as_json:
        stale = [{"what": one.what, "why": one.why, "again": one.again} for one in made.stale]
        page = {"state": made.state, "headline": made.headline, "verdict": list(made.verdict)}
        print_json(page | {"stale": stale, "file": made.file})
        return
    rows = ((one.name, one.found, one.limit, one.state) for one in made.verdict)
    print_table(made.headline, {"quantity": "left", "found": "right", "limit": "right", "verdict": "left"}, rows)
    if made.stale:
        say(f"{len(made.stale)} stale results are not shown: resonet status {folder}")
    say(f"report: {made.file}")


COMMAND = Command("analyse", report_command, stored=False)
