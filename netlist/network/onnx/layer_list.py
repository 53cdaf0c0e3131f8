"""A network as a list of layers and arrays by name: for whoever has neither torch, nor Keras, nor ONNX at hand.

Either one .npz file, whose text `layers` is JSON, or a TOML file that names an .npz file beside it:

    format = 1
    input = [1, 28, 28]                # channels, height, width; or channels, length; or features
    arrays = "net.npz"                 # in a TOML file only
    layers = [
        {kind = "conv", weight = "w1", bias = "b1", stride = 2, activation = "relu", name = "first"},
        {kind = "flatten"},
        {kind = "dense", weight = "w2"},
    ]

`kinds.KINDS` lists the kinds of layers and what each may say; anything else is refused. What leaves this module is an
ONNX model, so that the list is read by the same rules as any other file.
"""

import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from resonet.core.errors import InputError
from resonet.core.files import read_json, read_toml
from resonet.core.npz import array_names, read_array
from resonet.netlist.network.onnx.kinds import Entry, ListedNode, listed_nodes
from resonet.netlist.network.onnx.node import escape

if TYPE_CHECKING:
    pass

__all__ = ["LISTS", "listed_files", "listed_model"]

LISTS = (".npz", ".toml")
FORMAT, OPSET, IR = 1, 20, 9
HEAD = ("format", "input", "layers")
MOST_LAYERS = 5000
MOST_TEXT = 4_000_000  # characters of the list
MOST_VALUES = 200_000_000  # of one array, and of all
MOST_SIDE = 2**20
INPUT = "image"


def listed_model(path: Path) -> bytes:
    """The network of a list as the bytes of an ONNX model. Raises InputError without the file's name."""
    if not path.is_file():
        raise InputError("does not exist; give a list of layers (.npz or .toml), or an .onnx file")
    if path.suffix == ".toml":
        table = _without_path(read_toml, path)
        arrays = table.pop("arrays", None)
        if not isinstance(arrays, str) or Path(arrays).name != arrays:
            raise InputError(f"arrays = {_shown(arrays)}; possible: the name of an .npz file in the same folder")
        return _model(table, _Arrays(path.parent / arrays))
    held = _Arrays(path)
    return _model(held.list(), held)


def listed_files(path: Path) -> tuple[Path, ...]:
    """Files that a list keeps its arrays in, beside its own; empty for what is no list."""
    if path.suffix != ".toml":
        return ()
    try:
        name = read_toml(path).get("arrays")
    except InputError:
        return ()
    return (path.parent / name,) if isinstance(name, str) and Path(name).name == name else ()


