"""What a window of a strip-line layer does, for any program: the RF currents do not depend on where resonances stand.

At zero bias a resonator is R0 to the RF whatever its resonance, so that one RF pass serves every program; only the
rectification, ½ k |i|² Re chi(f), asks for it.
"""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike
from threadpoolctl import threadpool_limits

from resonet.core.errors import InputError
from resonet.core.types import Array, Complex, Ints
from resonet.cosim.strip.direct import readout_gains
from resonet.cosim.strip.engine import StripEngine
from resonet.cosim.strip.ngspice import ngspice_phasors
from resonet.cosim.strip.tree_solver import swept_batches, swept_currents
from resonet.models.line.lines import RlgcLine
from resonet.models.resonator.linear import SpinDiode, detuning_for_weight, real_susceptibility, resonance_for_detuning
from resonet.netlist.network.cnn import Synapses
from resonet.netlist.strip.circuit import FIELD_CAUSES, StripCircuit, strip_circuit
from resonet.netlist.strip.drive import strip_program, tuned_share
from resonet.netlist.strip.ends import ends_of
from resonet.netlist.strip.parasitics import CAUSES, Parasitics, extract_parasitics
from resonet.netlist.strip.placement import Placement
from resonet.netlist.strip.wiring import neighbour_chains

__all__ = [
    "ALL_CAUSES",
    "NOMINAL",
    "REACH",
    "StripDevices",
    "StripMethod",
    "StripPass",
    "layer_resonances",
    "rectification",
    "rectified",
    "split_causes",
    "squared",
    "strip_answers",
    "strip_pass",
    "window_circuit",
]

StripMethod = Literal["formula", "coupled"]
ALL_CAUSES = (*CAUSES, *FIELD_CAUSES)
REACH = 3  # pitches that the field of a line is followed to


@dataclass(frozen=True, slots=True, eq=False)
class StripPass:
    """RF and DC pass of a window."""

    circuit: StripCircuit  # aggressor chains included
    chains: Ints  # [chains] whose readouts are here
    lines: Ints  # [lines] numbers in the placement
    tones: Ints  # [lines]
    frequencies: Array  # [tones] Hz
    current: Complex  # [lines, resonators of the circuit] A/√W, peak
    gains: Array  # [chains, resonators of the circuit] V at the readout per volt rectified, p against n
    share: Array  # [resonators of the circuit] tuning current that arrives, part of what is fed in
    precession: Complex | None = None  # as current, where the engine has solved for that too


