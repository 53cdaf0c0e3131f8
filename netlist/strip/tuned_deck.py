"""Decks with tuning lines: DC pass, and the transient in which the tuning currents shift the tanks live.

A tuning line is a ladder of `tuning_segment` from its current source `it<l>` to ground: q<m> is the node at the m-th
resonator of all tuning lines (as `placement.tuning.order`); the current there is a mean of w<m + l>, which comes to
it, and of the next, which goes on. A transient needs whole lines: source `vs<l>`, its impedance, lead, pieces, lead,
termination.
"""

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array, Ints
from resonet.models.line.strip_geometry import tuning_field
from resonet.models.resonator.linear import SpinDiode
from resonet.netlist.spice.deck import Deck
from resonet.netlist.spice.dialect import NGSPICE, Dialect, numbers
from resonet.netlist.strip.circuit import StripCircuit
from resonet.netlist.strip.deck import (
    node_name,
    write_passives,
    write_resonators,
    write_stubs,
)

__all__ = ["strip_dc_deck", "strip_transient_deck", "tuning_senses", "write_lead"]


def _tuning(circuit: StripCircuit, currents: Array, dialect: Dialect) -> list[str]:
    """Tuning lines, each with its current, A [tuning lines]."""
    runs, par = circuit.placement.tuning, circuit.parasitics
    lines = [dialect.format_comment("tuning lines")]
    for w, current in enumerate(currents):
        run = runs.run(w)
        lines.append(dialect.format_source(f"it{w}", "0", f"z{w}", dc=f"{current:.15g}"))
        nodes = [f"z{w}", *(f"q{m}" for m in range(run.start, run.stop)), "0"]
        lengths = [*runs.gap[run], runs.tail]
        for n, length in enumerate(lengths):
            values = numbers(15, r=par.tuning_resistance * length, g=par.tuning_leakage * length)
            pins = (nodes[n], nodes[n + 1], f"w{run.start + n + w}")
            lines.append(dialect.format_instance(f"xt{w}_{n}", pins, "tuning_segment", values))
    return lines


def tuning_senses(circuit: StripCircuit) -> tuple[Ints, Array]:
    """Sense node before each resonator (the next number is behind it) and the shares of both, [n] and [n, 2].

    Between two π sections of lengths a and b the current is (b I_before + a I_behind)/(a + b): half the leak of each
    lies at the node.
    """
    runs, usage = circuit.placement.tuning, circuit.placement.usage
    order = runs.order
    behind = np.append(runs.gap[1:], runs.tail)
    behind[runs.start[1:] - 1] = runs.tail
    at = np.empty(len(order), np.int64)
    at[order] = np.arange(len(order))
    at = at[circuit.resonators]
    shares = np.stack([behind, runs.gap], 1)[at] / (behind + runs.gap)[at, None]
    return at + usage.weight[circuit.resonators], shares


def strip_dc_deck(
    circuit: StripCircuit,
    rectified: Array,
    currents: Array,
    device: SpinDiode,
    lib: str = "../lib",
    dialect: Dialect = NGSPICE,
) -> Deck:
    """DC pass of a whole layer: heads n<head> from rectified voltages, V [resonators]; tuning currents, A [lines]."""
    name = f"{circuit.placement.usage.layer}_strip_dc"
    text = dialect.write_head(name, "DC pass, with tuning lines", lib, ("resonator_dc", "tuning_segment"))
    for n, (a, b) in enumerate(zip(circuit.head.tolist(), circuit.foot.tolist(), strict=True)):
        pins = (node_name(a), node_name(b)) if circuit.turn[n] > 0 else (node_name(b), node_name(a))
        values = numbers(15, r0=device.resistance + circuit.wire[n], vdc=rectified[n])
        text.append(dialect.format_instance(f"xr{n}", pins, "resonator_dc", values))
    text += [*write_passives(circuit, dialect), *_floating(circuit, dialect), *_tuning(circuit, currents, dialect)]
    text.append(dialect.format_analysis(dialect.format_op()))
    return Deck(name, "\n".join(text + dialect.write_runs(name)))


def _floating(circuit: StripCircuit, dialect: Dialect) -> list[str]:
    """Lines are not part of the DC pass: their ends to ground, so that no node floats."""
    ends = np.concatenate([circuit.branches.a[: len(circuit.head)], circuit.branches.b[: len(circuit.head)]])
    return [
        dialect.format_element(f"rq{n}", (node_name(int(node)), "0"), "50") for n, node in enumerate(np.unique(ends))
    ]


