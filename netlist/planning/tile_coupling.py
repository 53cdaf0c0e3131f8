"""How strongly the tiles of a planned layer talk to each other: κ of every tone (models/circuit/tile_coupling.py)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from resonet.core.types import Array, Ints
from resonet.core.validity import warn
from resonet.models.circuit.tile_coupling import tone_coupling
from resonet.netlist.planning.frequency_plan import Bus, FrequencyPlan, LayerPlan

__all__ = ["MOST", "TileCoupling", "check_tiles", "tile_coupling"]

MOST = 0.02  # κ above which `tile-coupling` warns: two full tones in step then are 4 % off
Windows = dict[tuple[object, ...], dict[int, Array]]  # κ at sources of 1 V/√W, by windows alike
WINDOW = 2  # tiles on either side of a driven one; what lies beyond counts κ² of that


@dataclass(frozen=True, slots=True, eq=False)
class TileCoupling:
    """Of a layer: which tone of the tile below (0) and above (1) has a tone's channel, and its κ there."""

    neighbour: Ints  # [2, groups, taps] input that the other tone carries; the tone's own where there is none
    kappa: Array  # [2, groups, taps]; 0 where there is none

    @property
    def largest(self) -> float:
        """The largest κ."""
        return float(self.kappa.max(initial=0.0))

    def variance(self, carried: Array) -> Array:
        """Of what a tone carries, over all phases: 2 κ² c c', for parts of p_max [groups, n, positions, taps]."""
        found = np.zeros_like(carried)
        for other, kappa in zip(self.neighbour, self.kappa, strict=True):
            beside = np.take_along_axis(carried, np.broadcast_to(other[:, None, None], carried.shape), axis=3)
            found += 2 * kappa[:, None, None] ** 2 * carried * beside
        return found


def _stacks(entry: LayerPlan) -> Iterator[list[Bus]]:
    """Buses of the neurons of a layer, from ground up, each set of buses once."""
    banks: dict[tuple[int, int], list[Bus]] = {}
    for bus in entry.buses:
        banks.setdefault((bus.group, bus.bank), []).append(bus)
    for buses in banks.values():
        if all(len(bus.outputs) == len(buses[0].outputs) for bus in buses):
            yield buses
        else:
            yield from ([bus for bus in buses if output in bus.outputs] for output in buses[0].outputs)


def tile_coupling(plan: FrequencyPlan, entry: LayerPlan, known: Windows | None = None) -> TileCoupling | None:
    """κ of all tones of a layer; None where its neurons have one tile each. Of several banks the largest.

    `known`: what was found of other layers of the plan, which is added to.
    """
    shape = 2, entry.layer.groups, entry.layer.taps
    found = TileCoupling(np.broadcast_to(np.arange(shape[2]), shape).copy(), np.zeros(shape))
    known = {} if known is None else known
    several = False
    for stack in _stacks(entry):
        several |= len(stack) > 1
        for place, driven in enumerate(stack if len(stack) > 1 else ()):
            first = max(place - WINDOW, 0)
            window = stack[first : place + WINDOW + 1]
            for t, even in _driven(plan, window, place - first, known).items():
                here, side = window[t], 0 if t > place - first else 1
                kappa = even if driven.parts is None else even * np.sqrt(driven.carries / here.carries)
                own = found.kappa[side, here.group, here.taps]
                found.kappa[side, here.group, here.taps] = np.maximum(own, kappa)
                found.neighbour[side, here.group, here.taps] = driven.taps
    return found if several else None


def _driven(plan: FrequencyPlan, window: Sequence[Bus], place: int, known: Windows) -> dict[int, Array]:
    """κ of the tones of a bus in the tiles beside it, all full tones alike, by place in the window."""
    driven, sizes = window[place], [bus.size[1] for bus in window]
    chains, below = [bus.size[0] for bus in window], window[0].below
    alike, level = driven.frequencies.tobytes(), np.ones_like(driven.levels)
    key = alike, *sizes, *chains, place, bool(below)
    if key not in known:
        known[key] = tone_coupling(
            driven.frequencies, plan.device.resistance, sizes, chains, plan.circuit, place, level, below
        )
    if plan.circuit.combining == "resistive":  # κ goes with the source's level, which differs from tile to tile
        level = driven.even_levels
    return {t: one * level for t, one in known[key].items() if window[t].frequencies.tobytes() == alike}


def check_tiles(plan: FrequencyPlan) -> None:
    """Warn (tile-coupling) of the layer whose tiles talk most to each other, where that is much."""
    known: Windows = {}
    found = [(own.largest, entry.layer.name) for entry in plan.layers if (own := tile_coupling(plan, entry, known))]
    largest, name = max(found, default=(0.0, ""))
    if largest > MOST:
        warn(
            "tile-coupling",
            f"layer {name}: a tone drives {100 * largest:.2g} % of a full tone's current through the tile beside its "
            f"own, and adds there to the tone of its channel in a phase that nobody knows, {200 * largest:.2g} % of a "
            "full one; computations with noise have it (`tiles` in noise.sources); possible: larger "
            "bus.choke_inductance or bus.bypass_capacitance, higher plan.f_min",
            largest,
            MOST,
        )
