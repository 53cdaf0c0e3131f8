"""Blocks of a compiled design: the chain, the bus with all of its chains, the combiner, the bias tee of a layer.

The chain's two-port is also among the decks that `compile` writes (netlist/bus/deck.py:sparam_deck), for those who run
them by hand; it is the same circuit.
"""

from dataclasses import replace
from typing import Literal, get_args

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array
from resonet.netlist.design.design import Design
from resonet.netlist.planning.frequency_plan import Bus
from resonet.netlist.programming.methods import Method
from resonet.sparams.block import MOST_PORTS, Block
from resonet.sparams.build import Stand, bus_block, chain_block, combining_block, tee_block
from resonet.sparams.deck import MOST_SP_PORTS
from resonet.sparams.extract import Engine
from resonet.sparams.grid import octave_grid

__all__ = [
    "PARTS",
    "Kind",
    "check_bias",
    "default_engine",
    "default_grid",
    "design_block",
    "find_bus",
    "layer_stand",
    "resonance_table",
]

Kind = Literal["chain", "bus", "combiner", "tee"]
PARTS: dict[Kind, tuple[str, ...]] = {
    "chain": ("tee", "package"),
    "bus": ("tee", "combiner", "line", "package"),
    "combiner": ("combiner",),
    "tee": ("tee",),
}  # measured parts that stand in each block (`build`)


def find_bus(design: Design, layer: str, bus: str | None = None) -> Bus:
    """Bus of that name, or the layer's first; InputError lists what there is."""
    design.require_bus("sparams", (layer,))
    buses = {b.name: b for b in design.plan.layer(layer).buses}
    if bus is not None and bus not in buses:
        raise InputError(f"layer {layer}: no bus {bus[:40]!r}; possible: {', '.join(list(buses)[:40])}")
    return buses[bus] if bus else next(iter(buses.values()))


def default_engine(block: Block) -> Engine:
    """Who computes where nobody is asked for: ngspice as far as its `.sp` reaches, the linear engine beyond."""
    return "ngspice" if len(block.ports) <= MOST_SP_PORTS else "linear"


def layer_stand(design: Design, **parts: Block | None) -> Stand:
    """What stands around the resonators of a design, with measured parts by name (tee, combiner, line, package)."""
    return Stand(design.plan.circuit, design.plan.device, **parts)


def resonance_table(design: Design, layer: str, method: Method, bus: str | None = None) -> Array:
    """Resonance frequencies of a bus, Hz, [chains, resonators]."""
    number = design.plan.layer(layer).buses.index(find_bus(design, layer, bus))
    return np.asarray(design.program(method).layer(layer).f_res[number])


def default_grid(
    design: Design,
    layer: str,
    bus: str | None = None,
    per_decade: int = 1000,
    low: float | None = None,
    high: float | None = None,
) -> Array:
    """Frequencies (Hz) from half the lowest channel to 1.25 the highest, or between other limits."""
    channels = find_bus(design, layer, bus).frequencies
    return octave_grid(low or 0.5 * float(channels.min()), high or 1.25 * float(channels.max()), per_decade)


def check_bias(design: Design, *bias: float) -> None:
    """InputError where a DC current (A) through a chain is beyond ten times the threshold current of its resonators."""
    limit = 10 * design.plan.device.threshold_current
    for value in bias:
        if not abs(value) <= limit:
            allowed = f"possible: -{limit:g} ... {limit:g} A (ten times the threshold current)"
            raise InputError(f"bias {value:g} A; {allowed}")


def design_block(
    design: Design,
    layer: str,
    method: Method,
    kind: Kind = "chain",
    bus: str | None = None,
    chain: int = 0,
    bias: float = 0.0,
    stand: Stand | None = None,
) -> Block:
    """A block of a layer: `chain` (ports rf, far), `bus` (in0 ..., dc0 ...), `combiner` (in0 ..., bus), `tee`.

    bias: DC current of the chain, or of every chain of the bus, A. Raises InputError.
    """
    chosen = find_bus(design, layer, bus)
    stand = stand or layer_stand(design)
    combiner = stand.combiner or combining_block(chosen.frequencies, stand.circuit)
    f_res = resonance_table(design, layer, method, bus)
    if not 0 <= chain < len(f_res):
        raise InputError(f"layer {layer}, bus {chosen.name}: no chain {chain}; possible: 0 ... {len(f_res) - 1}")
    check_bias(design, bias)
    name = f"{layer}_{chosen.name}_{kind}" + (f"{chain}" if kind == "chain" else "")
    if kind == "chain":
        return chain_block(f_res[chain], stand, bias, name)
    if kind == "bus":
        chains = max(1, min(len(f_res), MOST_PORTS - f_res.shape[1]))
        return bus_block(f_res[:chains], replace(stand, combiner=combiner), chosen.below, bias, name)
    if kind == "combiner":
        return combiner
    if kind == "tee":
        return stand.tee or tee_block(stand.circuit)
    raise InputError(f"block {kind!r}: unknown; possible: {', '.join(get_args(Kind))}")
