"""One image through parallel hardware by several engines, next to what the trained network says of it.

The trained network is followed stage by stage (wires, chains, pool, neurons), so every engine is compared at the same
place: the weighted sums plus bias at the neurons' inputs.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from resonet.core.errors import InputError
from resonet.core.parameters import check, parameter
from resonet.core.types import Array
from resonet.core.validity import warn
from resonet.core.watching import Done, nothing
from resonet.cosim.cascade.energy_budget import Energy, energy
from resonet.cosim.cascade.envelopes import EnvelopeRun, envelope
from resonet.cosim.cascade.hardware import Hardware, parallel_hardware, sequential_weights
from resonet.cosim.cascade.line_dynamics import line_interference
from resonet.cosim.cascade.noisy_reads import NoisyReads, noisy_reads
from resonet.cosim.cascade.settle import DARK, StageSettling, settling, settling_time, time_constants
from resonet.cosim.cascade.transient import CascadeTransient, cascade_timing, run_cascade
from resonet.cosim.cascade.two_pass import cascade, tones_into, trained_stages
from resonet.cosim.fixed_step.transients import TransientEngine
from resonet.cosim.weights.engines import Engine, linear
from resonet.cosim.weights.held import RfWeights
from resonet.netlist.cascade.levels import Levels
from resonet.netlist.cascade.stages import ParallelNetwork
from resonet.netlist.design.design import Design
from resonet.netlist.design.neuron_options import Kind
from resonet.netlist.network.cnn import Cnn
from resonet.netlist.network.forward import classes
from resonet.netlist.programming.methods import Method

__all__ = [
    "RUN_ENGINES",
    "Answer",
    "ImageRun",
    "LayerDeviation",
    "RunEngine",
    "RunOptions",
    "default_stop",
    "deviations",
    "prepare",
    "run_image",
]

RunEngine = Literal["two-pass", "envelope", "fixed_step", "transient"]
RUN_ENGINES: tuple[RunEngine, ...] = ("two-pass", "envelope", "fixed_step", "transient")
MOST_RESONATORS = 2_000_000  # of parallel hardware, some 1 kB each
MOST_IN_TIME: dict[RunEngine, int] = {"transient": 2_000, "fixed_step": 20_000}
IN_TIME: dict[RunEngine, TransientEngine] = {"fixed_step": "fixed_step", "transient": "ngspice"}
LARGE = 20_000  # resonators from which on the envelope takes fewer and longer steps
SETTLED = 8.0  # slowest time constants of all stages: e^-8 is 0.03 %
STILL = 0.8  # of the run: what settles later may still move at its end
SCALE_IMAGES = 100  # that full scales and fitted levels come from
STEP = 0.5e-9  # s, of the envelope
PART = 0.01  # of the largest value: what counts as settled
FEWEST_STEPS = 20  # until the logits settle: 5 % of the latency


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How an image is run."""

    engines: tuple[RunEngine, ...] = ("two-pass", "envelope")
    stop: float = parameter(0.0, "s", 0.0, 1.0, "end of all but the two passes; 0: 8 of the slowest time constants")
    points: float = parameter(12.0, "", 8.0, 1e4, "time points of a transient per period of the highest tone")
    window: float = parameter(110e-9, "s", 1e-12, 1.0, "of a transient's readings, at most a third of it")
    reads: int = parameter(0, "", 0, 100_000, "of the two passes with noise; 0: none")
    seed: int = parameter(1, "", 0, 2**32 - 1, "of the noise")

    def __post_init__(self) -> None:
        check(self, "run")
        wrong = [engine for engine in self.engines if engine not in RUN_ENGINES]
        if wrong or not self.engines:
            raise InputError(f"engine {str(wrong[:1])[1:-1][:40] or 'none'}; possible: {', '.join(RUN_ENGINES)}")


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What an engine says of one image, units of the trained network."""

    sums: tuple[Array, ...]  # by stage [neurons] weighted sums plus bias
    logits: Array  # [classes]
    seconds: float = 0.0  # wall time, 0 for the software
    ranked: int | None = None  # how many of the logits tell the class, from the first on; None for all

    @property
    def predicted(self) -> int:
        """Class by `classes` of the logits."""
        return int(classes(self.logits.reshape(1, -1), self.ranked)[0])


@dataclass(frozen=True, slots=True)
class LayerDeviation:
    """Weighted sums of a layer by an engine against the software's, parts of `full_scale`."""

    layer: str
    engine: RunEngine
    neurons: int
    full_scale: float  # largest |sum| of the trained network over the batch
    rms: float
    largest: float


