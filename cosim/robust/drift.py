"""Drift: resonance frequencies that move with temperature and time, and how long a calibration lasts.

At time t after the calibration, and a temperature that is ΔT off that of the calibration, resonator k is at

    f_k(t, ΔT) = f_k [1 + (κ + σ_κ z_k) ΔT + (A + σ_A z'_k) log10(1 + t / t0)],                                     (1)

κ per kelvin and A per decade of time, the same for all resonators, plus a part of each one's own: z and z' are
independent standard normals of chip and resonator. Ageing by the logarithm of time is what barriers and magnets show
whose relaxation has a wide distribution of energy barriers (R. Street & J. C. Woolley, Proc. Phys. Soc. A 62, 562).

At small drift the error of a weight grows in proportion: with u = (f - f_res) / (α f_res) half-widths and the law
w = 2u / (1 + u²) in units of the largest weight,

    dw = dw/du du,     dw/du = 2 (1 - u²) / (1 + u²)²,     du = -(1 + α u) / α · df_res / f_res,                   (2)

of a resonator alone. `interval` is the longest time for which the accuracy stays above a target.
"""

import math
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from resonet.core.errors import InputError
from resonet.core.parameters import check, parameter
from resonet.core.types import Array
from resonet.core.validity import collected
from resonet.core.watching import Done, nothing
from resonet.cosim.chips.weights import chip_engine, chip_weights
from resonet.cosim.montecarlo.levels import ChipLevel, chip_levels
from resonet.cosim.robust.subject import Ground, Subject, ground_of, rms, subject_study
from resonet.cosim.sweep.outcomes import Outcomes
from resonet.cosim.sweep.study import Study, run_study
from resonet.cosim.weights.held import HeldWeights
from resonet.netlist.chips.chip import Chip
from resonet.netlist.chips.draws import normals
from resonet.netlist.design.design import Design
from resonet.netlist.planning.frequency_plan import FrequencyPlan
from resonet.netlist.programming.methods import LayerProgram, Program

__all__ = ["DriftOptions", "DriftRun", "drift_factors", "drift_study", "drifted", "run_drift", "slope_error"]

STREAM = 1100  # of the random numbers of drift, behind those of faults
STEPS = 14  # halvings of the interval in which a chip falls below the target, in log t
DriftStart = Literal["programmed", "calibrated"]
STARTS: tuple[DriftStart, ...] = get_args(DriftStart)


@dataclass(frozen=True, slots=True)
class DriftOptions:
    """How resonance frequencies move (eq. 1)."""

    temperature: float = parameter(-1e-4, "", -0.1, 0.1, "κ, relative change of f_res per kelvin")
    temperature_spread: float = parameter(1e-5, "", 0.0, 0.1, "standard deviation of κ over the resonators")
    ageing: float = parameter(0.0, "", -0.1, 0.1, "A, relative change of f_res per decade of time")
    ageing_spread: float = parameter(1e-4, "", 0.0, 0.1, "standard deviation of A over the resonators")
    start: float = parameter(3600.0, "s", 1e-9, 1e12, "t0, from which on time is counted in decades")

    def __post_init__(self) -> None:
        check(self, "drift")


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftRun(Subject):
    """Chips over time, at a temperature off that of their calibration."""

    drift: DriftOptions = field(default_factory=DriftOptions)
    times: tuple[float, ...] = (0.0, 3600.0, 86400.0, 604800.0, 2.6e6, 3.2e7, 3.2e8)  # s
    offset: float = 0.0  # K
    target: float | None = None  # accuracy
    begin: DriftStart = "calibrated"

    def __post_init__(self) -> None:
        Subject.__post_init__(self)
        if not self.times or not all(0 <= t <= 1e15 and math.isfinite(t) for t in self.times):
            raise InputError("--times: possible: 0 s and more, such as 1 s,1 ks,1 Ms")
        if not -500 <= self.offset <= 500:
            raise InputError(f"--offset {self.offset:g} K: possible: -500 ... 500 K")
        if self.target is not None and not 0 < self.target <= 1:
            raise InputError(f"--target {self.target:g}: possible: above 0 and up to 1")


def drift_factors(
    plan: FrequencyPlan, drift: DriftOptions, seed: int, number: int, time: float, offset: float
) -> dict[str, tuple[Array, ...]]:
    """Resonance frequencies of a chip after that time over those before, by layer, bus by bus [chains, resonators]."""
    decades, found = math.log10(1 + time / drift.start), {}
    for layer, entry in enumerate(plan.layers):
        sizes = [bus.size for bus in entry.buses]
        ends = np.cumsum([chains * size for chains, size in sizes])
        own = [normals(seed, number, layer, STREAM + n, int(ends[-1])) for n in range(2)]
        factors = 1 + (drift.temperature + drift.temperature_spread * own[0]) * offset
        factors += (drift.ageing + drift.ageing_spread * own[1]) * decades
        if factors.min() <= 0:
            raise InputError(f"drift: a resonance of layer {entry.layer.name} falls to zero; possible: less of it")
        parts = np.split(factors, ends[:-1])
        found[entry.layer.name] = tuple(part.reshape(size) for part, size in zip(parts, sizes, strict=True))
    return found


