"""`resonet report`: everything that a design folder holds on one page, as a PDF, or as a data sheet."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from resonet.cli.options import Folder, Json
from resonet.cli.registry import Command
from resonet.cli.show import print_json, print_table, say

__all__ = ["COMMAND"]

ENDINGS = {"html": "report.html", "pdf": "report.pdf", "data-sheet": "data_sheet.md"}


def report_command(
    folder: Folder,
    kind: Annotated[
        Literal["html", "pdf", "data-sheet"], typer.Option("--format", help="What is written; pdf takes a Chromium.")
    ] = "html",
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="File to write (default: report/report.html of the folder).")
    ] = None,
    program: Annotated[
        Literal["coupled", "formula", "calibrated"] | None,
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
    from resonet.cli.gathering import gather
    from resonet.core.errors import InputError
    from resonet.core.files import new_file
    from resonet.report.page.build import page_of
    from resonet.report.page.pdf import find_browser, print_pdf
    from resonet.report.page.render import render
    from resonet.report.page.sheet import data_sheet
    from resonet.report.page.verdict import judge, overall

    if kind == "pdf":
        find_browser()  # before any work
    path = out or folder / "report" / ENDINGS[kind]
    if path.is_dir():
        raise InputError(f"{path}: a folder; possible: a file, such as {path / ENDINGS[kind]}")
    facts = gather(folder, spec or (), program)
    if kind == "pdf":
        print_pdf(render(page_of(facts)), path)
    else:
        text = data_sheet(facts) if kind == "data-sheet" else render(page_of(facts))
        with new_file(path) as draft:
            draft.write_text(text, encoding="utf-8", newline="\n")
    judged = judge(facts)
    state, headline = overall(judged)
    if as_json:
        stale = [{"what": one.what, "why": one.why, "again": one.again} for one in facts.stale]
        print_json({"state": state, "headline": headline, "verdict": list(judged), "stale": stale, "file": path})
        return
    rows = ((one.name, one.found, one.limit, one.state) for one in judged)
    print_table(headline, {"quantity": "left", "found": "right", "limit": "right", "verdict": "left"}, rows)
    if facts.stale:
        say(f"{len(facts.stale)} stale results are not shown: resonet status {folder}")
    say(f"report: {path}")


COMMAND = Command("analyse", report_command, stored=False)
