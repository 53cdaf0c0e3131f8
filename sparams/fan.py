"""Fans: the S-parameters of one chain over the chips of a design, before and after calibration.

The chain is the two-port `chain` of `design_block` with the values that its resonators have on each chip, under a DC
bias that makes the resonances visible.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from resonet.core.decibel import level as level_of
from resonet.core.errors import InputError
from resonet.core.types import Array, Complex
from resonet.core.watching import Done, nothing
from resonet.cosim.calibration.chip_tuning import TuningOptions
from resonet.cosim.montecarlo.levels import LEVELS, ChipLevel, Level, chip_levels
from resonet.cosim.montecarlo.run import MonteCarlo
from resonet.netlist.chips.chip import Chip
from resonet.netlist.chips.values import layer_values
from resonet.netlist.design.chips import ChipSampler
from resonet.netlist.design.design import Design
from resonet.netlist.programming.methods import Method
from resonet.sparams.block import Block
from resonet.sparams.build import OwnValues, chain_block
from resonet.sparams.extract import extract
from resonet.sparams.sheet import BIAS
from resonet.sparams.window import check_bias, default_grid, find_bus, layer_stand

__all__ = ["Fan", "FanOf", "chip_chain", "chip_fan", "chip_sparams", "fan_of"]

PER_DECADE = 300  # frequencies
MEASURED = ("insertion_loss", "return_loss", "resonance_error")  # of a chip
PERCENTILES = (0.0, 5.0, 50.0, 95.0, 100.0)


@dataclass(frozen=True, slots=True)
class FanOf:
    """Which chain."""

    layer: str
    bus: str
    chain: int


@dataclass(frozen=True, slots=True, eq=False)
class Fan:
    """S21 of a chain over chips at one level."""

    f: Array  # Hz
    s21: Complex  # [chips, frequencies]

    def percentiles(self, which: Sequence[float] = PERCENTILES) -> Array:
        """Of |S21| over the chips at each frequency, dB, [percentiles, frequencies]."""
        return np.asarray(np.percentile(20 * np.log10(np.abs(self.s21)), which, axis=0))


def fan_of(design: Design, text: str) -> FanOf:
    """A chain from LAYER, LAYER:BUS or LAYER:BUS:CHAIN. Raises InputError."""
    layer, *more = text.split(":")
    bus = find_bus(design, layer, more[0] if more else None)
    last = len(bus.outputs) - 1
    if len(more) > 2 or (len(more) == 2 and not (more[1].isascii() and more[1].isdigit() and int(more[1]) <= last)):
        raise InputError(f"--sparams {text[:60]!r}: possible: LAYER, LAYER:BUS or LAYER:BUS:CHAIN, chain 0 ... {last}")
    return FanOf(layer, bus.name, int(more[1]) if len(more) == 2 else 0)


def chip_chain(design: Design, chip: Chip, of: FanOf, f_res: Array, bias: float) -> Block:
    """A chain of a chip, whose resonators are really at f_res [resonators], Hz, between its bias tees."""
    entry, bus = design.plan.layer(of.layer), find_bus(design, of.layer, of.bus)
    values = layer_values(design.plan, entry, chip)[entry.buses.index(bus)]
    j = of.chain
    own = OwnValues(values.damping[j], values.chains.resistance[j], values.transduction[j], values.chains.node[j])
    stand = replace(layer_stand(design), circuit=chip.circuit, device=chip.device)
    return chain_block(f_res, stand, bias, f"{of.layer}_{of.bus}_chain{j}_chip{chip.number}", own)


def chip_fan(
    design: Design,
    method: Method,
    sampler: ChipSampler,
    numbers: Sequence[int],
    of: FanOf,
    levels: tuple[Level, ...] = LEVELS,
    tuning: TuningOptions | None = None,
    done: Done = nothing,
) -> Mapping[Level, Fan]:
    """Fans of some chips by number, at each level that tunes otherwise (a gain changes no resonator).

    `done` is called after each chip. Raises InputError, EngineError.
    """
    entry, bus, bias = design.plan.layer(of.layer), find_bus(design, of.layer, of.bus), _bias(design)
    alone = replace(design, plan=replace(design.plan, layers=(entry,)))
    f, at = default_grid(design, of.layer, of.bus, PER_DECADE), entry.buses.index(bus)
    chosen: tuple[Level, ...] = tuple(level for level in levels if level != "gain") or ("programmed",)
    s21: dict[Level, list[Complex]] = {level: [] for level in chosen}
    for number in numbers:
        chip = sampler.chip(number)
        for level, one in chip_levels(alone, method, chip, chosen, tuning).items():
            f_res = one.design.program(method).layer(of.layer).f_res[at][of.chain]
            s21[level].append(extract(chip_chain(design, chip, of, f_res, bias), f).s[:, 1, 0])
        done()
    return {level: Fan(f, np.array(s21[level])) for level in chosen}


def _bias(design: Design) -> float:
    """DC current that makes resonances visible, A. Raises InputError."""
    bias = BIAS * design.plan.device.threshold_current
    check_bias(design, bias)
    return bias


def chip_sparams(
    design: Design, run: MonteCarlo, chip: Chip, levels: Mapping[Level, ChipLevel]
) -> dict[str, dict[str, float]]:
    """Of the chain `run.sparams` of a chip, each {level: x}: what its S-parameters say at the channels.

    insertion_loss   dB, the largest -20 lg |S21|
    return_loss      dB, the least -20 lg |S11|
    resonance_error  the largest error of a resonance frequency, part of what was programmed

    Raises InputError, EngineError.
    """
    of = fan_of(design, run.sparams or "")
    entry, bus, bias = design.plan.layer(of.layer), find_bus(design, of.layer, of.bus), _bias(design)
    at, found = entry.buses.index(bus), {name: dict[str, float]() for name in MEASURED}
    meant = design.program(run.program).layer(of.layer).f_res[at][of.chain]
    for level, one in levels.items():
        f_res = one.design.program(run.program).layer(of.layer).f_res[at][of.chain]
        s = extract(chip_chain(design, chip, of, f_res, bias), np.sort(bus.frequencies)).s
        values = -level_of(s[:, 1, 0]).min(), -level_of(s[:, 0, 0]).max(), np.abs(f_res / meant - 1).max()
        for name, value in zip(MEASURED, values, strict=True):
            found[name][level] = float(value)
    return found
