"""The DC output of a chain over time: all its tones at once, from silence until it has settled."""

import time
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array
from resonet.cosim.fixed_step.transients import TRANSIENT_ENGINES, TransientEngine
from resonet.cosim.referee.chain import chain_voltage, lone_chain, play_chain
from resonet.netlist.bus.hardware import BusHardware
from resonet.view.chain import ChainState
from resonet.view.change import How, kept_sources

__all__ = ["MOST_RESONATORS", "Waveform", "lone_hardware", "waveform"]

MOST_STEPS = 600_000
MOST_RESONATORS = 64
SHOWN = 700  # stretches of the curve, each with its lowest and its highest value


@dataclass(frozen=True, slots=True, eq=False)
class Waveform:
    """The output of a chain that stands alone on its bus."""

    time: Array  # s
    volts: Array  # V, the extremes of every stretch
    mean_time: Array  # s
    means: Array  # V, what a neuron gets that averages over the last `window` (Hann-weighted)
    output: float  # V, mean over the window
    expected: float  # V, closed form
    full_scale: float  # V, K_SD p_max
    settle: float  # s until the window begins
    window: float  # s
    dt: float  # s
    steps: int
    resonators: int
    engine: TransientEngine
    seconds: float


def lone_hardware(before: ChainState, state: ChainState, how: How, resonators: int) -> BusHardware:
    """The chain alone on a bus; as it was built, its sources keep the EMF that they have without the change."""
    if how == "anew":
        return lone_chain(state.plan, state.bus, state.f_res, state.chosen.chain, resonators)
    built = lone_chain(before.plan, before.bus, state.f_res, state.chosen.chain, resonators)
    now, bus = state.plan, kept_sources(built.bus, before.plan, state.plan)
    return replace(built, bus=bus, device=now.device, circuit=now.circuit, p_max=now.options.p_max)


def _thinned(time: Array, volts: Array) -> tuple[Array, Array]:
    """The extremes of every stretch, in order."""
    if len(time) <= 2 * SHOWN:
        return time, volts
    edges = np.linspace(0, len(time), SHOWN + 1).astype(int)
    ends = [first + int(find(volts[first:last])) for first, last in pairwise(edges) for find in (np.argmin, np.argmax)]
    kept = np.unique([0, *ends, len(time) - 1])
    return time[kept], volts[kept]


def _averaged(time: Array, volts: Array, window: float, dt: float) -> tuple[Array, Array]:
    """Means over the last `window` at some of the times, as many as there are whole windows behind."""
    from scipy.signal import fftconvolve

    count = round(window / dt)
    weights = np.sin(np.pi * (np.arange(count) + 0.5) / count) ** 2
    means = fftconvolve(volts, weights / weights.sum(), mode="valid")
    kept = np.unique(np.linspace(0, len(means) - 1, SHOWN).astype(int))
    return time[kept + count - 1], means[kept]


def waveform(
    before: ChainState,
    state: ChainState,
    how: How,
    activation: float = 1.0,
    resonators: int | None = None,
    engine: str = "fixed_step",
) -> Waveform:
    """Transient of a chain with a change, every tone at `activation` of p_max; `resonators` as in `lone_chain`.

    Raises InputError, EngineError.
    """
    if engine not in TRANSIENT_ENGINES:
        raise InputError(f"engine {engine[:40]!r}; possible: {', '.join(TRANSIENT_ENGINES)}")
    size = state.bus.size[1]
    count = min(size, MOST_RESONATORS) if resonators is None else resonators
    if not 1 <= count <= min(size, MOST_RESONATORS):
        raise InputError(f"resonators = {count}; possible: 1 ... {min(size, MOST_RESONATORS)}")
    if 1 < count < state.plan.circuit.groups:
        raise InputError(f"resonators = {count}: bus.groups = {state.plan.circuit.groups}; possible: as many, or more")
    hardware, begin = lone_hardware(before, state, how, count), time.perf_counter()
    powers = np.full(count, activation * state.plan.options.p_max)
    run = play_chain(hardware, powers, engine=engine, most=MOST_STEPS)
    volts = run.readings.columns(["v(dc0)"])[0][:, 0]
    return Waveform(
        *_thinned(run.readings.time, volts),
        *_averaged(run.readings.time, volts, run.window, run.dt),
        run.output,
        chain_voltage(hardware, powers),
        state.plan.device.sensitivity * state.plan.options.p_max,
        run.settle,
        run.window,
        run.dt,
        run.steps,
        count,
        engine,
        time.perf_counter() - begin,
    )
