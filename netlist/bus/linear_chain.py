"""A chain of resonators in the RF pass: linear, and element by element.

Most of ngspice's time on an RF deck goes into reading it; so spelled it takes half as long as with a subcircuit a
resonator, whose voltage source for the rectification has no part in a small-signal analysis (docs/measured.md).
"""

import functools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from resonet.core.decimals import decimals, rounded
from resonet.core.types import Array, Ints
from resonet.models.circuit.bus import BusCircuit
from resonet.models.circuit.groups import group_starts
from resonet.models.resonator.linear import SpinDiode
from resonet.netlist.spice.dialect import NGSPICE, Dialect, numbers

__all__ = [
    "LINEAR_FORM",
    "PRECESSION",
    "SENSE",
    "chain_ends",
    "group_tees",
    "linear_chain_lines",
    "linear_chains",
    "save_line",
    "tee_parameters",
]

SENSE = NGSPICE.current_of("v{j}_{k}")  # how ngspice names the current of a resonator in an RF deck, from p to n
PRECESSION = NGSPICE.current_of("l{j}_{k}")  # and its precession, chi times that current
LINEAR_FORM = (  # for people who read an RF deck
    "Resonator k of chain j, linear at zero bias (resonator.lib without its source that rectifies: .tran gives no DC).",
    "v<j>_<k> senses its current i from p to n, r<j>_<k> is its resistance; f, rt, l and c of that number are its",
    "tank, which i drives: the current of l<j>_<k> is the precession chi(f) i; cn<j>_<k> is that of its head.",
)
Values = tuple[list[bytes], list[bytes]]  # as text
AT_ONCE = 20_000  # resonators whose values become text at a time


def tee_parameters(circuit: BusCircuit) -> dict[str, str]:
    """Parameters of a bias tee."""
    return numbers(
        12,
        cblock=circuit.block_capacitance,
        lchoke=circuit.choke_inductance,
        rchoke=circuit.choke_resistance,
        cbypass=circuit.bypass_capacitance,
    )


def chain_ends(size: int, tail: str, circuit: BusCircuit, stem: str = "@") -> list[tuple[str, str]]:
    """Head and foot of every resonator of a chain: h<stem>_<k>, or the pin g<stem>_<k> before a group's first."""
    starts = group_starts(size, circuit.groups)
    feet = [f"g{stem}_{k}" if k in starts else f"h{stem}_{k}" for k in range(1, size)]
    return list(zip([f"h{stem}_{k}" for k in range(size)], [*feet, tail], strict=True))


def group_tees(size: int, circuit: BusCircuit, bus: str, dialect: Dialect, stem: str = "@") -> list[str]:
    """Bias tees of the groups of a chain but the first, whose pin is the chain's."""
    return [
        dialect.format_instance(
            f"xbg{stem}_{k}", (bus, f"g{stem}_{k}", f"h{stem}_{k}"), "bias_tee", tee_parameters(circuit)
        )
        for k in group_starts(size, circuit.groups)[1:]
    ]


@functools.lru_cache(maxsize=64)
def _chain_template(size: int, tail: str, device: SpinDiode, circuit: BusCircuit, dialect: Dialect) -> bytes:
    """Text of a chain of that size in the RF pass: "@" stands for its number, L and C of each tank come later.

    The current i of a resonator goes into a tank of 1 ohm, L = 1 / (w0 q) and C = q / w0, all in parallel: the inductor
    carries chi(f) i, with chi as in resonator.lib, whose linearisation at zero bias this is.
    """
    element, node = dialect.format_element, circuit.node_capacitance
    resistance, lines = f"{device.resistance:.12g}", group_tees(size, circuit, "bus", dialect)
    starts = group_starts(size, circuit.groups)
    for k, (head, foot) in enumerate(chain_ends(size, tail, circuit)):
        own, x = f"@_{k}", f"x@_{k}"
        p, n = (foot, head) if k % 2 else (head, foot)
        lines += [
            dialect.format_ammeter(f"v{own}", p, f"a{own}"),
            element(f"r{own}", (f"a{own}", n), resistance),
            dialect.format_current_copy(f"f{own}", "0", x, f"v{own}", "1"),
            element(f"rt{own}", (x, "0"), "1"),
            element(f"l{own}", (x, "0"), "%s"),
            element(f"c{own}", (x, "0"), "%s"),
        ]
        if circuit.junction_capacitance:
            lines.append(element(f"cj{own}", (p, n), f"{circuit.junction_capacitance:.17g}"))
        if node:  # half a capacitance at each end of a resonator
            lines.append(element(f"cn{own}", (head, "0"), f"{node / 2 if k in starts else node:.12g}"))
            lines += [element(f"cp{own}", (foot, "0"), f"{node / 2:.12g}")] if k + 1 in starts else []
    if node and tail != "0":
        lines.append(element(f"cn@_{size}", (tail, "0"), f"{node / 2:.12g}"))
    return "\n".join(lines).encode()


@functools.lru_cache(maxsize=256)
def _with_room(template: bytes, width: int) -> tuple[NDArray[np.uint8], Ints]:
    """ASCII of a template with room for numbers of so many digits, and where these begin."""
    text = np.frombuffer(template.replace(b"@", b"@" * width), np.uint8)
    return text, np.flatnonzero(text == ord("@"))[::width]


def _numbered(template: bytes, j: int) -> bytes:
    """A template of a chain with its number in it."""
    number = b"%d" % j
    text, at = _with_room(template, len(number))
    text = text.copy()
    for n, digit in enumerate(number):
        text[at + n] = digit
    return text.tobytes()


def linear_chains(f_res: Array, device: SpinDiode) -> Iterator[Values]:
    """Of each chain, f_res in Hz [chains, resonators]: the resonances as text, and L and C of each tank."""
    size = f_res.shape[1]
    each = max(1, AT_ONCE // max(1, size))
    for first in range(0, len(f_res), each):
        told = decimals(f_res[first : first + each], 15)
        w0 = 2 * np.pi * rounded(f_res[first : first + each], 15).ravel()  # a deck is built from what it says
        tanks = [b""] * (2 * len(told))
        tanks[::2], tanks[1::2] = decimals(1 / (w0 * device.quality), 17), decimals(device.quality / w0, 17)
        for n in range(len(f_res[first : first + each])):
            yield told[n * size : (n + 1) * size], tanks[2 * n * size : 2 * (n + 1) * size]


def linear_chain_lines(
    j: int,
    values: Values,
    tail: str,
    device: SpinDiode,
    circuit: BusCircuit,
    dialect: Dialect = NGSPICE,
) -> str:
    """The resonators of one chain from head to tail, every other one turned round, with `values` of `linear_chains`."""
    told, tanks = values
    template = _chain_template(len(told), tail, device, circuit, dialect)
    head = dialect.format_comment("f_res, Hz: " + b" ".join(told).decode())
    return head + "\n" + (_numbered(template, j) % tuple(tanks)).decode()


@functools.lru_cache(maxsize=64)
def _save_template(size: int, dialect: Dialect) -> str:
    pairs = ((dialect.current_of(f"l@_{k}"), dialect.current_of(f"v@_{k}")) for k in range(size))
    return dialect.format_save(name for pair in pairs for name in pair)


def save_line(j: int, size: int, dialect: Dialect = NGSPICE) -> str:
    """What is saved of a chain: precession and current of every resonator."""
    return _save_template(size, dialect).replace("@", str(j))
