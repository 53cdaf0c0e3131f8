"""Reading a file: pieces, ports, table, S, reference, each checked against what the file announces."""

from pathlib import Path

import numpy as np

from resonet.core.errors import InputError
from resonet.core.touchstone.convert import matrices, pairs, single_ended, to_s, unnormalised
from resonet.core.touchstone.frame import (
    Table,
    check_frequencies,
    inferred_ports,
    keyed_table,
    merged,
    plain_table,
    ports_of_name,
)
from resonet.core.touchstone.record import (
    MOST_PORTS,
    POSSIBLE,
    Touchstone,
    fault,
    printable,
)
from resonet.core.touchstone.reference import reference
from resonet.core.touchstone.scan import Scan, scan
from resonet.core.touchstone.text import read_lines
from resonet.core.types import Array, Complex
from resonet.core.validity import collected, warn

__all__ = ["read"]

HIGHEST = 1e13  # Hz: beyond it a file without an option line is not in GHz
UNEQUAL = 1e-9  # relative difference of S12 and S21 below which their order does not matter


def read(path: Path, ports: int | None = None) -> Touchstone:
    """Network of a Touchstone 1.0, 1.1, 2.0 or 2.1 file. `ports`: how many are needed.

    Raises InputError that names the file, the line, what is wrong and what is possible; warns of what had to be
    decided (codes touchstone-...). Time and memory are linear in the file, which has at most MOST_BYTES.
    """
    file = printable(str(path), 400)
    try:
        with np.errstate(all="ignore"), collected() as found:  # not finite: looked for, refused with its line
            data = _read(path, ports, file)
    except InputError as error:
        raise InputError(f"{file}: {error}") from None
    for entry in found:
        warn(entry.code, f"{file}: {entry.text}", entry.value, entry.limit, entry.unit)
    return data


def _read(path: Path, wanted: int | None, file: str) -> Touchstone:
    announced = ports_of_name(path.suffix)
    if announced and not 1 <= announced[1] <= MOST_PORTS:
        raise InputError(f"{announced[1]} ports; possible: 1 ... {MOST_PORTS}")
    lines = read_lines(path)
    if not announced and path.suffix.lower() not in (".ts", ".snp") and not _looks_keyed(lines):
        raise InputError(f"no Touchstone file; {POSSIBLE}")
    found = scan(lines)
    del lines
    if found.comments.mixed:
        raise fault(found.comments.mixed, "the rows are mixed modes, by this comment; possible: single-ended data")
    version, ports = _version(found), _ports(found, announced)
    if wanted is not None and ports != wanted:
        raise InputError(f"{ports} ports; possible: {wanted}")
    table = keyed_table(found, ports) if found.keyed else plain_table(found.network, ports)
    f = table.values[:, 0] * found.options.unit
    check_frequencies(f, table.lines)
    _check_defaults(found, table, f)
    z0, waves = reference(found, ports, len(f))
    s = _s(found, table, ports, z0, version)
    f, s, z0 = merged(f, s, z0, table.lines)
    names = tuple(printable(found.comments.names.get(k + 1, "")) for k in range(ports))
    kind = found.options.kind.upper()
    shown = names if all(names) else None
    return Touchstone(f, s, z0, waves, shown, version, kind, table.noise, file)


def _looks_keyed(lines: list[str]) -> bool:
    """Whether the first line that is no comment is [Version]: then the ending of the name does not matter."""
    first = next((line.strip() for line in lines if line.strip() and not line.lstrip().startswith("!")), "")
    return first.lower().startswith("[version]")


def _version(found: Scan) -> str:
    """Version by the keywords and the option line; warns where it has to be guessed."""
    options = found.options
    if not options.line:
        warn("touchstone-option-line", "no option line (#): read as # GHz S MA R 50, its defaults", 0, 1)
    if not found.keyed:
        return "1.1" if len(options.resistance) > 1 else "1.0"
    version = found.keywords.version()
    if version is None:
        if options.kind != "s":
            raise InputError(f"keywords of version 2, but no [Version]: {options.kind.upper()} may be normalised")
        warn("touchstone-version", "keywords of version 2, but no [Version]: read as 2.0", 0, 1)
    if len(options.resistance) > 1:
        raise fault(options.line, "option line: several resistances in version 2; possible: [Reference]")
    return version or "2.0"


