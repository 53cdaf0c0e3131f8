"""Max pools as diode maxima make them: what `accuracy` counts beside ideal ones, so that it can be held against `run`.

A diode maximum of N inputs lies above the largest by 0 ... w ln N, w = n Vt / g its width (models/neuron/electronics):
all of it where they are equal. It pools the voltages of the chains, before the neurons, so that in the units of the
trained network, with u volts per unit of a sum, w becomes w / u, and what is pooled are sums:

    z = (w/u) ln Σ exp(z_i u/w),    activation(z) in the place of max activation(z_i)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from resonet.core.types import Array, Ints
from resonet.core.validity import warn
from resonet.cosim.weights.held import RfWeights
from resonet.models.neuron.electronics import DiodeMaximum
from resonet.netlist.design.design import Design
from resonet.netlist.network.cnn import IMAGE, Cnn, MaxPool, Synapses, Wiring, max_pool, pool_windows

__all__ = [
    "MUCH_POOLED",
    "DiodePools",
    "PoolError",
    "PooledVoltages",
    "diode_pools",
    "has_maxima",
    "pooled_voltages",
    "warn_maximum",
]

MUCH_POOLED = 0.01  # of full scale
NONE = IMAGE - 1  # a wire that carries nothing


@dataclass(frozen=True, slots=True, eq=False)
class PooledVoltages:
    """Outputs of a max pool that pool voltages of one place: chains of a layer, or the outputs of another maximum."""

    place: int  # number of that layer
    behind: Synapses  # whose neurons follow
    outputs: Ints  # [n] of the pool, flattened
    members: Ints  # [n, pooled] values of the place, flattened; -1 for none
    channel: Ints  # [n] channel of `behind`


@dataclass(frozen=True, slots=True)
class PoolError:
    """How far the diode maxima of a pool lay above ideal ones, over the images that went through."""

    pool: str
    layer: str  # whose chains it pools
    inputs: int  # most of one maximum
    bound: float  # V, for as many equal inputs: w ln N
    full_scale: float  # V, largest sum at their inputs
    rms: float  # of full scale
    largest: float  # of full scale


def _gather(values: Ints, at: Ints, none: int) -> Ints:
    """values[at], `none` where `at` is negative."""
    return np.asarray(np.where(at < 0, none, values[np.maximum(at, 0)]))


def warn_maximum(layer: str, inputs: int, bound: float, full_scale: float, more: str) -> None:
    """Warn where diode maxima over a layer may lie more than `MUCH_POOLED` of full scale above ideal ones.

    bound and full_scale in V; `more` ends the sentence.
    """
    part = bound / full_scale if full_scale else float("inf")
    if part > MUCH_POOLED:
        text = (
            f"layer {layer}: its diode maxima of {inputs} inputs lie up to {1e6 * bound:.3g} uV above ideal ones, "
            f"{100 * part:.2g} % of full scale; {more}; possible: more neuron.pool_gain"
        )
        warn("soft-maximum", text, part, MUCH_POOLED)


class _Tracer:
    """Follows every value of the network back to the place where it is a voltage."""

    def __init__(self, cnn: Cnn) -> None:
        size = int(np.prod(cnn.input_shape))
        self.origin: dict[int, tuple[Ints, Ints]] = {IMAGE: (np.full(size, IMAGE), np.arange(size))}
        self.behind: dict[int, tuple[Ints, Ints]] = {}  # by place: number of the weighted layer, channel [values]
        self.pooled: dict[str, tuple[PooledVoltages, ...]] = {}
        for number, (layer, sources) in enumerate(zip(cnn.layers, cnn.inputs, strict=True)):
            place, index = (np.concatenate([self.origin[s][part] for s in sources]) for part in (0, 1))
            match layer:
                case Synapses():
                    size = int(np.prod(layer.out_shape))
                    self.origin[number] = np.full(size, number), np.arange(size)
                    channels = np.arange(layer.out_shape[0]).repeat(layer.positions)
                    self.behind[number] = np.full(size, number), channels
                case Wiring():
                    self.origin[number] = _gather(place, layer.index, NONE), _gather(index, layer.index, 0)
                case MaxPool():
                    self._pool(cnn, number, layer, place, index)

    def _pool(self, cnn: Cnn, number: int, pool: MaxPool, place: Ints, index: Ints) -> None:
        windows = pool_windows(np.arange(1.0, len(place) + 1).reshape(1, *pool.in_shape), pool)
        windows = windows.reshape(-1, pool.kernel[0] * pool.kernel[1])
        at = np.where(np.isfinite(windows), windows, 0).astype(np.int64) - 1
        places = _gather(place, at, NONE)
        one, parts = places.max(1), []
        alone = ((places == one[:, None]) | (places == NONE)).all(1) & (one >= 0)
        self.origin[number] = np.where(alone, number, IMAGE), np.arange(len(at))
        weighted, channel = np.full((2, len(at)), -1)
        for source in np.unique(one[alone]):
            outputs = np.flatnonzero(alone & (one == source))
            members = np.where(places[outputs] == source, _gather(index, at[outputs], -1), -1)
            first = members.max(1)
            weighted[outputs], channel[outputs] = (part[first] for part in self.behind[int(source)])
            for layer in np.unique(weighted[outputs]):
                own = weighted[outputs] == layer
                behind = cnn.layers[int(layer)]
                assert isinstance(behind, Synapses)
                kept = outputs[own]
                parts.append(PooledVoltages(int(source), behind, kept, members[own], channel[kept]))
        self.behind[number] = weighted, channel
        self.pooled[pool.name] = tuple(parts)


def pooled_voltages(cnn: Cnn) -> dict[str, tuple[PooledVoltages, ...]]:
    """What every max pool of a network pools in hardware, by its name.

    Outputs that no diode maximum can make are left out: of the image itself, or of voltages of several layers, which
    have units of their own.
    """
    return _Tracer(cnn).pooled


class DiodePools:
    """Max pools of a batch that goes through the hardware, by diode maxima; and how far those are off."""

    def __init__(self, cnn: Cnn, diode: DiodeMaximum, units: Mapping[str, Array]) -> None:
        """`units`: V per unit of a sum, by layer, [channels]."""
        self.diode, self.units, self.pooled = diode, units, pooled_voltages(cnn)
        self._number = {layer.name: number for number, layer in enumerate(cnn.layers)}
        self._places = {part.place for parts in self.pooled.values() for part in parts}
        self._sums: dict[int, Array] = {}
        self._found: dict[tuple[str, str], list[float]] = {}  # V: full scale, squares, count, largest; inputs

    def keep(self, synapses: Synapses, sums: Array) -> None:
        """Remember weighted sums plus bias [n, *out_shape] of a layer whose chains are pooled."""
        number = self._number[synapses.name]
        if number in self._places:
            self._sums[number] = sums.reshape(len(sums), -1)

    def maximum(self, pool: MaxPool, x: Array) -> Array:
        """Outputs of a pool, [n, *out_shape], behind its neurons; x [n, *in_shape] as ideal ones would pool it."""
        out = max_pool(x, pool).reshape(len(x), -1)
        volts = np.full(out.shape, np.nan)
        for part in self.pooled[pool.name]:
            inputs = np.where(part.members < 0, -np.inf, self._sums[part.place][:, part.members])
            unit = self.units[part.behind.name][part.channel]
            volts_in = inputs * unit[:, None]
            volts_out = self.diode.maximum(volts_in)
            self._note(pool, part, volts_in, volts_out - volts_in.max(-1))
            sums = volts_out / unit
            volts[:, part.outputs] = sums
            out[:, part.outputs] = part.behind.activation.take(part.channel)(sums)
        number = self._number[pool.name]
        if number in self._places:
            self._sums[number] = volts
        return out.reshape(len(x), *pool.out_shape)

    def _note(self, pool: MaxPool, part: PooledVoltages, inputs: Array, error: Array) -> None:
        largest = float(np.abs(inputs[np.isfinite(inputs)]).max(initial=0))
        self.note(pool.name, part, (largest, float((error**2).sum()), float(error.max(initial=0))), error.size)

    def note(self, pool: str, part: PooledVoltages, volts: tuple[float, float, float], count: int) -> None:
        """Count what so many maxima did: largest input, sum of the squares of their errors, largest error, V."""
        found = self._found.setdefault((pool, part.behind.name), [0.0, 0.0, 0.0, 0.0, 0.0])
        found[0] = max(found[0], volts[0])
        found[1] += volts[1]
        found[2] += count
        found[3] = max(found[3], volts[2])
        found[4] = max(found[4], float((part.members >= 0).sum(1).max(initial=1)))

    def take(self, pools: Mapping[tuple[str, str], Sequence[Array]]) -> None:
        """Count what a float32 graph says of them, by pool and layer, in widths (`diode_pooled`)."""
        width = self.diode.width
        for pool, parts in self.pooled.items():
            for part in parts:
                inputs, squares, errors = pools[pool, part.behind.name]
                volts = (width * inputs.max(), width**2 * squares.sum(), width * errors.max())
                self.note(pool, part, volts, len(inputs) * len(part.outputs))

    @property
    def errors(self) -> tuple[PoolError, ...]:
        """What was found so far, a record for each pool and the layer whose chains it pools."""
        errors = []
        for (pool, layer), (scale, squares, count, largest, inputs) in self._found.items():
            bound, rms, of = self.diode.width * np.log(inputs), np.sqrt(squares / max(count, 1)), scale or np.inf
            errors.append(PoolError(pool, layer, int(inputs), float(bound), scale, float(rms / of), largest / of))
        return tuple(errors)


def has_maxima(cnn: Cnn) -> bool:
    """Whether anything in a network is pooled by a maximum."""
    return any(isinstance(layer, MaxPool) for layer in cnn.layers)


def diode_pools(design: Design, held: Mapping[str, RfWeights]) -> DiodePools | None:
    """Diode maxima of a design for chains that hold these weights, by layer name; None where nothing is pooled."""
    cnn = design.built
    if not has_maxima(cnn):
        return None
    p_max = design.plan.options.p_max
    units = {name: w.volts_per_weight(design) * p_max / design.scales[name].full_scale for name, w in held.items()}
    return DiodePools(cnn, design.parameters.neuron.maximum(), units)
