"""The envelope engine: the cascade in time, each tone a complex envelope.

Between the tones' periods (0.1 ns) and the settling times (10 ns and more) lie two decades, so a tone is followed as
its phasor. What is resolved in time, stage by stage:

* **Resonators** and their rectified voltages as in `rectifier_dynamics`; under strip lines as in `line_dynamics`.
* **DC side** as in models/circuit/dc_side.py, exactly.
* **Oscillators** by the exact start-up law (`models.startup`); amplifiers follow at once.

RF currents follow the tones at once (the RF side of a bus settles in 0.1 ns; behind the filters of a multiplexer each
amplitude has a pole of its own) and are those of the linear engine, so what the envelopes settle to is the two-pass
cascade. Steps are exact for inputs linear in time: h sets only how finely
curves between stages are resolved.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array
from resonet.core.watching import Done, nothing
from resonet.cosim.cascade.dc_dynamics import dc_stack
from resonet.cosim.cascade.line_dynamics import line_voltages
from resonet.cosim.cascade.rectifier_dynamics import Ramp, Rectifiers
from resonet.cosim.cascade.two_pass import pool, stage_pixels
from resonet.cosim.weights.engines import linear
from resonet.cosim.weights.passes import RfPass
from resonet.models.circuit.bus import bus_load
from resonet.models.circuit.dc_side import DcStack
from resonet.models.circuit.multiplexer import filter_times
from resonet.models.neuron.electronics import POLES
from resonet.netlist.cascade.levels import Levels, LinkLevels, sums_of, tone_power
from resonet.netlist.design.neuron_options import NeuronOscillator
from resonet.netlist.planning.frequency_plan import Bus

__all__ = ["EnvelopeRun", "StageTrace", "envelope", "low_pass"]

MOST_STEPS = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class StageTrace:
    """One stage in time, units of the trained network."""

    sums: Array  # [times, neurons] as the transconductors see them
    outputs: Array  # [times, tones] as in `two_pass.StageValues`


@dataclass(frozen=True, slots=True, eq=False)
class EnvelopeRun:
    """One image through the hardware in time."""

    time: Array  # [times] s
    stages: tuple[StageTrace, ...]
    logits: Array  # [times, classes]


@dataclass(frozen=True, slots=True)
class _Grain:
    """How finely time and channels are resolved."""

    step: float  # s
    reach: int


def _tile_voltages(
    levels: Levels, number: int, passes: Sequence[RfPass], f_res: Sequence[Array], amplitudes: Array, grain: _Grain
) -> Array:
    """Rectified voltage of every tile of every chain, [times, chains, tiles], for amplitudes [times, tones] in √W."""
    stage, entry, plan = levels.parallel.stages[number], levels.parallel.entry(number), levels.plan
    tiles, outputs = len(levels.parallel.tile_sizes(number)), stage.chains // stage.copies.groups
    voltages = np.zeros((len(amplitudes), stage.chains, tiles))
    alike: dict[tuple[int, int], list[int]] = {}
    for n, bus in enumerate(entry.buses):
        alike.setdefault(bus.size, []).append(n)
    for numbers in alike.values():
        buses = [entry.buses[n] for n in numbers]
        a = amplitudes[:, np.stack([stage.wires[bus.group][bus.taps] for bus in buses])]
        if (times := _filter_times(levels, buses)) is not None:
            a = _followed(a, times, grain.step)
        chains = np.stack([bus.group * outputs + bus.outputs for bus in buses])
        places = [levels.parallel.places(number, bus) for bus in buses]
        for part in zip(*places, strict=True):  # every group of its own
            parts = [(entry.buses[n], passes[n], f_res[n]) for n in numbers]
            only = part[0][1] if len(places[0]) > 1 else None
            state = Rectifiers(parts, plan.device, grain.reach, grain.step, only)
            tile = np.array([[place] for place, _ in part])
            for n in range(len(a)):
                voltages[n, chains, tile] = state.voltage(a[n])
                if n + 1 < len(a):
                    state.advance(a[n], a[n + 1])
    return voltages


def _filter_times(levels: Levels, buses: Sequence[Bus]) -> Array | None:
    """Time constant of every tone behind its filter, s [buses, tones]; None without filters."""
    plan, times = levels.plan, dict[tuple[bytes, int, int], Array]()
    circuit, resistance = plan.circuit, plan.device.resistance
    if circuit.combining == "resistive":
        return None
    for bus in buses:
        chains, size = bus.size
        key = (bus.frequencies.tobytes(), chains, bus.below)
        if key not in times:
            load = bus_load(bus.frequencies, resistance, size, chains, circuit, bus.below)
            times[key] = filter_times(bus.frequencies, load, circuit)
    return np.stack([times[bus.frequencies.tobytes(), len(bus.outputs), bus.below] for bus in buses])


def _followed(x: Array, times: Array, h: float) -> Array:
    """One pole of its own behind each of x [n, ...], from zero before the first; exact for x linear in each step."""
    rate = np.asarray(1 / times, complex)
    ramp = Ramp.of(-rate, rate, h)
    decay, before, after = ramp.decay.real, ramp.before.real, ramp.after.real
    y = np.zeros_like(x)
    for n in range(1, len(x)):
        y[n] = decay * y[n - 1] + before * x[n - 1] + after * x[n]
    return y


def _kick(levels: Levels, number: int, passes: Sequence[RfPass], amplitudes: Array, stack: DcStack) -> Array:
    """State [chains, states] that tones [tones + dark] leave on the DC side when they start, as sines at time zero.

    A sine e sin(ωt) that starts at zero has the area e/ω more than a lasting one: an impulse to what is slow. Of the
    head's phasor V it is Re V/ω: it draws charge from the block capacitor through the chain to what is below it, and
    builds up current in the choke. Behind filters of a high Q tones rise over many periods, and there is none of it.
    """
    design, stage, entry = levels.parallel, levels.parallel.stages[number], levels.parallel.entry(number)
    resistance, circuit = design.plan.device.resistance, design.plan.circuit
    outputs = stage.chains // stage.copies.groups
    state = np.zeros((stage.chains, len(stack.matrix)))
    if circuit.combining != "resistive":
        return state
    for bus, rf in zip(entry.buses, passes, strict=True):
        chains, parts = bus.group * outputs + bus.outputs, amplitudes[stage.wires[bus.group][bus.taps]]
        for place, part in design.places(number, bus):
            head = resistance * rf.current[..., part].sum(-1)[:, 0] * parts
            area = float((head.real / (2 * np.pi * bus.frequencies)).sum())
            charge = area / ((part.stop - part.start) * resistance)
            state[chains, 3 * place] -= charge / circuit.block_capacitance
            state[chains, 3 * place + 1] += area / circuit.choke_inductance
            if place:
                state[chains, 3 * place - 1] += charge / circuit.bypass_capacitance
    return state


def _readings(levels: Levels, number: int, voltages: Array, stack: DcStack, state: Array, grain: _Grain) -> Array:
    """What the transconductors see, [times, neurons], for tile voltages [times, chains, tiles]."""
    h = grain.step
    step = stack.step(h)
    readings = np.zeros(voltages.shape[:2])
    for n in range(1, len(voltages)):
        state = step(state, voltages[n - 1], voltages[n])
        readings[n] = state[:, -1]
    pooled, start = pool(levels, number, readings), 0
    for pooling in levels.parallel.stages[number].poolings:
        part = slice(start, start + len(pooling.members))
        if pooling.kind == "max":  # its preamplifiers have the poles, and so has what is behind it
            for _ in range(POLES):
                pooled[:, part] = low_pass(pooled[:, part], levels.stages[number].options.bandwidth, h)
        start = part.stop
    return pooled


def low_pass(x: Array, bandwidth: float, h: float) -> Array:
    """One pole behind x [times, ...], from rest; exact for x linear in each step."""
    corner = np.array(2 * np.pi * bandwidth, complex)
    ramp = Ramp.of(-corner, corner, h)
    filtered = np.empty_like(x)
    filtered[0] = x[0]
    for n in range(1, len(x)):
        filtered[n] = (ramp.decay * filtered[n - 1] + ramp.before * x[n - 1] + ramp.after * x[n]).real
    return filtered


def _tones(levels: Levels, link: LinkLevels, readings: Array, h: float) -> Array:
    """Powers of the tones that oscillators make, units of p_max, [times, tones]."""
    frequency = levels.stages[link.link.to].paths.frequency[link.span]
    current = link.current(readings)
    power = np.zeros_like(current)
    # Start-up is as fast as the oscillator's frequency allows, so those of one frequency go together.
    for f in np.unique(frequency):
        at = frequency == f
        oscillator = link.options.oscillator(link.kind, levels.impedance(link), float(f) or 1e9)
        power[:, at] = _oscillate(oscillator, current[:, at], h)
    return tone_power(levels, link, power)


def _oscillate(oscillator: NeuronOscillator, current: Array, h: float) -> Array:
    """Powers, W, [times, neurons] of oscillators at rest at the first current; each step at its mean current."""
    p = oscillator.precession(current[0])
    power = np.zeros_like(current)
    for n, now in enumerate(current):
        if n:
            p = oscillator.advance(p, 0.5 * (now + current[n - 1]), h)
        power[n] = oscillator.emitted(p, now)
    return power


def envelope(
    levels: Levels,
    image: Array,
    stop: float,
    step: float = 0.5e-9,
    reach: int = 3,
    done: Done = nothing,
) -> EnvelopeRun:
    """One image [*input_shape]; all tones start at time zero, those of the neurons at their rest without an image.

    stop and step in s; tones within `reach` channels of a resonator are followed in it (`rectifier_dynamics`). `done`
    is called after each stage. Raises InputError.
    """
    design = levels.parallel
    if not (0 < step <= stop and stop / step <= MOST_STEPS and reach >= 0):
        raise InputError(
            f"envelope of {stop:g} s in steps of {step:g} s, {reach} channels wide; possible: 1 ... {MOST_STEPS:,} "
            "steps, 0 channels or more"
        )
    times = np.arange(round(stop / step) + 1, dtype=np.float64) * step
    grain = _Grain(step, reach)
    pixels = [stage_pixels(design, number, image[None]) for number in range(len(levels.stages))]
    made = [[np.broadcast_to(tones, (len(times), tones.shape[1]))] for tones in pixels]
    traces = []
    for number, stage_levels in enumerate(levels.stages):
        tones = np.concatenate(made[number], axis=1)
        readings = _stage(levels, number, tones, grain)
        done()
        outputs = []
        for link in stage_levels.links:
            powers = _tones(levels, link, readings, step)
            made[link.link.to].append(powers)
            outputs.append(link.outputs(powers))
        sums = sums_of(levels, number, readings)
        traces.append(StageTrace(sums, np.concatenate(outputs, axis=1) if outputs else sums))
    return EnvelopeRun(times, tuple(traces), design.network.logits([trace.sums for trace in traces]))


def _stage(levels: Levels, number: int, tones: Array, grain: _Grain) -> Array:
    """What the transconductors of a stage see, [times, neurons], for tones [times, tones] in units of p_max."""
    plan, entry, stack = levels.plan, levels.parallel.entry(number), dc_stack(levels, number)
    if (line := levels.parallel.lines[number]) is not None:
        heads = line_voltages(line, np.sqrt(tones * plan.options.p_max), grain.step)
        return _readings(
            levels, number, heads[..., None], stack, np.zeros((len(line.chains), len(stack.matrix))), grain
        )
    f_res = levels.parallel.design.program(levels.method).layer(entry.layer.name).f_res
    amplitudes = np.sqrt(levels.parallel.padded(number, tones) * plan.options.p_max)
    passes = linear(plan, entry, f_res).rf
    volts = _tile_voltages(levels, number, passes, f_res, amplitudes, grain)
    start = _kick(levels, number, passes, amplitudes[0], stack)
    return _readings(levels, number, volts, stack, start, grain)
