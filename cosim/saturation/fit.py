"""Calibration on data: detunings and gains with which saturating chains give, on a batch of images, the trained sums.

Saturated weights depend on the image, so no program holds the trained weights; what counts is the sums of the neurons.
The detunings of a chain change the sums of its own neuron only, as the currents of a bus do not depend on them. So
every neuron is a least-squares problem of its own, whose Jacobian the balance gives by implicit differentiation
(cosim/saturation/kernel.py; without the small terms of mixing, which the sums have): Gauss-Newton's method, with a
ridge that pulls the detunings to those of the program,

    min  mean (sum - trained sum)² + ridge (mean square of a slope) |detunings - programmed|²,

as a neuron may have more detunings than there are images. The ridge is chosen on images that take no part in the fit. A
gain for the whole layer comes first: saturation makes all answers smaller, and a transconductor makes that good.

A frequency shift of some half-widths leaves nothing of the program to begin with. Resonators are first predetuned in
closed form to where the images of the batch put them (cosim/saturation/predetune.py); the fit goes on from there.

Layers are fitted one after another on what the layers before them give as fitted (`inputs="circuit"`), so that each
also makes good what those leave; or each on what the trained network gives it (`inputs="trained"`).
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from resonet.core.errors import InputError
from resonet.core.parameters import check, parameter
from resonet.core.types import Array
from resonet.core.watching import Done, nothing
from resonet.cosim.saturation.held import SaturatingWeights
from resonet.cosim.saturation.normal import MOST_UNKNOWNS, blocks, normal_equations
from resonet.cosim.saturation.predetune import predetuned
from resonet.netlist.network.cnn import Synapses, patches
from resonet.netlist.planning.scales import InputScale

__all__ = ["FitOptions", "LayerFit", "Sample", "fit_layer", "sample"]

Inputs = Literal["circuit", "trained"]
RIDGES = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # of the mean square of a slope
ROWS = 3_000  # equations of a neuron, at least, where there are as many
PER_UNKNOWN = 20  # likewise, for each of its detunings
FARTHEST = 1.0  # half-widths that a detuning moves in a step
ENOUGH = 0.01  # gain of a step, as part of the squares, below which no further one is taken


@dataclass(frozen=True, slots=True)
class FitOptions:
    """How detunings are fitted on data."""

    steps: int = parameter(4, "", 0, 50, "steps of Gauss-Newton's method; 0: gains, and predetuning, alone")
    held_out: float = parameter(0.2, "", 0.01, 0.9, "part of the images that takes no part in the fit")
    seed: int = parameter(0, "", 0, 2**31 - 1, "of the choice of images and positions")
    inputs: Inputs = "circuit"
    predetune: bool = True  # in closed form, where the law has a frequency shift

    def __post_init__(self) -> None:
        check(self, "fit")
        if self.inputs not in ("circuit", "trained"):
            raise InputError(f"fit.inputs = {self.inputs!r:.40}: possible: circuit, trained")


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Some positions of some images in a layer."""

    carried: Array  # [groups, rows, 1, taps]
    wanted: Array  # [groups, rows, outputs] trained sums, parts of the full scale of the inputs
    zero: Array  # [groups, 1, 1, taps] what the tones carry of no input

    def sums(self, weights: SaturatingWeights) -> Array:
        """Sums of the layer, [groups, rows, outputs] in the units of the trained ones."""
        found = weights.products(self.carried)
        if self.zero.any():
            found = found - weights.products(self.zero)
        return found[..., 0]


@dataclass(frozen=True, slots=True, eq=False)
class LayerFit:
    """A layer; errors are RMS of its sums against the trained ones, parts of the largest trained sum."""

    layer: str
    weights: SaturatingWeights  # as fitted
    gain: float  # of the transconductors, against those of the program
    ridge: float  # 0: only what is in closed form
    unknowns: int  # detunings of a neuron
    equations: int  # sums that each of its neurons was fitted to
    steps: int
    moved: float  # RMS change of the detunings, half-widths
    programmed: tuple[float, float]  # errors on the images of the fit and on those held out: as programmed
    gained: tuple[float, float]  # with one gain, and predetuned where the frequency shifts
    fitted: tuple[float, float]  # with fitted detunings


