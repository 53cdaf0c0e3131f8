"""A deck as a flat list of elements: subcircuits unfolded, values computed, nodes numbered.

Read are the decks that the house writes: R, L, C, K, V, I, E, F, G, H, B, D and X, one transient with a fixed step that
starts from the operating point.
Anything else is an InputError that names the line: an engine that skipped it would simulate another circuit.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from resonet.core.errors import InputError
from resonet.cosim.fixed_step.expressions import OPERATIONS, Program, number, program, value_of
from resonet.netlist.spice.deck import Deck
from resonet.spice_lib.library import library_text

__all__ = ["Circuit", "Element", "Wave", "read_circuit"]

GROUND = ("0", "gnd")
THERMAL = 1.38064852e-23 * 300.15 / 1.6021766208e-19  # V, k T / q at 27 C; CODATA 2014, as in ngspice 39
PINS = {"r": 2, "l": 2, "c": 2, "v": 2, "i": 2, "e": 4, "g": 4, "f": 2, "h": 2, "b": 2, "d": 2}
GMIN = 1e-12  # S, beside every junction, as in ngspice


@dataclass(frozen=True, slots=True)
class Wave:
    """An independent source: a constant, a sine from time 0 on, or straight pieces."""

    constant: float = 0.0
    sine: tuple[float, float, float] | None = None  # peak, Hz, radian
    pieces: tuple[tuple[float, float], ...] = ()  # s, value


@dataclass(frozen=True, slots=True)
class Element:
    """One element; `kind` is SPICE's letter, for B sources "bv" or "bi"."""

    kind: str
    name: str
    nodes: tuple[str, ...]  # of K the names of its inductors
    value: float = 0.0
    control: str = ""  # ammeter of F and H
    wave: Wave = Wave()
    law: Program | None = None


@dataclass(frozen=True, slots=True)
class Circuit:
    """A deck, unfolded."""

    name: str
    elements: tuple[Element, ...]
    step: float  # s
    stop: float  # s
    saved: tuple[str, ...]  # names of vectors, as in the raw file


@dataclass(slots=True)
class _Subcircuit:
    pins: list[str]
    defaults: dict[str, str]
    lines: list[list[str]] = field(default_factory=list)  # words
    models: dict[str, dict[str, str]] = field(default_factory=dict)


def _lines(text: str, where: str, seen: tuple[str, ...] = ()) -> list[str]:
    """Lines with includes in place and continuations joined, without comments."""
    joined: list[str] = []
    for line in text.splitlines():
        bare = line.strip()
        if not bare or bare.startswith("*"):
            continue
        if bare.startswith("+"):
            joined[-1] += " " + bare[1:]
        elif bare.lower().startswith(".include"):
            file = bare.split(None, 1)[1].strip('"').rpartition("/")[2]
            if file not in library_text() or file in seen:
                raise InputError(f"{where}: {bare[:80]!r}; possible: files of the library")
            joined += _lines(library_text()[file], file, (*seen, file))
        else:
            joined.append(bare)
    return joined


def _words(line: str) -> list[str]:
    """Words of a line; what stands in braces or brackets is one word with what touches it."""
    words, depth, word = [], 0, ""
    for letter in re.sub(r"\s*=\s*", "=", line):
        depth += (letter in "{(") - (letter in "})")
        if letter.isspace() and not depth:
            words += [word] if word else []
            word = ""
        else:
            word += letter
    return [*words, word] if word else words


