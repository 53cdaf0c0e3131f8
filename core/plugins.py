"""What other packages add to resonet: objects under an entry-point group of ours (docs/extend.md).

A package that is installed beside this one and says in its pyproject.toml

    [project.entry-points."resonet.devices"]
    attenuator = "resonet_example.attenuator:Attenuator"

is found here, without a file of ours being touched.
"""

from importlib.metadata import entry_points
from typing import Any

from resonet.core.errors import InputError

__all__ = ["plugged"]


def plugged(group: str) -> dict[str, Any]:
    """Object behind every entry point of a group, by the entry's name, in that order.

    Raises InputError that names the entry and its package: for one that does not load, and for two of a name.
    """
    loaded: dict[str, Any] = {}
    for entry in sorted(entry_points(group=group), key=lambda entry: entry.name):
        what = f"plug-in {entry.name} = {entry.value} ({group}, package {entry.dist.name if entry.dist else 'unknown'})"
        if entry.name in loaded:
            raise InputError(f"{what}: there is another of that name; possible: one of a name")
        try:
            loaded[entry.name] = entry.load()
        except Exception as error:  # anything may happen in somebody else's module
            raise InputError(f"{what}: does not load ({type(error).__name__}: {error})") from error
    return loaded