def _ports(found: Scan, announced: tuple[str, int] | None) -> int:
    """Number of ports: by [Number of Ports], else by the ending, else by R and the rows."""
    options = found.options
    letter, by_name = announced or ("s", 0)
    if not found.keyed and letter != "s" and options.kind != letter:
        if options.kind_given:
            words = f"the ending says {letter.upper()}, the option line {options.kind.upper()}, which is taken"
            warn("touchstone-kind", words, 1, 0)
        else:
            raise InputError(f"the ending says {letter.upper()}-parameters, the option line names none")
    if found.keyed:
        ports = found.keywords.ports()
        if by_name and by_name != ports:
            words = f"[Number of Ports] is {ports}, which is taken, though the file is named .{letter}{by_name}p"
            warn("touchstone-ports", words, by_name, ports)
    else:
        ports = by_name or inferred_ports(found.network)
    if options.kind in "hg" and ports != 2:
        raise InputError(f"{options.kind.upper()}-parameters of {ports} ports; possible: a two-port")
    return ports


def _check_defaults(found: Scan, table: Table, f: Array) -> None:
    """Where there is no option line, the numbers must at least be what its defaults say."""
    if found.options.line:
        return
    negative = np.flatnonzero((table.values[:, 1::2] < 0).any(1))
    if len(negative):
        words = "no option line (#), and a negative magnitude: the rows are not what its defaults say (GHz S MA R 50)"
        raise fault(int(table.lines[negative[0]]), words)
    if f[-1] > HIGHEST:
        words = f"no option line (#), and {table.values[-1, 0]:g} is no frequency in GHz, its default"
        raise fault(int(table.lines[-1]), words)


def _s(found: Scan, table: Table, ports: int, z0: Complex, version: str) -> Complex:
    """S [frequencies, ports, ports] in the impedances z0 of what the rows hold."""
    options, keys = found.options, found.keywords
    kind, order = options.kind, keys.order()
    matrix, modes = keys.matrix(), keys.modes(ports)
    if order and ports != 2:
        line = keys.line("two port data order")
        raise fault(line, f"[Two-Port Data Order] of {ports} ports; possible: of a two-port")
    swapped = ports == 2 and (order == "21_12" or not found.keyed)
    entries = pairs(table.values[:, 1:], options.form)
    odd = np.flatnonzero(~np.isfinite(entries).all(1))
    if len(odd):
        raise fault(int(table.lines[odd[0]]), "values that are not finite")
    values = matrices(entries, ports, matrix, swapped)
    if found.keyed and ports == 2 and order is None and matrix == "full":
        off = np.abs(values[:, 0, 1] - values[:, 1, 0]).max()
        if not off <= UNEQUAL * max(1e-300, float(np.abs(values).max())):
            raise InputError("[Two-Port Data Order] is missing, and 12 and 21 differ; possible: 12_21, 21_12")
    if modes:
        if kind in "hg":
            raise fault(keys.line("mixed mode order"), f"mixed-mode {kind.upper()}-parameters; possible: S, Y, Z")
        _check_pairs(z0, [mode.ports for mode in modes if len(mode.ports) == 2], keys.line("mixed mode order"))
        values = single_ended(values, kind, modes)
    if kind == "s":
        return values
    if np.any(z0.imag) or np.any(z0 != z0[0]):
        raise InputError(f"{kind.upper()}-parameters with complex impedances; possible: real ones")
    real = z0[0].real
    if not found.keyed:
        if np.any(real != real[0]):
            raise InputError(f"{kind.upper()}-parameters normalised to unequal resistances; possible: one R")
        values = unnormalised(values, kind, float(real[0]))
    return to_s(values, kind, real)


def _check_pairs(z0: Complex, among: list[tuple[int, ...]], line: int) -> None:
    """Both ports of a pair must have one reference, or its modes have none."""
    for first, second in among:
        if np.any(z0[:, first] != z0[:, second]):
            raise fault(line, f"ports {first + 1} and {second + 1} are a pair of unequal reference impedances")
