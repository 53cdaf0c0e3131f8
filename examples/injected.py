"""What a design's layers do to the sums that they read, in a form that training can go through: noise and saturation.

A layer of the design reads sums z = Σ w a of the parts a of a full tone, w in parts of the largest weight, as

    z + c1 Σ w a + c2 Σ w a² + <a> (c3 Σ w a + c4 Σ w a²) + c5 Σ w|w| a + c6 Σ w|w| a² + noise,                    (1)

<a> the mean part of all tones of a chain: a resonator is compressed by its own tone (a²), by the tails of the others
(<a>), and where it holds a large weight (w|w|); line widths take off Σ w a. The c are the least squares of (1) to what
saturating resonators (cosim/saturation) answer to calibration images. Noise has the variance

    constant + Σ N a + Σ w² D(a) + Σ G² M(a) + spread Σ a²,                                                        (2)

of chains and read-out, precession (N as of linear resonators, times the part that saturation leaves of it), power and
frequency of the tones (cosim/noise; D and M polynomials of a, the mean over the tones). The last is no noise but what
(1) leaves over: every weight is off by as much, which depends on all others of its chain, and so on the training.
All of it is in parts of the largest weight times the full scale of the inputs: so it follows both, as hardware does.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array
from resonet.cosim.noise.noisy import NoisyWeights, noisy_weights
from resonet.cosim.saturation.held import saturating_weights
from resonet.cosim.weights.effective import network_weights
from resonet.cosim.weights.engines import linear
from resonet.cosim.weights.inference import forward
from resonet.netlist.design.design import Design, compile_cnn
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.network.cnn import Synapses

__all__ = ["ReadLaw", "features", "point_design", "read_laws"]

DEGREE = 4  # of D and M
RIDGE = 1e-3
SAMPLE = 64  # images that the laws are fitted to


@dataclass(frozen=True, slots=True, eq=False)
class ReadLaw:
    """How one layer reads its sums, of equations (1) and (2)."""

    layer: str
    compression: Array  # [6] c1 ... c6
    constant: float
    precession: Array  # [outputs, taps] N
    slope: Array  # [outputs, taps] |G|, per Hz, with what a tap's M is more than the mean
    power: Array  # [DEGREE] D: coefficients of a, a², ...
    frequency: Array  # [DEGREE] M, Hz²
    spread: float  # mean square error of a weight that (1) leaves over
    left: float  # rms of the sums that (1) leaves over
    compressed: float  # rms of what (1) says to be off, without noise

    def variance(self, carried: Array, weights: Array, noise_alone: bool = False) -> Array:
        """(2), [..., outputs], for tones [..., taps] and weights [outputs, taps] in parts of the largest.

        `noise_alone`: without what (1) leaves over.
        """
        powers = [carried**k for k in range(1, DEGREE + 1)]
        tones = np.maximum(sum(d * a for d, a in zip(self.power, powers, strict=True)), 0)
        moved = np.maximum(sum(m * a for m, a in zip(self.frequency, powers, strict=True)), 0)
        spread = 0.0 if noise_alone else self.spread
        found = self.constant + carried @ self.precession.T + spread * (carried**2).sum(-1, keepdims=True)
        return np.asarray(found + tones @ (weights**2).T + moved @ (self.slope**2).T)


def features(carried: Array, weights: Array) -> Array:
    """The six sums of (1) for tones [..., taps] and weights [outputs, taps]: [6, ..., outputs]."""
    first, second = carried @ weights.T, carried**2 @ weights.T
    mean, bent = carried.mean(-1, keepdims=True), (weights * np.abs(weights)).T
    return np.stack([first, second, mean * first, mean * second, carried @ bent, carried**2 @ bent])


def point_design(model: Path, calibration: Path, point: Path, settings: tuple[str, ...] = ()) -> Design:
    """The hardware of a network at an operating point: a design file, and settings `section.name=value` upon it."""
    given = read_parameters(point, settings)
    return compile_cnn(model, given, compile_cnn(model, given).images(calibration))


def read_laws(design: Design, calibration: Path) -> dict[str, ReadLaw]:
    """Laws of all layers of a design, programmed `coupled`, by name; InputError for layers that (1) is not made for."""
    images = design.images(calibration).images[:SAMPLE]
    held = network_weights(design, "coupled", linear)
    base = dict(saturating_weights(design, held))
    noisy, found = noisy_weights(design, held, base=base), dict[str, ReadLaw]()

    def watch(synapses: Synapses, x: Array) -> None:
        scale = design.scales[synapses.name]
        if synapses.groups > 1 or scale.offset:
            raise InputError(f"layer {synapses.name}: groups, or inputs below zero; possible: layers without either")
        if synapses.name not in found:
            own = noisy[synapses.name]
            found[synapses.name] = _law(own, own.carried(synapses, x, scale))

    forward(design, base, images, watch=watch)
    return found


def _law(own: NoisyWeights, carried: Array) -> ReadLaw:
    """Law of a layer from what it answers to tones [1, n, positions, taps]."""
    noise, top = own.noise, float(np.abs(own.trained).max())
    answers, heard = own.heard_by(carried, own.base.products)  # [1, n, outputs, positions]
    tones, weights = carried[0].reshape(-1, carried.shape[-1]), own.trained[0] / top
    made = features(tones, weights).reshape(6, -1)
    off = (answers[0].swapaxes(1, 2) / top).ravel() - made[0]
    sizes = np.sqrt(np.mean(made**2, axis=1)) + 1e-30  # six sums that are much alike: a little ridge
    ridge = RIDGE**0.5 * np.diag(sizes) * np.sqrt(off.size)
    compression = np.linalg.lstsq(np.vstack([made.T, ridge]), np.append(off, np.zeros(len(ridge))), rcond=None)[0]
    left = float(np.mean((off - compression @ made) ** 2))
    unit = noise.unit[0][:, None] * top  # [outputs, 1] V of a sum of one
    precession = np.zeros(weights.shape)
    if noise.precession is not None and heard is not None:
        bound = noise.precession[:, None] @ carried.swapaxes(2, 3)
        precession = noise.precession[0] * (heard * bound).sum() / (bound**2).sum()
    constant = float(np.mean(sum(noise.constant.values()) / unit**2))
    parts = np.linspace(0, 1, 41)
    sent = np.broadcast_to(parts[:, None], (1, 1, len(parts), carried.shape[-1]))
    ridden, moved = [*noise.tones.carried_variances(sent).values()], noise.tones.frequency_variance(sent)
    shares = np.ones(carried.shape[-1])  # of the taps in M: line widths go with the frequency, slopes against it
    if moved is not None:
        shares = moved[0, 0, -1] / moved[0, 0, -1].mean()
    return ReadLaw(
        own.layer,
        compression,
        constant,
        precession / unit**2,
        np.abs(noise.slope[0] / unit) * np.sqrt(shares),
        _polynomial(parts, np.sum(ridden, axis=0) if ridden else None),
        _polynomial(parts, None if moved is None else sent**2 * moved),
        left / (float((tones**2).sum(1).mean()) or 1.0),
        left**0.5,
        float(np.sqrt(np.mean((compression @ made) ** 2))),
    )


def _polynomial(parts: Array, variance: Array | None) -> Array:
    """Coefficients of a, a², ... to variances [1, 1, parts, taps], their mean over the taps."""
    if variance is None:
        return np.zeros(DEGREE)
    powers = np.stack([parts**k for k in range(1, DEGREE + 1)], axis=1)
    return np.asarray(np.linalg.lstsq(powers, variance[0, 0].mean(-1), rcond=None)[0])
