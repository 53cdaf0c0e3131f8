"""Tables of numbers as laboratories store them: what is text, what stands between columns, what in numbers.

Read: UTF-8, UTF-16 with its mark, and cp1252; lines of any system; columns between semicolons, tabs, commas or blanks,
the last of them with or without a mark behind it; quotes; decimal points or commas; a header, or the last comment above
the numbers as one; a row of units below it. Nothing is guessed: every way to read the file is tried, and it is refused
if two of them read different numbers. Marks between thousands are refused, and so is a file in which every comma may
be one. Work grows linearly with the file, whatever is in it.
"""

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from resonet.core.errors import InputError
from resonet.core.files import read_bytes
from resonet.core.parameters import shown
from resonet.core.types import Array

__all__ = ["Heading", "NumberTable", "read_table"]

MOST_BYTES = 10_000_000
LONGEST = 60  # characters of a number
LONGEST_HEADER = 4000
SAMPLE = 100  # rows that decide which ways of reading are tried on all rows
COMMENTS = ("#", "%", "//")
BLANK = " "
BETWEEN = {";": "semicolons", "\t": "tabs", ",": "commas", BLANK: "blanks"}
NUMBER = {
    ".": re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?"),
    ",": re.compile(r"[+-]?(?:[0-9]+(?:,[0-9]+)?|,[0-9]+)(?:[eE][+-]?[0-9]{1,3})?"),
}
THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2}(?:,[0-9]{3})+")  # what a comma may be in, if it is no decimal mark


@dataclass(frozen=True, slots=True)
class Heading:
    """Name and unit of a column ("" where there is none), as they stand in the file."""

    name: str
    unit: str


Pick = Callable[[Sequence[Heading]], Sequence[int]]  # which columns are needed; InputError where one is missing


@dataclass(frozen=True, slots=True, eq=False)
class NumberTable:
    """What a file holds."""

    headings: tuple[Heading, ...]
    needed: tuple[int, ...]  # columns
    values: Array  # [rows, needed columns]
    notes: tuple[str, ...]  # how the file was read, where that is not plain


def _decoded(data: bytes, file: str) -> tuple[str, tuple[str, ...]]:
    """Text of a file, and what is to be said of its encoding."""
    told: tuple[str, ...] = ()
    try:
        text = data.decode("utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig")
    except UnicodeDecodeError:
        try:
            text, told = data.decode("cp1252"), (("read as Windows text, cp1252",))
        except UnicodeDecodeError:
            raise InputError(f"{file}: not a text file; possible: UTF-8, UTF-16 or cp1252") from None
    if any(c < " " and c not in "\t\r\n\f" for c in set(text)):
        more = " (UTF-16 without its mark?)" if b"\0" in data[:100] else ""
        raise InputError(f"{file}: not a text file{more}; possible: UTF-8, UTF-16 with its mark, or cp1252")
    return text, told


def _is_number(line: str) -> bool:
    """Whether a line begins with a number rather than a name."""
    start = line.lstrip(' \t"')
    return start[:1].isdigit() or (start[:1] in "+-.," and start.lstrip("+-.,")[:1].isdigit())


@dataclass(frozen=True, slots=True)
class _Lines:
    """Lines that are neither empty nor comments, with their numbers, and the header above them."""

    header: list[str]  # what may be it, the likeliest first
    rows: list[tuple[int, str]]


def _sorted_lines(text: str, file: str) -> _Lines:
    """Header and rows."""
    comments: list[str] = []
    rows: list[tuple[int, str]] = []
    for number, line in enumerate(re.split(r"\r\n|\n|\r", text), 1):
        bare = line.strip()
        if not bare or (number == 1 and re.fullmatch(r'"?sep=.?"?', bare)):  # the second is Excel's word to itself
            continue
        if bare.startswith(COMMENTS):
            if not rows:
                comments.append(bare.lstrip("#%/ \t"))
        else:
            rows.append((number, line))
    if not rows or (len(rows) == 1 and not _is_number(rows[0][1])):
        raise InputError(f"{file}: no rows of numbers")
    if _is_number(rows[0][1]):
        return _Lines(comments[::-1][:SAMPLE], rows)
    return _Lines([rows[0][1]], rows[1:])


