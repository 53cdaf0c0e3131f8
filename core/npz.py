"""Arrays out of .npz files that come from somebody else: sizes are checked before memory is allocated.

An archive may hold a thousand times what it weighs (zeros compress well), so what counts is what its header announces.
Archives that are written here hold their arrays as they lie in memory, so that large ones are mapped, not read.
"""

import math
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resonet.core.types import Array

__all__ = ["array_names", "read_array", "read_numbers", "write_arrays"]

LEAST = 4096  # bytes that any array may hold: one value may be a text
MAPPED = 1 << 20  # bytes from which on an array that is not compressed is mapped
ALIGNED = 64  # bytes: where the data of an array begin
LOCAL = struct.Struct(
    "<4s22xHH"
)  # header of a member: mark, ..., lengths of its name and of what else stands before it
FILLING = 0xD935  # kind of an extra field that only fills, as Android's zipalign has it
EPOCH = (1980, 1, 1, 0, 0, 0)  # the same arrays give the same bytes whenever they are written
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def array_names(archive: zipfile.ZipFile) -> list[str]:
    """Names of the arrays that an archive holds."""
    return [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]


def read_array(archive: zipfile.ZipFile, name: str, most: int) -> NDArray[np.generic]:
    """Array `name`; ValueError if it is a pickle, or not as long as its header says, or too large.

    Too large is more than `most` values, or than 8 bytes for each of them.
    """
    info = archive.getinfo(f"{name}.npy")
    with archive.open(info) as file:
        version = np.lib.format.read_magic(file)
        if version not in HEADERS:
            raise ValueError(f"array {name!r} has the format version {version}")
        shape, fortran, dtype = HEADERS[version](file)
        head = file.tell()
        values, held = math.prod(shape), info.file_size - head
    if dtype.hasobject:
        raise ValueError(f"array {name!r} is a pickle, which could run a program")
    if values > most:
        raise ValueError(f"array {name!r} has {values:,} values, more than {most:,}")
    if held > max(8 * most, LEAST):
        raise ValueError(f"array {name!r} holds {held:,} bytes, more than {max(8 * most, LEAST):,}")
    if values * dtype.itemsize != held:
        raise ValueError(f"array {name!r} holds {held:,} bytes where its header says {values * dtype.itemsize:,}")
    if held >= MAPPED and info.compress_type == zipfile.ZIP_STORED and not (fortran or info.flag_bits & 1):
        return _mapped(archive, info, head, shape, dtype)
    with archive.open(info) as file:
        return np.asarray(np.lib.format.read_array(file, allow_pickle=False))


def _mapped(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, head: int, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> NDArray[np.generic]:
    """An array as it lies in the file; what is changed of it stays in memory."""
    file: Any = archive.fp
    file.seek(info.header_offset)
    mark, name, extra = LOCAL.unpack(file.read(LOCAL.size))
    begin = info.header_offset + LOCAL.size + name + extra
    if mark != b"PK\3\4" or info.compress_size != info.file_size or begin + info.file_size > file.seek(0, 2):
        raise ValueError(f"array {info.filename!r} is cut off")
    return np.asarray(np.memmap(file, dtype, "c", begin + head, shape))


def write_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    """Write an archive of arrays that can be mapped: not compressed, aligned; the same bytes every time."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, values in arrays.items():
            info = zipfile.ZipInfo(f"{name}.npy", EPOCH)
            info.external_attr = 0o644 << 16
            file: Any = archive.fp
            begin = file.tell() + 30 + len(info.filename.encode()) + 4
            fill = -begin % ALIGNED
            info.extra = struct.pack("<HH", FILLING, fill) + bytes(fill)
            with archive.open(info, "w") as member:
                np.lib.format.write_array(member, np.asanyarray(values), allow_pickle=False)


def read_numbers(archive: zipfile.ZipFile, name: str, most: int) -> Array:
    """Array `name` as float64; ValueError also where it holds text, which numpy would read, or something else."""
    array = read_array(archive, name, most)
    if array.dtype.kind not in "fiu":
        raise ValueError(f"array {name!r} holds {array.dtype}, not numbers")
    return np.asarray(array, float)
