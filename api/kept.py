"""The commands that were run on a design folder, as `runs/` keeps them: which still hold, and why others do not."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from resonet.api.replay import ASIDE, Record, changed_files, dependencies, read_record
from resonet.core.sources import file_hash

__all__ = ["KeptRun", "kept_runs"]


@dataclass(frozen=True, slots=True)
class KeptRun:
    """One run of a command."""

    path: Path
    record: Record | None  # None: damaged
    changed: tuple[str, ...] = ()  # what it depended on that is different
    lost: tuple[str, ...] = ()  # files that it left and that are not as it left them
    later: Mapping[str, str] | None = None  # files that a later run wrote anew, with the words of that run

    @property
    def words(self) -> str:
        """The command."""
        return " ".join(["resonet", *(self.record.arguments if self.record else ())])

    @property
    def why(self) -> str:
        """Why it is stale; nothing where it would print the same again."""
        return self._told([name for name in self.changed if not name.endswith(ASIDE)])

    @property
    def why_numbers(self) -> str:
        """Why its numbers are stale: as `why`, but for the limits of the design, by which they are only judged."""
        judged = [name for name in self.changed if name == "design.toml" and name + ASIDE not in self.changed]
        return self._told([name for name in self.changed if not name.endswith(ASIDE) and name not in judged])

    def _told(self, changed: list[str]) -> str:
        why = [f"changed: {', '.join(changed)}"] if changed else []
        if self.lost:
            why.append(f"{len(self.lost)} of its files changed or gone, such as {Path(self.lost[0]).name}")
        return "; ".join(why)


def kept_runs(folder: Path) -> list[KeptRun]:
    """Every run that a design folder keeps, by name of its file."""
    records = {path: read_record(path) for path in sorted((folder / "runs").glob("*.json"))}
    left_by: dict[tuple[str, str], Record] = {}  # by file and hash
    for known in sorted(filter(None, records.values()), key=lambda known: known.date):
        left_by |= dict.fromkeys(known.files.items(), known)
    return [_kept(path, record, left_by) if record else KeptRun(path, None) for path, record in records.items()]


def _kept(path: Path, record: Record, left_by: Mapping[tuple[str, str], Record]) -> KeptRun:
    now = dependencies(record.arguments, Path(record.place))
    changed = [Path(name).name for name in now if record.depends_on.get(name) != now[name]]
    changed += [f"{Path(name).name} (gone)" for name in record.depends_on if name not in now]
    lost, later = _changed(record, left_by)
    return KeptRun(path, record, tuple(changed), tuple(lost), later)


def _changed(record: Record, left_by: Mapping[tuple[str, str], Record]) -> tuple[list[str], dict[str, str]]:
    """Files that are no longer as a run left them; and those that a later run wrote anew, with its words.

    The latter are no sign that its numbers are out of date: it makes those files again when it is run again.
    """
    lost, later = [], {}
    for name in changed_files(record):
        if Path(name).match("results/warnings_*.json"):  # of the last run of the command, whichever that was
            continue
        by = left_by.get((name, file_hash(Path(name)))) if Path(name).is_file() else None
        if by is not None and by.date >= record.date:
            later[name] = " ".join(["resonet", *by.arguments])
        else:
            lost.append(name)
    return lost, later
