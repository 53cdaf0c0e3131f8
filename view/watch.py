"""What goes on in a design folder: journals that grow, results that become known, damage. Nothing is written into it.

Two threads look: one at the journals, which takes no time, one at what the report is made of, which may take a second.
Whoever shows it waits for `version` to change, and reads the rest.
"""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resonet.core.errors import EngineError, InputError
from resonet.core.leftovers import untouched
from resonet.core.text import visible
from resonet.core.validity import collected
from resonet.netlist.design.folder import load_design
from resonet.report.page.build import page_of
from resonet.report.page.render import check_names, environment
from resonet.view.studies import FollowedStudy

if TYPE_CHECKING:
    from resonet.netlist.design.design import Design
    from resonet.report.page.facts import Facts

__all__ = ["Watch"]

LOOK = 0.2  # s between two looks
QUIET = 2  # looks without a change until the report is made anew: a command writes several files
MOST_STUDIES = 12  # the last that changed
SOURCES = ("design.toml", "model.onnx", "program.npz", "calibrated.npz", "fitted.npz")
FOLDERS = ("results", "runs")
GROWING = (".jsonl", ".lock")  # of `results/`: what a study writes while it runs
Signature = tuple[tuple[str, int, int, int], ...]


def _stamps(folder: Path, names: Iterator[Path]) -> Signature:
    found = []
    for path in names:
        try:
            facts = path.stat()
        except OSError:
            continue
        found.append((path.name, facts.st_mtime_ns, facts.st_size, facts.st_ino))
    return tuple(sorted(found))


class Watch:
    """A design folder, as it is now. `gather` finds what its report is made of; it raises InputError, EngineError."""

    def __init__(self, folder: Path, gather: "Callable[[Path], Facts]") -> None:
        self.folder, self._gather = folder, gather
        self.version = 0  # of anything below
        self.design: Design | None = None
        self.design_version = 0
        self.report: dict[str, Any] = {"version": 0, "title": folder.name, "subtitle": "", "contents": "", "html": ""}
        self.problem = ""  # why there is no design to be seen, in one line
        self.trouble = ""  # why there is no report to be seen
        self.studies: dict[str, FollowedStudy] = {}
        self.lock = threading.Lock()  # of the studies
        self._told: list[dict[str, Any]] = []  # of the studies
        self._of_design: Signature | None = None
        self._ended = threading.Event()
        self._environment = environment()

    def begin(self) -> None:
        """Look for the first time, and from here on in threads of its own."""
        self.look_at_design()
        self.look_at_studies()
        for look in (self._follow_studies, self._follow_report):
            threading.Thread(target=look, name=look.__name__, daemon=True).start()

    def end(self) -> None:
        """No more looks."""
        self._ended.set()

    def _tell(self) -> None:
        self.version += 1

    def state(self) -> dict[str, Any]:
        """All that changes by itself, for the page."""
        return {
            "folder": visible(str(self.folder)),
            "problem": visible(self.problem),
            "trouble": visible(self.trouble),
            "design": self.design_version,
            "report": self.report["version"],
            "studies": self._told,
        }

    # The design

    def look_at_design(self) -> bool:
        """Read the design anew where its files changed; whether that was so."""
        now = _stamps(self.folder, (self.folder / name for name in SOURCES))
        if now == self._of_design:
            return False
        self._of_design = now
        try:
            with untouched(), collected():
                self.design = load_design(self.folder)
            self.problem = ""
        except (InputError, EngineError, OSError) as error:
            self.design, self.problem = None, _line(error)
        self.design_version += 1
        self._tell()
        return True

    def signature(self) -> Signature:
        """Of all that the report is made of."""
        places = [self.folder / name for name in SOURCES]
        for name in FOLDERS:
            try:
                places += [path for path in (self.folder / name).iterdir() if path.suffix not in GROWING]
            except OSError:
                continue
        return _stamps(self.folder, iter(places))

    def make_report(self) -> None:
        """The report of the folder as it is; where that fails its trouble is said, and no report stands there."""
        made: dict[str, Any] = {"title": self.folder.name, "subtitle": "", "contents": "", "html": ""}
        try:
            with untouched(), collected():
                page = page_of(self._gather(self.folder))
            check_names(page)
            show = self._environment.get_template("blocks.html.j2").module
            made = {"title": visible(page.title), "subtitle": visible(page.subtitle)}
            made |= {"contents": str(show.contents(page)), "html": str(show.sections(page))}  # type: ignore[attr-defined]
            self.trouble = ""
        except (InputError, EngineError, OSError) as error:
            self.trouble = _line(error)
        except Exception as error:  # a file that was half written when it was read: it is looked at again
            self.trouble = f"no report of the folder as it is ({type(error).__name__}: {_line(error)[:120]})"
        self.report = made | {"version": self.report["version"] + 1}
        self._tell()

    def _follow_report(self) -> None:
        shown: Signature | None = None
        last, quiet = self.signature(), QUIET
        while not self._ended.is_set():
            self.look_at_design()
            now = self.signature()
            quiet = quiet + 1 if now == last else 0
            last = now
            if quiet >= QUIET and now != shown:
                shown = now
                self.make_report()
            self._ended.wait(LOOK)

    # The studies

    def look_at_studies(self) -> bool:
        """Take up what journals have; whether anything changed."""
        try:
            found = sorted((self.folder / "results").glob("*.jsonl"), key=_changed, reverse=True)[:MOST_STUDIES]
        except OSError:
            found = []
        changed = False
        with self.lock:
            for path in found:
                if path.stem not in self.studies:
                    self.studies[path.stem] = FollowedStudy(path)
                    changed = True
            for study in self.studies.values():
                changed |= study.follow()
            while len(self.studies) > MOST_STUDIES:
                self.studies.pop(next(iter(self.studies)))
            if changed:
                self._told = [study.summary() for study in self.studies.values()]
        if changed:
            self._tell()
        return changed

    def _follow_studies(self) -> None:
        while not self._ended.is_set():
            self.look_at_studies()
            self._ended.wait(LOOK)


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return time.time()


def _line(error: BaseException) -> str:
    """What went wrong, in one line."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return " ".join(str(error).split())[:500]
