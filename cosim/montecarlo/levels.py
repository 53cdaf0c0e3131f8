"""How far a chip is set right, and what its layers then hold.

programmed  the program that was made for all chips: nobody knows what fabrication did to this one
gain        the same with one gain a layer, as an amplifier behind it is trimmed: least squares of the weights that it
            holds against the trained ones, c = Σ W V / Σ V²
calibrated  every resonator tuned on the chip as far as its tuning reaches (cosim/calibration/chip_tuning.py), the
            biases of the neurons trimmed, and the gain of each layer after that
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from resonet.core.types import Array
from resonet.cosim.calibration.chip_tuning import TuningOptions, tune_layer
from resonet.cosim.chips.neurons import neuron_errors
from resonet.cosim.chips.weights import chip_engine, chip_network, chip_weights
from resonet.cosim.weights.effective import EffectiveWeights
from resonet.cosim.weights.engines import Engine
from resonet.netlist.chips.chip import Chip
from resonet.netlist.design.design import Design
from resonet.netlist.programming.methods import Method, Program

__all__ = ["LEVELS", "ChipLevel", "Level", "chip_levels"]

Level = Literal["programmed", "gain", "calibrated"]
LEVELS: tuple[Level, ...] = get_args(Level)


@dataclass(frozen=True, slots=True, eq=False)
class ChipLevel:
    """A chip at one level."""

    design: Design  # its program is what the resonators of the chip really have
    held: dict[str, EffectiveWeights]  # by layer
    gains: dict[str, float]  # by layer
    at_end: int = 0  # resonators that stand at an end of their tuning range


def _gain(held: EffectiveWeights) -> float:
    """Gain with the least squared error of a layer's weights; 1 where no positive one helps."""
    trained, values = held.pairs
    product, square = float(trained @ values), float(values @ values)
    return product / square if product > 0 and square > 0 else 1.0


def _with_gains(level: ChipLevel, method: Method) -> ChipLevel:
    """The same with one gain a layer, which takes the weights' scale with it: volts stay what they are."""
    gains = {name: _gain(one) for name, one in level.held.items()}
    held = {
        name: replace(
            one, values=gains[name] * one.values, shift=None if one.shift is None else gains[name] * one.shift
        )
        for name, one in level.held.items()
    }
    program = level.design.program(method)
    layers = tuple(replace(one, weight_scale=one.weight_scale / gains[one.layer]) for one in program.layers)
    design = replace(level.design, programs={**level.design.programs, method: Program(method, layers)})
    return replace(level, design=design, held=held, gains=gains)


def _neuron_gains(design: Design, held: EffectiveWeights, chip: Chip) -> Array:
    """What the neurons of a layer make of its chains' answers, [groups, outputs]."""
    unit = replace(held, values=np.ones_like(held.values), shift=None)
    return np.asarray(neuron_errors(design, unit, chip).values[..., 0])


def _calibrated(
    design: Design, first: ChipLevel, method: Method, chip: Chip, engine: Engine, tuning: TuningOptions
) -> ChipLevel:
    tuned = [
        tune_layer(
            design.plan,
            entry,
            design.program(method).layer(entry.layer.name),
            chip,
            engine,
            tuning,
            _neuron_gains(design, first.held[entry.layer.name], chip),
        )
        for entry in design.plan.layers
    ]
    program = Program(method, tuple(one.program for one in tuned))
    held = chip_weights(design, program, chip, engine, tuned=True)
    held = {name: replace(one, shift=None) for name, one in held.items()}
    network = chip_network(design, program, chip, tuned=True)
    level = ChipLevel(network, held, dict.fromkeys(held, 1.0), sum(one.at_end for one in tuned))
    return _with_gains(level, method)


def chip_levels(
    design: Design, method: Method, chip: Chip, levels: tuple[Level, ...] = LEVELS, tuning: TuningOptions | None = None
) -> Mapping[Level, ChipLevel]:
    """A chip of a design, programmed by `method`, at each of those levels. Raises InputError, EngineError."""
    engine = chip_engine(chip)
    held = chip_weights(design, method, chip, engine)
    first = ChipLevel(chip_network(design, method, chip), held, dict.fromkeys(held, 1.0))
    found: dict[Level, ChipLevel] = {}
    for level in levels:
        if level == "programmed":
            found[level] = first
        elif level == "gain":
            found[level] = _with_gains(first, method)
        else:
            found[level] = _calibrated(design, first, method, chip, engine, tuning or TuningOptions())
    return found
