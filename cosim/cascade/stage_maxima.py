"""Diode maxima of a cascade: how far above ideal ones they may lie."""

from collections.abc import Sequence

import numpy as np

from resonet.cosim.weights.maxima import warn_maximum
from resonet.netlist.cascade.levels import Levels

__all__ = ["warn_maxima"]


def warn_maxima(levels: Levels, full_scales: Sequence[float]) -> None:
    """Warn of every stage whose diode maxima may be much above ideal ones; full scales in V, by stage."""
    for stage, stage_levels, full_scale in zip(levels.parallel.stages, levels.stages, full_scales, strict=True):
        pooled = [(pooling.members >= 0).sum(1).max() for pooling in stage.poolings if pooling.kind == "max"]
        if pooled:
            inputs = int(max(pooled))
            bound = float(stage_levels.options.maximum().width * np.log(inputs))
            more = "accuracy has ideal ones where it does not say diode maxima"
            warn_maximum(stage.layer.name, inputs, bound, full_scale, more)
