"""Who disturbs whom under strip-line feed: lines against resonators that should not hear them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from resonet.core.types import Array, Bools, Ints
from resonet.cosim.strip.passes import StripPass
from resonet.models.resonator.linear import SpinDiode

__all__ = ["Pair", "crosstalk", "decibel", "loudest", "pairs", "victims"]

QUIET = 1e-15  # of K_SD: 300 dB down, nothing


@dataclass(frozen=True, slots=True)
class Pair:
    """A line's tone in a resonator that it should not reach."""

    line: int  # aggressor: number in the placement
    chain: int  # victim: chain in the placement
    tap: int  # and its resonator
    tone: int  # of the aggressor
    own_tone: int  # of the victim
    level: float  # dB, |V| / (P K_SD)
    unselective: float  # dB, if the aggressor's tone were the victim's own
    cause: str  # the part whose removal lowers it most


def victims(passes: StripPass) -> tuple[Ints, Bools]:
    """Resonators of the window's own chains, and which lines are not theirs, [lines, those resonators]."""
    usage = passes.circuit.placement.usage
    inside = np.flatnonzero(np.isin(usage.chain[passes.circuit.resonators], passes.chains))
    return inside, passes.lines[:, None] != passes.circuit.line[inside][None]


def decibel(value: Array) -> Array:
    """20 log10 of a level, not below QUIET."""
    return np.asarray(20 * np.log10(np.maximum(value, QUIET)))


def crosstalk(passes: StripPass, volts: Array, device: SpinDiode) -> Array:
    """Loudest crosstalk from tone to tone, |V| / (P K_SD), [victim, aggressor]; diagonal: other lines of that tone."""
    inside, foreign = victims(passes)
    size = np.where(foreign, np.abs(volts[:, inside]), 0) / device.sensitivity
    matrix = np.zeros((len(passes.frequencies), len(passes.frequencies)))
    victim = np.broadcast_to(passes.circuit.tone[inside], size.shape)
    np.maximum.at(matrix, (victim, np.broadcast_to(passes.tones[:, None], size.shape)), size)
    return matrix


def loudest(passes: StripPass, volts: Array, count: int) -> tuple[Ints, Ints]:
    """The loudest pairs: line and resonator of the circuit, loudest first."""
    inside, foreign = victims(passes)
    size = np.where(foreign, np.abs(volts[:, inside]), -1.0)
    count, flat = min(count, int(foreign.sum())), size.ravel()
    least = np.partition(flat, -count)[-count] if count else np.inf
    loud = np.flatnonzero(flat >= least)
    order = loud[np.argsort(-flat[loud], kind="stable")[:count]]
    line, n = np.unravel_index(order, size.shape)
    return line.astype(np.int64), inside[n]


def pairs(
    passes: StripPass, at: tuple[Ints, Ints], volts: Array, flat: Array, removed: Mapping[str, Array], device: SpinDiode
) -> tuple[Pair, ...]:
    """Records of the pairs `at`; `removed` holds their voltages without each part."""
    usage, circuit = passes.circuit.placement.usage, passes.circuit
    names, left = list(removed), np.abs(np.array(list(removed.values())))
    level, loud = (decibel(np.abs(v[at]) / device.sensitivity) for v in (volts, flat))
    out = []
    for n, (line, resonator) in enumerate(zip(*at, strict=True)):
        victim = circuit.resonators[resonator]
        out.append(
            Pair(
                int(passes.lines[line]),
                int(usage.chain[victim]),
                int(usage.tap[victim]),
                int(passes.tones[line]),
                int(usage.tone[victim]),
                float(level[n]),
                float(loud[n]),
                names[int(left[:, n].argmin())] if names else "",
            )
        )
    return tuple(out)
