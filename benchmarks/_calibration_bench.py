"""Calibration on the bench: simulated chips with a hidden spread, in closed form and in ngspice."""

import numpy as np
from _show import info, show

from resonet.cosim.bench.meter import Meter
from resonet.cosim.bench.run import BenchCalibration, BenchChip, BenchOptions, calibrate_bench
from resonet.cosim.bench.simulated_chips import LinearChip, SpiceChip, Voltmeter, linear_chip
from resonet.cosim.bench.weighing import noise_gain, weighing_design
from resonet.models.resonator.linear import SpinDiode, detuning_for_weight, resonance_for_detuning

__all__ = ["claims"]

DEVICE, POWER, SLOPE = SpinDiode(), 2e-9, 1e12
Chip = LinearChip | SpiceChip


def _known(f: np.ndarray, slope: float | None = SLOPE) -> BenchChip:
    return BenchChip(f, f, -2e-3, 2e-3, POWER, slope=slope, sensitivity=DEVICE.sensitivity)


def _start(f: np.ndarray, target: np.ndarray, known: BenchChip) -> np.ndarray:
    """Tuning by formula."""
    u = detuning_for_weight(target / DEVICE.sensitivity * known.turns)
    return (resonance_for_detuning(f, u, DEVICE.damping) - f) / SLOPE


def _run(
    chip: Chip, target: np.ndarray, slope: float | None = SLOPE, **options: object
) -> tuple[BenchCalibration, float, float]:
    """Result, and RMS weight errors that the chip truly has before and after."""
    known = _known(chip.frequencies, slope)
    start = _start(chip.frequencies, target, known)
    calibration = calibrate_bench(chip, target, start, known, BenchOptions(**options))
    errors = [
        float(np.sqrt(np.mean((chip.weights(t) - target) ** 2)) / np.abs(target).max())
        for t in (start, calibration.tuning)
    ]
    return calibration, *errors


def _layer(seed: int, noise: float, **hidden: float) -> tuple[LinearChip, np.ndarray]:
    """16 chains of 25 resonators, 1-20 GHz, and a target."""
    f = np.geomspace(20e9, 1e9, 25)
    weights = np.random.default_rng(seed).uniform(-0.6, 0.6, (16, 25))
    return linear_chip(16, f, noise, seed, **hidden), weights * DEVICE.sensitivity


def _scatter() -> None:
    """Weighing designs: scatter of 200 estimates against the closed form."""
    chip, target = _layer(0, 1e-7)
    known = _known(chip.frequencies)
    start = _start(chip.frequencies, target, known)
    for design, gain in (("hadamard", 4 / 32), ("single", 2.0)):
        meter = Meter(chip, known, BenchOptions(design=design, budget=10**6), 16)
        weights = np.array([meter.weights(start, np.arange(25), 1)[0] for _ in range(200)])
        ratio = weights.var(0, ddof=1).mean() / (gain * (1e-7 / POWER) ** 2)
        readings = len(weighing_design(25, design))
        show(
            f"{design}, {readings} readings: variance of a weight over {gain:g} σ²/p²",
            f"{ratio:.3f}",
            "1 ± 0.05",
            abs(ratio - 1) < 0.05 and np.allclose(noise_gain(weighing_design(25, design)), gain),
        )


def _hostile(count: int) -> None:
    """Small chips that are further off than was told: how many converge, and whether any is worse than at its start."""
    f, worse, runs = np.geomspace(20e9, 2e9, 6), 0, 0
    cases = {
        "offsets of 2 half-widths": ({"offset": 2.0}, 1e-8),
        "offsets of 4 half-widths": ({"offset": 4.0}, 1e-8),
        "device spread 20 %": ({"spread": 0.2}, 1e-8),
        "noise 10 µV, half of what a tone gives": ({}, 1e-5),
    }
    for name, (hidden, noise) in cases.items():
        ended = []
        for seed in range(100, 100 + count):
            target = np.random.default_rng(seed).uniform(-0.5, 0.5, (3, 6)) * DEVICE.sensitivity
            calibration, before, after = _run(linear_chip(3, f, noise, seed, **hidden), target)
            ended.append(calibration.status.name in ("CONVERGED", "NOISE_FLOOR"))
            worse, runs = worse + (after > before), runs + 1
        info(f"3 x 6, {name}: to the tolerance or the noise", f"{sum(ended)} of {count}")
    show("the same: chips that truly are worse than at their start", f"{worse} of {runs}", "0", worse == 0)


def _spice() -> None:
    """A chain of 4 in ngspice."""
    f = np.geomspace(8e9, 4e9, 4)
    target = np.array([[0.4, -0.3, 0.5, -0.2]]) * DEVICE.sensitivity
    for jacobian in ("auto", "measured"):
        rest = f * (1 + 0.01 * np.random.default_rng(1).normal(0, 0.5, 4))
        meter = Voltmeter(1e-8, 1e-6, 0.0, np.random.default_rng(2))
        chip = SpiceChip(f, rest, 1.2 * SLOPE, 4e14, 2e-6, 0.35, DEVICE, meter)
        calibration, before, after = _run(chip, target, jacobian=jacobian)
        show(
            f"ngspice chip under bias, Jacobian {jacobian}: RMS error {before:.1%} ->",
            f"{after:.3%}",
            "<= 0.15 %",
            after <= 1.5e-3,
        )
        info("    readings, steps, status", f"{calibration.readings}, {calibration.steps}, {calibration.status.name}")


def claims(quick: bool) -> None:
    """Print every claim; `quick` takes fewer chips."""
    _scatter()
    for noise in (1e-7, 1e-8):
        for seed in range(1 if quick else 4):
            chip, target = _layer(seed, noise)
            calibration, before, after = _run(chip, target, tolerance=1e-9, most_repeats=2)
            ratio = after / calibration.noise_floor
            text = f"16 x 25, noise {noise * 1e9:g} nV, chip {seed}: RMS error {before:.0%} -> {after:.3%}; over noise"
            show(text, f"{ratio:.2f}", "<= 1.2", ratio <= 1.2)
            info(
                "    readings, steps, status", f"{calibration.readings}, {calibration.steps}, {calibration.status.name}"
            )
    chip, target = _layer(0, 1e-7)
    calibration, before, after = _run(chip, target, tolerance=1e-9, most_repeats=2, design="single")
    info(
        "16 x 25, noise 100 nV, chip 0, one tone at a time: RMS error, readings", f"{after:.3%}, {calibration.readings}"
    )
    chip, target = _layer(0, 1e-8)
    calibration, before, after = _run(chip, target, slope=None)
    show("16 x 25, slope unknown: RMS error after", f"{after:.3%}", "<= 0.15 %", after <= 1.5e-3)
    info("    slope found (true 1.15e12, spread 5 %), readings", f"{calibration.slope:.3g}, {calibration.readings}")
    chip, target = _layer(0, 1e-8, drift=1e-10, wander=0.02)
    calibration, before, after = _run(chip, target)
    info("16 x 25, f_res drifts 0.02 half-widths per 1000 readings: RMS error", f"{before:.0%} -> {after:.2%}")
    info("    readings, status", f"{calibration.readings}, {calibration.status.name}")
    _hostile(6 if quick else 24)
    _spice()


if __name__ == "__main__":
    claims(False)
