"""What other packages add to resonet: objects under an entry-point group of ours (docs/extend.md).

A package that is installed beside this one and says in its pyproject.toml

    [project.entry-points."resonet.devices"]
    attenuator = "resonet_example.attenuator:Attenuator"

is found here, without a file of ours being touched. This is the only place that asks for entry points; what becomes of
an object is the business of the registry of its kind (core/registry.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from resonet.core.errors import PluginError
from resonet.core.sources import folder_hash

__all__ = ["Plugin", "forget_plugins", "installed", "plugged", "plugged_code", "plugged_groups"]

PREFIX = "resonet."  # of all our groups


@dataclass(frozen=True, slots=True)
class Plugin:
    """One entry point of an installed package."""

    entry: EntryPoint

    def __str__(self) -> str:
        """How messages call it."""
        return f"plug-in {self.entry.name} = {self.entry.value} ({self.entry.group}, package {self.package})"

    @property
    def package(self) -> str:
        """Name of its distribution."""
        return self.entry.dist.name if self.entry.dist else "unknown"

    def load(self) -> Any:
        """The object. Raises PluginError, one line, for whatever happens in somebody else's module."""
        try:
            return self.entry.load()
        except (Exception, SystemExit) as error:
            why = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            raise PluginError(f"{self}: does not load ({why}); possible: mend or remove the package") from error

    def code(self) -> str:
        """What its answers depend on: name and version of the package, hash of the files that the entry is part of."""
        version = self.entry.dist.version if self.entry.dist else ""
        return f"{self.package} {version} {_code_hash(self.entry.module)}"


@cache
def installed() -> EntryPoints:
    """Entry points of our groups, of all packages; looked up once, which takes longer than anything else here."""
    found = entry_points()
    groups = sorted(group for group in found.groups if group.startswith(PREFIX))
    return EntryPoints(entry for group in groups for entry in found.select(group=group))


@cache
def _code_hash(module: str) -> str:
    """Hash of the outermost package around a module, or of the module alone; nothing is imported for it."""
    parts = module.split(".")
    for end in range(1, len(parts) + 1):
        try:
            spec = find_spec(".".join(parts[:end]))
        except (ImportError, ValueError, AttributeError):
            return "none"
        if spec is not None and spec.has_location and spec.origin:
            return folder_hash(Path(spec.origin), whole=spec.submodule_search_locations is not None)
    return "none"  # a namespace and no more, or nothing at all


def forget_plugins() -> None:
    """Look again which packages are installed, for a process that has changed that."""
    installed.cache_clear()
    _code_hash.cache_clear()


def plugged_groups() -> frozenset[str]:
    """Our groups under which anything is installed."""
    return frozenset(installed().groups)


def plugged(group: str) -> Mapping[str, Plugin]:
    """Every entry point of a group by its name, in that order; none is loaded.

    Raises PluginError that names the entry and its package for two of a name.
    """
    found: dict[str, Plugin] = {}
    for entry in sorted(installed().select(group=group), key=lambda entry: (entry.name, entry.value)):
        plugin = Plugin(entry)
        if entry.name in found:
            raise PluginError(f"{plugin}: there is another of that name, {found[entry.name]}; possible: one of a name")
        found[entry.name] = plugin
    return found


def plugged_code(*groups: str) -> str:
    """Hash over everything that is installed under some groups; "" where nothing is."""
    told = [f"{plugin} {plugin.code()}" for group in groups for plugin in plugged(group).values()]
    return sha256("\n".join(told).encode()).hexdigest() if told else ""
