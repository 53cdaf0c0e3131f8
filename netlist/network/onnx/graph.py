"""The layers of a network while its file is read, and who needs them.

A layer is claimed once by each layer that takes it, and once by each use of an ONNX tensor that stands on it. What
nobody claims any more goes; what is claimed once may still be changed, since only the path that claims it would see it.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Ints
from resonet.netlist.network.cnn import IMAGE, Layer, Synapses, Wiring
from resonet.netlist.network.onnx.file import MAX_ELEMENTS

__all__ = ["Graph"]

MAX_LAYERS = 5000  # of hardware, not of nodes: what looks back over them stays cheap


@dataclass(slots=True)
class Graph:
    """Layers by number, each behind those that it takes; None where one was let go."""

    input_shape: tuple[int, ...]
    opset: int
    batch: int  # images per run, fixed by the file (1 if it is open)
    slots: list[Layer | None] = field(default_factory=list)
    sources: list[tuple[int, ...]] = field(default_factory=list)
    claims: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    made: int = 0  # values of all weights and tables
    names: set[str] = field(default_factory=set)  # of the layers that there are
    tables: dict[tuple[tuple[int, ...], bytes], int] = field(default_factory=dict)  # numbers of wires
    highest: dict[str, int] = field(default_factory=dict)  # number in the names of a kind

    def __getitem__(self, number: int) -> Layer:
        """Layer of a number that is claimed."""
        layer = self.slots[number]
        assert layer is not None
        return layer

    def shape(self, number: int) -> tuple[int, ...]:
        """Shape that a layer gives, or that the image has."""
        return self.input_shape if number == IMAGE else self[number].out_shape

    def size(self, number: int) -> int:
        """Values that a layer gives for one image."""
        return math.prod(self.shape(number))

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers that there are, each behind those that it takes."""
        return tuple(layer for layer in self.slots if layer is not None)

    def reserve(self, values: int) -> None:
        """Count the values that a layer will hold, before they are allocated."""
        self.made += values
        if self.made > MAX_ELEMENTS:
            raise InputError(f"brings the network above the possible {MAX_ELEMENTS} weights and table entries")

    def append(self, layer: Layer, kind: str, sources: Sequence[int]) -> int:
        """Add a layer that takes `sources`, whose claims it takes over; its number. It gets its name here."""
        if len(self.names) >= MAX_LAYERS:
            raise InputError(f"brings the network above the possible {MAX_LAYERS} layers")
        self.highest[kind] = 1 + self.highest.get(kind, 0)
        name = f"{kind}{self.highest[kind]}"  # ours: names from the file never leave it
        self.names.add(name)
        self.slots.append(replace(layer, name=name))
        self.sources.append(tuple(sources))
        self.claims.append(0)
        return len(self.slots) - 1

    def claim(self, number: int, times: int = 1) -> None:
        """Need a layer."""
        if number != IMAGE:
            self.claims[number] += times

    def release(self, number: int, times: int = 1) -> None:
        """Need a layer no longer; it goes with all that only it needed."""
        left = [(number, times)]
        while left:
            number, times = left.pop()
            if number == IMAGE:
                continue
            self.claims[number] -= times
            if self.claims[number] == 0:
                self._forget(self[number].name)
                self.slots[number] = None
                left += [(source, 1) for source in self.sources[number]]

    def _forget(self, name: str) -> None:
        """Give a name back; the next layer of its kind gets the lowest that is above all others."""
        self.names.remove(name)
        kind = name.rstrip("0123456789")
        while self.highest[kind] and f"{kind}{self.highest[kind]}" not in self.names:
            self.highest[kind] -= 1

    def alone(self, number: int) -> bool:
        """Whether a layer is needed by one only."""
        return number != IMAGE and self.claims[number] == 1

    def synapses(self, number: int) -> Synapses | None:
        """Weighted layer of that number; None where it is none."""
        layer = None if number == IMAGE else self[number]
        return layer if isinstance(layer, Synapses) else None

    def same_wires(self, sources: tuple[int, ...], index: Ints) -> int | None:
        """Number of wires that there are from these layers with that table."""
        number = self.tables.get((sources, _digest(index)))
        return None if number is None or self.slots[number] is None else number

    def keep_wires(self, number: int) -> None:
        """Let wires be found by `same_wires`."""
        layer = self[number]
        assert isinstance(layer, Wiring)
        self.tables[self.sources[number], _digest(layer.index)] = number

    def finished(self, output: int) -> tuple[tuple[Layer, ...], tuple[tuple[int, ...], ...], int]:
        """Layers, sources and output as `Cnn` holds them: without gaps, and without sources where they are a chain."""
        kept = [number for number, layer in enumerate(self.slots) if layer is not None]
        place = {number: n for n, number in enumerate(kept)} | {IMAGE: IMAGE}
        sources = tuple(tuple(place[source] for source in self.sources[number]) for number in kept)
        last = place[output]
        if last == len(kept) - 1 and all(taken == (n - 1,) for n, taken in enumerate(sources)):
            return self.layers, (), IMAGE
        return self.layers, sources, last


def _digest(index: Ints) -> bytes:
    """What stands for a table."""
    return hashlib.sha256(np.ascontiguousarray(index).data).digest()
