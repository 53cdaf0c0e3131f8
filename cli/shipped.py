"""Images that come with the package, for commands that are given none."""

from importlib.resources import as_file, files
from pathlib import Path
from typing import Literal

from resonet.core.errors import InputError
from resonet.netlist.network.images import ImageSet, read_images

__all__ = ["images_for"]

SHIPPED = {8: "digits", 28: "mnist"}  # by the width of a grey image


def images_for(shape: tuple[int, ...], data: Path | None, what: Literal["test", "calibration"]) -> ImageSet:
    """Images of `data`, or else the shipped ones of that shape. Raises InputError."""
    if data:
        return read_images(data, shape)
    name = SHIPPED.get(shape[-1]) if tuple(shape) in {(1, width, width) for width in SHIPPED} else None
    if name is None:
        raise InputError(f"no images of shape {list(shape)} come with resonet; possible: --data FILE.npz")
    with as_file(files(f"resonet.examples.{name}")) as folder:
        return read_images(folder / f"{name}_{what}.npz", shape)
