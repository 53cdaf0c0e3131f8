"""Impedances that comments name in words, of a port or of all: `! Reference impedance Port 1: 75 Ohm`, `! Z0 = 75 Ohm`.

A comment counts where it names an impedance or a resistance of a port, a reference, a system or a normalisation, and
a number with or without ohms behind it, or begins with an impedance; those of a device or a cable do not.
"""

import re

from resonet.core.touchstone.numbers import complex_number

__all__ = ["Stated", "stated"]

Stated = tuple[int, complex]  # port, from 1, or 0 for all of them; ohm

HINTS = ("impedance", "resistance", "normali", "z0", "zo", "z_0", "ref", "ohm", "Ω")
KEY = re.compile(
    r"(?<![a-z0-9_])(?:(?P<plain>impedances?|resistances?)|z_?[0o](?P<number>\d{0,3})|[zr][_ ]?ref"
    r"|(?:(?:re)?-?normali[sz]|referenc)ed\s{1,3}(?:to|in|at)|(?P<before>[0-9.]{1,20})\s{0,3}-?\s{0,3}(?:ohms?|Ω)"
    r"\s{1,3}(?:reference|system|environment|terminat\w{1,5}|normali[sz]ation))(?![a-z0-9_])",
    re.IGNORECASE,
)
QUALIFIED = re.compile(r"(?<![a-z])(?:ports?|ref|reference|(?:re)?-?normali[sz]\w*|system)(?![a-z])", re.IGNORECASE)
PORT = re.compile(r"(?:port\s*|(?<=[\[(]))[\[(#]?\s*(\d{1,4})\s*[\])]?(?![\d.])", re.IGNORECASE)
BEHIND = re.compile(r"\s*(?:of|at|for)?\s*(?:the\s*)?(?:all\s*)?ports?(?![a-z])", re.IGNORECASE)
INDEX = re.compile(r"\s*[\[(]\s*(\d{1,4})\s*[\])]\s*[=:]")  # Z0(1) = 75
WORD = re.compile(r"\s*([=:,;]|\bport\s*[\[(#]?\s*\d{1,4}\s*[\])]?(?![\d.])|[^\s,;=:]+)", re.IGNORECASE)
FILLING = re.compile(
    r"[=:,;()\[\]-]|\(ohm\)|is|are|of|to|at|for|in|and|the|all|ports?|both|each|values?|reference", re.IGNORECASE
)
UNIT = re.compile(r"([kmM]?)(?:ohms?|Ω|ω)\.?", re.IGNORECASE)
SCALE = {"": 1.0, "k": 1e3, "m": 1e-3, "M": 1e6}
GLUED = re.compile(r"(.*?[0-9.jJ)])([kmM]?(?:ohms?|Ω|ω))\.?", re.IGNORECASE)
OTHER = re.compile(r"[kmgt]?hz|dbm?|[munp]?[msvafh]|cm|mils?|inch(es)?|deg\w*|°?c|%|dimensions?|ports?", re.IGNORECASE)
MOST = 400  # words behind a key


def _unit(word: str) -> float | None:
    match = UNIT.fullmatch(word.strip("()[]"))
    return SCALE[match.group(1) if match.group(1) in SCALE else match.group(1).lower()] if match else None


def _values(text: str, start: int, port: int) -> list[Stated]:
    """Values behind a key, each with the port named last before it; `port`: named before the key, or 0."""
    found: list[Stated] = []
    at = start
    for _ in range(MOST):
        match = WORD.match(text, at)
        if match is None:
            break
        word, at = match.group(1), match.end()
        scale = _unit(word)
        if scale is not None:
            if found:
                found[-1] = (found[-1][0], found[-1][1] * scale)
            continue
        if (named := PORT.fullmatch(word)) and word[:1].lower() == "p":
            port = int(named.group(1))
            continue
        if FILLING.fullmatch(word):
            continue
        glued = GLUED.fullmatch(word)
        bare = (glued.group(1) if glued else word).rstrip(".)]").lstrip("[")
        value = complex_number(bare + ")" if bare.startswith("(") else bare)
        if value is None:
            if found and OTHER.fullmatch(word.rstrip(".)")):
                found.pop()  # the number was one of something else
            break
        found.append((port, value * (_unit(glued.group(2)) or 1.0) if glued else value))
    return found


def _of_ports(values: list[Stated]) -> list[Stated]:
    """Several values that no port stands before are those of port 1, 2, ... ."""
    if len(values) > 1 and all(port == 0 for port, _ in values):
        return [(n, value) for n, (_, value) in enumerate(values, 1)]
    return values


def stated(text: str) -> list[Stated]:
    """Impedances that a comment names; none for most comments."""
    lower = text.lower()
    if not any(hint in lower for hint in HINTS):
        return []
    found: list[Stated] = []
    last = 0
    for match in KEY.finditer(text):
        lead = text[last : match.end()]
        last = match.end()
        if match.group("before"):
            value = complex_number(match.group("before"))
            found += [(0, value)] if value else []
            continue
        if match.group("plain") and not (
            QUALIFIED.search(lead) or BEHIND.match(text, last) or not text[: match.start()].strip(" *#-")
        ):
            continue
        index = INDEX.match(text, last)
        named = [*PORT.findall(lead), match.group("number") or "", index.group(1) if index else ""]
        port = int(next((number for number in reversed(named) if number), 0))
        found += _of_ports(_values(text, index.end() if index else last, port))
    return [(port, value) for port, value in found if value]
