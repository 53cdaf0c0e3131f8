"""The design: a network, its plan, its programs and its scales; and the compile verb that makes one."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from resonet.core.errors import InputError
from resonet.netlist.bus.graph import HardwareGraph, build_graph
from resonet.netlist.design.parameters import Parameters, read_parameters
from resonet.netlist.network.cnn import Cnn
from resonet.netlist.network.images import ImageSet
from resonet.netlist.network.onnx.read import read_cnn
from resonet.netlist.planning.frequency_plan import FrequencyPlan, plan
from resonet.netlist.planning.scales import InputScale, bounded_scales, calibrated_scales
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

    def fill(self, layer: str) -> float:
        """Largest weight of a layer as part of what a resonator can hold: plan.fill, or less if only less converges."""
        weights = self.plan.layer(layer).layer.matrix
        scale = self.program("coupled").layer(layer).weight_scale
        return float(scale * np.abs(weights).max() / self.plan.device.sensitivity)

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
    if calibration is None:
        scales, source = (
            bounded_scales(cnn, *input_range),
            f"any pixel within {input_range[0]:g} ... {input_range[1]:g}",
        )
    else:
        if calibration.images.shape[1:] != cnn.input_shape:
            raise InputError(f"{calibration.file}: images {calibration.images.shape[1:]}; possible: {cnn.input_shape}")
        scales, source = calibrated_scales(cnn, calibration.images), f"{len(calibration.images)} images"
    if not all(np.isfinite(scale.full_scale) for scale in scales.values()):
        raise InputError(f"{cnn.file}: activations overflow for {source}; possible: finite activations")
    return Design(cnn, parameters, planned, programs(planned), scales, source)
