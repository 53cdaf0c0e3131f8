"""Keywords of version 2, `[Number of Ports] 4`: read, and held against each other."""

import re
from dataclasses import dataclass, field

from resonet.core.errors import InputError
from resonet.core.touchstone.numbers import numbers
from resonet.core.touchstone.record import MOST_POINTS, MOST_PORTS, fault, printable

__all__ = ["BLOCKS", "Keywords", "Mode", "keyword"]

KEYWORD = re.compile(r"\[\s*([^\[\]]{1,60}?)\s*\](.*)", re.DOTALL)
NAMES = (
    "version",
    "number of ports",
    "two port data order",
    "number of frequencies",
    "number of noise frequencies",
    "reference",
    "matrix format",
    "mixed mode order",
    "network data",
    "noise data",
    "begin information",
    "end information",
    "end",
)
BLOCKS = ("network data", "noise data", "begin information", "end information", "end")
ALIASES = {"two port order": "two port data order"}
VERSIONS = ("2.0", "2.1")
ORDERS = ("12_21", "21_12")
FORMATS = ("full", "lower", "upper")
MODE = re.compile(r"(s)(\d{1,4})|([cd])(\d{1,4}),(\d{1,4})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Mode:
    """A row of mixed-mode data: S, D or C and its single-ended ports, from 0."""

    letter: str
    ports: tuple[int, ...]


def keyword(text: str, line: int) -> tuple[str, str]:
    """Name, in lower case, and argument of a keyword line. Raises InputError where the keyword is unknown."""
    match = KEYWORD.fullmatch(text)
    name = re.sub(r"[\s_-]+", " ", match.group(1)).lower() if match else ""
    name = ALIASES.get(name, name)
    if match is None or name not in NAMES:
        raise fault(line, f"{printable(text, 60)!r} is no keyword; possible: {', '.join(f'[{n}]' for n in NAMES)}")
    return name, match.group(2).strip()


@dataclass(slots=True)
class Keywords:
    """Arguments of the keywords that were there, by name, with their lines."""

    given: dict[str, tuple[int, list[str]]] = field(default_factory=dict)

    def add(self, name: str, argument: str, line: int) -> None:
        """A keyword; raises InputError where it comes twice."""
        if name in self.given:
            raise fault(line, f"[{name}] a second time (first in line {self.given[name][0]})")
        self.given[name] = (line, argument.split())

    def more(self, name: str, text: str) -> None:
        """Further arguments of a keyword whose list goes on in the next line."""
        words = self.given[name][1]
        words += text.split()
        if len(words) > 10 * MOST_PORTS:
            raise fault(self.given[name][0], f"[{name}]: more than {10 * MOST_PORTS} arguments")

    def line(self, name: str) -> int:
        """Line of a keyword, 0 where it is missing."""
        return self.given[name][0] if name in self.given else 0

    def _word(self, name: str, possible: tuple[str, ...]) -> str | None:
        if name not in self.given:
            return None
        line, words = self.given[name]
        if len(words) != 1 or words[0].lower() not in possible:
            raise fault(line, f"[{name}] {printable(' '.join(words))!r}; possible: {', '.join(possible)}")
        return words[0].lower()

    def _count(self, name: str, most: int) -> int | None:
        if name not in self.given:
            return None
        line, words = self.given[name]
        if len(words) != 1 or not (words[0].isascii() and words[0].isdigit() and len(words[0]) < 12):
            raise fault(line, f"[{name}] {printable(' '.join(words))!r}; possible: a whole number")
        if not 1 <= int(words[0]) <= most:
            unit = name.removeprefix("number of ")
            raise fault(line, f"{int(words[0])} {unit}; possible: 1 ... {most}")
        return int(words[0])

    def version(self) -> str | None:
        """2.0 or 2.1; None where the file does not say."""
        return self._word("version", VERSIONS)

    def ports(self) -> int:
        """[Number of Ports]. Raises InputError where it is missing."""
        found = self._count("number of ports", MOST_PORTS)
        if found is None:
            raise InputError("no Touchstone file ([Number of Ports] is missing, which version 2 needs)")
        return found

    def frequencies(self) -> int | None:
        """[Number of Frequencies]."""
        return self._count("number of frequencies", MOST_POINTS)

    def noise(self) -> int | None:
        """[Number of Noise Frequencies]."""
        return self._count("number of noise frequencies", MOST_POINTS)

    def order(self) -> str | None:
        """[Two-Port Data Order]."""
        name = "two port data order"
        if name in self.given:  # S21_S12, as Mini-Circuits writes it, leaves no doubt
            line, words = self.given[name]
            self.given[name] = (line, [re.sub("[sS]([12]{2})", r"\1", word) for word in words])
        return self._word(name, ORDERS)

    def matrix(self) -> str:
        """[Matrix Format], full by default."""
        return self._word("matrix format", FORMATS) or "full"

    def reference(self, ports: int) -> list[float]:
        """[Reference]: one impedance a port, or one for all of them; empty where it is missing."""
        if "reference" not in self.given:
            return []
        line, words = self.given["reference"]
        found = numbers(words, line)
        if len(found) not in (1, ports):
            raise fault(line, f"[Reference] has {len(found)} impedances for {ports} ports; possible: {ports}")
        if not all(0 < value < float("inf") for value in found):
            raise fault(line, "reference impedances must be positive ([Reference])")
        return found

    def modes(self, ports: int) -> tuple[Mode, ...]:
        """[Mixed-Mode Order], checked; empty where it is missing."""
        if "mixed mode order" not in self.given:
            return ()
        line, words = self.given["mixed mode order"]
        found = []
        for word in words:
            match = MODE.fullmatch(word)
            if match is None:
                raise fault(line, f"[Mixed-Mode Order] {printable(word)!r}; possible: S1, D2,3, C2,3")
            single, port, pair, first, second = match.groups()
            numbered = (port,) if single else (first, second)
            found.append(Mode((single or pair).upper(), tuple(int(n) - 1 for n in numbered)))
        _check_modes(found, ports, line)
        return tuple(found)


def _check_modes(modes: list[Mode], ports: int, line: int) -> None:
    """Every port stands alone once, or in one pair that has both a D and a C."""
    singles = [mode.ports[0] for mode in modes if mode.letter == "S"]
    pairs = {letter: [mode.ports for mode in modes if mode.letter == letter] for letter in "DC"}
    used = singles + [port for pair in pairs["D"] for port in pair]
    same = sorted(map(sorted, pairs["D"])) == sorted(map(sorted, pairs["C"]))
    if not same or sorted(used) != list(range(ports)):
        raise fault(line, f"[Mixed-Mode Order] does not cover the {ports} ports once, each pair by a D and a C")
