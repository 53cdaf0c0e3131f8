"""Measured curves as people store them: tables with units in the header, and one-port Touchstone.

    frequency (GHz), voltage (uV), power (uW)          frequency [Hz]; V/P [mV/mW]; error [mV/mW]
    4.90, -12.1, 1.0                                   4,9e9; -12,1; 0,3

One row a point; `table_file` says what a table may look like. Units may stand behind a stroke, as in DIN 1313: f / GHz.
A column without a unit is in SI; where others have one, that is a warning. A voltage needs the RF power, as a column
or as an argument. Columns of other quantities are left aside, and named; one that may be meant for a quantity of the
curve is refused. No code in a file is ever run, and sizes are checked before anything is parsed.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from resonet.core.errors import InputError
from resonet.core.numbers import read_number
from resonet.core.touchstone import read, real_reference
from resonet.core.types import Array, Complex
from resonet.core.validity import warn
from resonet.models.fit.table_file import Heading, read_table

__all__ = ["Curve", "read_curve", "read_one_port"]


NAMES = {
    "frequency": ("frequency", "freq", "f"),
    "voltage": ("voltage", "rectified voltage", "vdc", "v dc", "v"),
    "power": ("power", "rf power", "p"),
    "sensitivity": ("sensitivity", "voltage per watt", "v/p"),
    "error": ("error", "sigma", "standard deviation"),
}
UNITS = {"frequency": "Hz", "voltage": "V", "power": "W", "sensitivity": "V/W"}
EXAMPLE = {"Hz": "GHz", "V": "uV", "W": "uW", "V/W": "mV/mW"}
ALIKE = 0.7  # of 1: a name so near to one of NAMES may be meant for it
HEADER = "frequency (GHz), voltage (uV), power (uW), or frequency (GHz), sensitivity (V/W), error (V/W)"


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Rectified voltage per watt by rising frequency; `error` is its standard deviation, if known."""

    frequency: Array  # Hz
    sensitivity: Array  # V/W
    error: Array | None = None  # V/W
    notes: tuple[str, ...] = ()  # how the file was read, and what was left aside


def _factor(unit: str, base: str) -> float | None:
    """How many of `base` one `unit` is: ("GHz", "Hz") -> 1e9, ("mV/mW", "V/W") -> 1; None if it is another unit."""
    if "/" in base:
        above, slash, below = unit.partition("/")
        top, bottom = (_factor(part, whole) for part, whole in zip((above, below), base.split("/"), strict=True))
        return top / bottom if slash and top and bottom else None
    try:
        return read_number(f"1 {unit}", base) if unit.rstrip().endswith(base) else None
    except ValueError:
        return None


def _kind(name: str) -> str | None:
    plain = " ".join(name.lower().replace("_", " ").split())
    return next((kind for kind, names in NAMES.items() if plain in names), None)


def _divided(heading: Heading) -> Heading:
    """Name and unit from "f / GHz" or "V/P / (mV/mW)", quantity over unit; any other heading as it is."""
    marks = [n for n, letter in enumerate(heading.name) if letter == "/"]
    if heading.unit or _kind(heading.name) is not None:
        return heading
    for at in reversed(marks[-4:]):
        name, unit = heading.name[:at].strip(), heading.name[at + 1 :].strip(" ()[]")
        kind = _kind(name)
        bases = [UNITS["voltage"], UNITS["sensitivity"]] if kind == "error" else [UNITS[kind]] if kind else []
        if unit and (any(_factor(unit, base) is not None for base in bases) or (kind, unit) == ("power", "dBm")):
            return Heading(name, unit)
        if kind and unit and " " in heading.name[max(at - 1, 0) : at + 2]:
            return Heading(name, unit)  # a unit that is refused by its name
    return heading


def _left_aside(heading: Heading) -> bool:
    """Whether a column is clearly of another quantity: its unit is none of the curve's, its name is like none."""
    if any(_factor(heading.unit, base) is not None for base in UNITS.values()) or heading.unit == "dBm":
        return False
    words = heading.name.lower().replace("_", " ").split()
    known = [word for names in NAMES.values() for name in names for word in name.split() if len(word) > 2]
    return bool(words) and not any(difflib.get_close_matches(word[:40], known, 1, ALIKE) for word in words[:8])


