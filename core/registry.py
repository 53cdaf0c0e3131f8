"""Tables of records by name that a package of somebody else can add to, by a call or through an entry point."""

import re
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import entry_points
from typing import Generic, Protocol, TypeVar

from resonet.core.errors import InputError

__all__ = ["Registry"]

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")  # goes into messages, files and file names


class Named(Protocol):
    """A record with a name."""

    @property
    def name(self) -> str:
        """Under which it is found."""


Record = TypeVar("Record", bound=Named)


class Registry(Mapping[str, Record], Generic[Record]):
    """Records of one kind by name: our own, those of the entry-point group, and those that `add` was called with."""

    def __init__(self, what: str, kind: type[Record], group: str, records: Iterable[Record]) -> None:
        """`what` stands in messages ("engine"), `group` is that of the entry points ("resonet.engines")."""
        self.what, self.kind, self.group = what, kind, group
        self._records: dict[str, Record] = {}
        self._plugged = False
        for record in records:
            self.add(record)

    def add(self, record: Record) -> Record:
        """Add a record for the rest of this process. Raises InputError for no such record, or a name that is taken."""
        if not isinstance(record, self.kind):
            raise InputError(f"{self.what} {str(record)[:60]!r}: possible: a record {self.kind.__name__}")
        name = record.name
        if not (isinstance(name, str) and NAME.fullmatch(name)):
            raise InputError(f"{self.what} {str(name)[:60]!r}: possible: a name of letters, digits, _ and -")
        if self._records.get(name, record) is not record:
            raise InputError(f"{self.what} {name}: there is one already; possible: another name")
        self._records[name] = record
        return record

    def find(self, name: object) -> Record:
        """Record of that name. Raises InputError that lists what there is."""
        found = self._table().get(name) if isinstance(name, str) else None
        if found is None:
            raise InputError(f"no {self.what} {str(name)[:40]!r}; possible: {', '.join(self)}")
        return found

    def _table(self) -> dict[str, Record]:
        """All records; plug-ins are loaded at the first question."""
        if not self._plugged:
            self._plugged = True  # first, as a plug-in may ask for what there is
            for entry in sorted(entry_points(group=self.group), key=lambda entry: entry.name):
                try:
                    record = entry.load()
                except Exception as error:  # whatever a package of somebody else fails with
                    raise InputError(
                        f"{self.what} plug-in {entry.value}: cannot be loaded ({type(error).__name__}: {error}); "
                        "possible: mend or remove its package"
                    ) from error
                self.add(record)
        return self._records

    def __getitem__(self, name: str) -> Record:
        return self._table()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._table())

    def __len__(self) -> int:
        return len(self._table())
