"""What the [model] table of a design.toml says of the network, checked; and whether what was derived is as written."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from resonet.core.errors import InputError
from resonet.core.plugins import Plugin, installed
from resonet.netlist.network.activations.registry import ACTIVATIONS
from resonet.netlist.network.cnn import Cnn, Synapses
from resonet.netlist.network.onnx.operators.registry import STANDARD, TABLE
from resonet.netlist.network.pixels import UNIT, Pixels

__all__ = [
    "check_derived",
    "derived_hash",
    "lacking_plugins",
    "printable",
    "stored_output",
    "stored_pixels",
    "used_plugins",
    "weight_table",
]

DERIVED = ("model", "layers")  # tables of what compile finds; the others are a designer's to set


def used_plugins(cnn: Cnn, network: bytes) -> list[str]:
    """Plug-ins without which the network, an ONNX file, cannot be read: of its operators and its activations."""
    import onnx

    brought = {kind: ACTIVATIONS.plugin_of(name) for name, kind in ACTIVATIONS.plugged().items()}
    found = {brought.get(type(layer.activation), "") for layer in cnn.synapses}
    if operators := TABLE.plugged():
        model = onnx.load_model_from_string(network)
        nodes = [*model.graph.node, *(node for function in model.functions for node in function.node)]
        kinds = {("" if node.domain in STANDARD else node.domain, node.op_type) for node in nodes}
        found |= {TABLE.plugin_of(key) for key in kinds & operators.keys()}
    return sorted(found - {""})


def weight_table(layer: Synapses) -> dict[str, Any]:
    """What a layer's table says of how its weights are held: gains of raised chains, grids of codes."""
    gains = {} if layer.raised is None else {"neuron_gains": [float(1 / layer.raised.max()), 1.0]}
    return gains | ({"weight_grids": [str(grid) for grid in layer.grids]} if layer.grids else {})


def lacking_plugins(model: dict[str, Any]) -> str:
    """What to add to a message that the network cannot be read: plug-ins of its [model] table that are not here."""
    stored = model.get("plugins", [])
    here = {str(Plugin(entry)) for entry in installed()}
    lost = [printable(name) for name in stored if name not in here] if isinstance(stored, list) else []
    return f"; it was compiled with {', '.join(lost[:3])}, not installed here; possible: install it" if lost else ""


def derived_hash(tables: dict[str, Any]) -> str:
    """Hash of the derived tables of a design.toml, which stands in its table [derived]."""
    text = json.dumps([tables.get(name) for name in DERIVED], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def check_derived(path: Path, tables: dict[str, Any]) -> None:
    """InputError where derived tables were edited; files of versions without a hash are taken as they are."""
    if "derived" not in tables:
        return
    table = tables["derived"]
    if not isinstance(table, dict) or table.get("hash") != derived_hash(tables):
        raise InputError(
            f"{path}: [model] or [layers] was edited since compile wrote it: what they hold is derived from the rest; "
            "possible: compile again, with --design FILE or --set SECTION.NAME=VALUE for what may be set"
        )


def printable(text: object) -> str:
    """Text without what a terminal would obey."""
    return "".join(c if c.isprintable() else "?" for c in str(text)[:200])


def stored_pixels(path: Path, model: dict[str, Any]) -> Pixels:
    """What the network takes its pixels to be; designs of versions that did not say so took 0 ... 1."""
    try:
        pixels = Pixels.parse(str(model.get("pixels", UNIT)), printable(model.get("pixels_from", "")))
    except InputError as error:
        raise InputError(f"{path}: [model] {error}") from None
    return replace(pixels, guessed=model.get("pixels_guessed") is True)


def stored_output(path: Path, model: dict[str, Any]) -> str | None:
    """Output that the [model] table of a design.toml names; None where its file has one only."""
    name = model.get("output")
    if name is None or (isinstance(name, str) and name):
        return name
    raise InputError(f"{path}: [model] output = {printable(repr(name))}; possible: the name of an output of the model")
