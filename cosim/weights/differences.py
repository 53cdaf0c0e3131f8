"""Differences of the circuit's outputs from the software's: together, and of each output of the network alone."""

import numpy as np

from resonet.core.types import Array, Bools
from resonet.netlist.network.cnn import Cnn

__all__ = ["NEARLY", "head_columns", "largest_in", "rms_and_largest"]

NEARLY = 0.999  # of the largest: may be the largest in float64


def head_columns(cnn: Cnn) -> dict[str, slice]:
    """Columns of each output by name; all of them ("") where there is one only."""
    ends = np.cumsum([0, *(count for _, count in cnn.heads)]).tolist()
    own = {name: slice(*ends[n : n + 2]) for n, (name, _) in enumerate(cnn.heads)}
    return own or {"": slice(None)}


def largest_in(values: Array, cnn: Cnn) -> Bools:
    """Images that may hold the largest size in one of the outputs, of values [n, outputs]."""
    found = np.zeros(len(values), bool)
    for columns in [slice(None), *head_columns(cnn).values()]:
        size = np.abs(values[:, columns]).max(1)
        found |= ~(size < NEARLY * size.max())
    return found


def rms_and_largest(found: Array, logits: Array, kept: Bools) -> tuple[float, float]:
    """RMS and largest deviation of the images that are kept [n], as part of the largest of all logits."""
    off = (found[kept] - logits[kept]) / (float(np.abs(logits).max()) or 1.0)
    return float(np.sqrt(np.mean(off**2))), float(np.abs(off).max())
