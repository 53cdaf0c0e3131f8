"""The referee: one chain in the time domain, all tones at once, against the two-pass result.

Trapezoidal integration at a fixed step dt treats every linear circuit at the frequency f as if it stood at
tan(π f dt) / (π dt), so a high-Q resonance is missed by far. Two remedies:

* `tones` (default): each tone is played at atan(π f dt) / (π dt). The integrated circuit then answers it exactly as
  the true circuit answers f: resonators, bias tees and parasitics alike, at any step, with the deck's own devices.
* `tank`: each resonator's tank is built at its pre-warped frequency, linewidth and height; tones stay where they are.
  Exact near each resonance, and to second order in π f dt elsewhere.

Both need the step to stay fixed: the number of points is compared with stop / dt, and the result refused if it
differs.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array, Ints
from resonet.cosim.fixed_step.readings import Readings
from resonet.cosim.fixed_step.transients import TransientEngine, read_transient
from resonet.cosim.ngspice.kept_step import MOST_STEPS, check_points
from resonet.cosim.weights.inference import tone_powers
from resonet.cosim.weights.passes import RfPass, dc_pass, rectify, rf_pass
from resonet.cosim.weights.witness import compare, compare_rf
from resonet.models.circuit.bus import bus_currents
from resonet.models.circuit.multiplexer import ring_time
from resonet.models.resonator.linear import susceptibility
from resonet.netlist.bus.deck import transient_deck
from resonet.netlist.bus.hardware import BusHardware, bus_hardware
from resonet.netlist.design.design import Design
from resonet.netlist.network.cnn import Synapses
from resonet.netlist.network.forward import propagate, software_layer
from resonet.netlist.planning.frequency_plan import Bus, FrequencyPlan, sub_bus
from resonet.netlist.programming.methods import Method
from resonet.netlist.spice.deck import Deck
from resonet.netlist.spice.prewarp import TankStep, played

__all__ = [
    "PREWARPS",
    "ChainRun",
    "Prewarp",
    "TransientResult",
    "chain_bus",
    "chain_voltage",
    "lone_chain",
    "patch_powers",
    "play_chain",
    "transient",
    "two_pass_voltage",
]

Prewarp = Literal["tones", "tank", "none"]
PREWARPS: tuple[Prewarp, ...] = ("tones", "tank", "none")
POINTS: dict[Prewarp, float] = {"tones": 20, "tank": 60, "none": 60}  # time points per period of the highest tone


@dataclass(frozen=True, slots=True)
class TransientResult:
    """One chain by transient and by the two passes."""

    layer: str
    chain: int
    resonators: int
    transient: float  # V, DC output: Hann-weighted mean over the window
    two_pass: float  # V
    full_scale: float  # V, what one resonator gives at its largest weight and p_max: K_SD p_max
    points: int  # time points that were taken
    dt: float  # s
    window: float  # s
    engine: TransientEngine = "ngspice"

    @property
    def difference_of_full_scale(self) -> float:
        """(transient - two-pass) / full scale."""
        return (self.transient - self.two_pass) / self.full_scale


@dataclass(frozen=True, slots=True, eq=False)
class ChainRun:
    """A transient of one chain."""

    readings: Readings
    deck: Deck
    dt: float  # s
    steps: int
    settle: float  # s until the window begins
    window: float  # s, at the end, over which the output is averaged

    @property
    def output(self) -> float:
        """DC output, V: Hann-weighted mean over the window."""
        return float(self.readings.columns(["v(dc0)"])[1][0])


def lone_chain(plan: FrequencyPlan, bus: Bus, f_res: Array, chain: int, resonators: int | None = None) -> BusHardware:
    """One chain of a bus alone on a bus, grounded, at levels of its own; f_res [chains, resonators] Hz of all chains.

    `resonators` of its resonators are kept, evenly spaced from the feed to the far end (all by default).
    """
    chains, size = bus.size
    keep = size if resonators is None else resonators
    if not 0 <= chain < chains:
        raise InputError(f"layer {bus.layer}: no chain {chain} on bus {bus.name}; possible: 0 ... {chains - 1}")
    if not 1 <= keep <= size:
        raise InputError(f"layer {bus.layer}: {keep} resonators of a chain of {size}; possible: 1 ... {size}")
    positions = _kept(size, keep)
    return bus_hardware(plan, sub_bus(bus, plan, chain, positions), f_res[chain : chain + 1, positions])


def chain_bus(design: Design, layer: str, method: Method, chain: int = 0, resonators: int | None = None) -> BusHardware:
    """One chain of the first tile of a layer, alone on its bus.

    `resonators` of its resonators are kept, evenly spaced from the feed to the far end (all by default), with the
    resonance frequencies that they have in the design.
    """
    bus = design.plan.layer(layer).buses[0]
    return lone_chain(design.plan, bus, design.program(method).layer(layer).f_res[0], chain, resonators)


def patch_powers(design: Design, layer: str, images: Array, resonators: int | None = None) -> Array:
    """Tone powers, W, that the brightest patch of some images puts on the first tile of a layer.

    images [n, *input_shape]; with `resonators`, the powers of those that `chain_bus` keeps. Shape [resonators].
    """
    bus = design.plan.layer(layer).buses[0]
    batches: list[Array] = []

    def watch(entry: Synapses, x: Array) -> Array:
        if entry.name == layer:
            batches.append(tone_powers(design, entry, x)[bus.group].reshape(-1, entry.taps)[:, bus.taps])
        return software_layer(entry, x)

    propagate(design.cnn, images, watch)
    powers = np.concatenate(batches)
    brightest = powers[powers.sum(1).argmax()]
    return np.asarray(brightest if resonators is None else brightest[_kept(len(brightest), resonators)])


def _kept(size: int, resonators: int) -> Ints:
    """Positions of `resonators` of a chain of `size`, evenly spaced from the feed to the far end."""
    return np.unique(np.linspace(0, size - 1, resonators).round().astype(np.int64))


def _closed_pass(hardware: BusHardware) -> RfPass:
    """RF pass of a bus in closed form."""
    bus, circuit, device = hardware.bus, hardware.circuit, hardware.device
    current = bus_currents(bus.frequencies, device.resistance, bus.size[1], bus.size[0], circuit, bus.below)
    current = (current * bus.levels[:, None])[:, None]
    chi = susceptibility(bus.frequencies[:, None, None], hardware.f_res[None], device.damping)
    return RfPass(bus.frequencies, current, chi * current)


def _lone_divider(hardware: BusHardware) -> float:
    """Part of the DC voltage of a chain that stands alone that its readout sees."""
    circuit, size = hardware.circuit, hardware.bus.size[1]
    series = size * hardware.device.resistance + min(circuit.groups, size) * circuit.choke_resistance
    return circuit.readout_resistance / (circuit.readout_resistance + series)


def chain_voltage(hardware: BusHardware, powers: Array) -> float:
    """DC output of a chain that stands alone, V, in closed form, for tone powers in W [tones]."""
    volts = np.tensordot(powers, rectify(_closed_pass(hardware), hardware.device.transduction), 1)[0]
    return float(hardware.bus.signs @ volts) * _lone_divider(hardware)


def two_pass_voltage(hardware: BusHardware, powers: Array) -> float:
    """DC output of a single chain, V, for tone powers in W [tones], by RF pass, rectification and direct DC pass.

    Raises EngineError, also where the closed form of the chain says otherwise.
    """
    bus, circuit, device = hardware.bus, hardware.circuit, hardware.device
    rf, where = rf_pass([hardware])[0], f"layer {hardware.bus.layer}, bus {hardware.bus.name}"
    compare_rf(where, bus, device.resistance, circuit, rf, _closed_pass(hardware))
    volts = np.tensordot(powers, rectify(rf, device.transduction), 1)[0]
    (found,) = dc_pass([hardware], {(bus.name, 0): volts}).values()
    divider = _lone_divider(hardware)
    full = float(np.abs(volts).sum()) * divider
    compare(where, "DC output, V", np.array([found, full]), np.array([float(bus.signs @ volts) * divider, full]))
    return found


def _timing(hardware: BusHardware) -> tuple[float, float]:
    """Settling time and averaging window, s: resonators, DC output and the closest beat note."""
    circuit, device, bus, f_res = hardware.circuit, hardware.device, hardware.bus, hardware.f_res[0]
    ring = 1 / (2 * np.pi * device.damping * f_res.min())
    if circuit.combining == "multiplexer":
        ring = max(ring, float(ring_time(bus.frequencies, circuit).max()))
    dc = 2 * len(f_res) * device.resistance * (circuit.block_capacitance + circuit.bypass_capacitance)
    spacing = np.abs(np.diff(bus.frequencies)).min() if len(f_res) > 1 else bus.frequencies[0]
    return 9 * max(ring, dc), max(20 / spacing, 10 * ring)


def _deck(hardware: BusHardware, emf: Array, phases: Array, dt: float, stop: float, prewarp: Prewarp) -> Deck:
    frequencies = hardware.bus.frequencies
    tones = played(frequencies, dt) if prewarp == "tones" else frequencies
    return transient_deck(hardware, emf, tones, phases, dt, stop, TankStep(dt) if prewarp == "tank" else None)


def play_chain(
    hardware: BusHardware,
    powers: Array,
    points: float | None = None,
    prewarp: Prewarp = "tones",
    seed: int = 0,
    engine: TransientEngine = "ngspice",
    most: int = MOST_STEPS,
) -> ChainRun:
    """Transient of a chain that stands alone, with tones of some powers (W) [tones], until it settled and was averaged.

    `points` is time points per period of the highest tone, by default what POINTS says for the pre-warp; phases are
    drawn from `seed`. Raises InputError, also where that takes more than `most` steps, and EngineError.
    """
    if prewarp not in PREWARPS:
        raise InputError(f"pre-warp {prewarp!r}: possible: {', '.join(PREWARPS)}")
    points = POINTS[prewarp] if points is None else points
    check_points(points)
    if prewarp == "tank" and hardware.circuit.combining != "resistive":
        raise InputError("pre-warp tank with bus.combining = multiplexer: filters ring too; possible: tones")
    bus = hardware.bus
    settle, window = _timing(hardware)
    dt = 1 / (points * float(bus.frequencies.max()))
    steps = int(np.ceil((settle + window) / dt))
    if steps > most:
        raise InputError(
            f"layer {bus.layer}: {steps:,} time steps to settle and average; possible: {most:,} (fewer resonators, "
            "smaller bus.block_capacitance and bus.bypass_capacitance, higher plan.f_min)"
        )
    emf = bus.levels * np.sqrt(powers) / np.abs(hardware.gains)
    phases = np.random.default_rng(seed).uniform(0, 360, len(powers))
    deck = _deck(hardware, emf, phases, dt, steps * dt, prewarp)
    run = read_transient(deck, dt, steps, window, engine, 3600, not powers.any())
    return ChainRun(run, deck, dt, steps, settle, window)


def transient(
    design: Design,
    layer: str,
    method: Method,
    powers: Array,
    chain: int = 0,
    points: float | None = None,
    prewarp: Prewarp = "tones",
    seed: int = 0,
    engine: TransientEngine = "ngspice",
) -> tuple[TransientResult, Deck]:
    """Transient of one chain of the layer's first tile, against the two-pass result on the same circuit.

    powers [tones] in W: as many resonators of the chain take part. `points` is time points per period of the highest
    tone, by default what POINTS says for the pre-warp. `fixed_step` runs the same deck compiled. Raises InputError,
    EngineError.
    """
    design.require_bus("transient", (layer,))
    hardware = chain_bus(design, layer, method, chain, len(powers))
    run = play_chain(hardware, powers, points, prewarp, seed, engine)
    result = TransientResult(
        layer,
        chain,
        len(powers),
        run.output,
        two_pass_voltage(hardware, powers),
        design.plan.device.sensitivity * design.plan.options.p_max,
        run.readings.points,
        run.dt,
        run.window,
        engine,
    )
    return result, run.deck
