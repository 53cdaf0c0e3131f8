"""Arrays out of .npz files that come from somebody else: sizes are checked before memory is allocated.

An archive may hold a thousand times what it weighs (zeros compress well), so what counts is what its header announces.
"""

import math
import zipfile

import numpy as np
from numpy.typing import NDArray

__all__ = ["array_names", "read_array"]

LEAST = 4096  # bytes that any array may hold: one value may be a text
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
        shape, _, dtype = HEADERS[version](file)
        values, held = math.prod(shape), info.file_size - file.tell()
    if dtype.hasobject:
        raise ValueError(f"array {name!r} is a pickle, which could run a program")
    if values > most:
        raise ValueError(f"array {name!r} has {values:,} values, more than {most:,}")
    if held > max(8 * most, LEAST):
        raise ValueError(f"array {name!r} holds {held:,} bytes, more than {max(8 * most, LEAST):,}")
    if values * dtype.itemsize != held:
        raise ValueError(f"array {name!r} holds {held:,} bytes where its header says {values * dtype.itemsize:,}")
    with archive.open(info) as file:
        return np.asarray(np.lib.format.read_array(file, allow_pickle=False))