def _split(lines: Sequence[str], mark: str) -> list[list[str]]:
    """Cells of lines, without blanks around them and without the empty ones at a line's end. Raises csv.Error."""
    reader = csv.reader(lines, delimiter=mark, skipinitialspace=True, strict=True)
    found = []
    for row in reader:
        cells = [cell.strip() for cell in row]
        while cells and not cells[-1]:
            cells.pop()
        found.append(cells[1:] if mark == BLANK and cells and not cells[0] else cells)
    return found


def _heading(cell: str) -> Heading:
    """Name and unit from "name (unit)", "name [unit]" or "name"."""
    for left, right in ("()", "[]"):
        at = cell.rfind(left)
        if at > 0 and cell.endswith(right):
            return Heading(cell[:at].strip().removesuffix(" /"), cell[at + 1 : -1].strip())  # "P / (mW)" as well
    return Heading(cell, "")


def _headings(line: str) -> Iterator[list[Heading]]:
    """Every way in which a header falls into columns."""
    for mark in (";", "\t", ","):
        if mark in line:
            try:
                yield [_heading(cell) for cell in _split([line], mark)[0]]
            except (csv.Error, IndexError):
                continue
    wide = [_heading(part) for part in re.split(r"[ \t]{2,}", line.strip())]
    yield wide
    words: list[str] = []
    for word in line.split():
        if words and (word.startswith(("(", "[")) or "/" in (word, words[-1][-1])):
            words[-1] += f" {word}"
        else:
            words.append(word)
    if len(words) != len(wide):
        yield [_heading(word) for word in words]


def _with_units(headings: Sequence[Heading], units: list[str], file: str, line: int) -> tuple[Heading, ...]:
    """Headings with the units of a row below them."""
    units = [unit.strip("()[] ") for unit in units] + [""] * (len(headings) - len(units))
    found = []
    for heading, unit in zip(headings, units, strict=False):
        if heading.unit and unit and heading.unit != unit:
            raise InputError(
                f"{file}: line {line}: {heading.name[:40]} in {unit[:20]!r}, above in {heading.unit[:20]!r}"
            )
        found.append(Heading(heading.name, heading.unit or unit))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Way:
    """One way to read the rows of a file."""

    mark: str
    decimal: str


WAYS = [_Way(mark, decimal) for mark in BETWEEN for decimal in ".,"]  # a comma twice: quoted numbers


def _numeric(row: Sequence[str], needed: Sequence[int], decimal: str) -> bool:
    number = NUMBER[decimal].fullmatch
    return all(n < len(row) and len(row[n]) <= LONGEST and number(row[n]) is not None for n in needed)


def _likely(rows: Sequence[str], needed: Sequence[int], width: int) -> list[_Way]:
    """The ways in which most of some rows are numbers where numbers are needed, in no more columns than the header.

    Where no row is, the first way that has so many columns: it will say what is wrong with it.
    """
    counts = []
    for way in WAYS:
        try:
            cells = _split(rows, way.mark)
        except csv.Error:
            counts.append(0)
            continue
        counts.append(sum(len(row) <= width and _numeric(row, needed, way.decimal) for row in cells))
    if max(counts):
        return [way for way, count in zip(WAYS, counts, strict=True) if count == max(counts)]
    return [way for way in WAYS if way.decimal == "." and rows[0].count(way.mark) >= max(needed)][:1]


