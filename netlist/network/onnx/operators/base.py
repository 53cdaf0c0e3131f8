"""An ONNX operator as a record, and how its handler gets at constants.

A handler gets the chain, the node and the node's inputs as arrays; None stands for the running tensor (always the
first input, but for the elementwise operators) and for optional inputs that are left out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Ints
from resonet.netlist.network.activations.base import Inputs
from resonet.netlist.network.onnx.builder import Chain
from resonet.netlist.network.onnx.file import Array
from resonet.netlist.network.onnx.node import Node

__all__ = ["Handler", "Inputs", "Join", "NotHardware", "Operator", "Split", "fits", "fitted", "floats", "optional"]

Handler = Callable[[Chain, Node, Inputs], None]
# Of several running tensors: node, their paths by input (None: a constant; the same path where it is the same tensor),
# constants by input -> the path of the result, in which all end.
Join = Callable[[Node, Sequence[Chain | None], Inputs], Chain]
Split = Callable[[Chain, Node, Inputs], Sequence[Ints]]  # index table [*shape] of each output


class NotHardware(InputError):
    """Nothing that hardware could make, unless it is part of a function that is made as a whole."""


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator that can be read."""

    name: str
    handle: Handler
    domain: str = ""  # "" is the standard's
    any_input: bool = False  # the running tensor may be any input, not only the first
    on_rows: bool = False  # it may stand on several rows of one image, behind which there is no batch any more
    neutral: bool = False  # computes nothing, so that it may stand on integers and behind the end
    made: bool = False  # stands in no file, only in what is made of one while it is read
    last: bool = False  # nothing that computes may follow it
    join: Join | None = None  # where several of its inputs may be running tensors
    split: Split | None = None  # where it has several outputs


def optional(inputs: Inputs, i: int) -> Array | None:
    """Constant input `i`; None where it is left out."""
    return inputs[i] if i < len(inputs) else None


def floats(inputs: Inputs, i: int, what: str) -> Array:
    """Get a constant input that must be there, as float64."""
    array = optional(inputs, i)
    if array is None:
        raise InputError(f"has no constant {what}; possible: weights stored in the file")
    with np.errstate(invalid="ignore"):  # a signalling NaN; found by the check for finite weights
        return array.astype(np.float64)


def fits(array: Array, shape: tuple[int, ...]) -> bool:
    """Whether an array can be broadcast to a shape."""
    try:
        return np.broadcast_shapes(shape, array.shape) == shape
    except ValueError:
        return False


def fitted(array: Array, shape: tuple[int, ...], what: str) -> Array:
    """Broadcast an array to a shape, if it fits."""
    try:
        return np.broadcast_to(array, shape)
    except ValueError as error:
        raise InputError(f"its {what} has the shape {list(array.shape)}; possible: {list(shape)}") from error
