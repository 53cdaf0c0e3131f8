"""The search for operating points: structures by their surrogates first, then the best of them on images.

Two stages. The structure (tile, reach, ...) is searched by differential evolution (scipy) on the latency that the
surrogate has at the target, at the best power; every structure that was looked at adds its points over power and
accuracy to a front of latency, energy and accuracy. The best structures are then measured with saturation and all
noise, at the bandwidth that the surrogate says and at others around it, on a growing part of the images that the search
may see. What is chosen is measured once more on images that no choice has seen.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from resonet.core.errors import InputError
from resonet.core.parameters import check, parameter
from resonet.core.types import Done, nothing
from resonet.cosim.operate.axes import FAST, Axis
from resonet.cosim.operate.latency import latency
from resonet.cosim.operate.measuring import Measured, measure, widened
from resonet.cosim.operate.points import Setting, at_setting, restructured
from resonet.cosim.operate.surrogate import Surrogate, surrogate
from resonet.cosim.operate.tolerances import Tolerance, tolerance
from resonet.netlist.design.design import Design
from resonet.netlist.network.images import ImageSet

__all__ = ["Found", "FrontPoint", "SearchOptions", "operating_points"]

POWERS = 21  # that a surrogate is asked at
SATURATED = 5  # of these that saturation is measured at
SAMPLE = 40  # images that a surrogate comes from
FIRST = 250  # images of the first measurement on images; each later one has more
IMPOSSIBLE = 1e3  # ln s: the objective of a structure that reaches the target nowhere


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """How far the search goes."""

    target: float = parameter(0.985, "", 0.0, 1.0, "accuracy that is wanted")
    latency_max: float = parameter(1.0, "s", 1e-12, 1e6, "longest time an image may take; among those the least energy")
    structures: int = parameter(24, "", 1, 10_000, "structures that are looked at")
    measured: int = parameter(3, "", 1, 100, "of these that are measured on images")
    images: int = parameter(1000, "", 50, 10_000_000, "that the search may see; the others confirm")
    margin: float = parameter(0.002, "", 0.0, 0.5, "by which the search aims above the target")
    seed: int = parameter(1, "", 0, 2**31, "of the search, of the choice of images, of the noise")

    def __post_init__(self) -> None:
        check(self, "operate")


@dataclass(frozen=True, slots=True)
class FrontPoint:
    """A point that no other one beats in latency, energy and accuracy at once, by the surrogates."""

    structure: dict[str, float]
    setting: Setting
    latency: float  # s, parallel hardware
    energy: float  # J an image
    accuracy: float


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What a search found."""

    design: Design  # at the chosen point
    structure: dict[str, float]
    surrogate: Surrogate
    searched: Measured  # on the images that the search saw
    confirmed: Measured  # on the others
    front: tuple[FrontPoint, ...]
    looked_at: int

    @property
    def setting(self) -> Setting:
        """The chosen power and bandwidth."""
        return Setting.of(self.design.parameters)

    @property
    def latency(self) -> float:
        """Of an image in parallel hardware, s."""
        return latency(self.design).parallel


@dataclass(slots=True, eq=False)
class _Search:
    """The structures so far."""

    base: Design
    axes: tuple[Axis, ...]
    options: SearchOptions
    tolerance: Tolerance
    images: ImageSet
    done: Done
    known: dict[tuple[float, ...], Surrogate | None]

    @property
    def slow(self) -> tuple[Axis, ...]:
        return tuple(axis for axis in self.axes if axis.name not in FAST)

    @property
    def fast(self) -> dict[str, Axis]:
        return {axis.name: axis for axis in self.axes if axis.name in FAST}

    @property
    def powers(self) -> np.ndarray:
        return np.geomspace(self.fast["p_max"].low, self.fast["p_max"].high, POWERS)

    def values(self, parts: Sequence[float]) -> dict[str, float]:
        """Structure at parts 0 ... 1 of the axes."""
        return {axis.name: axis.at(float(part)) for axis, part in zip(self.slow, parts, strict=True)}

    def look(self, values: dict[str, float]) -> Surrogate | None:
        """Surrogate of a structure; None where there is none. Keeps what it has seen, up to the most of the options."""
        key = tuple(values.values())
        if key not in self.known:
            if len(self.known) >= self.options.structures:
                return None
            band, power = self.fast["bandwidth"], self.fast["p_max"]
            saturated = np.geomspace(power.low, power.high, SATURATED)
            try:
                design = restructured(self.base, values, self.slow)
                made = surrogate(
                    design, self.tolerance, self.images.images[:SAMPLE], list(saturated), (band.low, band.high)
                )
            except InputError:
                made = None
            self.known[key] = made
            self.done()
        return self.known[key]

    def best(self, found: Surrogate) -> tuple[float, Setting] | None:
        """Objective of a structure and where it has it: ln latency, or ln energy where that is short enough."""
        variance, best = self.tolerance.variance(self.options.target + self.options.margin), None
        for power in self.powers:
            bandwidth = found.widest(float(power), variance)
            if bandwidth is None:
                continue
            time = found.latency(bandwidth)
            energy = time * found.drawn.power(float(power))
            short = time <= self.options.latency_max and self.options.latency_max < 1.0
            value = float(np.log(energy) - IMPOSSIBLE / 2 if short else np.log(time) + 1e-3 * np.log(energy))
            if best is None or value < best[0]:
                best = value, Setting(float(power), bandwidth)
        return best

    def objective(self, parts: np.ndarray) -> float:
        """For the optimiser."""
        found = self.look(self.values(list(parts)))
        best = None if found is None else self.best(found)
        return IMPOSSIBLE if best is None else best[0]