def _whole_lines(circuit: StripCircuit, emf: Array, frequencies: Array, phases: Array, dialect: Dialect) -> list[str]:
    """Sources, leads and terminations."""
    placement, par, pieces = circuit.placement, circuit.parasitics, circuit.pieces
    if len(pieces.begin) != len(placement.lines.counts):
        raise InputError(f"layer {placement.usage.layer}: a transient needs whole lines; possible: without a window")
    out = [dialect.format_comment("sources, leads, terminations")]
    for n, line in enumerate(circuit.line[pieces.begin].tolist()):
        wave = dialect.format_sine(f"{emf[line]:.15g}", f"{frequencies[line]:.15g}", f"{phases[line]:.9g}")
        out.append(dialect.format_source(f"vs{line}", f"e{n}", "0", dc="0", wave=wave))
        out.append(dialect.format_element(f"rs{n}", (f"e{n}", f"f{n}"), f"{par.source:.15g}"))
        out += write_lead(circuit, n, f"f{n}", dialect)
    return out


def write_lead(circuit: StripCircuit, n: int, source: str, dialect: Dialect) -> list[str]:
    """Leads of the n-th piece of line, which is a whole line, from the node `source` on, and its termination."""
    placement, par = circuit.placement, circuit.parasitics
    a, b = circuit.pieces.begin[n], circuit.pieces.end[n]
    near, far = node_name(int(circuit.branches.a[a])), node_name(int(circuit.branches.b[b]))
    first, rest = placement.lines.gap[placement.lines.run(int(circuit.line[a])).start], placement.geometry.stub / 2
    out = []
    for k, (x, y, length) in enumerate(((source, near, first - rest), (far, f"g{n}", placement.lines.tail - rest))):
        r, l, g, c = (getattr(par.line, name) * length for name in "rlgc")  # noqa: E741
        l, c = (l, c) if circuit.delay else (0.0, 0.0)  # noqa: E741
        values = numbers(15, r=r, l=l, g=g, c=c)
        out.append(dialect.format_instance(f"xl{n}_{k}", (x, y, f"y{n}_{k}"), "strip_segment", values))
    return [*out, dialect.format_element(f"rt{n}", (f"g{n}", "0"), f"{par.termination:.15g}")]


def strip_transient_deck(
    circuit: StripCircuit,
    built: Array,
    reference: float,
    currents: Array,
    waves: tuple[Array, Array, Array],
    steps: tuple[float, float],
    device: SpinDiode,
    lib: str = "../lib",
    dialect: Dialect = NGSPICE,
) -> Deck:
    """All lines at once in the time domain, tuning lines on; leaves the heads n<head> of the chains.

    built [resonators] Hz before any current, `reference` Hz (see `strip_drive.tuned_resonances`), currents [tuning
    lines] A, waves: EMF V peak, frequency Hz, phase degrees, each [lines]; steps: dt and stop, s. InputError where
    lines are cut.
    """
    placement = circuit.placement
    name = f"{placement.usage.layer}_strip_tran"
    devices = ("strip_resonator", "strip_segment", "tuning_segment")
    text = dialect.write_head(name, "transient, all lines and tuning lines", lib, devices)
    text += write_stubs(circuit, dialect) + write_passives(circuit, dialect)
    text += _whole_lines(circuit, *waves, dialect)
    text += write_resonators(circuit, built, device, tuned=True, dialect=dialect) + _tuning(circuit, currents, dialect)
    gain = placement.geometry.slope * float(tuning_field(placement.geometry)) / reference
    senses, shares = tuning_senses(circuit)
    for n, m in enumerate(senses.tolist()):
        for k in (0, 1):
            share = f"{gain * shares[n, k]:.15g}"
            text.append(dialect.format_element(f"gt{n}_{k}", ("0", f"t{n}", f"w{m + k}", "0"), share))
    text.append(dialect.format_save(dialect.voltage_of(node_name(int(n))) for n in circuit.readout))
    text += [dialect.format_fixed_step(), dialect.format_analysis(dialect.format_tran(*steps))]
    return Deck(name, "\n".join(text + dialect.write_runs(name)))
