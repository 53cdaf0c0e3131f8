"""Chains and strip lines of a stage as one subcircuit of the deck of a network, in the time domain.

Pins are the near end of every line, where its source stands, and the DC node of every chain: behind a choke at its
head, with a bypass to ground, as the bias tees of buses have them. Inside, names are those of `netlist/strip/deck`.
"""

from collections.abc import Mapping, Sequence

from resonet.core.errors import InputError
from resonet.models.circuit.bus import BusCircuit
from resonet.netlist.cascade.line_stages import LineStage
from resonet.netlist.spice.dialect import Dialect
from resonet.netlist.strip.circuit import FIELD_CAUSES, StripCircuit, strip_circuit
from resonet.netlist.strip.deck import node_name, write_passives, write_resonators, write_series, write_stubs
from resonet.netlist.strip.parasitics import extract_parasitics
from resonet.netlist.strip.tuned_deck import write_lead

__all__ = ["LINE_DEVICES", "whole_circuit", "write_lines"]

LINE_DEVICES = ("strip_resonator", "strip_segment")
MOST_RESONATORS = 2_000  # of a stage in the time domain


def whole_circuit(line: LineStage) -> StripCircuit:
    """Circuit of all chains and lines of a stage. Raises InputError for more than the time domain can follow."""
    if len(line.usage.line) > MOST_RESONATORS:
        raise InputError(
            f"layer {line.layer.name}: {len(line.usage.line):,} resonators under strip lines in one deck; possible: "
            f"{MOST_RESONATORS:,}"
        )
    fields = [cause for cause in FIELD_CAUSES if cause in line.causes]
    parasitics = extract_parasitics(line.placement, line.middle, line.parasitics)
    return strip_circuit(line.placement, parasitics, None, fields)


def write_lines(
    name: str, line: LineStage, bus: BusCircuit, inputs: Mapping[int, str], tops: Sequence[str], dialect: Dialect
) -> list[str]:
    """Subcircuit and instance of a stage: `inputs` the node at each line, `tops` the DC node of each of its chains."""
    circuit = whole_circuit(line)
    pieces, drained = line.usage.line[circuit.resonators][circuit.pieces.begin].tolist(), line.chains.tolist()
    body = [*write_stubs(circuit, dialect, inside=True), *write_passives(circuit, dialect)]
    body.append(dialect.format_comment("leads, terminations"))
    for n, number in enumerate(pieces):
        body += write_lead(circuit, n, f"in{number}", dialect)
    body += write_resonators(circuit, line.tuned[circuit.resonators], line.device, tuned=True, dialect=dialect)
    body.append(dialect.format_comment("chokes and bypasses"))
    heads = dict(zip(circuit.chains.tolist(), circuit.readout.tolist(), strict=True))
    for chain in drained:
        ends = node_name(heads[chain]), f"dc{chain}"
        body += write_series("ch", chain, *ends, bus.choke_resistance, bus.choke_inductance, dialect)
        body.append(dialect.format_element(f"cd{chain}", (f"dc{chain}", "0"), f"{bus.bypass_capacitance:.15g}"))
    pins = [*(f"in{number}" for number in pieces), *(f"dc{chain}" for chain in drained)]
    nodes = [*(inputs[number] for number in pieces), *tops]
    return [*dialect.write_subcircuit(name, pins, body), dialect.format_instance(f"x{name}", nodes, name)]
