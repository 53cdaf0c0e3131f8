"""The search for a passive rational model of sampled S: orders rise, each is fitted, made passive and measured."""

import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from resonet.core.types import Array, Complex
from resonet.core.watching import Done
from resonet.sparams.part import FittedPart
from resonet.sparams.passivity import Rational, enforced, gain_bounds, lowered
from resonet.sparams.vector_fit import laplace, loewner_orders, principal, residues, vector_fit

if TYPE_CHECKING:
    from skrf import Network

__all__ = ["STEPS", "TARGET", "USABLE", "as_part", "fitted_model", "most_order", "orders", "search"]

MOST_PAIRS = 60  # of complex poles
MOST_STATES = 480  # poles times ports: the proof of passivity is an eigenvalue problem of this size, or twice it
TARGET = 1e-4  # RMS error at which the search for poles ends
USABLE = 0.05  # RMS error beyond which a fit is refused
STEPS = 8  # orders that are tried at most
HELPS = 0.95  # of the error: what a higher order must reach to be worth another one
NEAR = 1.2  # of the error of a fit: a passive model within that is close enough
FAR = 3.0  # fit errors of gain above 1 beyond which S is held outside the band as well
HELD = (1e-3, 1e-2, 1e-1)  # weights of that
STALLS = 3  # orders in a row that do not: the rest is noise


