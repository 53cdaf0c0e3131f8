"""Calibration on the bench: tune a real chip, of which only readings are to be had, until it holds the weights.

The chip is one callable, measure(tuning, powers) -> voltages. Each pass

    measure  the weights, by a weighing design over the tones (cosim/bench/weighing.py)
    fit      the model with its open parameters to everything measured, then what it misses (cosim/bench/model.py)
    solve    for the tuning at which both answer with the target; a chain that got worse goes back, with half the step

until the error is within the tolerance, or is the noise of the measurement. At the end the result and the start are
measured in turn, and the start is what comes back unless the result is better by more than the noise.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.errors import InputError
from resonet.core.types import Array, Ints
from resonet.cosim.bench.meter import Meter
from resonet.cosim.bench.model import (
    ChipModel,
    History,
    chip_model,
    correction,
    found_detuning,
    found_scales,
    identify,
    model_weights,
    scan_offsets,
    solve,
)
from resonet.cosim.bench.records import BenchCalibration, BenchChip, BenchOptions, BenchStatus, BenchStop, Measure
from resonet.cosim.bench.steps import difference_points, find_slope

__all__ = ["BenchCalibration", "BenchChip", "BenchOptions", "BenchStatus", "calibrate_bench"]

SIGNIFICANT = 2.0  # standard errors
LONGEST = 2.0  # half-widths that a resonator moves in a step
BEYOND, JUMP = 1.5, 8.0  # further than that from its tone it moves so far: it must pass the peak of its line at once
GAIN = 0.8  # of the squared error: a step that leaves more than that is no progress
REFUSED = 0.25  # fraction of a step that is left after two refusals
IDLE = 3  # steps without progress


@dataclass(frozen=True, slots=True, eq=False)
class _State:
    """The best tuning so far, and what was measured there (units of the sensitivity)."""

    z: Array  # [chains, K]
    values: Array  # [chains, tones]
    variance: Array  # [chains, tones]
    fraction: Array  # [chains] of the way to the model's answer that is taken at once


def _excess(values: Array, variance: Array, target: Array) -> tuple[Array, Array]:
    """Squared error of every chain without the noise, Σ (r² - σ²), and its standard error √Σ(4r²σ² + 2σ⁴)."""
    square = (values - target) ** 2
    true_square = np.maximum(square - variance, 0)  # of 4r²σ², r is the true error
    return (square - variance).sum(1), np.sqrt((4 * true_square * variance + 2 * variance**2).sum(1))


class _Run:
    """One calibration on its way."""

    def __init__(self, meter: Meter, chip: BenchChip, options: BenchOptions, target: Array, start: Array) -> None:
        self.meter, self.chip, self.options, self.start = meter, chip, options, start
        self.target = target / chip.sensitivity
        self.top = float(np.abs(self.target).max()) or 1.0
        self.tones = np.arange(target.shape[1])
        self.repeats, self.steps, self.turn = options.repeats, 0, 0
        self.rng = np.random.default_rng(options.seed + 1)
        self.model: ChipModel | None = None
        self.last_variance = np.full(target.shape, np.nan)

    def tuning(self, z: Array) -> Array:
        """Tuning in the user's unit at z, within its limits."""
        assert self.model is not None
        return np.clip(self.start + z * self.model.unit / self.model.slope, self.chip.low, self.chip.high)

    def _look(self, tuning: Array, tones: Ints, repeats: int) -> tuple[Array, Array]:
        """Weights and variances in units of the sensitivity, variance infinite for tones not measured."""
        values, variance = np.zeros(self.target.shape), np.full(self.target.shape, np.inf)
        weights, noise = self.meter.weights(tuning, tones, repeats)
        values[:, tones], variance[:, tones] = weights / self.chip.sensitivity, noise / self.chip.sensitivity**2
        return values, variance

    def begin(self) -> None:
        """Noise, weights at the start, slope, and the excitations that tell the open parameters apart."""
        self.meter.zero(self.start)
        first = self._look(self.start, self.tones, self.repeats)
        self.last_variance = first[1]
        slope, base = self.chip.slope, self.start
        if slope is None:
            slope, base = find_slope(self.meter, self.chip, self.options, self.start, first), np.zeros_like(self.start)
        self.model = chip_model(self.chip, self.options, base, slope)
        ends = ((edge - self.start) * slope / self.model.unit for edge in (self.chip.low, self.chip.high))
        low, high = (np.broadcast_to(end, self.start.shape) for end in ends)
        self.limits = (np.minimum(low, high), np.maximum(low, high))
        zero = np.zeros_like(self.start)
        self.history = History(zero[:, None], first[0][:, None], first[1][:, None])
        self.state = _State(zero, *first, np.ones(len(zero)))
        self.first = self.state
        self.theta = np.zeros((len(zero), len(self.model.widths)))
        move = self.options.step * self.rng.choice([-1.0, 1.0], self.start.shape)
        for z in (move, -move):
            self._learn(z)
        self.theta = scan_offsets(self.history, self.model, self.theta)
        if self.options.jacobian == "measured":
            self.differences()

    def _learn(self, z: Array) -> None:
        """Measure all tones at z, for the fit only."""
        z = np.clip(z, *self.limits)
        self.history = self.history.add(z, *self._look(self.tuning(z), self.tones, self.repeats))

    def differences(self) -> None:
        """Central differences about the best tuning, spectral neighbours apart."""
        assert self.model is not None
        noise = float(np.sqrt(np.median(self.state.variance)))
        for z in difference_points(self.state.z, self.model, noise):
            self._learn(z)

    def propose(self) -> tuple[Array, Array]:
        """Z at which the model, fitted to everything, answers with the target; residual of each chain."""
        assert self.model is not None
        self.theta = identify(self.history, self.model, self.theta)
        extra = correction(self.history, self.model, self.theta, self.state.z)
        return solve(self.target, self.model, self.theta, self.state.z, extra, self.limits)

    def _bounded(self, move: Array) -> Array:
        """A move [chains, K] from the best tuning, cut to what a step may be."""
        assert self.model is not None
        far = np.abs(found_detuning(self.theta, self.state.z, self.model)) > BEYOND
        limit = np.where(far, JUMP, LONGEST) * self.state.fraction[:, None]
        return np.asarray(np.clip(move, -limit, limit))

    def _subset(self) -> Ints:
        """The next tones in turn."""
        count = self.options.inputs
        if not 0 < count < len(self.tones):
            return self.tones
        self.turn += count
        return np.sort((np.arange(self.turn - count, self.turn)) % len(self.tones))

    def step(self, tones: Ints) -> bool:
        """One pass; whether the model could reach the target within its bounds."""
        assert self.model is not None
        proposal, worst = self.propose()
        old = self.state
        z = old.z + self._bounded(old.fraction[:, None] * (proposal - old.z))
        values, variance = self._look(self.tuning(z), tones, self.repeats)
        self.steps += 1
        extra = correction(self.history, self.model, self.theta, old.z)
        said = model_weights(self.theta, z[:, None], self.model, self.model.base)[0][:, 0]
        said = said + extra[0] + (extra[1] @ (z - old.z)[..., None])[..., 0]
        self.history = self.history.add(z, values, variance)
        self.last_variance = np.where(np.isfinite(variance), variance, self.last_variance)
        unseen = ~np.isfinite(variance)
        values, variance = np.where(unseen, said, values), np.where(unseen, 2 * old.variance, variance)
        now, now_error = _excess(values, variance, self.target)
        before, before_error = _excess(old.values, old.variance, self.target)
        worse = now - before > SIGNIFICANT * np.hypot(now_error, before_error)
        pick = worse[:, None]
        fraction = np.where(worse, 0.5 * old.fraction, np.minimum(1, 2 * old.fraction))
        kept = [np.where(pick, a, b) for a, b in ((old.z, z), (old.values, values), (old.variance, variance))]
        self.state = _State(kept[0], kept[1], kept[2], fraction)
        return bool(np.all(worst <= 0.5 * self.options.tolerance * self.top))

    def refresh(self) -> None:
        """Measure the best tuning again where steps from it were refused twice: the chip may have drifted since."""
        stale = self.state.fraction <= REFUSED
        if not stale.any():
            return
        values, variance = self._look(self.tuning(self.state.z), self.tones, self.repeats)
        self.history = self.history.add(self.state.z, values, variance)
        fraction = np.where(stale, 2 * REFUSED, self.state.fraction)
        self.state = replace(self.state, values=values, variance=variance, fraction=fraction)

    def error(self, state: _State) -> tuple[float, float]:
        """Mean squared error without noise, in units of the largest target, and its standard error."""
        excess, deviation = _excess(state.values, state.variance, self.target)
        scale = self.target.size * self.top**2
        return float(excess.sum()) / scale, float(np.sqrt((deviation**2).sum())) / scale

    def noisy(self) -> bool:
        """Whether the residuals are no more than the noise of their measurement."""
        variance = self.state.variance
        excess = float(((self.state.values - self.target) ** 2 - variance).sum())
        return excess <= 3 * float(np.sqrt(2 * (variance**2).sum()))

    def descend(self) -> BenchStatus:
        """Passes until one of the ends in `BenchStatus`. Raises BenchStop."""
        best, idle, measured = self.error(self.state)[0], 0, self.options.jacobian != "auto"
        settled = 0
        for _ in range(self.options.passes):
            reached = self.step(self._subset())
            self.refresh()
            error, deviation = self.error(self.state)
            if error + SIGNIFICANT * deviation <= self.options.tolerance**2:
                if self._complete():
                    return BenchStatus.CONVERGED
                continue
            if self.noisy():
                settled += 1
                if settled > 1 and self.repeats >= self.options.most_repeats:
                    return BenchStatus.NOISE_FLOOR
                self.repeats = min(2 * self.repeats, self.options.most_repeats)
                best, idle = error, 0
                continue
            idle, best = (0, error) if error < GAIN * best else (idle + 1, best)
            if idle >= IDLE:
                if measured:
                    return BenchStatus.STALLED if reached else BenchStatus.OUT_OF_RANGE
                self.differences()
                measured, idle = True, 0
        return BenchStatus.PASSES

    def _complete(self) -> bool:
        """Whether the tolerance holds over all tones; where they are taken in turn, measured once more at once."""
        if not 0 < self.options.inputs < len(self.tones):
            return True
        values, variance = self._look(self.tuning(self.state.z), self.tones, self.repeats)
        self.history = self.history.add(self.state.z, values, variance)
        self.state = replace(self.state, values=values, variance=variance)
        error, deviation = self.error(self.state)
        return error + SIGNIFICANT * deviation <= self.options.tolerance**2

    def candidate(self) -> Array:
        """Z to return: of everything measured, unless the error stands out of the noise; then the best measured."""
        if not self.noisy():
            return self.state.z
        proposal = self.propose()[0]
        return self.state.z + self._bounded(proposal - self.state.z)

    def compare(self, tuning: Array) -> tuple[_State, _State]:
        """Start and result measured in turn, A B B A, so that a linear drift favours neither."""
        each = 4 * self.meter.settings(len(self.tones))
        repeats = int(np.clip(self.meter.left // each, 1, self.repeats))
        looks = [self._look(t, self.tones, repeats) for t in (self.start, tuning, tuning, self.start)]
        pairs = ((looks[0], looks[3]), (looks[1], looks[2]))
        means = [((a[0] + b[0]) / 2, (a[1] + b[1]) / 4) for a, b in pairs]
        ones = np.ones(len(self.start))
        return _State(self.start, *means[0], ones), _State(tuning, *means[1], ones)


def _accept(run: _Run, tuning: Array) -> tuple[Array, _State, _State]:
    """What to return: the result with those chains put back that got worse, or the start; and both as measured."""
    for _ in range(2):
        before, after = run.compare(tuning)
        old, old_error = _excess(before.values, before.variance, run.target)
        new, new_error = _excess(after.values, after.variance, run.target)
        worse = new - old > SIGNIFICANT * np.hypot(old_error, new_error)
        if not worse.any():
            gain, error = float((old - new).sum()), float(np.sqrt((old_error**2 + new_error**2).sum()))
            return (tuning if gain > SIGNIFICANT * error else run.start), before, after
        tuning = np.where(worse[:, None], run.start, tuning)
        if np.array_equal(tuning, run.start):
            break
    return run.start, before, after


def _checked(target: ArrayLike, start: ArrayLike, chip: BenchChip) -> tuple[Array, Array]:
    """Target and start as arrays [chains, K]; InputError where they do not fit the chip."""
    goal, first = np.asarray(target, float), np.asarray(start, float)
    size = len(chip.frequencies)
    if goal.ndim != 2 or goal.shape[1] != size or not len(goal) or not np.all(np.isfinite(goal)):
        raise InputError(f"bench: target of shape {goal.shape}; possible: [chains, {size}], all finite, V/W")
    if first.shape != goal.shape:
        raise InputError(f"bench: start of shape {first.shape}; possible: {goal.shape}, as the target")
    if not np.all((first >= chip.low) & (first <= chip.high)):
        raise InputError(f"bench: the start leaves the tuning limits {chip.low:g} ... {chip.high:g}")
    if np.shape(chip.rest) not in ((), (size,), goal.shape) or not np.all(np.isfinite(chip.rest)):
        raise InputError(f"bench: rest of shape {np.shape(chip.rest)}; possible: ({size},) or {goal.shape}, all finite")
    return goal, first


def calibrate_bench(
    measure: Measure, target: ArrayLike, start: ArrayLike, chip: BenchChip, options: BenchOptions | None = None
) -> BenchCalibration:
    """Tuning [chains, K] with which a chip, known only by `measure`, holds `target` [chains, K] (V/W).

    measure(tuning [chains, K], powers [settings, tones] W) -> voltages [settings, chains] V. It may be noisy, drift,
    raise, or return NaN; all chains are tuned and read at once. `start` is a tuning within the limits. However the run
    ends, the result is a record whose `status` says what to do; the tuning is the start's unless the measurements say
    that it is better. Raises InputError on arrays that do not fit the chip; KeyboardInterrupt passes through.
    """
    options = options or BenchOptions()
    goal, first = _checked(target, start, chip)
    meter = Meter(measure, chip, options, len(goal))
    run = _Run(meter, chip, options, goal, first)
    meter.reserve = 4 * meter.settings(len(run.tones))
    tuning, trouble = first, ""
    try:
        run.begin()
        status = run.descend()
    except BenchStop as stop:
        status, trouble = stop.status, stop.trouble
    meter.reserve = 0
    if run.model is None:
        return _result(run, first, status, None, None, trouble)
    before, after = run.first, run.state
    tuning = run.tuning(run.candidate())
    if run.steps == 0:
        return _result(run, first, status, before, before, trouble)
    try:
        tuning, before, after = _accept(run, tuning)
        verified = True
    except BenchStop as stop:
        trouble, verified = trouble or stop.trouble, False
        tuning = _unverified(run)
    kept = before if np.array_equal(tuning, first) else after
    return replace(_result(run, tuning, status, before, kept, trouble), verified=verified)


def _unverified(run: _Run) -> Array:
    """The best tuning as far as the passes tell, where the end could not be compared with the start any more."""
    gain = run.error(run.first)[0] - run.error(run.state)[0]
    doubt = np.hypot(run.error(run.first)[1], run.error(run.state)[1])
    return run.tuning(run.state.z) if gain > 2 * SIGNIFICANT * doubt else run.start


def _result(
    run: _Run, tuning: Array, status: BenchStatus, before: _State | None, after: _State | None, trouble: str
) -> BenchCalibration:
    """Record of the end; `before` and `after` None where nothing was measured."""
    nothing = (float("nan"), float("nan"))
    (first, _), (last, deviation) = (run.error(state) if state else nothing for state in (before, after))
    scales = (float("nan"),) * 3
    if run.model is not None:
        scales = found_scales(run.theta, run.model, run.chip.sensitivity)
    weights = np.full(run.target.shape, np.nan) if after is None else after.values * run.chip.sensitivity
    return BenchCalibration(
        tuning,
        status,
        not np.array_equal(tuning, run.start),
        False,
        float(np.sqrt(np.maximum(first, 0))),
        float(np.sqrt(np.maximum(last, 0))),
        deviation,
        float(np.sqrt(np.mean(run.last_variance))) / run.top,
        weights,
        run.meter.readings,
        run.steps,
        *scales,
        trouble,
    )
