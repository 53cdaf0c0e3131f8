"""Rows of numbers -> frequencies and their matrices, by the rules of each version, held against what is announced."""

import re
from dataclasses import dataclass

import numpy as np

from resonet.core.errors import InputError
from resonet.core.touchstone.record import MOST_POINTS, MOST_PORTS, POSSIBLE, fault
from resonet.core.touchstone.scan import Rows, Scan
from resonet.core.types import Array, Complex, Ints
from resonet.core.validity import warn

__all__ = ["Table", "check_frequencies", "inferred_ports", "keyed_table", "merged", "plain_table", "ports_of_name"]

NOISE = 5  # numbers in a row of noise data
PER_SEAM = 10  # frequencies in a segment of a sweep, at least
AGREE = 0.02  # |ΔS| of two measurements of one frequency
ENDING = re.compile(r"\.([szyhg])(\d{1,6})p", re.IGNORECASE)


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """One row a frequency: [frequencies, 1 + numbers], and the lines where they begin."""

    values: Array
    lines: Ints
    noise: int  # frequencies of noise data


def ports_of_name(suffix: str) -> tuple[str, int] | None:
    """Parameter (s, z, ...) and number of ports that an ending announces; None for another ending."""
    match = ENDING.fullmatch(suffix)
    return (match.group(1).lower(), int(match.group(2))) if match else None


def width(ports: int, matrix: str) -> int:
    """Numbers of one frequency, itself included."""
    return 1 + 2 * ports**2 if matrix == "full" else 1 + ports * (ports + 1)


def inferred_ports(rows: Rows) -> int:
    """Ports of a version 1 file whose name does not tell: lines with a frequency hold an odd count of numbers."""
    counts = np.array(rows.counts)
    odd = np.flatnonzero(counts % 2)
    size = int(counts[: odd[1] if len(odd) > 1 else None].sum()) - 1 if len(odd) and odd[0] == 0 else 0
    ports = int(np.rint(np.sqrt(size / 2)))
    if size < 2 or 2 * ports**2 != size or ports > MOST_PORTS:
        raise InputError(f"no Touchstone file (neither its name nor its rows tell the ports); {POSSIBLE}")
    return ports


def _row_words(ports: int, need: int) -> str:
    return f"a frequency of a {ports}-port has {need} numbers" if ports > 1 else "a row of a one-port has 3 numbers"


def _hint(count: int, ports: int) -> str:
    """What a file with rows of `count` numbers rather is."""
    other = round(((count - 1) / 2) ** 0.5) if count > 1 else 0
    if other and other != ports and 1 + 2 * other**2 == count and other <= 2:
        return f"; rows of {count} are those of a {other}-port: possible: the ending .s{other}p"
    return ""


def _noise_start(counts: Ints, first: Array, need: int) -> int | None:
    """Line (an index) at which noise data begin in a version 1 two-port, None if they do not."""
    before = np.concatenate([[0], np.cumsum(counts)[:-1]])
    next_is_rest = np.append(counts[1:] == need - NOISE, False)  # a two-port row wrapped as 5 + 4 numbers
    candidates = np.flatnonzero((counts == NOISE) & (before % need == 0) & ~next_is_rest)
    if not len(candidates) or candidates[0] == 0:
        return None
    at = int(candidates[0])
    starts = np.flatnonzero(before[:at] % need == 0)
    return at if first[at] <= first[starts[-1]] else None


def _check_noise(counts: Ints, first: Array, lines: Ints) -> int:
    """Number of rows of noise data; each must have five numbers, their frequencies rise."""
    wrong = np.flatnonzero(counts != NOISE)
    if len(wrong):
        raise fault(int(lines[wrong[0]]), f"{counts[wrong[0]]} numbers; a row of noise data has {NOISE}")
    fall = np.flatnonzero(np.diff(first) < 0)
    if len(fall):
        raise fault(int(lines[fall[0] + 1]), "frequencies must rise (noise data)")
    return len(counts)


