"""Strip-line circuit -> SPICE deck of the RF pass. Everything is decided before; `strip_tuned_deck` has the others.

Names are made of counters. Resonator n is `xr<n>`, with its junction current on `u<n>` and its precession on `x<n>`;
its stub is `xs<n>` with its current on `s<n>`; chain j is read at the node `n<head>`; node 0 is ground.

A line ends in what the rest of it presents at the frequency played (`strip_ends`), set anew for each.
"""

from collections.abc import Sequence

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array, Complex, Ints
from resonet.models.resonator.linear import SpinDiode
from resonet.netlist.spice.deck import Deck
from resonet.netlist.strip.circuit import StripCircuit
from resonet.netlist.strip.drive import drive_emf
from resonet.netlist.strip.ends import cut_ends
from resonet.spice_lib.library import library

__all__ = [
    "control",
    "head",
    "node_name",
    "strip_rf_deck",
    "write_passives",
    "write_resonators",
    "write_stubs",
]


def head(name: str, what: str, lib: str, devices: Sequence[str]) -> list[str]:
    """First line, what the deck is, and the libraries it needs."""
    files = sorted({library()[device].file for device in devices})
    return [f"* resonet {name}: {what}", *(f'.include "{lib}/{file}"' for file in files)]


def _series(kind: str, n: int, a: str, b: str, r: float, l: float) -> list[str]:  # noqa: E741
    """Resistance and inductance in series, either of which may be none."""
    if r == 0 and l == 0:
        return [f"v{kind}{n} {a} {b} dc 0"]  # ngspice takes a resistance of 0 for 1 mohm
    if l == 0:
        return [f"r{kind}{n} {a} {b} {r:.15g}"]
    if r == 0:
        return [f"l{kind}{n} {a} {b} {l:.15g}"]
    return [f"r{kind}{n} {a} {kind}{n} {r:.15g}", f"l{kind}{n} {kind}{n} {b} {l:.15g}"]


def node_name(number: int) -> str:
    """Node of a circuit in a deck."""
    return f"n{number}" if number else "0"


def write_passives(circuit: StripCircuit) -> list[str]:
    """Capacitors, leaks, and branches other than stubs."""
    c, leak, branch, stubs = circuit.capacitors, circuit.leaks, circuit.branches, len(circuit.head)
    lines = ["* capacitors, those to ground through the substrate with their resistance"]
    for n, (a, b, r, x) in enumerate(zip(c.a.tolist(), c.b.tolist(), c.r.tolist(), c.x.tolist(), strict=True)):
        if r:
            lines += [f"cp{n} {node_name(a)} cp{n} {x:.15g}", f"rp{n} cp{n} {node_name(b)} {r:.15g}"]
        else:
            lines.append(f"cp{n} {node_name(a)} {node_name(b)} {x:.15g}")
    lines.append("* leaks")
    rows = zip(leak.a.tolist(), leak.b.tolist(), (1 / leak.x).tolist(), strict=True)
    lines += [f"rl{n} {node_name(a)} {node_name(b)} {r:.15g}" for n, (a, b, r) in enumerate(rows)]
    lines.append("* connections of lines, then rails of ground")
    for n in range(stubs, len(branch.a)):
        a, b = node_name(int(branch.a[n])), node_name(int(branch.b[n]))
        lines += _series("b", n, a, b, float(branch.r[n]), float(branch.x[n]))
    return lines


def write_stubs(circuit: StripCircuit) -> list[str]:
    """Stubs and the mutual inductances between them."""
    branch, (i, j, m) = circuit.branches, circuit.mutual
    lines = ["* stubs of lines over resonators"]
    for n in range(len(circuit.head)):
        r, l = float(branch.r[n]), float(branch.x[n])  # noqa: E741
        ends = f"{node_name(int(branch.a[n]))} {node_name(int(branch.b[n]))}"
        lines.append(f"xs{n} {ends} s{n} strip_segment r={r:.15g} l={l:.15g} g=0 c=0")
    if len(i) and not circuit.delay:
        raise InputError("deck: line_mutual without line_delay: a mutual inductance needs inductances; possible: both")
    if not len(i):
        return lines
    k = m / np.sqrt(branch.x[i] * branch.x[j])
    rows = zip(i.tolist(), j.tolist(), k.tolist(), strict=True)
    return [*lines, *(f"k{n} l.xs{a}.ls l.xs{b}.ls {x:.15g}" for n, (a, b, x) in enumerate(rows))]


