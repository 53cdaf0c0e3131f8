"""Device and circuit parameters: one field carries default, unit, range and meaning, and everything else reads it.

    @dataclass(frozen=True, slots=True)
    class Line:
        length: float = parameter(1e-3, "m", 1e-9, 10, "length of the line")

        def __post_init__(self) -> None:
            check(self, "line")

`parse` turns what people write ("0.2 fF", "5 GHz", 1e9) into SI numbers and names the parameter when it cannot.
"""

import math
import reprlib
from dataclasses import Field, dataclass, field, fields
from typing import Any, TypeVar

from resonet.core.choices import parse_choice
from resonet.core.errors import InputError
from resonet.core.numbers import engineering, is_bare, quantity, read_number, read_whole
from resonet.core.text import meant

__all__ = [
    "Interface",
    "check",
    "check_value",
    "describe",
    "known_parameter",
    "limit",
    "parameter",
    "parameters_of",
    "parse",
    "plain_number",
    "possible_values",
    "quantity",
    "record_from_table",
    "shown",
    "table_from_record",
]

Record = TypeVar("Record")


def parameter(
    default: float | int, unit: str, low: float, high: float, doc: str, source: str = "", *, named: bool = False
) -> Any:
    """Dataclass field with its unit (SI, "" where there is none), closed range, meaning, and source of the default.

    `named`: a number other than 0 comes with its unit, and is not taken to be in SI without.
    """
    meta = {"unit": unit, "low": low, "high": high, "doc": doc, "source": source, "named": named}
    return field(default=default, metadata=meta)


def limit(default: float, unit: str, low: float, high: float, doc: str) -> Any:
    """Parameter that results are judged by: `latency = 10` without "us" would judge nothing, and so is refused."""
    return parameter(default, unit, low, high, doc, named=True)


@dataclass(frozen=True, slots=True)
class Interface:
    """How a device appears in SPICE and Verilog-A: its name and its pins, in order, with their meaning.

    A device record holds one as the class variable `SPICE`; its parameters there are the record's fields.
    """

    name: str
    pins: tuple[tuple[str, str], ...]


def shown(value: object) -> str:
    """What somebody gave, as part of a message: short, in one line, without what a terminal would obey."""
    brief = reprlib.Repr()
    brief.maxstring = brief.maxother = brief.maxlong = 60
    brief.maxlevel = 1
    return brief.repr(value)


def plain_number(value: object, kind: type[float] | type[int] = float) -> Any:
    """A number of a file that we wrote; TypeError where it is text or a truth value, which `float` would take."""
    if isinstance(value, bool) or not isinstance(value, int if kind is int else (int, float)):
        raise TypeError(f"{shown(value)} is no number")
    return kind(value)


def describe(spec: "Field[Any]") -> str:
    """What a parameter may be, as one phrase."""
    meta = spec.metadata
    unit = f" {meta['unit']}" if meta["unit"] else ""
    return f"{meta['low']:g} ... {meta['high']:g}{unit} ({meta['doc']})"


def possible_values(spec: "Field[Any]") -> str:
    """Range of a parameter with its unit, or its words, to be read by people."""
    meta = spec.metadata
    if "choices" in meta:
        if meta["choices"] is None:
            return "words"
        return ", ".join(meta["choices"]()) + (", or several" if meta["several"] else "")
    low, high = (engineering(meta[end], meta["unit"], 6) for end in ("low", "high"))
    return f"{low} ... {high}"


def check(record: Any, section: str) -> None:
    """Raise InputError if a parameter of the record lies outside its range (NaN does)."""
    for spec in fields(record):
        if "low" not in spec.metadata:
            continue
        value = getattr(record, spec.name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InputError(f"{section}.{spec.name} = {value!r}: a number is expected, {describe(spec)}")
        check_value(value, spec, f"{section}.{spec.name}")


def check_value(value: float, spec: "Field[Any]", name: str) -> None:
    """Raise InputError, with the name that the value was given by, where it lies outside its range (NaN does)."""
    if not spec.metadata["low"] <= value <= spec.metadata["high"]:
        raise InputError(f"{name} = {value:g}: must be within {describe(spec)}")


def parse(text: object, spec: "Field[Any]", section: str) -> Any:
    """SI value of what somebody wrote for a parameter: a number, or text with an SI prefix and the unit.

    `section` is the table that holds the parameter, or the option that it was given by ("--bias").
    """
    if "choices" in spec.metadata:
        return parse_choice(text, spec, section)
    name = section if section.startswith("--") else f"{section}.{spec.name}"
    whole = isinstance(spec.default, int) and not isinstance(spec.default, bool)
    if isinstance(text, bool) or not isinstance(text, int | float | str):
        raise InputError(f"{name} = {shown(text)}: a number is expected, {describe(spec)}")
    if isinstance(text, str):
        try:
            value: float | int = read_number(text, spec.metadata["unit"])
            if whole and value == int(value):
                value = read_whole(text, spec.metadata["unit"])
        except ValueError as error:
            raise InputError(f"{name} = {shown(text)}: {error}; possible: {describe(spec)}") from None
    else:
        value = text
    if value and spec.metadata.get("named") and spec.metadata["unit"] and is_bare(str(text)):
        raise InputError(f"{name} = {shown(text)}: the unit is missing; possible: {describe(spec)}")
    if isinstance(value, int) and abs(value) > 10**300:
        raise InputError(f"{name}: a number of over 300 digits; possible: {describe(spec)}")
    if not math.isfinite(value):
        raise InputError(f"{name} = {value}: must be finite, {describe(spec)}")
    if whole:
        if value != int(value):
            raise InputError(f"{name} = {value:g}: a whole number is expected, {describe(spec)}")
        return int(value)
    return float(value)


def parameters_of(kind: type) -> "dict[str, Field[Any]]":
    """Fields of a record that are parameters, by name."""
    return {spec.name: spec for spec in fields(kind)}


def known_parameter(kind: type, name: object, section: str) -> "Field[Any]":
    """Field of that name; InputError that says which there are."""
    known = parameters_of(kind)
    if name not in known:
        possible = ", ".join(known) + meant(name, known)
        raise InputError(f"{section}.{str(name)[:60]!r}: no such parameter; possible: {possible}")
    return known[str(name)]


def record_from_table(kind: type[Record], table: object, section: str) -> Record:
    """Record of parameters from a TOML table; unknown names, units and values are refused with what is possible."""
    if not isinstance(table, dict):
        possible = ", ".join(parameters_of(kind))
        raise InputError(f"[{section}]: a table of parameters is expected; possible: {possible}")
    return kind(**{name: parse(value, known_parameter(kind, name, section), section) for name, value in table.items()})


def table_from_record(record: Any) -> dict[str, str | float | int]:
    """TOML table of a record, with units."""
    return {spec.name: quantity(getattr(record, spec.name), spec.metadata["unit"]) for spec in fields(record)}
