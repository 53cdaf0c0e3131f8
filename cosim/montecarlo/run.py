"""Monte Carlo: chips of a design by number, each measured at several levels of calibration.

A chip is a point of a study (cosim/sweep/study.py), whose number is that of the sample: whoever computes it, and in
which order, it is the same chip. What all chips share, the design, its programs and images, is made once in a process.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from resonet.core.errors import InputError
from resonet.core.sources import file_hash, source_hash
from resonet.core.types import Array
from resonet.core.validity import collected
from resonet.core.watching import Done, nothing
from resonet.cosim.calibration.chip_tuning import TuningOptions
from resonet.cosim.montecarlo.copies import Copies, check_shared, copies_of
from resonet.cosim.montecarlo.levels import LEVELS, ChipLevel, Level, chip_levels
from resonet.cosim.montecarlo.saturating import check_saturating, saturating_chip
from resonet.cosim.operate.latency import latency
from resonet.cosim.operate.power import activities, drawn
from resonet.cosim.sweep.outcomes import Outcomes
from resonet.cosim.sweep.study import Study, run_study, study_key
from resonet.cosim.sweep.tested import Law, Tested
from resonet.cosim.weights.effective import EffectiveWeights
from resonet.cosim.weights.held import HeldWeights, RfWeights
from resonet.netlist.chips.chip import Chip
from resonet.netlist.chips.corners import NOMINAL
from resonet.netlist.chips.spread import SpreadOptions
from resonet.netlist.design.chips import ChipSampler
from resonet.netlist.design.design import Design
from resonet.netlist.design.folder import load_design
from resonet.netlist.programming.methods import Method

__all__ = ["MOST_SAMPLES", "Also", "MonteCarlo", "measure_chip", "montecarlo_key", "run_montecarlo"]

MOST_SAMPLES = 1_000_000
ONE = "one chip as it is programmed (resonet accuracy --sample)"  # under strip lines
FEW = 200  # images that say what an image's tones carry on the mean


@dataclass(frozen=True, slots=True)
class MonteCarlo:
    """What is computed. The files are named, not sent: every worker must see them."""

    source: str  # design folder
    spread: SpreadOptions
    samples: int = 200
    seed: int = 1
    corner: str = NOMINAL  # around which the chips lie
    levels: tuple[Level, ...] = LEVELS
    program: Method = "coupled"
    tuning: TuningOptions = field(default_factory=TuningOptions)
    shared: bool = False  # parallel hardware, whose tuning lines run over the positions of a layer
    data: str | None = None  # labelled images
    noise: bool = False
    repeats: int = 1  # of the images, with noise
    resonators: Law = "linear"  # of the accuracy
    sparams: str | None = None  # LAYER, LAYER:BUS or LAYER:BUS:CHAIN whose S-parameters are measured

    def __post_init__(self) -> None:
        if not 1 <= self.samples <= MOST_SAMPLES:
            raise InputError(f"--samples {self.samples}: possible: 1 ... {MOST_SAMPLES:,}")
        if self.data is None and (self.noise or self.resonators == "saturating"):
            raise InputError("noise and saturation change accuracies only; possible: --data IMAGES.npz")
        if self.shared:
            check_shared(self.spread)
            if self.noise or self.resonators == "saturating":
                raise InputError(
                    "--shared: of linear resonators without noise; possible: without --noise, --resonators"
                )
        if self.resonators == "saturating":
            check_saturating(self.spread)


def _files(run: MonteCarlo) -> list[Path]:
    """Every file that a chip's results depend on."""
    folder = Path(run.source)
    files = [folder / "design.toml", folder / "model.onnx", folder / "program.npz"]
    return files if run.data is None else [*files, Path(run.data)]


# What else is measured of a chip at its levels: design, run, chip, levels -> quantities by name.
Also: TypeAlias = Callable[[Design, MonteCarlo, Chip, Mapping[Level, ChipLevel]], dict[str, Any]]


def montecarlo_key(run: MonteCarlo) -> str:
    """Hash of everything that a chip's results depend on. Raises InputError, EngineError.

    How many chips there are is not among it: a longer run goes on where a shorter one ended.
    """
    what = {name: value for name, value in asdict(run).items() if name not in ("source", "data", "samples")}
    if run.sparams is not None:
        what["S-parameters"] = source_hash("sparams")
    return study_key(what, _files(run), "linear")


@dataclass(frozen=True, slots=True, eq=False)
class _Ground:
    """What all chips share; made once in a process."""

    design: Design
    sampler: ChipSampler
    tested: Tested | None
    copies: tuple[Copies, ...]  # layers of several positions, where tuning lines are shared
    carried: Mapping[str, Array]  # what images put on the tones of each layer, on the mean; without images nothing


_grounds: dict[str, _Ground] = {}  # of the last run, by its key


def _ground(run: MonteCarlo, key: str) -> _Ground:
    if key not in _grounds:
        _grounds.clear()
        _grounds[key] = _make_ground(run, key)
    return _grounds[key]


@functools.lru_cache(maxsize=1)
def _network(source: str, data: str | None, hashes: tuple[str, ...]) -> tuple[Design, Tested | None, dict[str, Array]]:
    """Design, images and what they put on the tones; kept for the next run of the same files, by their `hashes`."""
    del hashes
    design = load_design(Path(source))
    design.require_bus("montecarlo", possible=ONE)
    if data is None:
        return design, None, {}
    tested = Tested.read(design, Path(data))
    return design, tested, activities(design, tested.images.images[:FEW])


def _sampler(run: MonteCarlo, design: Design) -> ChipSampler:
    return ChipSampler(design, run.spread, run.seed, run.corner, run.resonators == "saturating")


