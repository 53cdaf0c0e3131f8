"""Levels that are the codes of a network trained with quantised weights: a table of tunings instead of equal steps.

A weight of code q is s (q - z). Equal steps in weight are none in f_res: of a resonator alone

    w = -4 α σ g Re chi(f_k / f_res),    Re chi = (1 - y) / ((1 - y)² + 4 α² y),    y = (f_k / f_res)²

σ its sign, g the power of its tone times the DC gain. That is quadratic in d = y - 1, and with W = w / (σ g) the near
one of its solutions is

    d = 2 α W / (1 - α W + √((1 - α W)² - W²)),    f_res = f_k / √(1 + d),    -1 / (1 - α) <= W <= 1 / (1 + α)

so a DAC that sets f_res needs one entry for each code, channel and step s: a look-up table, programmed from the design
alone. What tails of the other tones' resonators add depends on their codes, and no table of one resonator takes it out.
Its mean over the chains of a bus, t_k, can be taken into the entries of channel k as s (q - z) - t_k (table "channel"),
which leaves the least squares for given tails.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from resonet.core.types import Array, Bools, Ints
from resonet.models.resonator.chain import Chains
from resonet.models.resonator.linear import real_susceptibility
from resonet.netlist.network.cnn import Addend, Synapses
from resonet.netlist.network.weight_grid import WeightGrid
from resonet.netlist.planning.frequency_plan import Bus, LayerPlan
from resonet.netlist.programming.dac import level_response
from resonet.netlist.programming.methods import own_scale

__all__ = ["TABLES", "CodeLevels", "Table", "code_levels", "resonance_for_weight", "with_tails"]

Table = Literal["", "alone", "channel"]
TABLES: tuple[Table, ...] = ("", "alone", "channel")
BATCH = 4_000_000  # entries of the tables that are held at once
ROUNDS = 50  # of the tails and the tunings against each other
ENOUGH = 1e-12  # change of a tail, units of K_SD, at which they agree


def resonance_for_weight(frequencies: Array, weight: Array, damping: float) -> Array:
    """Resonance frequency, Hz, at which a resonator alone answers its tone with V / (P K_SD) = `weight`; broadcasts.

    Exact, where `resonance_for_detuning(f, detuning_for_weight(w))` is for small damping. On the near branch; beyond
    what a resonator can hold, its largest.
    """
    w = np.clip(weight, -1 / (1 - damping), 1 / (1 + damping))
    rest = 1 - damping * w
    return np.asarray(frequencies / np.sqrt(1 + 2 * damping * w / (rest + np.sqrt(np.maximum(rest**2 - w**2, 0)))))


@dataclass(frozen=True, slots=True, eq=False)
class CodeLevels:
    """Levels of every resonator of a bus, one for each code; those without codes keep the f_res that they have."""

    frequencies: Array  # [K] Hz
    damping: float
    own: Array  # [K] σ g, answer at its own tone of a resonator per unit of what it would answer on an ideal bus
    step: Array  # [chains, K] units of K_SD per code; 1 without codes
    first: Array  # [chains, K] weight of index 0
    lowest: Ints  # [chains, K] code of index 0
    top: Ints  # [chains, K] largest index; 0 without codes
    trained: Ints  # [chains, K] index that training gave each
    held: Array  # [chains, K] Hz, f_res of those without codes; nan elsewhere
    count: int  # of levels, of the resonator that has most
    tails: Array  # [K] of the other resonators, that the tables take off
    offset: Array | None = None  # [chains, K] Hz, what fabrication adds; None: nothing

    @property
    def coded(self) -> Bools:
        """Which resonators have codes, [chains, K]."""
        return np.isnan(self.held)

    def f_res(self, index: Ints) -> Array:
        """Resonance frequencies [chains, K] at the levels `index` [chains, K], Hz."""
        return self._at(slice(None), slice(None), index)

    def settings(self, chains: int) -> Iterator[tuple[slice, Array, Array | None]]:
        """Some chains at a time, each with a table of its own [chains, K, levels], Hz, fabrication in it."""
        index, size = np.arange(self.count)[None], max(1, BATCH // (self.count * len(self.tails)))
        for begin in range(0, chains, size):
            rows = np.arange(begin, min(begin + size, chains))
            table = np.stack([self._at(rows[:, None], k, index) for k in range(len(self.tails))], axis=1)
            yield slice(begin, begin + len(rows)), table, None

    def _at(self, rows: "Ints | slice", k: "int | slice", index: Ints) -> Array:
        index = np.minimum(index, self.top[rows, k])
        weight = (self.first[rows, k] + self.step[rows, k] * index - self.tails[k]) / self.own[k]
        tuned = resonance_for_weight(self.frequencies[k], weight, self.damping)
        held = self.held[rows, k]
        found = np.where(np.isnan(held), tuned if self.offset is None else tuned + self.offset[rows, k], held)
        return np.asarray(found)

    def starts(self, wanted: Array) -> tuple[Ints, ...]:
        """Levels to begin at, [chains, K]: the trained codes, and those next to what resonators answer at `wanted`.

        With an offset of fabrication the latter come first.
        """
        f = wanted if self.offset is None else wanted - self.offset
        real, _ = real_susceptibility(self.frequencies / f, self.damping)
        answer = -4 * self.damping * self.own * real + self.tails
        near = np.clip(np.rint((answer - self.first) / self.step), 0, self.top).astype(np.int64)
        return (self.trained, near) if self.offset is None else (near, self.trained)

    def tables(self) -> tuple[Array, Ints]:
        """Look-up tables of f_res without fabrication, Hz [tables, K, codes], nan without a code; which each chain has.

        Chains have one table as long as their steps are the same.
        """
        alike = np.concatenate([self.step, self.first, self.top, self.coded], axis=1)
        _, rows, whose = np.unique(alike, axis=0, return_index=True, return_inverse=True)
        plain, index = replace(self, offset=None), np.arange(self.count)
        found = np.stack([plain._at(rows[:, None], k, index[None]) for k in range(len(self.tails))], axis=1)
        there = self.coded[rows, :, None] & (index <= self.top[rows, :, None])
        return np.where(there, found, np.nan), whose.ravel()

    @property
    def beyond(self) -> int:
        """Trained codes that are more than a resonator can hold."""
        weight = (self.first + self.step * self.trained - self.tails) / self.own
        return int((self.coded & ((weight > 1 / (1 + self.damping)) | (weight < -1 / (1 - self.damping)))).sum())


def _arrays(layer: Synapses) -> tuple[Array, Array, Ints, Ints, Bools]:
    """Step, weight of the lowest code, that code, largest index and whether there are codes, as `Synapses.matrix`."""
    found: list[tuple[Array, ...]] = []
    parts: list[Synapses | Addend] = [layer, *layer.addends]
    for part, (_, diagonal) in zip(parts, layer.blocks, strict=True):
        grid = part.grid or WeightGrid(np.zeros((1, 1, 1, 1)), np.zeros((1, 1, 1, 1)), 0, 0)
        weight, top = grid.step * (grid.lowest - grid.zero), np.where(grid.step == 0, 0, grid.levels - 1)
        arrays = (grid.step, weight, np.full((1, 1, 1, 1), grid.lowest), top)
        spread = [np.broadcast_to(a, part.weight.shape).reshape(layer.groups, layer.outputs, -1) for a in arrays]
        if diagonal:
            eye = np.eye(layer.outputs)[:, :, None]
            spread = [(a[:, :, None, :] * eye).reshape(layer.groups, layer.outputs, -1) for a in spread]
        found.append(tuple(spread))
    step, low, code, top = (np.concatenate(rows, axis=2) for rows in zip(*found, strict=True))
    return step, low, code.astype(np.int64), top.astype(np.int64), top > 0


def code_levels(
    entry: LayerPlan, bus: Bus, unit: float, chains: Chains, f_res: Array, offset: Array | None = None
) -> CodeLevels:
    """Levels of the chains of a bus from the grid of the layer's weights; `unit` in K_SD per unit of weight.

    g is the mean over the chains of `chains.profile`; f_res [chains, K] is for resonators without codes.
    """
    arrays = _arrays(entry.layer)
    step, low, lowest, top, coded = (a[bus.group][np.ix_(bus.outputs, bus.taps)] for a in arrays)
    scale = unit * own_scale(entry, bus)
    step, low = np.where(coded, step * scale, 1.0), low * scale
    profile = np.ones((len(bus.taps),) * 2) if chains.profile is None else chains.profile
    own = chains.signs * np.diagonal(profile, axis1=-2, axis2=-1).reshape(-1, len(bus.taps)).mean(0)
    target = entry.layer.matrix[bus.group][np.ix_(bus.outputs, bus.taps)] * scale
    trained = np.clip(np.rint((target - low) / step), 0, top).astype(np.int64)
    held = np.where(coded, np.nan, f_res)
    count, tails = int(max(part.max() for part in arrays[3])) + 1, np.zeros(len(bus.taps))
    return CodeLevels(bus.frequencies, chains.damping, own, step, low, lowest, top, trained, held, count, tails, offset)


def with_tails(levels: CodeLevels, target: Array, chains: Chains) -> CodeLevels:
    """The levels with the mean of the tails at each tone taken off; target [chains, K] in units of K_SD.

    Tails depend on where the resonators stand, and these on the tails: in turn, until they agree.
    """
    counts = np.maximum(levels.coded.sum(0), 1)
    for _ in range(ROUNDS):
        error = np.where(levels.coded, level_response(levels.trained, chains, levels) - target, 0)
        change = error.sum(0) / counts
        levels = replace(levels, tails=levels.tails + change)
        if np.abs(change).max() < ENOUGH:
            break
    return levels
