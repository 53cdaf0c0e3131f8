"""Touchstone 1 and 2: written with their provenance, read with suspicion.

A file holds real and imaginary parts at full precision (17 digits), in Hz. Version 1 knows one reference impedance
for all ports and no port names (they stand in comments, as HFSS writes them); version 2 has an impedance per port.
What is read comes from somebody else: its size and its number of ports are checked before anything is parsed, its text
goes nowhere but on the screen, and no name of it ever into a deck.
"""

import hashlib
import re
import warnings
from importlib.metadata import version as package_version
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from resonet.core.errors import InputError
from resonet.core.files import new_file
from resonet.cosim.ngspice.run import find_ngspice, ngspice_version
from resonet.sparams.block import MOST_PORTS
from resonet.sparams.grid import MOST_POINTS

if TYPE_CHECKING:
    from skrf import Network

__all__ = ["provenance", "read_touchstone", "write_touchstone"]

Version = Literal["1.0", "2.0"]
FULL = "{:.17g}"
MOST_BYTES = 64_000_000
NOISE = 5  # numbers in a line of noise data
POSSIBLE = "possible: S-parameters in Touchstone 1 or 2 (.s1p, .s2p, ... , .ts)"


def _printable(text: str, most: int = 80) -> str:
    """Text of a file without what a terminal would obey."""
    return "".join(c if c.isprintable() else "?" for c in text[:most])


def provenance(network: "Network", engine: str, made_from: str = "") -> list[str]:
    """Lines that say where a network comes from: program, engine and version, ports, and the hash of its source."""
    tool = f"ngspice-{ngspice_version(find_ngspice())}" if engine.startswith("ngspice") else engine
    if engine == "scikit-rf":
        tool += f" {package_version('scikit-rf')}"
    lines = [f"resonet {package_version('resonet')}, {tool}, {network.name}"]
    names = network.port_names or [f"p{k + 1}" for k in range(network.nports)]
    lines += [f"{k + 1} = {name}, {z.real:g} ohm" for k, (name, z) in enumerate(zip(names, network.z0[0], strict=True))]
    if made_from:
        lines.append(f"sha256 of the netlist: {hashlib.sha256(made_from.encode()).hexdigest()}")
    return lines


def write_touchstone(network: "Network", path: Path, version: Version = "1.0", header: list[str] | None = None) -> Path:
    """Write a network, whole or not at all; returns the path. InputError where version 1 cannot hold it."""
    z0 = network.z0
    if np.any(z0 != z0[0]) or np.any(z0.imag):
        raise InputError(f"{path.name}: reference impedances are complex or change with frequency; possible: real ones")
    if version == "1.0" and np.any(z0 != z0[0, 0]):
        raise InputError(f"{path.name}: ports of different impedance need Touchstone 2")
    plain = network.copy()
    plain.name, plain.port_names = network.name, network.port_names
    plain.comments = "\n".join(f" {line}" for line in header or [])
    text = plain.write_touchstone(
        path.stem,
        return_string=True,
        form="ri",
        format_spec_A=FULL,
        format_spec_B=FULL,
        format_spec_freq=FULL,
        version=version,
        skrf_comment=False,
    )
    with new_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def _declared_ports(path: Path, head: str) -> int:
    """Number of ports that the file says it has, from its keyword or its ending."""
    keyword = re.search(r"^\s*\[number of ports\]\s*(\d{1,9})", head, re.IGNORECASE | re.MULTILINE)
    ending = re.fullmatch(r"\.s(\d{1,6})p", path.suffix.lower())
    if keyword is None and ending is None:
        raise InputError(f"{path}: no Touchstone file; {POSSIBLE}")
    return int((keyword or ending).group(1))  # type: ignore[union-attr]


def _text(path: Path) -> str:
    try:
        if not path.is_file():
            raise InputError(f"{path}: no such file; {POSSIBLE}")
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"{path}: larger than {MOST_BYTES / 1e6:g} MB")
        return path.read_text(encoding="latin-1")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None


def _check(path: Path, network: "Network", ports: int) -> None:
    """What every later step relies on."""
    f = network.f
    if network.nports != ports or not 1 <= len(f) <= MOST_POINTS:
        raise InputError(
            f"{path}: {network.nports} ports at {len(f)} frequencies; possible: {ports}, 1 ... {MOST_POINTS}"
        )
    if not (np.all(np.isfinite(network.s)) and np.all(np.isfinite(f))):
        raise InputError(f"{path}: values that are not finite")
    if f[0] < 0 or np.any(np.diff(f) <= 0):
        raise InputError(f"{path}: frequencies must rise and not be negative")
    if np.any(network.z0.imag) or np.any(network.z0.real <= 0) or np.any(network.z0 != network.z0[0]):
        raise InputError(f"{path}: reference impedances must be real, positive and the same at all frequencies")


def read_touchstone(path: Path, ports: int | None = None) -> "Network":
    """Network of a Touchstone file; InputError that names the file and what is wrong. `ports`: how many are needed."""
    import skrf
    from skrf.io.touchstone import Touchstone  # not skrf.Network(path), which would unpickle a file that is none

    declared = _declared_ports(path, _text(path)[:100_000])
    if not 1 <= declared <= MOST_PORTS:
        raise InputError(f"{path}: {declared} ports; possible: 1 ... {MOST_PORTS}")
    if ports is not None and declared != ports:
        raise InputError(f"{path}: {declared} ports; possible: {ports}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read = Touchstone(str(path), encoding="latin-1")
            f, s = read.get_sparameter_arrays()
            kind, noise = read.parameter.lower(), read.noise
            z0 = np.broadcast_to(np.ravel(np.asarray(read.resistance, complex)), (s.shape[-1],))
            network = skrf.Network(
                frequency=skrf.Frequency.from_f(f, unit="hz"), s=s, z0=z0, name=_printable(path.stem)
            )
    except Exception as error:  # a parser of other people's files: whatever it meets, the file is at fault
        raise InputError(
            f"{path}: not a Touchstone file ({type(error).__name__}: {_printable(str(error))}); {POSSIBLE}"
        ) from None
    if kind != "s":
        raise InputError(f"{path}: {_printable(kind.upper(), 8)}-parameters; {POSSIBLE}")
    if noise is not None and np.size(noise) and np.shape(noise)[-1] != NOISE:
        raise InputError(f"{path}: frequencies must rise (after them only noise data may follow)")
    names = read.port_names
    network.port_names = [_printable(n, 40) for n in names] if names and len(names) == declared and all(names) else None
    _check(path, network, declared)
    return network