def _make_ground(run: MonteCarlo, key: str) -> _Ground:
    if montecarlo_key(run) != key:
        raise InputError(f"{run.source}: files or code differ here from those where the run was started")
    with collected():  # said once, by whoever began the run (`_begin`)
        design, tested, carried = _network(run.source, run.data, tuple(map(file_hash, _files(run))))
        if run.resonators == "saturating":
            check_saturating(run.spread, bool(design.parameters.saturation.frequency_shift))
        sampler = _sampler(run, design)
    programmed = design.program(run.program)
    parallel = [entry for entry in design.plan.layers if run.shared and entry.layer.positions > 1]
    copies = tuple(copies_of(design, e, programmed.layer(e.layer.name).weight_scale, sampler) for e in parallel)
    return _Ground(design, sampler, tested, copies, carried)


def _begin(run: MonteCarlo, key: str) -> None:
    """Say what is wrong for all chips, or changes nothing in them. Raises InputError."""
    _sampler(run, _ground(run, key).design)


def measure_chip(run: MonteCarlo, key: str, number: int, also: Also | None = None) -> dict[str, Any]:
    """Quantities of one chip, by name, and what `also` measures of it. Raises InputError, EngineError.

    rms_error   {level: {layer: x}} of the weights, as part of the layer's largest
    rms         {level: x} over all weights of all layers, each as part of its layer's largest
    worst       {level: x} the largest, likewise
    crosstalk   {level: dB} the strongest of all layers; absent where nobody disturbs
    gain        {level: {layer: x}} that was fitted
    at_end      {level: n} resonators at an end of their tuning range
    latency     {parallel: s, sequential: s}
    energy      J an image in parallel hardware; with images
    accuracy    {level: share}, and `software`, the trained network's; with images
    noisy       {level: mean share} with noise, and `noisy_spread`, of one repeat; where that is measured
    float64     {level: reason} where float32 was not enough
    warnings    those of validity, as records, where there are any
    """
    ground = _ground(run, key)
    with collected() as warnings:
        chip = ground.sampler.chip(number)
        levels = chip_levels(ground.design, run.program, chip, run.levels, run.tuning, ground.copies)
        found = _weights(levels) | _costs(ground, chip)
        if ground.tested is not None:
            found |= _accuracies(run, ground.tested, levels, chip, number)
        if also is not None:
            found |= also(ground.design, run, chip, levels)
    return found | {"warnings": [asdict(entry) for entry in warnings]} if warnings else found


def _weights(levels: Mapping[Level, ChipLevel]) -> dict[str, Any]:
    found: dict[str, Any] = {"rms_error": {}, "rms": {}, "worst": {}, "crosstalk": {}, "gain": {}, "at_end": {}}
    for level, one in levels.items():
        errors = [held.error if held.wired is None else held.error[held.wired] for held in one.held.values()]
        every = np.concatenate([error.ravel() for error in errors])
        found["rms_error"][level] = {name: held.rms_error for name, held in one.held.items()}
        found["rms"][level] = float(np.sqrt(np.mean(every**2)))
        found["worst"][level] = float(np.abs(every).max())
        louder = [held.worst.level for held in one.held.values() if isinstance(held, RfWeights) and held.worst]
        if louder:
            found["crosstalk"][level] = max(louder)
        found["gain"][level], found["at_end"][level] = one.gains, float(one.at_end)
    return found


def _costs(ground: _Ground, chip: Chip) -> dict[str, Any]:
    time = latency(ground.design, chip)
    found: dict[str, Any] = {"latency": {"parallel": time.parallel, "sequential": time.sequential}}
    if ground.tested is not None:
        power = drawn(ground.design, np.empty(0), chip, ground.carried).power(ground.design.plan.options.p_max)
        found["energy"] = power * time.parallel
    return found


def _accuracies(
    run: MonteCarlo, tested: Tested, levels: Mapping[Level, ChipLevel], chip: Chip, number: int
) -> dict[str, Any]:
    """Accuracy at every level; noise is drawn anew for every chip, and the same for its levels."""
    found: dict[str, Any] = {}
    seed = int(np.random.SeedSequence([run.seed, number]).generate_state(1)[0])
    for level, one in levels.items():
        base: Mapping[str, HeldWeights] = one.held
        rf = {name: held for name, held in one.held.items() if isinstance(held, EffectiveWeights)}
        if run.resonators == "saturating":
            base = saturating_chip(one.design, rf, chip)
        parts = [tested.shares(one.design, {level: base})]
        if run.noise:
            parts.append(tested.noisy_shares(one.design, {level: rf}, {level: base}, seed, run.repeats))
        for part in parts:
            for name, value in part.items():
                found[name] = found.get(name, {}) | value if isinstance(value, dict) else value
    return found


def run_montecarlo(
    run: MonteCarlo,
    folder: Path,
    jobs: int | None = None,
    scheduler: str | None = None,
    done: Done = nothing,
    also: Also | None = None,
) -> tuple[Path, Outcomes]:
    """Compute the chips that are missing; the path of their journal and the outcome of every chip: see `run_study`.

    `also` measures the S-parameters of `run.sparams`, in every process (`chip_sparams` of resonet.sparams.fan).
    """
    if (run.sparams is None) != (also is None):
        raise InputError("S-parameters of chips; possible: sparams = LAYER with also = chip_sparams, or neither")
    key = montecarlo_key(run)
    work, first = functools.partial(measure_chip, run, key, also=also), functools.partial(_begin, run, key)
    study = Study("montecarlo", key, asdict(run), run.samples, work, first)
    path, outcomes = run_study(study, folder, jobs, scheduler, done)
    for number in [number for number in outcomes if number >= run.samples]:  # of a longer run
        del outcomes[number]
    return path, outcomes
