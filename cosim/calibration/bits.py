"""Weight error and accuracy against the bits of the tuning DACs, for a whole network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from resonet.core.watching import Done, nothing
from resonet.cosim.calibration.quantised import (
    QuantisationOptions,
    QuantisedLayer,
    calibrated_programs,
    quantise_design,
    quantised_weights,
    require_codes,
)
from resonet.cosim.weights.checks import check_cases
from resonet.cosim.weights.engines import Engine
from resonet.cosim.weights.inference import accuracy
from resonet.cosim.weights.software import SoftwareLogits
from resonet.cosim.weights.witness import Witness
from resonet.netlist.design.design import Design
from resonet.netlist.network.images import ImageSet
from resonet.netlist.programming.methods import LayerProgram

__all__ = ["BitsPoint", "BitsSweep", "Kind", "bits_sweep"]

Results = Mapping[str, QuantisedLayer]
Kind = Literal["dac", "states", "network", "channel"]  # of levels; the last two: the network's own codes


@dataclass(frozen=True, slots=True, eq=False)
class BitsPoint:
    """A network with such levels; errors over all weights, each as part of its layer's largest."""

    label: str
    kind: Kind
    bits: float  # log2 of the number of levels, of the layer with most
    rms_nearest: float
    rms: float
    accuracy_nearest: float | None  # None without labelled images
    accuracy: float | None
    layers: Results

    @property
    def worst(self) -> QuantisedLayer:
        """The layer with the neuron whose weights are furthest off, as part of its own largest."""
        return max(self.layers.values(), key=lambda layer: layer.neuron_error)


@dataclass(frozen=True, slots=True, eq=False)
class BitsSweep:
    """The points next to what they are compared with."""

    points: tuple[BitsPoint, ...]
    rms_start: float  # calibrated, without levels
    accuracy_start: float | None
    software: float | None
    images: int
    witness: Witness | None  # check of the engine on the points, where it has one


def _overall(design: Design, errors: Mapping[str, float]) -> float:
    """RMS over all weights of a network from that of each layer."""
    sizes = {entry.layer.name: entry.layer.matrix.size for entry in design.plan.layers}
    return float(np.sqrt(sum(sizes[n] * e**2 for n, e in errors.items()) / sum(sizes[n] for n in errors)))


def _named(options: QuantisationOptions, results: Results) -> tuple[str, Kind]:
    """Label and kind of a point."""
    if options.table:
        bits = sorted({(layer.levels - 1).bit_length() for layer in results.values() if layer.levels > 1})
        label = f"{'/'.join(map(str, bits))}-bit codes"
        return (label, "network") if options.table == "alone" else (f"{label} by channel", "channel")
    if options.states:
        return "states " + ", ".join(f"{u:g}" for u in options.states), "states"
    return f"{options.bits}-bit", "dac"


def bits_sweep(
    design: Design,
    engine: Engine,
    choices: Sequence[QuantisationOptions],
    data: ImageSet | None = None,
    start: Mapping[str, LayerProgram] | None = None,
    done: Done = nothing,
) -> BitsSweep:
    """Quantise a network in each of those ways; with labelled `data` also the accuracy. `done` after each choice.

    `start` are the programs to quantise (default: calibrated ones). An engine with a check is checked on what the
    points end with. Raises InputError, EngineError.
    """
    design.require_bus("quantise")
    checked, engine = engine, engine.unchecked
    for options in choices:
        require_codes(design, options)
    start = start or calibrated_programs(design, engine)
    logits = None if data is None else SoftwareLogits(design.cnn, data.images)

    def score(results: Results) -> tuple[float | None, float | None]:
        if data is None:
            return None, None
        shares = accuracy(design, quantised_weights(design, results, engine), data, software=logits)
        return shares.circuit, shares.software

    points, first = [], None
    for options in choices:
        rounded = quantise_design(design, engine, replace(options, descent=False), start)
        first = first or rounded
        final = quantise_design(design, engine, options, start) if options.descent else rounded
        nearest = _overall(design, {name: quantised.rms for name, quantised in rounded.items()})
        rms = _overall(design, {name: quantised.rms for name, quantised in final.items()})
        bits, named = float(np.log2(max(layer.levels for layer in final.values()))), _named(options, final)
        points.append(BitsPoint(*named, bits, nearest, rms, score(rounded)[0], score(final)[0], final))
        done()
    exact = {
        name: replace(quantised, program=start[name], gain=np.ones_like(quantised.gain))
        for name, quantised in (first or {}).items()
    }
    rms_start = _overall(design, {name: quantised.rms_start for name, quantised in exact.items()})
    layers = {entry.layer.name: entry for entry in design.plan.layers}
    ends = [(design.plan, layers[name], one.program.f_res) for p in points for name, one in p.layers.items()]
    images, witness = 0 if data is None else len(data.images), check_cases(checked, ends)
    return BitsSweep(tuple(points), rms_start, *score(exact), images, witness)