def _split(data: ImageSet, options: SearchOptions) -> tuple[ImageSet, ImageSet]:
    """Images that the search may see, and the others, at random. InputError where there are too few."""
    count = len(data.images)
    if count < 4:
        raise InputError(f"{data.file}: {count} images; possible: at least 4")
    seen = min(options.images, count // 2)
    order = np.random.default_rng(options.seed).permutation(count)
    parts = [replace(data, images=data.images[of], labels=data.labels[of]) for of in (order[:seen], order[seen:])]
    return parts[0], parts[1]


def _explore(search: _Search) -> None:
    """Look at structures, by differential evolution, until as many are known as may be."""
    from scipy.optimize import differential_evolution

    options, own = search.options, search.base.parameters
    start = [axis.part(float(_value(own, axis))) for axis in search.slow]
    if not search.slow:
        search.look({})
        return
    rng = np.random.default_rng(options.seed)
    size = max(5, min(options.structures // 3, 5 * len(start)))
    first = np.vstack([start, rng.random((size - 1, len(start)))])

    def enough(*_: object, **__: object) -> bool:
        return len(search.known) >= options.structures

    differential_evolution(
        search.objective,
        [(0.0, 1.0)] * len(start),
        init=first,
        seed=options.seed,
        polish=False,
        tol=0.0,
        maxiter=4 * options.structures,
        callback=enough,
    )


def _value(parameters: object, axis: Axis) -> float:
    section, _, name = axis.parameters[0].partition(".")
    return float(getattr(getattr(parameters, section), name))


def _candidates(search: _Search) -> Iterator[FrontPoint]:
    """Points of all structures over power and accuracy."""
    best, target = search.tolerance.best, search.options.target
    levels = sorted({target, *(np.linspace(min(target, 0.9 * best), best, 6)[:-1].tolist())})
    for key, found in search.known.items():
        if found is None:
            continue
        structure = dict(zip((axis.name for axis in search.slow), key, strict=True))
        for level in levels:
            variance = search.tolerance.variance(level)
            for power in search.powers:
                bandwidth = found.widest(float(power), variance)
                if bandwidth is not None:
                    setting = Setting(float(power), bandwidth)
                    time = found.latency(bandwidth)
                    energy = time * found.drawn.power(float(power))
                    yield FrontPoint(structure, setting, time, energy, found.accuracy(setting))


def _front(points: Sequence[FrontPoint]) -> tuple[FrontPoint, ...]:
    """Those that no other one beats, by latency."""
    kept = list[FrontPoint]()
    for point in sorted(points, key=lambda p: (p.latency, p.energy, -p.accuracy)):
        if not any(one.energy <= point.energy and one.accuracy >= point.accuracy for one in kept):
            kept.append(point)
    return tuple(kept)


def operating_points(
    base: Design,
    data: ImageSet,
    axes: tuple[Axis, ...],
    options: SearchOptions | None = None,
    done: Done = nothing,
    note: Callable[[str], None] = lambda text: None,
) -> Found:
    """Search for the shortest latency (or, within `latency_max`, the least energy) at the target, from labelled images.

    `done` is called for every structure and every measurement. InputError where the target is not reached anywhere.
    """
    options = options or SearchOptions()
    seen, others = _split(data, options)
    allowed = tolerance(base.cnn, seen.images, seen.labels, options.seed)
    if allowed.best < options.target:
        raise InputError(f"target {options.target:g}: the network has {allowed.best:.4f} without noise; possible: less")
    search = _Search(base, axes, options, allowed, seen, done, {})
    _explore(search)
    ranked = [(search.best(found), key, found) for key, found in search.known.items() if found is not None]
    ranked = sorted((one for one in ranked if one[0] is not None), key=lambda one: one[0][0])
    names, chosen = [axis.name for axis in search.slow], None
    for best, key, found in ranked[: options.measured]:
        tries = widened(
            found.design, best[1], options.target + options.margin, lambda n: _growing(seen, n), options.seed
        )
        done()
        if not tries:
            continue
        at = at_setting(found.design, tries[-1].setting)
        if chosen is None or latency(at).parallel < latency(chosen[0]).parallel:
            chosen = at, dict(zip(names, key, strict=True)), found, tries[-1]
    if chosen is None:
        raise InputError(
            f"target {options.target:g}: not reached at any of {len(search.known)} structures with noise and "
            "saturation; possible: a lower --target, more --structures, wider ranges of --search"
        )
    confirmed = measure(chosen[0], others, options.seed + 1)
    front = _front(list(_candidates(search)))
    return Found(chosen[0], chosen[1], chosen[2], chosen[3], confirmed, front, len(search.known))


def _growing(data: ImageSet, step: int) -> ImageSet:
    """More images with every step."""
    count = min(len(data.images), FIRST * 2 ** (step // 2))
    return replace(data, images=data.images[:count], labels=data.labels[:count])
