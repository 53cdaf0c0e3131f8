"""Resonance frequencies out of a few levels: b-bit tuning DACs, and resonators with two states.

A DAC of b bits sets the tuning current of one resonator; the current shifts f_res linearly, so the 2^b levels lie
evenly in f_res, from the one that puts the resonator `span` half-widths above its tone to the one as far below. A
resonator with states has the detunings that it has: a vortex shifts its gyrotropic frequency under a perpendicular
field up or down with the polarity of its core (de Loubens et al., Phys. Rev. Lett. 102, 177602), which makes two.

Minimised is the squared error of what the chain answers, crosstalk of all tones included, with one gain c a layer (or a
chain) free, because the readout's gain is trimmed anyway:

    sum over tones of (c V(levels) - W)²,      c = V·W / V·V

first each resonator to the level nearest to its calibrated f_res; then one resonator after the other to the level that
lowers the sum most, until none helps, and the gain anew. Neither step can raise the sum.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array, Ints
from resonet.models.resonator.chain import Chains
from resonet.models.resonator.linear import real_susceptibility, resonance_for_detuning

__all__ = [
    "GRIDS",
    "Grid",
    "LevelSet",
    "Levels",
    "Part",
    "Quantised",
    "dac_levels",
    "descend",
    "level_response",
    "nearest",
    "quantise",
    "state_levels",
]

Grid = Literal["ends", "zero"]
GRIDS: tuple[Grid, ...] = ("ends", "zero")
ROUNDS = 20  # of levels and gain in turn
ENOUGH = 1e-4  # a round that lowers the squares by less than this part of them is the last
GAIN = 1e-9  # a move counts if it lowers the squares by more than this part of them: no circles by rounding


class LevelSet(Protocol):
    """What resonators of a bus can be set to: levels by number, for each of them."""

    @property
    def count(self) -> int:
        """How many levels a resonator has, at most; a number beyond its own is its last."""

    def f_res(self, index: Ints) -> Array:
        """Resonance frequencies [chains, K] at the levels `index` [chains, K], Hz."""

    def settings(self, chains: int) -> Iterator[tuple[slice, Array, Array | None]]:
        """Parts of so many chains, each with its f_res [1 or its chains, K, levels] and what to add to each chain's."""

    def starts(self, wanted: Array) -> tuple[Ints, ...]:
        """Levels [chains, K] to begin at; the first are what is compared with, wanted [chains, K] in Hz."""


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """What every resonator of a bus can be set to: f_res = values[k, level] + offset[chain, k]."""

    values: Array  # [K, levels] Hz, rising
    offset: Array | None = None  # [chains, K] Hz, what fabrication adds; None: nothing

    @property
    def count(self) -> int:
        """How many levels a resonator has."""
        return int(self.values.shape[1])

    def settings(self, chains: int) -> Iterator[tuple[slice, Array, Array | None]]:
        """All chains at once: one table for all of them, and what fabrication adds."""
        yield slice(0, chains), self.values[None], self.offset

    def starts(self, wanted: Array) -> tuple[Ints, ...]:
        """The levels nearest to the wanted f_res [chains, K]."""
        return (nearest(wanted, self),)

    def f_res(self, index: Ints) -> Array:
        """Resonance frequencies [chains, K] at the levels `index` [chains, K], Hz."""
        tuned = self.values[np.arange(index.shape[1]), index]
        return tuned if self.offset is None else tuned + self.offset


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Chains of one bus with what they should answer."""

    target: Array  # [chains, K] units of K_SD
    wanted: Array  # [chains, K] Hz, f_res that hold the target
    chains: Chains
    levels: LevelSet
    owner: Ints  # [chains] number of the gain that a chain shares


@dataclass(frozen=True, slots=True, eq=False)
class Quantised:
    """Levels of every part, the gains, and the squared errors left of each gain's chains."""

    index: tuple[Ints, ...]  # [chains, K] for each part
    gain: Array  # [gains] c, answers times c are the targets
    squares: Array  # [gains] sum of (c V - W)²


def _at(frequencies: Array, damping: float, detunings: Array, what: str) -> Array:
    """Resonance frequencies [K, levels] at detunings [levels], Hz; InputError where there is none."""
    if not np.all(np.isfinite(detunings)) or damping * np.abs(detunings).max() >= 1:
        raise InputError(f"{what}: possible: detunings within ±{1 / damping:g} half-widths")
    return resonance_for_detuning(frequencies[:, None], detunings, damping)


def dac_levels(frequencies: Array, damping: float, bits: int, span: float, grid: Grid = "ends") -> Array:
    """Levels [K, 2^bits] in Hz, even in f_res over detunings of +span to -span half-widths of each tone.

    "ends": the outer levels are the two ends, and none is on the tone. "zero": a code of two's complement, with the
    level 2^(bits-1) on the tone, where the weight is zero, and the upper end one step short of -span.
    """
    low, high = _at(frequencies, damping, np.array([span, -span]), f"span {span:g}").T[..., None]
    codes = np.arange(2**bits)
    if grid == "ends":
        return np.asarray(low + (high - low) * codes / (2**bits - 1))
    step, half = 0.5 * (high - low), 2 ** (bits - 1)
    return np.asarray(frequencies[:, None] + step * (codes - half) / half)


def state_levels(frequencies: Array, damping: float, states: Sequence[float]) -> Array:
    """Levels [K, states] in Hz, rising, of resonators that have certain detunings (half-widths) and no others."""
    shown = "states " + ", ".join(f"{u:g}" for u in states)
    if len(set(states)) < 2:
        raise InputError(f"{shown}: possible: two or more detunings in half-widths, such as -1,1")
    return np.sort(_at(frequencies, damping, np.array(sorted(set(states))), shown), axis=1)


