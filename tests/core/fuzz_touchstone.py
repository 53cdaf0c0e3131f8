"""Mutated Touchstone files for the reader: `python tests/core/fuzz_touchstone.py 10000`."""

import random
import resource
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

import numpy as np

from resonet.core.errors import InputError
from resonet.core.touchstone import read, real_reference
from resonet.core.validity import collected

ROW = "0.1 0.2 0.3 -0.4 0.3 -0.4 0.5 0.6"
SEEDS = {
    "a.s2p": "! x\n# GHz S RI R 50\n"
    + "".join(f"{k} {ROW}\n" for k in range(1, 9))
    + "8 1 0.2 30 0.4\n9 1 0.2 30 0.4\n",
    "b.s1p": "# Hz Y MA R 75\n" + "".join(f"{k}e9\t0.5\t{k}\n" for k in range(1, 9)),
    "c.s3p": "# MHz S DB R 50\n"
    + "".join(f"{k} -1 0 -2 1 -3 2\n -1 0 -2 1 -3 2\n -1 0 -2 1 -3 2\n" for k in (1, 2, 3)),
    "d.ts": "[Version] 2.0\n# GHz S RI R 50\n[Number of Ports] 2\n[Two-Port Data Order] 21_12\n"
    "[Number of Frequencies] 2\n[Number of Noise Frequencies] 1\n[Reference] 50\n75\n[Begin Information]\nx\n"
    f"[End Information]\n[Network Data]\n1 {ROW}\n2 {ROW}\n[Noise Data]\n1 1 0.2 30 20\n[End]\n",
    "e.ts": "[Version] 2.1\n# GHz Z RI\n[Number of Ports] 3\n[Number of Frequencies] 1\n[Matrix Format] Lower\n"
    "[Mixed-Mode Order] D1,2 C1,2 S3\n[Network Data]\n1 90 0 1 0 30 0 2 0 1 0 60 0\n[End]\n",
    "f.s2p": "! Touchstone file exported from HFSS\n!Data is not renormalized\n# GHz S MA\n! Port[1] = a\n"
    + "! Port[2] = b\n"
    + "".join(f"{k} {ROW}\n! Gamma ! 0 1 0 1\n! Port Impedance60 1 0 0\n!   0 0 70 {k}\n" for k in range(1, 5)),
}
WORDS = (
    *(
        "# ",
        "R",
        "R75",
        "[",
        "]",
        "[End]",
        "[Reference]",
        "[Network Data]",
        "[Version] 2.0",
        "!",
        "!MixedMode",
        "\n",
        "\r",
    ),
    *(
        "\t",
        " ",
        "nan",
        "inf",
        "-1",
        "0",
        "1e308",
        "1e-320",
        "1D3",
        "1,5",
        "12345678901234567890",
        "\0",
        "\x1a",
        "é",
        "\ufeff",
    ),
    *(
        "! Port Impedance",
        "! Gamma",
        "GHz",
        "Hz",
        "S",
        "Y",
        "Z",
        "H",
        "G",
        "RI",
        "DB",
        "21_12",
        "Lower",
        "9" * 300,
        "." * 50,
    ),
    *(
        "D1,2",
        "(1+1j)",
        "! PortZ Port1:0",
        "\u2028",
        "\x0b",
        "\x85",
        "_",
        "e",
        "+",
        "-",
        "[Number of Ports] 128",
        "1 " * 200,
    ),
)


def mutated(text: str, chance: random.Random) -> bytes:
    """A text with one to three changes of characters, words or lines; in one of ten cases of its bytes too."""
    for _ in range(chance.randint(1, 3)):
        at, kind = chance.randrange(len(text) + 1), chance.randrange(7)
        lines = text.split("\n")
        if kind == 0:
            text = text[:at] + chance.choice(WORDS) + text[at:]
        elif kind == 1:
            text = text[:at] + text[at + chance.randint(1, 20) :]
        elif kind == 2:
            text = text[:at] + chr(chance.randrange(1, 0x250)) + text[at + 1 :]
        elif kind == 3:
            lines.insert(chance.randrange(len(lines)), chance.choice(lines))
            text = "\n".join(lines)
        elif kind == 4:
            del lines[chance.randrange(len(lines))]
            text = "\n".join(lines) or "x"
        elif kind == 5:
            chance.shuffle(lines)
            text = "\n".join(lines) if chance.random() < 0.1 else text
        else:
            text = text[:at] + text[at : at + 30] * chance.randint(2, 40) + text[at:]
    data = bytearray(text.encode("utf-8", "replace"))
    if chance.random() < 0.1 and data:
        for _ in range(5):
            data[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(data)


def run(cases: int, folder: Path, seed: int = 0) -> Counter[str]:
    """Outcomes of reading `cases` mutated files: read or refused; anything else is raised. Longest time in ms."""
    chance, found = random.Random(seed), Counter[str]()
    with warnings.catch_warnings(), collected():
        warnings.simplefilter("error")
        for _ in range(cases):
            name = chance.choice(list(SEEDS))
            path = folder / (name if chance.random() < 0.9 else chance.choice(["x.s4p", "x.ts", "x.s2p", "x.z2p"]))
            path.write_bytes(mutated(SEEDS[name], chance))
            start = time.process_time()
            try:
                data = read(path)
                assert np.isfinite(data.s).all()
                assert np.isfinite(data.z0).all()
                assert np.all(np.diff(data.f) > 0)
                assert data.s.shape == (len(data.f), data.ports, data.ports)
                assert data.z0.shape == data.s.shape[:2]
                assert np.isfinite(real_reference(data).s).all()
                found["read"] += 1
            except InputError as error:
                found["refused"] += 1
                found["longest message"] = max(found["longest message"], len(str(error)))
                found["lines of a message"] = max(found["lines of a message"], len(str(error).splitlines()))
            found["longest, ms"] = max(found["longest, ms"], round(1e3 * (time.process_time() - start)))
    return found


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        counted = run(int(sys.argv[1]), Path(place))
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    sys.stdout.write(f"{dict(counted)}, {megabytes} MB\n")
