"""ngspice as a witness of the linear engine under strip lines: some windows of a few chains, solved by both."""

import time
import zlib
from collections.abc import Iterable

import numpy as np

from resonet.core.types import Array, Ints
from resonet.cosim.ngspice.program import find_ngspice, ngspice_missing, ngspice_version
from resonet.cosim.strip.layer import layer_windows
from resonet.cosim.strip.ngspice import ngspice_phasors
from resonet.cosim.strip.passes import ALL_CAUSES, rectified, strip_pass
from resonet.cosim.weights.spot_check import BUDGET, SAMPLE, warn_unwitnessed
from resonet.cosim.weights.witness import Witness, compare
from resonet.models.resonator.linear import SpinDiode
from resonet.netlist.strip.placement import Placement

__all__ = ["check_strips", "check_window", "strip_cost"]

SIZES = ((4, 1), (1, 1), (1, 0))  # chains of a window, and to either side: the first of at most so many resonators
FITTING = 200
MOST = 450  # resonators that ngspice can take in such a deck
SECONDS = 3.0  # of a window, about: as many of its lines are played as that holds, but FEWEST
FEWEST = 4
EACH = 0.015  # s of ngspice for a resonator of the layer, in such windows, about (docs/measured.md)


def strip_cost(placement: Placement) -> float:
    """Processor time that ngspice takes for all windows of a layer, s, about."""
    return EACH * len(placement.usage.chain)


def _lot(f_res: Array) -> np.random.Generator:
    """Always the same for one program."""
    return np.random.default_rng(zlib.crc32(np.ascontiguousarray(f_res).tobytes()))


def _longest(placement: Placement) -> int:
    """Resonators of the longest chain."""
    return int(np.bincount(placement.usage.chain).max())


def _size(taps: int) -> tuple[int, int]:
    """Chains of a window, and to either side, for chains of so many resonators."""
    return next((size for size in SIZES if (size[0] + 2 * size[1]) * taps <= FITTING), SIZES[-1])


def _plays(resonators: int) -> int:
    """Lines of a deck that ngspice plays in `SECONDS`, about: 0.07 s each for 200 resonators (docs/measured.md)."""
    each = 0.07 * (resonators / 200) ** (2 if resonators < 200 else 3.8)
    return max(FEWEST, int(SECONDS / each))


def check_window(
    placement: Placement,
    frequencies: Array,
    f_res: Array,
    chains: Ints,
    causes: Iterable[str] = ALL_CAUSES,
    device: SpinDiode | None = None,
    neighbours: int = 1,
) -> float:
    """Largest difference of a window by ngspice and by the linear engine, as part of the largest of its kind.

    Of phasors, rectified voltages, and answers of the chains to lines, all of them or in large windows some by lot.
    f_res [resonators of the placement] and frequencies [tones] in Hz. Raises EngineError beyond 1e-6.
    """
    device = device or SpinDiode()
    known = strip_pass(placement, frequencies, causes, chains, neighbours, device)
    here, built = known.circuit.resonators, known.frequencies[known.circuit.tone]
    tuned = built + (f_res[here] - built) * known.share
    played = np.sort(_lot(f_res).permutation(len(known.lines))[: _plays(len(here))])
    lines, tones = known.lines[played], known.tones[played]
    current, precession = ngspice_phasors(known.circuit, lines, tones, known.frequencies, tuned, device)
    volts = 0.5 * device.transduction * (current * precession.conj()).real
    wanted = rectified(known, f_res, device)[played]
    where = f"layer {placement.usage.layer}, chains {chains[0]} ... {chains[-1]}"
    return max(
        compare(where, "rectified voltage, V/W", volts, wanted),
        compare(where, "answer of a chain, V/W", known.gains @ volts.T, known.gains @ wanted.T),
    )


def check_strips(
    placement: Placement,
    frequencies: Array,
    f_res: Array,
    causes: Iterable[str] = ALL_CAUSES,
    device: SpinDiode | None = None,
    budget: float = BUDGET,
    chains: Ints | None = None,
) -> Witness:
    """`check_window` on windows of a layer, or of some `chains` of it: all where they take less than `budget` seconds.

    Else those that fit into a sample's part of it, at least one: first the middle of the layer, then its ends, then by
    lot, drawn from the resonance frequencies. Without ngspice there is no witness, and a warning. Raises EngineError.
    """
    taps, layer = _longest(placement), placement.usage.layer
    size, neighbours = _size(taps)
    windows = layer_windows(placement, size)
    if chains is not None:
        windows = [window for window in windows if np.isin(window, chains).all()] or [np.asarray(chains)[:size]]
    long = f"layer {layer}: chains of {taps} resonators; ngspice takes {MOST} under strip lines" if taps > MOST else ""
    if missing := ngspice_missing() or long:
        warn_unwitnessed(missing)
        return Witness(of=len(windows), missing=missing, what="windows")
    by, causes = f"ngspice {ngspice_version(find_ngspice())}", tuple(causes)
    last = len(windows) - 1
    order = dict.fromkeys([last // 2, 0, last, *_lot(f_res).permutation(len(windows)).tolist()])
    seen, begin, few = Witness(of=len(windows), by=by, what="windows"), time.perf_counter(), SAMPLE * budget
    for count, number in enumerate(order):
        spent = time.perf_counter() - begin
        each = spent / count if count else 0.0
        if count and each * len(windows) > budget and spent + each > few:
            break
        window = windows[number]
        where = f"layer {layer}, chains {window[0]} ... {window[-1]}"
        off = check_window(placement, frequencies, f_res, window, causes, device, neighbours)
        seen += Witness(off, 1, 0, where, by, what="windows")
    return seen
