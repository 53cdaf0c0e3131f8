"""What is told to a calibration on the bench, and what it tells: the chip, the options, the status, the result."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.errors import InputError
from resonet.core.parameters import check, parameter
from resonet.core.types import Array
from resonet.cosim.bench.weighing import DESIGNS, Design

__all__ = ["BenchCalibration", "BenchChip", "BenchOptions", "BenchStatus", "BenchStop", "JacobianSource", "Measure"]

# (tuning [chains, resonators], powers [settings, tones] W) -> voltages [settings, chains] V
Measure = Callable[[Array, Array], ArrayLike]
JacobianSource = Literal["model", "measured", "auto"]
MOST_RESONATORS = 256  # of a chain: the fit holds the square of four times that
JACOBIANS: tuple[JacobianSource, ...] = ("model", "measured", "auto")


@dataclass(frozen=True, slots=True, eq=False)
class BenchChip:
    """What is known about the chip beforehand; all but the frequencies and limits may be wrong by tens of per cent."""

    frequencies: Array  # [K] Hz, tone k is resonator k's own
    rest: Array  # [K] or [chains, K] Hz, resonance frequency at tuning 0 (0 where the tuning is f_res itself)
    low: float  # least tuning, in the unit of the tuning
    high: float  # largest tuning
    p_max: float  # W, largest power of a tone
    slope: float | None = (
        1.0  # Hz of f_res per unit of tuning; None: unknown, even its sign; `rest` then holds at the start
    )
    damping: float = 0.01
    sensitivity: float = 8839.0  # V/W that a resonator rectifies at most, at the voltmeter (K_SD)
    signs: Array | None = None  # [K]; None: (-1)^k
    p_total: float = float("inf")  # W, largest power of all tones together
    profile: Array | None = None  # [tones, K] power of tone t in resonator k (`Chains.profile`); None: 1

    def __post_init__(self) -> None:
        size = np.shape(self.frequencies)
        if len(size) != 1 or not 1 <= size[0] <= MOST_RESONATORS:
            raise InputError(f"bench: {size} frequencies; possible: a list of 1 ... {MOST_RESONATORS}")
        if not (np.all(np.isfinite(self.frequencies)) and np.all(np.asarray(self.frequencies) > 0)):
            raise InputError("bench: a frequency is not a positive number of hertz")
        numbers = {"damping": self.damping, "sensitivity": self.sensitivity, "p_max": self.p_max}
        for name, value in (numbers | {"p_total": self.p_total}).items():
            if not value > 0:
                raise InputError(f"bench: {name} = {value:g}: must be positive")
        if not -np.inf < self.low < self.high < np.inf:
            raise InputError(f"bench: tuning limits {self.low:g} ... {self.high:g}: must be finite, and low below high")
        if self.slope is not None and not (np.isfinite(self.slope) and self.slope):
            raise InputError(f"bench: slope = {self.slope:g}: must be finite and not zero; None where it is unknown")
        for name, shape in (("signs", size), ("profile", size * 2)):
            value = getattr(self, name)
            if value is not None and np.shape(value) != shape:
                raise InputError(f"bench: {name} of shape {np.shape(value)}; possible: {shape}")

    @property
    def turns(self) -> Array:
        """Sign of each resonator, [K]."""
        k = np.arange(len(self.frequencies))
        return np.where(k % 2, -1.0, 1.0) if self.signs is None else np.asarray(self.signs, float)


@dataclass(frozen=True, slots=True)
class BenchOptions:
    """How far a calibration on the bench goes, and how."""

    tolerance: float = parameter(1e-3, "", 1e-9, 0.5, "RMS weight error to reach, as part of the largest target")
    budget: int = parameter(5000, "", 1, 10**9, "most readings: rows of `powers` given to the callable")
    passes: int = parameter(20, "", 1, 1000, "most steps")
    repeats: int = parameter(1, "", 1, 10_000, "readings averaged, at first")
    most_repeats: int = parameter(16, "", 1, 10_000, "readings averaged at most, once noise is all that is left")
    zeros: int = parameter(16, "", 2, 10_000, "readings without power at first: noise of the voltmeter")
    inputs: int = parameter(0, "", 0, MOST_RESONATORS, "tones measured in a step, taken in turn; 0: all")
    retries: int = parameter(2, "", 0, 100, "further tries after an exception or a reading that is no number")
    step: float = parameter(0.4, "", 1e-3, 1.0, "excitation that identifies the chip, in half-widths of a resonance")
    offset_spread: float = parameter(2.0, "", 1e-3, 100.0, "expected error of `rest`, in half-widths")
    device_spread: float = parameter(0.1, "", 1e-4, 2.0, "expected relative spread of gain, damping, slope")
    scale_spread: float = parameter(0.4, "", 1e-4, 2.0, "expected relative error of sensitivity, damping, slope")
    memory: float = parameter(
        0.9, "", 0.1, 1.0, "weight of a measurement that is one older; below 1 where the chip drifts"
    )
    seed: int = parameter(0, "", 0, 2**31, "of the excitation and the order of readings")
    design: Design = "hadamard"
    jacobian: JacobianSource = "auto"

    def __post_init__(self) -> None:
        check(self, "bench")
        for name, possible in (("design", DESIGNS), ("jacobian", JACOBIANS)):
            if getattr(self, name) not in possible:
                raise InputError(f"bench.{name} = {getattr(self, name)!r}: possible: {', '.join(possible)}")


class BenchStatus(Enum):
    """How a calibration on the bench ended, with what to do about it."""

    CONVERGED = "the weights are within the tolerance, as far as two standard errors of the measurement can tell"
    NOISE_FLOOR = (
        "what is left is the noise of the measurement: raise bench.most_repeats and bench.budget, or the tone power"
    )
    OUT_OF_RANGE = (
        "some chains cannot hold their weights: they are beyond what the resonators reach, or the tuning is at its "
        "limit; lower the target's scale, or widen the limits"
    )
    STALLED = (
        "steps no longer help although the error is above the noise: check the order of tones and resonators, the "
        "signs and the sign of the slope; allow more spread (bench.offset_spread); lower the power (compression); a "
        "chip that drifts within a step needs fewer readings (bench.inputs)"
    )
    PASSES = "still getting better at the last step: raise bench.passes"
    BUDGET = "the budget of readings ran out: raise bench.budget, or measure fewer tones a step (bench.inputs)"
    NO_ANSWER = "the callable raised an exception, or returned no numbers or the wrong shape: see `trouble`"
    NO_EFFECT = "no tuning step changed any reading: check the wiring, the limits, and the noise"


class BenchStop(Exception):
    """The end of a run, from within: a status, and what exactly happened."""

    def __init__(self, status: BenchStatus, trouble: str = "") -> None:
        super().__init__(trouble)
        self.status, self.trouble = status, trouble


@dataclass(frozen=True, slots=True, eq=False)
class BenchCalibration:
    """Result of a calibration on the bench. Errors are RMS, as part of the largest target, with the noise taken off."""

    tuning: Array  # [chains, K]
    status: BenchStatus
    improved: bool  # whether `tuning` differs from the start
    verified: bool  # whether it was compared with the start in alternating measurements at the end
    rms_before: float  # NaN where nothing could be measured
    rms_after: float
    uncertainty: float  # one standard error of rms_after²: as part of the largest target, squared
    noise_floor: float  # RMS noise of the last measurement that a step was taken from, same unit
    weights: Array  # [chains, tones] V/W, last measured at `tuning`
    readings: int
    steps: int
    slope: float  # Hz per unit of tuning, median over the resonators, as found
    damping: float  # as found, median
    sensitivity: float  # V/W as found, median
    trouble: str = ""  # what the callable did, where it failed
