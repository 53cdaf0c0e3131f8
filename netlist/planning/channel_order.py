"""Which input gets which channel of its bus.

A resonator also rectifies its neighbours' tones, and it must make up for what they do to its own tone. In the middle of
the band the tails from above and from below cancel; at the ends they come from one side only: 2/d (1 - 1/2 + 1/3 ...) =
2 ln 2 / d of a resonator's range, d half-widths apart (0.22 at 48 channels in 1-20 GHz, α = 0.01), which is lost to
weights of one sign. All chains of a bus share the channels, so the inputs whose weights mind this least belong there.
"""

import numpy as np

from resonet.core.types import Array, Ints
from resonet.models.resonator.chain import Chains, chain_response

__all__ = ["assign_taps", "channel_offsets"]

POWER = 16  # of what each resonator must give: the sum of such powers is all but the largest one's


def channel_offsets(frequencies: Array, damping: float) -> Array:
    """What a chain with every resonator on its own tone answers to each tone, units of K_SD, shape [K]."""
    signs = np.where(np.arange(len(frequencies)) % 2, -1.0, 1.0)
    response, _ = chain_response(np.zeros((1, len(frequencies))), Chains(frequencies, signs, damping))
    return np.asarray(response[0])


def assign_taps(weights: Array, frequencies: Array, damping: float) -> Ints:
    """Order of the inputs over the channels that asks least of the resonators.

    weights [chains, K] in units of K_SD, column by column the inputs in their present order; frequencies [K] in Hz,
    from the feed on. Entry k of the result is the input for channel k. Assignment problem (Hungarian method) with the
    summed high power of |weight - tails at that channel| as cost; the tails are those of resonators on their tones.
    """
    from scipy.optimize import linear_sum_assignment

    offsets = channel_offsets(frequencies, damping)
    cost = np.zeros((weights.shape[1], len(offsets)))
    for chain in weights:
        cost += np.abs(chain[:, None] - offsets) ** POWER
    taps, channels = linear_sum_assignment(cost)
    return np.asarray(taps[np.argsort(channels)], np.int64)
