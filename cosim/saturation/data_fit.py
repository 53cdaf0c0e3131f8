"""Calibration on data of a whole network: a new program of the design, `fitted`."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array
from resonet.core.watching import Done, nothing
from resonet.cosim.saturation.fit import PER_UNKNOWN, ROWS, FitOptions, LayerFit, fit_layer, sample
from resonet.cosim.saturation.held import SaturatingWeights
from resonet.netlist.design.design import Design
from resonet.netlist.network.cnn import Synapses
from resonet.netlist.network.forward import activate, propagate, software_layer
from resonet.netlist.programming.fitted import Fitted
from resonet.netlist.programming.methods import LayerProgram, Method, Program

__all__ = ["DataFit", "fit_on_data"]

FEWEST = 20  # images


@dataclass(frozen=True, slots=True, eq=False)
class DataFit:
    """A network calibrated on data."""

    layers: tuple[LayerFit, ...]
    images: int
    held_out: int

    @property
    def held(self) -> dict[str, SaturatingWeights]:
        """Its layers, by name."""
        return {one.layer: one.weights for one in self.layers}

    def design(self, design: Design, start: Method) -> Design:
        """The design with the program `fitted`, whose weight scales hold the gains; `start` is what was fitted."""
        before = design.program(start)
        made = {
            one.layer: LayerProgram(
                one.layer,
                before.layer(one.layer).weight_scale / one.gain,
                tuple(bus.f_res for bus in one.weights.table.buses),
                one.fitted[1],
            )
            for one in self.layers
        }
        layers = tuple(made.get(entry.layer, entry) for entry in before.layers)
        law, p_max = design.parameters.saturation, design.plan.options.p_max
        return replace(design, fitted=Fitted(Program("fitted", layers), p_max, law, self.images))


def fit_on_data(
    design: Design,
    held: Mapping[str, SaturatingWeights],
    images: Array,
    options: FitOptions | None = None,
    done: Done = nothing,
) -> DataFit:
    """Fit the layers that saturate on images [n, *input_shape], which need no labels; `done` after each step.

    Raises InputError for too few images.
    """
    options = options or FitOptions()
    count = len(images)
    out = min(max(round(options.held_out * count), 1), count - 1)
    if count < FEWEST:
        raise InputError(f"{count} images to calibrate on; possible: at least {FEWEST}")
    random = np.random.default_rng(options.seed)
    images = images[random.permutation(count)]  # the last `out` of them are held out
    seen: dict[str, Array] = {}

    def watch(layer: Synapses, x: Array) -> Array:
        seen[layer.name] = x
        return software_layer(layer, x)

    propagate(design.cnn, images, watch, batch=count)
    fits = list[LayerFit]()

    def fitted(layer: Synapses, x: Array) -> Array:
        weights, scale, truth = held[layer.name], design.scales[layer.name], seen.pop(layer.name)
        used = x if options.inputs == "circuit" else truth
        rows = max(ROWS, PER_UNKNOWN * layer.series)
        data = sample(layer, used[:-out], truth[:-out], scale, rows, random)
        rest = sample(layer, used[-out:], truth[-out:], scale, rows // 2, random)
        fits.append(fit_layer(weights, data, rest, options, done))
        if options.inputs == "trained":
            return software_layer(layer, x)
        return activate(layer, fits[-1].weights.sums(layer, x, scale))

    propagate(design.built, images, fitted, batch=count)
    return DataFit(tuple(fits), count - out, out)
