"""Strip-line circuit -> SPICE deck of the RF pass. Everything is decided before; `tuned_deck` has the others.

Names are made of counters. Resonator n is `xr<n>`, with its junction current on `u<n>` and its precession on `x<n>`;
its stub is `xs<n>` with its current on `s<n>`; chain j is read at the node `n<head>`; node 0 is ground.

A line ends in what the rest of it presents at the frequency played (`ends`), set anew for each.
"""

from collections.abc import Sequence

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array, Complex, Ints
from resonet.models.resonator.linear import SpinDiode
from resonet.netlist.spice.deck import Deck
from resonet.netlist.spice.dialect import NGSPICE, Dialect, numbers
from resonet.netlist.strip.circuit import StripCircuit
from resonet.netlist.strip.drive import drive_emf
from resonet.netlist.strip.ends import cut_ends

__all__ = [
    "node_name",
    "strip_rf_deck",
    "write_passives",
    "write_resonators",
    "write_series",
    "write_stubs",
]


def write_series(kind: str, n: int, a: str, b: str, r: float, l: float, d: Dialect) -> list[str]:  # noqa: E741
    """Resistance and inductance in series, either of which may be none."""
    if r == 0 and l == 0:
        return [d.format_source(f"v{kind}{n}", a, b, dc="0")]  # ngspice takes a resistance of 0 for 1 mohm
    if l == 0:
        return [d.format_element(f"r{kind}{n}", (a, b), f"{r:.15g}")]
    if r == 0:
        return [d.format_element(f"l{kind}{n}", (a, b), f"{l:.15g}")]
    middle = f"{kind}{n}"
    return [
        d.format_element(f"r{kind}{n}", (a, middle), f"{r:.15g}"),
        d.format_element(f"l{kind}{n}", (middle, b), f"{l:.15g}"),
    ]


def node_name(number: int) -> str:
    """Node of a circuit in a deck."""
    return f"n{number}" if number else "0"


def write_passives(circuit: StripCircuit, dialect: Dialect = NGSPICE) -> list[str]:
    """Capacitors, leaks, and branches other than stubs."""
    c, leak, branch, stubs = circuit.capacitors, circuit.leaks, circuit.branches, len(circuit.head)
    element = dialect.format_element
    lines = [dialect.format_comment("capacitors, those to ground through the substrate with their resistance")]
    for n, (a, b, r, x) in enumerate(zip(c.a.tolist(), c.b.tolist(), c.r.tolist(), c.x.tolist(), strict=True)):
        if r:
            lines.append(element(f"cp{n}", (node_name(a), f"cp{n}"), f"{x:.15g}"))
            lines.append(element(f"rp{n}", (f"cp{n}", node_name(b)), f"{r:.15g}"))
        else:
            lines.append(element(f"cp{n}", (node_name(a), node_name(b)), f"{x:.15g}"))
    lines.append(dialect.format_comment("leaks"))
    rows = zip(leak.a.tolist(), leak.b.tolist(), (1 / leak.x).tolist(), strict=True)
    lines += [element(f"rl{n}", (node_name(a), node_name(b)), f"{r:.15g}") for n, (a, b, r) in enumerate(rows)]
    lines.append(dialect.format_comment("connections of lines, then rails of ground"))
    for n in range(stubs, len(branch.a)):
        a, b = node_name(int(branch.a[n])), node_name(int(branch.b[n]))
        lines += write_series("b", n, a, b, float(branch.r[n]), float(branch.x[n]), dialect)
    return lines


def write_stubs(circuit: StripCircuit, dialect: Dialect = NGSPICE, inside: bool = False) -> list[str]:
    """Stubs and the mutual inductances between them; `inside` a subcircuit coupled coils stand beside their stubs.

    ngspice finds no coil of an instance from within a subcircuit.
    """
    branch, (i, j, m) = circuit.branches, circuit.mutual
    lines, outside = [dialect.format_comment("stubs of lines over resonators")], inside and len(i) > 0
    for n in range(len(circuit.head)):
        values = numbers(15, r=float(branch.r[n]), l=0.0 if outside else float(branch.x[n]), g=0, c=0)
        a, b = node_name(int(branch.a[n])), node_name(int(branch.b[n]))
        pins = (a, f"k{n}" if outside else b, f"s{n}")
        lines.append(dialect.format_instance(f"xs{n}", pins, "strip_segment", values))
        lines += [dialect.format_element(f"ls{n}", (f"k{n}", b), f"{float(branch.x[n]):.15g}")] if outside else []
    if len(i) and not circuit.delay:
        raise InputError("deck: line_mutual without line_delay: a mutual inductance needs inductances; possible: both")
    if not len(i):
        return lines
    k = m / np.sqrt(branch.x[i] * branch.x[j])
    rows = zip(i.tolist(), j.tolist(), k.tolist(), strict=True)
    count = range(len(circuit.head))
    coils = [f"ls{n}" if inside else dialect.element_of("ls", f"xs{n}") for n in count]
    return lines + [
        dialect.format_coupling(f"k{n}", coils[a], coils[b], f"{x:.15g}") for n, (a, b, x) in enumerate(rows)
    ]


