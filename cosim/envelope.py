"""The envelope engine: the cascade in time, each tone a complex envelope.

Between the tones' periods (0.1 ns) and the settling times (10 ns and more) lie two decades, so a tone is followed as
its phasor. What is resolved in time, stage by stage:

* **Resonators.** A tone of frequency f and RF current phasor i(t) drives the precession x'' + 2αω0 x' + ω0² x = ω0² i.
  With x = Re X e^{jωt} its modes are s± = -αω0 ± jω0√(1-α²); the near one is followed,

      X₊' = (s₊ - jω) X₊ + ω0² i / (s₊ - s₋),                                                                    (1)

  the far one, 2ω off, is at rest with its drive: X₋ = -ω0² i / ((s₊ - s₋)(jω - s₋)). At rest X₊ + X₋ = chi(f) i exactly.
* **Rectification** V = ½ k Σ_f Re(i X*), beat notes between tones left out: they lie above the bandwidth behind them.
* **DC side** as in `dc_dynamics`, exactly.
* **Oscillators** by the exact start-up law (`models.startup`); amplifiers follow at once.

RF currents follow the tones at once (the RF side of a bus settles in 0.1 ns) and are those of the linear engine, so
what the envelopes settle to is the two-pass cascade. Steps are exact for inputs linear in time: h sets only how finely
curves between stages are resolved.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from resonet.cosim.cascade import pixel_tones, pool
from resonet.cosim.dc_dynamics import DcStack
from resonet.cosim.engines import linear
from resonet.cosim.passes import RfPass
from resonet.models.errors import InputError
from resonet.models.neuron import POLES
from resonet.netlist.frequency_plan import Bus
from resonet.netlist.neuron_options import NeuronOscillator
from resonet.netlist.neurons import Levels, tone_power
from resonet.netlist.programming import Method

__all__ = ["EnvelopeRun", "StageTrace", "envelope"]

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]


@dataclass(frozen=True, slots=True, eq=False)
class StageTrace:
    """One stage in time, units of the trained network."""

    sums: Array  # [times, neurons] as the transconductors see them
    outputs: Array  # [times, neurons]


@dataclass(frozen=True, slots=True, eq=False)
class EnvelopeRun:
    """One image through the hardware in time."""

    time: Array  # [times] s
    stages: tuple[StageTrace, ...]
    logits: Array  # [times, classes]


@dataclass(frozen=True, slots=True, eq=False)
class _Ramp:
    """Step of X' = λX + g a(t) with a linear in time, exact: X1 = decay X0 + before a0 + after a1."""

    decay: Complex
    before: Complex
    after: Complex

    @classmethod
    def of(cls, rate: Complex, drive: Complex, h: float) -> "_Ramp":
        z = rate * h
        decay = np.exp(z)
        first = np.expm1(z) / z
        second = (first - 1) / z  # ∫ of the rising half of the ramp
        return cls(decay, drive * h * (first - second), drive * h * second)


class _BusState:
    """Resonators of one bus in time: rectified voltage of every chain."""

    def __init__(self, bus: Bus, rf: RfPass, f_res: Array, damping: float, transduction: float, h: float) -> None:
        w0, w = 2 * np.pi * f_res[None], 2 * np.pi * bus.frequencies[:, None, None]  # [tones, chains, resonators]
        near = w0 * (-damping + 1j * np.sqrt(1 - damping**2))
        gap = 2j * near.imag
        current = np.broadcast_to(rf.current, (len(bus.frequencies), *f_res.shape))  # A/√W
        drive = w0**2 / gap * current
        far = -drive / (1j * w - near.conj())
        signed = 0.5 * transduction * bus.signs * current.conj()
        self.ramp = _Ramp.of(near - 1j * w, drive, h)
        self.signed = signed
        self.far = np.einsum("tjk,tjk->tj", signed, far).real  # V/W of the mode that is always at rest
        self.near = np.zeros_like(drive)

    def voltage(self, a: Array) -> Array:
        """Rectified voltage [chains] for amplitudes a [tones], √W, now."""
        return np.asarray(np.einsum("tjk,tjk,t->j", self.signed, self.near, a).real + a**2 @ self.far)

    def advance(self, a0: Array, a1: Array) -> None:
        """One step, the amplitudes going from a0 to a1."""
        ramp = self.ramp
        self.near = ramp.decay * self.near + ramp.before * a0[:, None, None] + ramp.after * a1[:, None, None]


def _tile_voltages(
    levels: Levels, number: int, f_res: Sequence[Array], amplitudes: Array, dark: float, h: float
) -> Array:
    """Rectified voltage of every tile of every chain, [times, chains, tiles], for amplitudes [times, tones] in √W."""
    design, stage, entry = levels.design, levels.design.stages[number], levels.design.entry(number)
    plan = design.design.plan
    passes = linear(plan, entry, f_res)
    tiles, outputs = 1 + max(bus.tile for bus in entry.buses), stage.chains // stage.copies.groups
    found = np.zeros((len(amplitudes), stage.chains, tiles))
    padded = np.concatenate([amplitudes, np.full((len(amplitudes), 1), dark)], axis=1)
    for bus, rf, f in zip(entry.buses, passes.rf, f_res, strict=True):
        state = _BusState(bus, rf, f, plan.device.damping, plan.device.transduction, h)
        a = padded[:, stage.wires[bus.group][bus.taps]]
        chains = bus.group * outputs + bus.outputs
        for n in range(len(a)):
            found[n, chains, bus.tile] = state.voltage(a[n])
            if n + 1 < len(a):
                state.advance(a[n], a[n + 1])
    return found


