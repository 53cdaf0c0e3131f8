"""Expressions of SPICE: values in braces, and the laws of B sources as programs of a stack machine.

A program is a list of (operation, number): numbers, `time`, and controls, which are voltages and currents that the
expression asks for. The machine (kernels.py) gives the value with its derivative to every control.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from resonet.core.errors import InputError

__all__ = ["OPERATIONS", "Node", "Program", "number", "parse", "program", "value_of"]

SUFFIXES = {"t": 1e12, "g": 1e9, "meg": 1e6, "k": 1e3, "m": 1e-3, "u": 1e-6, "n": 1e-9, "p": 1e-12, "f": 1e-15}
NUMBER = re.compile(r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?([a-zA-Z]*)")
TOKEN = re.compile(r"\s*(?:((?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[a-zA-Z]*)|([A-Za-z_]\w*)|(\*\*|[<>=!]=|&&|\|\||.))")
PROBE = re.compile(r"\s*([vi])\s*\(([^()]*)\)", re.IGNORECASE)
FUNCTIONS: dict[str, Callable[..., float]] = {
    "sqrt": math.sqrt,
    "exp": math.exp,
    "ln": math.log,
    "log": math.log,
    "sin": math.sin,
    "cos": math.cos,
    "tanh": math.tanh,
    "abs": abs,
    "min": min,
    "max": max,
}
BINARY: dict[str, Callable[[float, float], float]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "^": lambda a, b: a**b,
    ">": lambda a, b: float(a > b),
    "<": lambda a, b: float(a < b),
}
# How the stack machine numbers what it can do; `diode` is the current of a junction of a saturation current and n Vt.
SIGNS = ("number", "time", "control", "+", "-", "*", "/", "^", ">", "<", "neg", "?")
NAMES = (*SIGNS, "sqrt", "exp", "ln", "sin", "cos", "tanh", "abs", "min", "max", "diode")
OPERATIONS = {name: number for number, name in enumerate(NAMES)}
LEVELS = {"?": 1, "<": 2, ">": 2, "+": 3, "-": 3, "*": 4, "/": 4, "^": 6}
UNARY = 5

Node = tuple[object, ...]  # ("number", 1.0), ("name", "q"), ("v", "a", "b"), ("i", "vsense"), ("call", "+", node, ...)


@dataclass(frozen=True, slots=True)
class Program:
    """Law of a B source: steps of (operation, number or place of a control), controls in the order of the places."""

    steps: tuple[tuple[int, float], ...]
    controls: tuple[tuple[str, ...], ...]  # ("v", a, b) or ("i", source)


def number(text: str) -> float:
    """A number of SPICE, such as 1k or 0.2e-12. Raises InputError."""
    found = NUMBER.fullmatch(text.lstrip("+-"))
    if found is None:
        raise InputError(f"{text[:40]!r} is no number of SPICE")
    letters = found[1].lower()
    scale = next((SUFFIXES[s] for s in ("meg", letters[:1]) if s and letters.startswith(s) and s in SUFFIXES), 1.0)
    bare = text[: len(text) - len(letters)] if letters else text
    return float(bare) * scale


class _Parser:
    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def look(self) -> tuple[str, str, int]:
        """Kind and text of the next token, and where it ends."""
        if not self.text[self.at :].strip():
            return "end", "", len(self.text)
        probe = PROBE.match(self.text, self.at)
        if probe:
            return "probe", probe[0], probe.end()
        found = TOKEN.match(self.text, self.at)
        assert found is not None
        kind = "number" if found[1] else "name" if found[2] else "sign"
        return kind, found[1] or found[2] or found[3], found.end()

    def take(self) -> tuple[str, str]:
        kind, text, self.at = self.look()
        return kind, text

    def want(self, sign: str) -> None:
        if self.take()[1] != sign:
            raise InputError(f"expression {self.text[:60]!r}: no {sign!r} where one must be")

    def expression(self, level: int = 0) -> Node:
        left = self.primary()
        while True:
            kind, sign, _ = self.look()
            sign = "^" if sign == "**" else sign
            its = LEVELS.get(sign, 0) if kind == "sign" else 0
            if its <= level:
                return left
            self.take()
            if sign == "?":
                then = self.expression()
                self.want(":")
                left = ("call", "?", left, then, self.expression())
            else:
                left = ("call", sign, left, self.expression(its))

    def primary(self) -> Node:
        kind, text = self.take()
        if kind == "number":
            return ("number", number(text))
        if kind == "probe":
            found = PROBE.fullmatch(text)
            assert found is not None
            names = tuple(name.strip().lower() for name in found[2].split(","))
            return ("i", *names) if found[1].lower() == "i" else ("v", names[0], names[1] if len(names) > 1 else "0")
        if kind == "name":
            return self.call(text.lower()) if self.look()[1] == "(" else ("name", text.lower())
        if text in ("-", "+"):
            inner = self.expression(UNARY)
            return ("call", "neg", inner) if text == "-" else inner
        if text in ("(", "{"):
            inner = self.expression()
            self.want(")" if text == "(" else "}")
            return inner
        raise InputError(f"expression {self.text[:60]!r}: {text!r} is not understood here")

    def call(self, name: str) -> Node:
        if name not in FUNCTIONS:
            raise InputError(f"function {name[:30]!r} of an expression; possible: {', '.join(FUNCTIONS)}")
        self.want("(")
        arguments = [self.expression()]
        while self.look()[1] == ",":
            self.take()
            arguments.append(self.expression())
        self.want(")")
        return ("call", "ln" if name == "log" else name, *arguments)


@cache
def parse(text: str) -> Node:
    """Tree of an expression. Raises InputError."""
    parser = _Parser(text)
    tree = parser.expression()
    if parser.look()[0] != "end":
        raise InputError(f"expression {text[:60]!r}: {parser.look()[1]!r} is left over")
    return tree


def _known(node: Node, scope: Mapping[str, float]) -> float | None:
    """Value of a tree, None where it depends on time or the circuit."""
    match node:
        case ("number", float(value)):
            return value
        case ("name", "time"):
            return None
        case ("name", str(name)):
            if name not in scope:
                raise InputError(f"{name[:40]!r} in an expression; possible: {', '.join(scope) or 'numbers'}")
            return scope[name]
        case ("call", str(name), *arguments):
            values = [_known(argument, scope) for argument in arguments]  # type: ignore[arg-type]
            known = [value for value in values if value is not None]
            if len(known) < len(values):
                return None
            if name == "?":
                return known[1] if known[0] else known[2]
            if name == "neg":
                return -known[0]
            return (BINARY.get(name) or FUNCTIONS[name])(*known)
    return None


def value_of(text: str, scope: Mapping[str, float]) -> float:
    """Number of a text such as `1k` or `{q / f0}`, with the parameters of a scope. Raises InputError."""
    if not text.startswith("{"):
        return number(text)
    try:
        value = _known(parse(text), scope)
    except (ArithmeticError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"expression {text[:60]!r}: {error}") from None
    if value is None:
        raise InputError(f"expression {text[:60]!r} depends on the circuit")
    return float(value)


def program(text: str, scope: Mapping[str, float]) -> Program:
    """Law of a B source. Raises InputError."""
    steps: list[tuple[int, float]] = []
    controls: list[tuple[str, ...]] = []

    def write(node: Node) -> None:
        value = _known(node, scope)
        if value is not None:
            steps.append((OPERATIONS["number"], float(value)))
        elif node[0] in ("v", "i"):
            control = tuple(str(part) for part in node)
            if control not in controls:
                controls.append(control)
            steps.append((OPERATIONS["control"], float(controls.index(control))))
        elif node == ("name", "time"):
            steps.append((OPERATIONS["time"], 0.0))
        else:
            for argument in node[2:]:
                write(argument)  # type: ignore[arg-type]
            steps.append((OPERATIONS[str(node[1])], 0.0))

    write(parse(text))
    return Program(tuple(steps), tuple(controls))
