"""All devices: every record in `models` that says how it appears in SPICE, and those of plug-in packages.

A record is a frozen dataclass of parameters (core/parameters.py) with the class variable `SPICE`, its `Interface`. What
`resonet device`, the generator of the libraries and the tests know of devices, they know from here. A package of
somebody else adds its records under the entry-point group `resonet.devices` (docs/extend.md).
"""

import importlib
import pkgutil
from collections.abc import Iterable, Iterator
from dataclasses import is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

from resonet.core.errors import InputError
from resonet.core.parameters import Interface
from resonet.core.plugins import plugged

__all__ = ["GROUP", "devices", "plugged_devices"]

GROUP = "resonet.devices"
MODELS = Path(__file__).parents[1]


def _shipped() -> Iterator[type[Any]]:
    """Records of this package, module by module."""
    for module in sorted(entry.name for entry in pkgutil.walk_packages([str(MODELS)], "resonet.models.")):
        for kind in vars(importlib.import_module(module)).values():
            if isinstance(kind, type) and kind.__module__ == module and "SPICE" in vars(kind):
                yield kind


@cache
def plugged_devices() -> dict[str, type[Any]]:
    """Records of installed plug-in packages by SPICE name; imports none of ours. InputError as for `devices`."""
    return _by_name(plugged(GROUP).values())


@cache
def devices() -> dict[str, type[Any]]:
    """Record class of every device by its SPICE name. InputError for two of one name, or a record that is none."""
    return dict(sorted(_by_name((*_shipped(), *plugged_devices().values())).items()))


def _by_name(kinds: Iterable[type[Any]]) -> dict[str, type[Any]]:
    """The same by SPICE name, each held against what a record must have."""
    named: dict[str, type[Any]] = {}
    for kind in kinds:
        interface = getattr(kind, "SPICE", None)
        if not (isinstance(kind, type) and is_dataclass(kind) and isinstance(interface, Interface)):
            raise InputError(f"device {kind!r}: possible: a dataclass of parameters with an Interface named SPICE")
        if interface.name in named:
            raise InputError(
                f"device {interface.name}: {kind!r} and {named[interface.name]!r}; possible: one of a name"
            )
        named[interface.name] = kind
    return named
