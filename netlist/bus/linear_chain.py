"""A chain of resonators in the RF pass: linear, and element by element.

Most of ngspice's time on an RF deck goes into reading it; so spelled it takes half as long as with a subcircuit a
resonator, whose voltage source for the rectification has no part in a small-signal analysis (docs/measured.md).
"""

import functools

import numpy as np

from resonet.core.types import Array
from resonet.models.circuit.bus import BusCircuit
from resonet.models.resonator.linear import SpinDiode
from resonet.netlist.spice.dialect import NGSPICE, Dialect

__all__ = ["LINEAR_FORM", "PRECESSION", "SENSE", "linear_chain_lines", "save_line"]

SENSE = NGSPICE.current_of("v{j}_{k}")  # how ngspice names the current of a resonator in an RF deck, from p to n
PRECESSION = NGSPICE.current_of("l{j}_{k}")  # and its precession, chi times that current
LINEAR_FORM = (  # for people who read an RF deck
    "Resonator k of chain j, linear at zero bias (resonator.lib without its source that rectifies: .tran gives no DC).",
    "v<j>_<k> senses its current i from p to n, r<j>_<k> is its resistance; f, rt, l and c of that number are its",
    "tank, which i drives: the current of l<j>_<k> is the precession chi(f) i; cn<j>_<k> is that of its head.",
)


@functools.lru_cache(maxsize=64)
def _chain_template(size: int, tail: str, device: SpinDiode, circuit: BusCircuit, dialect: Dialect) -> str:
    """Text of a chain of that size in the RF pass: "@" stands for its number, L and C of each tank come later.

    The current i of a resonator goes into a tank of 1 ohm, L = 1 / (w0 q) and C = q / w0, all in parallel: the inductor
    carries chi(f) i, with chi as in resonator.lib, whose linearisation at zero bias this is.
    """
    element, node = dialect.format_element, circuit.node_capacitance
    resistance, lines = f"{device.resistance:.12g}", []
    for k in range(size):
        head, foot, own, x = f"h@_{k}", tail if k == size - 1 else f"h@_{k + 1}", f"@_{k}", f"x@_{k}"
        p, n = (foot, head) if k % 2 else (head, foot)
        lines += [
            dialect.format_ammeter(f"v{own}", p, f"a{own}"),
            element(f"r{own}", (f"a{own}", n), resistance),
            dialect.format_current_copy(f"f{own}", "0", x, f"v{own}", "1"),
            element(f"rt{own}", (x, "0"), "1"),
            element(f"l{own}", (x, "0"), "%.17g"),
            element(f"c{own}", (x, "0"), "%.17g"),
        ]
        if circuit.junction_capacitance:
            lines.append(element(f"cj{own}", (p, n), f"{circuit.junction_capacitance:.17g}"))
        if node:  # half a capacitance at each end of a resonator
            lines.append(element(f"cn{own}", (head, "0"), f"{node if k else node / 2:.12g}"))
    if node and tail != "0":
        lines.append(element(f"cn@_{size}", (tail, "0"), f"{node / 2:.12g}"))
    return "\n".join(lines)


def linear_chain_lines(
    j: int, f_res: Array, tail: str, device: SpinDiode, circuit: BusCircuit, dialect: Dialect = NGSPICE
) -> str:
    """The resonators of one chain from head to tail, every other one turned round; f_res in Hz."""
    template = _chain_template(len(f_res), tail, device, circuit, dialect)
    told = [f"{f:.15g}" for f in f_res.tolist()]
    w0 = 2 * np.pi * np.array([float(text) for text in told])  # a deck is built from what it says
    tanks = np.stack([1 / (w0 * device.quality), device.quality / w0], axis=1)
    head = dialect.format_comment("f_res, Hz: " + " ".join(told))
    return head + "\n" + template.replace("@", str(j)) % tuple(tanks.ravel().tolist())


@functools.lru_cache(maxsize=64)
def _save_template(size: int, dialect: Dialect) -> str:
    pairs = ((dialect.current_of(f"l@_{k}"), dialect.current_of(f"v@_{k}")) for k in range(size))
    return dialect.format_save(name for pair in pairs for name in pair)


def save_line(j: int, size: int, dialect: Dialect = NGSPICE) -> str:
    """What is saved of a chain: precession and current of every resonator."""
    return _save_template(size, dialect).replace("@", str(j))
