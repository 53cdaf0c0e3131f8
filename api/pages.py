"""The page of a design: a verdict against its limits, and everything that was computed and still holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from resonet.api.inputs import PathText
from resonet.core.tabled import Table, Tabled

if TYPE_CHECKING:
    from resonet.report.page.facts import Stale
    from resonet.report.page.verdict import Judged

__all__ = ["ENDINGS", "ReportFile", "write_report"]

ENDINGS = {"html": "report.html", "pdf": "report.pdf", "data-sheet": "data_sheet.md"}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ReportFile(Tabled):
    """The verdict, and the file that says all."""

    file: Path
    state: str
    headline: str
    verdict: "tuple[Judged, ...]"
    stale: "tuple[Stale, ...]"  # what no longer holds and is not shown

    @property
    def table(self) -> Table:
        """The verdict."""
        rows = [(one.name, one.found, one.limit, one.state) for one in self.verdict]
        notes = [f"report: {self.file}"] + ([f"{len(self.stale)} stale results are not shown"] if self.stale else [])
        return Table(self.headline, ("quantity", "found", "limit", "verdict"), rows, notes)


def write_report(
    folder: PathText,
    out: PathText | None = None,
    *,
    kind: Literal["html", "pdf", "data-sheet"] = "html",
    program: Literal["formula", "coupled", "calibrated"] | None = None,
    spec: Sequence[str] = (),
) -> ReportFile:
    """One page of all that a design folder holds; what is not there stands with the command that makes it.

    `out`: file (default: report/report.html of the folder); kind pdf takes a Chromium; `program`: the one that is
    judged (default: calibrated, where there is one); `spec`: limits such as "accuracy >= 98 %", beside those of
    [specification] and [acceptance]. Nothing is computed anew. `rn.report(folder, out)` is the same. Raises InputError,
    EngineError.

    >>> page = rn.write_report(build, out=build / "page.html")
    >>> page.file.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    True
    """
    from resonet.api.gathering import gather
    from resonet.core.errors import InputError
    from resonet.core.files import new_file
    from resonet.report.page.build import page_of
    from resonet.report.page.pdf import find_browser, print_pdf
    from resonet.report.page.render import render
    from resonet.report.page.sheet import data_sheet
    from resonet.report.page.verdict import judge, overall

    if kind not in ENDINGS:
        raise InputError(f"kind {str(kind)[:40]!r}: possible: {', '.join(ENDINGS)}")
    if kind == "pdf":
        find_browser()  # before any work
    place, chosen = Path(folder), program
    path = Path(out) if out is not None else place / "report" / ENDINGS[kind]
    if path.is_dir():
        raise InputError(f"{path}: a folder; possible: a file, such as {path / ENDINGS[kind]}")
    facts = gather(place, spec, chosen)
    if kind == "pdf":
        print_pdf(render(page_of(facts)), path)
    else:
        text = data_sheet(facts) if kind == "data-sheet" else render(page_of(facts))
        with new_file(path) as draft:
            draft.write_text(text, encoding="utf-8", newline="\n")
    judged = judge(facts)
    state, headline = overall(judged)
    return ReportFile(path, state, headline, tuple(judged), tuple(facts.stale))
