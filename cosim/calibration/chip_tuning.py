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

from dataclasses import dataclass

import numpy as np

from resonet.core.errors import InputError
from resonet.core.parameters import check, parameter
from resonet.core.types import Array, Ints
from resonet.cosim.weights.engines import Engine, layer_response
from resonet.models.resonator.linear import real_susceptibility
from resonet.netlist.chips.chip import Chip
from resonet.netlist.chips.values import layer_values
from resonet.netlist.planning.frequency_plan import Bus, FrequencyPlan, LayerPlan
from resonet.netlist.programming.dac import dac_levels
from resonet.netlist.programming.methods import LayerProgram, bus_weights

__all__ = ["TunedLayer", "TuningOptions", "tune_layer"]

TOLERANCE = 1e-6  # largest residual, units of K_SD, at which a chain holds its weights
STEPS = 40  # of a chain
STEEP = 0.9  # of the largest weight: beyond it a first guess is flat
ELSEWHERE = 1e-3  # residual from which on a chain is tried from the other side
WINDOW = 3  # levels either way that a resonator is tried at
GAIN = 1e-9  # a move of one level counts if it lowers the squares by more than this part of them
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
    ratio: Array  # [tones, K] tone of the chip over nominal tone of the resonator
    units: Array  # [1 or chains, tones, K] that Re chi counts
    damping: float  # nominal
    losses: Array  # [chains, K] own damping
    factor: Array  # [chains, K] e
    low: Array  # [chains, K] of u
    high: Array

    def part(self, rows: Ints) -> "_Problem":
        """Some of the chains."""
        units = self.units if len(self.units) == 1 else self.units[rows]
        own = (array[rows] for array in (self.losses, self.factor, self.low, self.high))
        return _Problem(self.target[rows], self.ratio, units, self.damping, *own)

    def solve(self, start: Array) -> tuple[Array, Array, Array]:
        """Detunings [chains, K] from a start, the largest residual and the squares of each chain."""
        from resonet.models.resonator.chain_newton import refine_chains

        ends = self.low, self.high
        found = refine_chains(
            self.target, self.ratio, self.units, self.damping, start, ends, TOLERANCE, STEPS, losses=self.losses
        )
        return found.x, found.worst, found.squares


def _problems(
    plan: FrequencyPlan, entry: LayerPlan, start: LayerProgram, chip: Chip, engine: Engine, gain: Array, reach: float
) -> list[_Problem]:
    """The chains of a layer, bus by bus; `gain` [groups, outputs] is what its neurons make of their answers."""
    damping, own, found = plan.device.damping, chip.layer(entry.layer.name), []
    unit = start.weight_scale / plan.device.sensitivity
    responses = layer_response(plan, entry, chip.resonances(entry.layer.name, start.f_res), engine)
    values = layer_values(plan, entry, chip)
    for n, (bus, response, value) in enumerate(zip(entry.buses, responses, values, strict=True)):
        factor = np.broadcast_to(own.of_bus("f_res", n), bus.size)
        profile = response.profile[:1] if response.profile.strides[0] == 0 else response.profile
        after = gain[bus.group, bus.outputs, None]
        found.append(
            _Problem(
                bus_weights(entry, bus) * unit / np.where(after == 0, 1, after),
                value.tones[:, None] / bus.frequencies[None, :],
                np.ascontiguousarray(-4 * damping * bus.signs * profile),
                damping,
                np.ascontiguousarray(value.damping),
                factor,
                ((1 - damping * reach) / factor - 1) / damping,
                ((1 + damping * reach) / factor - 1) / damping,
            )
        )
    return found


def _own_answer(v: Array) -> Array:
    """Answer of a resonator alone at v of its own half-widths, as part of its largest."""
    return np.asarray(2 * v / (1 + v**2))


def _other_sides(problem: _Problem) -> Array:
    """Detunings [chains, K] at which each resonator alone comes closest to its weight, on either side of |v| = 1."""
    diagonal = np.arange(problem.target.shape[1])
    ratio, loss, damping = problem.ratio[diagonal, diagonal], problem.losses, problem.damping
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
    u, worst, squares = problem.solve(start)
    open_chains = np.flatnonzero(worst > ELSEWHERE)
    if len(open_chains):
        part = problem.part(open_chains)
        again, _, lower = part.solve(_other_sides(part))
        better = lower < squares[open_chains]
        u[open_chains[better]] = again[better]
    return u


def _to_levels(problem: _Problem, bus: Bus, f_res: Array, options: TuningOptions) -> Array:
    """Levels of the DAC [chains, K] in Hz as the chip has them, from the f_res that hold the weights best."""
    from resonet.netlist.programming.dac_descent import descend_chains

    levels = dac_levels(bus.frequencies, problem.damping, options.bits, options.reach)[None] * problem.factor[..., None]
    step = levels[..., 1] - levels[..., 0]
    index = np.rint((f_res - levels[..., 0]) / step).astype(np.int64)
    index = np.ascontiguousarray(np.clip(index, 0, levels.shape[2] - 1))
    chosen = np.take_along_axis(levels, index[..., None], 2)[..., 0]
    tones = problem.ratio[:, 0] * bus.frequencies[0]
    error = _answers(problem, (bus.frequencies / chosen - 1) / problem.damping) - problem.target
    descend_chains(tones, problem.losses, problem.units, levels, None, WINDOW, GAIN, index, error)
    return np.asarray(np.take_along_axis(levels, index[..., None], 2)[..., 0])


def _answers(problem: _Problem, u: Array) -> Array:
    """Answers of the chains at detunings [chains, K] to each tone, [chains, tones], units of K_SD."""
    found = np.empty_like(problem.target)
    for n, own in enumerate(u):
        ratio = problem.ratio * (1 + problem.damping * own)
        real, _ = real_susceptibility(ratio, problem.losses[n])
        found[n] = (problem.units[n if len(problem.units) > 1 else 0] * real).sum(1)
    return found


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
        tuned = _to_levels(problem, bus, tuned, options) if options.bits else tuned
        u = (bus.frequencies / tuned - 1) / damping
        at_end += int(((u <= problem.low + NEAR) | (u >= problem.high - NEAR)).sum())
        squares = max(squares, float(np.abs(_answers(problem, u) - problem.target).max()))
        real.append(tuned)
    top = start.weight_scale / plan.device.sensitivity * (float(np.abs(entry.layer.matrix).max()) or 1.0)
    program = LayerProgram(entry.layer.name, start.weight_scale, tuple(real), squares / top)
    return TunedLayer(program, at_end, sum(f.size for f in real))
