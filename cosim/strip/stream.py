"""Weights of strip-line layers too large to hold their currents: window by window, several at a time.

The currents are right to 1e-6 of the largest in their chain (`STREAMED`), and the weights to 1e-6 of the largest.
"""

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from threadpoolctl import threadpool_limits

from resonet.core.errors import InputError
from resonet.core.types import Array, Ints
from resonet.core.watching import Done, nothing
from resonet.cosim.strip.direct import readout_gains
from resonet.cosim.strip.passes import ALL_CAUSES, rectification, window_circuit
from resonet.cosim.strip.tree_solver import STREAMED, Accuracy, swept_batches
from resonet.models.resonator.linear import SpinDiode
from resonet.netlist.strip.circuit import StripCircuit
from resonet.netlist.strip.drive import tuned_share
from resonet.netlist.strip.ends import Ends, ends_of
from resonet.netlist.strip.placement import Placement
from resonet.netlist.strip.wiring import line_pieces, members, neighbour_chains

__all__ = ["stream_windows", "streamed_weights"]

IN_A_ROW = 8_000  # resonators of a window of chains that stand in one row


def stream_windows(placement: Placement) -> tuple[list[Ints], int]:
    """Windows, chains of each, and neighbours to take along: whole blocks, or stretches of blocks of one chain."""
    usage = placement.usage
    chains, per_block = np.unique(usage.chain).astype(np.int64), usage.grid[0] * usage.grid[1]
    if per_block > 1:
        return np.split(chains, np.flatnonzero(np.diff(chains // per_block)) + 1), 0
    return np.array_split(chains, -(-len(usage.chain) // IN_A_ROW)), 3


def _ends(first: StripCircuit, windows: list[Ints], frequencies: Array) -> Ends:
    """Line ends of all windows of a layer, each line followed once; `first` is the circuit of one of them."""
    placement = first.placement
    cut = []
    for chains in windows:
        _, inside = members(placement, chains)
        pieces = line_pieces(placement, inside)
        cut += [inside[pieces.begin], inside[pieces.end]]
    at = np.unique(np.concatenate(cut))
    halves = np.array_split(frequencies, 2)
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda f: ends_of(first, f, at), halves))
    half = {float(f): ends for part, ends in zip(halves, found, strict=True) for f in part}
    return lambda circuit, f: half[f](circuit, f)


def streamed_weights(
    placement: Placement,
    frequencies: Array,
    f_res: Array,
    causes: Iterable[str] = ALL_CAUSES,
    device: SpinDiode | None = None,
    done: Done = nothing,
    accuracy: Accuracy = STREAMED,
) -> Iterator[tuple[Ints, Ints, Array]]:
    """Chains, lines, and effective weights [chains, lines] in V/W of every window of a layer, in order.

    Two windows at a time, their currents in memory only until their weights are known. frequencies [tones] and f_res
    [resonators] in Hz; `done` is called after each. Raises InputError.
    """
    device, causes, frequencies = device or SpinDiode(), tuple(causes), np.asarray(frequencies, float)
    if len(frequencies) != placement.usage.tones:
        raise InputError(
            f"layer {placement.usage.layer}: {len(frequencies)} frequencies; possible: {placement.usage.tones}"
        )
    windows, neighbours = stream_windows(placement)
    with_neighbours = [neighbour_chains(placement, chains, neighbours) if neighbours else chains for chains in windows]
    ends = _ends(window_circuit(placement, frequencies, with_neighbours[0], causes), with_neighbours, frequencies)

    def solve(n: int) -> tuple[Ints, Ints, Array]:
        circuit, chains = window_circuit(placement, frequencies, with_neighbours[n], causes), windows[n]
        lines, first = np.unique(circuit.line, return_index=True)
        tones = circuit.tone[first]
        gains = readout_gains(circuit, chains, device.resistance)
        share = tuned_share(placement, circuit.parasitics, circuit.resonators)
        response = rectification(circuit, frequencies, share, f_res, device)
        weights = np.empty((len(chains), len(lines)))
        for which, currents in swept_batches(circuit, lines, tones, frequencies, device, accuracy, ends):
            i = currents()
            weights[:, which] = gains @ ((i.real**2 + i.imag**2) * response[tones[which]]).T
        done()
        return chains, lines, weights

    # threads of the matrix products would only wait for each other: seven times the processor time
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        yield from pool.map(solve, range(len(windows)))
