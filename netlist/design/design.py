"""The design: a network, its plan, its programs and its scales; and the compile verb that makes one."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from resonet.core.errors import InputError
from resonet.netlist.bus.graph import HardwareGraph, build_graph
from resonet.netlist.design.parameters import Parameters, read_parameters
from resonet.netlist.network.activations.base import Fit, Neuron
from resonet.netlist.network.cnn import Cnn, built_network, fitted_layers
from resonet.netlist.network.images import ImageSet
from resonet.netlist.network.onnx.read import read_cnn
from resonet.netlist.planning.frequency_plan import FrequencyPlan, plan
from resonet.netlist.planning.scales import InputScale, bounded_ranges, calibrated_ranges
from resonet.netlist.programming.methods import Method, Program, programs

__all__ = ["Design", "compile_cnn"]


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """A compiled network."""

    cnn: Cnn
    parameters: Parameters
    plan: FrequencyPlan
    programs: dict[Method, Program]
    scales: dict[str, InputScale]  # by layer name
    calibration: str  # what the scales come from, for people
    sums: dict[str, tuple[float, float]] = field(default_factory=dict)  # of layers whose neurons are fitted: over what

    def fill(self, layer: str) -> float:
        """Largest weight of a layer as part of what a resonator can hold: plan.fill, or less if only less converges."""
        weights = self.plan.layer(layer).layer.matrix
        scale = self.program("coupled").layer(layer).weight_scale
        return float(scale * np.abs(weights).max() / self.plan.device.sensitivity)

    def fit(self, layer: str) -> Fit | None:
        """What the neurons behind a layer are fitted with; None where they are exact, or where there are none."""
        return Fit(self.parameters.neuron.pieces, *self.sums[layer]) if layer in self.sums else None

    def neuron(self, layer: str) -> Neuron:
        """What hardware makes of a layer's activation."""
        return self.plan.layer(layer).layer.activation.neuron(self.fit(layer))

    @property
    def built(self) -> Cnn:
        """The network with the activations that the hardware has; behind the last layer nothing is built."""
        return built_network(
            self.cnn, {name: Fit(self.parameters.neuron.pieces, *ends) for name, ends in self.sums.items()}
        )

    def program(self, method: Method) -> Program:
        """Program by that method; InputError where the design has none."""
        if method not in self.programs:
            known = ", ".join(self.programs)
            raise InputError(f"{self.cnn.file}: no {method} program yet; possible: {known}, or resonet calibrate first")
        return self.programs[method]

    def graph(self, method: Method) -> HardwareGraph:
        """Hardware graph with the resonators programmed by `method`."""
        return build_graph(self.plan, self.program(method))


def compile_cnn(
    model: Path,
    parameters: Parameters | None = None,
    calibration: ImageSet | None = None,
    input_shape: tuple[int, ...] | None = None,
    input_range: tuple[float, float] = (0.0, 1.0),
) -> Design:
    """Read a trained CNN and design its hardware: channels, tone levels, resonance frequencies, input scales.

    With a calibration batch the input scales are those that the batch needs; without, a bound that holds for any image
    with pixels in `input_range`. Raises InputError.
    """
    parameters = parameters or read_parameters()
    cnn = read_cnn(model, input_shape)
    planned = plan(cnn, parameters.device, parameters.bus, parameters.plan)
    pieces = parameters.neuron.pieces
    if calibration is None:
        ranges = bounded_ranges(cnn, *input_range, pieces)
        source = f"any pixel within {input_range[0]:g} ... {input_range[1]:g}"
    else:
        if calibration.images.shape[1:] != cnn.input_shape:
            raise InputError(f"{calibration.file}: images {calibration.images.shape[1:]}; possible: {cnn.input_shape}")
        ranges, source = calibrated_ranges(cnn, calibration.images, pieces), f"{len(calibration.images)} images"
    sums = {name: ranges.sums[name] for name in fitted_layers(cnn)}
    if not np.isfinite([scale.full_scale for scale in ranges.scales.values()] + [*sum(sums.values(), ())]).all():
        raise InputError(f"{cnn.file}: activations overflow for {source}; possible: finite activations")
    return Design(cnn, parameters, planned, programs(planned), ranges.scales, source, sums)