def split_causes(causes: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Causes of `extract_parasitics` and those of fields. Raises InputError for one that does not exist."""
    chosen = tuple(causes)
    unknown = sorted(set(chosen) - set(ALL_CAUSES))
    if unknown:
        raise InputError(f"cause {str(unknown[0])[:40]!r}: possible: {', '.join(ALL_CAUSES)}")
    return tuple(c for c in chosen if c in CAUSES), tuple(c for c in chosen if c in FIELD_CAUSES)


def layer_resonances(
    placement: Placement, synapses: Synapses, frequencies: Array, device: SpinDiode, fill: float, method: StripMethod
) -> tuple[Array, float]:
    """Resonances, Hz [resonators], of a program that knows no parasitics, and its scale, V/W per unit of weight.

    `coupled` inverts the exact answer; `formula` the published law. The largest weight is at `fill` of K_SD.
    """
    if method not in get_args(StripMethod):
        raise InputError(f"program {str(method)[:40]!r}: possible: {', '.join(get_args(StripMethod))}")
    weights, usage = synapses.resonator_weights, placement.usage
    if len(weights) != usage.weights:
        raise InputError(
            f"layer {synapses.name}: {len(weights)} weights; possible: {usage.weights}, as it was laid out"
        )
    scale = fill * device.sensitivity / (float(np.abs(weights).max()) or 1.0)
    if method == "coupled":
        return strip_program(placement, weights * scale, frequencies, device), scale
    turn = 1.0 - 2.0 * (usage.tap % 2)
    u = detuning_for_weight(turn * weights[usage.weight] * scale / device.sensitivity)
    return resonance_for_detuning(frequencies[usage.tone], u, device.damping), scale


def _blend(none: Parasitics, full: Parasitics, part: float) -> Parasitics:
    """Parasitics `part` of the way from `none` to `full`: every magnitude in proportion."""
    blended: dict[str, Any] = {}
    for spec in fields(Parasitics):
        a, b = getattr(none, spec.name), getattr(full, spec.name)
        if isinstance(a, RlgcLine):
            names = ("r", "l", "g", "c")
            blended[spec.name] = replace(
                a, **{n: getattr(a, n) + part * (getattr(b, n) - getattr(a, n)) for n in names}
            )
        elif spec.name not in ("causes", "frequency"):
            blended[spec.name] = a + part * (b - a)
    return replace(none, causes=full.causes, **blended)


def window_circuit(
    placement: Placement, frequencies: Array, chains: Ints | None, causes: Iterable[str], part: float = 1.0
) -> StripCircuit:
    """Circuit of the chains `chains` with all `causes` at `part` of their magnitude; line_delay is on or off."""
    f = float(np.sqrt(frequencies.min() * frequencies.max()))
    ours, also = split_causes(causes)
    parasitics = extract_parasitics(placement, f, ours)  # type: ignore[arg-type]
    if part != 1:
        parasitics = _blend(extract_parasitics(placement, f, ()), parasitics, part)
    circuit = strip_circuit(placement, parasitics, chains, also, REACH)
    if part == 1 or "line_field" not in also:
        return circuit
    rows, stubs, a = circuit.field
    return replace(circuit, field=(rows, stubs, np.where(rows == stubs, a, part * a)))


def _window(
    placement: Placement,
    frequencies: Array,
    causes: Iterable[str],
    window: ArrayLike | None,
    neighbours: int,
    part: float,
    engine: StripEngine,
) -> tuple[StripCircuit, Ints]:
    """Circuit of a window with its neighbours, and the chains whose readouts are asked for."""
    usage = placement.usage
    if len(frequencies) != usage.tones:
        raise InputError(f"layer {usage.layer}: {len(frequencies)} frequencies; possible: {usage.tones}")
    if engine not in get_args(StripEngine):
        raise InputError(f"engine {str(engine)[:40]!r}: possible: {', '.join(get_args(StripEngine))}")
    chains = np.unique(usage.chain if window is None else np.asarray(window)).astype(np.int64)
    with_neighbours = (
        None if window is None else neighbour_chains(placement, chains, neighbours) if neighbours else chains
    )
    return window_circuit(placement, frequencies, with_neighbours, causes, part), chains


def _played(
    placement: Placement, circuit: StripCircuit, chains: Ints, device: SpinDiode
) -> tuple[Ints, Ints, Array, Array]:
    """Lines of a window and their tones, DC gains to the readouts of its chains, share of tuning by resonator."""
    lines, first = np.unique(circuit.line, return_index=True)
    gains = readout_gains(circuit, chains, device.resistance)
    return lines, circuit.tone[first], gains, tuned_share(placement, circuit.parasitics, circuit.resonators)


def strip_pass(
    placement: Placement,
    frequencies: Array,
    causes: Iterable[str] = ALL_CAUSES,
    window: ArrayLike | None = None,
    neighbours: int = 0,
    device: SpinDiode | None = None,
    part: float = 1.0,
    engine: StripEngine = "linear",
    f_res: Array | None = None,
) -> StripPass:
    """RF and DC pass of the chains `window` (None: all) with `neighbours` chains to either side as aggressors.

    Parasitics are those of the middle of the band, all of `causes` at `part` of their magnitude. ngspice needs f_res
    [resonators of the placement], Hz. Raises InputError, EngineError.
    """
    device, frequencies = device or SpinDiode(), np.asarray(frequencies, float)
    circuit, chains = _window(placement, frequencies, causes, window, neighbours, part, engine)
    lines, tones, gains, share = _played(placement, circuit, chains, device)
    precession = None
    if engine == "linear":
        current = swept_currents(circuit, lines, tones, frequencies, device)
    elif f_res is None:
        raise InputError("engine ngspice: resonance frequencies are part of its deck; possible: with f_res")
    else:
        resonances = f_res[circuit.resonators]
        current, precession = ngspice_phasors(circuit, lines, tones, frequencies, resonances, device)
    return StripPass(circuit, chains, lines, tones, frequencies, current, gains, share, precession)


def strip_answers(
    placement: Placement,
    frequencies: Array,
    f_res: Array,
    causes: Iterable[str] = ALL_CAUSES,
    window: ArrayLike | None = None,
    neighbours: int = 0,
    device: SpinDiode | None = None,
    part: float = 1.0,
    engine: StripEngine = "linear",
    at: tuple[Ints, Ints] | None = None,
) -> tuple[Array, Array]:
    """What `strip_pass` and `rectified` make of a window: its weights [chains, lines] and voltages, both V/W.

    The latter at the pairs `at` of a line and a resonator of the circuit [pairs]. Currents are in memory only until
    their weights are known. Raises InputError, EngineError.
    """
    device, frequencies = device or SpinDiode(), np.asarray(frequencies, float)
    line_at, resonator_at = at or (np.empty(0, np.int64),) * 2
    if engine != "linear":
        passes = strip_pass(placement, frequencies, causes, window, neighbours, device, part, engine, f_res)
        held = rectified(passes, f_res, device)
        return np.asarray(passes.gains @ held.T), held[line_at, resonator_at]
    circuit, chains = _window(placement, frequencies, causes, window, neighbours, part, engine)
    lines, tones, gains, share = _played(placement, circuit, chains, device)
    response = rectification(circuit, frequencies, share, f_res, device)
    weights, volts_at = np.empty((len(chains), len(lines))), np.empty(len(line_at))

    def take(batch: tuple[Ints, Callable[[], Complex]]) -> None:
        which, currents = batch
        volts = squared(currents()) * response[tones[which]]
        weights[:, which] = gains @ volts.T
        place = np.full(len(lines), -1)
        place[which] = np.arange(len(which))
        asked = np.flatnonzero(place[line_at] >= 0)
        volts_at[asked] = volts[place[line_at[asked]], resonator_at[asked]]

    batches = swept_batches(
        circuit, lines, tones, frequencies, device, ends=ends_of(circuit, frequencies[np.unique(tones)])
    )
    # threads of the matrix products would only wait for each other
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(take, batches))
    return weights, volts_at


def squared(current: Complex) -> Array:
    """|i|² of phasors."""
    return np.asarray(current.real**2 + current.imag**2)


@dataclass(frozen=True, slots=True, eq=False)
class StripDevices:
    """Resonators of a layer on one chip, parts of nominal, [resonators of the placement] or one for all."""

    f_res: Array | float = 1.0  # of what the tuning currents set
    damping: Array | float = 1.0
    sensitivity: Array | float = 1.0  # K_SD

    def part(self, resonators: Ints) -> "StripDevices":
        """Of some of the resonators."""
        each = (self.f_res, self.damping, self.sensitivity)
        return StripDevices(*(x if isinstance(x, float) else x[resonators] for x in each))


NOMINAL = StripDevices()


def rectified(passes: StripPass, f_res: Array, device: SpinDiode, own: StripDevices = NOMINAL) -> Array:
    """Rectified voltage of every resonator per watt of each line, V/W, p against n; [lines, resonators].

    f_res [resonators of the placement], Hz, as the tuning currents are meant to set them; `own`: what a chip makes of
    them and of the rest.
    """
    if passes.precession is not None:
        assert own is NOMINAL
        return np.asarray(0.5 * device.transduction * (passes.current * passes.precession.conj()).real)
    response = rectification(passes.circuit, passes.frequencies, passes.share, f_res, device, own)
    volts = np.empty(passes.current.shape)
    for line, tone in enumerate(passes.tones):  # no array of all beside the one that is asked for
        volts[line] = squared(passes.current[line]) * response[tone]
    return volts


def rectification(
    circuit: StripCircuit,
    frequencies: Array,
    share: Array,
    f_res: Array,
    device: SpinDiode,
    own: StripDevices = NOMINAL,
) -> Array:
    """½ k Re chi of every resonator at every tone, V/A², [tones, resonators of the circuit]; f_res as `rectified`."""
    built = frequencies[circuit.tone]
    own = own.part(circuit.resonators)
    tuned = (built + (f_res[circuit.resonators] - built) * share) * own.f_res
    damping, gain = device.damping * own.damping, 0.5 * device.transduction * own.damping * own.sensitivity
    out = np.empty((len(frequencies), len(tuned)))
    for row, f in zip(out, frequencies, strict=True):  # large arrays in between would go to and from the system
        row[:] = gain * real_susceptibility(f / tuned, damping)[0]
    return out