def sample(
    layer: Synapses, x: Array, trained: Array, scale: InputScale, rows: int, random: np.random.Generator
) -> Sample:
    """At most so many positions of the images, chosen at random.

    What the layer gets is x, what it gets in the trained network `trained`, both [n, ...] as `patches` takes them.
    """
    found, goals, each = [], [], layer.positions
    chosen = np.zeros(len(x) * each, bool)
    chosen[random.permutation(len(chosen))[:rows]] = True
    size = max(1, 2**21 // (layer.groups * each * layer.taps))
    padded = float(scale.carried(np.zeros(())))
    for start in range(0, len(x), size):
        of = slice(start, start + size)
        mask = chosen[start * each : (start + size) * each]
        inputs, truth = patches(scale.carried(x[of]), layer, padded), patches(trained[of], layer)
        found.append(inputs.reshape(layer.groups, -1, layer.taps)[:, mask])
        goals.append(truth.reshape(layer.groups, -1, layer.taps)[:, mask] @ layer.matrix.swapaxes(1, 2))
    zero = patches(scale.carried(layer.no_input), layer, padded)[:, :, :1]
    return Sample(np.concatenate(found, 1)[:, :, None], np.concatenate(goals, 1) / scale.full_scale, zero)


def _gained(weights: SaturatingWeights, sums: Array, data: Sample) -> tuple[SaturatingWeights, float]:
    """The layer with the gain that brings its sums closest to the trained ones, and that gain."""
    square = float(np.sum(sums**2))
    gain = float(np.sum(sums * data.wanted)) / square if square else 1.0
    gain = gain if gain > 0 else 1.0
    table = replace(weights.table, unit=weights.table.unit / gain)
    return replace(weights, table=table, values=weights.values * gain), gain


def _squares(sums: Array, data: Sample) -> Array:
    """Mean square of what is off, [groups, outputs]."""
    return np.asarray(np.mean((data.wanted - sums) ** 2, axis=1))


def _tuned(weights: SaturatingWeights, start: SaturatingWeights, moved: Array) -> SaturatingWeights:
    """The layer with the resonators of `start` tuned down by `moved` half-widths [groups, outputs, unknowns]."""
    damping = weights.table.device.damping
    f_res = [
        bus.f_res * np.exp(-damping * moved[bus.group, bus.outputs, bus.below : bus.below + len(bus.taps)])
        for bus in start.table.buses
    ]
    return replace(weights, table=weights.table.tuned(f_res))


@dataclass(frozen=True, slots=True, eq=False)
class _System:
    """Linearised problem of all neurons of a layer where they are now."""

    square: dict[tuple[int, int], Array]  # by group and first neuron of a block
    linear: Array  # [groups, outputs, unknowns]
    size: Array  # [groups, outputs] mean square of a slope

    @classmethod
    def of(cls, weights: SaturatingWeights, sums: Array, data: Sample) -> "_System":
        groups, outputs = weights.trained.shape[:2]
        unknowns = _unknowns(weights)
        square, linear, size = {}, np.zeros((groups, outputs, unknowns)), np.zeros((groups, outputs))
        off = data.wanted - sums
        for group in range(groups):
            for neurons in blocks(outputs, unknowns):
                made = (data.carried[group, :, 0], off[group][:, neurons], data.zero[group, :, 0])
                own, linear[group, neurons] = normal_equations(weights.table, group, neurons, *made)
                square[group, int(neurons[0])] = own
                size[group, neurons] = np.trace(own, axis1=1, axis2=2) / unknowns
        return cls(square, linear, size)

    def step(self, ridge: float, moved: Array) -> Array:
        """Detunings [groups, outputs, unknowns] after a step from `moved`, none farther than `FARTHEST`."""
        found = moved.copy()
        for (group, first), own in self.square.items():
            part = (group, slice(first, first + len(own)))
            pull = np.maximum(ridge * self.size[part], 1e-300)[:, None]
            system = own + pull[..., None] * np.eye(own.shape[1])
            change = np.linalg.solve(system, (self.linear[part] - pull * moved[part])[..., None])[..., 0]
            found[part] += np.clip(change, -FARTHEST, FARTHEST)
        return found


def _unknowns(weights: SaturatingWeights) -> int:
    return max(bus.below + len(bus.taps) for bus in weights.table.buses)


@dataclass(frozen=True, slots=True, eq=False)
class _Descent:
    """Where Gauss-Newton's method ended."""

    weights: SaturatingWeights
    sums: Array  # of the data
    gain: float
    ridge: float
    steps: int


def _descend(start: SaturatingWeights, sums: Array, data: Sample, held_out: Sample, steps: int, done: Done) -> _Descent:
    """Gauss-Newton's method from `start`, whose sums are `sums`; `done` is called after each step."""
    weights, gain = _gained(start, sums, data)
    sums = sums * gain
    moved, ridge, taken = np.zeros((*weights.trained.shape[:2], _unknowns(weights))), 0.0, 0
    for step in range(steps):
        system, before = _System.of(weights, sums, data), _squares(sums, data)
        if step == 0:
            trials = {r: held_out.sums(_tuned(weights, start, system.step(r, moved))) for r in RIDGES}
            ridge = min(trials, key=lambda one: float(_squares(trials[one], held_out).mean()))
        trial = system.step(ridge, moved)
        penalty, tried = ridge * system.size, data.sums(_tuned(weights, start, trial))
        after = _squares(tried, data)
        better = after + penalty * (trial**2).sum(2) < before + penalty * (moved**2).sum(2)
        moved, sums = np.where(better[..., None], trial, moved), np.where(better[:, None], tried, sums)
        weights, more = _gained(_tuned(weights, start, moved), sums, data)
        gain, sums, taken = gain * more, sums * more, step + 1
        done()
        if np.where(better, after, before).sum() > (1 - ENOUGH) * before.sum():
            break
    return _Descent(weights, sums, gain, ridge, taken)


def _moved(weights: SaturatingWeights, start: SaturatingWeights) -> float:
    """RMS change of the detunings, half-widths."""
    pairs = zip(weights.table.buses, start.table.buses, strict=True)
    ratios = np.concatenate([np.log(b.f_res / a.f_res).ravel() for a, b in pairs])
    return float(np.sqrt(np.mean(ratios**2)) / weights.table.device.damping)


def fit_layer(
    weights: SaturatingWeights, data: Sample, held_out: Sample, options: FitOptions, done: Done = nothing
) -> LayerFit:
    """Fit one layer; `done` is called after each of the steps. Raises InputError for neurons of too many resonators."""
    unknowns = _unknowns(weights)
    if unknowns > MOST_UNKNOWNS and options.steps:
        raise InputError(
            f"layer {weights.layer}: neurons of {unknowns:,} resonators; possible to fit on data: {MOST_UNKNOWNS:,}, "
            "or one gain a layer"
        )
    full = float(np.abs(np.concatenate([data.wanted, held_out.wanted], 1)).max()) or 1.0

    def errors(fitted: Array, unseen: Array) -> tuple[float, float]:
        pairs = ((fitted, data), (unseen, held_out))
        return tuple(float(np.sqrt(_squares(sums, part).mean())) / full for sums, part in pairs)  # type: ignore[return-value]

    start, first, unseen = weights, data.sums(weights), held_out.sums(weights)
    programmed = errors(first, unseen)
    if weights.table.law.frequency_shift and options.predetune:
        start = replace(weights, table=predetuned(weights.table, data.carried))
        first, unseen = data.sums(start), held_out.sums(start)
    gain = _gained(start, first, data)[1]
    found = _descend(start, first, data, held_out, options.steps, done)
    for _ in range(found.steps, options.steps):
        done()
    last = held_out.sums(found.weights) if found.steps else gain * unseen
    moved, ends = (
        _moved(found.weights, weights),
        (programmed, errors(gain * first, gain * unseen), errors(found.sums, last)),
    )
    size = data.carried.shape[1]
    return LayerFit(weights.layer, found.weights, found.gain, found.ridge, unknowns, size, found.steps, moved, *ends)
