"""The shape of one image, which a file may leave open in parts."""

import math

from resonet.core.errors import InputError
from resonet.netlist.network.onnx.file import MAX_ACTIVATION, InputTensor
from resonet.netlist.network.onnx.node import escape

__all__ = ["image_shape"]


def image_shape(tensor: InputTensor, given: tuple[int, ...] | None) -> tuple[int, ...]:
    """Shape of one image: the file's, completed by the caller's."""
    label = f"input '{escape(tensor.name)}' has the shape {tensor.shown}"
    hint = "pass --input-shape 1,28,28 (channels, height, width, without the batch)"
    if tensor.shape is None and given is None:
        raise InputError(f"{label}; {hint}")
    declared = (None, *[None] * len(given or ())) if tensor.shape is None else tensor.shape
    if not 2 <= len(declared) <= 4:
        raise InputError(f"{label}; possible: [batch, features] to [batch, channels, height, width]")
    image = declared[1:]
    if given is not None:
        fits = len(given) == len(image) and all(d in (None, g) for g, d in zip(given, image, strict=True))
        if not fits or min(given) < 1:
            raise InputError(f"{label}, to which the input shape {','.join(map(str, given))} does not fit; {hint}")
        image = tuple(given)
    shape = tuple(size for size in image if size is not None)
    if len(shape) < len(image):
        raise InputError(f"{label}; {hint}")
    if math.prod(shape) * (declared[0] or 1) > MAX_ACTIVATION:
        raise InputError(f"{label}; possible: at most {MAX_ACTIVATION} values")
    return shape
