"""Whether sampled S can be the response of something that answers after it is asked (Kramers-Kronig).

A causal S has its poles in the left half plane. Where the mirror images of a fit's poles, in the right half plane, take
most of its error away, real and imaginary part do not belong together: as of a resistance that follows √f without the
inductance that the skin effect brings with it, which models of components often leave out. Noise, too few poles and
long lines gain nothing by them.
"""

from typing import TYPE_CHECKING

import numpy as np

from resonet.core.types import Complex
from resonet.sparams.vector_fit import basis, laplace

if TYPE_CHECKING:
    from skrf import Network

__all__ = ["not_causal", "two_sided_error"]

GAIN = 10.0  # by which the mirrored poles must lower the error


def two_sided_error(network: "Network", poles: Complex) -> float:
    """RMS error of the best fit to S with the poles (rad/s, one of each pair) and their mirror images."""
    s = laplace(network.f)
    phi = np.concatenate([basis(s, poles), basis(s, -poles.conj()), np.ones((len(s), 1))], 1)
    entries = network.s.reshape(len(s), -1)
    phi, wanted = (np.concatenate([x.real, x.imag]) for x in (phi, entries))
    phi = phi / np.linalg.norm(phi, axis=0)
    off = phi @ np.linalg.lstsq(phi, wanted, rcond=1e-12)[0] - wanted
    return float(np.sqrt((off**2).sum() / entries.size))


def not_causal(network: "Network", poles: Complex, error: float) -> bool:
    """Whether a fit with these poles and this RMS error is held back by data that are not causal."""
    return 4 * len(poles) < len(network.f) and GAIN * two_sided_error(network, poles) < error
