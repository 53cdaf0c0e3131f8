"""Calibrate a chip on the bench. Here the chip is simulated; put your own instruments into `measure`.

python examples/bench/bench_calibration.py
"""

import numpy as np

from resonet.cosim.bench.run import BenchChip, BenchOptions, calibrate_bench
from resonet.cosim.bench.simulated_chips import linear_chip
from resonet.models.resonator.linear import detuning_for_weight, resonance_for_detuning

FREQUENCIES = np.geomspace(8e9, 2e9, 9)  # Hz, the tone sources
KNOWN = BenchChip(FREQUENCIES, rest=FREQUENCIES, slope=1e12, low=-1e-3, high=1e-3, p_max=2e-9)  # tuning: A
CHIP = linear_chip(chains=4, frequencies=FREQUENCIES, noise=50e-9, seed=1)  # what the chip hides is drawn in there


def measure(tuning, powers):
    """Set tuning currents [4, 9] A; for each row of powers [settings, 9] W set the tones; read 4 voltmeters, V."""
    return CHIP(tuning, powers)


def main():
    """Program by formula, calibrate, print before and after."""
    target = np.random.default_rng(0).uniform(-0.5, 0.5, (4, 9)) * KNOWN.sensitivity  # V/W
    detuning = detuning_for_weight(target / KNOWN.sensitivity * KNOWN.turns)
    start = (resonance_for_detuning(FREQUENCIES, detuning, KNOWN.damping) - FREQUENCIES) / KNOWN.slope
    result = calibrate_bench(measure, target, start, KNOWN, BenchOptions(tolerance=2e-3))
    print(f"{result.status.name}: {result.status.value}")
    print(f"RMS weight error {result.rms_before:.2%} -> {result.rms_after:.2%} of the largest weight,")
    print(f"{result.readings} readings, {result.steps} steps; found slope {result.slope:.3g} Hz/A (believed: 1e12)")
    true = (np.sqrt(np.mean((CHIP.weights(t) - target) ** 2)) / np.abs(target).max() for t in (start, result.tuning))
    print("what the simulated chip truly holds: {:.2%} -> {:.2%}".format(*true))
    return result


if __name__ == "__main__":
    main()
