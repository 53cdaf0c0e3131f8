"""What a watt of a tone does in every chain of a layer besides its weight: noise, slope, and loss by the line width.

Both are sums over the resonators of a chain, each with the tone power that the bus circuit of the linear engine puts
into it, so that tails and neighbours count:

    noise  N_ji = Σ_k S_V(1 W in resonator k: P_ik / W) B_tile                      V² per W
    slope  G_ji = Σ_k ± P_ik / W  d(V/P)/df (f_i, f_k)                              V per W and Hz
    loss   D_ji = Σ_k ± P_ik / W  [(V/P)(sharp) - (V/P)(of the line width)]         V per W

with P_ik = ½ R0 |i_ik|², S_V of `precession_noise`, and B the bandwidth from the tile's chain to what the neuron reads.
For tones of half the line width x, in half-widths of a resonator at the tone, D = x (D1 + D2 x + D3 x²) through three
points up to the widest.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from resonet.core.types import Array
from resonet.cosim.weights.bus_answers import bus_powers
from resonet.models.resonator.linear import broadened_susceptibility, real_susceptibility
from resonet.models.resonator.precession_noise import precession_density
from resonet.netlist.planning.frequency_plan import Bus, FrequencyPlan, LayerPlan

__all__ = ["ChainSums", "chain_sums", "line_loss"]

POINTS = np.array([0.1, 0.4, 1.0])  # of the widest line: strong tones have narrow ones
AT_ONCE = 2_000_000  # chains times tones times resonators


@dataclass(frozen=True, slots=True, eq=False)
class ChainSums:
    """Sums over the resonators of every chain, [groups, outputs, taps] each."""

    noise: Array  # V² per W of the tone
    slope: Array  # V per W and Hz, without the divider of the readout
    loss: Array  # likewise V per W [3, groups, outputs, taps], D1, D2, D3


def _of_bus(plan: FrequencyPlan, bus: Bus, f_res: Array, power: Array, thermal: float, widest: float) -> ChainSums:
    """Sums [chains, tones] of the chains of a bus, [chains, resonators] Hz, but the noise per Hz."""
    device, f = plan.device, bus.frequencies[:, None]
    watts = 0.5 * device.resistance * power  # [tones, resonators]
    noise, slope, lost = (np.zeros((*more, len(f_res), len(f))) for more in ((), (), POINTS.shape))
    step = max(AT_ONCE // watts.size, 1)
    for start in range(0, len(f_res), step):
        part = slice(start, start + step)
        own = f_res[part, None]  # [chains, 1, resonators]
        noise[part] = np.einsum("tk,jtk->jt", watts, precession_density(device, f, own, 1.0, thermal))
        steep = -4 * device.damping * device.sensitivity * real_susceptibility(f / own, device.damping)[1] / own
        slope[part] = np.einsum("tk,jtk->jt", watts * bus.signs, steep)
        if widest > 0:
            signed = -4 * device.damping * device.sensitivity * watts * bus.signs
            for point, off in enumerate(_blurred(f, own, device.damping, widest)):
                lost[point, part] = np.einsum("tk,jtk->jt", signed, off)
    return ChainSums(noise, slope, _through_points(lost, widest))


def _blurred(f: Array, f_res: Array, damping: float, widest: float) -> Iterator[Array]:
    """Re chi of a sharp tone at f minus that of one of each of the line widths; shapes broadcast."""
    sharp = broadened_susceptibility(f / f_res, damping, 0.0)
    for wide in widest * POINTS:
        yield sharp - broadened_susceptibility(f / f_res, damping, wide * f / f_res)


def _through_points(lost: Array, widest: float) -> Array:
    """D1, D2, D3 from what is lost at each of the line widths, [3, ...]."""
    if widest <= 0:
        return lost
    return np.tensordot(np.linalg.inv((widest * POINTS)[:, None] ** [1, 2, 3]), lost, 1)


def line_loss(f: Array, f_res: Array, damping: float, widest: float) -> Array:
    """D1, D2, D3 of single resonators in tones at f, Hz, of Re chi instead of a voltage: [3, *shape]."""
    if widest <= 0:
        return np.zeros((*POINTS.shape, *np.broadcast_shapes(f.shape, f_res.shape)))
    return _through_points(np.stack([*_blurred(f, f_res, damping, widest)]), widest)


def chain_sums(
    plan: FrequencyPlan,
    entry: LayerPlan,
    f_res: Sequence[Array],
    thermal: float,
    bandwidths: Array,
    widest: float = 0.0,
) -> ChainSums:
    """Sums of a layer for resonances [chains, resonators] bus by bus, Hz.

    `thermal` p_T, `bandwidths` [tiles], Hz, `widest` largest x of the text.
    """
    noise, slope, loss = (np.zeros((*more, *entry.layer.matrix.shape)) for more in ((), (), POINTS.shape))
    for bus, own, power in zip(entry.buses, f_res, bus_powers(plan, entry), strict=True):
        found = _of_bus(plan, bus, own, power, thermal, widest)
        at = np.ix_(bus.outputs, bus.taps)
        noise[bus.group][at] = found.noise * bandwidths[bus.tile]
        slope[bus.group][at] = found.slope
        loss[:, bus.group, at[0], at[1]] = found.loss
    return ChainSums(noise, slope, loss)
