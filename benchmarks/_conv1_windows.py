"""Whole conv1 of the shipped network under strip-line feed through ngspice `.ac`, in windows with their neighbours."""

import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from resonet.core.types import Array, Ints
from resonet.cosim.strip.direct import linear_phasors
from resonet.cosim.strip.ngspice import ngspice_plays
from resonet.models.resonator.linear import SpinDiode, susceptibility
from resonet.netlist.network.onnx.read import read_cnn
from resonet.netlist.planning.frequency_plan import PlanOptions, channel_grid
from resonet.netlist.strip.circuit import StripCircuit, strip_circuit
from resonet.netlist.strip.drive import strip_program
from resonet.netlist.strip.parasitics import Parasitics, extract_parasitics
from resonet.netlist.strip.placement import Placement, place
from resonet.netlist.strip.usage import layer_usage
from resonet.netlist.strip.wiring import neighbour_chains

__all__ = ["Window", "conv1", "run_windows"]

DEVICE = SpinDiode()
VICTIMS, NEIGHBOURS = 4, 1  # chains of a window, and chains to either side: fastest in ngspice
Phasors = Callable[[StripCircuit, Ints, Ints, Array, SpinDiode], NDArray[np.complex128]]
Window = tuple[int, int, float, float, float]  # resonators, plays, s in ngspice, error of i, error of x


def conv1() -> tuple[Placement, Parasitics, Array, Array]:
    """Placement `planar`, parasitics at the middle of the band, resonances and tones of the shipped first layer."""
    model = Path(__file__).parents[1] / "examples" / "mnist" / "mnist.onnx"
    synapses = read_cnn(model).synapses[0]
    placement = place(layer_usage(synapses), "planar")
    tones = channel_grid(placement.usage.tones, PlanOptions())
    weights = 0.9 * DEVICE.sensitivity * synapses.weight.ravel() / np.abs(synapses.weight).max()
    parasitics = extract_parasitics(placement, float(np.sqrt(tones[0] * tones[-1])))
    return placement, parasitics, strip_program(placement, weights, tones, DEVICE), tones


def window_chains(placement: Placement) -> list[NDArray[np.int64]]:
    """Chains of every window: VICTIMS next to each other within a block."""
    per_block = placement.usage.grid[0] * placement.usage.grid[1]
    starts = (
        block * per_block + first for block in range(placement.usage.blocks) for first in range(0, per_block, VICTIMS)
    )
    return [np.arange(n, min(n + VICTIMS, (n // per_block + 1) * per_block)) for n in starts]


def compare(
    job: tuple[Placement, Parasitics, Array, Array], chains: NDArray[np.int64], phasors: Phasors = linear_phasors
) -> Window:
    """One window by ngspice and by the linear engine, all lines of a tone at once."""
    placement, parasitics, f_res, tones = job
    circuit = strip_circuit(placement, parasitics, neighbour_chains(placement, chains, NEIGHBOURS))
    lines, first = np.unique(circuit.line, return_index=True)
    classes, window_f_res = circuit.tone[first], f_res[circuit.resonators]
    played = np.unique(classes)
    begin = time.perf_counter()
    current, precession = ngspice_plays(
        circuit, [(float(tones[t]), lines[classes == t]) for t in played], window_f_res, DEVICE
    )
    taken = time.perf_counter() - begin
    each = phasors(circuit, lines, classes, tones, DEVICE)
    wanted = np.array([each[classes == t].sum(0) for t in played])
    x = susceptibility(tones[played][:, None], window_f_res, DEVICE.damping) * wanted
    errors = (float(np.abs(a - b).max() / np.abs(b).max()) for a, b in ((current, wanted), (precession, x)))
    return len(window_f_res), len(played), taken, *errors  # type: ignore[return-value]


def run_windows(most: int | None = None, jobs: int = 2, progress: bool = False) -> list[Window]:
    """The windows of conv1, all or `most` of them spread over the layer."""
    job = conv1()
    windows = window_chains(job[0])
    if most is not None:
        windows = [windows[n] for n in np.unique(np.linspace(0, len(windows) - 1, most).astype(int))]
    results = []
    with ThreadPoolExecutor(jobs) as pool:
        for n, result in enumerate(pool.map(lambda chains: compare(job, chains), windows)):
            results.append(result)
            if progress and n % 16 == 15:
                print(
                    n + 1,
                    len(windows),
                    *np.array(results).max(0),
                    time.strftime("%H:%M:%S"),
                    file=sys.stderr,
                    flush=True,
                )
    return results


if __name__ == "__main__":
    clock = time.perf_counter()
    table = np.array(run_windows(progress=True))
    print(f"windows {len(table)}, resonators with aggressors {table[:, 0].sum():,.0f}, plays {table[:, 1].sum():,.0f}")
    print(f"wall {time.perf_counter() - clock:.0f} s, in ngspice {table[:, 2].sum():.0f} s")
    print(f"worst difference: current {table[:, 3].max():.1e}, precession {table[:, 4].max():.1e}")
    print(f"peak memory: ngspice {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e3:.0f} MB")
