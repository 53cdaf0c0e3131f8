"""S-parameters of a chain between its RF port and its far end, from ngspice `.sp`, as a scikit-rf network."""

from typing import TYPE_CHECKING

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array
from resonet.cosim.ngspice.raw import RawError
from resonet.cosim.ngspice.run import EngineError, run_deck
from resonet.netlist.bus.deck import sparam_deck
from resonet.netlist.design.design import Design
from resonet.netlist.planning.frequency_plan import Bus
from resonet.netlist.programming.methods import Method
from resonet.netlist.spice.deck import Deck
from resonet.sparams.grid import MOST_POINTS

if TYPE_CHECKING:
    from skrf import Network

__all__ = ["chain_deck", "chain_sparams", "find_bus", "resonances"]


def find_bus(design: Design, layer: str, bus: str | None = None) -> Bus:
    """Bus of that name, or the layer's first; InputError lists what there is."""
    buses = {b.name: b for b in design.plan.layer(layer).buses}
    if bus is not None and bus not in buses:
        raise InputError(f"layer {layer}: no bus {bus[:40]!r}; possible: {', '.join(list(buses)[:40])}")
    return buses[bus] if bus else next(iter(buses.values()))


def chain_deck(
    design: Design,
    layer: str,
    method: Method,
    chain: int = 0,
    bus: str | None = None,
    bias: float = 0.0,
    sweep: tuple[float, float, int] | None = None,
) -> Deck:
    """The `.sp` deck of one chain of one bus (by default the first), from half the lowest channel to 1.25 the highest.

    bias: DC current through the chain in A; sweep: start Hz, stop Hz, points per decade. Raises InputError.
    """
    chosen = find_bus(design, layer, bus)
    if not 0 <= chain < chosen.size[0]:
        raise InputError(f"layer {layer}, bus {chosen.name}: no chain {chain}; possible: 0 ... {chosen.size[0] - 1}")
    low, high = float(chosen.frequencies.min()), float(chosen.frequencies.max())
    start, stop, points = sweep or (0.5 * low, 1.25 * high, 1000)
    taken = points * np.log10(stop / start) if 0 < start < stop else 0
    if not 1 <= taken <= MOST_POINTS:
        raise InputError(
            f"sweep {start:g} ... {stop:g} Hz, {points} points per decade; "
            f"possible: 0 < start < stop, 2 ... {MOST_POINTS} points in all"
        )
    limit = 10 * design.plan.device.threshold_current
    if not abs(bias) <= limit:
        raise InputError(f"bias {bias:g} A; possible: -{limit:g} ... {limit:g} A (ten times the threshold current)")
    return sparam_deck(design.graph(method), layer, chosen.name, chain, bias, (start, stop, points))


def chain_sparams(deck: Deck, impedance: float = 50.0) -> "Network":
    """Run a `chain_deck`; two-port `skrf.Network`, port 1 at the RF bus, port 2 at the far end. Raises EngineError."""
    import skrf

    plot = run_deck(deck)[0]
    try:
        s = plot.columns([f"v(s_{i}_{j})" for i in (1, 2) for j in (1, 2)]).reshape(-1, 2, 2)
    except RawError as error:
        raise EngineError(f"ngspice on {deck.name}: no S-parameters ({error})") from None
    frequency = skrf.Frequency.from_f(plot.axis, unit="hz")
    return skrf.Network(frequency=frequency, s=s, z0=impedance, name=deck.name)


def resonances(design: Design, layer: str, method: Method, chain: int = 0, bus: str | None = None) -> Array:
    """Resonance frequencies of that chain in Hz, from the feed to the far end."""
    number = design.plan.layer(layer).buses.index(find_bus(design, layer, bus))
    programmed = design.program(method).layer(layer)
    return np.asarray(programmed.f_res[number][chain])
