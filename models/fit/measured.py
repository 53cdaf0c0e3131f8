"""Measured curves as people store them: CSV with units in the header, and one-port Touchstone.

    frequency (GHz), voltage (uV), power (uW)          frequency [Hz]; V/P [mV/mW]; error [mV/mW]
    4.90, -12.1, 1.0                                   4.9e9; -12.1; 0.3

One row a point; comma, semicolon or tab between columns; `#` starts a comment. A voltage needs the RF power, as a
column or as an argument. No code in a file is ever run, and sizes are checked before anything is parsed.
"""

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from resonet.core.errors import InputError
from resonet.core.touchstone import Note, TouchstoneError, read, real_reference
from resonet.core.types import Array, Complex

__all__ = ["Curve", "read_curve", "read_one_port"]


MOST_BYTES = 50_000_000
PREFIX = {"": 1.0, "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
NAMES = {
    "frequency": ("frequency", "freq", "f"),
    "voltage": ("voltage", "rectified voltage", "vdc", "v_dc", "v"),
    "power": ("power", "rf power", "p"),
    "sensitivity": ("sensitivity", "voltage per watt", "v/p"),
    "error": ("error", "sigma", "standard deviation"),
}
UNITS = {"frequency": "Hz", "voltage": "V", "power": "W", "sensitivity": "V/W"}
HEADER = "frequency (GHz), voltage (uV), power (uW), or frequency (GHz), sensitivity (V/W), error (V/W)"


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Rectified voltage per watt by rising frequency; `error` is its standard deviation, if known."""

    frequency: Array  # Hz
    sensitivity: Array  # V/W
    error: Array | None = None  # V/W


def _factor(unit: str, base: str) -> float | None:
    """How many of `base` one `unit` is: ("GHz", "Hz") -> 1e9, ("mV/mW", "V/W") -> 1; None if it is another unit."""
    unit = unit.strip().replace("µ", "u").replace("μ", "u")
    if "/" in base:
        above, slash, below = unit.partition("/")
        top, bottom = (_factor(part, whole) for part, whole in zip((above, below), base.split("/"), strict=True))
        return top / bottom if slash and top and bottom else None
    return PREFIX.get(unit.removesuffix(base)) if unit.endswith(base) else None


def _columns(header: list[str], file: str) -> dict[str, tuple[int, float]]:
    """Where each quantity is, and its factor to SI (0 for a power in dBm)."""
    found: dict[str, tuple[int, float]] = {}
    units: dict[str, str] = {}
    for n, cell in enumerate(header):
        match = re.fullmatch(r"\s*(.*?)\s*(?:[\[(]([^\])]*)[\])])?\s*", cell)
        name, unit = (match.group(1), match.group(2) or "") if match else (cell, "")
        kind = next((kind for kind, names in NAMES.items() if name.lower() in names), None)
        if kind is None:
            raise InputError(f"{file}: column {cell.strip()[:40]!r} is unknown; possible: {HEADER}")
        if kind in found:
            raise InputError(f"{file}: two columns of {kind}; possible: {HEADER}")
        found[kind], units[kind] = (n, 1.0), unit
    signal = "voltage" if "voltage" in found else "sensitivity"
    if "frequency" not in found or signal not in found or ("voltage" in found and "sensitivity" in found):
        raise InputError(f"{file}: columns {', '.join(found) or 'none'}; possible: {HEADER}")
    for kind, unit in units.items():
        base = UNITS[signal if kind == "error" else kind]
        factor = 0.0 if (kind, unit) == ("power", "dBm") else _factor(unit or base, base)
        if factor is None:
            raise InputError(f"{file}: {kind} in {unit[:20]!r}; possible: {base} with a prefix of {' '.join(PREFIX)}")
        found[kind] = (found[kind][0], factor)
    return found


def _rows(path: Path) -> list[list[str]]:
    """Cells of every line that is not empty and not a comment."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"{path}: larger than {MOST_BYTES / 1e6:g} MB")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not a text file; possible: a CSV with the header {HEADER}") from None
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if len(lines) < 2:
        raise InputError(f"{path}: no data; possible: a CSV with the header {HEADER}")
    delimiter = next((mark for mark in (";", "\t") if mark in lines[0]), ",")
    try:
        return list(csv.reader(lines, delimiter=delimiter))
    except csv.Error as error:
        raise InputError(f"{path}: not a CSV file ({error})") from None


def _table(path: Path) -> tuple[dict[str, tuple[int, float]], Array]:
    """Columns and numbers [rows, columns] of a CSV file."""
    rows = _rows(path)
    columns = _columns(rows[0], path.name)
    for n, row in enumerate(rows[1:], 1):
        if len(row) != len(rows[0]):
            raise InputError(f"{path.name}: row {n} has {len(row)} cells, the header {len(rows[0])}")
    try:
        return columns, np.array(rows[1:], float)
    except ValueError as error:
        raise InputError(f"{path.name}: a cell is not a number ({str(error)[:60]})") from None


def read_curve(path: Path, power: float | None = None) -> Curve:
    """Rectified voltage per watt from a CSV file (the module's text has its form).

    `power`, W in R0, is for files with a voltage and no power. Raises InputError that names the file and the column.
    """
    columns, table = _table(path)

    def column(kind: str) -> Array | None:
        if kind not in columns:
            return None
        n, factor = columns[kind]
        return np.asarray(table[:, n] * factor if factor else 1e-3 * 10 ** (table[:, n] / 10))

    f, signal, watts, error = column("frequency"), column("sensitivity"), column("power"), column("error")
    assert f is not None
    if signal is None:
        signal = column("voltage")
        assert signal is not None
        if watts is None:
            if power is None:
                raise InputError(
                    f"{path.name}: a voltage, and no power; possible: a column power (uW), or the argument"
                )
            watts = np.full(len(f), float(power))
        if not np.all(watts > 0):
            raise InputError(f"{path.name}: RF power must be positive")
        signal, error = signal / watts, None if error is None else error / watts
    order = np.argsort(f, kind="stable")
    return Curve(f[order], signal[order], None if error is None else error[order])


def read_one_port(path: Path) -> tuple[Array, Complex, float, tuple[Note, ...]]:
    """Frequencies (Hz, rising), S11, reference impedance (Ohm) of a one-port Touchstone file, and how it was read."""
    try:
        data = real_reference(read(path))
    except TouchstoneError as error:
        raise InputError(str(error)) from None
    if data.ports != 1:
        raise InputError(f"{path.name}: {data.ports} ports; possible: one (S11 of the resonator, .s1p)")
    return data.f, data.s[:, 0, 0], float(data.z0[0, 0].real), data.notes
