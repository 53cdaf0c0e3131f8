"""All devices: every record in `models` that says how it appears in SPICE, and those of plug-in packages.

A record is a frozen dataclass of parameters (core/parameters.py) with the class variable `SPICE`, its `Interface`. What
`resonet device`, the generator of the libraries and the tests know of devices, they know from here. A package of
somebody else adds its records under the entry-point group `resonet.devices` (docs/extend.md).
"""

from collections.abc import Iterator
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

from resonet.core.errors import InputError
from resonet.core.parameters import Interface
from resonet.core.registry import Registry, classes_in

__all__ = ["DEVICES", "devices", "plugged_devices"]

MODELS = Path(__file__).parents[1]


def _own() -> Iterator[type[Any]]:
    """Records of this package, module by module."""
    return (kind for kind in classes_in(MODELS, "resonet.models") if "SPICE" in vars(kind))


def _fit(kind: Any) -> tuple[str, type[Any]]:
    """A record by its SPICE name."""
    interface = getattr(kind, "SPICE", None)
    if not (isinstance(kind, type) and is_dataclass(kind) and isinstance(interface, Interface)):
        raise InputError(f"device {kind!r}; possible: a dataclass of parameters with an Interface named SPICE")
    return interface.name, kind


DEVICES: Registry[str, type[Any]] = Registry("device", "resonet.devices", _own, _fit)


def plugged_devices() -> dict[str, type[Any]]:
    """Records of installed plug-in packages by SPICE name; imports none of ours. InputError as for `devices`."""
    return DEVICES.plugged()


def devices() -> dict[str, type[Any]]:
    """Record class of every device by its SPICE name. InputError for two of one name, or a record that is none."""
    return dict(sorted(DEVICES.items()))
