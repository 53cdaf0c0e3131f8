"""Weight sharing: tunings of a fully parallel convolution, where one tuning line moves many resonators together.

The tone of a pixel is its class: input channel, row and column modulo the kernel (counted in dilation steps), so that
the K taps of a chain always have K different classes. In row and column alike,

    class of tap i at position p  =  (floor(p stride / dilation) + i) mod kernel  =  (phase of p + i) mod kernel

A resonator's kind is its kernel, its tap and its class, and a tuning line runs over all resonators of one kind: they
hold the same weight for the same frequency. Tap and class give the phase; so the kinds of a kernel fall into one
set of K for each phase, each shared by the positions of that phase, and the sets are independent of each other.

A layer that adds up several inputs has such classes and phases for each of them, by its kernel, stride and dilation. A
position then has one phase of each, and a line of one input passes positions with different phases of the others: where
their resonators stand in one chain, their tails differ from position to position, and no tuning is right for all.

A tuning line with x (half-widths, linear in its current) puts resonator k of chain n at

    f_res = f_k [1 + α (δ_nk - λ_nk x)],      hence the detuning  u = x λ - δ  to first order in α,

δ what fabrication adds to f_res, in half-widths α f_k, and λ the lever of the line on it, 1 as designed. Sought are the
x with the least squares of what all chains answer. One x for each resonator is the special case without sharing.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from resonet.core.errors import InputError
from resonet.core.levenberg import minimise
from resonet.core.types import Array, Ints
from resonet.models.resonator.chain import Chains, chain_response
from resonet.netlist.network.cnn import Addend, Synapses

__all__ = ["Colouring", "Shared", "SharedProblem", "share_conv", "shared_response", "solve_shared"]

BATCH = 4_000_000  # elements of the Jacobians held at once


@dataclass(frozen=True, slots=True, eq=False)
class Colouring:
    """Which tap a tone class falls on, position by position."""

    phase: Ints  # [positions] row of `taps`; of several inputs, which of their phases meet
    taps: Ints  # [phases, classes] tap that class c falls on; in phase 0 it is tap c

    def kinds(self, taps: Ints, kernels: int) -> Ints:
        """Number of the kind (kernel, class, tap) of each resonator, [phases, kernels, K], for classes `taps` [K].

        Numbers count from 0 in the order in which kinds appear.
        """
        total = self.taps.shape[1]
        of_phase = np.arange(len(taps)) * total + self.taps[:, taps]
        code = np.arange(kernels)[:, None] * (len(taps) * total) + of_phase[:, None]
        _, first, kind = np.unique(code.ravel(), return_index=True, return_inverse=True)
        rank = np.empty(len(first), np.int64)
        rank[np.argsort(first)] = np.arange(len(first))
        return np.asarray(rank[kind].reshape(code.shape))


@dataclass(frozen=True, slots=True, eq=False)
class SharedProblem:
    """Chains that share tunings, of one bus or of several that are alike."""

    target: Array  # [chains, K] units of K_SD
    chains: Chains
    unknown: Ints  # [chains, K] number of the tuning x that moves this resonator; no two of a chain share one
    offset: Array | float = 0.0  # δ, half-widths; broadcast to [chains, K]
    lever: Array | float = 1.0  # λ; broadcast to [chains, K]


@dataclass(frozen=True, slots=True, eq=False)
class Shared:
    """Tunings and what they leave."""

    x: Array  # [unknowns] half-widths
    worst: Array  # [chains] largest residual, units of K_SD
    squares: Array  # [chains]
    components: int  # sets of chains that have no tuning in common


def share_conv(synapses: Synapses) -> Colouring:
    """Tone classes of a convolution under the kernel-periodic colouring.

    The tuning of (kernel j, phase φ, class c) moves tap `taps[φ, c]` of kernel j at all positions of that phase.
    """
    rows: list[Ints] = []
    blocks: list[Ints] = []
    parts: list[Synapses | Addend] = [synapses, *synapses.addends]
    for part, (_, diagonal) in zip(parts, synapses.blocks, strict=True):
        phases, taps = _block(part, synapses.out_shape, synapses.outputs if diagonal else 1)
        rows.append(phases)
        blocks.append(taps)
    used, phase = np.unique(np.stack(rows), axis=1, return_inverse=True)
    starts = np.cumsum([0] + [taps.shape[1] for taps in blocks[:-1]])
    found = [taps[own] + start for taps, own, start in zip(blocks, used, starts, strict=True)]
    return Colouring(phase.ravel(), np.concatenate(found, axis=1))


def _block(part: Synapses | Addend, out_shape: tuple[int, int, int], times: int) -> tuple[Ints, Ints]:
    """Phase of one input at each position, and the tap of each class in each of all phases [phases, classes].

    `times` as many channels as its weights have.
    """
    channels, *kernel = part.weight.shape[1:]
    row, column = (
        np.arange(size) * stride // dilation % k
        for size, stride, dilation, k in zip(out_shape[1:], part.stride, part.dilation, kernel, strict=True)
    )
    c, i, j = (n.ravel() for n in np.meshgrid(*map(np.arange, (channels * times, *kernel)), indexing="ij"))
    down, right = (n[:, None] for n in np.divmod(np.arange(kernel[0] * kernel[1]), kernel[1]))
    taps = (c * kernel[0] + (i - down) % kernel[0]) * kernel[1] + (j - right) % kernel[1]
    return (row[:, None] * kernel[1] + column).ravel(), taps


def _detuning(x: Array, offset: Array, lever: Array, damping: float) -> tuple[Array, Array]:
    """Detuning u = (f_k / f_res - 1) / α and du/dx."""
    ratio = 1 / (1 + damping * (offset - lever * x))
    return (ratio - 1) / damping, lever * ratio**2


def _spread(problem: SharedProblem) -> tuple[Array, Array]:
    """Offset and lever of every resonator."""
    shape = problem.target.shape
    return np.broadcast_to(problem.offset, shape), np.broadcast_to(problem.lever, shape)


def shared_response(problem: SharedProblem, x: Array) -> tuple[Array, Array]:
    """What the chains answer with tunings x [unknowns], in units of K_SD, and their detunings; both [chains, K]."""
    u, _ = _detuning(x[problem.unknown], *_spread(problem), problem.chains.damping)
    size = max(1, BATCH // u.shape[1] ** 2)
    rows = np.arange(len(u))
    parts = [chain_response(u[n], problem.chains, n)[0] for n in np.split(rows, rows[size::size])]
    return np.concatenate(parts), u


def _components(unknown: Ints, count: int) -> tuple[int, Ints]:
    """Number of independent sets of chains, and the set of every chain."""
    chains = len(unknown)
    edges = (np.repeat(np.arange(chains), unknown.shape[1]), chains + unknown.ravel())
    graph = coo_array((np.ones(unknown.size), edges), shape=(chains + count, chains + count))
    _, label = connected_components(graph, directed=False)
    kinds, label = np.unique(label[:chains], return_inverse=True)
    return len(kinds), label


def _alike(problem: SharedProblem, count: int) -> tuple[int, list[tuple[Ints, Ints]]]:
    """Components of one shape together: (chains [m, n], their unknowns [m, U]), so that each stack is one solve."""
    total, label = _components(problem.unknown, count)
    members = np.split(np.argsort(label, kind="stable"), np.cumsum(np.bincount(label))[:-1])
    stacks: dict[tuple[int, int], list[tuple[Ints, Ints]]] = {}
    for chains in members:
        unknowns = np.unique(problem.unknown[chains])
        stacks.setdefault((len(chains), len(unknowns)), []).append((chains, unknowns))
    return total, [(np.array([c for c, _ in s]), np.array([o for _, o in s])) for s in stacks.values()]


def _solve_stack(
    problem: SharedProblem, chains: Ints, members: Ints, start: Array, reach: float, tolerance: float
) -> Array:
    """Tunings [m, U] of components with chains [m, n] and their unknowns, members [m, U]."""
    offset, lever = _spread(problem)
    n = chains.shape[1]
    size, count = problem.target.shape[1], members.shape[1]
    local = np.stack(
        [np.searchsorted(o, problem.unknown[c]) for o, c in zip(members, chains, strict=True)]
    )  # [m, n, K]

    def residuals(x: Array, which: Ints) -> tuple[Array, Array]:
        rows, place = chains[which].ravel(), local[which].reshape(-1, size)
        each = np.repeat(np.arange(len(which)), n)[:, None]
        u, slope = _detuning(x[each, place], offset[rows], lever[rows], problem.chains.damping)
        answers, jacobian = chain_response(u, problem.chains, rows)
        by_x = np.zeros((len(rows), size, count))
        np.put_along_axis(by_x, np.broadcast_to(place[:, None], jacobian.shape), jacobian * slope[:, None], 2)
        return (answers - problem.target[rows]).reshape(len(which), -1), by_x.reshape(len(which), n * size, count)

    return minimise(residuals, start[members], -reach, reach, tolerance).x


def solve_shared(problem: SharedProblem, start: Array, tolerance: float = 1e-12) -> Shared:
    """Tunings with the least squares over all chains, from `start` [unknowns]; on the near branch.

    Done once the largest residual of a component is at most `tolerance`, or once its squares no longer fall.
    """
    if np.any(np.diff(np.sort(problem.unknown, 1)) == 0):
        raise InputError("sharing: a tuning moves two resonators of one chain; possible: one of each chain")
    reach = (1.0 + float(np.abs(problem.offset).max())) / float(np.min(problem.lever))
    total, stacks = _alike(problem, len(start))
    x = start.copy()
    for chains, unknowns in stacks:
        size = max(1, BATCH // (chains.shape[1] * problem.target.shape[1] * unknowns.shape[1]))
        for first in range(0, len(chains), size):
            part = slice(first, first + size)
            x[unknowns[part]] = _solve_stack(problem, chains[part], unknowns[part], start, reach, tolerance)
    answers, _ = shared_response(problem, x)
    error = answers - problem.target
    return Shared(x, np.abs(error).max(1), (error**2).sum(1), total)
