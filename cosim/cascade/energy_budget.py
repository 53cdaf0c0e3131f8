"""Energy of one image: RF in the resonators and on the way to them, DC of the neurons, amplifiers; from the envelopes.

The powers follow the simulated currents and voltages in time, from the start of the image until `stop`:

* **resonators**: Σ ½ |i|² R0 over all tones, with the RF currents of the linear engine;
* **RF sources**: what the tones' sources have available, EMF² / (8 Z0); what of it the resonators do not take goes into
  combiners, splitters and mismatch;
* **drive**: the oscillators' DC currents, drawn from the supply of the transconductors, and what their
  straight pieces sink of each other; of it I² R in the oscillators;
* **read**: the constant current of a three-terminal oscillator through its junction;
* **amplifiers**: class A, so p_max at their output over their efficiency, whatever the tone;
* **maxima**: pull-down currents, drawn from the supply;
* **tuning**: under strip lines, where a tone acts by the current that stands for its field and the line's source gives
  nothing for it in the model, a DC current keeps each resonator where it is: I² R of its piece of tuning line.

Left out: programming the resonators on buses, leads of tuning lines, the pixels' own generation (their RF power is in),
clocking and readout.
"""

from dataclasses import dataclass

import numpy as np

from resonet.core.types import Array
from resonet.cosim.cascade.envelopes import EnvelopeRun
from resonet.cosim.cascade.line_dynamics import line_drive
from resonet.cosim.cascade.two_pass import tones_into
from resonet.cosim.weights.bus_answers import bus_powers
from resonet.models.line.strip_geometry import tuning_field
from resonet.netlist.cascade.levels import Levels, voltages_of
from resonet.netlist.cascade.line_stages import LineStage
from resonet.netlist.network.cnn import IMAGE

__all__ = ["LITERATURE", "Energy", "StageEnergy", "energy"]


LITERATURE = {"synapse": 10e-15, "neuron": 100e-15}  # J, junctions of 20 nm: Ross et al., Nat. Nanotechnol. 18, 1273


@dataclass(frozen=True, slots=True)
class StageEnergy:
    """One stage, J."""

    layer: str
    synapses: int
    neurons: int  # oscillators: one for each stage that a neuron feeds
    resonators: float
    sources: float  # available from the sources of the tones into the stage, `resonators` included
    pixels: float  # of that, from sources that no neuron feeds: of pixels, and of padding that stands in for an offset
    tuning: float  # of the resonators under strip lines; not among what neurons draw
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
        """All that is drawn: sources of pixels and padding, the supplies of all neurons, tuning currents."""
        return sum(s.pixels + s.tuning for s in self.stages) + sum(s.neuron_total for s in self.stages)


def _resonator_power(levels: Levels, number: int, tones: Array) -> Array:
    """RF power in all resonators of a stage, W [times], for tones [times, tones] in units of p_max."""
    design, stage, entry = levels.parallel, levels.parallel.stages[number], levels.parallel.entry(number)
    plan = design.plan
    if (line := design.lines[number]) is not None:
        live = line.tone >= 0
        return np.asarray(tones[:, line.tone[live]] @ line_drive(line).power[live] * plan.options.p_max)
    padded, total = design.padded(number, tones), np.zeros(len(tones))
    for bus, power in zip(entry.buses, bus_powers(plan, entry), strict=True):
        per_watt = 0.5 * plan.device.resistance * len(bus.outputs) * power.sum(1)  # [tones]
        total += padded[:, stage.wires[bus.group][bus.taps]] @ per_watt * plan.options.p_max
    return total


def _source_power(levels: Levels, number: int, tones: Array) -> tuple[Array, Array]:
    """Available power of the sources of a stage's tones, and of that what no neuron gives, W [times] each."""
    paths, z0 = levels.stages[number].paths, levels.stages[number].paths.impedance
    offset, full_scale = levels.parallel.scale(number)
    dark = (paths.emf[paths.tone == -1] ** 2).sum() * offset / full_scale
    pixels = sum(len(feed.values) for feed in levels.parallel.stages[number].feeds if feed.source == IMAGE)
    own = tones[:, :pixels] @ paths.source[:pixels] ** 2 + dark
    return np.asarray((tones @ paths.source**2 + dark) / (8 * z0)), np.asarray(own / (8 * z0))


def _tuning_power(line: LineStage | None) -> float:
    """DC power in the tuning lines over the resonators of a stage, W.

    A resonator is built on the tone of its line; its current is what `tuned_resonances` makes f_res of, with the slope
    of the geometry in the middle of the band.
    """
    if line is None or line.f_res is None:
        return 0.0
    g, built = line.placement.geometry, line.frequencies[line.usage.tone]
    currents = (line.f_res / built - 1) * line.middle / (g.slope * float(tuning_field(g)))
    resistance = g.resistivity / (g.tuning_width * g.tuning_thickness) * line.placement.arrangement.tuning_pitch(g)
    return float(resistance * (currents**2).sum())


@dataclass(slots=True)
class _Neurons:
    """What the oscillators of a stage take, J."""

    count: int = 0
    drive: float = 0.0
    oscillators: float = 0.0
    read: float = 0.0
    amplifiers: float = 0.0
    maxima: float = 0.0


def _neurons(levels: Levels, number: int, sums: Array, time: Array) -> _Neurons:
    """Energy of a stage's neurons, for their sums [times, neurons] at these times."""
    found, volts = _Neurons(), voltages_of(levels, number, sums)
    for link in levels.stages[number].links:
        options, supply, count = link.options, link.options.supplies(), len(link.neurons)
        current = link.current(volts)
        found.count += count
        found.drive += float(np.trapezoid(supply.drive_power(link.supplied(volts)).sum(1), time))
        found.oscillators += float(np.trapezoid((current**2 * options.resistance).sum(1), time))
        if link.kind == "three_terminal":
            found.read += float(count * options.read_current**2 * options.resistance * time[-1])
        full = levels.stages[link.link.to].paths.source[link.span] ** 2 / (8 * levels.impedance(link))
        found.amplifiers += float(supply.amplifier_power(full).sum() * time[-1])
    if levels.stages[number].links:
        options = levels.stages[number].options
        maxima = sum(len(p.members) for p in levels.parallel.stages[number].poolings if p.kind == "max")
        found.maxima = float(maxima * options.pool_current * options.supply * time[-1])
    return found


def energy(levels: Levels, run: EnvelopeRun, image: Array, stop: float | None = None) -> Energy:
    """Energy of one image [*input_shape] in a run of the envelope engine, until `stop` (s, default the run's end)."""
    upto = len(run.time) if stop is None else max(2, int(np.searchsorted(run.time, stop, "right")))
    time, stages = run.time[:upto], []
    for number, (stage, trace) in enumerate(zip(levels.parallel.stages, run.stages, strict=True)):
        tones = tones_into(levels, number, image[None], [before.outputs[:upto] for before in run.stages[:number]])
        tones = np.broadcast_to(tones, (upto, stage.tones))
        sources, pixels = _source_power(levels, number, tones)
        own = _neurons(levels, number, trace.sums[:upto], time)
        stages.append(
            StageEnergy(
                stage.layer.name,
                levels.parallel.synapses(number),
                own.count,
                float(np.trapezoid(_resonator_power(levels, number, tones), time)),
                float(np.trapezoid(sources, time)),
                float(np.trapezoid(pixels, time)),
                _tuning_power(levels.parallel.lines[number]) * float(time[-1]),
                own.drive,
                own.oscillators,
                own.read,
                own.amplifiers,
                own.maxima,
            )
        )
    return Energy(float(time[-1]), tuple(stages))
