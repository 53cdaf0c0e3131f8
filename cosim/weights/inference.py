"""Images through the hardware: logits and accuracy with the weights that every layer holds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array, Bools, Ints
from resonet.core.watching import Done
from resonet.cosim.weights.differences import head_columns, largest_in, rms_and_largest
from resonet.cosim.weights.float32 import Float32Images, Float32Network, float32_images
from resonet.cosim.weights.float32_graph import BEYOND
from resonet.cosim.weights.float32_nodes import Inexpressible
from resonet.cosim.weights.held import HeldWeights, RfWeights
from resonet.cosim.weights.logits import FEW, SAME, Logits, all_exact, checked_logits
from resonet.cosim.weights.maxima import DiodePools, PoolError, diode_pools
from resonet.cosim.weights.software import SoftwareLogits
from resonet.netlist.design.design import Design
from resonet.netlist.network.cnn import Synapses, patches
from resonet.netlist.network.forward import activate, biased, classes, propagate
from resonet.netlist.network.images import ImageSet

__all__ = [
    "Accuracy",
    "DiodeAccuracy",
    "accuracy",
    "check_labels",
    "circuit_logits",
    "diode_accuracy",
    "forward",
    "tone_powers",
]

TOLD = 100.0  # times as large as the rounding: differences that float32 tells
QUICK = 2e10  # products that float64 takes some seconds for


def nobody(synapses: Synapses, x: Array) -> None:
    """Watch nothing."""


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Share of images whose class (`classes` of their logits) is their label."""

    images: int
    software: float
    circuit: float
    same_class: float  # share of images that circuit and software put in the same class
    logit_rms: float  # of circuit minus software, as part of the largest logit of the software
    logit_max: float  # the largest, likewise
    heads: dict[str, tuple[float, float]]  # of several outputs each: those two, parts of its own largest value
    clipped: dict[str, float]  # by layer: share of its inputs beyond what its tones carry, which are cut off
    arithmetic: str  # of the circuit's logits: float32 with what was evaluated again, or float64 and why


@dataclass(frozen=True, slots=True)
class DiodeAccuracy:
    """The same with max pools of diodes."""

    circuit: float
    same_class: float
    pools: tuple[PoolError, ...]


def tone_powers(design: Design, layer: Synapses, x: Array) -> Array:
    """Power of every tone in W, [groups, n, positions, taps], for a batch of layer inputs [n, *in_shape]."""
    return design.scales[layer.name].carried(patches(x, layer)) * design.plan.options.p_max


def forward(
    design: Design,
    held: Mapping[str, HeldWeights],
    images: Array,
    done: Done | None = None,
    watch: Callable[[Synapses, Array], None] = nobody,
    maxima: DiodePools | None = None,
) -> Array:
    """Logits [n, classes] of a network whose hardware holds these weights: the sums of every layer, then its neurons.

    images [n, *input_shape] as the network takes them; `held` by layer name. `watch` sees the inputs of every layer,
    [batch, *in_shape]. Max pools are ideal without `maxima`.
    """

    def hardware_layer(synapses: Synapses, x: Array) -> Array:
        watch(synapses, x)
        sums = held[synapses.name].sums(synapses, x, design.scales[synapses.name])
        if maxima is not None:
            maxima.keep(synapses, biased(synapses, sums))
        return activate(synapses, sums)

    if maxima is None:
        return propagate(design.built, images, hardware_layer, done=done)
    return propagate(design.built, images, hardware_layer, done=done, pooled=maxima.maximum)


def check_labels(data: ImageSet, logits: Array | None = None, ranked: int | None = None) -> None:
    """InputError where images have no labels, or some that outputs [n, outputs] have no class for."""
    if not data.labels.size:
        raise InputError(f"{data.file}: no labels; possible: a .npz file with images [n, ...] and labels [n]")
    if logits is None:
        return
    low, high = int(data.labels.min()), int(data.labels.max())
    last = max((ranked or logits.shape[1]) - 1, 1)  # one output tells two classes apart
    if low < 0 or high > last:
        raise InputError(f"{data.file}: labels {low} ... {high}; possible: 0 ... {last}")


class _CutOff:
    """Share of every image's inputs that a layer cuts off, by layer name, [n]: counted in float64."""

    def __init__(self, design: Design, count: int) -> None:
        self._scales = design.scales
        self.shares = {name: np.zeros(count) for name in design.scales}

    def of(self, images: Ints) -> Callable[[Synapses, Array], None]:
        """What is to watch the inputs of the layers while these images, by number, go through."""
        seen = dict.fromkeys(self.shares, 0)

        def watch(synapses: Synapses, x: Array) -> None:
            scale, start = self._scales[synapses.name], seen[synapses.name]
            beyond = np.abs((x + scale.offset) / scale.full_scale - 0.5) > 0.5 + BEYOND
            seen[synapses.name] += len(x)
            self.shares[synapses.name][images[start : start + len(x)]] = beyond.reshape(len(x), -1).mean(1)

        return watch


def _may_cut(design: Design, ends: Mapping[str, Mapping[str, Array]], count: int) -> Bools:
    """Images some of whose inputs may be beyond what tones carry, by the ends of these in float32, [n]."""
    found = np.zeros(count, bool)
    for layer, own in ends.items():
        scale = design.scales[layer]
        room = SAME * scale.full_scale
        if "high" in own:
            found |= ~(own["high"] < scale.full_scale - scale.offset - room)
        if "low" in own:
            found |= ~(own["low"] > -scale.offset + room)
    return found