def nearest(wanted: Array, levels: Levels) -> Ints:
    """Level [chains, K] nearest to each wanted f_res [chains, K]."""
    f = wanted if levels.offset is None else wanted - levels.offset
    middle = 0.5 * (levels.values[:, 1:] + levels.values[:, :-1])
    return np.stack([np.searchsorted(edges, column) for edges, column in zip(middle, f.T, strict=True)], 1)


def _answers(chains: Chains, rows: Ints, k: int, f_res: Array) -> Array:
    """What resonator k of chain rows[n] adds to each tone at f_res[n, c]: [n, tones, c], units of K_SD."""
    damping = chains.damping if chains.own is None else chains.own[rows, k, None, None]
    real, _ = real_susceptibility(chains.at[:, None] / f_res[:, None, :], damping)
    part = chains.part(rows)
    gain = part if isinstance(part, float) else part[..., k, None]
    return np.asarray(-4 * chains.damping * chains.signs[k] * gain * real)


def level_response(index: Ints, chains: Chains, levels: LevelSet) -> Array:
    """What the chains answer at these levels, [chains, tones], units of K_SD."""
    f_res, rows = levels.f_res(index), np.arange(len(index))
    return np.asarray(sum(_answers(chains, rows, k, f_res[:, k, None])[..., 0] for k in range(index.shape[1])))


def descend(target: Array, chains: Chains, levels: LevelSet, start: Ints, window: int = 8) -> tuple[Ints, Array]:
    """Coordinate descent on the levels of every chain; returns levels [chains, K] and what they answer.

    Tried are all levels of a resonator, or those up to `window` away where there are more than 2 window + 1. Never ends
    worse than `start`; no single move within the window helps any more.
    """
    from resonet.netlist.programming.dac_descent import descend_chains

    index = np.array(start, np.int64, order="C")
    error = level_response(index, chains, levels) - target
    profile = np.ones((len(chains.frequencies),) * 2) if chains.profile is None else chains.profile
    damping = np.broadcast_to(chains.damping if chains.own is None else chains.own, index.shape)
    units = -4 * chains.damping * chains.signs * (profile[None] if profile.ndim == 2 else profile)
    for rows, table, offset in levels.settings(len(target)):
        of_rows = units if len(units) == 1 else units[rows]
        tried = table, offset, window, GAIN, index[rows], error[rows]
        error[rows] = descend_chains(chains.at, damping[rows], of_rows, *tried)
    return index, error + target


def _gains(parts: Sequence[Part], answers: Sequence[Array], free: bool) -> tuple[Array, Array]:
    """Best gain of each owner, positive, and the squares that it leaves."""
    owners = 1 + max(int(part.owner.max()) for part in parts)
    sums = np.zeros((3, owners))
    for part, v in zip(parts, answers, strict=True):
        for n, product in enumerate((v * v, v * part.target, part.target**2)):
            sums[n] += np.bincount(part.owner, product.sum(1), owners)
    possible = free & (sums[1] > 0) & (sums[0] > 0)
    gain = np.where(possible, sums[1] / np.where(possible, sums[0], 1), 1.0)
    return gain, np.maximum(gain**2 * sums[0] - 2 * gain * sums[1] + sums[2], 0)


def _fit_gains(parts: Sequence[Part], index: Sequence[Ints], free: bool) -> Quantised:
    """Best gains for given levels."""
    answers = [level_response(i, part.chains, part.levels) for i, part in zip(index, parts, strict=True)]
    return Quantised(tuple(index), *_gains(parts, answers, free))


def _better(parts: Sequence[Part], first: Quantised, second: Quantised) -> Quantised:
    """Of two results the better one, gain by gain."""
    take = second.squares < first.squares
    index = tuple(
        np.where(take[part.owner, None], new, old)
        for part, old, new in zip(parts, first.index, second.index, strict=True)
    )
    return Quantised(index, np.where(take, second.gain, first.gain), np.where(take, second.squares, first.squares))


def _settle(parts: Sequence[Part], start: Quantised, free: bool, window: int) -> Quantised:
    """Levels and gain in turn from `start`, until a round no longer helps."""
    now = start
    for _ in range(ROUNDS):
        settled = [
            descend(part.target / now.gain[part.owner, None], part.chains, part.levels, i, window)
            for i, part in zip(now.index, parts, strict=True)
        ]
        before = now.squares.sum()
        now = Quantised(tuple(i for i, _ in settled), *_gains(parts, [v for _, v in settled], free))
        if not free or now.squares.sum() >= (1 - ENOUGH) * before:
            break
    return now


def quantise(
    parts: Sequence[Part], free: bool = True, window: int = 8, descent: bool = True
) -> tuple[Quantised, Quantised]:
    """Nearest levels, and levels after coordinate descent, of the chains of a layer.

    With `free` gains the nearest levels get the best gain too; else every gain is 1. Without `descent` both are the
    nearest.
    """
    index, *others = zip(*(part.levels.starts(part.wanted) for part in parts), strict=True)
    first = _fit_gains(parts, index, free)
    if not descent:
        return first, first
    best = _settle(parts, first, free, window)
    for other in others:
        best = _better(parts, best, _settle(parts, _fit_gains(parts, other, free), free, window))
    if free and first.gain.size > 1:  # gains of their own find poorer levels from afar than from a common gain's
        common = [replace(part, owner=np.zeros_like(part.owner)) for part in parts]
        shared = _settle(common, _fit_gains(common, index, free), free, window)
        best = _better(parts, best, _settle(parts, _fit_gains(parts, shared.index, free), free, window))
    return first, best
