"""Chips of parallel hardware whose tuning lines are shared: every position of a layer has chains of its own.

A line runs over all resonators of one kind (netlist/programming/sharing.py), at the positions of one phase, and moves
them together. Each resonator of it is e times the frequency that it is tuned to, e its own, so that no tuning is right
for all; the line is set so that the mean of their frequencies is that of the program,

    1 + α v = (1 + α u) <e>,      |v| <= r,

u the program's detuning and v what the line is set to (cosim/calibration/chip_tuning.py). A layer of one position has a
line for each resonator, and is tuned like any other.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array
from resonet.cosim.calibration.chip_tuning import TuningOptions
from resonet.cosim.calibration.shared import phase_entry
from resonet.cosim.chips.weights import chip_engine
from resonet.cosim.weights.held import PositionWeights
from resonet.netlist.chips.chip import Chip
from resonet.netlist.chips.spread import QUANTITIES, SpreadOptions
from resonet.netlist.design.chips import ChipSampler
from resonet.netlist.design.design import Design
from resonet.netlist.planning.frequency_plan import LayerPlan
from resonet.netlist.programming.dac import dac_levels
from resonet.netlist.programming.methods import layer_unit, solve_layer
from resonet.netlist.programming.sharing import Colouring, share_conv

__all__ = ["Copies", "check_shared", "copies_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Copies:
    """A layer of parallel hardware: the program of every phase, and who draws the chips of its positions."""

    design: Design
    entry: LayerPlan
    colouring: Colouring
    entries: tuple[LayerPlan, ...]  # of each phase: what its resonators hold
    detunings: tuple[tuple[Array, ...], ...]  # of each phase, bus by bus [chains, K], of the program
    scale: float  # V/W per unit of weight
    samplers: tuple[ChipSampler, ...]  # of each position

    def chips(self, number: int) -> list[Chip]:
        """What fabrication did at every position of a chip."""
        return [sampler.chip(number) for sampler in self.samplers]

    def weights(self, chips: Sequence[Chip], lines: Sequence[Sequence[Array]]) -> PositionWeights:
        """What the positions hold with lines of each phase set to detunings, bus by bus [chains, K]. EngineError."""
        name, matrix = self.entry.layer.name, self.entry.layer.matrix
        damping = self.design.plan.device.damping
        values = np.zeros((len(matrix), len(chips), *matrix.shape[1:]))
        unit = np.full(matrix.shape[:2], self.scale)
        unit = unit if self.entry.layer.raised is None else unit * self.entry.layer.raised
        for p, (chip, phase) in enumerate(zip(chips, self.colouring.phase, strict=True)):
            here = self.entries[phase]
            set_to = [b.frequencies / (1 + damping * v) for b, v in zip(here.buses, lines[phase], strict=True)]
            answers = chip_engine(chip).layer_answers(self.design.plan, here, chip.resonances(name, set_to), unit)
            gain = chip.layer(name).neurons.get("gain")
            values[:, p] = answers.values if gain is None else answers.values * gain[..., None]
        return PositionWeights(layer=name, values=values, trained=matrix[:, None])

    def lines(self, chips: Sequence[Chip], tuning: TuningOptions) -> list[list[Array]]:
        """What the lines of each phase are set to on this chip, half-widths, bus by bus [chains, K]."""
        name, damping, found = self.entry.layer.name, self.design.plan.device.damping, []
        for phase, (here, detunings) in enumerate(zip(self.entries, self.detunings, strict=True)):
            of_phase = [chip.layer(name) for chip, own in zip(chips, self.colouring.phase, strict=True) if own == phase]
            tuned = []
            for n, (bus, u) in enumerate(zip(here.buses, detunings, strict=True)):
                mean = sum(own.of_bus("f_res", n) for own in of_phase) / len(of_phase)
                v = np.clip(((1 + damping * u) * mean - 1) / damping, -tuning.reach, tuning.reach)
                tuned.append(_at_levels(v, bus.frequencies, damping, tuning))
            found.append(tuned)
        return found


def _at_levels(v: Array, frequencies: Array, damping: float, tuning: TuningOptions) -> Array:
    """Detunings at the nearest levels of the DACs, even in f_res."""
    if not tuning.bits:
        return v
    levels = dac_levels(frequencies, damping, tuning.bits, tuning.reach)
    low, step = levels[:, 0], levels[:, 1] - levels[:, 0]
    index = np.clip(np.rint((frequencies / (1 + damping * v) - low) / step), 0, levels.shape[1] - 1)
    return np.asarray((frequencies / (low + step * index) - 1) / damping)


def check_shared(spread: SpreadOptions) -> None:
    """InputError for spreads that chips with shared lines are not drawn with."""
    for name in spread.active:
        share = spread.share(name)
        if share.gradient or share.chip:
            raise InputError(
                f"--shared with spread.{name} of gradient {share.gradient:g} and chip {share.chip:g}: positions are "
                "drawn by themselves; possible: 0 for both"
            )
        if QUANTITIES[name].of == "neuron" and name != "gain":
            raise InputError(
                f"--shared with spread.{name}: every position has neurons of its own; possible: 0, or gain"
            )


def copies_of(design: Design, entry: LayerPlan, scale: float, sampler: ChipSampler) -> Copies:
    """A layer as its positions hold it at a scale, V/W per unit of weight; chips as by `sampler`."""
    colouring, device = share_conv(entry.layer), design.plan.device
    fill = scale / device.sensitivity / layer_unit(entry, 1.0)
    entries = tuple(phase_entry(entry, taps) for taps in colouring.taps)
    detunings = tuple(tuple(s.detuning for s in solve_layer(one, device, fill)) for one in entries)
    alone = replace(design, plan=replace(design.plan, layers=(entry,)))  # nothing is drawn for other layers
    seeds = [int(np.random.SeedSequence([sampler.seed, p]).generate_state(1)[0]) for p in range(len(colouring.phase))]
    samplers = tuple(ChipSampler(alone, sampler.spread, seed, sampler.corner.name) for seed in seeds)
    return Copies(design, entry, colouring, entries, detunings, scale, samplers)
