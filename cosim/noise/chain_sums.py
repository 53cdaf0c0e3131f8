"""What a watt of a tone does in every chain of a layer besides its weight: precession noise, and slope over frequency.

Both are sums over the resonators of a chain, each with the tone power that the bus circuit of the linear engine puts
into it, so that tails and neighbours count:

    noise  N_ji = Σ_k S_V(1 W in resonator k: P_ik / W) B_tile                      V² per W
    slope  G_ji = Σ_k ± P_ik / W  d(V/P)/df (f_i, f_k)                              V per W and Hz

with P_ik = ½ R0 |i_ik|², S_V of `precession_noise`, and B the bandwidth from the tile's chain to what the neuron reads.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from resonet.core.types import Array
from resonet.cosim.weights.bus_answers import bus_powers
from resonet.models.resonator.linear import real_susceptibility
from resonet.models.resonator.precession_noise import precession_density
from resonet.netlist.planning.frequency_plan import Bus, FrequencyPlan, LayerPlan

__all__ = ["ChainSums", "chain_sums"]

AT_ONCE = 2_000_000  # chains times tones times resonators


@dataclass(frozen=True, slots=True, eq=False)
class ChainSums:
    """Sums over the resonators of every chain, [groups, outputs, taps] each."""

    noise: Array  # V² per W of the tone
    slope: Array  # V per W and Hz, without the divider of the readout


def _of_bus(plan: FrequencyPlan, bus: Bus, f_res: Array, power: Array, thermal: float) -> tuple[Array, Array]:
    """Noise density, V²/Hz per W, and slope, V per W and Hz, [chains, tones], of chains [chains, resonators] Hz."""
    device, f = plan.device, bus.frequencies[:, None]
    watts = 0.5 * device.resistance * power  # [tones, resonators]
    noise, slope = np.empty((len(f_res), len(f))), np.empty((len(f_res), len(f)))
    step = max(AT_ONCE // watts.size, 1)
    for start in range(0, len(f_res), step):
        part = slice(start, start + step)
        own = f_res[part, None]  # [chains, 1, resonators]
        noise[part] = np.einsum("tk,jtk->jt", watts, precession_density(device, f, own, 1.0, thermal))
        steep = -4 * device.damping * device.sensitivity * real_susceptibility(f / own, device.damping)[1] / own
        slope[part] = np.einsum("tk,jtk->jt", watts * bus.signs, steep)
    return noise, slope


def chain_sums(
    plan: FrequencyPlan, entry: LayerPlan, f_res: Sequence[Array], thermal: float, bandwidths: Array
) -> ChainSums:
    """Sums of a layer for resonances [chains, resonators] bus by bus, Hz; `thermal` p_T, `bandwidths` [tiles], Hz."""
    noise, slope = np.zeros(entry.layer.matrix.shape), np.zeros(entry.layer.matrix.shape)
    for bus, own, power in zip(entry.buses, f_res, bus_powers(plan, entry), strict=True):
        density, steep = _of_bus(plan, bus, own, power, thermal)
        at = np.ix_(bus.outputs, bus.taps)
        noise[bus.group][at] = density * bandwidths[bus.tile]
        slope[bus.group][at] = steep
    return ChainSums(noise, slope)
