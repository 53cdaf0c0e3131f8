"""Resizing by whole factors: nearest by wires, linear enlargement by fixed weights."""

import math
from fractions import Fraction

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array, Ints
from resonet.netlist.network.onnx.builder import Chain
from resonet.netlist.network.onnx.file import MAX_ACTIVATION
from resonet.netlist.network.onnx.node import Node
from resonet.netlist.network.onnx.operators.base import Inputs, Operator, optional
from resonet.netlist.network.onnx.operators.interpolation import add_linear

__all__ = ["OPERATORS"]

COORDINATES = ("asymmetric", "half_pixel", "pytorch_half_pixel")  # of others, runtimes round ties as they like
ROUNDINGS = ("ceil", "floor", "round_prefer_ceil", "round_prefer_floor")
CLOSE = 1e-6  # of a factor that is written with 32 bits


def _coordinate(o: int, scale: Fraction, out: int, mode: str) -> Fraction:
    """Place in the image of output `o`."""
    if mode == "asymmetric" or (mode == "pytorch_half_pixel" and out == 1):
        return o / scale if mode == "asymmetric" else Fraction(0)
    return (o + Fraction(1, 2)) / scale - Fraction(1, 2)


def _rounded(x: Fraction, how: str) -> int:
    match how:
        case "floor":
            return math.floor(x)
        case "ceil":
            return math.ceil(x)
        case "round_prefer_ceil":
            return math.floor(x + Fraction(1, 2))
        case _:
            return math.ceil(x - Fraction(1, 2))


def _factor(size: int, scale: float, out: int | None) -> Fraction:
    """Factor of an axis, from its scale or from the size asked for; whole, or one over a whole."""
    if out is not None:
        whole = max(out, size) % max(min(out, size), 1) == 0
        factor = Fraction(max(out, 0), size)
    else:
        up = scale >= 1
        whole = math.isfinite(scale) and scale > 0
        near = round(scale if up else 1 / scale) if whole else 0
        factor = Fraction(near) if up else Fraction(1, max(near, 1))
        whole = whole and abs(scale - float(factor)) <= CLOSE * scale
    if not whole or factor <= 0:
        shown = f"{size} pixels to {out}" if out is not None else f"{size} pixels by {scale:g}"
        raise InputError(f"resizes {shown}; possible: whole factors, where each pixel is wired as it is")
    return factor


def _numbers(node: Node, inputs: Inputs, place: int, name: str) -> list[float] | None:
    """Scales or sizes, from an input or (Upsample before opset 9) an attribute."""
    given = optional(inputs, place)
    if given is not None and given.size:
        return [float(value) for value in given.ravel()[:8]]
    listed = node.attributes.get(name)
    return [float(value) for value in listed] if isinstance(listed, tuple) and listed else None


def _spread(node: Node, values: list[float], rank: int, rest: list[float]) -> list[float]:
    """A value for every axis, from one for each of the attribute `axes` (default: all)."""
    axes = node.get("axes", ()) or tuple(range(rank))
    if len(values) != len(axes) or not all(-rank <= axis < rank for axis in axes):
        raise InputError(f"has {len(values)} factors for the axes {list(axes)}; possible: one for each of {rank} axes")
    found = list(rest)
    for axis, value in zip(axes, values, strict=True):
        found[axis] = value
    return found


def _resize(chain: Chain, node: Node, inputs: Inputs) -> None:
    is_linear = node.get("mode", "nearest") in ("linear", "bilinear")
    if not is_linear and node.get("mode", "nearest") != "nearest":
        raise InputError(f"interpolates ({node.get('mode', '')[:20]}); possible: nearest and linear")
    is_new = node.op == "Resize" and chain.opset >= 11
    mode = node.get("coordinate_transformation_mode", "half_pixel") if is_new else "asymmetric"
    how = node.get("nearest_mode", "round_prefer_floor") if is_new else "floor"
    if mode not in COORDINATES or how not in ROUNDINGS:
        raise InputError(
            f"has the coordinates {mode[:30]}, rounding {how[:30]}; possible: {', '.join(COORDINATES)}; "
            f"{', '.join(ROUNDINGS)}"
        )
    shape = (1, *chain.shape)
    ones = [1.0] * len(shape)
    scales = _numbers(node, inputs, 2 if is_new else 1, "scales")
    sizes = _numbers(node, inputs, 3, "") if is_new else None
    if (scales is None) == (sizes is None):
        raise InputError("has no constant factors; possible: scales or sizes that are stored in the file")
    if sizes is not None and node.get("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise InputError("keeps the aspect ratio; possible: keep_aspect_ratio_policy = stretch")
    batch = [float(chain.batch), *map(float, chain.shape)]
    scales = _spread(node, scales, len(shape), ones) if scales is not None else ones
    wanted = None if sizes is None else [int(n) for n in _spread(node, sizes, len(shape), batch)]
    if scales[0] != 1 or (wanted is not None and wanted[0] != chain.batch):
        raise InputError("resizes the batch; possible: the axes of an image")
    if is_linear:
        ends = [None] * len(chain.shape) if wanted is None else wanted[1:]
        factors = [_factor(*each) for each in zip(chain.shape, scales[1:], ends, strict=True)]
        if node.flag("antialias"):
            raise InputError("smooths while it shrinks; possible: antialias = 0")
        add_linear(chain, node, factors, mode == "asymmetric")
        return
    chain.add_wiring(node, _table(chain.shape, scales[1:], None if wanted is None else wanted[1:], mode, how))


def _table(shape: tuple[int, ...], scales: list[float], sizes: list[int] | None, mode: str, how: str) -> Ints:
    """Index table of the resized shape."""
    factors = [
        _factor(size, scale, None if sizes is None else sizes[n])
        for n, (size, scale) in enumerate(zip(shape, scales, strict=True))
    ]
    out = [math.floor(size * factor) for size, factor in zip(shape, factors, strict=True)]
    if not 0 < math.prod(out) <= MAX_ACTIVATION:
        raise InputError(f"gives {out}; possible: 1 to {MAX_ACTIVATION} values of one image")
    places: list[Array] = []
    for size, factor, count in zip(shape, factors, out, strict=True):
        at = [_rounded(_coordinate(o, factor, count, mode), how) for o in range(count)]
        places.append(np.clip(at, 0, size - 1))
    table: Ints = np.ravel_multi_index(np.ix_(*places), shape)
    return table


OPERATORS = tuple(Operator(name, _resize) for name in ("Resize", "Upsample"))
