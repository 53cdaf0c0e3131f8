"""Energy of one image: RF in the resonators and on the way to them, DC of the neurons, amplifiers; from the envelopes.

The powers follow the simulated currents and voltages in time, from the start of the image until `stop`:

* **resonators**: Σ ½ |i|² R0 over all tones, with the RF currents of the linear engine;
* **RF sources**: what the tones' sources have available, EMF² / (8 Z0); what of it the resonators do not take goes into
  combiners, splitters and mismatch;
* **drive**: the oscillators' DC currents, drawn from the supply of the transconductors, and what their
  straight pieces sink of each other; of it I² R in the oscillators;
* **read**: the constant current of a three-terminal oscillator through its junction;
* **amplifiers**: class A, so p_max at their output over their efficiency, whatever the tone;
* **maxima**: pull-down currents, drawn from the supply.

Left out: programming the resonators, the pixels' own generation (their RF power is in), clocking and readout.
"""

from dataclasses import dataclass

import numpy as np

from resonet.core.types import Array
from resonet.cosim.cascade.envelopes import EnvelopeRun
from resonet.cosim.cascade.two_pass import pixel_tones
from resonet.cosim.weights.bus_answers import bus_powers
from resonet.netlist.cascade.levels import Levels, voltages_of

__all__ = ["LITERATURE", "Energy", "StageEnergy", "energy"]


LITERATURE = {"synapse": 10e-15, "neuron": 100e-15}  # J, junctions of 20 nm: Ross et al., Nat. Nanotechnol. 18, 1273


@dataclass(frozen=True, slots=True)
class StageEnergy:
    """One stage, J."""

    layer: str
    synapses: int
    neurons: int
    resonators: float
    sources: float  # available from the sources of the tones into the stage, `resonators` included
    drive: float  # of its neurons, dissipation in the oscillators included
    oscillators: float  # of that, in the oscillators themselves
    read: float
    amplifiers: float
    maxima: float

    @property
    def neuron_total(self) -> float:
        """All that its neurons draw from a supply; the RF that their amplifiers give is the next stage's `sources`."""
        return self.drive + self.read + self.amplifiers + self.maxima


@dataclass(frozen=True, slots=True)
class Energy:
    """One image, J."""

    time: float  # s, over which all is on
    stages: tuple[StageEnergy, ...]

    @property
    def per_synapse(self) -> float:
        """RF that the resonators take, per synaptic operation."""
        return sum(s.resonators for s in self.stages) / sum(s.synapses for s in self.stages)

    @property
    def per_synapse_with_sources(self) -> float:
        """RF that the sources must have available, per synaptic operation."""
        return sum(s.sources for s in self.stages) / sum(s.synapses for s in self.stages)

    @property
    def per_oscillator(self) -> float:
        """What oscillators dissipate, drive and read, per neuron operation; nan without neurons."""
        neurons = sum(s.neurons for s in self.stages)
        return sum(s.oscillators + s.read for s in self.stages) / neurons if neurons else float("nan")

    @property
    def per_neuron(self) -> float:
        """What neurons draw from a supply, amplifiers included, per neuron operation; nan without neurons."""
        neurons = sum(s.neurons for s in self.stages)
        return sum(s.neuron_total for s in self.stages) / neurons if neurons else float("nan")

    @property
    def total(self) -> float:
        """All that is drawn: the pixels' sources, and the supplies of all neurons."""
        return self.stages[0].sources + sum(s.neuron_total for s in self.stages)


def _resonator_power(levels: Levels, number: int, tones: Array) -> Array:
    """RF power in all resonators of a stage, W [times], for tones [times, tones] in units of p_max."""
    design, stage, entry = levels.parallel, levels.parallel.stages[number], levels.parallel.entry(number)
    plan = design.plan
    padded, total = design.padded(number, tones), np.zeros(len(tones))
    for bus, power in zip(entry.buses, bus_powers(plan, entry), strict=True):
        per_watt = 0.5 * plan.device.resistance * len(bus.outputs) * power.sum(1)  # [tones]
        total += padded[:, stage.wires[bus.group][bus.taps]] @ per_watt * plan.options.p_max
    return total


def _source_power(levels: Levels, number: int, tones: Array) -> Array:
    """Available power of the sources of a stage's tones, W [times]."""
    paths, z0 = levels.stages[number].paths, levels.impedance
    offset, full_scale = levels.parallel.scale(number)
    dark = (paths.emf[paths.tone < 0] ** 2).sum() * offset / full_scale
    return np.asarray((tones @ paths.source**2 + dark) / (8 * z0))


def energy(levels: Levels, run: EnvelopeRun, image: Array, stop: float | None = None) -> Energy:
    """Energy of one image [*input_shape] in a run of the envelope engine, until `stop` (s, default the run's end)."""
    design = levels.parallel
    upto = len(run.time) if stop is None else max(2, int(np.searchsorted(run.time, stop, "right")))
    time = run.time[:upto]
    tones = np.broadcast_to(pixel_tones(design, image[None]), (upto, levels.stages[0].paths.tones))
    stages = []
    for number, (stage_levels, stage, trace) in enumerate(zip(levels.stages, design.stages, run.stages, strict=True)):
        rf = np.trapezoid(_resonator_power(levels, number, tones), time)
        sources = np.trapezoid(_source_power(levels, number, tones), time)
        drive = oscillators = read = amplifiers = maxima = 0.0
        neurons = 0
        if stage_levels.kind is not None:
            options, supply, neurons = stage_levels.options, stage_levels.options.supplies(), stage.neurons
            zero, full_scale = design.scale(number + 1)
            volts = voltages_of(levels, number, trace.sums[:upto])
            current = stage_levels.current(volts)
            drive = float(np.trapezoid(supply.drive_power(stage_levels.supplied(volts)).sum(1), time))
            oscillators = float(np.trapezoid((current**2 * options.resistance).sum(1), time))
            if stage_levels.kind == "three_terminal":
                read = float(stage.neurons * options.read_current**2 * options.resistance * time[-1])
            full = levels.stages[number + 1].paths.source ** 2 / (8 * levels.impedance)
            amplifiers = float(supply.amplifier_power(full).sum() * time[-1])
            if stage.pool == "max":
                maxima = float(stage.neurons * options.pool_current * options.supply * time[-1])
            tones = (trace.outputs[:upto] + zero) / full_scale
        name = stage.layer.name
        synapses = int(stage.wires.size * stage.copies.matrix.shape[1])
        stages.append(
            StageEnergy(
                name, synapses, neurons, float(rf), float(sources), drive, oscillators, read, amplifiers, maxima
            )
        )
    return Energy(float(time[-1]), tuple(stages))
