"""Chains of one chip in decks: every resonator with values of its own, as multiples of what the chip has in common.

The common values are parameters of the deck (`.param`), so that somebody may move all of them together; with the values
that are there, a deck is that very chip.
"""

from collections.abc import Sequence

import numpy as np

from resonet.core.types import Array
from resonet.models.circuit.groups import group_starts
from resonet.netlist.bus.hardware import BusHardware, Tile
from resonet.netlist.bus.linear_chain import chain_ends, group_tees
from resonet.netlist.spice.dialect import Dialect

__all__ = ["common_lines", "dc_device", "resistances", "uneven_chain_lines", "uneven_instances"]

OPEN = 1e5  # ohm: the nodal equations of such a resistor beside a choke's 1 ohm are right within 1e-11
UNITS = {
    "f_res": "factor of all resonance frequencies",
    "damping": "alpha",
    "resistance": "ohm",
    "node_capacitance": "F",
}


def common_lines(hardware: BusHardware, dialect: Dialect) -> list[str]:
    """Parameters of a chip's deck; nothing where all resonators are nominal."""
    values = hardware.values
    if values is None:
        return []
    lines = [dialect.format_comment(f"one chip: {values.told}; its resonators are multiples of these parameters")]
    for name, unit in UNITS.items():
        lines += [
            dialect.format_comment(f"{name}: {unit}"),
            dialect.format_parameter(name, f"{values.common[name]:.17g}"),
        ]
    return lines


def _own(hardware: BusHardware, name: str, chain: int) -> Array:
    """Of the resonators of a chain, multiples of what the chip has in common, [resonators]."""
    assert hardware.values is not None
    values, common = hardware.values, hardware.values.common[name] or 1.0
    of = {"damping": values.damping, "resistance": values.chains.resistance, "node_capacitance": values.chains.node}
    return np.asarray((hardware.f_res if name == "f_res" else of[name])[chain] / common)


def resistances(tile: Tile, dialect: Dialect) -> list[str]:
    """R0 of the resonators of a tile, as a DC deck has them."""
    hardware = tile.hardware
    if hardware.values is None:
        return [f"{hardware.device.resistance:.12g}"] * len(tile.f_res)
    own = _own(hardware, "resistance", tile.position)
    return [dialect.format_product(f"{x:.17g}", ["resistance"]) for x in own.tolist()]


def dc_device(tiles: Sequence[Tile]) -> str:
    """What stands for the resonators of a neuron in the DC pass: of one that hardly conducts, in the form for that."""
    for tile in tiles:
        values = tile.hardware.values
        own = tile.hardware.device.resistance if values is None else values.chains.resistance[tile.position].max()
        if own > OPEN:
            return "resonator_open"
    return "resonator_dc"


def uneven_chain_lines(j: int, hardware: BusHardware, tail: str, dialect: Dialect) -> str:
    """The resonators of a chain in the RF pass, element by element (`linear_chain`), every other one turned round."""
    element, product, circuit = dialect.format_element, dialect.format_product, hardware.circuit
    f_res, damping, ohm, node = (_own(hardware, n, j) for n in ("f_res", "damping", "resistance", "node_capacitance"))
    size, wired = len(f_res), bool(circuit.node_capacitance)
    w0, starts = 2 * np.pi * f_res, group_starts(len(f_res), circuit.groups)
    henry, farad, half = 2 * damping / w0, 1 / (2 * damping * w0), node / 2
    at_head = [half[k] + (0.0 if k in starts else half[k - 1]) for k in range(size)]
    lines = [dialect.format_comment("f_res, Hz: " + " ".join(f"{f:.15g}" for f in hardware.f_res[j].tolist()))]
    lines += group_tees(size, circuit, hardware.feed(j), dialect, str(j))
    for k, (head, foot) in enumerate(chain_ends(size, tail, circuit, str(j))):
        own, x = f"{j}_{k}", f"x{j}_{k}"
        p, n = (foot, head) if k % 2 else (head, foot)
        lines += [
            dialect.format_ammeter(f"v{own}", p, f"a{own}"),
            element(f"r{own}", (f"a{own}", n), product(f"{ohm[k]:.17g}", ["resistance"])),
            dialect.format_current_copy(f"f{own}", "0", x, f"v{own}", "1"),
            element(f"rt{own}", (x, "0"), "1"),
            element(f"l{own}", (x, "0"), product(f"{henry[k]:.17g}", ["damping"], ["f_res"])),
            element(f"c{own}", (x, "0"), product(f"{farad[k]:.17g}", [], ["damping", "f_res"])),
        ]
        if circuit.junction_capacitance:
            lines.append(element(f"cj{own}", (p, n), f"{circuit.junction_capacitance:.17g}"))
        if wired:
            lines.append(element(f"cn{own}", (head, "0"), product(f"{at_head[k]:.17g}", ["node_capacitance"])))
        if wired and k + 1 in starts:
            lines.append(element(f"cp{own}", (foot, "0"), product(f"{half[k]:.17g}", ["node_capacitance"])))
    if wired and tail != "0":
        lines.append(element(f"cn{j}_{size}", (tail, "0"), product(f"{half[-1]:.17g}", ["node_capacitance"])))
    return "\n".join(lines)


def uneven_instances(j: int, chain: int, hardware: BusHardware, ends: tuple[str, str], dialect: Dialect) -> str:
    """A chain of a chip as instances of the resonator, numbered j, between the bus `ends[0]` and its tail."""
    assert hardware.values is not None
    product, circuit = dialect.format_product, hardware.circuit
    f_res, damping, ohm, node = (
        _own(hardware, n, chain).tolist() for n in ("f_res", "damping", "resistance", "node_capacitance")
    )
    common, size = hardware.values.common, len(f_res)
    gain = (hardware.values.transduction[chain] / (common["damping"] * common["resistance"])).tolist()
    lines = []
    for k, (head, foot) in enumerate(chain_ends(size, ends[1], circuit, str(j))):
        pins = (foot, head) if k % 2 else (head, foot)
        parameters = {
            "f0": product(f"{f_res[k]:.17g}", ["f_res"]),
            "q": product(f"{0.5 / damping[k]:.17g}", [], ["damping"]),
            "k": product(f"{gain[k]:.17g}", ["damping", "resistance"]),
            "r0": product(f"{ohm[k]:.17g}", ["resistance"]),
            "cnode": product(f"{node[k]:.17g}", ["node_capacitance"]),
        }
        lines.append(dialect.format_instance(f"xr{j}_{k}", (*pins, f"x{j}_{k}"), "resonator", parameters))
        if circuit.junction_capacitance:
            lines.append(dialect.format_element(f"cj{j}_{k}", pins, f"{circuit.junction_capacitance:.17g}"))
    return "\n".join([*lines, *group_tees(size, circuit, ends[0], dialect, str(j))])
