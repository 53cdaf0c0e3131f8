"""What an activation must say of itself: its function, its ONNX operators, and what hardware makes of it.

An activation is one file: a class derived from `Activation`, which the registry finds. Every question that the project
has about an activation is a method here, so nothing ever asks which activation it is.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from resonet.core.errors import InputError
from resonet.core.types import Array, Ints
from resonet.netlist.network.activations.curve import Curve, CurveError
from resonet.netlist.network.onnx.node import Node

if TYPE_CHECKING:
    import onnx

__all__ = [
    "KINDS",
    "PIECES",
    "Activation",
    "Fit",
    "Inputs",
    "Kind",
    "Neuron",
    "TrainedOscillator",
    "decimal",
    "no_inputs",
    "number",
    "one_number",
]

Kind = Literal["three_terminal", "two_terminal"]
PIECES = 16  # straight pieces of a fitted transconductor, unless the designer says otherwise
KINDS: tuple[Kind, ...] = ("three_terminal", "two_terminal")
Inputs: TypeAlias = Sequence[
    NDArray[Any] | None
]  # constants of a node by position; None: the running tensor, or left out


@dataclass(frozen=True, slots=True)
class TrainedOscillator:
    """Oscillator that a network was trained with: ξ = 1 + drive z, `scale` at the clamp."""

    kind: Kind
    drive: float
    scale: float
    qnl: float
    clamp: float
    seed: float


@dataclass(frozen=True, slots=True)
class Fit:
    """What a transconductor is fitted with: so many straight pieces over the sums low ... high."""

    pieces: int
    low: float
    high: float


@dataclass(frozen=True, slots=True, eq=False)
class Neuron:
    """What hardware makes of an activation.

    Without an oscillator of its own the ideal one (kind relu) gives a power that rises linearly from its threshold on,
    where the tones of the next layer have no power: the output is min(curve(z), ceiling).
    """

    oscillator: TrainedOscillator | None = None
    any_oscillator: bool = False  # every kind of oscillator may stand in, fitted to the trained outputs
    ceiling: float = math.inf  # output at the oscillator's clamp
    curve: Curve | None = None  # of the transconductor; None: straight
    error: CurveError | None = None  # of a curve that is fitted; None: exact


class Activation(ABC):
    """An activation; instances are frozen records, equal where they compute the same."""

    __slots__ = ()
    DOMAIN: ClassVar[str] = ""  # of its ONNX operators; "" is the standard's
    OPERATORS: ClassVar[tuple[str, ...]] = ()  # that `read` takes
    ANY_INPUT: ClassVar[frozenset[str]] = frozenset()  # of these, the running tensor may be any input
    IDLE: ClassVar[str] = "is not changed by it"  # why one behind another layer's activation may be left out

    @abstractmethod
    def __call__(self, z: ArrayLike) -> Array:
        """Outputs of neurons for their sums, bias included; NaN stays NaN.

        Sums of any shape; where it holds parameters for several neurons, these are the last axis.
        """

    @abstractmethod
    def __str__(self) -> str:
        """Name and parameters, as design.toml shows them."""

    @property
    @abstractmethod
    def rises(self) -> bool:
        """Whether it never falls, so that a largest value may be taken before or after it."""

    @property
    def homogeneous(self) -> bool:
        """Whether f(t z) = t f(z) for every t > 0, so that a neuron may have a scale of its own."""
        return False

    @property
    def at_zero(self) -> float:
        """Output of a sum of zero: where it is zero, zeros may be put in before or after it."""
        return float(self(0.0))

    @abstractmethod
    def range(self, low: float, high: float) -> tuple[float, float]:
        """Least and largest output for sums within low ... high."""

    @property
    def exact(self) -> bool:
        """Whether hardware makes it exactly; otherwise its neuron needs a fit."""
        return True

    @property
    def on_pixels(self) -> bool:
        """Whether pixels before the first layer need no neurons for it: the sources of their tones do it."""
        return False

    @property
    def jumps(self) -> bool:
        """Whether the least change of a sum may change an output by a step: 32 bits are then not enough for it."""
        return False

    @property
    def straight(self) -> Curve | None:
        """The straight pieces that it is made of, where `write` says something else or nothing."""
        return None

    @property
    def size(self) -> int:
        """For how many neurons it holds parameters; 1 where one law is for all."""
        return 1

    def take(self, neurons: Ints) -> "Activation":
        """The activation of those of its neurons, one after another."""
        return self

    @abstractmethod
    def neuron(self, fit: Fit | None = None) -> Neuron:
        """What hardware makes of it. Raises InputError where it is not exact and there is no fit."""

    def built(self, fit: Fit | None = None) -> "Activation":
        """What the hardware computes: the activation itself, or the curve that is fitted to it."""
        return self

    def after(self, before: "Activation") -> "Activation | None":
        """One activation that does what `before` and then this one do; None where there is none."""
        return None

    def limited(self, low: float, high: float) -> "Activation | None":
        """One activation that clamps its outputs within low ... high, too; None where there is none."""
        return None

    @classmethod
    @abstractmethod
    def read(cls, node: Node, inputs: Inputs, shape: tuple[int, ...]) -> "Activation":
        """Activation of an ONNX node of its operators; `shape` is the running tensor's, without the batch.

        Raises InputError, which the node's name is put before.
        """

    @classmethod
    def alike(cls, z: Array, y: Array) -> "Iterator[Activation]":
        """Activations of this kind that may compute y of z but for a factor, where several operators do; z [n].

        y [n], or [n, values] where the values of one image differ; who asks compares them.
        """
        yield from ()

    @abstractmethod
    def write(self, source: str, result: str, name: str = "") -> "list[onnx.NodeProto]":
        """ONNX nodes that compute tensor `result` from tensor `source`; `name` is the last one's."""


def no_inputs(inputs: Inputs) -> None:
    """InputError where a node has more than its one input."""
    if any(x is not None for x in inputs[1:]):
        raise InputError(f"has {len(inputs)} inputs; possible: 1")


def decimal(value: float) -> float:
    """The shortest decimal that stands for a number of 32 bits: 0.1, not 0.10000000149."""
    return float(str(np.float32(value)))


def number(node: Node, name: str, default: float) -> float:
    """Attribute of a node as the decimal that was meant. InputError where it is not finite."""
    found = decimal(node.get(name, default))
    if not math.isfinite(found):
        raise InputError(f"its attribute {name} is {found}; possible: finite numbers")
    return found


def one_number(inputs: Inputs, i: int, what: str) -> float | None:
    """Constant input of one value, None where it is left out. InputError for more, or for one that is NaN."""
    array = inputs[i] if i < len(inputs) else None
    if array is None:
        return None
    if not array.size or (array != array.ravel()[0]).any():
        raise InputError(f"has {array.size} values of {what}; possible: one number for all")
    return decimal(float(array.ravel()[0]))
