"""Fewer frequencies for a file of many ports: those between which straight lines miss S least.

A bus of 80 ports has 6,400 entries a frequency: 2,421 frequencies are 720 MB that no other program reads in reasonable
time. S of a bus is smooth over most of the band, and a simulator draws straight lines between the points of a file.
"""

import heapq

import numpy as np

from resonet.core.types import Array, Complex, Ints

__all__ = ["thinned"]


def _misses(f: Array, s: Complex, begin: int, end: int) -> tuple[float, int]:
    """Largest |S - straight line| strictly between two frequencies, and where it is."""
    if end - begin < 2:
        return 0.0, begin
    part = (f[begin + 1 : end] - f[begin]) / (f[end] - f[begin])
    line = s[begin] + part[:, None] * (s[end] - s[begin])
    missed = np.abs(s[begin + 1 : end] - line).max(1)
    at = int(missed.argmax())
    return float(missed[at]), begin + 1 + at


def thinned(f: Array, s: Complex, most: int, tolerance: float) -> tuple[Ints, float]:
    """Places of the frequencies to keep, at most `most`, and by how much straight lines between them miss S.

    f [frequencies], Hz, rising; s [frequencies, ...]; `most` is 3 or more. The frequency that is missed most is added
    until none is missed by more than `tolerance` (of S: 1e-6 is -120 dB), or there are `most`.
    """
    last = len(f) - 1
    flat = s.reshape(len(f), -1)
    kept = [0, last] if last else [0]
    missed, at = _misses(f, flat, 0, last)
    queue = [(-missed, at, 0, last)]
    while len(kept) < min(most, len(f)) and -queue[0][0] > tolerance:
        _, at, begin, end = heapq.heappop(queue)
        kept.append(at)
        for a, b in ((begin, at), (at, end)):
            missed, where = _misses(f, flat, a, b)
            heapq.heappush(queue, (-missed, where, a, b))
    return np.sort(np.array(kept)), -queue[0][0]
