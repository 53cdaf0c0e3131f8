"""Quantised programming and weight sharing on the shipped network, for the show script."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from _show import info, show

from resonet.cosim.calibration.bits import bits_sweep
from resonet.cosim.calibration.quantised import (
    QuantisationOptions,
    calibrated_programs,
    calibrated_weights,
    quantise_layer,
)
from resonet.cosim.calibration.shared import SharingOptions, calibrate_shared
from resonet.cosim.weights.engines import linear, ngspice
from resonet.cosim.weights.inference import accuracy
from resonet.models.resonator.chain import Chains, chain_response
from resonet.netlist.design.design import Design, compile_cnn
from resonet.netlist.network.images import ImageSet, read_images
from resonet.netlist.network.onnx.read import read_cnn
from resonet.netlist.programming.sharing import SharedProblem, solve_shared

__all__ = ["claims"]

MNIST = Path(__file__).parent.parent / "examples" / "mnist"


def _shipped() -> tuple[Design, ImageSet]:
    """The shipped network as a design, and its test images."""
    model = MNIST / "mnist.onnx"
    shape = read_cnn(model).input_shape
    return compile_cnn(model, None, read_images(MNIST / "mnist_calibration.npz", shape)), read_images(
        MNIST / "mnist_test.npz", shape
    )


def _quantised(design: Design, data: ImageSet, quick: bool) -> None:
    """Accuracy against bits, and the search against the nearest levels."""
    start = calibrated_programs(design, linear)
    choices = [QuantisationOptions(bits=b) for b in ((8,) if quick else range(1, 9))]
    choices += [QuantisationOptions(states=(-1.0, 1.0)), QuantisationOptions(bits=4, span=0.5)]
    began = time.perf_counter()
    sweep = bits_sweep(design, linear, choices, data, start)
    seconds = time.perf_counter() - began
    layers = [layer for point in sweep.points for layer in point.layers.values()]
    worse = max(layer.rms / layer.rms_nearest for layer in layers)
    show("coordinate descent against the nearest levels, worst layer", f"x {worse:.4f}", "<= 1", worse <= 1)
    fine = next(point for point in sweep.points if point.label == "8-bit")
    lost = 100 * ((sweep.software or 0) - (fine.accuracy or 0))
    show("8-bit DACs: accuracy below software, 10,000 images", f"{lost:.2f} points", "<= 0.1", lost <= 0.1)
    entry = design.plan.layers[0]
    name = entry.layer.name
    first, second = (
        quantise_layer(design.plan, entry, start[name], run, QuantisationOptions(bits=4)).rms
        for run in (linear, ngspice)
    )
    off = abs(second / first - 1)
    show(f"{name}, 4 bits: RMS error by ngspice against linear", f"{off:.1e}", "<= 1e-5", off <= 1e-5)
    for options, point in zip(choices, sweep.points, strict=True):
        errors = f"{100 * point.rms_nearest:.2f} / {100 * point.rms:.2f} %"
        shares = f"{100 * (point.accuracy_nearest or 0):.2f} / {100 * (point.accuracy or 0):.2f} %"
        info(f"{point.label}, span {options.span:g}: RMS nearest / descent; accuracy", f"{errors}; {shares}")
    info("accuracy of software and of the calibrated circuit", f"{sweep.software:.4f}, {sweep.accuracy_start:.4f}")
    info("all of that, s", f"{seconds:.0f}")


def _prediction() -> float:
    """Worst relative deviation of the squares that sharing leaves from those of linear least squares, small spread."""
    rng, positions, kernels, taps = np.random.default_rng(1), 6, 8, 25
    chains = Chains(np.geomspace(20e9, 1e9, taps), np.where(np.arange(taps) % 2, -1.0, 1.0), 0.01)
    target = np.tile(rng.uniform(-0.5, 0.5, (kernels, taps)), (positions, 1))
    unknown = np.tile(np.arange(kernels * taps).reshape(kernels, taps), (positions, 1))
    nominal = solve_shared(SharedProblem(target, chains, unknown), np.zeros(kernels * taps)).x
    offset = 1e-6 * rng.standard_normal(target.shape)
    shared = solve_shared(SharedProblem(target, chains, unknown, offset), nominal)
    around = offset.reshape(positions, kernels, taps)
    u = nominal[unknown] / (1 - chains.damping * nominal[unknown])
    jacobian = chain_response(u, chains)[1] * (1 + chains.damping * u)[:, None] ** 2  # du/dδ = -(f_k / f_res)²
    left = (np.einsum("nak,nk->na", jacobian, (around - around.mean(0)).reshape(-1, taps)) ** 2).sum(1)
    return float(np.abs(shared.squares / left - 1).max())


def _sharing(design: Design, data: ImageSet, quick: bool) -> None:
    """conv1 in parallel: shared tuning currents against one each."""
    off = _prediction()
    show("shared tunings, spread 1e-6: squares against linear least squares", f"{off:.1e}", "<= 1e-4", off <= 1e-4)
    entry, effective = design.plan.layer("conv1"), calibrated_weights(design, linear)
    alike = calibrate_shared(design.plan, entry, linear, SharingOptions(spread=0.0))
    show("conv1, all positions alike: RMS with shared tunings", f"{alike.rms:.1e}", "<= 1e-9", alike.rms <= 1e-9)
    info("conv1: resonators, shared tuning currents", f"{alike.resonators:,}, {alike.unknowns:,}")
    for spread in (0.1,) if quick else (0.01, 0.03, 0.1, 0.3):
        options = SharingOptions(spread=spread)
        began = time.perf_counter()
        shared = calibrate_shared(design.plan, entry, linear, options)
        seconds = time.perf_counter() - began
        each = calibrate_shared(design.plan, entry, linear, replace(options, shared=False))
        what = f"conv1, spread {spread:g} half-widths: "
        show(what + "RMS with one tuning each", f"{each.rms:.1e}", "<= 1e-9", each.rms <= 1e-9)
        show(what + "time of the shared solve", f"{seconds:.1f} s", "<= 10 s", seconds <= 10)
        share = accuracy(design, {**effective, "conv1": shared.weights}, data).circuit
        info(what + "RMS shared, accuracy", f"{100 * shared.rms:.2f} %, {100 * share:.2f} %")


def claims(quick: bool) -> None:
    """Show every claim; `quick` takes fewer bits and spreads."""
    design, data = _shipped()
    _quantised(design, data, quick)
    _sharing(design, data, quick)