def _assigned(words: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    plain = [word for word in words if "=" not in word]
    return plain, {key.lower(): value for key, _, value in (word.partition("=") for word in words if "=" in word)}


@dataclass(frozen=True, slots=True)
class _Scope:
    """Where a line stands: names in front of its own, pins and parameters of its subcircuit, models of diodes."""

    prefix: str
    pins: Mapping[str, str]
    values: dict[str, float]
    models: Mapping[str, Mapping[str, str]]

    def node(self, name: str) -> str:
        """A node by its name in the whole circuit."""
        low = name.lower()
        return "0" if low in GROUND else self.pins.get(low, self.prefix + low)

    def value(self, text: str) -> float:
        """A number, or an expression of the parameters."""
        return value_of(text, self.values)

    def law(self, text: str) -> Program:
        """Law of a B source, its controls by their names in the whole circuit."""
        found = program(text, self.values)
        controls = tuple(
            ("i", self.prefix + names[0]) if kind == "i" else ("v", *(self.node(name) for name in names))
            for kind, *names in found.controls
        )
        return Program(found.steps, controls)


class _Reader:
    def __init__(self, deck: Deck) -> None:
        self.name = deck.name
        self.subcircuits: dict[str, _Subcircuit] = {}
        self.elements: list[Element] = []
        self.tran: tuple[float, float] | None = None
        self.saved: list[str] = []
        head = deck.text.partition("\n.control\n")[0]
        _, _, body = head.partition("\n")  # the first line is a title
        self.unfold(self.collect(_lines(body, deck.name)), _Scope("", {}, {}, {}))

    def collect(self, lines: Sequence[str]) -> list[str]:
        """Lines outside of subcircuits, which are kept by name."""
        rest: list[str] = []
        inside: _Subcircuit | None = None
        for line in lines:
            first = line.split(None, 1)[0].lower()
            if first == ".subckt":
                plain, values = _assigned(_words(line)[1:])
                inside = self.subcircuits[plain[0].lower()] = _Subcircuit([p.lower() for p in plain[1:]], values)
            elif first == ".ends":
                inside = None
            elif inside is None:
                rest.append(line)
            elif first == ".model":
                _, name, *more = _words(line)
                inside.models[name.lower()] = _assigned(_words(more[0].partition("(")[2][:-1]))[1]
            else:
                inside.lines.append(_words(line))
        return rest

    def unfold(self, lines: Sequence[str], scope: _Scope) -> None:
        """Elements and commands of the lines outside of subcircuits."""
        for line in lines:
            words = _words(line)
            if line.startswith("."):
                self.command(words)
            else:
                self.line(words, scope)

    def line(self, words: list[str], scope: _Scope) -> None:
        """An element or an instance."""
        letter, name = words[0][0].lower(), scope.prefix + words[0].lower()
        if letter == "x":
            self.instance(words, name, scope)
        elif letter == "k" and len(words) == 4:
            both = tuple(scope.prefix + word.lower() for word in words[1:3])
            self.elements.append(Element("k", name, both, scope.value(words[3])))
        elif letter in PINS and len(words) > PINS[letter] + 1:
            ends = tuple(scope.node(word) for word in words[1 : 1 + PINS[letter]])
            self.elements.append(self.element(letter, name, ends, words[1 + PINS[letter] :], scope))
        else:
            raise self.unknown(words)

    def unknown(self, words: Sequence[str]) -> InputError:
        """Error that names a line."""
        return InputError(f"{self.name}: {' '.join(words)[:80]!r} is nothing that fixed_step knows; possible: ngspice")

    def instance(self, words: list[str], name: str, scope: _Scope) -> None:
        """Unfold a subcircuit."""
        plain, given = _assigned(words[1:])
        kind = plain.pop().lower()
        sub = self.subcircuits.get(kind)
        if sub is None or len(plain) != len(sub.pins) or set(given) - set(sub.defaults):
            raise InputError(f"{self.name}: {words[0]}: no subcircuit {kind[:40]!r} with these pins and parameters")
        values: dict[str, float] = {}
        for key, text in sub.defaults.items():
            values[key] = scope.value(given[key]) if key in given else value_of(text, values)
        pins = dict(zip(sub.pins, (scope.node(word) for word in plain), strict=True))
        inner = _Scope(name + ".", pins, values, sub.models)
        for line in sub.lines:
            if line[0].lower() == ".param":
                values.update((key, inner.value(text)) for key, text in _assigned(line[1:])[1].items())
            else:
                self.line(line, inner)

    def element(self, letter: str, name: str, ends: tuple[str, ...], rest: list[str], scope: _Scope) -> Element:
        """One element; `rest` is what stands behind its nodes."""
        match letter:
            case "v" | "i":
                return Element(letter, name, ends, wave=self.wave(rest, scope))
            case "f" | "h":
                return Element(letter, name, ends, scope.value(rest[1]), scope.prefix + rest[0].lower())
            case "b":
                kind, _, text = " ".join(rest).partition("=")
                if kind.lower() not in ("v", "i"):
                    raise self.unknown([name, *rest])
                return Element("b" + kind.lower(), name, ends, law=scope.law(text))
            case "d":
                return Element("bi", name, ends, law=self.diode(ends, scope.models.get(rest[0].lower(), {}), scope))
        value = scope.value(rest[0])
        if len(rest) > 1 and rest[1:] != ["noisy=0"]:
            raise self.unknown([name, *rest])
        if letter == "l" and value == 0:
            return Element("v", name, ends, wave=Wave())  # a coil of 0 H is a wire, as in ngspice
        if letter in "rlc" and not (value > 0 or (letter == "c" and value == 0)):
            raise InputError(f"{self.name}: {name} of {value:g}; possible: above 0")
        return Element(letter, name, ends, value)

    def diode(self, ends: tuple[str, ...], model: Mapping[str, str], scope: _Scope) -> Program:
        """Current of a junction."""
        if set(model) - {"is", "n"} or "is" not in model:
            raise InputError(f"{self.name}: a diode with {', '.join(model) or 'no model'}; possible: is, n")
        width = scope.value(model.get("n", "1")) * THERMAL
        numbers = ((OPERATIONS["number"], scope.value(model["is"])), (OPERATIONS["number"], width))
        leak = ((OPERATIONS["number"], GMIN), (OPERATIONS["control"], 0.0), (OPERATIONS["*"], 0.0))
        steps = ((OPERATIONS["control"], 0.0), *numbers, (OPERATIONS["diode"], 0.0), *leak, (OPERATIONS["+"], 0.0))
        return Program(steps, (("v", *ends),))

    def wave(self, rest: list[str], scope: _Scope) -> Wave:
        """An independent source."""
        constant, words = 0.0, list(rest)
        sine: tuple[float, float, float] | None = None
        pieces: tuple[tuple[float, float], ...] = ()
        while words:
            word = words.pop(0)
            kind, _, inside = word.lower().partition("(")
            numbers = [scope.value(part) for part in _words(inside[:-1])] if inside else []
            if kind == "dc":
                constant = scope.value(words.pop(0))
            elif kind == "ac":
                words.pop(0)
            elif kind == "sin" and 3 <= len(numbers) <= 6 and not any(numbers[3:5]):
                constant, phase = numbers[0], numbers[5] if len(numbers) > 5 else 0.0
                sine = (numbers[1], 2 * math.pi * numbers[2], math.radians(phase))
            elif kind == "pwl" and len(numbers) % 2 == 0:
                pieces = tuple(zip(numbers[::2], numbers[1::2], strict=True))
            elif not inside and len(rest) == 1:
                constant = scope.value(word)
            else:
                raise self.unknown(rest)
        return Wave(constant, sine, pieces)

    def command(self, words: list[str]) -> None:
        """A line with a dot."""
        first = words[0].lower()
        if first == ".tran" and len(words) == 5 and number(words[3]) == 0 and words[1] == words[4]:
            self.tran = (number(words[1]), number(words[2]))
        elif first == ".save":
            self.saved += [word.lower() for word in words[1:]]
        elif first != ".options" or ".options method=trap" not in " ".join(words):
            raise self.unknown(words)


def read_circuit(deck: Deck) -> Circuit:
    """Unfold a deck with one transient. Raises InputError."""
    reader = _Reader(deck)
    if reader.tran is None or not reader.saved:
        raise InputError(f"{deck.name}: no transient with a fixed step, or nothing saved")
    return Circuit(deck.name, tuple(reader.elements), *reader.tran, tuple(reader.saved))
