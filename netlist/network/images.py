"""Image sets: .npz files with `images` and, for accuracy, `labels`."""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from resonet.core.errors import InputError
from resonet.core.npz import array_names, read_array
from resonet.core.types import Array, Ints
from resonet.netlist.network.pixels import UNIT, Pixels

__all__ = ["ImageSet", "image_set", "read_images"]

MOST_LABEL = 2.0**53  # up to where floating point holds whole numbers exactly
MOST_VALUES = 120_000_000  # of one array: 1 GB as float64, 150,000 images of 28 x 28


@dataclass(frozen=True, slots=True, eq=False)
class ImageSet:
    """Images as the network takes them, and their classes."""

    file: str
    images: Array  # [n, *input_shape], as the network takes them
    labels: Ints  # [n]; empty where the file has none
    pixels: Pixels = UNIT  # what they were brought to


def _whole(labels: Any, path: Path | str) -> Ints:
    """Labels as whole numbers, which they may be as float too. Raises InputError that names the first that is none."""
    if labels.dtype.kind not in "uif":
        raise InputError(f"{path}: labels of {labels.dtype}; possible: whole numbers")
    wrong = ~np.isfinite(labels) | (labels != np.round(labels)) | (np.abs(labels) > MOST_LABEL)
    if wrong.any():
        first = int(wrong.ravel().argmax())
        raise InputError(f"{path}: label {first} is {labels.ravel()[first]}; possible: whole numbers")
    return np.asarray(labels, np.int64)


def read_images(path: Path, input_shape: tuple[int, ...], pixels: Pixels | None = None) -> ImageSet:
    """Read a .npz image set for a network of that input shape (without the batch axis), brought to its `pixels`.

    Without `pixels` they are what the file's own numbers suggest (`Pixels.of_file`).

    Raises InputError that names the file, the array and what is possible.
    """
    wanted = f"a .npz file with images [n, {', '.join(map(str, input_shape))}] and labels [n]"
    try:
        with zipfile.ZipFile(path) as archive:
            names = sorted(set(array_names(archive)))
            if "images" not in names:
                found = ", ".join(repr(name[:40]) for name in names[:8]) or "nothing"
                raise InputError(f"{path}: no array 'images', found {found}; possible: {wanted}")
            images = read_array(archive, "images", MOST_VALUES)
            labels = read_array(archive, "labels", MOST_VALUES) if "labels" in names else np.empty(0, np.int64)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; possible: {wanted}") from None
    except InputError:
        raise
    except Exception as error:  # zipfile, zlib and numpy raise types of their own on damaged files
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise InputError(f"{path}: not a readable image set ({reason}); possible: {wanted}") from None
    return _checked(images, labels, input_shape, pixels, path, path.name, wanted)


def _checked(
    images: Any,
    labels: Any,
    input_shape: tuple[int, ...],
    pixels: Pixels | None,
    path: Path | str,
    name: str,
    wanted: str,
) -> ImageSet:
    """Arrays as the images of a network. Raises InputError that begins with the path."""
    if images.dtype.kind not in "uif":
        raise InputError(f"{path}: images of {images.dtype}; possible: numbers (8-bit or float)")
    labels = _whole(labels, path)
    if len(images.shape) < 2 or len(images) == 0 or int(np.prod(images.shape[1:])) != int(np.prod(input_shape)):
        raise InputError(f"{path}: images of shape {list(images.shape)} do not fit the network; possible: {wanted}")
    squeezed = [n for n in images.shape[1:] if n != 1]
    if squeezed != [n for n in input_shape if n != 1]:
        raise InputError(f"{path}: images of shape {list(images.shape)} do not fit the network; possible: {wanted}")
    if labels.size and labels.shape != (len(images),):
        raise InputError(f"{path}: labels of shape {list(labels.shape)} for {len(images)} images; possible: {wanted}")
    if images.dtype.kind == "f" and not np.all(np.isfinite(images)):
        raise InputError(f"{path}: images with NaN or infinite pixels; possible: finite numbers")
    pixels = pixels or Pixels.of_file(images, name)
    values = pixels.taken(images.reshape(len(images), *input_shape), name)
    return ImageSet(name, values, labels, pixels)


def image_set(
    images: Any, labels: Any, input_shape: tuple[int, ...], pixels: Pixels | None = None, name: str = "images"
) -> ImageSet:
    """Arrays, images [n, ...] (8-bit or float) and labels [n] or None, as a file that holds them would be read.

    Raises InputError that begins with `name`.
    """
    shape = ", ".join(map(str, input_shape))
    given = np.empty(0, np.int64) if labels is None else np.asarray(labels)
    wanted = f"an array of images [n, {shape}], and of labels [n]"
    return _checked(np.asarray(images), given, input_shape, pixels, name, name, wanted)
