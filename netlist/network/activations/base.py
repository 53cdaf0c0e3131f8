"""What an activation must say of itself: its function, its ONNX operators, and what hardware makes of it.

An activation is one file: a class derived from `Activation`, which the registry finds. Every question that the project
has about an activation is a method here, so nothing ever asks which activation it is.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from numpy.typing import ArrayLike, NDArray

from resonet.core.errors import InputError
from resonet.core.types import Array
from resonet.netlist.network.onnx.node import Node

if TYPE_CHECKING:
    import onnx

__all__ = ["KINDS", "Activation", "Inputs", "Kind", "Neuron", "TrainedOscillator", "no_inputs"]

Kind = Literal["three_terminal", "two_terminal"]
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
class Neuron:
    """What hardware makes of an activation.

    Without an oscillator of its own the ideal one (kind relu) gives a power that rises linearly from its threshold on,
    where the tones of the next layer have no power.
    """

    oscillator: TrainedOscillator | None = None
    any_oscillator: bool = False  # every kind of oscillator may stand in, fitted to the trained outputs


class Activation(ABC):
    """An activation; instances are frozen records, equal where they compute the same."""

    __slots__ = ()
    DOMAIN: ClassVar[str] = ""  # of its ONNX operators; "" is the standard's
    OPERATORS: ClassVar[tuple[str, ...]] = ()  # that `read` takes
    IDLE: ClassVar[str] = "is not changed by it"  # why one behind another layer's activation may be left out

    @abstractmethod
    def __call__(self, z: ArrayLike) -> Array:
        """Outputs of neurons for their sums, bias included, of any shape; NaN stays NaN."""

    @abstractmethod
    def __str__(self) -> str:
        """Name and parameters, as design.toml shows them."""

    @property
    @abstractmethod
    def rises(self) -> bool:
        """Whether it never falls, so that a largest value may be taken before or after it."""

    @property
    def at_zero(self) -> float:
        """Output of a sum of zero: where it is zero, zeros may be put in before or after it."""
        return float(self(0.0))

    @abstractmethod
    def range(self, low: float, high: float) -> tuple[float, float]:
        """Least and largest output for sums within low ... high."""

    @abstractmethod
    def neuron(self) -> Neuron:
        """What hardware makes of it."""

    def after(self, before: "Activation") -> "Activation | None":
        """One activation that does what `before` and then this one do; None where there is none."""
        return None

    @classmethod
    @abstractmethod
    def read(cls, node: Node, inputs: Inputs) -> "Activation":
        """Activation of an ONNX node of its operators. Raises InputError, which the node's name is put before."""

    @abstractmethod
    def write(self, source: str, result: str, name: str = "") -> "list[onnx.NodeProto]":
        """ONNX nodes that compute tensor `result` from tensor `source`; `name` is the last one's."""


def no_inputs(inputs: Inputs) -> None:
    """InputError where a node has more than its one input."""
    if any(x is not None for x in inputs[1:]):
        raise InputError(f"has {len(inputs)} inputs; possible: 1")