class _Arrays:
    """Arrays of an .npz file, read when a layer asks for them; each must be asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.held: dict[str, np.ndarray[Any, Any]] = {}
        self.names = set(_read(path, lambda archive: array_names(archive)))

    def list(self) -> dict[str, Any]:
        """The list that stands in the file itself."""
        if "layers" not in self.names:
            raise InputError("holds no text 'layers'; possible: np.savez(file, layers=json.dumps(list), **arrays)")
        self.names.discard("layers")
        text = _read(self.path, lambda archive: read_array(archive, "layers", MOST_TEXT))
        if text.dtype.kind != "U" or text.shape != ():
            raise InputError(f"its 'layers' is {text.dtype} of shape {list(text.shape)}; possible: one text, JSON")
        try:
            table = read_json(str(text))
        except ValueError as error:
            raise InputError(f"its 'layers' is not JSON ({_line(error)})") from None
        if not isinstance(table, dict):
            raise InputError(f"its 'layers' is {_shown(table)}; possible: a table with {', '.join(HEAD)}")
        return table

    def get(self, name: str) -> np.ndarray[Any, Any]:
        """Array of that name."""
        if name not in self.held:
            if name not in self.names:
                known = ", ".join(sorted(map(escape, self.names))[:12]) or "none"
                raise InputError(f"no array '{escape(name)}' in {escape(self.path.name)}; possible: {known}")
            left = MOST_VALUES - sum(array.size for array in self.held.values())
            array = _read(self.path, lambda archive: read_array(archive, name, left))
            if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
                raise InputError(f"array '{escape(name)}' holds {array.dtype}; possible: finite numbers")
            self.held[name] = array
        return self.held[name]

    def check_used(self) -> None:
        """InputError for arrays that no layer takes: a name may be misspelt."""
        if left := sorted(self.names - set(self.held)):
            names = ", ".join(map(escape, left[:8]))
            raise InputError(f"no layer takes the array {names}; possible: only arrays that a layer names")


def _read(path: Path, take: Any) -> Any:
    try:
        with zipfile.ZipFile(path) as archive:
            return take(archive)
    except FileNotFoundError:
        raise InputError(f"no file {escape(path.name)} beside it; possible: an .npz file in the same folder") from None
    except Exception as error:  # zipfile, zlib and numpy raise types of their own on damaged files
        raise InputError(f"{escape(path.name)} is not a readable .npz file ({_line(error)})") from None


def _model(table: Mapping[str, Any], arrays: _Arrays) -> bytes:
    """The ONNX model of a list."""
    if unknown := sorted(set(table) - set(HEAD)):
        raise InputError(f"unknown key '{escape(unknown[0])}'; possible: {', '.join(HEAD)}")
    if type(table.get("format")) is not int or table["format"] != FORMAT:
        raise InputError(f"format = {_shown(table.get('format'))}; possible: {FORMAT}")
    shape, layers = _input_shape(table.get("input")), table.get("layers")
    if not isinstance(layers, list) or not 1 <= len(layers) <= MOST_LAYERS:
        raise InputError(f"layers = {_shown(layers)}; possible: a list of 1 to {MOST_LAYERS} tables")
    nodes: list[ListedNode] = []
    names: dict[str, str] = {INPUT: INPUT}  # of layers -> of what they give
    last = INPUT
    for number, found in enumerate(layers):
        label = f"layers[{number}]"
        if not isinstance(found, dict):
            raise InputError(f"{label} is {_shown(found)}; possible: a table with a kind")
        label += f" ({escape(str(found.get('kind', 'no kind')), 30)})"
        try:
            entry = Entry(found, arrays.get, f"l{number}", last, names)
            made = listed_nodes(entry)
        except InputError as error:
            raise InputError(f"{label}: {error}") from error
        nodes += made
        last = names[entry.name] = made[-1].output
    arrays.check_used()
    _check_needed(nodes, last)
    return _bytes(nodes, shape, last)


def _check_needed(nodes: Sequence[ListedNode], last: str) -> None:
    """InputError for a layer that the last one does not depend on."""
    needed = {last}
    for node in reversed(nodes):
        if node.output not in needed:
            raise InputError(f"layer '{escape(node.name)}' leads to nothing; possible: layers that the last one needs")
        needed.update(node.inputs)
    if INPUT not in needed:
        raise InputError("no layer takes the image")


def _input_shape(given: Any) -> tuple[int, ...]:
    whole = isinstance(given, list) and all(type(n) is int and 0 < n <= MOST_SIDE for n in given)
    if not whole or not 1 <= len(given) <= 3:
        raise InputError(
            f"input = {_shown(given)}; possible: [channels, height, width], [channels, length] or [features]"
        )
    return tuple(given)


def _bytes(nodes: Sequence[ListedNode], shape: Sequence[int], last: str) -> bytes:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    wide = any(array.dtype == np.float64 for node in nodes for array in node.arrays.values())
    kind, dtype = (TensorProto.DOUBLE, np.float64) if wide else (TensorProto.FLOAT, np.float32)
    made: list[onnx.NodeProto] = []
    weights: list[onnx.TensorProto] = []
    for node in nodes:
        own = {name: f"{node.output}.{name}" for name in node.arrays}
        for name, array in node.arrays.items():
            weights.append(numpy_helper.from_array(array.astype(dtype), own[name]))
        inputs = [*node.inputs, *(own[name] for name in node.arrays)]
        made.append(helper.make_node(node.op, inputs, [node.output], name=node.name, **node.attributes))
    graph = helper.make_graph(
        made,
        "list",
        [helper.make_tensor_value_info(INPUT, kind, ["batch", *shape])],
        [helper.make_tensor_value_info(last, kind, None)],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
    return bytes(model.SerializeToString(deterministic=True))


def _without_path(read: Any, path: Path) -> dict[str, Any]:
    try:
        return dict(read(path))
    except InputError as error:
        raise InputError(str(error).removeprefix(f"{path}: ")) from error


def _shown(value: Any) -> str:
    try:
        return escape(json.dumps(value))
    except (TypeError, ValueError):
        return escape(str(value))


def _line(error: Exception) -> str:
    return escape(" ".join(str(error).split()) or type(error).__name__, 120)
