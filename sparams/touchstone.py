"""Touchstone 1 and 2: written with their provenance, read with suspicion.

A file holds real and imaginary parts at full precision (17 digits), in Hz. One that would be larger than 20 MB holds
fewer frequencies (`thinning`) and ten digits, and says so. Version 1 knows one reference impedance
for all ports and no port names (they stand in comments, as HFSS writes them); version 2 has an impedance per port.
Files are read by `core.touchstone`; no text or name of them ever goes into a deck.
"""

import hashlib
from importlib.metadata import version as package_version
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from resonet.core.errors import InputError
from resonet.core.files import new_file
from resonet.core.touchstone import Touchstone, read
from resonet.cosim.ngspice.run import find_ngspice, ngspice_version
from resonet.sparams.thinning import thinned

if TYPE_CHECKING:
    from skrf import Network

__all__ = ["MOST_FILE", "fit_for_file", "network_of", "provenance", "read_touchstone", "write_touchstone"]

Version = Literal["1.0", "2.0"]
FULL = 17  # digits
FEWER = 10  # of a file that would be too large
MOST_FILE = 20_000_000  # bytes: other programs take minutes to read more
SMOOTH = 1e-6  # of S: straight lines that miss no more need no more points


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


def _text(network: "Network", name: str, version: Version, header: list[str], digits: int) -> str:
    """A network as text of a Touchstone file."""
    plain = network.copy()
    plain.name, plain.port_names = network.name, network.port_names
    plain.comments = "\n".join(f" {line}" for line in header)
    number = f"{{:.{digits}g}}"
    return str(
        plain.write_touchstone(
            name,
            return_string=True,
            form="ri",
            format_spec_A=number,
            format_spec_B=number,
            format_spec_freq="{:.17g}",
            version=version,
            skrf_comment=False,
        )
    )


def _row_bytes(network: "Network", version: Version, digits: int) -> float:
    """Bytes of a frequency, of some of them."""
    some = network[np.linspace(0, len(network.f) - 1, min(len(network.f), 5)).astype(int)]
    return len(_text(some, "some", version, [], digits)) / len(some.f)


def fit_for_file(network: "Network", version: Version, most: int = MOST_FILE) -> "tuple[Network, int, str]":
    """What of a network goes into a file of at most `most` bytes: the network, its digits, and what was left out.

    Three frequencies are kept in any case. "": all is there.
    """
    if _row_bytes(network, version, FULL) * len(network.f) <= most:
        return network, FULL, ""
    room = int(0.98 * most / _row_bytes(network, version, FEWER))  # some rows are a little longer than those measured
    places, missed = thinned(network.f, network.s, max(room, 3), SMOOTH)
    found = network[places]
    found.name, found.port_names = network.name, network.port_names
    told = f"{len(places)} of {len(network.f)} frequencies, {FEWER} digits: straight lines between them miss S by "
    return found, FEWER, f"{told}{missed:.1g} at most"


def write_touchstone(
    network: "Network", path: Path, version: Version = "1.0", header: list[str] | None = None, digits: int = FULL
) -> Path:
    """Write a network, whole or not at all; returns the path. InputError where version 1 cannot hold it."""
    z0 = network.z0
    if np.any(z0 != z0[0]) or np.any(z0.imag):
        raise InputError(f"{path.name}: reference impedances are complex or change with frequency; possible: real ones")
    if version == "1.0" and np.any(z0 != z0[0, 0]):
        raise InputError(f"{path.name}: ports of different impedance need Touchstone 2")
    with new_file(path) as temporary:
        temporary.write_text(_text(network, path.stem, version, header or [], digits), encoding="utf-8")
    return path


def network_of(data: Touchstone, name: str) -> "Network":
    """A file's record as a network, its impedances as [frequencies, ports] and as the file has them."""
    import skrf

    waves = data.waves if np.any(data.z0.imag) else "power"  # where z0 is real they are all the same
    frequency = skrf.Frequency.from_f(data.f, unit="hz")
    network = skrf.Network(frequency=frequency, s=data.s, z0=data.z0, name=_printable(name), s_def=waves)
    network.port_names = list(data.names) if data.names else None
    return network


def read_touchstone(path: Path, ports: int | None = None) -> "Network":
    """Network of a Touchstone file; InputError that names the file, the line and what is wrong. `ports`: how many.

    S and its reference impedances are those of the file, complex or not (`core.touchstone.real_reference`
    renormalises); Y, Z, H and G are converted, mixed modes taken apart.
    """
    return network_of(read(path, ports), path.stem)