def drifted(program: Program, factors: dict[str, tuple[Array, ...]]) -> Program:
    """A program whose resonators have drifted."""
    layers = (
        LayerProgram(
            one.layer,
            one.weight_scale,
            tuple(f * by for f, by in zip(one.f_res, factors[one.layer], strict=True)),
            one.residual,
        )
        for one in program.layers
    )
    return Program(program.method, tuple(layers))


def slope_error(design: Design, program: Program, factors: dict[str, tuple[Array, ...]]) -> dict[str, float]:
    """RMS error of the weights of each layer by eq. 2, as part of its largest: each resonator alone."""
    damping, sensitivity, found = design.plan.device.damping, design.plan.device.sensitivity, {}
    for entry, one in zip(design.plan.layers, program.layers, strict=True):
        squares, count = 0.0, 0
        top = one.weight_scale * float(np.abs(entry.layer.matrix).max())
        for bus, f_res, by in zip(entry.buses, one.f_res, factors[entry.layer.name], strict=True):
            u = (bus.frequencies / f_res - 1) / damping
            slope = 2 * (1 - u**2) / (1 + u**2) ** 2
            moved = slope * (1 + damping * u) / damping * (by - 1) * sensitivity / top
            squares, count = squares + float((moved**2).sum()), count + moved.size
        found[entry.layer.name] = math.sqrt(squares / count)
    return found


class _Chip:
    """One chip over time."""

    def __init__(self, run: DriftRun, ground: Ground, number: int) -> None:
        self.run, self.ground, self.number = run, ground, number
        self.chip: Chip = ground.sampler.chip(number if run.spread.active else None)
        self.first: ChipLevel = chip_levels(ground.design, run.program, self.chip, (run.begin,), run.tuning)[run.begin]
        self.engine = chip_engine(self.chip)

    def held(self, time: float) -> dict[str, HeldWeights]:
        """Weights after that time, with biases and gains of the beginning."""
        run, design = self.run, self.ground.design
        factors = drift_factors(design.plan, run.drift, run.seed, self.number, time, run.offset)
        program = drifted(self.first.design.program(run.program), factors)
        # Scales with the gains in them: the same answers of the chains then count as much more.
        held = chip_weights(design, program, self.chip, self.engine, tuned=True)
        if run.begin == "programmed":
            return dict(held)
        return {name: replace(one, shift=self.first.held[name].shift) for name, one in held.items()}

    def accuracy(self, time: float) -> float:
        """Share of the images in their class after that time."""
        return self.ground.shares({"drifted": self.held(time)})["drifted"]

    def interval(self, target: float) -> float:
        """Longest time with at least that accuracy, s; 0 where it is below from the start, infinity where it stays."""
        if self.accuracy(0.0) < target:
            return 0.0
        t0 = self.run.drift.start
        low, high = 0.0, 15.0  # decades of 1 + t / t0
        if self.accuracy(t0 * (10**high - 1)) >= target:
            return math.inf
        for _ in range(STEPS):
            middle = (low + high) / 2
            low, high = (middle, high) if self.accuracy(t0 * (10**middle - 1)) >= target else (low, middle)
        return float(t0 * (10**low - 1))


def measure_drift(run: DriftRun, number: int) -> dict[str, Any]:
    """One chip: `accuracy`, `rms` and `slope` (by eq. 2) at each time; `interval` where there is a target."""
    ground = ground_of(run)
    with collected() as warnings:
        one = _Chip(run, ground, number)
        found: dict[str, Any] = {"accuracy": {}, "rms": {}, "slope": {}, "software": ground.tested.software}
        real = one.first.design.program(run.program)
        for n, time in enumerate(run.times):
            held, place = one.held(time), str(n)
            factors = drift_factors(ground.design.plan, run.drift, run.seed, number, time, run.offset)
            found["accuracy"][place] = ground.shares({"drifted": held})["drifted"]
            found["rms"][place] = rms(held)
            alone = slope_error(ground.design, real, factors)
            counts = [entry.resonators for entry in ground.design.plan.layers]
            squares = sum(own**2 * count for own, count in zip(alone.values(), counts, strict=True))
            found["slope"][place] = math.sqrt(squares / sum(counts))
        if run.target is not None:
            lasts = one.interval(run.target)
            found["interval"] = lasts if math.isfinite(lasts) else None
    return found | {"warnings": [asdict(entry) for entry in warnings]} if warnings else found


def drift_study(run: DriftRun) -> Study:
    """The chips of a run as a study. Raises InputError, EngineError."""
    return subject_study("drift", run, run.samples, measure_drift)


def run_drift(
    run: DriftRun, folder: Path, jobs: int | None = None, scheduler: str | None = None, done: Done = nothing
) -> tuple[Path, Outcomes]:
    """Compute the chips that are missing; the path of their journal and every outcome: see `run_study`."""
    return run_study(drift_study(run), folder, jobs, scheduler, done)
