"""The voltmeter of the bench: calls the user's function, counts readings, and turns voltages into weights."""

import numpy as np

from resonet.core.types import Array, Ints
from resonet.cosim.bench.records import BenchChip, BenchOptions, BenchStatus, BenchStop, Measure
from resonet.cosim.bench.weighing import noise_gain, weighing_design

__all__ = ["Meter"]

MOST_VOLTS = 1e6


class Meter:
    """The callable with its budget. `reserve` readings are kept back until `release`."""

    def __init__(self, measure: Measure, chip: BenchChip, options: BenchOptions, chains: int) -> None:
        self.measure, self.chip, self.options, self.chains = measure, chip, options, chains
        self.readings = self.reserve = 0
        self.squares, self.freedom = np.zeros(chains), 0  # of the noise, from every spare reading
        self.rng = np.random.default_rng(options.seed)

    @property
    def left(self) -> int:
        """Readings that may still be taken."""
        return self.options.budget - self.reserve - self.readings

    @property
    def noise(self) -> Array:
        """Standard deviation of one reading of each chain, V, [chains]; never quite zero."""
        least = 1e-9 * self.chip.sensitivity * self.chip.p_max
        return np.asarray(np.maximum(np.sqrt(self.squares / max(1, self.freedom)), least))

    def _call(self, tuning: Array, powers: Array) -> tuple[Array, str]:
        """One call; readings [settings, chains], NaN throughout where it fails, and why."""
        nothing = np.full((len(powers), self.chains), np.nan)
        try:
            volts = np.asarray(self.measure(tuning.copy(), powers.copy()), dtype=np.float64)
        except Exception as error:  # foreign code: whatever it raises is its answer
            return nothing, f"{type(error).__name__}: {str(error)[:200]}"
        if volts.shape != nothing.shape:
            return nothing, f"voltages of shape {volts.shape}; wanted: {nothing.shape} (settings, chains)"
        with np.errstate(invalid="ignore"):
            volts = np.where(np.abs(volts) <= MOST_VOLTS, volts, np.nan)
        bad = int(np.isnan(volts).any(1).sum())
        return volts, f"{bad} of {len(volts)} readings are not finite, or over {MOST_VOLTS:g} V" if bad else ""

    def read(self, tuning: Array, powers: Array) -> Array:
        """Voltages [settings, chains]; readings that fail are tried again. Raises BenchStop."""
        values = np.full((len(powers), self.chains), np.nan)
        trouble = ""
        for _ in range(1 + self.options.retries):
            rows = np.flatnonzero(~np.isfinite(values).all(1))
            if not len(rows):
                break
            if len(rows) > self.left:
                raise BenchStop(BenchStatus.BUDGET, trouble)
            self.readings += len(rows)
            values[rows], trouble = self._call(tuning, powers[rows])
        if not np.all(np.isfinite(values)):
            raise BenchStop(BenchStatus.NO_ANSWER, trouble)
        return values

    def zero(self, tuning: Array) -> None:
        """First estimate of the noise, from readings without power."""
        values = self.read(tuning, np.zeros((self.options.zeros, len(self.chip.frequencies))))
        self.squares += ((values - values.mean(0)) ** 2).sum(0)
        self.freedom += len(values) - 1

    def settings(self, tones: int, repeats: int = 1) -> int:
        """Readings that one estimate of so many tones takes."""
        return len(weighing_design(tones, self.options.design, self.options.seed)) * repeats

    def weights(self, tuning: Array, tones: Ints, repeats: int) -> tuple[Array, Array]:
        """Weights [chains, len(tones)] V/W and their variances; the other tones are off. Raises BenchStop.

        The order of readings is random, and every other repeat runs backwards, so that a linear drift of the zero
        cancels in pairs and is noise otherwise.
        """
        design = weighing_design(len(tones), self.options.design, self.options.seed)
        power = min(self.chip.p_max, self.chip.p_total / max(1.0, float(design.sum(1).max())))
        powers = np.zeros((len(design), len(self.chip.frequencies)))
        powers[:, tones] = power * design
        order = self.rng.permutation(len(design))
        runs = np.concatenate([order[::-1] if n % 2 else order for n in range(repeats)])
        values = self.read(tuning, powers[runs])
        total = np.zeros((len(design), self.chains))
        np.add.at(total, runs, values)
        full = np.column_stack([np.ones(len(design)), design])
        solved = np.linalg.lstsq(full, total / repeats, rcond=None)[0]
        spare = len(runs) - full.shape[1]
        if spare:
            self.squares += ((values - full[runs] @ solved) ** 2).sum(0)
            self.freedom += spare
        variance = self.noise[:, None] ** 2 * noise_gain(design) / (repeats * power**2)
        return np.asarray(solved[1:].T / power, np.float64), variance
