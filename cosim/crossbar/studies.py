"""What spoils a crossbar: weight error and accuracy over array size, OFF/ON ratio, wire resistance, read noise."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array
from resonet.core.watching import Done, nothing
from resonet.cosim.crossbar.crossbar import CrossbarProgram, CrossbarWeights, crossbar_weights, noisy
from resonet.cosim.weights.inference import circuit_logits
from resonet.models.circuit.crossbar import CrossbarArray, Unselected
from resonet.netlist.design.design import Design
from resonet.netlist.network.forward import classes
from resonet.netlist.network.images import ImageSet

__all__ = [
    "CURVES",
    "SWEEPS",
    "Axis",
    "CrossbarPoint",
    "Curve",
    "check_labels",
    "crossbar_point",
    "noise_bandwidth",
    "noisy_crossbar_accuracy",
    "pooled_error",
    "study",
    "sweep_axes",
]

Axis = Literal["size", "ratio", "wire", "noise"]
Curve = tuple[CrossbarProgram, Unselected]
SWEEPS: dict[Axis, tuple[float, ...]] = {
    "size": (16, 32, 64, 128, 256, 1024),
    "ratio": (1.5, 2, 3, 5, 10, 100),
    "wire": (0.1, 0.3, 1, 3, 10),
    "noise": (0.001, 0.003, 0.01, 0.03, 0.1),
}
CURVES: tuple[Curve, ...] = (("direct", "grounded"), ("direct", "floating"), ("compensated", "grounded"))


@dataclass(frozen=True, slots=True, eq=False)
class CrossbarPoint:
    """A network on one kind of crossbar."""

    axis: Axis | None
    value: float
    curve: Curve
    weights: dict[str, CrossbarWeights]  # by layer
    accuracy: float | None  # None without labelled images


def pooled_error(errors: Sequence[Array]) -> float:
    """Root mean square over all weights of all layers, each as part of its layer's largest."""
    return float(np.sqrt(np.mean(np.concatenate([error.ravel() for error in errors]) ** 2)))


def _at(array: CrossbarArray, axis: Axis, value: float) -> CrossbarArray:
    match axis:
        case "size":
            return replace(array, rows=int(value), columns=int(value))
        case "ratio":
            return replace(array, cell=replace(array.cell, ratio=value))
        case "wire":
            return replace(array, word_resistance=value, bit_resistance=value)
        case "noise":
            return replace(array, read_noise=value)


def crossbar_point(
    design: Design,
    layers: Sequence[str],
    array: CrossbarArray,
    program: CrossbarProgram,
    images: ImageSet | None,
    known: dict[tuple[CrossbarArray, CrossbarProgram], dict[str, CrossbarWeights]] | None = None,
    axis: Axis | None = None,
    value: float = 0.0,
) -> CrossbarPoint:
    """Weights of some layers on these crossbars, and accuracy if there are images; `known` keeps weights for re-use.

    The accuracy needs all layers of the network; with `array.read_noise` it is that of one seeded draw per image.
    """
    known = {} if known is None else known
    key = (replace(array, read_noise=0.0), program)
    if key not in known:
        known[key] = {layer: crossbar_weights(design, layer, array, program) for layer in layers}
    share = None
    if images is not None:
        logits = circuit_logits(design, noisy(known[key], array.read_noise), images.images)
        share = float(np.mean(classes(logits.values, design.cnn.ranked) == images.labels))
    return CrossbarPoint(axis, value, (program, array.unselected), known[key], share)


def noise_bandwidth(design: Design) -> float:
    """Equivalent noise bandwidth of what reads a neuron, Hz: three equal poles, 3π/16 B, or its gated integrator."""
    neuron = design.parameters.neuron
    poles = 3 * np.pi / 16 * neuron.bandwidth
    return float(min(poles, 1 / (2 * neuron.integration)) if neuron.integration else poles)


def noisy_crossbar_accuracy(design: Design, point: CrossbarPoint, array: CrossbarArray, images: ImageSet) -> float:
    """Accuracy of a network on crossbars with the noise of its cells in the bandwidth in which the design reads.

    Johnson noise at the temperature of the design, and the read noise of the array; one seeded draw per image.
    """
    temperature = design.parameters.noise.temperature
    bands = (noise_bandwidth(design), temperature, array.read_voltage)
    logits = circuit_logits(design, noisy(point.weights, array.read_noise, 0, *bands), images.images)
    return float(np.mean(classes(logits.values, design.cnn.ranked) == images.labels))


def check_labels(images: ImageSet, layers: Sequence[str], design: Design) -> None:
    """Raise InputError if there can be no accuracy."""
    if not images.labels.size:
        raise InputError(f"{images.file}: no labels; possible: a .npz file with images [n, ...] and labels [n]")
    if len(layers) != len(design.plan.layers):
        have = f"{len(layers)} of {len(design.plan.layers)} layers"
        raise InputError(
            f"{images.file}: the accuracy takes all layers, not {have}; possible: all layers, or no images"
        )


def sweep_axes(images: ImageSet | None) -> list[Axis]:
    """The axes that there is something to say about: noise changes no weight, only what images make of them."""
    return [axis for axis in SWEEPS if images is not None or axis != "noise"]


def study(
    design: Design,
    layers: Sequence[str],
    array: CrossbarArray,
    images: ImageSet | None,
    done: Done = nothing,
) -> list[CrossbarPoint]:
    """Every point of `sweep_axes` on every curve of CURVES, all else as in `array`; `done` is called after each."""
    known: dict[tuple[CrossbarArray, CrossbarProgram], dict[str, CrossbarWeights]] = {}
    points = []
    for axis in sweep_axes(images):
        for program, unselected in CURVES:
            for value in SWEEPS[axis]:
                at = replace(_at(array, axis, value), unselected=unselected)
                points.append(crossbar_point(design, layers, at, program, images, known, axis, value))
                done()
    return points