def write_resonators(circuit: StripCircuit, f_res: Array, device: SpinDiode, tuned: bool = False) -> list[str]:
    """Junctions of the chains, and what drives them: in the RF pass linear, `tuned` with rectification and tuning."""
    lines = ["* resonators, every other one turned round; field of the lines"]
    kind = f"strip_resonator k={device.transduction:.15g}" if tuned else "strip_resonator_rf"
    shared = f"{kind} q={device.quality:.15g} r0={device.resistance:.15g}"
    for n, (a, b) in enumerate(zip(circuit.head.tolist(), circuit.foot.tolist(), strict=True)):
        p, q = (node_name(a), node_name(b)) if circuit.turn[n] > 0 else (node_name(b), node_name(a))
        pins = f"d{n} t{n} u{n} x{n}" if tuned else f"d{n} u{n} x{n}"
        lines.append(f"xr{n} {p} {q} {pins} {shared} f0={f_res[n]:.15g} rw={circuit.wire[n]:.15g}")
    rows, cols, a = circuit.field
    gain = (a * circuit.placement.geometry.pick_up).tolist()
    rows_of = enumerate(zip(rows.tolist(), cols.tolist(), gain, strict=True))
    return lines + [f"gf{n} 0 d{i} s{j} 0 {x:.15g}" for n, (i, j, x) in rows_of]


def _ends(circuit: StripCircuit) -> list[str]:
    """Both ends of every piece of line, values to be set for each tone: R and L in series, R and C in parallel."""
    lines = ["* lines beyond this circuit: towards the sources, towards the terminations"]
    entry = circuit.branches.a[circuit.pieces.begin].tolist()
    leave = circuit.branches.b[circuit.pieces.end].tolist()
    for n, (a, b) in enumerate(zip(entry, leave, strict=True)):
        lines += [f"ve{n} e{n} 0 dc 0 ac 0", f"rz{n} e{n} z{n} 50", f"lz{n} z{n} {node_name(a)} 0"]
        lines += [f"ry{n} {node_name(b)} 0 50", f"cy{n} {node_name(b)} 0 0"]
    return lines


def _end_values(circuit: StripCircuit, f: float) -> tuple[list[str], Complex]:
    """Commands that set the ends for one tone (reactances of either sign), and EMF of each per volt of its source."""
    emf, before, after = cut_ends(circuit, f)
    w, rows = 2 * np.pi * f, []
    for n, (z, y) in enumerate(zip(before.tolist(), after.tolist(), strict=True)):
        rows += [f"alter rz{n} = {z.real:.15g}", f"alter lz{n} = {z.imag / w:.15g}"]
        rows += [f"alter ry{n} = {1 / y.real:.15g}", f"alter cy{n} = {y.imag / w:.15g}"]
    return rows, emf


def control(commands: Sequence[str]) -> list[str]:
    """The commands, binary raw files, and an end that a bare batch run takes for success."""
    return [".control", "set filetype=binary", *commands, "quit", ".endc", ".end", ""]


def strip_rf_deck(
    circuit: StripCircuit,
    plays: Sequence[tuple[float, Ints]],
    f_res: Array,
    device: SpinDiode,
    lib: str = "../lib",
) -> Deck:
    """RF pass: one plot a play with u<n>, x<n> per √W of each of its lines.

    A play is a frequency, Hz, and the lines that sound together there, in phase; plays of one frequency should follow
    each other. f_res [resonators of the circuit] in Hz.
    """
    name = f"{circuit.placement.usage.layer}_strip_rf"
    text = head(name, "RF pass, play by play", lib, ("strip_resonator_rf", "strip_segment"))
    text += write_stubs(circuit) + write_passives(circuit) + _ends(circuit) + write_resonators(circuit, f_res, device)
    own, count = circuit.line[circuit.pieces.begin], len(circuit.head)
    for first in range(0, count, 200):
        text.append(".save " + " ".join(f"v(u{n}) v(x{n})" for n in range(first, min(first + 200, count))))
    commands: list[str] = []
    tuned, playing = 0.0, np.empty(0, np.int64)
    for f, lines in plays:
        if f != tuned:
            values, emf = _end_values(circuit, f)
            commands += values
            emf, tuned = emf * drive_emf(circuit, device.resistance), f
        commands += [f"alter @ve{n}[acmag] = 0" for n in playing]
        playing = np.flatnonzero(np.isin(own, lines))
        for n in playing:
            commands.append(f"alter @ve{n}[acmag] = {abs(emf[n]):.15g}")
            commands.append(f"alter @ve{n}[acphase] = {np.degrees(np.angle(emf[n])):.15g}")
        commands += [f"ac lin 1 {f!r} {f!r}", f"write {name}.raw", "set appendwrite", "destroy all"]
    return Deck(name, "\n".join(text + control(commands)))
