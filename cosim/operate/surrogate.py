"""Closed form of a structure over power and bandwidth, from a few measurements at one point of it.

In units of the trained sums, noise that a layer's chains add keeps its voltage whatever the tones are and the signal
grows with their power, precession noise grows with its root, what rides on the tones grows as they do:

    variance of a source = density * ENBW(B) * (P0 / P)^n,    n = 2 chains, 1 precession, 0 tones                 (1)

What tiles do to each other depends on neither power nor bandwidth.

Saturation is what is left of the sums of saturating resonators once a gain of the layer is taken off, at some powers,
interpolated. All of it goes through the gains of `Tolerance` to the outputs, and (1) there says what accuracy is left.
What saturation leaves is no noise: it moves a class and its rivals alike, and what one layer leaves the next one may
take. So some images also go through the whole network of saturating resonators. With a the distances of the other
outputs from the largest one, and b = g a + e the same with saturation, mean(e²) / 2g² is the variance that noise in
every output would need to move the distances as much; the layers' parts are scaled to add up to that.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from resonet.core.errors import EngineError
from resonet.core.types import Array
from resonet.cosim.noise.noisy import noisy_weights
from resonet.cosim.operate.latency import Latency, dc_side, latency
from resonet.cosim.operate.points import METHOD, Setting, at_setting
from resonet.cosim.operate.power import Drawn, drawn
from resonet.cosim.operate.tolerances import Tolerance
from resonet.cosim.saturation.held import saturating_weights
from resonet.cosim.weights.effective import network_weights
from resonet.cosim.weights.engines import linear
from resonet.cosim.weights.held import HeldWeights
from resonet.cosim.weights.inference import forward
from resonet.models.circuit.groups import stacked_sizes
from resonet.netlist.design.design import Design
from resonet.netlist.network.cnn import Synapses

__all__ = ["FIXED", "GROWTH", "LayerSurrogate", "Surrogate", "surrogate"]

# n of (1), by source
GROWTH = {"johnson": 2, "choke": 2, "feed": 2, "readout": 2, "precession": 1, "combiner": 1}
FIXED = ("tiles",)  # sources that no bandwidth lowers: their variance stands in the place of a density
GRID = 7  # bandwidths at which noise bandwidths are known, and powers at which saturation is
ROWS = 96  # of what chains see that saturation is measured on
WHOLE = 24  # images that go through the whole network with saturation
HALVINGS = 50
LEFT = 0.11  # of the variance of saturation, after a fit on data: docs/guide/saturation.md has 0.06 to 0.11


@dataclass(frozen=True, slots=True, eq=False)
class LayerSurrogate:
    """One layer."""

    layer: str
    densities: dict[
        str, float
    ]  # by source: variance of its sums at the reference power per Hz (of FIXED: itself), trained units²
    bandwidths: Array  # [grid] equivalent noise bandwidth, Hz, over `Surrogate.bandwidths`
    saturation: Array  # [powers] variance that saturation leaves, trained units², over `Surrogate.powers`


@dataclass(frozen=True, slots=True, eq=False)
class Surrogate:
    """One structure."""

    design: Design  # at the reference setting
    tolerance: Tolerance
    layers: tuple[LayerSurrogate, ...]
    bandwidths: Array  # [grid] Hz, of the transconductors
    latencies: tuple[Latency, ...]  # at these
    powers: Array  # [powers] W, where saturation was measured; from the first that failed on it is infinite
    drawn: Drawn

    def fitted(self) -> "Surrogate":
        """The same where calibration on data leaves of saturation what it leaves in the shipped network, or more."""
        layers = (replace(own, saturation=LEFT * own.saturation) for own in self.layers)
        return replace(self, layers=tuple(layers))

    def noise(self, setting: Setting) -> dict[tuple[str, str], float]:
        """Variance at the outputs by layer and source."""
        found = {}
        ratio = self.design.plan.options.p_max / setting.p_max
        for own in self.layers:
            gain = self.tolerance.gains[own.layer]
            band = _interpolated(setting.bandwidth, self.bandwidths, own.bandwidths)
            for source, density in own.densities.items():
                found[own.layer, source] = (
                    gain * density * (1.0 if source in FIXED else band) * ratio ** GROWTH.get(source, 0)
                )
            found[own.layer, "saturation"] = gain * _interpolated(setting.p_max, self.powers, own.saturation)
        return found

    def variance(self, setting: Setting) -> float:
        """Variance at the outputs, noise and saturation."""
        return float(sum(self.noise(setting).values()))

    def accuracy(self, setting: Setting) -> float:
        """Predicted share of images in their class."""
        return self.tolerance.accuracy(self.variance(setting))

    def latency(self, bandwidth: float, parallel: bool = True) -> float:
        """Of an image, s."""
        times = [one.parallel if parallel else one.sequential for one in self.latencies]
        return _interpolated(bandwidth, self.bandwidths, np.array(times))

    def widest(self, p_max: float, variance: float) -> float | None:
        """Largest bandwidth at which the outputs have no more than that variance; None where none is small enough."""
        low, high = np.log(self.bandwidths[0]), np.log(self.bandwidths[-1])
        if self.variance(Setting(p_max, float(np.exp(low)))) > variance:
            return None
        for _ in range(HALVINGS):
            middle = 0.5 * (low + high)
            good = self.variance(Setting(p_max, float(np.exp(middle)))) <= variance
            low, high = (middle, high) if good else (low, middle)
        return float(np.exp(low))


def _interpolated(at: float, x: Array, y: Array) -> float:
    """Logarithmic interpolation; beyond the ends by the last slope upwards, held downwards; 0 where y is 0."""
    with np.errstate(divide="ignore"):
        found = np.interp(np.log(at), np.log(x), np.log(y))
    return float(np.exp(found))


def _densities(design: Design, images: Array) -> dict[str, dict[str, float]]:
    """By layer and source: variance of its sums per Hz of noise bandwidth, trained units²."""
    held = network_weights(design, METHOD, linear)
    found: dict[str, dict[str, float]] = {}
    noisy = noisy_weights(design, held)

    def watch(layer: Synapses, x: Array) -> None:
        scale, own = design.scales[layer.name], noisy[layer.name]
        carried = own.carried(layer, x, scale)
        square = (own.noise.unit[:, None, :, None] / scale.full_scale) ** 2
        densities: dict[str, float] = {
            source: float(np.mean(variance / square)) / (1.0 if source in FIXED else own.noise.bandwidth)
            for source, variance in own.noise.sources(own.values, carried)
        }
        found[layer.name] = densities

    forward(design, held, images, None, watch)
    return found


def distances(outputs: Array, best: Array, doubled: bool = True) -> Array:
    """How far other outputs [images, classes] are below those that are `best` [images]; one output: itself."""
    if not doubled:
        return outputs
    rows = np.arange(len(outputs))
    others = np.arange(outputs.shape[1]) != best[:, None]
    return np.asarray((outputs[rows, best][:, None] - outputs)[others])


def moved(straight: Array, bent: Array, doubled: bool = True) -> float:
    """Variance in every output that moves the distances of outputs [images, classes] as much, beside a gain."""
    best = straight.argmax(1)
    a, b = (distances(one, best, doubled) for one in (straight, bent))
    gain = float((a * b).sum() / max((a**2).sum(), 1e-300))
    return float(np.mean((b / (gain or 1.0) - a) ** 2)) / (1 + doubled)


def _saturation(design: Design, images: Array, allowed: Tolerance) -> dict[str, float]:
    """By layer: variance of its sums that saturation leaves beside a gain, trained units²; inf without a balance."""
    held, left = network_weights(design, METHOD, linear), dict[str, float]()
    try:
        saturating: dict[str, HeldWeights] = dict(saturating_weights(design, held))
    except EngineError:
        return {name: float("inf") for name in held}

    def watch(layer: Synapses, x: Array) -> None:
        scale, own = design.scales[layer.name], held[layer.name]
        carried = own.carried(layer, x, scale)
        groups, taps = len(carried), carried.shape[-1]
        rows = carried.reshape(groups, 1, -1, taps)
        rows = rows[:, :, np.linspace(0, rows.shape[2] - 1, min(ROWS, rows.shape[2])).astype(int)]
        straight = own.products(rows)
        try:
            bent = saturating[layer.name].products(rows)
        except EngineError:
            left[layer.name] = float("inf")
            return
        gain = float((bent * straight).sum() / max((straight**2).sum(), 1e-300))
        left[layer.name] = scale.full_scale**2 * float(np.mean((bent / (gain or 1.0) - straight) ** 2))

    few, ranked = images[:WHOLE], design.cnn.ranked
    straight = forward(design, held, few, None, watch)[:, :ranked]
    by_layer = sum(allowed.gains[name] * value for name, value in left.items())
    if not 0 < by_layer < np.inf:
        return left
    try:
        bent = forward(design, saturating, few)[:, :ranked]
    except EngineError:
        return dict.fromkeys(left, float("inf"))
    part = moved(straight, bent, allowed.doubled) / by_layer
    return {name: part * value for name, value in left.items()}


def surrogate(
    design: Design, tolerance: Tolerance, images: Array, powers: Sequence[float], bandwidths: tuple[float, float]
) -> Surrogate:
    """Surrogate of a structure from images [n, *input_shape], of which saturation takes a few.

    `powers`: where saturation is measured; `bandwidths`: of the transconductors, from and to. Raises InputError.
    """
    grid = np.geomspace(*bandwidths, GRID)
    middle = Setting(float(np.sqrt(powers[0] * powers[-1])), float(grid[GRID // 2]))
    design = at_setting(design, middle)
    densities = _densities(design, images)
    variants = [at_setting(design, replace(middle, bandwidth=float(b))) for b in grid]
    bands = {name: _bands(variants, name) for name in densities}
    found: list[dict[str, float]] = []
    for power in powers:
        if found and not np.isfinite(list(found[-1].values())).all():
            found.append(found[-1])
            continue
        found.append(_saturation(at_setting(design, replace(middle, p_max=power)), images, tolerance))
    layers = tuple(
        LayerSurrogate(name, own, bands[name], np.array([max(one[name], 1e-300) for one in found]))
        for name, own in densities.items()
    )
    times = tuple(latency(one) for one in variants)
    return Surrogate(design, tolerance, layers, grid, times, np.array(powers), drawn(design, images))


def _bands(variants: Sequence[Design], layer: str) -> Array:
    """Noise bandwidth of a layer's chains in every variant, Hz."""
    found = []
    for design in variants:
        sizes = stacked_sizes(design.plan.layer(layer).tile_sizes, design.plan.circuit.groups)
        chains = dc_side(design, layer).bandwidths(average=design.parameters.neuron.integration)
        found.append(float(chains @ np.array(sizes)) / sum(sizes))
    return np.array(found)
