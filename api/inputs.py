"""What callers hand in: designs or their folders, images in files or arrays, parameters as a mapping or a file."""

import operator
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from resonet.core.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from resonet.netlist.design.design import Design
    from resonet.netlist.design.parameters import Parameters
    from resonet.netlist.network.images import ImageSet
    from resonet.netlist.network.pixels import Pixels

__all__ = [
    "DesignOrFolder",
    "Images",
    "ParametersLike",
    "PathText",
    "as_design",
    "as_images",
    "as_parameters",
    "as_path",
    "design_layers",
    "one_of",
    "refuse",
    "stored_design",
    "whole",
]

PathText: TypeAlias = str | PathLike[str]
DesignOrFolder: TypeAlias = "Design | str | PathLike[str]"
# A .npz file; arrays of images [n, ...] and labels [n]; or images alone, where no labels are needed.
Images: TypeAlias = "ImageSet | str | PathLike[str] | NDArray[Any] | tuple[NDArray[Any], NDArray[Any]]"
ParametersLike: TypeAlias = "Parameters | Mapping[str, object] | str | PathLike[str]"


def refuse(what: str, given: bool, need: str) -> None:
    """InputError for a keyword that was `given` and would change nothing; `need`: what it takes."""
    if given:
        raise InputError(f"{what}: changes nothing here; possible: {need}")


def one_of(what: str, value: object, possible: Sequence[str]) -> None:
    """InputError for a word that is none of those that are possible."""
    if value not in possible:
        raise InputError(f"{what} = {value!r:.60}: possible: {', '.join(possible)}")


def whole(what: str, value: object, least: int, most: int = 2**63 - 1) -> int:
    """A whole number from `least` to `most`. Raises InputError."""
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = least - 1
    if isinstance(value, bool) or not least <= number <= most:
        raise InputError(f"{what} = {value!r:.60}: possible: a whole number, {least} ... {most}")
    return number


def as_path(what: str, value: object) -> Path:
    """A path from text or a path. Raises InputError."""
    if not isinstance(value, str | PathLike):
        raise InputError(f"{what}: {type(value).__name__}; possible: a path")
    return Path(value)


def as_design(design: DesignOrFolder) -> "Design":
    """A design, of a folder too. Raises InputError."""
    from resonet.netlist.design.design import Design
    from resonet.netlist.design.folder import load_design

    return design if isinstance(design, Design) else load_design(as_path("design", design))


def design_layers(design: "Design", layer: str | Sequence[str] | None) -> list[str]:
    """Names of the layers that were asked for, or of all. Raises InputError for one that is not there."""
    names = [layer] if isinstance(layer, str) else list(layer or [entry.layer.name for entry in design.plan.layers])
    for name in names:
        design.plan.layer(name)
    return names


def as_images(
    images: Images, input_shape: tuple[int, ...], pixels: "Pixels | None", name: str = "images"
) -> "ImageSet":
    """Images as a network of that input shape takes them. Raises InputError."""
    from resonet.netlist.network.images import ImageSet, image_set, read_images

    if isinstance(images, ImageSet):
        return images
    if isinstance(images, str | PathLike):
        return read_images(Path(images), input_shape, pixels)
    if isinstance(images, tuple):
        if len(images) != 2:
            raise InputError(f"{name}: {len(images)} arrays; possible: (images [n, ...], labels [n])")
        return image_set(*images, input_shape, pixels, name)
    given: object = images  # whatever a caller hands in
    if not hasattr(given, "__array__") and not isinstance(given, list):
        raise InputError(
            f"{name}: {type(images).__name__}; possible: an .npz file, an array of images [n, ...], (images, labels)"
        )
    return image_set(images, None, input_shape, pixels, name)


def as_parameters(given: "ParametersLike | None", preset: str | None = None) -> "Parameters":
    """Parameters of a file, or of a mapping: {"plan.tile": 32} or {"plan": {"tile": 32}}. Raises InputError."""
    from resonet.netlist.design.parameters import Parameters, read_parameters

    if isinstance(given, Parameters):
        refuse("preset", preset is not None, "parameters as a mapping or a file, or none")
        return given
    if isinstance(given, Mapping):
        return read_parameters(preset=preset, values=given)
    said = "parameters, a mapping such as {'plan.tile': 32} or a TOML file"
    return read_parameters(None if given is None else as_path(said, given), preset=preset)


def stored_design(design: DesignOrFolder, what: str) -> "tuple[Design, Path]":
    """A design and its folder, for what every process reads from there. InputError where they are not the same."""
    from resonet.netlist.design.design import Design
    from resonet.netlist.design.folder import load_design

    if not isinstance(design, Design):
        path = as_path("design", design)
        return load_design(path), path.absolute()
    if design.folder is None:
        raise InputError(f'{what}: {design.cnn.file} is in no folder; possible: compile(MODEL, "build"), or its folder')
    stored = load_design(design.folder)
    if not _same(design, stored):
        raise InputError(f"{what}: {design.folder} holds another design than this one; possible: load it again")
    return stored, design.folder


def _same(one: "Design", other: "Design") -> bool:
    """Whether two designs have the same network, parameters and programs."""
    import numpy as np

    if (one.cnn.sha256, one.parameters, one.scales) != (other.cnn.sha256, other.parameters, other.scales):
        return False
    return one.programs.keys() == other.programs.keys() and all(
        np.array_equal(mine, theirs)
        for method, program in one.programs.items()
        for own, stored in zip(program.layers, other.programs[method].layers, strict=True)
        for mine, theirs in zip(own.f_res, stored.f_res, strict=True)
    )
