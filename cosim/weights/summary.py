"""One line per layer: what it takes and how well the circuit holds its weights."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from resonet.cosim.weights.held import RfWeights
from resonet.netlist.design.design import Design
from resonet.netlist.design.feed_options import FeedKind
from resonet.netlist.network.neuron_scales import logit_error
from resonet.netlist.planning.frequency_plan import source_power
from resonet.netlist.programming.methods import Method

__all__ = ["LayerSummary", "ScaledNeurons", "scaled_neurons", "summarise"]


@dataclass(frozen=True, slots=True)
class LayerSummary:
    """A layer of a design; errors as part of the layer's largest weight, None where they were not asked for."""

    name: str
    chains: int  # neurons of one copy of the kernels
    resonators: int  # of one copy of the kernels
    channels: int  # most tones on one bus, or under one chain
    buses: int  # 0 under strip lines
    positions: int  # how often the copy is used across the image; resonators x positions in a fully parallel layout
    source_dbm: float  # largest available power of a tone source at p_max
    rms_error_formula: float | None = None
    rms_error_coupled: float | None = None
    rms_error_shared: float | None = None  # of layers on strip lines
    rms_error_calibrated: float | None = None
    neuron_error_formula: float | None = None  # RMS of the worst neuron's weights, as part of its own largest
    neuron_error_coupled: float | None = None
    neuron_error_shared: float | None = None
    neuron_error_calibrated: float | None = None
    worst_neuron: int | None = None  # of the last program, counted over the groups of the layer
    worst_aggressor_db: float | None = None
    worst_aggressor: str | None = None
    feed: FeedKind = "bus"


@dataclass(frozen=True, slots=True)
class ScaledNeurons:
    """Neurons of a layer with scales of their own, or with chains that are raised."""

    layer: str
    scaled: int  # neurons with another scale than 1
    least: float  # scale
    most: float
    raised: int  # neurons whose chains hold more than the layer's scale says
    gain: float  # least gain of a transconductor, as part of that of neurons that are not raised


def scaled_neurons(design: Design) -> tuple[list[ScaledNeurons], float]:
    """Such layers, and how many times less errors of the weights then count at the network's outputs."""
    found = []
    for layer in design.cnn.synapses:
        own = design.neuron_scales.get(layer.name, np.zeros(1, np.int64))
        more = np.ones(1) if layer.raised is None else layer.raised
        if own.any() or layer.raised is not None:
            ends = 2.0 ** int(own.min()), 2.0 ** int(own.max())
            gain = float(1 / more.max())
            found.append(ScaledNeurons(layer.name, int((own != 0).sum()), *ends, int((more > 1).sum()), gain))
    error = logit_error(design.cnn) if found else 0.0  # 0, too, where nothing that weights do reaches the outputs
    return found, logit_error(design.trained) / error if error else 1.0


def line_power(design: Design) -> float:
    """Available power of a strip line's source at p_max, dBm, as lossless lines between the ends of `geometry` need.

    The EMF that gives p_max in a resonator is √(2 p_max/R0)/κ times source plus termination.
    """
    g, device = design.parameters.geometry, design.plan.device
    emf = np.sqrt(2 * design.plan.options.p_max / device.resistance) / g.pick_up * (g.source + g.termination)
    return float(10 * np.log10(emf**2 / (8 * g.source) / 1e-3))


def summarise(design: Design, effective: Mapping[Method, Mapping[str, RfWeights]] | None = None) -> list[LayerSummary]:
    """Summary of every layer of a design that `effective` (method -> layer -> weights) speaks of, or of all.

    The worst aggressor is that of the last program given.
    """
    effective = effective or {}
    rows = []
    for entry in design.plan.layers:
        name = entry.layer.name
        results = {method: layers[name] for method, layers in effective.items() if name in layers}
        if effective and not results:
            continue
        lines = design.feed(name) == "stripline"
        shown = next(reversed(results.values()), None)
        worst = shown.worst if shown else None
        rows.append(
            LayerSummary(
                name,
                entry.chains,
                entry.resonators,
                entry.layer.taps if lines else entry.channels,
                0 if lines else len(entry.buses),
                entry.layer.positions,
                line_power(design) if lines else source_power(entry, design.plan),
                **{f"rms_error_{method}": result.rms_error for method, result in results.items()},
                **{f"neuron_error_{method}": result.worst_neuron.rms for method, result in results.items()},
                worst_neuron=shown.worst_neuron.neuron if shown else None,
                worst_aggressor_db=worst.level if worst else None,
                worst_aggressor=worst.where if worst else None,
                feed=design.feed(name),
            )
        )
    return rows