@dataclass(frozen=True, slots=True, eq=False)
class ImageRun:
    """One image by all engines."""

    hardware: Hardware
    image: Array
    software: Answer
    answers: dict[RunEngine, Answer]
    full_scales: Array  # [stages]
    stop: float = 0.0  # s, of envelope and transient
    step: float = 0.0  # s, of the envelope that settling and energy are read from
    envelope: EnvelopeRun | None = None
    transient: CascadeTransient | None = None  # ngspice's; where it is not asked for, that of fixed_step
    settling: tuple[StageSettling, ...] = ()  # with the envelope
    energy: Energy | None = None  # with the envelope, until the logits have settled
    noisy: NoisyReads | None = None
    interference: dict[str, float] = field(default_factory=dict)  # layers on strip lines, as `_interference`

    @property
    def latency(self) -> float:
        """Time until all logits stay within 1 %, s; nan without the envelope."""
        return _settled(self.hardware.design.network, self.settling) if self.settling else float("nan")

    @property
    def unsettled(self) -> bool:
        """Whether something still moves in the last fifth of the run, so that it may not have settled."""
        return any(stage.sums > STILL * self.stop for stage in self.settling)


def _settled(network: ParallelNetwork, settled: Sequence[StageSettling]) -> float:
    """When the sums of all stages that logits are taken from have settled, s."""
    return max(settled[int(number)].sums for number in np.unique(network.ends))


def _check_size(cnn: Cnn, engines: tuple[RunEngine, ...]) -> None:
    """InputError for more parallel resonators than an engine can follow; before anything is unrolled."""
    size = sum(len(synapses.weight) * synapses.series * synapses.positions for synapses in cnn.synapses)
    most = min(MOST_IN_TIME.get(engine, MOST_RESONATORS) for engine in engines)
    if size > most:
        slowest = [engine for engine in engines if MOST_IN_TIME.get(engine) == most]
        what = f"the engine {slowest[0]}" if slowest else "parallel hardware"
        raise InputError(
            f"{cnn.file}: {size:,} resonators in parallel; possible for {what}: {most:,}, such as a slice of the first "
            "two convolutions, --slice ROW,COLUMN,OUTPUTS[,INPUTS]"
        )


def _check_integration(levels: Levels, engines: tuple[RunEngine, ...]) -> None:
    """InputError where neurons integrate, and an engine would follow them without it."""
    timed = [engine for engine in engines if engine != "two-pass"]
    if timed and levels.stages[0].options.integration:
        raise InputError(
            f"neuron.integration = {levels.stages[0].options.integration:g} s: the engine {timed[0]} has no gated "
            "integrator; possible: the engine two-pass, or neuron.integration = 0 and less neuron.bandwidth"
        )


def prepare(
    design: Design,
    method: Method = "calibrated",
    kind: Kind | None = None,
    images: Array | None = None,
    engines: tuple[RunEngine, ...] = ("two-pass", "envelope"),
    part: Cnn | None = None,
    engine: Engine = linear,
    stored: Callable[[], Mapping[str, RfWeights]] | None = None,
) -> Hardware:
    """Parallel hardware for some engines; `part` is a slice of the network, `images` a batch that levels are fitted to.

    The two-pass method alone takes the effective weights of the sequential hardware, one copy of every kernel: the
    copies of a large network then need no programs of their own. `engine` says what they are; `stored` may have those
    of a program that the design has. Raises InputError, EngineError.
    """
    _check_size(part or design.cnn, engines)
    if set(engines) != {"two-pass"} or part is not None:
        return parallel_hardware(design, method, kind, images, part, engine=engine)
    sequential, effective = sequential_weights(design, method, engine, stored)
    return parallel_hardware(sequential, method, kind, images, held=effective)