def _checked(cells: list[list[str]], numbers: list[int], table: NumberTable, way: _Way, file: str) -> Array:
    """The needed numbers, [rows, columns]. Raises InputError that names the line."""
    width = len(table.headings)
    for line, row in zip(numbers, cells, strict=True):
        if len(row) > width or len(row) <= max(table.needed):
            hint = " (decimal commas between commas?)" if way.mark == "," and len(row) == 2 * width else ""
            raise InputError(f"{file}: line {line}: {len(row)} cells, the header has {width}{hint}")
        if not _numeric(row, table.needed, way.decimal):
            wrong = next(n for n in table.needed if not _numeric(row, [n], way.decimal))
            what = f"{table.headings[wrong].name[:40]} = {shown(row[wrong])}"
            raise InputError(f"{file}: line {line}: {what}: not a number, as the others are written")
    columns = [[row[n] for row in cells] for n in table.needed]
    marked = [cell for column in columns for cell in column if "," in cell]
    if marked and all(map(THOUSANDS.fullmatch, marked)):
        raise InputError(f"{file}: {marked[0]!r} and all other commas may stand between thousands; possible: points")
    values = np.array([[float(cell.replace(",", ".")) for cell in column] for column in columns]).T
    if not np.all(np.isfinite(values)):
        line = numbers[int(np.argmin(np.all(np.isfinite(values), 1)))]
        raise InputError(f"{file}: line {line}: beyond the range of floating point")
    return values


def _read(way: _Way, table: NumberTable, lines: _Lines, pick: Pick, file: str) -> NumberTable:
    """All rows in one way, and the units below the header. Raises InputError that names the line."""
    try:
        cells = _split([line for _, line in lines.rows], way.mark)
    except csv.Error as error:
        raise InputError(f"{file}: not a table ({str(error)!r})") from None
    numbers = [number for number, _ in lines.rows]
    if len(cells) != len(numbers):
        raise InputError(f"{file}: a quote that does not end in its line")
    if not any(map(_is_number, cells[0])) and len(cells) > 1:
        headings = _with_units(table.headings, cells[0], file, numbers[0])
        table = replace(table, headings=headings, needed=tuple(pick(headings)))
        cells, numbers = cells[1:], numbers[1:]
    values = _checked(cells, numbers, table, way, file)
    told = table.notes
    if way.decimal == "," and any("," in row[n] for row in cells for n in table.needed):
        told = (*told, f"decimal commas, columns between {BETWEEN[way.mark]}")
    return replace(table, values=values, notes=told)


def _tables(lines: _Lines, pick: Pick, told: tuple[str, ...]) -> list[NumberTable]:
    """The ways in which a header names the columns that are needed; InputError of the likeliest where none does."""
    found: list[NumberTable] = []
    failed: list[InputError] = []
    for header in lines.header:
        for headings in _headings(header):
            try:
                needed = tuple(pick(headings))
            except InputError as error:
                failed.append(error)
                continue
            table = NumberTable(tuple(headings), needed, np.empty((0, len(needed))), told)
            if all(table.headings != other.headings for other in found):
                found.append(table)
        if found:
            return found
    raise failed[0]


def read_table(path: Path, pick: Pick) -> NumberTable:
    """The columns of a file that `pick` finds in its header, as they stand there.

    Raises InputError that names the file, and the line where there is one.
    """
    file = path.name
    text, told = _decoded(read_bytes(path, MOST_BYTES), file)
    lines = _sorted_lines(text, file)
    if any(len(header) > LONGEST_HEADER for header in lines.header):
        raise InputError(f"{file}: a header of more than {LONGEST_HEADER:,} characters")
    if not lines.header:
        raise InputError(f"{file}: line {lines.rows[0][0]}: numbers without a header above them")
    found: list[NumberTable] = []
    failed: list[InputError] = []
    for table in _tables(lines, pick, told):
        sample = [line for _, line in lines.rows[:SAMPLE]]
        for way in _likely(sample, table.needed, len(table.headings)):
            try:
                found.append(_read(way, table, lines, pick, file))
            except InputError as error:
                failed.append(error)
    if failed and (not found or "thousands" in str(failed[0])):
        raise failed[0]
    if not found:
        line = lines.rows[0][0]
        raise InputError(
            f"{file}: line {line}: no numbers below the header; possible: columns between ; , tab or blank"
        )
    if not all(np.array_equal(found[0].values, other.values) for other in found):
        raise InputError(f"{file}: can be read in two ways; possible: decimal points, and semicolons between columns")
    return found[0]
