"""How long a parallel network takes: settling of every stage in the envelope engine, and the time constants behind it.

Every block between a stage's tones and its neurons is linear but for the product in the rectifier, so the mean delay
∫ (1 - V/V∞) dt of its step response is the sum of what the blocks add (Elmore, J. Appl. Phys. 19, 55, 1948):

* the filters of a multiplexer: 2 L / (Z0 + r) at most (`models/circuit/multiplexer.py`);
* a resonator: its amplitude settles with 1/(α ω0) (`rectifier_dynamics`, eq. 1);
* DC side and transconductor: -e^T A^-2 b / (-e^T A^-1 b), the sum of the time constants (`DcStack.delay`);
* an oscillator: 1/λ of its Riccati equation (`models.startup`), longest at threshold.
"""

from dataclasses import dataclass

import numpy as np

from resonet.core.types import Array
from resonet.cosim.cascade.dc_dynamics import dc_stack
from resonet.cosim.cascade.envelopes import EnvelopeRun, low_pass
from resonet.models.circuit.multiplexer import ring_time
from resonet.models.neuron.electronics import POLES
from resonet.netlist.cascade.levels import Levels

__all__ = [
    "DARK",
    "StageSettling",
    "TimeConstants",
    "predicted_settling",
    "settling",
    "settling_time",
    "time_constants",
]

DARK = 0.01  # of full scale: below it a stage has nothing to tell of this image


@dataclass(frozen=True, slots=True)
class TimeConstants:
    """Of the blocks of a stage, s."""

    resonator: float  # 1/(α ω0) of the slowest resonator: amplitude of the precession
    dc: float  # mean delay of chain, bias tees and transconductor
    transconductor: float  # its own part of that
    slowest_dc: float  # slowest mode of the DC side
    oscillator: float  # at the largest drive; 0 behind the last stage
    threshold: float  # at threshold, where it is slowest
    combining: float = 0.0  # a multiplexer's slowest filter

    @property
    def sum(self) -> float:
        """All in a row, the oscillator well above threshold."""
        return self.combining + self.resonator + self.dc + self.oscillator


@dataclass(frozen=True, slots=True)
class StageSettling:
    """When a stage stays within a part of full scale of where it ends, s from the start of the image."""

    layer: str
    sums: float  # at the transconductors, all of them
    outputs: float  # of the neurons, all of them
    constants: TimeConstants


def settling_time(time: Array, traces: Array, part: float, least: float = 0.0) -> Array:
    """Time [...] after which traces [times, ...] stay within part * (largest end value) of where they end.

    Of end values below `least`, within part * least: what ends in nothing is never within a part of that.
    """
    band = part * max(float(np.abs(traces[-1]).max()), least)
    outside = np.abs(traces - traces[-1]) > band
    last = len(time) - 1 - outside[::-1].argmax(0)
    return np.asarray(np.where(outside.any(0), time[np.minimum(last + 1, len(time) - 1)], time[0]))


def time_constants(levels: Levels, number: int) -> TimeConstants:
    """Analytic time constants of a stage."""
    stage_levels, stack = levels.stages[number], dc_stack(levels, number)
    f = float(stage_levels.paths.channel.min())
    resonator = 1 / (2 * np.pi * levels.plan.device.damping * f)
    oscillator = threshold = 0.0
    for link in stage_levels.links:
        tones = levels.stages[link.link.to].paths.frequency[link.span]
        device = link.options.oscillator(link.kind, levels.impedance(link), float(tones[tones > 0].min()))
        current = np.array([link.options.clamp, 1.0]) * link.options.threshold_current
        at_clamp, at_threshold = (float(1 / rate) for rate in device.rate(current))
        oscillator, threshold = max(oscillator, at_clamp), max(threshold, at_threshold)
    corner = POLES / (2 * np.pi * stage_levels.options.bandwidth)
    slowest, filters = float(stack.time_constants[0]), 0.0
    circuit = levels.plan.circuit
    if circuit.combining != "resistive" and levels.parallel.lines[number] is None:
        buses = levels.parallel.entry(number).buses
        filters = max(float(ring_time(bus.frequencies, circuit).max()) for bus in buses)
    return TimeConstants(resonator, stack.delay, corner, slowest, oscillator, threshold, filters)


def predicted_settling(levels: Levels, part: float = 0.01, step: float = 0.25e-9) -> Array:
    """Settling time of every stage's sums to `part`, s [stages], by the time constants alone.

    Each stage is a chain of linear blocks: a resonator at 1/(α ω0) of its lowest channel, its DC side, its oscillator
    at full drive; all neurons step alike, and a stage that several feed follows the slowest. The ringing of detuned
    resonators, the start of the tones and what thresholds do are left to the simulation.
    """
    constants = [time_constants(levels, n) for n in range(len(levels.stages))]
    count = int(40 * sum(times.sum for times in constants) / step)
    driven, settled = [np.ones(count) for _ in constants], []
    for number, times in enumerate(constants):
        signal = driven[number]
        signal = low_pass(np.append(0, signal[1:]), 1 / (2 * np.pi * times.resonator), step)
        if times.combining:
            signal = low_pass(signal, 1 / (2 * np.pi * times.combining), step)
        stack = dc_stack(levels, number)
        advance, state = stack.step(step), np.zeros(len(stack.matrix))
        shape = np.ones(stack.drive.shape[1]) / stack.rest(np.ones(stack.drive.shape[1]))[-1]
        readout = np.zeros(count)
        for n in range(1, count):
            state = advance(state, signal[n - 1] * shape, signal[n] * shape)
            readout[n] = state[-1]
        settled.append(float(settling_time(np.arange(count, dtype=np.float64) * step, readout, part)))
        made = low_pass(readout, 1 / (2 * np.pi * times.oscillator), step) if times.oscillator else readout
        for link in levels.stages[number].links:
            driven[link.link.to] = np.minimum(driven[link.link.to], made)
    return np.array(settled)


def settling(
    levels: Levels, run: EnvelopeRun, part: float = 0.01, full_scales: Array | None = None
) -> list[StageSettling]:
    """Settling of every stage to `part` of its largest value, which counts as `DARK` of full scale where it is less.

    `full_scales` [stages] of the sums, 0 where not given; of the outputs they are the levels' own.
    """
    sums = np.zeros(len(run.stages)) if full_scales is None else full_scales
    outputs = [max((link.full_scale for link in stage.links), default=0.0) for stage in levels.stages]
    return [
        StageSettling(
            levels.parallel.stages[n].layer.name,
            float(settling_time(run.time, trace.sums, part, DARK * float(sums[n])).max()),
            float(settling_time(run.time, trace.outputs, part, DARK * outputs[n]).max()),
            time_constants(levels, n),
        )
        for n, trace in enumerate(run.stages)
    ]
