"""Whole networks with saturating resonators: MNIST at several tone powers, as programmed and calibrated on data."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from _show import info, show

from resonet.cosim.calibration.newton import calibrated_design
from resonet.cosim.saturation.accuracy import at_power, balance_error
from resonet.cosim.saturation.data_fit import DataFit, fit_on_data
from resonet.cosim.saturation.fit import FitOptions
from resonet.cosim.saturation.held import SaturatingWeights, saturating_weights
from resonet.cosim.weights.effective import network_weights
from resonet.cosim.weights.engines import linear
from resonet.cosim.weights.inference import forward
from resonet.models.resonator.fold_over import fold_over_power
from resonet.models.resonator.tone_balance import Saturation
from resonet.netlist.design.design import Design, compile_cnn
from resonet.netlist.network.forward import classes
from resonet.netlist.network.images import read_images

__all__ = ["claims"]

MNIST = Path(__file__).parents[1] / "examples" / "mnist"
POWERS = (2e-9, 20e-9, 50e-9, 100e-9, 200e-9, 1e-6)
LIMITS = {2e-9: 6e-5, 20e-9: 6e-5, 50e-9: 6e-5, 100e-9: 4e-4, 200e-9: 4e-4, 1e-6: 4e-4}  # fast against full
IMAGES = 10_000  # of the test set
COMPARED = 200  # images that both balances are asked
SHIFTED = 500  # images with a frequency shift


def _nanowatt(power: float) -> str:
    return f"{1e9 * power:g} nW"


def claims(quick: bool) -> None:
    """Print the lines of this part; `quick`: one power, few images, one gain a layer in the place of a fit."""
    shape = (1, 28, 28)
    batch, test = (read_images(MNIST / f"mnist_{name}.npz", shape) for name in ("calibration", "test"))
    design = calibrated_design(compile_cnn(MNIST / "mnist.onnx", None, batch))
    held = network_weights(design, "calibrated", linear)
    count = 30 if quick else IMAGES
    images, labels = test.images[:count], test.labels[:count]

    def share(own: Design, weights: Mapping[str, Any]) -> tuple[float, float]:
        start = time.process_time()
        right = float(np.mean(classes(forward(own, weights, images)) == labels))
        return right, time.process_time() - start

    info(f"MNIST, {count:,} images, linear resonators, 2 nW", f"{100 * share(design, held)[0]:.2f} %")
    for power in (50e-9,) if quick else POWERS:
        own = at_power(design, power)
        weights = saturating_weights(own, held)
        _table(own, weights, batch.images[: 20 if quick else None], share, power, quick)
    limit = fold_over_power(design.plan.device, Saturation(frequency_shift=0.1))
    info("N = 0.1 f0: power above which a resonator has two answers", f"{1e9 * limit:.0f} nW")
    for power in () if quick else (50e-9, 200e-9):
        for shift in (-0.1, 0.1):
            _shifted(design, held, batch.images, (test.images[:SHIFTED], test.labels[:SHIFTED]), power, shift)


def _table(
    design: Design,
    weights: Mapping[str, SaturatingWeights],
    batch: np.ndarray,
    share: Callable[[Design, Mapping[str, Any]], tuple[float, float]],
    power: float,
    quick: bool,
) -> None:
    """One power."""
    name = _nanowatt(power)
    plain, seconds = share(design, weights)
    info(f"{name}: as programmed", f"{100 * plain:.2f} %")
    if not quick:
        what = f"{name}: 10,000 images, processor time of both cores"
        show(what, f"{seconds:.0f} s", "<= 360 s", seconds <= 360)
    few = batch[: 1 if quick else COMPARED]
    off = _largest_sum(design, weights, few)
    what = f"{name}: fast against full balance, sums, of full scale"
    show(what, f"{off:.1e}", f"<= {LIMITS[power]:g}", off <= LIMITS[power])
    info(f"{name}: the same, outputs", f"{balance_error(design, weights, few):.1e}")
    if not quick:
        gain = fit_on_data(design, weights, batch, FitOptions(steps=0))
        info(f"{name}: one gain a layer", f"{100 * share(design, gain.held)[0]:.2f} %")
    start = time.process_time()
    fit = fit_on_data(design, weights, batch, FitOptions(steps=0 if quick else 4))
    seconds = time.process_time() - start
    fitted = share(design, fit.held)[0]
    bars = {50e-9: 0.988, 200e-9: 0.985}
    what = f"{name}: calibrated on {fit.images} images ({seconds:.0f} s)"
    if power in bars and not quick:
        show(what, f"{100 * fitted:.2f} %", f">= {100 * bars[power]:g} %", fitted >= bars[power])
    else:
        info(what, f"{100 * fitted:.2f} %")
    _tell(fit, name)


def _tell(fit: DataFit, name: str) -> None:
    for one in fit.layers:
        numbers = [f"{100 * errors[1]:.2f}" for errors in (one.programmed, one.gained, one.fitted)]
        info(f"{name}: {one.layer}, held out, sums off: programmed, gain, fitted", f"{', '.join(numbers)} %")


def _largest_sum(design: Design, weights: Mapping[str, SaturatingWeights], images: np.ndarray) -> float:
    """Largest difference of a sum between both balances, as part of the layer's largest sum, layer by layer."""
    inputs: dict[str, Any] = {}
    forward(design, weights, images, watch=lambda layer, x: inputs.update({layer.name: (layer, x)}))
    worst = 0.0
    for name, (layer, x) in inputs.items():
        scale, one = design.scales[name], weights[name]
        exact = replace(one, table=one.table.by("full")).sums(layer, x, scale)
        worst = max(worst, float(np.abs(one.sums(layer, x, scale) - exact).max() / np.abs(exact).max()))
    return worst


def _shifted(
    design: Design, held: Any, batch: np.ndarray, test: tuple[np.ndarray, np.ndarray], power: float, shift: float
) -> None:
    """A frequency shift as programmed, and what mends it: predetuning in closed form, then the fit."""
    law = Saturation(frequency_shift=shift)
    own = at_power(design, power)
    own = replace(own, parameters=replace(own.parameters, saturation=law))
    weights = saturating_weights(own, held)
    name = f"{_nanowatt(power)}, N = {shift:+g} f0"
    info(f"{name}: fast against full balance, outputs", f"{balance_error(own, weights, batch[:1]):.1e}")
    closed = fit_on_data(own, weights, batch, FitOptions(steps=0))
    start = time.process_time()
    fit = fit_on_data(own, weights, batch)
    seconds = time.process_time() - start
    shares = [np.mean(classes(forward(own, w, test[0])) == test[1]) for w in (weights, closed.held, fit.held)]
    numbers = ", ".join(f"{100 * one:.2f} %" for one in shares)
    info(f"{name}, {len(test[0]):,} images: programmed, closed form, fitted ({seconds:.0f} s)", numbers)
    _tell(fit, name)
