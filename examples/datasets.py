"""Readers of the data files that the training scripts take: IDX (MNIST, Fashion-MNIST) and CIFAR-10's binary files.

What is not of the format, of the wrong size or of another network's data ends in one line that says so.
"""

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Ints

__all__ = ["Labelled", "read_cifar10", "read_idx_pair"]

CLASSES = 10
CIFAR_SHAPE = (3, 32, 32)
CIFAR_BATCH = 10_000  # images of a file of the published set
CIFAR_FILES = {"train": tuple(f"data_batch_{k}.bin" for k in range(1, 6)), "test": ("test_batch.bin",)}
PARTS = {"train": "train", "test": "t10k"}


@dataclass(frozen=True, slots=True)
class Labelled:
    """Images with the class of each."""

    images: np.ndarray  # uint8 [n, channels, height, width]
    labels: Ints  # [n]


def read_idx_pair(folder: Path, part: str) -> Labelled:
    """Images [n, 1, height, width] and labels of `part`, "train" or "test", from a folder with the four IDX files.

    Raises InputError for files that are missing, damaged, no IDX of bytes, or that do not fit each other.
    """
    stem = PARTS[part]
    images = _read_idx(folder, f"{stem}-images-idx3-ubyte", 3)
    labels = _read_idx(folder, f"{stem}-labels-idx1-ubyte", 1)
    if len(images) != len(labels):
        raise InputError(
            f"{folder}: {len(images)} images of {stem}, but {len(labels)} labels; possible: as many of both"
        )
    return Labelled(images[:, None], _classes(labels, folder))


def _read_idx(folder: Path, stem: str, axes: int) -> np.ndarray:
    """Bytes of one IDX file, plain or gzipped, with either separator of the two spellings in circulation."""
    names = [f"{name}{end}" for name in (stem, stem.replace("-idx", ".idx")) for end in ("", ".gz")]
    path = next((folder / name for name in names if (folder / name).is_file()), None)
    if path is None:
        raise InputError(f"{folder}: no {stem} (plain or .gz); possible: a folder with the four IDX files")
    raw = _content(path)
    head = 4 + 4 * axes
    if raw[:4] != bytes((0, 0, 0x08, axes)) or len(raw) < head:
        raise InputError(f"{path}: starts with {raw[:4].hex() or 'nothing'}, not as IDX of bytes with {axes} axes does")
    shape = tuple(int(n) for n in np.frombuffer(raw, ">u4", count=axes, offset=4))
    wanted = int(np.prod(shape, dtype=object))
    if len(raw) - head != wanted:
        raise InputError(f"{path}: {len(raw) - head} bytes of data; its head says {' x '.join(map(str, shape))}")
    return np.frombuffer(raw, np.uint8, offset=head).reshape(shape)


def _content(path: Path) -> bytes:
    if path.suffix != ".gz":
        return path.read_bytes()
    try:
        with gzip.open(path, "rb") as file:
            return file.read()
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: cannot be unpacked ({error})") from error


def read_cifar10(folder: Path, part: str, images: int = CIFAR_BATCH) -> Labelled:
    """Images [n, 3, 32, 32] and labels of `part`, "train" or "test", from CIFAR-10's binary files.

    A file is a row of records: one byte for the class, then 1,024 bytes each of red, green and blue, row by row
    (A. Krizhevsky, https://www.cs.toronto.edu/~kriz/cifar.html, "Binary version"). Every file holds `images` of them.
    Raises InputError for files that are missing, truncated, too long, or with a class above 9.
    """
    record = 1 + int(np.prod(CIFAR_SHAPE))
    batches = []
    for name in CIFAR_FILES[part]:
        path = folder / name
        if not path.is_file():
            raise InputError(f"{folder}: no {name}; possible: the folder cifar-10-batches-bin of the binary version")
        size = path.stat().st_size
        if size != images * record:
            raise InputError(f"{path}: {size} bytes; possible: {images * record} ({images} records of {record} bytes)")
        batches.append(np.fromfile(path, np.uint8).reshape(images, record))
    data = np.concatenate(batches)
    return Labelled(data[:, 1:].reshape(-1, *CIFAR_SHAPE), _classes(data[:, 0], folder))


def _classes(labels: np.ndarray, folder: Path) -> Ints:
    if labels.size and labels.max() >= CLASSES:
        raise InputError(f"{folder}: class {labels.max()} of image {labels.argmax()}; possible: 0 to {CLASSES - 1}")
    return labels.astype(np.int64)
