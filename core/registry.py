"""Tables of one kind of thing by name: our own, and what packages of somebody else add by a call or an entry point.

A registry knows how its own are found (a table, or the modules of a folder), what a thing must be to fit, and under
which name it stands. Nothing is imported before the first question.
"""

import importlib
import pkgutil
import re
import secrets
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from resonet.core.errors import InputError, PluginError
from resonet.core.plugins import installed, plugged

__all__ = ["Fit", "Registry", "classes_in", "modules_in", "named"]

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")  # goes into messages, files and file names
Key = TypeVar("Key", bound=Hashable)
Record = TypeVar("Record")
Fit = Callable[[Any], tuple[Key, Record]]  # InputError that says what is possible


def modules_in(folder: Path, package: str) -> Iterator[Any]:
    """Modules of a package and of the packages in it, one after another, by name."""
    for name in sorted(entry.name for entry in pkgutil.walk_packages([str(folder)], f"{package}.")):
        yield importlib.import_module(name)


def classes_in(folder: Path, package: str) -> Iterator[type[Any]]:
    """Classes that the modules of a package define."""
    for module in modules_in(folder, package):
        for kind in list(vars(module).values()):
            if isinstance(kind, type) and kind.__module__ == module.__name__:
                yield kind


def named(what: str, kind: type[Record]) -> Fit[str, Record]:
    """Fit of records that have a `name`."""

    def fit(thing: Any) -> tuple[str, Record]:
        if not isinstance(thing, kind):
            raise InputError(f"{what} {str(thing)[:60]!r}; possible: a record {kind.__name__}")
        name = getattr(thing, "name", None)
        if not (isinstance(name, str) and NAME.fullmatch(name)):
            raise InputError(f"{what} {str(name)[:60]!r}; possible: a name of letters, digits, _ and -")
        return name, thing

    return fit


@dataclass(frozen=True, slots=True, eq=False)
class _Held(Generic[Record]):
    """One of a table, and where it comes from."""

    record: Record
    thing: Any  # what was given for it
    code: str = ""
    plugin: str = ""


class Registry(Mapping[Key, Record], Generic[Key, Record]):
    """Things of one kind: our own, those that `add` was called with, and those of the entry-point group."""

    def __init__(self, what: str, group: str, own: Callable[[], Iterable[Any]], fit: Fit[Key, Record]) -> None:
        """`what` stands in messages ("engine"), `group` is that of the entry points, `own` gives ours when asked."""
        self.what, self.group, self._own, self._fit = what, group, own, fit
        self._added: dict[Key, _Held[Record]] = {}
        self._plugged: dict[Key, _Held[Record]] | None = None
        self._table: dict[Key, _Held[Record]] | None = None
        self._seen: object = None  # what was installed then

    def add(self, thing: Any) -> Record:
        """Add one for the rest of this process. Raises InputError for what does not fit, or a name that is taken."""
        code = f"added in process {secrets.token_hex(16)}"  # nobody knows its code again: its results are not kept
        key = self._put(self._known(), thing, code)
        held = self._known()[key]
        self._added.setdefault(key, held)
        return held.record

    def find(self, name: object) -> Record:
        """The one of that name. Raises InputError that lists what there is."""
        table: dict[Any, _Held[Record]] = dict(self._known())
        if not isinstance(name, Hashable) or name not in table:
            raise InputError(f"no {self.what} {str(name)[:40]!r}; possible: {', '.join(map(_told, table))}")
        return table[name].record

    def code_of(self, name: Key) -> str:
        """Code that a plug-in's comes from, for keys of results; "" for ours, which core/sources.py hashes."""
        return self._known()[name].code

    def plugged(self) -> dict[Key, Record]:
        """Those of installed packages; ours are not even imported."""
        return {key: held.record for key, held in self._installed().items()}

    def plugin_of(self, name: Key) -> str:
        """The plug-in that brought the one of that name, for messages; "" for ours."""
        return self._known()[name].plugin

    def _put(self, table: dict[Key, _Held[Record]], thing: Any, code: str = "", plugin: str = "") -> Key:
        try:
            key, record = self._fit(thing)
            known = table.get(key)
            if known is not None and (known.thing is not thing or "" != known.plugin != plugin != ""):
                raise InputError(f"{self.what} {_told(key)}: there is one already; possible: one of a name")
        except InputError as error:
            raise (PluginError(f"{plugin}: {error}") if plugin else InputError(str(error))) from None
        table.setdefault(key, _Held(record, thing, code, plugin))
        return key

    def _installed(self) -> dict[Key, _Held[Record]]:
        """Of installed packages; a fault of one is told at every question, not only at the first."""
        if self._plugged is None or self._seen is not installed():
            self._plugged, self._seen = {}, installed()  # first, as a plug-in may ask for what there is
            try:
                for plugin in plugged(self.group).values():
                    self._put(self._plugged, plugin.load(), plugin.code(), str(plugin))
            except BaseException:
                self._plugged = None
                raise
            finally:
                self._table = None
        return self._plugged

    def _known(self) -> dict[Key, _Held[Record]]:
        """All of them, ours first."""
        if self._table is None or self._seen is not installed():
            table: dict[Key, _Held[Record]] = {}
            for thing in self._own():
                self._put(table, thing)
            for held in (*self._installed().values(), *self._added.values()):
                self._put(table, held.thing, held.code, held.plugin)
            self._table = table
        return self._table

    def __getitem__(self, name: Key) -> Record:
        return self._known()[name].record

    def __iter__(self) -> Iterator[Key]:
        return iter(self._known())

    def __len__(self) -> int:
        return len(self._known())


def _told(key: object) -> str:
    """A name for messages; of a domain and a name, the name."""
    return str(key[-1] if isinstance(key, tuple) else key)
