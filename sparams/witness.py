"""S-parameters of an engine are not believed: the linear engine is asked, everywhere where that is cheap."""

import numpy as np

from resonet.core.errors import EngineError
from resonet.core.types import Array, Complex
from resonet.sparams.block import Block
from resonet.sparams.linear import linear_s

__all__ = ["AGREEMENT", "check_s"]

AGREEMENT = 1e-6  # of the largest |S|, and 1 at least
MOST = 200_000  # values of S that are compared; of more, evenly many frequencies from the first to the last


def check_s(block: Block, f: Array, s: Complex, engine: str = "ngspice") -> float:
    """Largest |ΔS| between s [frequencies, ports, ports] of an engine and the linear engine's.

    Raises EngineError with frequency, ports and both numbers where they differ by more than 1e-6: with a passive block
    this holds s to its passivity and reciprocity too.
    """
    count = min(len(f), max(2, MOST // len(block.ports) ** 2))
    taken = np.unique(np.linspace(0, len(f) - 1, count).round().astype(int))
    expected = linear_s(block, f[taken])
    difference = np.abs(s[taken] - expected)
    at = np.unravel_index(int(difference.argmax()), difference.shape)
    worst, limit = float(difference[at]), AGREEMENT * max(1.0, float(np.abs(expected).max()))
    if not worst <= limit:
        found, known = complex(s[taken][at]), complex(expected[at])
        raise EngineError(
            f"block {block.name}: S{at[1] + 1},{at[2] + 1} at {f[taken][at[0]]:g} Hz: {engine} says {found:.7g}, the "
            f"linear engine {known:.7g}, {worst:.1e} apart, allowed {limit:.1g}; neither is believed"
        )
    return worst