def _firsts(values: Array, counts: Ints) -> Array:
    """First number of each line."""
    return np.asarray(values[np.cumsum(counts) - counts])


def plain_table(rows: Rows, ports: int) -> Table:
    """Version 1: a frequency begins a line, and its matrix ends a line. Noise data may follow in a two-port."""
    need = width(ports, "full")
    values, counts, lines = np.array(rows.values), np.array(rows.counts), np.array(rows.lines)
    if not len(counts):
        raise InputError(f"not a Touchstone file (no data: {ports} ports at 0 frequencies); {POSSIBLE}")
    noise = 0
    if ports == 2:
        first = _firsts(values, counts)
        at = _noise_start(counts, first, need)
        if at is not None:
            noise = _check_noise(counts[at:], first[at:], lines[at:])
            values, counts, lines = values[: int(counts[:at].sum())], counts[:at], lines[:at]
    ends = np.cumsum(counts)
    wanted = np.arange(need, ends[-1] + need, need)
    where = np.searchsorted(ends, wanted)
    inside = where < len(ends)
    good = inside.copy()
    good[inside] = ends[where[inside]] == wanted[inside]
    if not good.all():
        _misframed(counts, lines, ports, need, int(np.flatnonzero(~good)[0]), ends)
    starts = np.concatenate([[0], where[:-1] + 1])
    _check_lines(counts, lines, starts, ports, need)
    return Table(values.reshape(-1, need), lines[starts], noise)


def _misframed(counts: Ints, lines: Ints, ports: int, need: int, k: int, ends: Ints) -> None:
    """Raise what is wrong with frequency k: too many numbers in a line, or too few up to the next frequency."""
    start = int(np.searchsorted(ends, k * need, side="right")) if k else 0
    line = int(lines[start])
    if ports <= 2 and counts[start] != need:
        text = f"{counts[start]} numbers; {_row_words(ports, need)}{_hint(int(counts[start]), ports)}"
        raise fault(line, text)
    total = int(ends[-1]) - k * need
    if total < need:
        raise fault(line, f"the file ends within a frequency: {total} numbers; {_row_words(ports, need)}")
    raise fault(line, f"the frequency that begins here does not end with a line; {_row_words(ports, need)}")


def _check_lines(counts: Ints, lines: Ints, starts: Ints, ports: int, need: int) -> None:
    """Hold the lines of frequencies, which add up, against the form of the file: another form may add up as well.

    A line that begins a frequency holds it and pairs, an odd count; a line that goes on holds pairs; every frequency
    is broken into lines as the first one is. Three rows of a one-port are thus no two-port, though they hold 9 numbers.
    """
    begins = np.zeros(len(counts), bool)
    begins[starts] = True
    wrong = np.flatnonzero((counts % 2 == 1) != begins)
    if len(wrong):
        at = int(wrong[0])
        what = "begins with a frequency, so its count is odd" if begins[at] else "goes on with pairs"
        hint = _hint(int(counts[starts[0]]), ports)
        words = f"{counts[at]} numbers; {_row_words(ports, need)}, and this line {what}{hint}"
        raise fault(int(lines[at]), words)
    first = counts[: starts[1]] if len(starts) > 1 else counts
    if len(counts) != len(first) * len(starts) or np.any(counts.reshape(len(starts), -1) != first):
        place = np.arange(len(counts)) - np.repeat(starts, np.diff(np.append(starts, len(counts))))
        other = np.flatnonzero((place >= len(first)) | (counts != first[np.minimum(place, len(first) - 1)]))
        at = int(other[0])
        words = f"{counts[at]} numbers: this frequency is broken into lines otherwise than the first one"
        raise fault(int(lines[at]), f"{words} ({', '.join(map(str, first[:9]))} numbers in its lines)")


