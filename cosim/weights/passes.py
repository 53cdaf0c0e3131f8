"""The two-pass method: RF pass, rectification, DC pass (docs/theory/method.md).

The rectified voltage is second order in the RF amplitude and RF propagation is linear, so two linear simulations and
one product give the effective weights exactly to second order, without a transient.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from resonet.core.types import Array, Complex
from resonet.core.watching import Done
from resonet.cosim.ngspice.raw import Plot
from resonet.cosim.ngspice.run import EngineError, run_decks
from resonet.netlist.bus.deck import dc_deck, rf_deck, rf_sweeps, stack_batches
from resonet.netlist.bus.hardware import BusHardware, Stack
from resonet.netlist.bus.linear_chain import PRECESSION, SENSE
from resonet.netlist.spice.dialect import NGSPICE

__all__ = ["RfPass", "dc_gains", "dc_pass", "rectify", "rf_pass"]

Progress = Done


@dataclass(frozen=True, slots=True, eq=False)
class RfPass:
    """What one watt of each tone (as levelled by the plan) does to every resonator of a bus."""

    frequencies: Array  # [tones] Hz
    current: Complex  # [tones, chains, resonators] A/√W, peak, from pin p to pin n
    precession: Complex  # same shape and unit: chi times the current


def _read_rf(hardware: BusHardware, plots: Sequence[Plot]) -> RfPass:
    """Channels out of the sweeps, scaled from 1 V of source EMF to each tone's level."""
    layer, bus, channels = hardware.bus.layer, hardware.bus.name, hardware.tones
    chains, size = hardware.bus.size
    sweeps = rf_sweeps(hardware)
    index = [(j, k) for j in range(chains) for k in range(size)]
    names = [name.format(j=j, k=k) for name in (SENSE, PRECESSION) for j, k in index]
    if len(plots) != len(sweeps):
        raise EngineError(f"layer {layer}, bus {bus}: ngspice wrote {len(plots)} of {len(sweeps)} sweeps")
    taken = [sweep.taken for sweep in sweeps]
    if any(len(plot.axis) <= part[-1] for plot, part in zip(plots, taken, strict=True)):
        raise EngineError(f"layer {layer}, bus {bus}: a sweep of ngspice has fewer points than asked for")
    swept = np.concatenate([plot.axis[part] for plot, part in zip(plots, taken, strict=True)])[::-1]
    if swept.shape != channels.shape or not np.allclose(swept, channels, rtol=1e-9, atol=0):
        raise EngineError(
            f"layer {layer}, bus {bus}: ngspice swept from {swept[-1]:g} to {swept[0]:g} Hz in {len(swept)} points, "
            f"which are not the {size} channels of the plan; this version steps decades differently"
        )
    table: Complex = np.concatenate([plot.columns(names)[part] for plot, part in zip(plots, taken, strict=True)])[::-1]
    phasors: Complex = table.reshape(size, 2, chains, size) * hardware.emf[:, None, None, None]
    return RfPass(channels, phasors[:, 0], phasors[:, 1])


def rf_pass(buses: Sequence[BusHardware], jobs: int | None = None, done: Progress = lambda: None) -> list[RfPass]:
    """RF pass of some buses with ngspice `.ac`; raises EngineError."""
    results = run_decks([rf_deck(hardware) for hardware in buses], jobs, done)
    return [_read_rf(hardware, plots) for hardware, plots in zip(buses, results, strict=True)]


def rectify(rf: RfPass, transduction: float) -> Array:
    """Rectified voltage of every resonator per watt of each tone, V/W, p against n: ½ Re(i conj(k x)).

    Shape [tones, chains, resonators].
    """
    return np.asarray(0.5 * transduction * (rf.current * rf.precession.conj()).real)


def dc_gains(
    buses: Sequence[BusHardware],
    jobs: int | None = None,
    done: Progress = lambda: None,
    batches: Sequence[Sequence[Stack]] | None = None,
) -> dict[tuple[str, int], Array]:
    """Output voltage per volt rectified in each resonator (p against n), by (bus, chain) -> [resonators].

    `buses` are all of a layer; `batches` takes some of its neurons, those of a batch in one deck (default: all). From
    ngspice `.op` by reciprocity (see `deck.dc_deck`); raises EngineError.
    """
    batches, layer = stack_batches(buses) if batches is None else batches, buses[0].bus.layer
    decks = [dc_deck(f"{layer}_dc{n}", batch) for n, batch in enumerate(batches)]
    gains = {}
    for batch, plots in zip(batches, run_decks(decks, jobs, done), strict=True):
        for n, stack in enumerate(batch):
            first = 0
            for tile in stack.tiles:
                size = len(tile.f_res)
                names = [NGSPICE.current_of("vdc", f"xr{n}_{k}") for k in range(first, first + size)]
                gains[tile.hardware.bus.name, tile.position] = np.asarray(plots[0].columns(names)[0].real)
                first += size
    return gains


def dc_pass(buses: Sequence[BusHardware], rectified: dict[tuple[str, int], Array]) -> dict[tuple[int, int], float]:
    """Voltage at the input of every neuron of a layer for given rectified voltages, by (group, output), in V.

    `buses` are all of the layer; `rectified` holds the voltage of each resonator, p against n, by (bus, chain) ->
    [resonators]. One direct `.op`; `dc_gains` gives the same for all tones at once.
    """
    batches, layer = stack_batches(buses), buses[0].bus.layer
    decks = [
        dc_deck(
            f"{layer}_dc{n}",
            batch,
            [np.concatenate([rectified[t.hardware.bus.name, t.position] for t in stack.tiles]) for stack in batch],
        )
        for n, batch in enumerate(batches)
    ]
    voltages, silent = {}, not any(volts.any() for volts in rectified.values())
    for batch, plots in zip(batches, run_decks(decks, silent=silent), strict=True):
        for n, stack in enumerate(batch):
            value = plots[0].columns([NGSPICE.voltage_of(f"out{n}")])[0, 0].real
            voltages[stack.group, stack.output] = float(value)
    return voltages
