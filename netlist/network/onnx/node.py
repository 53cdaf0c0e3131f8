"""One operator of an ONNX file as a plain record, and how its untrusted names are shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from resonet.core.errors import InputError

__all__ = ["Node", "escape"]

Attribute = TypeVar("Attribute", int, float, str, tuple[int, ...])

TYPE_WORDS = {int: "an integer", float: "a number", str: "a word", tuple: "a list of integers"}


def escape(name: str, limit: int = 60) -> str:
    """Show an untrusted name as printable ASCII of at most `limit` characters, on one line."""
    text = ascii(name[: limit + 1])[1:-1]
    return text if len(text) <= limit else text[: limit - 3] + "..."


@dataclass(frozen=True, slots=True)
class Node:
    """One operator of the file. `attributes` holds None where the type of an attribute is none of ours."""

    op: str
    domain: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]

    @property
    def source(self) -> str:
        """The name to show: the node's own, or what it is known by if it has none."""
        return escape(self.name or next(filter(None, self.outputs), "") or self.op)

    @property
    def label(self) -> str:
        """Operator and name, as error messages begin."""
        return f"{escape(self.op, 30)} '{self.source}'"

    def get(self, name: str, default: Attribute) -> Attribute:
        """Attribute of the default's type, or the default."""
        value = self.attributes.get(name, default)
        if type(value) is not type(default) or (isinstance(value, tuple) and not all(type(v) is int for v in value)):
            raise InputError(f"its attribute {name} is not {TYPE_WORDS[type(default)]}")
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        """Attribute that is 0 or 1; runtimes disagree on what other numbers mean."""
        value = self.get(name, int(default))
        if value not in (0, 1):
            raise InputError(f"its attribute {name} is {value}; possible: 0, 1")
        return bool(value)
