"""Images that come with the package, for commands that are given none."""

from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from resonet.core.errors import InputError
from resonet.core.sources import file_hash

if TYPE_CHECKING:
    from resonet.netlist.design.design import Design
    from resonet.netlist.network.images import ImageSet

__all__ = ["images_for", "shipped_images"]

SHIPPED = ("digits", "fashion", "mnist", "signals")


def images_for(
    design: "Design", data: Path | None, what: Literal["test", "calibration"], option: str = "--data"
) -> "ImageSet":
    """Images of `data`; without, those that belong to a network of the package. Raises InputError for any other."""
    if data:
        return design.images(data)
    if (own := shipped_images(design, what)) is not None:
        return design.images(own)
    raise InputError(
        f"{design.cnn.file}: no network of this package, so none of its images; possible: {option} FILE.npz"
    )


def shipped_images(design: "Design", what: Literal["test", "calibration"]) -> Path | None:
    """The file of images that belong to a network of the package; None for any other network."""
    for name in SHIPPED:
        with as_file(files(f"resonet.examples.{name}")) as folder:
            if any(file_hash(model) == design.cnn.sha256 for model in sorted(folder.glob("*.onnx"))):
                return folder / f"{name}_{what}.npz"
    return None
