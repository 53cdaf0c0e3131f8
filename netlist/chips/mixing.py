"""Chips that have one thing from another chip, for what each source of spread does by itself."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from resonet.netlist.chips.chip import Chip

__all__ = ["mixed"]

KINDS = ("resonators", "tones", "neurons", "lines")  # of devices


def _with(own: Mapping[str, Any], other: Mapping[str, Any], name: str) -> dict[str, Any]:
    kept = {key: value for key, value in own.items() if key != name}
    return kept | ({name: other[name]} if name in other else {})


def mixed(chip: Chip, other: Chip, quantity: str | None = None, layer: str | None = None) -> Chip:
    """The chip with one quantity (None: all) of the devices of one layer (None: all) from the other chip."""
    layers = dict(chip.layers)
    for name in {*chip.layers, *other.layers} if layer is None else (layer,):
        mine, theirs = chip.layer(name), other.layer(name)
        if quantity is None:
            layers[name] = theirs
            continue
        parts: dict[str, Any] = {of: _with(getattr(mine, of), getattr(theirs, of), quantity) for of in KINDS}
        layers[name] = replace(mine, **parts)
    common = chip.common
    if layer is None:
        common = other.common if quantity is None else _with(chip.common, other.common, quantity)
    return replace(chip, common=common, layers=layers)
