"""Device and circuit parameters: one field carries default, unit, range and meaning, and everything else reads it.

    @dataclass(frozen=True, slots=True)
    class Line:
        length: float = parameter(1e-3, "m", 1e-9, 10, "length of the line")

        def __post_init__(self) -> None:
            check(self, "line")

`parse` turns what people write ("0.2 fF", "5 GHz", 1e9) into SI numbers and names the parameter when it cannot.
"""

import math
from dataclasses import Field, dataclass, field, fields
from typing import Any, TypeVar

from resonet.core.choices import parse_choice
from resonet.core.errors import InputError

__all__ = ["Interface", "check", "describe", "parameter", "parse", "quantity", "record_from_table", "table_from_record"]

Record = TypeVar("Record")


def parameter(default: float | int, unit: str, low: float, high: float, doc: str, source: str = "") -> Any:
    """Dataclass field with its unit (SI, "" where there is none), closed range, meaning, and source of the default."""
    return field(default=default, metadata={"unit": unit, "low": low, "high": high, "doc": doc, "source": source})


@dataclass(frozen=True, slots=True)
class Interface:
    """How a device appears in SPICE and Verilog-A: its name and its pins, in order, with their meaning.

    A device record holds one as the class variable `SPICE`; its parameters there are the record's fields.
    """

    name: str
    pins: tuple[tuple[str, str], ...]


def describe(spec: "Field[Any]") -> str:
    """What a parameter may be, as one phrase."""
    meta = spec.metadata
    unit = f" {meta['unit']}" if meta["unit"] else ""
    return f"{meta['low']:g} ... {meta['high']:g}{unit} ({meta['doc']})"


def check(record: Any, section: str) -> None:
    """Raise InputError if a parameter of the record lies outside its range (NaN does)."""
    for spec in fields(record):
        if "low" not in spec.metadata:
            continue
        value = getattr(record, spec.name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InputError(f"{section}.{spec.name} = {value!r}: a number is expected, {describe(spec)}")
        if not (spec.metadata["low"] <= value <= spec.metadata["high"]):
            raise InputError(f"{section}.{spec.name} = {value:g}: must be within {describe(spec)}")


def parse(text: object, spec: "Field[Any]", section: str) -> Any:
    """SI value of what somebody wrote for a parameter: a number, or text with an SI prefix and the unit."""
    from quantiphy import QuantiPhyError, Quantity  # heavy enough to wait until somebody writes units

    if "choices" in spec.metadata:
        return parse_choice(text, spec, section)
    name, unit = f"{section}.{spec.name}", spec.metadata["unit"]
    if isinstance(text, bool) or not isinstance(text, int | float | str):
        raise InputError(f"{name} = {text!r}: a number is expected, {describe(spec)}")
    if isinstance(text, str):
        # The unit goes first: to a general parser the "r" of "rad" is a prefix (ronto).
        plain = text.strip().replace("Ω", "Ohm").replace("ohm", "Ohm").replace("µ", "u").replace("μ", "u")
        try:
            found = Quantity(plain.removesuffix(unit).strip() if unit else plain)
        except QuantiPhyError:
            raise InputError(f"{name} = {text[:40]!r}: not a number with a unit; possible: {describe(spec)}") from None
        if found.units:
            wanted = f"the unit is {unit}" if unit else "it has no unit"
            raise InputError(f"{name} = {text[:40]!r}: {wanted}; possible: {describe(spec)}")
        text = float(found)
    if isinstance(text, int) and abs(text) > 10**300:
        raise InputError(f"{name}: a number of over 300 digits; possible: {describe(spec)}")
    if not math.isfinite(text):
        raise InputError(f"{name} = {text}: must be finite, {describe(spec)}")
    if isinstance(spec.default, int) and not isinstance(spec.default, bool):
        if text != int(text):
            raise InputError(f"{name} = {text:g}: a whole number is expected, {describe(spec)}")
        return int(text)
    return float(text)


def quantity(value: float | str, unit: str) -> str | float | int:
    """A value as people write it, at full precision: 2e-17 F -> "20 aF"; numbers without unit stay numbers."""
    from quantiphy import Quantity

    if not unit or isinstance(value, int | str):
        return value
    if unit in ("dB", "rad") or " " in unit or unit[0] == "1":  # a prefix would be misread, or look odd
        return f"{value!r} {unit}"
    text = str(Quantity(value, unit).render(prec="full"))
    return text if float(Quantity(text)) == value else f"{value!r} {unit}"


def record_from_table(kind: type[Record], table: object, section: str) -> Record:
    """Record of parameters from a TOML table; unknown names, units and values are refused with what is possible."""
    known = {spec.name: spec for spec in fields(kind)}  # type: ignore[arg-type]
    if not isinstance(table, dict):
        raise InputError(f"[{section}]: a table of parameters is expected; possible: {', '.join(known)}")
    for name in table:
        if name not in known:
            raise InputError(f"{section}.{str(name)[:60]!r}: no such parameter; possible: {', '.join(known)}")
    return kind(**{name: parse(value, known[name], section) for name, value in table.items()})


def table_from_record(record: Any) -> dict[str, str | float | int]:
    """TOML table of a record, with units."""
    return {spec.name: quantity(getattr(record, spec.name), spec.metadata["unit"]) for spec in fields(record)}
