"""One bus planned anew with other parameters, where the rest of its layer stays as it is."""

from dataclasses import replace

from resonet.models.circuit.bus import tone_levels
from resonet.netlist.network.cnn import Synapses
from resonet.netlist.planning.frequency_plan import Bus, FrequencyPlan, channel_grid, check_levels, levelled_parts

__all__ = ["replanned_bus"]


def replanned_bus(bus: Bus, layer: Synapses, plan: FrequencyPlan) -> Bus:
    """The chains and inputs of a bus on the channels and levels that a plan's parameters give. Raises InputError.

    Tiles, banks and the order of the inputs stay as they are, whatever plan.tile, plan.fanout and plan.assign say.
    """
    chains, size = bus.size
    grid = channel_grid(size, plan.options)
    levels = tone_levels(grid, plan.device.resistance, chains, plan.circuit, bus.below)
    found = replace(bus, frequencies=grid, levels=levels, reach=plan.options.reach, parts=None)
    check_levels(found, plan.circuit, plan.options)
    return found.with_parts(levelled_parts(layer, bus.group, bus.taps, grid, plan.device, plan.options))