def _exactly(
    design: Design, held: Mapping[str, HeldWeights], images: Array, cut_off: _CutOff | None = None
) -> Callable[[slice | Bools], Array]:
    """What gives logits of chosen images by float64."""

    def exact(which: slice | Bools) -> Array:
        watch = nobody if cut_off is None else cut_off.of(np.arange(len(images))[which])
        return forward(design, held, images[which], None, watch)

    return exact


def circuit_logits(
    design: Design,
    held: Mapping[str, HeldWeights],
    images: Array,
    done: Done | None = None,
    threads: int | None = None,
    sent: Float32Images | None = None,
    software: Array | None = None,
    cut_off: _CutOff | None = None,
) -> Logits:
    """The logits of `forward` and their classes, but in float32 where that is enough: an order of magnitude faster.

    What float32 cannot say goes through `forward` altogether; the result says why. `threads`: of the runtime, default
    one a core. `sent` may hand in `float32_images`, where they are known. With `software`, the trained network's
    logits, the largest difference from it is that of float64; with `cut_off`, what layers cut off is counted.
    """

    def quick() -> tuple[Array, Bools]:
        if len(images) <= FEW:
            raise Inexpressible("few images")
        inputs = float32_images(design.built, images) if sent is None else sent
        ends = None if cut_off is None else (float(inputs.min()), float(inputs.max()))
        found = Float32Network(design.built, held, design.scales, ends, threads)(inputs, done)
        again = _may_cut(design, found.ends, len(images))
        if software is not None:
            again |= largest_in(found.logits - software, design.cnn)
        return found.logits, again

    return checked_logits(quick, _exactly(design, held, images, cut_off), design.cnn.ranked)


def _told(
    design: Design, exact: Callable[[slice | Bools], Array], found: Logits, software: SoftwareLogits
) -> tuple[Logits, Bools, str]:
    """Logits of the circuit, images whose differences from the software are told [n], and how both were computed.

    Differences that float32 cannot tell are those of float64: of all images, or, where that would take long, of those
    that are evaluated with float64 anyway.
    """
    software.settle(found.exact)
    everywhere, rounding = np.ones(len(found.exact), bool), found.rounding + software.rounding
    off = found.values - software.values
    rms = min(float(np.sqrt(np.mean(off[:, columns] ** 2))) for columns in head_columns(design.cnn).values())
    if found.reason or rms >= TOLD * rounding:
        return found, everywhere, str(found)
    told = f"logits of circuit and software differ by {rms:.2g}, float32 is off by {rounding:.2g}"
    products = len(off) * sum(layer.matrix.size * layer.positions for layer in design.cnn.synapses)
    if products > QUICK:
        return found, found.exact, f"{found}; differences are of those alone: {told}"
    found = all_exact(exact, told)
    software.settle(everywhere)
    return found, everywhere, str(found)


def accuracy(
    design: Design,
    held: Mapping[str, HeldWeights],
    data: ImageSet,
    done: Done | None = None,
    software: SoftwareLogits | Array | None = None,
    threads: int | None = None,
) -> Accuracy:
    """Accuracy of the circuit on a labelled image set next to the trained network's own.

    `software` may hand in the trained network's logits, where they are known already. `threads` as for
    `circuit_logits`.
    """
    ranked, cut_off = design.cnn.ranked, _CutOff(design, len(data.images))
    check_labels(data)
    if software is None:
        software = SoftwareLogits(design.cnn, data.images, done, threads)
    elif not isinstance(software, SoftwareLogits):
        software = SoftwareLogits.given(software)
    logits = software.values
    check_labels(data, logits, ranked)
    found = circuit_logits(design, held, data.images, done, threads, software=logits, cut_off=cut_off)
    exact = _exactly(design, held, data.images, cut_off)
    found, kept, how = _told(design, exact, found, software)
    circuit, trained = classes(found.values, ranked), classes(logits, ranked)
    rms, largest = rms_and_largest(found.values, logits, kept)
    heads = head_columns(design.cnn) if design.cnn.heads else {}
    return Accuracy(
        len(circuit),
        float(np.mean(trained == data.labels)),
        float(np.mean(circuit == data.labels)),
        float(np.mean(circuit == trained)),
        rms,
        largest,
        {name: rms_and_largest(found.values[:, own], logits[:, own], kept) for name, own in heads.items()},
        {layer: float(shares.mean()) for layer, shares in cut_off.shares.items()},
        how,
    )


def diode_accuracy(
    design: Design,
    held: Mapping[str, RfWeights],
    data: ImageSet,
    software: Array,
    done: Done | None = None,
    threads: int | None = None,
) -> DiodeAccuracy | None:
    """Accuracy of the circuit whose max pools are of diodes, as `resonet run` has them; None where nothing is pooled.

    `software`: the trained network's logits [n, classes]. Classes are those of float64, as in `accuracy`.
    """
    maxima = diode_pools(design, held)
    if maxima is None:
        return None
    ranked, calls, counted = design.cnn.ranked, [done], maxima

    def quick() -> tuple[Array, Bools]:
        if len(data.images) <= FEW:
            raise Inexpressible("few images")
        network = Float32Network(design.built, held, design.scales, None, threads, maxima)
        sent = float32_images(design.built, data.images)
        calls.clear()
        found = network(sent, done)
        maxima.take(found.pools)
        return found.logits, np.zeros(len(data.images), bool)

    def exact(which: slice | Bools) -> Array:
        nonlocal counted
        own = diode_pools(design, held)
        if own is not None and isinstance(which, slice):  # all images: what these say counts, and nothing before
            counted = own
        return forward(design, held, data.images[which], calls.pop() if calls else None, maxima=own)

    circuit = classes(checked_logits(quick, exact, ranked).values, ranked)
    same = float(np.mean(circuit == classes(software, ranked)))
    return DiodeAccuracy(float(np.mean(circuit == data.labels)), same, counted.errors)
