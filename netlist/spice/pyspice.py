"""Hand-over to PySpice: a deck's circuit as a `PySpice.Spice.Netlist.Circuit`, to extend by hand."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from resonet.netlist.spice.deck import Deck
from resonet.spice_lib.library import copy_library, library_text

if TYPE_CHECKING:
    from PySpice.Spice.Netlist import Circuit

__all__ = ["to_pyspice"]

PLAIN = re.compile(r"[\w./+=@-]+")  # paths that PySpice, which does not quote them, and ngspice read as they are


def to_pyspice(deck: Deck, library: Path) -> "Circuit":
    """Circuit of a deck, element by element, without its analyses; the .lib files are written into `library`.

    Where no include could name that folder (blanks, quotes, semicolons) their text is part of the circuit.

    Elements keep their names without the leading letter: `circuit["L0_3"].inductance` belongs to the tank of resonator
    3 of chain 0 in an RF deck, `circuit["Xbt0"].parameters` are those of the bias tee of chain 0. Add sources and
    analyses as PySpice has them.
    """
    from PySpice.Spice.Netlist import Circuit

    copy_library(library)
    title, *lines = deck.text.splitlines()
    circuit = Circuit(title.removeprefix("* "))
    for line in lines:
        if line == ".control":
            break
        words = line.split()
        if line.startswith(".include"):
            path = library.resolve() / Path(words[1].strip('"')).name
            if PLAIN.fullmatch(str(path)):
                circuit.include(str(path))
            else:
                circuit.raw_spice += library_text()[path.name].rstrip() + "\n"
        elif line.startswith("x"):
            parameters = {name: float(value) for name, value in (w.split("=") for w in words if "=" in w)}
            *nodes, device = [w for w in words[1:] if "=" not in w]
            circuit.X(words[0][1:], device, *nodes, **parameters)
        elif line.startswith(("r", "l", "c")):
            getattr(circuit, line[0].upper())(words[0][1:], words[1], words[2], float(words[3]))
        elif line.startswith(("v", "i", "f")):
            circuit.raw_spice += line + "\n"  # ports, bias, ammeters: plain SPICE, which PySpice passes through
    return circuit
