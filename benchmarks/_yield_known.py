"""Known answers of chips: decks of a sample in ngspice, the bus by nodal analysis, first-order error propagation."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from _show import info, show

from resonet.core.types import Array
from resonet.cosim.chips import chip_engine, chip_weights
from resonet.cosim.chips.weights import deck_engine
from resonet.netlist.chips import Chip, LayerChip, SpreadOptions
from resonet.netlist.design.chips import ChipSampler, corner_chip
from resonet.netlist.design.design import Design, compile_cnn
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.planning.frequency_plan import LayerPlan

__all__ = ["claims", "first_order_variance", "sampled_variance"]

MNIST = Path(__file__).parents[1] / "examples" / "mnist"
ALL = SpreadOptions(
    f_res=1e-3,
    damping=0.05,
    resistance=0.05,
    magnetoresistance=0.05,
    threshold_current=0.05,
    node_capacitance=0.05,
    tone_level=0.05,
    gradient=0.2,
    chip=0.2,
)
CIRCUITS = {
    "as by default": [],
    "2 fF a node, readout of 1 Mohm": ["bus.node_capacitance=2fF", "bus.readout_resistance=1MOhm"],
    "chains in groups of 3, 1 fF across junctions": ["bus.groups=3", "bus.junction_capacitance=1fF"],
}
SMALL = {  # standard deviations at which first order is all there is
    "f_res": 1e-6,
    "damping": 1e-3,
    "resistance": 1e-3,
    "magnetoresistance": 1e-3,
    "threshold_current": 1e-3,
    "node_capacitance": 1e-3,
    "tone_frequency": 1e-6,
    "tone_level": 1e-3,
}


def decks(layer: str, settings: list[str], what: str) -> None:
    """A sampled chip's layer by its decks, against the linear engine."""
    design = compile_cnn(MNIST / "mnist.onnx", read_parameters(settings=settings))
    chip, entry = ChipSampler(design, ALL, 3).chip(7), design.plan.layer(layer)
    f_res = chip.resonances(layer, design.program("coupled").layer(layer).f_res)
    unit = np.ones(entry.layer.matrix.shape[:2])
    ours, theirs = (
        one.layer_answers(design.plan, entry, f_res, unit).values for one in (chip_engine(chip), deck_engine(chip))
    )
    off = float(np.abs(ours - theirs).max() / np.abs(ours).max())
    show(f"sample 7 of seed 3, {layer}, {what}: ngspice", f"{off:.1e}", "<= 1e-9 of largest", off <= 1e-9)


def _moved(chip: Chip, entry: LayerPlan, name: str, of: LayerChip, part: int, at: tuple[int, ...], step: float) -> Chip:
    """The nominal chip with one value of one layer moved."""
    tones = name in of.tones
    arrays = [np.ones_like(a) for a in ((of.tones[name],) if tones else of.resonators[name])]
    arrays[part][at] += step
    layer = replace(of, resonators={} if tones else {name: tuple(arrays)}, tones={name: arrays[0]} if tones else {})
    return replace(chip, layers={entry.layer.name: layer})


def _values(design: Design, layer: str, chip: Chip) -> Array:
    entry, programmed = design.plan.layer(layer), design.program("coupled").layer(layer)
    unit = np.full(entry.layer.matrix.shape[:2], programmed.weight_scale)
    return chip_engine(chip).layer_answers(design.plan, entry, chip.resonances(layer, programmed.f_res), unit).values


def first_order_variance(design: Design, layer: str, name: str, sigma: float) -> Array:
    """Variance of every weight of a layer, to first order: Σ (dW/dx)² σ² over its devices, by central differences."""
    entry, nominal = design.plan.layer(layer), corner_chip(design, "tt")
    of = ChipSampler(design, SpreadOptions(**{name: sigma})).chip(0).layer(layer)
    arrays = (of.tones[name],) if name in of.tones else of.resonators[name]
    total = np.zeros(entry.layer.matrix.shape)
    for part, array in enumerate(arrays):
        for at in np.ndindex(array.shape):
            ends = (_values(design, layer, _moved(nominal, entry, name, of, part, at, s * sigma)) for s in (1, -1))
            up, down = ends
            total += ((up - down) / 2) ** 2
    return total


def sampled_variance(design: Design, layer: str, name: str, sigma: float, chips: int) -> Array:
    """Variance of every weight of a layer over sampled chips."""
    sampler = ChipSampler(design, SpreadOptions(**{name: sigma}), 11)
    return np.asarray(np.var([_values(design, layer, sampler.chip(n)) for n in range(chips)], axis=0))


def propagation(quick: bool) -> None:
    """Sampled variance against first order, summed over the weights of conv1 of the shipped network."""
    design, chips = compile_cnn(MNIST / "mnist.onnx"), 400 if quick else 2000
    for name, sigma in SMALL.items():
        wanted = first_order_variance(design, "conv1", name, sigma)
        found = sampled_variance(design, "conv1", name, sigma, chips)
        ratio = float(found.sum() / wanted.sum())
        show(
            f"variance of weights, {name} {sigma:g}, {chips} chips: over 1st order",
            f"{ratio:.3f}",
            "0.95 ... 1.05",
            0.95 <= ratio <= 1.05,
        )


def same_chip() -> None:
    """A sample made alone, and as one of many."""
    design = compile_cnn(MNIST / "mnist.onnx")
    many = ChipSampler(design, ALL, 3)
    later = [many.chip(n) for n in (9, 7, 1)][1]
    ones = (chip_weights(design, "coupled", c)["conv2"].values for c in (later, ChipSampler(design, ALL, 3).chip(7)))
    same = np.array_equal(*ones)
    show("sample 7 alone and after sample 9: weights", "equal" if same else "different", "equal", same)


def claims(quick: bool) -> None:
    """Print all claims."""
    for what, settings in CIRCUITS.items():
        decks("conv1", settings, what)
    if not quick:
        decks("conv2", [], "as by default")
    same_chip()
    begin = time.process_time()
    propagation(quick)
    info("  processor time of that", f"{time.process_time() - begin:.0f} s")
