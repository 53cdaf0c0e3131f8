"""What programs write into comments and a reader must not lose: port impedances, names of ports, mixed modes.

! Port Impedance 50 0 50 0          HFSS, scikit-rf: after each frequency, real and imaginary part of every port;
! Port Impedance50 0 50 0           older: glued, wrapped into further comments of numbers; terminal data hold a
!               50 0 50 0           matrix, of which the diagonal is the reference
!Data is not renormalized           HFSS: S is in these impedances, not in those of the option line
! S-Parameters are not renormalized. Unphysical impedance of 50 will be written   CST: nobody knows in which
!PortZ Port1:50+j0 Port2:75+j0      Keysight ENA: conversion of the ports' impedances is on
! Reference impedance Port 1: 75 Ohm, ! Z0 = 75   in words: `prose`
!DescriptorOutline={... NormalizationType=Generalized ... ListOfZo=(1:50)(2:25)}  Simbeor
!MixedMode                          LeCroy: the rows are modes, not ports
"""

import re
from dataclasses import dataclass, field

from resonet.core.touchstone.numbers import NUMBER, complex_number
from resonet.core.touchstone.prose import Stated, stated
from resonet.core.touchstone.record import MOST_PORTS, printable

__all__ = ["Comments", "ImpedanceBlock"]

IMPEDANCE = re.compile(r"\s*port\s*impedances?\s*[:=]?(.*)", re.IGNORECASE | re.DOTALL)
GAMMA = re.compile(r"\s*gamma\b", re.IGNORECASE)
UNNORMALISED = re.compile(r"not\s+(?:been\s+)?re-?normali[sz]ed", re.IGNORECASE)
NAME = re.compile(r"\s*port\s*\[?\s*(\d{1,6})\s*\]?\s*[=:]\s*(.*)", re.IGNORECASE)
PORT_Z = re.compile(r"\s*portz\b(.*)", re.IGNORECASE)
ENA = re.compile(r"port(\d{1,4}):(\S+)", re.IGNORECASE)
SIMBEOR = re.compile(r"\s*descriptoroutline=.*normalizationtype=generali[sz]ed\b", re.IGNORECASE)
LISTED = re.compile(r"\((\d{1,4}):([^()]{1,40})\)")
MIXED = re.compile(r"[\s!]*mixed-?mode\s*", re.IGNORECASE)
WAVES = re.compile(r"s-parameters? uses the (power|pseudo|traveling) definition", re.IGNORECASE)
SEPARATORS = str.maketrans(",;!", "   ")
UNITS = ("ohm", "ohms", "ω")
MOST_WORDS = 4 * MOST_PORTS  # impedances in words
MOST_TEXT = 4000  # characters of a comment that are looked at, unless it holds numbers


@dataclass(slots=True)
class ImpedanceBlock:
    """Numbers of one `Port Impedance` comment; rows: lines of data before it."""

    line: int
    rows: int
    values: list[float]


def _listed(pairs: list[tuple[str, str]]) -> dict[int, complex]:
    found = {int(port): complex_number(text.rstrip(",;")) for port, text in pairs}
    return {port: value for port, value in found.items() if value is not None}


def _numbers(text: str) -> list[float] | None:
    """Values of a comment that holds nothing but numbers (and ohms); None for any other, [] for an empty one."""
    words = text.translate(SEPARATORS).split()
    while words and words[-1].lower() in UNITS:
        words.pop()
    if not all(len(word) < 60 and NUMBER.fullmatch(word) for word in words):
        return None
    return [float(word) for word in words]


@dataclass(slots=True)
class Comments:
    """Collects what the comments of a file say, line by line."""

    blocks: list[ImpedanceBlock] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)  # by port, from 1
    ports: dict[int, complex] = field(default_factory=dict)  # impedance by port, from 1
    ports_line: int = 0
    words: list[tuple[int, Stated]] = field(default_factory=list)  # line, impedance in words, at most MOST_WORDS
    unnormalised: tuple[int, str] | None = None  # line, words
    mixed: int = 0  # line
    terminal: bool = False
    waves: str | None = None
    _open: ImpedanceBlock | None = None
    _in_numbers: bool = False  # a comment of numbers would continue the one before

    def take(self, line: int, text: str, rows: int, alone: bool) -> None:
        """One comment (without its mark) of a line that holds nothing else (`alone`) or data before it."""
        if not alone:
            self._open, self._in_numbers = None, False
            return
        if self._in_numbers and (more := _numbers(text)) is not None:
            if self._open is not None:
                self._open.values += more
            return
        self._open, self._in_numbers = None, False
        if len(text) > MOST_TEXT and not IMPEDANCE.match(text[:100]):
            text = text[:MOST_TEXT]
        lower = text[:MOST_TEXT].lower()
        if GAMMA.match(text):
            self._in_numbers = True
        elif not ("impedance" in lower and self._block(line, text, rows)):
            if "port" in lower:
                self._port(line, text)
            self._in_words(line, text, lower)
        self._words(line, text, lower)

    def _block(self, line: int, text: str, rows: int) -> bool:
        """Whether the comment is a `Port Impedance` of numbers alone, which then begins."""
        match = IMPEDANCE.match(text)
        values = _numbers(match.group(1)) if match else None
        if values is None:
            return False
        self._open = ImpedanceBlock(line, rows, values)
        self._in_numbers = True
        self.blocks.append(self._open)
        return True

    def _in_words(self, line: int, text: str, lower: str) -> None:
        """Impedances that the comment names in words; a descriptor of Simbeor has its own form."""
        if len(self.words) < MOST_WORDS and "normalizationtype=" not in lower and not PORT_Z.match(text):
            self.words += [(line, entry) for entry in stated(text)]

    @property
    def whole(self) -> tuple[int, complex] | None:
        """Line and value of the first impedance in words that is of all ports."""
        return next(((line, value) for line, (port, value) in self.words if port == 0), None)

    @property
    def named(self) -> tuple[int, dict[int, complex]]:
        """Line of the first, and impedances by port, of comments that name the ports."""
        ports = {port: (line, value) for line, (port, value) in reversed(self.words) if port}
        found = {port: value for port, (_, value) in ports.items()} | self.ports
        lines = [line for line, _ in ports.values()] + ([self.ports_line] if self.ports else [])
        return min(lines, default=0), found

    def _port(self, line: int, text: str) -> None:
        if match := PORT_Z.match(text):
            self.ports |= _listed(ENA.findall(match.group(1)))
            self.ports_line = self.ports_line or line
        elif (match := NAME.match(text)) and 1 <= int(match.group(1)) <= MOST_PORTS:
            self.names.setdefault(int(match.group(1)), match.group(2).strip())

    def _words(self, line: int, text: str, lower: str) -> None:
        if "normali" in lower:
            if UNNORMALISED.search(text):
                self.unnormalised = self.unnormalised or (line, printable(text.strip(), 100))
            elif SIMBEOR.match(text):
                self.ports |= _listed(LISTED.findall(text))
                self.ports_line = self.ports_line or line
        elif "terminal data exported" in lower:
            self.terminal = True
        elif "mixed" in lower and MIXED.fullmatch(text):
            self.mixed = self.mixed or line
        elif "definition" in lower and (match := WAVES.search(text)):
            self.waves = match.group(1).lower()
