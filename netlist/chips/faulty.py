"""A chip with faults: the factors of its broken devices, in the arrays that engine and decks read."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from resonet.core.types import Array, Bools
from resonet.netlist.chips.chip import Chip, LayerChip
from resonet.netlist.chips.faults import FaultMap, LayerFaults
from resonet.netlist.planning.frequency_plan import LayerPlan

__all__ = ["faulty_chip", "movable"]


def _whole(own: LayerChip, name: str, faults: LayerFaults) -> list[Array]:
    """Factors of a quantity bus by bus, [chains, resonators], that may be written to."""
    return [np.array(np.broadcast_to(own.of_bus(name, n), bus.size)) for n, bus in enumerate(faults.entry.buses)]


def _layer(own: LayerChip, faults: LayerFaults, chip: Chip, of: FaultMap) -> LayerChip:
    resonators: dict[str, tuple[Array, ...]] = dict(own.resonators)
    tones: dict[str, Array] = dict(own.tones)
    neurons: dict[str, Array] = dict(own.neurons)
    frozen, layer = own.frozen, faults.entry.layer
    broken = {"short": of.options.short_resistance, "open": of.options.open_resistance}
    if faults.count("short") + faults.count("open"):
        ohms, signals = (_whole(own, name, faults) for name in ("resistance", "magnetoresistance"))
        for n, (ohm, signal) in enumerate(zip(ohms, signals, strict=True)):
            for kind, value in broken.items():
                where = faults.of(n, "short" if kind == "short" else "open")
                ohm[where], signal[where] = value / chip.device.resistance, 0.0
        resonators |= {"resistance": tuple(ohms), "magnetoresistance": tuple(signals)}
    if faults.count("stuck"):
        nominal = [
            np.where(faults.of(n, "stuck"), bus.frequencies / (1 + of.damping * faults.detunings[n]), np.nan)
            for n, bus in enumerate(faults.entry.buses)
        ]
        frozen = tuple(nominal)
    if faults.tones.any():
        levels = np.broadcast_to(own.tones.get("tone_level", 1.0), (layer.groups, layer.taps))
        tones["tone_level"] = np.where(faults.tones, 0.0, levels)
    if faults.oscillators.any():
        powers = np.broadcast_to(own.neurons.get("oscillator_power", 1.0), faults.oscillators.shape)
        neurons["oscillator_power"] = np.where(faults.oscillators, 0.0, powers)
    breaks = faults.breaks if faults.count("line") else own.breaks
    return replace(own, resonators=resonators, tones=tones, neurons=neurons, frozen=frozen, breaks=breaks)


def faulty_chip(chip: Chip, faults: FaultMap) -> Chip:
    """The chip with these faults in it."""
    layers: Mapping[str, LayerChip] = {
        name: _layer(chip.layer(name), one, chip, faults) for name, one in faults.layers.items()
    }
    return replace(chip, layers={**chip.layers, **layers})


def movable(entry: LayerPlan, chip: Chip) -> Bools:
    """Weights that tuning reaches on a chip, [groups, outputs, taps]."""
    own, free = chip.layer(entry.layer.name), np.array(entry.layer.wired)
    for n, bus in enumerate(entry.buses):
        held = own.held(n)
        if held is not None:
            free[bus.group][np.ix_(bus.outputs, bus.taps)] &= ~held
        if own.breaks is not None:
            free[bus.group][np.ix_(bus.outputs[own.breaks[n] :], bus.taps)] = False
    levels = own.tones.get("tone_level")
    return free if levels is None else free & (levels > 0)[:, None, :]