def _columns(headings: Sequence[Heading], file: str) -> dict[str, tuple[int, float]]:
    """Where each quantity is, and its factor to SI (0 for a power in dBm)."""
    found: dict[str, tuple[int, float]] = {}
    units: dict[str, str] = {}
    for n, heading in enumerate(map(_divided, headings)):
        kind = _kind(heading.name)
        if kind is None:
            if not _left_aside(heading):
                raise InputError(f"{file}: column {_told(heading)!r} is unknown; possible: {HEADER}")
            continue
        if kind in found:
            raise InputError(f"{file}: two columns of {kind}; possible: {HEADER}")
        found[kind], units[kind] = (n, 1.0), heading.unit
    signal = "voltage" if "voltage" in found else "sensitivity"
    if "frequency" not in found or signal not in found or ("voltage" in found and "sensitivity" in found):
        names = ", ".join(repr(_told(heading)) for heading in headings[:8])
        raise InputError(f"{file}: columns {names}; possible: {HEADER}")
    for kind, unit in units.items():
        base = UNITS[signal if kind == "error" else kind]
        factor = 0.0 if (kind, unit) == ("power", "dBm") else _factor(unit or base, base)
        if factor is None:
            raise InputError(
                f"{file}: {kind} in {unit[:20]!r}; possible: {base} with an SI prefix, such as {EXAMPLE[base]}"
            )
        found[kind] = (found[kind][0], factor)
    return found


def _warn_of_units(headings: Sequence[Heading], needed: Sequence[int], file: str) -> None:
    """Warn of a column without a unit beside columns that have one."""
    used = [_divided(headings[n]) for n in needed]
    bare = [heading.name for heading in used if not heading.unit]
    if bare and len(bare) < len(used):
        kinds = [str(_kind(name)) for name in bare]
        voltage = any(_kind(heading.name) == "voltage" for heading in used)
        bases = [UNITS.get(kind, "V" if voltage else "V/W") for kind in kinds]
        said = ", ".join(f"{name[:40]} in {base}" for name, base in zip(bare, bases, strict=True))
        text = f"{file}: {len(bare)} of {len(used)} columns have no unit, taken as SI: {said}"
        warn("unit-assumed", text, len(bare), 0, "columns")


def _repeated(values: Array) -> tuple[str, ...]:
    """A note on rows that stand in the table again, number by number: no new measurements, though they count."""
    again = len(values) - len(np.unique(values, axis=0))
    if not again:
        return ()
    ratio = (len(values) / (len(values) - again)) ** 0.5
    return (
        f"{again} of {len(values)} rows are there again: each counts, and errors are up to {ratio:.3g} times too small",
    )


def _told(heading: Heading) -> str:
    return (f"{heading.name} ({heading.unit})" if heading.unit else heading.name)[:40]


def read_curve(path: Path, power: float | None = None) -> Curve:
    """Rectified voltage per watt from a table (the module's text has its form).

    `power`, W in R0, is for files with a voltage and no power. Raises InputError that names the file, the column and
    the line.
    """

    def needed(headings: Sequence[Heading]) -> list[int]:
        return [n for n, _ in _columns(headings, path.name).values()]

    table = read_table(path, needed)
    _warn_of_units(table.headings, table.needed, path.name)
    columns = dict(zip(_columns(table.headings, path.name).items(), table.values.T, strict=True))
    read = {
        kind: np.asarray(values * factor if factor else 1e-3 * 10 ** (values / 10))
        for (kind, (_, factor)), values in columns.items()
    }
    aside = [_told(heading) for n, heading in enumerate(table.headings) if n not in table.needed]
    notes = table.notes + ((f"columns left aside: {', '.join(aside[:8])}",) if aside else ()) + _repeated(table.values)
    f, signal, error = read["frequency"], read.get("sensitivity"), read.get("error")
    watts = read.get("power")
    if power is not None and (signal is not None or watts is not None):
        what = "a power of its own" if watts is not None else "voltages per watt"
        raise InputError(f"{path.name}: a power is given, and the file has {what}; possible: one of them")
    if signal is None:
        if watts is None and power is None:
            raise InputError(f"{path.name}: a voltage, and no power; possible: a column power (uW), or the argument")
        watts = np.full(len(f), power) if watts is None else watts
        if not np.all((watts > 0) & np.isfinite(watts)):
            raise InputError(f"{path.name}: RF power must be positive")
        signal, error = read["voltage"] / watts, None if error is None else error / watts
    order = np.argsort(f, kind="stable")
    return Curve(f[order], signal[order], None if error is None else error[order], notes)


def read_one_port(path: Path) -> tuple[Array, Complex, float]:
    """Frequencies (Hz, rising), S11 and reference impedance (Ohm) of a one-port Touchstone file."""
    data = real_reference(read(path))
    if data.ports != 1:
        raise InputError(f"{path}: {data.ports} ports; possible: one (S11 of the resonator, .s1p)")
    return data.f, data.s[:, 0, 0], float(data.z0[0, 0].real)