def default_stop(levels: Levels) -> float:
    """Time in which everything settles, s: `SETTLED` of the slowest time constants of stages in a row, the longest."""
    before, after = [0.0] * len(levels.stages), 0.0
    for number, stage_levels in enumerate(levels.stages):
        c = time_constants(levels, number)
        own = before[number] + (c.resonator + max(c.dc, c.slowest_dc) + max(c.oscillator, c.threshold))
        after = max(after, own)
        for link in stage_levels.links:
            before[link.link.to] = max(before[link.link.to], own)
    return SETTLED * after


def _step(stop: float, resonators: int) -> float:
    """Step of the envelope, s: at most four thousand of them, five hundred for large networks."""
    return min(stop, max(STEP, stop / (500 if resonators > LARGE else 4000)))


def deviations(run: ImageRun) -> list[LayerDeviation]:
    """Every engine against the software, layer by layer."""
    rows = []
    for number, stage in enumerate(run.hardware.design.stages):
        scale = float(run.full_scales[number])
        for engine, answer in run.answers.items():
            error = (answer.sums[number] - run.software.sums[number]) / scale
            rms, largest = float(np.sqrt(np.mean(error**2))), float(np.abs(error).max())
            rows.append(LayerDeviation(stage.layer.name, engine, stage.neurons, scale, rms, largest))
    return rows


def _interference(hardware: Hardware, image: Array, scales: Array) -> dict[str, float]:
    """What lines of one frequency add to the sums of each layer on strip lines, RMS as part of its full scale.

    Over the chains, and over phases, which are anybody's: only the time domain has any, all tones beginning together.
    """
    levels, found = hardware.levels, dict[str, float]()
    if not any(levels.parallel.lines):
        return found
    outputs = [stage.outputs for stage in cascade(levels, hardware.held, image[None]).stages]
    for number, line in enumerate(levels.parallel.lines):
        if line is not None:
            tones = levels.parallel.padded(number, tones_into(levels, number, image[None], outputs[:number]))
            volts = line_interference(line, tones[0, line.tone] * levels.plan.options.p_max)
            sums = volts / levels.stages[number].unit / scales[number]
            found[line.layer.name] = float(np.sqrt(np.mean(sums**2)))
    return found


def _two_pass(hardware: Hardware, image: Array) -> Answer:
    start = time.perf_counter()
    run = cascade(hardware.levels, hardware.answering, image[None])
    seconds = time.perf_counter() - start
    return Answer(tuple(stage.sums[0] for stage in run.stages), run.logits[0], seconds, hardware.cnn.ranked)


def _envelope(hardware: Hardware, image: Array, stop: float, step: float, done: Done) -> tuple[Answer, EnvelopeRun]:
    start = time.perf_counter()
    run = envelope(hardware.levels, image, stop, step, done=done)
    seconds = time.perf_counter() - start
    return Answer(tuple(trace.sums[-1] for trace in run.stages), run.logits[-1], seconds, hardware.cnn.ranked), run


