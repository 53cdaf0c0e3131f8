"""A second reader of Touchstone files, from the specification alone (versions 1.1 and 2.0); full matrices only."""

from pathlib import Path

import numpy as np


def read(path: Path) -> tuple[np.ndarray, np.ndarray, list[float]]:
    """Frequencies in Hz, S [frequencies, ports, ports], reference impedances [ports]."""
    words: list[str] = []
    option, keywords = [], {}
    for line in path.read_text(encoding="ascii").splitlines():
        line = line.split("!")[0].strip()
        if line.startswith("#"):
            option = line[1:].lower().split()
        elif line.startswith("["):
            name, _, rest = line[1:].partition("]")
            keywords[name.lower()] = rest.split()
        elif line:
            words += line.split()
    unit = {"hz": 1.0, "khz": 1e3, "mhz": 1e6, "ghz": 1e9}[option[0]]
    assert option[1:3] == ["s", "ri"], option
    ports = int(keywords["number of ports"][0]) if "number of ports" in keywords else int(path.suffix[2:-1])
    table = np.array(words, float).reshape(-1, 1 + 2 * ports**2)
    s = (table[:, 1::2] + 1j * table[:, 2::2]).reshape(-1, ports, ports)
    if ports == 2 and keywords.get("two-port data order", ["21_12"]) == ["21_12"]:
        s = s.transpose(0, 2, 1)  # the order of two-ports is 11 21 12 22
    if "number of frequencies" in keywords:
        assert len(table) == int(keywords["number of frequencies"][0])
    z0 = [float(z) for z in keywords.get("reference", [option[option.index("r") + 1]] * ports)]
    return unit * table[:, 0], s, z0
