"""A whole layer under strip-line feed: its weights by a program, and calibrated for what the circuit does.

The layer goes in windows of chains with their neighbours as aggressors. One RF pass a window serves every program
(`strip_pass`), so that calibration costs only what rectification costs. Each chain has a profile of its own, as the
lines lose power from chain to chain:

    G_ak = ½ R0 |i_ak|² g_k      tone a of the chain's own lines in its resonator k, g with the sign of the tap

and what the profile leaves out (other chains, tuning current that leaks away) is measured and taken up as an offset.

| program | tuning currents | knows |
|---|---|---|
| `formula`, `coupled` | one a weight | no parasitics |
| `shared` | one a weight | the circuit: least squares over all chains under a tuning line |
| `calibrated` | one a resonator | the circuit |

The readout has one gain a layer, by least squares, in every program but `calibrated`, where it is 1.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array, Bools, Ints
from resonet.core.watching import Done, nothing
from resonet.cosim.strip.held import (
    LINES,
    STRIP_PROGRAMS,
    LineAggressor,
    StripLayer,
    StripWeights,
)
from resonet.cosim.strip.loudest import crosstalk, loudest
from resonet.cosim.strip.passes import (
    ALL_CAUSES,
    NOMINAL,
    StripDevices,
    layer_resonances,
    rectified,
    strip_pass,
)
from resonet.models.resonator.chain import Chains, chain_response, solve_chains
from resonet.models.resonator.linear import SpinDiode, detuning_for_weight, resonance_for_detuning
from resonet.netlist.network.cnn import Synapses
from resonet.netlist.programming.methods import Method
from resonet.netlist.programming.sharing import SharedProblem, solve_shared
from resonet.netlist.strip.placement import Placement
from resonet.netlist.strip.usage import Usage

__all__ = [
    "layer_answers",
    "layer_weights",
    "layer_windows",
    "solve_layer_windows",
    "strip_weights",
]

MOST_CURRENTS = 400_000_000  # lines times resonators of all windows, 6.4 GB
HELD = 1e-6  # residual, part of the layer's largest weight, with which a chain holds its weights
PASSES = 4
FILL_STEPS = 7


def layer_windows(placement: Placement, size: int) -> list[Ints]:
    """Chains in windows of at most `size`, none across two blocks."""
    per_block = placement.usage.grid[0] * placement.usage.grid[1]
    chains = np.unique(placement.usage.chain).astype(np.int64)
    parts = np.split(chains, np.flatnonzero(np.diff(chains // per_block)) + 1)
    return [piece for part in parts for piece in np.array_split(part, -(-len(part) // size))]


def solve_layer_windows(
    placement: Placement,
    synapses: Synapses,
    frequencies: Array,
    causes: Iterable[str] = ALL_CAUSES,
    size: int = 144,
    neighbours: int = 3,
    device: SpinDiode | None = None,
    done: Done = nothing,
) -> StripLayer:
    """RF and DC passes of a whole layer, in windows of `size` chains with `neighbours` to either side.

    `done` is called after each window. Raises InputError for a layer too large to hold.
    """
    device, causes, usage = device or SpinDiode(), tuple(causes), placement.usage
    windows = layer_windows(placement, size)
    resonators = sum(min(len(w) + 2 * neighbours, usage.chains) * usage.taps for w in windows)
    if resonators * len(usage.inputs) > MOST_CURRENTS:
        raise InputError(
            f"layer {usage.layer}: {resonators:,} resonators under {len(usage.inputs):,} lines; possible: "
            f"{MOST_CURRENTS:,} currents"
        )
    passes = []
    for window in windows:
        passes.append(strip_pass(placement, frequencies, causes, window, neighbours, device))
        done()
    return StripLayer(placement, synapses, np.asarray(frequencies, float), device, tuple(passes))


def layer_answers(strip_layer: StripLayer, f_res: Array, own: StripDevices = NOMINAL) -> Array:
    """Weights of all chains to all lines, V/W, [chains, lines]; `own` as in `rectified`."""
    usage = strip_layer.placement.usage
    out = np.zeros((usage.chains, len(usage.inputs)))
    for window in strip_layer.windows:
        out[np.ix_(window.chains, window.lines)] = window.gains @ rectified(window, f_res, strip_layer.device, own).T
    return out


def layer_weights(usage: Usage, synapses: Synapses) -> tuple[Array, Bools]:
    """Trained weights [chains, lines], and which lines a chain uses."""
    trained = np.zeros((usage.chains, len(usage.inputs)))
    uses = np.zeros(trained.shape, bool)
    trained[usage.chain, usage.line], uses[usage.chain, usage.line] = synapses.resonator_weights[usage.weight], True
    return trained, uses


def _crosstalk(strip_layer: StripLayer, f_res: Array) -> tuple[dict[str, Array], LineAggressor | None]:
    """Loudest crosstalk from tone to tone, |V| / (P K_SD), over all chains; and the loudest pair."""
    usage, sensitivity = strip_layer.placement.usage, strip_layer.device.sensitivity
    matrix, worst = np.zeros((len(strip_layer.frequencies), len(strip_layer.frequencies))), None
    for window in strip_layer.windows:
        volts = rectified(window, f_res, strip_layer.device)
        matrix = np.maximum(matrix, crosstalk(window, volts, strip_layer.device))
        line, resonator = (int(n[0]) if len(n) else -1 for n in loudest(window, volts, 1))
        if line < 0 or not volts[line, resonator]:
            continue
        level = 20 * float(np.log10(abs(volts[line, resonator]) / sensitivity))
        if worst is None or level > worst.level:
            victim = window.circuit.resonators[resonator]
            where = int(usage.chain[victim]), int(usage.tone[victim]), int(window.tones[line])
            worst = LineAggressor(level, LINES, *where, int(window.lines[line]), int(usage.tap[victim]))
    return {LINES: matrix}, worst


@dataclass(frozen=True, slots=True, eq=False)
class _ByTone:
    """Each chain by itself, its resonators and lines in the order of the tones; -1 where it has none of a tone."""

    resonator: Ints  # [chains, tones] in the placement
    line: Ints  # [chains, tones]
    profile: Array  # [chains, tones, tones] as in `Chains`, with the sign of the tap
    sign: Array  # [chains, tones]


def _by_tone(strip_layer: StripLayer) -> _ByTone:
    usage, tones = strip_layer.placement.usage, len(strip_layer.frequencies)
    resonator, line = np.full((2, usage.chains, tones), -1)
    resonator[usage.chain, usage.tone], line[usage.chain, usage.tone] = np.arange(len(usage.chain)), usage.line
    profile = np.tile(np.eye(tones), (usage.chains, 1, 1))
    for window in strip_layer.windows:
        place = np.full(len(usage.chain), -1)
        place[window.circuit.resonators] = np.arange(len(window.circuit.resonators))
        for row, chain in enumerate(window.chains):
            here = np.flatnonzero(resonator[chain] >= 0)
            n, l = place[resonator[chain, here]], np.searchsorted(window.lines, line[chain, here])  # noqa: E741
            power = 0.5 * strip_layer.device.resistance * np.abs(window.current[np.ix_(l, n)]) ** 2
            profile[np.ix_([chain], here, here)] = power * window.gains[row, n]
    sign = np.where(resonator >= 0, 1.0 - 2.0 * (usage.tap[resonator] % 2), 1.0)
    return _ByTone(resonator, line, profile, sign)


def _chains(strip_layer: StripLayer, profile: Array) -> Chains:
    return Chains(strip_layer.frequencies, np.ones(len(strip_layer.frequencies)), strip_layer.device.damping, profile)


def _gather(by_tone: _ByTone, values: Array) -> Array:
    """Weights of the chains' own lines, [chains, tones], out of [chains, lines]; 0 where a chain has no such tone."""
    return np.where(by_tone.line >= 0, np.take_along_axis(values, np.maximum(by_tone.line, 0), 1), 0.0)


