"""Outcomes of a sweep's points, packed: of the numbers of a point only the numbers are kept, its names once for all."""

from array import array
from collections.abc import Iterator, MutableMapping
from typing import Any

from resonet.cosim.sweep.points import Outcome

__all__ = ["Outcomes"]

Shape = tuple[Any, ...]  # ("dict", names, entries), ("list", entries), ("float",) or ("other", value, its type)
FLOAT = ("float",)


def _shape(value: Any, floats: "array[float]") -> Shape:
    """Shape of what a point gave, with its numbers taken out into `floats`."""
    if type(value) is float:
        floats.append(value)
        return FLOAT
    if isinstance(value, dict):
        return "dict", tuple(value), tuple(_shape(entry, floats) for entry in value.values())
    if isinstance(value, list):
        return "list", tuple(_shape(entry, floats) for entry in value)
    return "other", value, type(value)


def _value(shape: Shape, floats: Iterator[float]) -> Any:
    """What a point gave, of its shape and its numbers."""
    kind = shape[0]
    if kind == "float":
        return next(floats)
    if kind == "dict":
        return {name: _value(entry, floats) for name, entry in zip(shape[1], shape[2], strict=True)}
    if kind == "list":
        return [_value(entry, floats) for entry in shape[1]]
    return shape[1]


class Outcomes(MutableMapping[int, Outcome]):
    """Outcomes by number of the point, in the order in which they came; equal to what was put in, bit by bit.

    A point takes some 8 bytes a number and 200 more, instead of 100 a number.
    """

    def __init__(self) -> None:
        self._shapes: dict[Shape, Shape] = {}
        self._packed: dict[int, tuple[Shape, array[float], str, bool, float, str]] = {}
        self._texts: dict[str, str] = {}

    def _same(self, text: str) -> str:
        return self._texts.setdefault(text, text)

    def __setitem__(self, point: int, outcome: Outcome) -> None:
        floats = array("d")
        shape = _shape(outcome.values, floats)
        shape = self._shapes.setdefault(shape, shape)
        error, process = self._same(outcome.error), self._same(outcome.process)
        self._packed[point] = (shape, floats, error, outcome.final, outcome.seconds, process)

    def __getitem__(self, point: int) -> Outcome:
        shape, floats, error, final, seconds, process = self._packed[point]
        return Outcome(_value(shape, iter(floats)), error, final, seconds, process)

    def __delitem__(self, point: int) -> None:
        del self._packed[point]

    def __iter__(self) -> Iterator[int]:
        return iter(self._packed)

    def __len__(self) -> int:
        return len(self._packed)

    def __contains__(self, point: object) -> bool:
        return point in self._packed

    def numbers(self, *names: str) -> "array[float]":
        """A number of every point in order of their numbers, by its names in `values`; NaN where a point has none."""
        places: dict[int, int | float | None] = {}
        found = array("d")
        for point in sorted(self._packed):
            shape, floats, *_ = self._packed[point]
            if id(shape) not in places:
                places[id(shape)] = _place(shape, names)
            at = places[id(shape)]
            found.append(float("nan") if at is None else floats[at] if isinstance(at, int) else at)
        return found

    def plain(self, point: int) -> tuple[float, str]:
        """Seconds that a point took, and why it failed."""
        _, _, error, _, seconds, _ = self._packed[point]
        return seconds, error

    def failed(self) -> list[int]:
        """Numbers of the points that failed."""
        return sorted(point for point, packed in self._packed.items() if packed[0] == ("other", None, type(None)))


def _count(shape: Shape) -> int:
    """Numbers that a shape holds."""
    kind = shape[0]
    return int(kind == "float") if kind in ("float", "other") else sum(map(_count, shape[-1]))


def _place(shape: Shape, names: tuple[str, ...]) -> int | float | None:
    """Where the number of those names is among a shape's numbers; itself, where it is no float; None: not there."""
    before = 0
    for name in names:
        if shape[0] != "dict" or name not in shape[1]:
            return None
        at = shape[1].index(name)
        before += sum(map(_count, shape[2][:at]))
        shape = shape[2][at]
    if shape[0] == "float":
        return before
    number = shape[1] if shape[0] == "other" else None
    return float(number) if isinstance(number, int | float) and not isinstance(number, bool) else None
