"""Structures that a search begins at: the design's own, and those that closed forms call quick.

Far resonators make the least noise, and room for them is in short tiles (docs/theory/operating_point.md). Their tees
are the smallest that keep tiles apart: far above its resonance a tee lets the part

    κ = 1 / (w² L C_bypass - 1)                                                                                   (1)

of a tone through to the tile beside (models/circuit/tile_coupling.py), at the lowest channel the most.
"""

from collections.abc import Sequence

import numpy as np

from resonet.cosim.operate.axes import Axis
from resonet.netlist.design.parameters import Parameters

__all__ = ["starts"]

CHOKE = 19e-6  # H, of the quick tees
FAR = (  # lowest channel and threshold of the oscillators as parts of the design's, κ of (1)
    {"tile": 10.0, "f_min": 2.0, "kappa": 0.05, "threshold": 20.0},
    {"tile": 7.0, "f_min": 1.5, "kappa": 0.05, "threshold": 5.0},
    {"tile": 7.0, "f_min": 1.0, "kappa": 0.068, "threshold": 1.0},
)


def _quick(own: Parameters, far: dict[str, float], axes: dict[str, Axis]) -> dict[str, float]:
    """One of FAR as values of axes."""
    lowest = own.plan.f_min * (far["f_min"] if "f_min" in axes else 1.0)
    together = (1 + 1 / far["kappa"]) / (2 * np.pi * lowest) ** 2
    least = axes["bypass"].low if "bypass" in axes else own.bus.bypass_capacitance
    choke = min(CHOKE, together / least) if "choke" in axes else own.bus.choke_inductance
    return {
        "tile": far["tile"],
        "reach": 50.0,
        "fill": 0.92,
        "f_min": lowest,
        "block": 0.0,  # the least there is
        "bypass": together / choke,
        "choke": choke,
        "threshold": far["threshold"] * own.neuron.threshold_current,
    }


def starts(own: Parameters, axes: Sequence[Axis]) -> list[tuple[float, ...]]:
    """Parts 0 ... 1 of the axes where a search begins, the design's own first, each once; within their ranges."""
    here = tuple(axis.part(axis.value(own)) for axis in axes)
    found = [here]
    for far in FAR:
        quick = _quick(own, far, {axis.name: axis for axis in axes})
        found.append(
            tuple(
                axis.part(quick[axis.name]) if axis.name in quick else at for axis, at in zip(axes, here, strict=True)
            )
        )
    return list(dict.fromkeys(found))
