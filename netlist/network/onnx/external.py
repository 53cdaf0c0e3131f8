"""Weights in a second file: what plain torch.onnx.export writes today, m.onnx beside m.onnx.data.

The file that is named comes from somebody else, too: only a regular file in the model's own folder is read, and only
the bytes that it really holds. What leaves this module is a model with its weights inside.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from resonet.core.errors import InputError
from resonet.netlist.network.onnx.layer_list import LISTS, listed_files, listed_model
from resonet.netlist.network.onnx.node import escape

if TYPE_CHECKING:
    import onnx

__all__ = ["MAX_FILE", "data_files", "embed", "model_bytes", "parse"]

MAX_FILE = 2**30  # bytes of a model with all its weights
MARK = b"location"  # stands in every model that names a second file
NUMBER = re.compile(r"\d{1,18}", re.ASCII)


def parse(data: bytes) -> "onnx.ModelProto":
    """The model of these bytes. Raises InputError."""
    import onnx

    try:
        model = onnx.ModelProto()
        model.ParseFromString(data)
        return model
    except Exception as error:  # DecodeError of a protobuf package that has no types
        # The first field of every ONNX file is its version, one byte 0x08.
        what = "is damaged or cut off" if data[:1] == b"\x08" else "is not an ONNX file"
        raise InputError(f"{what}; possible: a model saved by torch.onnx.export, tf2onnx or onnx.save") from error


def embed(model: "onnx.ModelProto", folder: Path | None, held: int) -> bytes | None:
    """Bring the weights of other files of a folder into the model, of which `held` bytes are read already.

    Without a folder there are none.

    Returns the bytes of the model as one file; None where it was one. Raises InputError.
    """
    import onnx

    external = [tensor for tensor in _tensors(model) if _elsewhere(tensor)]
    if not external:
        return None
    left, found = MAX_FILE - held, {}
    for tensor in external:
        try:
            place = _entries(tensor)
            location = place["location"]
            if location not in found:
                found[location] = _beside(folder, location)
            data = _read(found[location], place, left)
        except InputError as error:
            raise InputError(f"weight '{escape(tensor.name)}' {error}") from error
        left -= len(data)
        tensor.ClearField("external_data")
        tensor.data_location = onnx.TensorProto.DEFAULT
        tensor.raw_data = data
    return bytes(model.SerializeToString(deterministic=True))


def model_bytes(path: Path) -> bytes:
    """The model of a file as one ONNX file, weights inside. Raises InputError, OSError."""
    if path.suffix in LISTS:
        return listed_model(path)
    data = path.read_bytes()
    return (embed(parse(data), path.parent, len(data)) if MARK in data else None) or data


def data_files(path: Path) -> tuple[Path, ...]:
    """Files that a model keeps its weights in, beside its own: what a record of it depends on, too.

    Empty for what is no model, and without those that the model may not name: `read_cnn` says why.
    """
    if path.suffix in LISTS:
        return listed_files(path)
    try:
        data = path.read_bytes() if path.stat().st_size <= MAX_FILE else b""
        tensors = [tensor for tensor in _tensors(parse(data)) if _elsewhere(tensor)] if MARK in data else []
    except (InputError, OSError):
        return ()
    names = {entry.value for tensor in tensors for entry in tensor.external_data if entry.key == "location"}
    return tuple(path.parent / name for name in sorted(names) if _plain(name))


def _elsewhere(tensor: "onnx.TensorProto") -> bool:
    import onnx

    return tensor.data_location == onnx.TensorProto.EXTERNAL or len(tensor.external_data) > 0


def _tensors(model: "onnx.ModelProto") -> Iterator["onnx.TensorProto"]:
    """Weights of the graph, and of the attributes of its nodes."""
    yield from model.graph.initializer
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t


def _entries(tensor: "onnx.TensorProto") -> dict[str, str]:
    """What the model says of where a weight lies."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    if len(entries) != len(tensor.external_data) or not entries.get("location"):
        raise InputError("is kept in another file, of which the model does not say which; possible: save it anew")
    return entries


def _plain(name: str) -> bool:
    """Whether a name is that of a file in a folder, not a way out of it."""
    return 0 < len(name) <= 255 and name not in (".", "..") and not any(c in name for c in '/\\:\0"\n\r')


def _beside(folder: Path | None, location: str) -> Path:
    """The file of that name in the folder, if it is one that may be read."""
    if folder is None:
        raise InputError("is kept in another file; possible: a model with its weights inside, or a file")
    name = location.removeprefix("./")
    if not _plain(name):
        raise InputError(f"is kept in '{escape(location)}'; possible: a file beside the model, by its name alone")
    path = folder / name
    if path.is_symlink() and path.resolve().parent != folder.resolve():
        raise InputError(f"is kept in '{escape(name)}', a link out of the model's folder; possible: the file itself")
    if not path.exists():
        raise InputError(f"is kept in '{escape(name)}', which is not beside the model; possible: both in one folder")
    if not path.is_file():
        raise InputError(f"is kept in '{escape(name)}', which is not a regular file; possible: a file of weights")
    return path


def _read(path: Path, place: dict[str, str], left: int) -> bytes:
    """Bytes of one weight, of which no more than `left` may be taken."""
    numbers = []
    for key in ("offset", "length"):
        text = place.get(key, "")
        if text and not NUMBER.fullmatch(text):
            raise InputError(f"has the {key} '{escape(text, 20)}'; possible: a whole number of bytes")
        numbers.append(int(text) if text else None)
    try:
        size = path.stat().st_size
        offset = numbers[0] or 0
        length = max(size - offset, 0) if numbers[1] is None else numbers[1]
        if offset + length > size:
            raise InputError(
                f"takes the bytes {offset} to {offset + length} of '{escape(path.name)}', which has {size}: it is cut "
                "off, or not the file that belongs to the model; possible: both of one export"
            )
        if length > left:
            raise InputError(
                f"brings the model above the possible {MAX_FILE / 2**30:g} GiB with all its weights (it takes {length} "
                f"bytes of '{escape(path.name)}')"
            )
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read(length)
    except OSError as error:
        raise InputError(f"is kept in '{escape(path.name)}', which cannot be read ({error.strerror})") from error
    if len(data) != length:
        raise InputError(f"is kept in '{escape(path.name)}', which changed while it was read; possible: try again")
    return data
