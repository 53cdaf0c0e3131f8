"""Whole networks in ngspice, from pixel tones to logits, against the two-pass cascade and the envelope engine."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from _neurons_networks import digits, mnist_slice
from _show import info, show
from numpy.typing import NDArray

from resonet.core.types import Array
from resonet.cosim.cascade.envelopes import envelope
from resonet.cosim.cascade.hardware import Hardware
from resonet.cosim.cascade.transient import cascade_timing, run_cascade, trace_difference
from resonet.cosim.cascade.two_pass import cascade

__all__ = ["claims"]

IMAGES = 20
WINDOW = 110e-9  # s, of the readings: 20 periods of the closest beat note


@dataclass(frozen=True, slots=True)
class _Run:
    """One image; deviations as part of the largest logit of the whole batch."""

    same: bool  # class of transient and two-pass
    two_pass: float
    envelope: float
    trace: float  # largest difference of the sums in time, of the stage's largest end value
    transient_time: float  # s, wall
    envelope_time: float  # s, wall


def _compare(hardware: Hardware, image: Array, full_scale: float, stop: float) -> _Run:
    wanted = cascade(hardware.levels, hardware.held, image[None]).logits[0]
    begin = time.perf_counter()
    slow = envelope(hardware.levels, image, stop)
    between = time.perf_counter()
    transient = run_cascade(hardware.levels, image, cascade_timing(hardware.levels, stop), WINDOW)
    end = time.perf_counter()
    return _Run(
        int(transient.logits.argmax()) == int(wanted.argmax()),
        float(np.abs(transient.logits - wanted).max() / full_scale),
        float(np.abs(transient.logits - slow.logits[-1]).max() / full_scale),
        float(trace_difference(hardware.levels, transient, slow).max()),
        end - between,
        between - begin,
    )


def _runs(hardware: Hardware, images: Sequence[Array], full_scale: float, stop: float) -> list[_Run]:
    """Some images, two at once: the work is ngspice's."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda image: _compare(hardware, image, full_scale, stop), images))


def _say(name: str, runs: Sequence[_Run], ratio: bool) -> None:
    """Lines on some images."""
    same = sum(run.same for run in runs)
    show(f"{name}: same class, transient and two-pass", f"{same} of {len(runs)}", "all", same == len(runs))
    worst = max(run.two_pass for run in runs)
    show(f"{name}: logits, transient - two-pass, of full scale", f"{worst:.2%}", "<= 1 %", worst <= 0.01)
    worst = max(run.envelope for run in runs)
    show(f"{name}: logits, transient - envelope, of full scale", f"{worst:.3%}", "<= 0.2 %", worst <= 0.002)
    slowest = [run.transient_time / run.envelope_time for run in runs]
    if ratio:
        least = min(slowest)
        show(f"{name}: transient time / envelope time, least", f"{least:.0f}", ">= 100", least >= 100)
    info(f"{name}: transient of an image, wall", f"{np.mean([run.transient_time for run in runs]):.0f} s")
    info(f"{name}: envelope of an image, wall", f"{np.mean([run.envelope_time for run in runs]):.2f} s")
    info(f"{name}: largest difference on the way, of the end value", f"{max(run.trace for run in runs):.1%}")


def _spread(count: int, labels: NDArray[np.int64]) -> list[int]:
    """Images of all classes in turn."""
    classes = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    return [int(classes[n % len(classes)][n // len(classes)]) for n in range(count)]


def _digits(kind: str, count: int, stop: float) -> None:
    hardware, data = digits(kind)
    images = np.asarray(data.images, float)
    full_scale = float(np.abs(cascade(hardware.levels, hardware.held, images).logits).max())
    runs = _runs(hardware, [images[n] for n in _spread(count, np.asarray(data.labels))], full_scale, stop)
    name = f"digits, {kind.replace('_', ' ')}, {hardware.design.resonators} resonators"
    _say(name, runs, ratio=True)


def _slice(inputs: int, outputs: int, count: int, stop: float, ratio: bool) -> None:
    hardware, images = mnist_slice(inputs, outputs)
    full_scale = float(np.abs(cascade(hardware.levels, hardware.held, images).logits).max())
    runs = _runs(hardware, list(images[:count]), full_scale, stop)
    _say(f"MNIST, slice of two layers, {hardware.design.resonators} resonators", runs, ratio)


def claims(quick: bool) -> None:
    """Print the claims of this part."""
    if quick:
        _slice(1, 1, 1, 320e-9, ratio=False)
        return
    _digits("relu", IMAGES, 320e-9)
    _digits("three_terminal", 4, 480e-9)
    _digits("two_terminal", 2, 480e-9)
    _digits("residual", 2, 420e-9)
    _slice(2, 3, 1, 300e-9, ratio=True)
