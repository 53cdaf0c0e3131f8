"""The strip-line referee: a whole small layer in the time domain, its weights set by tuning currents.

Each tone is played at atan(π f dt)/(π dt), so that trapezoidal steps dt treat the circuit as it is at f (`referee`).
"""

from dataclasses import dataclass

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array
from resonet.cosim.fixed_step.transients import TransientEngine, read_transient
from resonet.cosim.ngspice.run import run_deck
from resonet.models.resonator.linear import SpinDiode
from resonet.netlist.spice.prewarp import played
from resonet.netlist.strip.circuit import StripCircuit
from resonet.netlist.strip.drive import drive_emf
from resonet.netlist.strip.tuned_deck import strip_dc_deck, strip_transient_deck, tuning_senses

__all__ = ["strip_dc_pass", "strip_transient"]

MOST_STEPS = 2_000_000


@dataclass(frozen=True, slots=True)
class _Timing:
    dt: float
    steps: int
    window: float


def _timing(frequencies: Array, damping: float, points: float) -> _Timing:
    """Fixed step, and as many as it takes to settle and to average the closest beat note."""
    dt, ring = 1 / (points * float(frequencies.max())), 1 / (2 * np.pi * damping * float(frequencies.min()))
    apart = np.diff(np.unique(frequencies))
    window = max(20 / float(apart.min() if len(apart) else frequencies[0]), 10 * ring)
    steps = int(np.ceil((12 * ring + window) / dt))
    if steps > MOST_STEPS:
        raise InputError(f"{steps:,} time steps; possible: {MOST_STEPS:,}, with tones further apart or fewer points")
    return _Timing(dt, steps, window)


def strip_transient(
    circuit: StripCircuit,
    built: Array,
    reference: float,
    currents: Array,
    frequencies: Array,
    powers: Array,
    device: SpinDiode,
    points: float = 30.0,
    seed: int = 0,
    engine: TransientEngine = "ngspice",
) -> Array:
    """DC voltage at every chain's head, V [chains], for tones of `powers` (W, [lines]) by transient.

    built [resonators] Hz, reference Hz, currents [tuning lines] A as of `strip_transient_deck`; frequencies [tones] Hz;
    `points` time points per period of the highest tone. Phases are drawn from `seed`. Raises InputError, EngineError.
    """
    lines, first = np.unique(circuit.line, return_index=True)
    if not 20 <= points <= 1000:
        raise InputError(f"{points:g} points per period; possible: 20 ... 1000")
    f = frequencies[circuit.tone[first]]
    timing = _timing(f, device.damping, points)
    emf = drive_emf(circuit, device.resistance) * np.sqrt(powers)
    phases = np.random.default_rng(seed).uniform(0, 360, len(lines))
    stop = timing.steps * timing.dt
    deck = strip_transient_deck(
        circuit, built, reference, currents, (emf, played(f, timing.dt), phases), (timing.dt, stop), device
    )
    silent = not (powers.any() or currents.any())
    run = read_transient(deck, timing.dt, timing.steps, timing.window, engine, 1800, silent)
    return run.columns([f"v(n{n})" for n in circuit.readout])[1]


def strip_dc_pass(circuit: StripCircuit, rectified: Array, currents: Array, device: SpinDiode) -> tuple[Array, Array]:
    """Heads of the chains, V [chains], and tuning currents at the resonators, A [resonators], by `.op`.

    rectified [resonators] V, p against n; currents [tuning lines] A into the lines. Raises EngineError.
    """
    silent = not (rectified.any() or currents.any())
    plot = run_deck(strip_dc_deck(circuit, rectified, currents, device), silent=silent)[0]
    heads = plot.columns([f"v(n{n})" for n in circuit.readout])[0].real
    senses, shares = tuning_senses(circuit)
    sensed = np.stack([plot.columns([f"v(w{m + k})" for m in senses])[0].real for k in (0, 1)], 1)
    return np.asarray(heads), np.asarray((sensed * shares).sum(1))
