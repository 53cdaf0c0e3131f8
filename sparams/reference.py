"""Networks in reference impedances that are real and the same at all frequencies, as everything here assumes."""

from typing import TYPE_CHECKING

import numpy as np

from resonet.core.errors import InputError
from resonet.core.validity import warn

if TYPE_CHECKING:
    from skrf import Network

__all__ = ["constant_reference"]

FALLBACK = 50.0  # ohm


def constant_reference(network: "Network") -> "Network":
    """The network, renormalised to 50 ohm, with a warning, if its impedances are complex or change."""
    if not np.any(network.z0.imag) and not np.any(network.z0 != network.z0[0]):
        if not np.all(network.z0.real > 0):
            raise InputError(f"network {network.name}: reference impedances must be positive")
        return network
    kind = "complex" if np.any(network.z0.imag) else "different at every frequency"
    names = network.port_names
    with np.errstate(all="ignore"):
        found = network.copy()
        found.renormalize(FALLBACK)
    if not np.isfinite(found.s).all():
        raise InputError(f"network {network.name}: its {kind} reference impedances cannot be renormalised")
    found.port_names = names
    words = f"port impedances are {kind}: renormalised to {FALLBACK:g} ohm ({network.s_def} waves)"
    first = abs(complex(network.z0[0, 0]))
    warn("touchstone-renormalised", f"network {network.name}: {words}", first, FALLBACK, "Ohm")
    return found
