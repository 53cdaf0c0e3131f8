"""The one reader of Touchstone files (docs/guide/touchstone.md): `read` for parts, comparisons and fits of devices."""

from resonet.core.touchstone.convert import real_reference
from resonet.core.touchstone.read import read
from resonet.core.touchstone.record import MOST_BYTES, MOST_POINTS, MOST_PORTS, Touchstone

__all__ = [
    "MOST_BYTES",
    "MOST_POINTS",
    "MOST_PORTS",
    "Touchstone",
    "read",
    "real_reference",
]
