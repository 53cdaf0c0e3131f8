"""A trained network as calibrated parallel hardware with its levels, ready for an image."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from resonet.cosim.calibration import calibrate
from resonet.cosim.effective import EffectiveWeights, effective_weights
from resonet.cosim.engines import linear
from resonet.netlist.cnn import Cnn, Synapses
from resonet.netlist.design import Design
from resonet.netlist.forward import propagate, software_layer
from resonet.netlist.neuron_options import Kind
from resonet.netlist.neurons import Levels, plan_levels
from resonet.netlist.parallel_plan import ParallelDesign, parallel_design
from resonet.netlist.programming import Method

__all__ = ["Hardware", "parallel_hardware", "trained_outputs"]

Array = NDArray[np.float64]
BATCH = 100  # images that levels are fitted to


@dataclass(frozen=True, slots=True, eq=False)
class Hardware:
    """Levels and effective weights of a network."""

    levels: Levels
    held: dict[str, EffectiveWeights]  # by layer name
    cnn: Cnn  # as trained
    method: Method

    @property
    def design(self) -> ParallelDesign:
        """Stages and chains."""
        return self.levels.design


def trained_outputs(cnn: Cnn, images: Array) -> dict[str, Array]:
    """Outputs of every weighted layer of the trained network for a batch [n, *input_shape], by name, each flat."""
    found: dict[str, Array] = {}

    def watch(layer: Synapses, x: Array) -> Array:
        out = software_layer(layer, x)
        found[layer.name] = out.ravel()
        return out

    propagate(cnn, images, watch)
    return found


def _sums(held: dict[str, EffectiveWeights], design: ParallelDesign) -> dict[str, Array]:
    """Sum of every chain's weights as the circuit holds them."""
    found = {}
    for stage in design.stages:
        values = held[stage.layer.name].values
        whole = values if values.shape == stage.copies.matrix.shape else values[stage.original_group]
        found[stage.layer.name] = whole.sum(2)
    return found


def parallel_hardware(
    design: Design,
    method: Method = "calibrated",
    kind: Kind | None = None,
    images: Array | None = None,
    cnn: Cnn | None = None,
    held: dict[str, EffectiveWeights] | None = None,
) -> Hardware:
    """Parallel hardware of a design's network, or of a part of it (`cnn`), programmed by `method`.

    `kind`: oscillators in the place of ReLUs; with a batch of `images` their levels are fitted to what the trained
    neurons give. `held` may hand in the effective weights of sequential hardware (one copy of each kernel), so that the
    copies need not be programmed. Raises InputError.
    """
    trained = cnn or design.cnn
    parallel = parallel_design(design, cnn)
    if held is None:
        if method == "calibrated":
            parallel = replace(parallel, design=calibrate(parallel.design).design)
        names = [entry.layer.name for entry in parallel.design.plan.layers]
        held = {name: effective_weights(parallel.design, name, method, engine=linear) for name in names}
    targets: dict[str, Array] = {}
    if kind not in (None, "relu") and images is not None:
        targets = trained_outputs(trained, images[:BATCH])
    levels = plan_levels(parallel, design.neuron, kind, _sums(held, parallel), targets)
    return Hardware(levels, held, trained, method)