def _kick(levels: Levels, number: int, amplitudes: Array, dark: float, stack: DcStack) -> Array:
    """State [chains, states] that tones leave on the DC side when they start, as sines at time zero.

    A sine e sin(ωt) that starts at zero has the area e/ω more than a lasting one: an impulse to what is slow. Of the
    head's phasor V it is Re V/ω, which charges the block capacitor through the chain and builds up current in the choke.
    """
    design, stage, entry = levels.design, levels.design.stages[number], levels.design.entry(number)
    plan, outputs = design.design.plan, stage.chains // stage.copies.groups
    resistance, circuit = plan.device.resistance, plan.circuit
    state = np.zeros((stage.chains, len(stack.matrix)))
    padded = np.append(amplitudes, dark)
    for bus, rf in zip(
        entry.buses, linear(plan, entry, design.design.programs["coupled"].layers[number].f_res).rf, strict=True
    ):
        head = resistance * rf.current.sum(-1)[:, 0] * padded[stage.wires[bus.group][bus.taps]]
        area = float((head.real / (2 * np.pi * bus.frequencies)).sum())
        chains = bus.group * outputs + bus.outputs
        charge = area / (bus.size[1] * resistance)  # through the chain, from the block capacitor to what is below
        state[chains, 3 * bus.tile] -= charge / circuit.block_capacitance
        state[chains, 3 * bus.tile + 1] += area / circuit.choke_inductance
        if bus.tile:
            state[chains, 3 * bus.tile - 1] += charge / circuit.bypass_capacitance
    return state


def _readings(levels: Levels, number: int, voltages: Array, start: tuple[Array, float], h: float) -> Array:
    """What the transconductors see, [times, neurons], for tile voltages [times, chains, tiles]; `start` as `_kick`."""
    entry, own = levels.design.entry(number), levels.stages[number]
    plan, group = levels.design.design.plan, entry.buses[0].group
    sizes = [bus.size[1] for bus in entry.buses if bus.group == group and bus.bank == entry.buses[0].bank]
    stack = DcStack.of_tiles(sizes, plan.device.resistance, plan.circuit, own.options.bandwidth)
    step = stack.step(h)
    state = _kick(levels, number, *start, stack)
    found = np.zeros(voltages.shape[:2])
    for n in range(1, len(voltages)):
        state = step(state, voltages[n - 1], voltages[n])
        found[n] = state[:, -1]
    pooled = pool(levels, number, found)
    if levels.design.stages[number].pool == "max":  # its preamplifiers have the poles, and so has what is behind it
        for _ in range(POLES):
            pooled = _low_pass(pooled, own.options.bandwidth, h)
    return pooled


def _low_pass(x: Array, bandwidth: float, h: float) -> Array:
    """One pole behind x [times, ...], from rest; exact for x linear in each step."""
    ramp = _Ramp.of(*(np.array(2 * np.pi * bandwidth * sign + 0j) for sign in (-1, 1)), h)
    found = np.empty_like(x)
    found[0] = x[0]
    for n in range(1, len(x)):
        found[n] = (ramp.decay * found[n - 1] + ramp.before * x[n - 1] + ramp.after * x[n]).real
    return found


def _tones(levels: Levels, number: int, readings: Array, h: float) -> Array:
    """Powers of the neurons' tones, units of p_max, [times, neurons]."""
    own, paths = levels.stages[number], levels.stages[number + 1].paths
    assert own.kind is not None and own.bias is not None
    current = own.bias + own.gm * readings
    power = np.zeros_like(readings)
    # Start-up is as fast as the neuron's frequency allows, so neurons of one frequency go together.
    for f in np.unique(paths.frequency):
        at = paths.frequency == f
        oscillator = own.options.oscillator(own.kind, levels.impedance, float(f) or 1e9)
        power[:, at] = _oscillate(oscillator, current[:, at], h)
    return tone_power(levels, number, power)


def _oscillate(oscillator: NeuronOscillator, current: Array, h: float) -> Array:
    """Powers, W, [times, neurons] of oscillators at rest at the first current; each step at its mean current."""
    p = oscillator.precession(current[0])
    found = np.zeros_like(current)
    for n, now in enumerate(current):
        if n:
            p = oscillator.advance(p, 0.5 * (now + current[n - 1]), h)
        found[n] = oscillator.emitted(p, now)
    return found


def envelope(levels: Levels, method: Method, image: Array, stop: float, step: float = 0.25e-9) -> EnvelopeRun:
    """One image [*input_shape] from time zero on; before it no pixel has a tone and all is at rest.

    stop and step in s. Raises InputError.
    """
    design = levels.design
    if not (0 < step <= stop and stop / step <= 1_000_000):
        raise InputError(f"envelope of {stop:g} s in steps of {step:g} s; possible: 1 ... 1,000,000 steps")
    times = np.arange(round(stop / step) + 1) * step
    p_max = design.design.plan.options.p_max
    program = design.design.program(method)
    tones = np.broadcast_to(pixel_tones(design, image[None]), (len(times), levels.stages[0].paths.tones))
    traces = []
    for number, own in enumerate(levels.stages):
        stage = design.stages[number]
        offset, full_scale = design.scale(number)
        dark = float(np.sqrt(offset / full_scale * p_max))
        volts = _tile_voltages(levels, number, program.layers[number].f_res, np.sqrt(tones * p_max), dark, step)
        readings = _readings(levels, number, volts, (np.sqrt(tones[0] * p_max), dark), step)
        sums = (readings - own.rest[stage.members.max(1)]) / own.unit + stage.bias
        if own.kind is None:
            traces.append(StageTrace(sums, sums))
            break
        tones = _tones(levels, number, readings, step)
        zero, scale = design.scale(number + 1)
        traces.append(StageTrace(sums, tones * scale - zero))
    return EnvelopeRun(times, tuple(traces), traces[-1].sums[:, design.network.outputs])