def _resolved(
    hardware: Hardware, image: Array, run: EnvelopeRun, stop: float, step: float, scales: Array
) -> tuple[EnvelopeRun, float]:
    """The run that settling times and energy are read from, and its step.

    That of a long time has long steps: the time in which everything settles is followed again in short ones, and taken
    if it ends where the long run does, within 1 % of the largest output. A warning where latency has few steps still.
    """
    levels = hardware.levels
    short = default_stop(levels)
    fine = _step(short, hardware.design.resonators)
    if short < stop and fine < step:
        again = envelope(levels, image, short, fine)
        ends = [(trace.sums[-1], long.sums[-1]) for trace, long in zip(again.stages, run.stages, strict=True)]
        sizes = [max(np.abs(b).max(), DARK * scale) for (_, b), scale in zip(ends, scales, strict=True)]
        if all(np.abs(a - b).max() <= PART * size for (a, b), size in zip(ends, sizes, strict=True)):
            run, step = again, fine
    latency = settling_time(run.time, run.stages[-1].sums, PART, DARK * scales[-1]).max()
    if latency and latency < FEWEST_STEPS * step:
        text = (
            f"settling, latency and energy are read in steps of {step:.3g} s, few until the logits settle; "
            f"possible: a shorter --stop, such as {short:.2g} s"
        )
        warn("coarse-grid", text, latency / step, FEWEST_STEPS, "steps")
    return run, step


def _transient(
    hardware: Hardware,
    image: Array,
    stop: float,
    options: RunOptions,
    name: str,
    folder: Path | None,
    engine: TransientEngine,
) -> tuple[Answer, CascadeTransient]:
    timing = cascade_timing(hardware.levels, stop, options.points)
    window = min(options.window, timing.stop / 3)
    start = time.perf_counter()
    run = run_cascade(hardware.levels, image, timing, window, name, folder, engine=engine)
    return Answer(run.settled, run.logits, time.perf_counter() - start, hardware.cnn.ranked), run


def run_image(
    hardware: Hardware,
    images: Array,
    number: int,
    options: RunOptions | None = None,
    name: str = "network",
    folder: Path | None = None,
    done: Done = nothing,
) -> ImageRun:
    """Image `number` of a batch [n, *input_shape] by all engines of the options.

    The batch sets the full scales (its first images). A transient's deck is called `name` and kept in `folder`, if
    given. `done` is called after each engine, and after each stage of the envelope. Raises InputError, EngineError.
    """
    options, levels = options or RunOptions(), hardware.levels
    if not 0 <= number < len(images):
        raise InputError(f"image {number} of {len(images):,}; possible: 0 ... {len(images) - 1}")
    _check_size(hardware.cnn, options.engines)
    _check_integration(levels, options.engines)
    network, image = hardware.design.network, np.asarray(images[number], float)
    sums = tuple(stage.sums[0] for stage in trained_stages(network, image[None]))
    batch = trained_stages(network, images[:SCALE_IMAGES])
    scales = np.array([max(np.abs(a.sums).max(), np.abs(b).max()) or 1.0 for a, b in zip(batch, sums, strict=True)])
    stop = options.stop or default_stop(levels)
    step = _step(stop, hardware.design.resonators)
    answers: dict[RunEngine, Answer] = {}
    traces: EnvelopeRun | None = None
    transient: CascadeTransient | None = None
    if "two-pass" in options.engines:
        answers["two-pass"] = _two_pass(hardware, image)
        done()
    if "envelope" in options.engines:
        answers["envelope"], traces = _envelope(hardware, image, stop, step, done)
        traces, step = _resolved(hardware, image, traces, stop, step, scales)
        done()
    for engine in options.engines:
        if engine in IN_TIME:
            answer, run = _transient(hardware, image, stop, options, name, folder, IN_TIME[engine])
            answers[engine], transient = answer, run if engine == "transient" or transient is None else transient
            done()
    settled = tuple(settling(levels, traces, PART, scales)) if traces else ()
    drawn = energy(levels, traces, image, _settled(network, settled)) if traces else None
    software = Answer(sums, network.logits(sums), ranked=hardware.cnn.ranked)
    noisy = noisy_reads(hardware, image, options.reads, options.seed) if options.reads else None
    beats = _interference(hardware, image, scales)
    return ImageRun(
        hardware, image, software, answers, scales, stop, step, traces, transient, settled, drawn, noisy, beats
    )
