"""How far a chip is set right, and what its layers then hold.

programmed  the program that was made for all chips: nobody knows what fabrication did to this one
gain        the same with one gain a layer, as an amplifier behind it is trimmed: least squares of the weights that it
            holds against the trained ones, c = Σ W V / Σ V²
calibrated  every resonator tuned on the chip as far as its tuning reaches (cosim/calibration/chip_tuning.py), the
            biases of the neurons trimmed, and the gain of each layer after that
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from resonet.core.types import Array, Bools
from resonet.core.validity import warn
from resonet.cosim.calibration.chip_tuning import TuningOptions, tune_layer
from resonet.cosim.chips.neurons import neuron_errors
from resonet.cosim.chips.weights import chip_engine, chip_network, chip_weights
from resonet.cosim.montecarlo.copies import Copies
from resonet.cosim.weights.effective import EffectiveWeights
from resonet.cosim.weights.engines import Engine
from resonet.cosim.weights.held import HeldWeights
from resonet.netlist.chips.chip import Chip
from resonet.netlist.chips.faulty import movable
from resonet.netlist.design.design import Design
from resonet.netlist.programming.methods import Method, Program

__all__ = ["LEVELS", "MOST_GAIN", "ChipLevel", "Level", "chip_levels", "limited_gain"]

Level = Literal["programmed", "gain", "calibrated"]
LEVELS: tuple[Level, ...] = get_args(Level)
MOST_GAIN = 10.0  # of a layer: a transconductor's reach


@dataclass(frozen=True, slots=True, eq=False)
class ChipLevel:
    """A chip at one level."""

    design: Design  # its program is what the resonators of the chip really have
    held: dict[str, HeldWeights]  # by layer
    gains: dict[str, float]  # by layer
    at_end: int = 0  # resonators that stand at an end of their tuning range


def limited_gain(layer: str, product: float, square: float) -> float:
    """Gain product / square of a layer, 1 where that is not positive; at most `MOST_GAIN`, with a warning."""
    gain = product / square if product > 0 and square > 0 else 1.0
    if gain > MOST_GAIN:
        warn(
            "layer-gain",
            f"layer {layer}: least squares would take a gain of {gain:.3g}, more than a transconductor has; it is held "
            f"at {MOST_GAIN:g}; possible: fewer faults or less spread, more --range",
            gain,
            MOST_GAIN,
        )
    return min(gain, MOST_GAIN)


def _gain(held: HeldWeights, free: Bools | None) -> float:
    """Gain with the least squared error of a layer's weights, those that are free; 1 where no positive one helps."""
    values = held.values if free is None else np.where(free, held.values, 0)
    return limited_gain(held.layer, float((held.trained * values).sum()), float((values**2).sum()))


def _with_gains(level: ChipLevel, method: Method, free: Mapping[str, Bools] | None = None) -> ChipLevel:
    """The same with one gain a layer, which takes the weights' scale with it: volts stay what they are.

    `free`: weights by layer that count, where some are known to be wrong.
    """
    gains = {name: _gain(one, (free or {}).get(name)) for name, one in level.held.items()}
    held = {
        name: replace(
            one, values=gains[name] * one.values, shift=None if one.shift is None else gains[name] * one.shift
        )
        for name, one in level.held.items()
    }
    program = level.design.program(method)
    layers = tuple(replace(one, weight_scale=one.weight_scale / gains.get(one.layer, 1.0)) for one in program.layers)
    design = replace(level.design, programs={**level.design.programs, method: Program(method, layers)})
    return replace(level, design=design, held=held, gains=gains)


def _neuron_gains(design: Design, held: EffectiveWeights, chip: Chip) -> Array:
    """What the neurons of a layer make of its chains' answers, [groups, outputs]."""
    unit = replace(held, values=np.ones_like(held.values), shift=None)
    return np.asarray(neuron_errors(design, unit, chip).values[..., 0])


def _dark(level: ChipLevel, design: Design, chip: Chip) -> ChipLevel:
    """The same with neurons dark whose oscillators are dead, which no gain and no trimming changes."""
    held = dict(level.held)
    for entry in design.plan.layers:
        name, power = entry.layer.name, chip.layer(entry.layer.name).neurons.get("oscillator_power")
        if power is None or power.all():
            continue
        own = held[name].shift
        kept = np.zeros(power.shape) if own is None else own
        held[name] = replace(held[name], shift=np.where(power == 0, -entry.layer.bias.reshape(power.shape), kept))
    return replace(level, held=held)


def _calibrated(
    design: Design,
    first: Mapping[str, EffectiveWeights],
    method: Method,
    chip: Chip,
    engine: Engine,
    tuning: TuningOptions,
) -> ChipLevel:
    """Every resonator of the chip tuned; `first` is what the layers hold as programmed."""
    tuned = [
        tune_layer(
            design.plan,
            entry,
            design.program(method).layer(entry.layer.name),
            chip,
            engine,
            tuning,
            _neuron_gains(design, first[entry.layer.name], chip),
        )
        for entry in design.plan.layers
    ]
    program = Program(method, tuple(one.program for one in tuned))
    held = chip_weights(design, program, chip, engine, tuned=True)
    trimmed: dict[str, HeldWeights] = {name: replace(one, shift=None) for name, one in held.items()}
    network = chip_network(design, program, chip, tuned=True)
    return ChipLevel(network, trimmed, dict.fromkeys(held, 1.0), sum(one.at_end for one in tuned))


def chip_levels(
    design: Design,
    method: Method,
    chip: Chip,
    levels: tuple[Level, ...] = LEVELS,
    tuning: TuningOptions | None = None,
    copies: Sequence[Copies] = (),
) -> Mapping[Level, ChipLevel]:
    """A chip of a design, programmed by `method`, at each of those levels.

    Layers of which there are `copies` have a chain for every position and shared tuning lines. Raises InputError,
    EngineError.
    """
    engine, tuning = chip_engine(chip), tuning or TuningOptions()
    as_programmed = chip_weights(design, method, chip, engine)
    first = {name: one for name, one in as_programmed.items() if isinstance(one, EffectiveWeights)}  # all, on buses
    drawn = [(one, one.chips(chip.number or 0)) for one in copies]
    held: dict[str, HeldWeights] = dict(first)
    held |= {one.entry.layer.name: one.weights(chips, one.detunings) for one, chips in drawn}
    programmed = ChipLevel(chip_network(design, method, chip), held, dict.fromkeys(held, 1.0))
    found: dict[Level, ChipLevel] = {}
    for level in levels:
        if level == "programmed":
            found[level] = programmed
        elif level == "gain":
            found[level] = _dark(_with_gains(programmed, method), design, chip)
        else:
            made = _calibrated(design, first, method, chip, engine, tuning)
            lines = {one.entry.layer.name: one.weights(chips, one.lines(chips, tuning)) for one, chips in drawn}
            free = {entry.layer.name: movable(entry, chip) for entry in design.plan.layers}
            free = {name: own for name, own in free.items() if name not in lines}
            found[level] = _dark(_with_gains(replace(made, held=made.held | lines), method, free), design, chip)
    return found
