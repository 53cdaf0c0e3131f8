"""Frequency plan + program -> what is built: every bus with its resonators, every neuron with its stack of tiles.

These records are what decks are written from; the graph (netlist/bus/graph.py) is drawn from them for who wants one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from resonet.core.types import Array, Complex
from resonet.models.circuit.bus import BusCircuit
from resonet.models.circuit.combiner import combiner_gain
from resonet.models.resonator.linear import SpinDiode
from resonet.netlist.chips.values import BusValues
from resonet.netlist.planning.frequency_plan import Bus, FrequencyPlan, LayerPlan, bus_gains

__all__ = ["BusHardware", "Stack", "Tile", "bus_hardware", "dc_stacks", "layer_hardware"]


@dataclass(frozen=True, slots=True, eq=False)
class BusHardware:
    """One bus as it is built."""

    bus: Bus
    f_res: Array  # [chains, resonators] Hz
    device: SpinDiode
    circuit: BusCircuit
    p_max: float  # W, tone power in one resonator at the largest activation
    values: BusValues | None = None  # of a chip, where every resonator has its own; None: all alike

    @property
    def gain(self) -> float:
        """Of a combiner without filters, from one of its inputs to the bus."""
        return combiner_gain(len(self.bus.taps), self.circuit)

    @property
    def gains(self) -> Complex:
        """EMF of the bus per EMF of each tone's source, whatever combines them, [tones]."""
        return bus_gains(self.bus, self.device, self.circuit)

    @property
    def tones(self) -> Array:
        """Frequency of each tone, Hz [tones]; by plan its channel."""
        return self.bus.frequencies if self.values is None else self.values.tones

    @property
    def emf(self) -> Complex:
        """Of each tone's source, V/√W [tones]."""
        return np.asarray(self.bus.levels / self.gains if self.values is None else self.values.emf)

    def feed(self, chain: int) -> str:
        """Node of decks that a chain hangs on: the bus, or what is left of it beyond a break."""
        lost = None if self.values is None else self.values.chains.lost
        return "bus" if lost is None or not lost[chain] else "beyond"

    def under(self, chain: int) -> float:
        """Resistance of the tiles below a chain, at DC, ohm."""
        if self.values is None:
            return self.bus.below * self.device.resistance
        return float(self.values.chains.below[chain])


@dataclass(frozen=True, slots=True, eq=False)
class Tile:
    """One chain of a bus."""

    hardware: BusHardware
    position: int  # of the chain on its bus

    @property
    def f_res(self) -> Array:
        """[resonators] Hz, from the feed on."""
        return np.asarray(self.hardware.f_res[self.position])


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """The tiles of one neuron, in series at DC."""

    group: int
    output: int  # counted within the group
    tiles: tuple[Tile, ...]  # from ground up

    @property
    def resonators(self) -> int:
        """Of all tiles."""
        return sum(len(tile.f_res) for tile in self.tiles)


def bus_hardware(plan: FrequencyPlan, bus: Bus, f_res: Array) -> BusHardware:
    """One bus with resonance frequencies f_res [chains, resonators] in Hz."""
    return BusHardware(bus, f_res, plan.device, plan.circuit, plan.options.p_max)


def layer_hardware(plan: FrequencyPlan, entry: LayerPlan, f_res: Sequence[Array]) -> tuple[BusHardware, ...]:
    """Buses of a layer in the order of the plan; f_res as its program has them, Hz [chains, resonators] each."""
    return tuple(bus_hardware(plan, bus, values) for bus, values in zip(entry.buses, f_res, strict=True))


def dc_stacks(buses: Sequence[BusHardware]) -> list[Stack]:
    """Every neuron of a layer with its tiles; a tile stands above those of the buses before it."""
    tiles: dict[tuple[int, int], list[Tile]] = {}
    for hardware in buses:
        for position, output in enumerate(hardware.bus.outputs):
            tiles.setdefault((hardware.bus.group, int(output)), []).append(Tile(hardware, position))
    return [Stack(group, output, tuple(stack)) for (group, output), stack in tiles.items()]