def _largest_fill(strip_layer: StripLayer, by_tone: _ByTone, target: Array, most: float) -> float:
    """Largest fill at which every chain holds its weights, up to `most`; target [chains, tones] at fill 1."""

    def failing(fill: float, rows: Ints) -> Ints:
        chains = _chains(strip_layer, by_tone.profile[rows])
        start = detuning_for_weight(np.clip(by_tone.sign[rows] * target[rows] * fill, -0.8, 0.8))
        return rows[solve_chains(target[rows] * fill, chains, start)[1] > HELD * fill]

    left = failing(most, np.arange(len(target)))
    if not len(left):
        return most
    low, high = 0.0, most
    for _ in range(FILL_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if not len(failing(middle, left)) else (low, middle)
    return low


def _resonances(strip_layer: StripLayer, by_tone: _ByTone, detuning: Array) -> Array:
    """Hz [resonators] from detunings [chains, tones]."""
    f_res = np.empty(len(strip_layer.placement.usage.chain))
    kept = by_tone.resonator >= 0
    resonance = resonance_for_detuning(strip_layer.frequencies, detuning, strip_layer.device.damping)
    f_res[by_tone.resonator[kept]] = resonance[kept]
    return f_res


def _calibrated(strip_layer: StripLayer, by_tone: _ByTone, target: Array) -> tuple[Array, Array]:
    """f_res and residual [chains] with a tuning current for every resonator; target [chains, tones] of K_SD."""
    chains, goal = _chains(strip_layer, by_tone.profile), target
    u = detuning_for_weight(np.clip(by_tone.sign * target, -0.8, 0.8))
    best, least = u, np.full(len(target), np.inf)
    for _ in range(PASSES):
        u, _ = solve_chains(goal, chains, u)
        answers = (
            _gather(by_tone, layer_answers(strip_layer, _resonances(strip_layer, by_tone, u)))
            / strip_layer.device.sensitivity
        )
        worst = np.abs(answers - target).max(1)
        better = worst < least
        best, least = np.where(better[:, None], u, best), np.minimum(worst, least)
        if least.max() <= HELD * np.abs(target).max():
            break
        model = np.concatenate([chain_response(u[n], chains, n)[0] for n in np.array_split(np.arange(len(u)), 16)])
        goal = target - (answers - model)
    return _resonances(strip_layer, by_tone, best), least


def _shared(strip_layer: StripLayer, by_tone: _ByTone, target: Array) -> Array:
    """f_res with a tuning current for every weight, by least squares over the chains under it."""
    usage = strip_layer.placement.usage
    unknown = np.where(by_tone.resonator >= 0, usage.weight[by_tone.resonator], 0).astype(np.int64)
    idle = by_tone.resonator < 0
    unknown[idle] = usage.weights + np.arange(int(idle.sum()))  # a tone that a chain lacks is nobody's
    start = np.zeros(usage.weights + int(idle.sum()))
    start[unknown] = detuning_for_weight(np.clip(by_tone.sign * target, -0.8, 0.8))
    problem = SharedProblem(target, _chains(strip_layer, by_tone.profile), unknown)
    return _resonances(strip_layer, by_tone, solve_shared(problem, start, 1e-9).x[unknown])


def strip_weights(
    layer: StripLayer,
    fill: float,
    programs: Sequence[Method] = STRIP_PROGRAMS,
    gain: bool = True,
    disturbed: bool = False,
) -> dict[Method, StripWeights]:
    """Weights of a layer by several programs, the largest at `fill` of a resonator's range, or at less if calibrated.

    `calibrated` lowers the scale to what the chain with the weakest drive can hold, as all chains share one scale.
    Without `gain` the readout's gain is 1 throughout; `disturbed` asks for crosstalk and its
    worst pair too. Raises InputError for an unknown program.
    """
    by_tone = _by_tone(layer)
    weights: dict[Method, StripWeights] = {}
    trained, uses = layer_weights(layer.placement.usage, layer.layer)
    largest = float(np.abs(trained).max()) or 1.0
    for program in programs:
        if program not in STRIP_PROGRAMS or program == "fitted":
            raise InputError(f"program {str(program)[:40]!r}: possible: {', '.join(STRIP_PROGRAMS)}")
        target, reached = _gather(by_tone, trained) / largest, fill
        if program == "calibrated":
            reached = _largest_fill(layer, by_tone, target, fill)
            f_res, _ = _calibrated(layer, by_tone, reached * target)
        elif program == "shared":
            mean = np.abs(np.diagonal(by_tone.profile, axis1=1, axis2=2)).mean()
            f_res = _shared(layer, by_tone, fill * target * min(1.0, mean))
        else:
            f_res, _ = layer_resonances(layer.placement, layer.layer, layer.frequencies, layer.device, fill, program)
        scale = reached * layer.device.sensitivity / largest
        values = layer_answers(layer, f_res) / scale
        factor = 1.0
        if gain and program != "calibrated":
            factor = float((values * trained)[uses].sum() / (values[uses] ** 2).sum())
        worst = np.abs(_gather(by_tone, values - trained)).max(1)
        count = int((worst > HELD * largest).sum())
        crosstalk, worst = _crosstalk(layer, f_res) if disturbed else ({}, None)
        weights[program] = StripWeights(
            layer=layer.layer.name,
            values=values * factor,
            trained=trained,
            method=program,
            crosstalk=crosstalk,
            worst=worst,
            usage=layer.placement.usage,
            groups=layer.layer.groups,
            parallel=layer.placement.arrangement.parallel,
            uses=uses,
            f_res=f_res,
            fill=reached,
            gain=factor,
            scale=scale,
            failing=count,
        )
    return weights