def most_order(network: "Network") -> int:
    """Poles that a fit may have: a third of the frequencies, and what can be proved passive."""
    states = MOST_STATES if _entries(network.s)[1] else MOST_STATES // 2
    return max(2, min(2 * MOST_PAIRS, len(network.f) // 3, states // int(network.nports)))


def _entries(s: Complex) -> tuple[Complex, bool]:
    """Entries [frequencies, all] of S that are fitted: the upper triangle where the part is reciprocal."""
    n = s.shape[1]
    mutual = np.abs(s - np.swapaxes(s, 1, 2))
    if np.sqrt((mutual**2).mean()) > TARGET:
        return s.reshape(len(s), -1), False
    rows, columns = np.triu_indices(n)
    return (s[:, rows, columns] + s[:, columns, rows]) / 2, True


def _weighted(entries: Complex, symmetric: bool, n: int) -> Complex:
    """Entries with those off the diagonal counted twice, as in the whole matrix."""
    if not symmetric:
        return entries
    rows, columns = np.triu_indices(n)
    return np.asarray(entries * np.where(rows == columns, 1.0, np.sqrt(2)))


def fitted_model(f: Array, s: Complex, poles: Complex, held: float = 0.0) -> Rational:
    """Residues and constant for given poles, symmetric where the data are; `held` as in `residues`."""
    n = s.shape[1]
    entries, symmetric = _entries(s)
    found, constant = residues(laplace(f), entries, poles, held)
    if not symmetric:
        return Rational(poles, found.reshape(n, n, -1), constant.reshape(n, n))
    full, whole = np.zeros((n, n, len(poles)), complex), np.zeros((n, n))
    rows, columns = np.triu_indices(n)
    full[rows, columns], full[columns, rows] = found, found
    whole[rows, columns], whole[columns, rows] = constant, constant
    return Rational(poles, full, whole)


def as_part(model: Rational, network: "Network", name: str) -> FittedPart:
    """The model as a part, its error measured at the file's frequencies."""
    names = network.port_names or [f"p{k + 1}" for k in range(network.nports)]
    off = np.abs(model.at(network.f) - network.s)
    rms = float(np.sqrt((off**2).mean()))
    band = float(network.f[0]), float(network.f[-1])
    z0 = network.z0[0].real.copy()
    return FittedPart(name, tuple(names), z0, band, model.poles, model.residues, model.constant, rms, float(off.max()),
                      rms, True)  # fmt: skip


def _weighed(network: "Network", target: float) -> Complex:
    """Principal components of S [frequencies, few]."""
    entries, symmetric = _entries(network.s)
    return principal(_weighted(entries, symmetric, network.nports), 0.1 * target)


def orders(network: "Network") -> list[int]:
    """At most STEPS orders that the data ask for, rising."""
    most = most_order(network)
    ranks = list(loewner_orders(network.f, _weighed(network, TARGET)))
    found = sorted({min(rank + more, most) for rank in ranks for more in (0, 2) if rank + more >= 1}) or [most]
    between = [int(np.sqrt(low * high)) for low, high in pairwise(found) if high > 1.5 * low]
    found = sorted({*found, *between})
    if len(found) > STEPS:
        found = [found[int(k)] for k in np.unique(np.linspace(0, len(found) - 1, STEPS).round())]
    return found


def _fits(network: "Network", h: Complex, order: int, target: float) -> list[tuple[float, Rational]]:
    """Models of one order with their RMS errors, the best first; poles start evenly spread, then logarithmically."""
    found: list[tuple[float, Rational]] = []
    for spacing in ("lin", "log"):
        try:
            model = fitted_model(network.f, network.s, vector_fit(network.f, h, order, spacing))
        except np.linalg.LinAlgError:
            continue
        error = float(np.sqrt((np.abs(model.at(network.f) - network.s) ** 2).mean()))
        if np.isfinite(error):
            found.append((error, model))
        if error <= target or order < 4:
            break
    return sorted(found, key=lambda one: one[0])


def _passive(
    model: Rational, network: "Network", name: str, fit_error: float, target: float, deadline: float = np.inf
) -> FittedPart | None:
    """The closest passive model, by enforcement or by lowering it as a whole; None where no bound is found.

    What comes close to the fit's own error ends the tries, and so does the deadline (s, of the process).
    """
    raw = model.at(network.f)
    low, upper = gain_bounds(model)
    makers: list[Callable[[], Rational]] = [lambda: model] if upper <= 1 else [lambda: lowered(model)]
    if upper > 1 + 0.1 * target:
        makers.append(lambda: enforced(model, network.f))
    if low > 1 + FAR * fit_error:  # far off outside the band, where nothing held it
        for weight in HELD:
            other = fitted_model(network.f, network.s, model.poles, weight)
            makers.append(lambda other=other: enforced(other, network.f))  # type: ignore[misc]
    best: FittedPart | None = None
    for make in makers:
        try:
            one = make()
        except (np.linalg.LinAlgError, ArithmeticError):
            continue
        change = float(np.abs(one.at(network.f) - raw).max())
        part = replace(as_part(one, network, name), fit_error=fit_error, passive_before=upper <= 1, change=change)
        if best is None or part.rms_error < best.rms_error:
            best = part
        if best.rms_error <= max(NEAR * fit_error, 0.1 * target) or time.process_time() > deadline:
            break
    return best


def _worth(network: "Network", order: int) -> float:
    """What an error counts with so many poles: white noise falls by the root of the freedoms that are left."""
    entries = _entries(network.s)[0].shape[1]
    numbers = 2 * len(network.f) * entries
    left = numbers - (order + 1) * entries - order
    return float(np.sqrt(numbers / max(left, 1)))


def search(
    network: "Network",
    name: str,
    tried: list[int],
    target: float = TARGET,
    seconds: float = np.inf,
    done: Done | None = None,
) -> FittedPart | None:
    """The fit that is closest to the data once it is passive; ends at the target, at the noise, or in time.

    `done` is called after each order. None where no fit is found.
    """
    start, h = time.process_time(), _weighed(network, target)
    best: FittedPart | None = None
    ended, least, stalled, closest = "orders", np.inf, 0, np.inf
    for order in tried:
        fits = _fits(network, h, order, target)
        worth = _worth(network, order)
        for error, model in fits[: 1 if best is not None else 2]:
            if best is not None and (error >= best.rms_error or error * worth >= closest):
                continue
            found = _passive(model, network, name, error, target, start + seconds)
            if found is not None and (best is None or found.rms_error * worth < HELPS * closest):
                best, closest = found, found.rms_error * worth
        stalled = stalled + 1 if fits and fits[0][0] * worth > HELPS * least else 0
        least = min([least, *(error * worth for error, _ in fits)])
        if done is not None:
            done()
        if best is not None and best.rms_error <= target:
            ended = "target"
            break
        if stalled >= STALLS and best is not None and best.rms_error <= USABLE:
            ended = "noise"
            break
        if time.process_time() - start > seconds:
            ended = "time"
            break
    return None if best is None else replace(best, ended=ended)
