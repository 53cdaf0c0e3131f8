"""Measured N-ports as parts of a block: Touchstone -> vector fit -> passive rational model -> subcircuit.

More poles than the data have resonances fit their noise and break the passivity between the points, so orders rise
from the ranks of the Loewner matrix, and the search ends at the wanted error, where more poles no longer help, or when
its time is over; what it reached is said. Passivity is proved on the model (`passivity`), never sampled. All engines
use the model, so that they see the same part.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from resonet.core.errors import InputError
from resonet.core.touchstone import read, real_reference
from resonet.core.types import Complex
from resonet.core.validity import warn
from resonet.core.watching import Done
from resonet.sparams.block import Block, Measured, Port
from resonet.sparams.causality import not_causal
from resonet.sparams.fit_search import STEPS, TARGET, USABLE, as_part, fitted_model, most_order, orders, search
from resonet.sparams.part import FittedPart
from resonet.sparams.passivity import scaled
from resonet.sparams.reference import constant_reference
from resonet.sparams.rounding import rounding
from resonet.sparams.touchstone import network_of
from resonet.sparams.vector_fit import vector_fit

if TYPE_CHECKING:
    from skrf import Network

__all__ = [
    "STEPS",
    "TOLERANCE",
    "FittedPart",
    "fit_part",
    "largest_gain",
    "measured_block",
    "one_thread",
    "part_from_file",
]

TOLERANCE = 0.1  # dB, gain of data that a measurement's uncertainty explains
SECONDS = 12.0  # of processor time for the search for poles of one part
CLEAN = 1e-7  # RMS error, of S scaled to 1, at which more poles fit rounding
SMALL = 1e-9  # |S| below which a part is matched
POSSIBLE = "possible: more frequencies, less noise, shorter lines"
NOT_CAUSAL = "its data are not causal, as of a resistance that follows √f without its inductance"


def one_thread() -> AbstractContextManager[object]:
    """BLAS on one thread: a fit is thousands of small matrices, on a busy machine 80 times slower with several."""
    from threadpoolctl import threadpool_limits

    return cast("AbstractContextManager[object]", threadpool_limits(1))


def largest_gain(s: Complex) -> float:
    """Largest singular value of S-matrices [..., n, n]: above 1 more power leaves than enters."""
    return float(np.linalg.svd(s, compute_uv=False).max())


def pole_pairs(network: "Network") -> list[int]:
    """Numbers of pole pairs that are worth a try, rising."""
    return sorted({order // 2 for order in orders(network) if order > 1}) or [1]


def _check_gain(network: "Network", name: str, tolerance: float) -> float:
    """Largest singular value of the data; InputError where it is beyond the tolerance (dB)."""
    gain = np.linalg.svd(network.s, compute_uv=False).max(1)
    if 20 * np.log10(max(float(gain.max()), 1e-300)) > tolerance:
        raise InputError(
            f"part {name}: not passive, {gain.max():.6g} times the amplitude comes out at "
            f"{network.f[gain.argmax()]:g} Hz; "
            f"possible: a passive part (singular values of S up to 1, or {tolerance:g} dB above: --passive-tolerance)"
        )
    return float(gain.max())


def _matched(network: "Network", name: str) -> FittedPart:
    """A part that reflects and passes nothing: S = 0, its one pole without a residue."""
    n, names = network.nports, network.port_names or [f"p{k + 1}" for k in range(network.nports)]
    band = float(network.f[0]), float(network.f[-1])
    largest = float(np.abs(network.s).max())
    pole, zero = np.array([-2 * np.pi * band[1] + 0j]), np.zeros((n, n, 1), complex)
    return FittedPart(name, tuple(names), network.z0[0].real.copy(), band, pole, zero, np.zeros((n, n)), largest,
                      largest, largest, True, ended="target")  # fmt: skip


def _warn_of_fit(part: FittedPart, network: "Network", target: float) -> None:
    """Warn of a gain of the data that was taken away, unless rounding explains it, and of an error above the target.

    Rounding may turn each entry of S by as much, so that a singular value grows by at most as many times that as there
    are ports.
    """
    limit = 1 + network.nports * rounding(network.s)
    if part.data_gain > max(limit, 1 + CLEAN):
        decibel, more = 20 * np.log10(part.data_gain), ", more than its digits explain," if limit > 1 else ","
        text = f"part {part.name}: the file has {decibel:.2g} dB of gain{more} the model has none"
        warn("part-gain", f"{text} (S changed by {part.change:.1e} at most)", part.data_gain, limit)
    if part.rms_error > target:
        reason = {"noise": "more poles fit its noise", "time": "its time was over", "orders": "no order is closer"}
        why = NOT_CAUSAL if not_causal(network, part.poles, part.fit_error) else reason[part.ended]
        pairs = int((part.poles.imag > 0).sum())
        text = f"part {part.name}: RMS error {part.rms_error:.1e} with {pairs} pole pairs, {target:g} wanted"
        warn("fit-residual", f"{text}: {why}", part.rms_error, target)


def fit_part(
    network: "Network",
    name: str = "part",
    pairs: int | None = None,
    target: float = TARGET,
    tolerance: float = TOLERANCE,
    seconds: float = SECONDS,
    done: Done | None = None,
) -> FittedPart:
    """Passive rational model of a measured network. `pairs`: complex pole pairs; by default as few as do.

    `tolerance`: gain of the data, dB, that its uncertainty explains; the model has none. `seconds`: of processor time
    after which no further order is tried. `done` is called after each of at most STEPS orders. Raises InputError
    where the data themselves are active, no model fits, or passivity cannot be enforced. Warns of a gain that was
    taken away (part-gain), but not of one that the digits of the data explain, and of an error above the target
    (fit-residual).
    """
    network = constant_reference(network)
    gain = _check_gain(network, name, tolerance)
    if len(network.f) < 8:
        raise InputError(f"part {name}: {len(network.f)} frequencies; possible: 8 and more, to fit a model")
    if np.abs(network.s).max() < SMALL:
        return replace(_matched(network, name), data_gain=gain)
    most = most_order(network) // 2
    if pairs is not None and not 1 <= pairs <= most:
        raise InputError(f"{pairs} pole pairs at {len(network.f)} frequencies; possible: 1 ... {most}")
    with one_thread():
        tried = [2 * pairs] if pairs else orders(network)
        found = search(network, name, tried, target, seconds, done)
    if found is None or found.rms_error > USABLE:
        error = "none" if found is None else f"RMS error {found.rms_error:.2g}"
        acausal = found is not None and not_causal(network, found.poles, found.fit_error)
        possible = f"{NOT_CAUSAL}; possible: causal data" if acausal else POSSIBLE
        raise InputError(f"part {name}: no passive rational model fits ({error}); {possible}")
    found = replace(found, data_gain=gain)
    _warn_of_fit(found, network, target)
    return found


def rational_model(network: "Network", i: int, j: int, resonances: int) -> FittedPart:
    """Model of one entry S_ij (ports from 0) as a one-port, passive or not, for reading its poles."""
    import skrf

    s = network.s[:, i : i + 1, j : j + 1]
    scale = float(np.abs(s).max()) or 1.0
    entry = skrf.Network(frequency=network.frequency, s=s / scale, z0=50.0)
    best: FittedPart | None = None
    with one_thread():
        wanted = [2 * n for n in pole_pairs(entry) if n >= resonances] or [2 * resonances, 2 * resonances + 4]
        for order in wanted:
            if 2 <= order <= len(network.f) // 3:
                poles = vector_fit(entry.f, entry.s[:, 0], order, "log")
                model = fitted_model(entry.f, entry.s, poles)
                found = as_part(model, entry, network.name or "")
                if best is None or found.rms_error < best.rms_error / 2:  # more poles must be worth it
                    best = found
                if best.rms_error < CLEAN:
                    break
    if best is None:
        raise InputError(f"network {network.name}: {len(network.f)} frequencies; possible: 6 and more a resonance")
    model = scaled(best.rational, scale)
    return replace(best, residues=model.residues, constant=model.constant)


def measured_block(part: FittedPart, names: Sequence[str] | None = None) -> Block:
    """A fitted part as a block. Its port names are p1, p2, ... or given by us; those of the file go into no deck."""
    count = len(part.ports)
    names = list(names or [f"p{k + 1}" for k in range(count)])
    if len(names) != count:
        raise InputError(f"part {part.name}: {count} ports; possible: {len(names)} ({', '.join(names)})")
    nodes = np.arange(1, count + 1)
    ports = tuple(Port(n, int(k), float(z)) for n, k, z in zip(names, nodes, part.impedance, strict=True))
    return Block("measured", ports, (Measured(nodes, part),))


PORTS_OF = {"tee": ("rf", "dc", "head"), "line": ("a", "b"), "package": ("a", "b")}


def part_from_file(
    kind: str,
    path: Path,
    tones: int = 0,
    tolerance: float = TOLERANCE,
    done: Done | None = None,
) -> tuple[Block, FittedPart]:
    """A Touchstone file for a model: tee (ports rf, dc, head), combiner (in0 ..., bus), line or package (a, b).

    `tolerance`: gain of the file, dB, that is taken for its uncertainty; `done` as in `fit_part`. Raises InputError.
    """
    if kind not in (*PORTS_OF, "combiner"):
        raise InputError(f"part {kind[:40]!r}: unknown; possible: {', '.join([*PORTS_OF, 'combiner'])}")
    names: Any = PORTS_OF.get(kind, (*(f"in{k}" for k in range(tones)), "bus"))
    name = f"{kind} {path.name[:40]}"
    data = real_reference(read(path, len(names)))
    part = fit_part(network_of(data, path.stem), name, tolerance=tolerance, done=done)
    return measured_block(part, names), part