def write_resonators(
    circuit: StripCircuit, f_res: Array, device: SpinDiode, tuned: bool = False, dialect: Dialect = NGSPICE
) -> list[str]:
    """Junctions of the chains, and what drives them: in the RF pass linear, `tuned` with rectification and tuning."""
    lines = [dialect.format_comment("resonators, every other one turned round; field of the lines")]
    kind = "strip_resonator" if tuned else "strip_resonator_rf"
    shared = numbers(15, k=device.transduction) if tuned else {}
    shared |= numbers(15, q=device.quality, r0=device.resistance)
    for n, (a, b) in enumerate(zip(circuit.head.tolist(), circuit.foot.tolist(), strict=True)):
        ends = (node_name(a), node_name(b)) if circuit.turn[n] > 0 else (node_name(b), node_name(a))
        pins = (*ends, f"d{n}", *((f"t{n}",) if tuned else ()), f"u{n}", f"x{n}")
        values = numbers(15, f0=f_res[n], rw=circuit.wire[n])
        lines.append(dialect.format_instance(f"xr{n}", pins, kind, shared | values))
    rows, cols, a = circuit.field
    gain = (a * circuit.placement.geometry.pick_up).tolist()
    fields = enumerate(zip(rows.tolist(), cols.tolist(), gain, strict=True))
    element = dialect.format_element
    return lines + [element(f"gf{n}", ("0", f"d{i}", f"s{j}", "0"), f"{x:.15g}") for n, (i, j, x) in fields]


def _ends(circuit: StripCircuit, dialect: Dialect) -> list[str]:
    """Both ends of every piece of line, values to be set for each tone: R and L in series, R and C in parallel."""
    lines = [dialect.format_comment("lines beyond this circuit: towards the sources, towards the terminations")]
    entry = circuit.branches.a[circuit.pieces.begin].tolist()
    leave = circuit.branches.b[circuit.pieces.end].tolist()
    element = dialect.format_element
    for n, (a, b) in enumerate(zip(entry, leave, strict=True)):
        lines += [
            dialect.format_source(f"ve{n}", f"e{n}", "0", dc="0", ac="0"),
            element(f"rz{n}", (f"e{n}", f"z{n}"), "50"),
            element(f"lz{n}", (f"z{n}", node_name(a)), "0"),
            element(f"ry{n}", (node_name(b), "0"), "50"),
            element(f"cy{n}", (node_name(b), "0"), "0"),
        ]
    return lines


def _end_values(circuit: StripCircuit, f: float, dialect: Dialect) -> tuple[list[str], Complex]:
    """Commands that set the ends for one tone (reactances of either sign), and EMF of each per volt of its source."""
    emf, before, after = cut_ends(circuit, f)
    w, rows = 2 * np.pi * f, []
    for n, (z, y) in enumerate(zip(before.tolist(), after.tolist(), strict=True)):
        values = {"rz": z.real, "lz": z.imag / w, "ry": 1 / y.real, "cy": y.imag / w}
        rows += [dialect.format_alter(f"{name}{n}", f"{value:.15g}") for name, value in values.items()]
    return rows, emf


def strip_rf_deck(
    circuit: StripCircuit,
    plays: Sequence[tuple[float, Ints]],
    f_res: Array,
    device: SpinDiode,
    lib: str = "../lib",
    dialect: Dialect = NGSPICE,
) -> Deck:
    """RF pass: one plot a play with u<n>, x<n> per √W of each of its lines.

    A play is a frequency, Hz, and the lines that sound together there, in phase; plays of one frequency should follow
    each other. f_res [resonators of the circuit] in Hz.
    """
    name = f"{circuit.placement.usage.layer}_strip_rf"
    text = dialect.write_head(name, "RF pass, play by play", lib, ("strip_resonator_rf", "strip_segment"))
    text += write_stubs(circuit, dialect) + write_passives(circuit, dialect) + _ends(circuit, dialect)
    text += write_resonators(circuit, f_res, device, dialect=dialect)
    source_line, count = circuit.line[circuit.pieces.begin], len(circuit.head)
    text += dialect.write_saves([dialect.voltage_of(f"{at}{n}") for n in range(count) for at in "ux"], 400)
    commands: list[str] = []
    tuned, playing = 0.0, np.empty(0, np.int64)
    for f, lines in plays:
        if f != tuned:
            values, emf = _end_values(circuit, f, dialect)
            commands += values
            emf, tuned = emf * drive_emf(circuit, device.resistance), f
        commands += [dialect.format_alter_source(f"ve{n}", "acmag", "0") for n in playing]
        playing = np.flatnonzero(np.isin(source_line, lines))
        for n in playing:
            commands.append(dialect.format_alter_source(f"ve{n}", "acmag", f"{abs(emf[n]):.15g}"))
            commands.append(dialect.format_alter_source(f"ve{n}", "acphase", f"{np.degrees(np.angle(emf[n])):.15g}"))
        commands += [dialect.format_ac("lin", 1, f, f), dialect.format_write(name)]
        commands += [dialect.format_append(), dialect.format_forget(everything=True)]
    return Deck(name, "\n".join(text + dialect.write_control(commands)))
