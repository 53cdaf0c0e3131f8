"""A chip tuned: the detunings, within what the tuning reaches, at which its own resonators hold the trained weights.

Fabrication puts resonator k of chain n at e times the frequency it is tuned to, and the tuning reaches r half-widths α
either way of its tone f_k:

    f_res = e f_k / (1 + α v),   |v| <= r,      hence u = f_k / f_res - 1 = (1 + α v) / e - 1,  in half-widths

With unbiased resonators the RF currents do not depend on the tuning, so what a chain answers is known as a function of
its detunings, with the chip's own damping, transduction and currents (an engine says the latter). Sought is the least
squared error of every chain within the bounds of its own resonators: Newton's steps with those that stand at a bound
held there and let go again where that helps (`refine_chains`). What such a resonator cannot hold the tails of its
neighbours partly take over. A chain that does not get home from the nominal tuning is tried again with every resonator
on whichever side of its tone (|u| below or above 1) it alone comes closer to its weight; the better of the two counts.

A DAC has 2^b levels, even in f_res, over that range: each resonator goes to the nearest, then one after another to the
level that lowers the squares most (`dac`).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from resonet.core.errors import InputError
from resonet.core.parameters import check, parameter
from resonet.core.types import Array, Bools, Ints
from resonet.cosim.weights.engines import Engine, layer_response
from resonet.models.resonator.chain import Chains, chain_answers
from resonet.netlist.chips.chip import Chip
from resonet.netlist.planning.frequency_plan import FrequencyPlan, LayerPlan
from resonet.netlist.programming.dac import Levels, dac_levels, descend, nearest
from resonet.netlist.programming.methods import LayerProgram, bus_weights, solver_chains

__all__ = ["TunedLayer", "TuningOptions", "tune_layer"]

TOLERANCE = 1e-6  # largest residual, units of K_SD, at which a chain holds its weights
STEPS = 60  # of a chain
ROUNDS = 10  # of one step, with resonators that would pass their bounds held there
STEEP = 0.9  # of the largest weight: beyond it a first guess is flat
ELSEWHERE = 1e-3  # residual from which on a chain is tried from the other side
WINDOW = 3  # levels either way that a resonator is tried at
HELD = 4_000_000  # entries of the levels that are held at once
MOST_BITS = 12
NEAR = 1e-9  # half-widths from an end that count as at the end


@dataclass(frozen=True, slots=True)
class TuningOptions:
    """What a chip can be tuned with."""

    reach: float = parameter(
        4.0, "", 0.01, 1e4, "half-widths that a resonator is tuned either way of its tone, at most"
    )
    bits: int = parameter(0, "", 0, MOST_BITS, "of each resonator's DAC over that range; 0: any value")

    def __post_init__(self) -> None:
        check(self, "tuning")

    def check_damping(self, damping: float) -> None:
        """InputError where the range would go beyond frequencies of 0 or infinity."""
        if damping * self.reach >= 1:
            raise InputError(
                f"tuning range {self.reach:g} half-widths, of {damping:g} of f_res each; possible: below "
                f"{1 / damping:g}"
            )


@dataclass(frozen=True, slots=True, eq=False)
class TunedLayer:
    """A layer tuned, and how well."""

    program: LayerProgram  # real f_res of the chip
    at_end: int  # resonators at an end of their range
    resonators: int


@dataclass(frozen=True, slots=True, eq=False)
class _Problem:
    """Chains of one bus; detunings in half-widths by the nominal damping."""

    target: Array  # [chains, tones] units of K_SD
    chains: Chains
    units: Array  # [1 or chains, tones, K] that Re chi counts
    own: Array  # [chains, K] dampings
    factor: Array  # [chains, K] e
    low: Array  # [chains, K] of u
    high: Array
    real: Array  # [chains, K] Hz, where fabrication and the program left the resonators
    held: Bools  # [chains, K] tuning does not reach these: stuck, or without a signal

    def solve(self, start: Array, rows: Ints) -> tuple[Array, Array, Array]:
        """Detunings of some chains from a start [rows, K], the largest residual and the squares of each."""
        from resonet.models.resonator.chain_newton import refine_chains

        chains, units = self.chains, self.units if len(self.units) == 1 else self.units[rows]
        dampings, ends = (chains.damping, self.own[rows]), (self.low[rows], self.high[rows])
        goal = self.target[rows]
        found = refine_chains(goal, chains.ratio, units, dampings, start, ends, TOLERANCE, STEPS, rounds=ROUNDS)
        return found.x, found.worst, found.squares


def _problems(
    plan: FrequencyPlan, entry: LayerPlan, start: LayerProgram, chip: Chip, engine: Engine, gain: Array, reach: float
) -> list[_Problem]:
    """The chains of a layer, bus by bus; `gain` [groups, outputs] is what its neurons make of their answers."""
    damping, own, found = plan.device.damping, chip.layer(entry.layer.name), []
    unit, real = start.weight_scale / plan.device.sensitivity, chip.resonances(entry.layer.name, start.f_res)
    responses = layer_response(plan, entry, real, engine)
    for n, (bus, response) in enumerate(zip(entry.buses, responses, strict=True)):
        factor = np.broadcast_to(own.of_bus("f_res", n), bus.size)
        chains = solver_chains(bus, plan.device, response.profile, True, response.own, response.tones)
        units = -4 * damping * bus.signs * chains.part(np.arange(len(factor)))
        after = gain[bus.group, bus.outputs, None]
        held, now = own.held(n), (bus.frequencies / real[n] - 1) / damping
        held = np.zeros(bus.size, bool) if held is None else held
        found.append(
            _Problem(
                bus_weights(entry, bus) * unit / np.where(after == 0, 1, after),
                chains,
                np.ascontiguousarray(units if units.ndim == 3 else units[None]),
                np.broadcast_to(damping if chains.own is None else chains.own, bus.size),
                factor,
                np.where(held, now, ((1 - damping * reach) / factor - 1) / damping),
                np.where(held, now, ((1 + damping * reach) / factor - 1) / damping),
                real[n],
                held,
            )
        )
    return found


def _own_answer(v: Array) -> Array:
    """Answer of a resonator alone at v of its own half-widths, as part of its largest."""
    return np.asarray(2 * v / (1 + v**2))


def _other_sides(problem: _Problem) -> Array:
    """Detunings [chains, K] at which each resonator alone comes closest to its weight, on either side of |v| = 1."""
    diagonal = np.arange(problem.target.shape[1])
    chains, loss, damping = problem.chains, problem.own, problem.chains.damping
    ratio = chains.at / chains.frequencies
    most = problem.units[:, diagonal, diagonal] / (-4 * loss)  # Re chi = -v / (2 loss (1 + v²)) near resonance
    part = np.clip(problem.target / np.where(most == 0, 1, most), -STEEP, STEEP)

    def within(v: Array) -> Array:
        return np.clip(((1 + loss * v) / ratio - 1) / damping, problem.low, problem.high)

    near = part / (1 + np.sqrt(1 - part**2))
    far = 1 / np.where(np.abs(near) < 1e-9, np.copysign(1e-9, near), near)
    tried = np.stack([within(near), within(far)])
    off = np.abs(_own_answer((ratio * (1 + damping * tried) - 1) / loss) - part)
    return np.asarray(np.where(off[1] < off[0] - ELSEWHERE, tried[1], tried[0]))


def _tuned(problem: _Problem, start: Array) -> Array:
    """Detunings [chains, K] of the least squares that was found."""
    u, worst, squares = problem.solve(start, np.arange(len(start)))
    left = np.flatnonzero(worst > ELSEWHERE)
    if len(left):
        again, _, lower = problem.solve(_other_sides(problem)[left], left)
        better = lower < squares[left]
        u[left[better]] = again[better]
    return u


@dataclass(frozen=True, slots=True, eq=False)
class _ChipLevels:
    """Levels of the DACs of a bus, as its resonators have them on the chip."""

    values: Array  # [K, levels] Hz, of a nominal chip
    factor: Array  # [chains, K] e
    held: Array  # [chains, K] Hz of resonators that no DAC moves, NaN elsewhere

    @property
    def count(self) -> int:
        """How many levels a resonator has."""
        return int(self.values.shape[1])

    def f_res(self, index: Ints) -> Array:
        """Resonance frequencies [chains, K] at the levels `index` [chains, K], Hz."""
        found = self.values[np.arange(index.shape[1]), index] * self.factor
        return np.where(np.isnan(self.held), found, self.held)

    def settings(self, chains: int) -> Iterator[tuple[slice, Array, Array | None]]:
        """Some chains at a time, each with a table of its own."""
        step = max(1, HELD // self.values.size)
        for first in range(0, chains, step):
            rows = slice(first, min(first + step, chains))
            table, held = self.values[None] * self.factor[rows, :, None], self.held[rows, :, None]
            yield rows, np.where(np.isnan(held), table, held), None

    def starts(self, wanted: Array) -> tuple[Ints, ...]:
        """The levels nearest to the wanted f_res [chains, K]."""
        return (nearest(wanted / self.factor, Levels(self.values)),)


def _to_levels(problem: _Problem, f_res: Array, options: TuningOptions) -> Array:
    """Levels of the DACs [chains, K] in Hz as the chip has them, from the f_res that hold the weights best."""
    chains = problem.chains
    values = dac_levels(chains.frequencies, chains.damping, options.bits, options.reach)
    levels = _ChipLevels(values, problem.factor, np.where(problem.held, problem.real, np.nan))
    index, _ = descend(problem.target, chains, levels, levels.starts(f_res)[0], WINDOW)
    return levels.f_res(index)


def tune_layer(
    plan: FrequencyPlan,
    entry: LayerPlan,
    start: LayerProgram,
    chip: Chip,
    engine: Engine,
    options: TuningOptions | None = None,
    gain: Array | None = None,
) -> TunedLayer:
    """Tune a layer of a chip, of the linear `engine` with that chip in it, to its trained weights.

    `start` is the program that was made for all chips, whose scale is kept; `gain` [groups, outputs] what the neurons
    of the chip make of the answers (default 1). Raises InputError, EngineError.
    """
    options = options or TuningOptions()
    damping = plan.device.damping
    options.check_damping(damping)
    gain = np.ones(entry.layer.matrix.shape[:2]) if gain is None else gain
    real, at_end, squares = [], 0, 0.0
    for bus, f_res, problem in zip(
        entry.buses, start.f_res, _problems(plan, entry, start, chip, engine, gain, options.reach), strict=True
    ):
        u = _tuned(problem, (bus.frequencies / f_res - 1) / damping)
        tuned = bus.frequencies / (1 + damping * u)
        tuned = _to_levels(problem, tuned, options) if options.bits else tuned
        u = (bus.frequencies / tuned - 1) / damping
        at_end += int((((u <= problem.low + NEAR) | (u >= problem.high - NEAR)) & ~problem.held).sum())
        squares = max(squares, float(np.abs(chain_answers(u, problem.chains) - problem.target).max()))
        real.append(tuned)
    top = start.weight_scale / plan.device.sensitivity * (float(np.abs(entry.layer.matrix).max()) or 1.0)
    program = LayerProgram(entry.layer.name, start.weight_scale, tuple(real), squares / top)
    return TunedLayer(program, at_end, sum(f.size for f in real))