def keyed_table(found: Scan, ports: int) -> Table:
    """Version 2: counts are announced, line ends mean nothing within the data."""
    rows, keys = found.network, found.keywords
    need = width(ports, keys.matrix())
    values, counts, lines = np.array(rows.values), np.array(rows.counts), np.array(rows.lines)
    if not len(counts):
        raise InputError(f"no Touchstone file (no data after [Network Data]: {ports} ports at 0 frequencies)")
    points, rest = divmod(len(values), need)
    announced = keys.frequencies()
    if rest:
        unit = _row_words(ports, need)
        raise fault(int(lines[-1]), f"the data end within a frequency: {rest} numbers more than {points}; {unit}")
    if announced is not None and points != announced:
        line = keys.line("number of frequencies")
        raise fault(line, f"[Number of Frequencies] is {announced}, the data hold {points}")
    noise = _keyed_noise(found, ports)
    ends = np.cumsum(counts)
    starts = np.searchsorted(ends, np.arange(points) * need, side="right")
    inside = np.flatnonzero((ends - counts)[starts] != np.arange(points) * need)
    if len(inside):
        words = f"a frequency stands within a line; possible: at its beginning, {_row_words(ports, need)}"
        raise fault(int(lines[starts[inside[0]]]), words)
    if announced is None:
        _check_lines(counts, lines, starts, ports, need)
    return Table(values.reshape(points, need), lines[starts], noise)


def _keyed_noise(found: Scan, ports: int) -> int:
    """Noise data of version 2, held against [Number of Noise Frequencies]."""
    rows, keys = found.noise, found.keywords
    counts = np.array(rows.counts)
    noise = 0
    if len(counts):
        if ports != 2:
            raise fault(int(rows.lines[0]), f"noise data of a {ports}-port; possible: of a two-port")
        noise = _check_noise(counts, _firsts(np.array(rows.values), counts), np.array(rows.lines))
    announced = keys.noise()
    if announced is not None and announced != noise:
        line = keys.line("number of noise frequencies")
        raise fault(line, f"[Number of Noise Frequencies] is {announced}, the file holds {noise}")
    return noise


def check_frequencies(f: Array, lines: Ints) -> None:
    """Frequencies (Hz) must be finite, not negative and rise; their number is bounded."""
    if len(f) > MOST_POINTS:
        raise InputError(f"{len(f)} frequencies; possible: 1 ... {MOST_POINTS}")
    odd = np.flatnonzero(~np.isfinite(f))
    if len(odd):
        raise fault(int(lines[odd[0]]), "values that are not finite (frequency)")
    if f[0] < 0:
        raise fault(int(lines[0]), f"frequencies must not be negative ({f[0]:g} Hz)")
    fall = np.flatnonzero(np.diff(f) <= 0)
    if not len(fall):
        return
    k = int(fall[0])
    seams = f[fall + 1] == f[fall]
    if not seams.all() or PER_SEAM * len(fall) > len(f) or np.any(np.diff(fall) == 1):
        kind = "again" if f[k + 1] == f[k] else "lower than the one before"
        raise fault(int(lines[k + 1]), f"frequencies must rise ({f[k + 1]:.9g} Hz comes {kind})")


def merged(f: Array, s: Complex, z0: Complex, lines: Ints) -> tuple[Array, Complex, Complex]:
    """One S where the segments of a sweep meet and both measured their common frequency: the mean of the two."""
    again = np.flatnonzero(np.diff(f) == 0)
    if not len(again):
        return f, s, z0
    apart = np.abs(s[again + 1] - s[again]).max((1, 2))
    if apart.max() > AGREE:
        k = int(again[apart.argmax()])
        words = f"{f[k]:.9g} Hz comes again with other values, {apart.max():.2g} apart; possible: up to {AGREE:g}"
        raise fault(int(lines[k + 1]), f"frequencies must rise ({words})")
    s = s.copy()
    s[again] = (s[again] + s[again + 1]) / 2
    kept = np.delete(np.arange(len(f)), again + 1)
    words = f"{len(again)} frequencies stand twice, where segments meet ({f[again[0]]:.9g} Hz): their means are taken"
    warn("touchstone-segments", words, float(apart.max()), AGREE)
    return f[kept], s[kept], z0[kept]
