"""Calibration on the bench: designs, meter, model, convergence to the noise, and every way a chip can misbehave."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

from resonet.core.errors import InputError
from resonet.cosim.bench.meter import Meter
from resonet.cosim.bench.model import chip_model, model_weights
from resonet.cosim.bench.run import BenchChip, BenchOptions, BenchStatus, calibrate_bench
from resonet.cosim.bench.simulated_chips import LinearChip, SpiceChip, Voltmeter, linear_chip
from resonet.cosim.bench.steps import colour_classes, difference_step
from resonet.cosim.bench.weighing import noise_gain, s_matrix, s_order, weighing_design
from resonet.models.resonator.complete import FullResonator, impedance, rectified_voltage
from resonet.models.resonator.linear import SpinDiode, detuning_for_weight, resonance_for_detuning

ROOT = Path(__file__).parents[2]
RNG = np.random.default_rng
SENSITIVITY = SpinDiode().sensitivity


class Case:
    """A chip with a hidden spread, what is known of it, a target, and the start by formula."""

    def __init__(self, chains=3, size=6, noise=1e-8, seed=0, slope=1e12, known=1e12, fill=0.5, **hidden):
        self.f = np.geomspace(20e9, 2e9, size)
        self.target = RNG(seed).uniform(-fill, fill, (chains, size)) * SENSITIVITY
        self.chip = linear_chip(chains, self.f, noise, seed, slope=slope, **hidden)
        self.known = BenchChip(self.f, self.f, -2e-3, 2e-3, 2e-9, slope=known, sensitivity=SENSITIVITY)
        u = detuning_for_weight(self.target / SENSITIVITY * self.known.turns)
        self.start = (resonance_for_detuning(self.f, u, 0.01) - self.f) / slope

    def error(self, tuning):
        return np.sqrt(np.mean((self.chip.weights(tuning) - self.target) ** 2)) / np.abs(self.target).max()

    def run(self, measure=None, **options):
        return calibrate_bench(measure or self.chip, self.target, self.start, self.known, BenchOptions(**options))


@pytest.mark.parametrize("order", [1, 3, 7, 11, 15, 19, 23, 31, 43, 63])
def test_s_matrix(order):
    s = s_matrix(order)
    assert set(np.unique(s)) <= {0.0, 1.0}
    assert s @ s.T == pytest.approx((order + 1) / 4 * (1 + np.eye(order)))
    inverse = np.linalg.inv(s)
    assert (inverse**2).sum(1) == pytest.approx(np.full(order, 4 * order / (order + 1) ** 2))  # zero known


def test_noise_gain_with_unknown_zero():
    assert [s_order(n) for n in (1, 2, 9, 25, 48)] == [1, 3, 11, 31, 59]
    for tones in (3, 9, 25):
        n = s_order(tones)
        assert weighing_design(tones).shape == (n + 1, tones)
        assert noise_gain(weighing_design(tones)) == pytest.approx(np.full(tones, 4 / (n + 1)))
        assert noise_gain(weighing_design(tones, "single")) == pytest.approx(np.full(tones, 2.0))
        random = noise_gain(weighing_design(tones, "random", 3)) * len(weighing_design(tones, "random", 3))
        assert np.all(random < 4 * 6)  # 4 would be a Hadamard matrix of as many readings
    for bad in (0, 5000):
        with pytest.raises(InputError, match=f"weighing design for {bad} tones; possible: 1 ... 4096"):
            s_order(bad)
    with pytest.raises(InputError, match="no S-matrix of order 4; the next is 7"):
        s_matrix(4)


@pytest.mark.parametrize("design", ["hadamard", "single", "random"])
def test_scatter_of_measured_weights_is_as_predicted(design):
    case = Case(chains=2, noise=1e-7)
    meter = Meter(case.chip, case.known, BenchOptions(design=design, budget=10**6), 2)
    meter.zero(case.start)
    found = np.array([meter.weights(case.start, np.arange(6), 1)[0] for _ in range(300)])
    assert found.mean(0) == pytest.approx(case.chip.weights(case.start), abs=5e-7 / 2e-9 * np.sqrt(2 / 300))
    predicted = (1e-7 / 2e-9) ** 2 * noise_gain(weighing_design(6, design)).mean()
    assert found.var(0, ddof=1).mean() == pytest.approx(predicted, rel=0.1)
    assert meter.noise == pytest.approx(np.full(2, 1e-7), rel=4 / np.sqrt(2 * meter.freedom))


def test_linear_drift_of_the_zero_cancels_in_two_repeats():
    case = Case(noise=0.0, drift=1e-8)
    meter = Meter(case.chip, case.known, BenchOptions(), 3)
    true = case.chip.weights(case.start)
    once, twice = (meter.weights(case.start, np.arange(6), n)[0] for n in (1, 2))
    assert np.abs(once - true).max() > 1.0
    assert twice == pytest.approx(true, abs=1e-6 * SENSITIVITY)


def test_model_agrees_with_the_chip_and_its_derivatives_with_differences():
    case = Case(noise=0.0, offset=0.0, spread=0.0)
    model = chip_model(case.known, BenchOptions(), np.zeros((3, 6)), 1e12)
    theta = np.zeros((3, len(model.widths)))
    theta[:, -3:] = np.log([0.9, 1.1, 1.15]) / model.widths[-3:]  # what the simulated chips are off as a whole
    z = RNG(1).uniform(-0.5, 0.5, (3, 1, 6))
    weights, _, by_shift, by_damping = model_weights(theta, z, model, model.base)
    tuning = z[:, 0] * model.unit / 1e12
    assert weights[:, 0] * SENSITIVITY == pytest.approx(case.chip.weights(tuning), abs=3e-3 * SENSITIVITY)  # the bus
    for column, derivative in ((2, by_shift), (6 * 2 + 2, by_damping)):
        up, down = theta.copy(), theta.copy()
        up[:, column] += 1e-5
        down[:, column] -= 1e-5
        slope = model_weights(up, z, model, model.base)[0] - model_weights(down, z, model, model.base)[0]
        assert slope / (2e-5 * model.widths[column]) == pytest.approx(derivative[..., 2], rel=1e-6, abs=1e-8)


def test_classes_share_no_tone_and_the_step_is_the_best():
    f = np.geomspace(20e9, 1e9, 25)
    classes = colour_classes(f, 0.01)
    assert sorted(np.concatenate(classes)) == list(range(25))
    assert len(classes) == 3
    for members in classes:
        near = np.abs(f[:, None] / f[members] - 1) < 0.15
        assert near.sum(1).max() == 1
    noise = 1e-3
    h = np.geomspace(0.02, 0.5, 2000)
    assert difference_step(noise) == pytest.approx(h[np.argmin(noise**2 / (2 * h**2) + (2 * h**2) ** 2)], rel=0.01)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_converges_to_the_noise(seed):
    case = Case(seed=seed, noise=5e-8)
    result = case.run(tolerance=1e-9, most_repeats=4)
    assert result.status is BenchStatus.NOISE_FLOOR
    assert result.verified
    assert result.improved
    assert case.error(case.start) > 0.3
    # One more measurement of the final precision, all it says taken at its word, leaves 1.0 of its own noise.
    assert case.error(result.tuning) < 1.2 * result.noise_floor
    assert result.noise_floor == pytest.approx(np.sqrt(4 / 8 / 4) * 5e-8 / 2e-9 / np.abs(case.target).max(), rel=0.15)
    assert result.rms_after**2 == pytest.approx(case.error(result.tuning) ** 2, abs=4 * result.uncertainty)
    assert result.rms_before == pytest.approx(case.error(case.start), rel=0.01)


@pytest.mark.parametrize(
    ("hidden", "options"),
    [
        ({}, {"jacobian": "measured"}),
        ({}, {"jacobian": "model", "design": "single"}),
        ({}, {"design": "random"}),
        ({"chains": 4, "size": 9}, {"inputs": 3}),
        ({"known": None}, {}),
        ({"known": None, "slope": -1e12}, {}),
        ({"known": 0.7e12}, {}),
        ({"offset": 1.0, "spread": 0.1}, {}),
        ({"offset": 2.0, "seed": 5}, {}),
    ],
)
def test_reaches_the_tolerance(hidden, options):
    case = Case(**hidden)
    result = case.run(**options)
    assert result.status is BenchStatus.CONVERGED
    assert case.error(result.tuning) < 1.5e-3 < 0.3 < case.error(case.start)


def test_drifting_chip_gets_better_by_far():
    case = Case(drift=1e-10, wander=0.02)
    result = case.run()
    assert case.error(result.tuning) < 0.02 * case.error(case.start)


@pytest.mark.slow
def test_never_worse_than_the_start():
    for seed in range(6):
        case = Case(seed=seed, noise=1e-5)  # 0.5 of the sensitivity in a reading
        case.start = case.run(tolerance=1e-9, most_repeats=16, budget=100_000).tuning
        before = case.error(case.start)
        result = case.run(budget=400)
        assert result.improved == (not np.array_equal(result.tuning, case.start))
        assert case.error(result.tuning) <= before + 2 * result.noise_floor / np.sqrt(case.target.size)
    case = Case()
    noise = RNG(0)
    result = case.run(lambda tuning, powers: noise.normal(0, 1e-6, (len(powers), 3)))
    assert np.array_equal(result.tuning, case.start)
    assert not result.improved
    wild = case.run(lambda tuning, powers: noise.normal(0, 1e5, (len(powers), 3)))
    assert np.array_equal(wild.tuning, case.start)
    deaf = case.run(lambda tuning, powers: case.chip(case.start, powers))
    assert np.array_equal(deaf.tuning, case.start)
    assert deaf.status in (BenchStatus.STALLED, BenchStatus.OUT_OF_RANGE)
    case.known = Case(known=None).known
    assert case.run(lambda tuning, powers: case.chip(case.start, powers)).status is BenchStatus.NO_EFFECT


def test_a_chip_that_fails_now_and_then():
    case, dice = Case(), RNG(4)

    def measure(tuning, powers):
        if dice.random() < 0.2:
            raise TimeoutError("no answer from GPIB 7")
        found = case.chip(tuning, powers)
        found[dice.random(len(found)) < 0.05] = np.nan
        return found

    result = case.run(measure, retries=20)
    assert result.status is BenchStatus.CONVERGED
    assert case.error(result.tuning) < 1.5e-3


@pytest.mark.parametrize(
    ("answer", "trouble"),
    [
        (lambda powers: 1 / 0, "ZeroDivisionError: division by zero"),
        (lambda powers: np.full((len(powers), 3), np.nan), "16 of 16 readings are not finite"),
        (lambda powers: np.full((len(powers), 3), 1e300), "16 of 16 readings are not finite, or over 1e"),
        (lambda powers: np.zeros(3), r"voltages of shape \(3,\); wanted: \(16, 3\)"),
        (lambda powers: "no numbers", "ValueError: could not convert"),
        (lambda powers: None, "voltages of shape"),
    ],
)
def test_a_chip_that_never_answers(answer, trouble):
    case = Case()
    result = case.run(lambda tuning, powers: answer(powers))
    assert result.status is BenchStatus.NO_ANSWER
    assert re.match(trouble, result.trouble)
    assert np.array_equal(result.tuning, case.start)
    assert np.isnan(result.rms_before)
    assert result.readings == 3 * 16


def test_a_chip_that_dies_on_the_way_keeps_what_was_reached():
    case = Case()

    def measure(tuning, powers):
        if case.chip.meter.readings > 60:
            raise OSError("gone")
        return case.chip(tuning, powers)

    result = case.run(measure)
    assert (result.status, result.trouble) == (BenchStatus.NO_ANSWER, "OSError: gone")
    assert not result.verified
    assert case.error(result.tuning) <= case.error(case.start)


@pytest.mark.parametrize("budget", [1, 20, 60, 80, 100, 300])
def test_budget(budget):
    case = Case(noise=1e-7)
    result = case.run(budget=budget, tolerance=1e-9)
    assert result.readings == case.chip.meter.readings <= budget
    assert result.status is BenchStatus.BUDGET
    assert case.error(result.tuning) <= case.error(case.start)


def test_limits_are_kept():
    case, seen = Case(), []
    case.known = BenchChip(case.f, case.f, -6e-4, 6e-4, 2e-9, sensitivity=SENSITIVITY, slope=1e12, p_total=4e-9)
    case.start = np.clip(case.start, -6e-4, 6e-4)

    def measure(tuning, powers):
        seen.append((np.abs(tuning).max(), powers.min(), powers.max(), powers.sum(1).max()))
        tuning[:], answer = 7, case.chip(tuning, powers)  # whatever it does to its arguments
        return answer

    result = case.run(measure, passes=4)
    tuning, least, most, total = np.array(seen).T
    assert tuning.max() <= 6e-4
    assert least.min() >= 0
    assert most.max() <= 2e-9
    assert total.max() <= 4e-9 * (1 + 1e-12)
    assert np.abs(result.tuning).max() <= 6e-4


def test_weights_out_of_reach_are_a_status():
    case = Case(fill=0.5)
    case.target[1, 2] = 3 * SENSITIVITY
    result = case.run()
    assert result.status is BenchStatus.OUT_OF_RANGE
    assert case.error(result.tuning) < case.error(case.start)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"target": np.zeros((3, 5))}, r"target of shape \(3, 5\); possible: \[chains, 6\]"),
        ({"start": np.zeros((2, 6))}, r"start of shape \(2, 6\); possible: \(3, 6\)"),
        ({"start": np.full((3, 6), 1.0)}, "the start leaves the tuning limits -0.002 ... 0.002"),
        ({"target": np.full((3, 6), np.nan)}, "all finite"),
    ],
)
def test_arrays_that_do_not_fit(change, words):
    case = Case()
    given = {"target": case.target, "start": case.start} | change
    with pytest.raises(InputError, match=words):
        calibrate_bench(case.chip, chip=case.known, **given)


def test_options_and_chips_that_make_no_sense():
    f = np.array([1e9, 2e9])
    for given, words in (
        ({"p_max": -1.0}, "p_max = -1: must be positive"),
        ({"slope": 0.0}, "slope = 0: must be finite and not zero; None where it is unknown"),
        ({"low": 1.0, "high": 0.0}, "must be finite, and low below high"),
        ({"signs": np.ones(3)}, r"signs of shape \(3,\); possible: \(2,\)"),
        ({"frequencies": np.ones(257)}, r"bench: \(257,\) frequencies; possible: a list of 1 ... 256"),
        ({"frequencies": np.array([1e9, np.nan])}, "not a positive number of hertz"),
    ):
        with pytest.raises(InputError, match=words):
            BenchChip(**({"frequencies": f, "rest": f, "low": -1.0, "high": 1.0, "p_max": 1e-9} | given))
    with pytest.raises(InputError, match=r"bench\.design = 'x': possible: hadamard, single, random"):
        BenchOptions(design="x")
    with pytest.raises(InputError, match=r"bench\.budget = 0"):
        BenchOptions(budget=0)


def spice_chip(bias=2e-6, psi=0.35, bend=4e14, seed=1) -> SpiceChip:
    f = np.geomspace(8e9, 4e9, 4)
    rest = f * (1 + 0.01 * RNG(seed).normal(0, 0.5, 4))
    return SpiceChip(f, rest, 1.2e12, bend, bias, psi, SpinDiode(), Voltmeter(1e-8, 1e-6, 0.0, RNG(2)))


def test_spice_chip_without_bias_is_the_closed_form():
    chip, tuning = spice_chip(bias=0.0), np.array([[1e-5, -2e-5, 0.0, 3e-5]])
    f_res = chip.rest + chip.slope * tuning[0] + chip.bend * tuning[0] ** 2
    parts = [FullResonator.from_spin_diode(chip.device, f, psi=chip.psi, rc=20.0, lc=30e-12, cpar=2e-15) for f in f_res]
    z = np.array([impedance(chip.frequencies, part) for part in parts])
    current = np.sqrt(2 / 1e3) * (50 + 4e3) / (50 + z.sum(0))  # nodes to ground left out
    wanted = sum((-1) ** k * rectified_voltage(chip.frequencies, part, current) for k, part in enumerate(parts))
    assert chip.weights(tuning)[0] == pytest.approx(wanted, abs=0.02 * np.abs(wanted).max())


@pytest.mark.parametrize("jacobian", ["auto", "measured"])
def test_chip_in_ngspice_that_no_model_fits(jacobian):
    chip = spice_chip()
    known = BenchChip(chip.frequencies, chip.frequencies, -2e-3, 2e-3, 2e-9, slope=1e12, sensitivity=SENSITIVITY)
    target = np.array([[0.4, -0.3, 0.5, -0.2]]) * SENSITIVITY
    u = detuning_for_weight(target / SENSITIVITY * known.turns)
    start = (resonance_for_detuning(chip.frequencies, u, 0.01) - chip.frequencies) / 1e12
    result = calibrate_bench(chip, target, start, known, BenchOptions(jacobian=jacobian))
    assert result.status is BenchStatus.CONVERGED
    error = np.sqrt(np.mean((chip.weights(result.tuning) - target) ** 2)) / target.max()
    assert error < 1.5e-3 < 0.3 < result.rms_before


def test_example_runs(capsys):
    path = ROOT / "examples" / "bench" / "bench_calibration.py"
    spec = importlib.util.spec_from_file_location("bench_calibration", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert isinstance(module.CHIP, LinearChip)
    result = module.main()
    assert result.status is BenchStatus.CONVERGED
    assert "CONVERGED: the weights are within the tolerance" in capsys.readouterr().out
