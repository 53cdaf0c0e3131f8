"""The search for operating points: structures by their surrogates first, then the best of them on images.

Two stages. The structure (tile, reach, ...) is searched by differential evolution (scipy) on the latency that the
surrogate has at the target, at the best power; every structure that was looked at adds its points over power and
accuracy to a front of latency, energy and accuracy. It begins at the design's own structure and at far ones (short
tiles, resonators far from their tones, small tees: docs/theory/operating_point.md), the rest of the range at random. A
structure whose surrogate reaches the target nowhere is the better the less variance it has where it has the least.

The best structures are then measured with saturation and all noise, at the bandwidth that the surrogate says and at
others around it, on a growing part of the images that the search may see. What a surrogate says where the target stands
on images, over what the target allows, corrects the surrogates of those that come after. What is chosen is measured
once more on images that no choice has seen.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from resonet.core.errors import EngineError, InputError
from resonet.core.parameters import table_from_record
from resonet.core.types import Array
from resonet.core.watching import Done, nothing
from resonet.cosim.operate.axes import FAST, Axis, for_device, with_values
from resonet.cosim.operate.front import front_points
from resonet.cosim.operate.latency import latency
from resonet.cosim.operate.limits import obstacle
from resonet.cosim.operate.measuring import FIRST, Measured, fitted, measure, part_of, widened
from resonet.cosim.operate.memory import Memory
from resonet.cosim.operate.points import Setting, at_setting, restructured, three_digits
from resonet.cosim.operate.records import UNBOUNDED, Found, SearchOptions
from resonet.cosim.operate.starts import starts
from resonet.cosim.operate.surrogate import Surrogate, surrogate
from resonet.cosim.operate.tolerances import Tolerance, tolerance
from resonet.cosim.weights.inference import check_labels
from resonet.cosim.weights.software import SoftwareLogits
from resonet.netlist.design.design import Design
from resonet.netlist.design.parameters import TABLES
from resonet.netlist.network.forward import classes
from resonet.netlist.network.images import ImageSet

__all__ = ["operating_points", "point_tables"]

POWERS = 21  # that a surrogate is asked at
SATURATED = 5  # of these that saturation is measured at
SAMPLE = 40  # images that a surrogate comes from
MOST = 3.0  # by which measurements correct a surrogate
SLOWER = 1e3  # ln s: the objective of a structure that reaches the target nowhere, and more

Chosen = tuple[Design, dict[str, float], Surrogate, Measured]  # at its point, structure, and on the images searched


@dataclass(slots=True, eq=False)
class _Search:
    """The structures so far."""

    base: Design
    axes: tuple[Axis, ...]
    options: SearchOptions
    tolerance: Tolerance
    images: ImageSet
    done: Done
    software: float  # accuracy of the trained network on all images
    batch: Array | None = None  # images that detunings are fitted on where a structure is measured
    memory: Memory | None = None
    known: dict[tuple[float, ...], Surrogate | None] = field(default_factory=dict)

    @property
    def slow(self) -> tuple[Axis, ...]:
        """Axes of the structure."""
        return tuple(axis for axis in self.axes if axis.name not in FAST)

    @property
    def fast(self) -> dict[str, Axis]:
        """Axes of a setting, by name."""
        return {axis.name: axis for axis in self.axes if axis.name in FAST}

    @property
    def powers(self) -> Array:
        """W that surrogates are asked at."""
        low, high = self.fast["p_max"].low, self.fast["p_max"].high
        return np.clip([three_digits(power) for power in np.geomspace(low, high, POWERS)], low, high)

    def values(self, parts: Sequence[float]) -> dict[str, float]:
        """Structure at parts 0 ... 1 of the axes."""
        return {axis.name: axis.at(float(part)) for axis, part in zip(self.slow, parts, strict=True)}

    def named(self, key: tuple[float, ...]) -> dict[str, float]:
        """Structure by name of its axes."""
        return dict(zip((axis.name for axis in self.slow), key, strict=True))

    def look(self, values: dict[str, float]) -> Surrogate | None:
        """Surrogate of a structure; None where there is none. Keeps what it has seen, up to the most of the options."""
        key = tuple(values.values())
        if key not in self.known:
            if len(self.known) >= self.options.structures:
                return None
            made = self.memory.recall(key) if self.memory else None
            if made is None:
                made = self._made(values)
                if made is not None and self.memory:
                    self.memory.keep(key, made)
            self.known[key] = made if made is None or self.batch is None else made.fitted()
            self.done()
        return self.known[key]

    def _made(self, values: dict[str, float]) -> Surrogate | None:
        band, power = self.fast["bandwidth"], self.fast["p_max"]
        saturated = np.geomspace(power.low, power.high, SATURATED).tolist()
        try:
            design = restructured(self.base, values, self.slow)
            return surrogate(design, self.tolerance, self.images.images[:SAMPLE], saturated, (band.low, band.high))
        except InputError:
            return None

    def target(self, count: int) -> float:
        """Accuracy that is aimed at on the first images: they may be easier than all, and are then so in software."""
        return self.options.aim + float(np.mean(self.tolerance.margins[:count] > 0)) - self.software

    def worth(self, time: float, energy: float) -> float:
        """Objective: ln latency, or ln energy where that is short enough."""
        short = time <= self.options.latency_max < UNBOUNDED
        return float(np.log(energy) - SLOWER / 2 if short else np.log(time) + 1e-3 * np.log(energy))

    def best(self, found: Surrogate, correction: float = 1.0) -> tuple[float, Setting]:
        """Objective of a structure and where it has it; `correction`: what measurements say that variance may be more.

        Where the target is not reached: `SLOWER` and more, where there is the least variance.
        """
        allowed, best = correction * self.tolerance.variance(self.options.aim), list[tuple[float, Setting]]()
        for power in map(float, self.powers):
            bandwidth = found.widest(power, allowed)
            if bandwidth is not None:
                time = found.latency(bandwidth)
                best.append(
                    (self.worth(time, time * found.drawn.power(power)), Setting(power, three_digits(bandwidth)))
                )
                continue
            setting = Setting(power, float(found.bandwidths[0]))
            over = np.log(max(found.variance(setting), 1e-300) / max(allowed, 1e-300))
            best.append((SLOWER + float(min(over, SLOWER)), setting))
        return min(best, key=lambda one: one[0])

    def programmed(self, design: Design, setting: Setting) -> Design:
        """A structure at a setting, fitted on the batch where there is one."""
        at = at_setting(design, setting)
        return at if self.batch is None else fitted(at, self.batch)

    def objective(self, parts: Array) -> float:
        """For the optimiser."""
        found = self.look(self.values(list(parts)))
        return 2 * SLOWER if found is None else self.best(found)[0]


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
    if not search.slow:
        search.look({})
        return
    rng = np.random.default_rng(options.seed)
    size = max(5, min(options.structures // 3, 5 * len(search.slow)))
    begun = starts(own, search.slow)[:size]
    first = np.vstack([*begun, rng.random((size - len(begun), len(search.slow)))])

    def enough(*_: object, **__: object) -> bool:
        return len(search.known) >= options.structures

    differential_evolution(
        search.objective,
        [(0.0, 1.0)] * len(search.slow),
        init=first,
        seed=options.seed,
        polish=False,
        tol=0.0,
        maxiter=4 * options.structures,
        callback=enough,
    )


def operating_points(
    base: Design,
    data: ImageSet,
    axes: tuple[Axis, ...],
    options: SearchOptions | None = None,
    done: Done = nothing,
    kept: Path | None = None,
    batch: Array | None = None,
) -> Found:
    """Search for the shortest latency (or, within `latency_max`, the least energy) at the target, from labelled images.

    `done` is called for every structure and every measurement. What has been looked at is in the file `kept`, from
    which the same search goes on. A fitted program of `base` is left out. `batch`: images, without labels, that
    detunings are fitted on at the power of every structure that is measured, so that saturation costs little
    (cosim/saturation/fit.py). InputError where the target is not reached anywhere, or not within `latency_max`.
    """
    options = options or SearchOptions()
    check_labels(data)
    base.require_bus("operating points")
    base = replace(base, fitted=None)  # of one power: a search goes to others
    axes = for_device(axes, base.parameters)
    for axis in axes:
        for place in range(len(axis.words)):  # a choice that the design's other parameters rule out
            with_values(base.parameters, {axis.name: place}, (axis,))
    seen, others = _split(data, options)
    allowed = tolerance(base.cnn, seen.images, seen.labels, options.seed)
    if allowed.best < options.target:
        raise InputError(f"target {options.target:g}: the network has {allowed.best:.4f} without noise; possible: less")
    software = np.mean(classes(SoftwareLogits(base.cnn, data.images).values, base.cnn.ranked) == data.labels)
    search = _Search(base, axes, options, allowed, seen, done, float(software), batch)
    if kept is not None:
        own = {name: table_from_record(getattr(base.parameters, name)) for name in TABLES}
        scales = {name: asdict(scale) for name, scale in base.scales.items()}
        of = (base.cnn.sha256, own, scales, [asdict(axis) for axis in axes])
        search.memory = Memory.open(
            kept, of, seen, lambda key: restructured(base, search.named(key), search.slow), allowed
        )
    _explore(search)
    chosen = _chosen(search)
    if (time := latency(chosen[0]).parallel) > options.latency_max:
        raise InputError(
            f"latency {options.latency_max:g} s: the target is kept in {time:.3g} s at the least, of "
            f"{len(search.known)} structures; possible: a longer one, a lower --target, more --structures"
        )
    confirmed = measure(chosen[0], others, options.seed + 1)
    done()
    known = {key: found for key, found in search.known.items() if found is not None}
    structures = [(search.named(key), found) for key, found in known.items()]
    return Found(
        *chosen,
        confirmed,
        front_points(structures, allowed, search.powers, options.target),
        search.powers,
        len(search.known),
    )


def _chosen(search: _Search) -> Chosen:
    """The best of the structures that were measured, at its point. InputError where none keeps the target."""
    options, correction, nearest = search.options, 1.0, 0.0
    left = {key: found for key, found in search.known.items() if found is not None}
    if left and not options.measured:
        return _by_surrogate(search, left)
    chosen: tuple[float, Chosen] | None = None
    for _ in range(min(options.measured, len(left))):
        ranked = {key: search.best(found, correction) for key, found in left.items()}
        key = min(ranked, key=lambda one: ranked[one][0])
        found = left.pop(key)
        setting = ranked[key][1]
        try:
            design = search.programmed(found.design, setting)
        except EngineError:  # resonators without a balance at that power
            search.done()
            continue
        kept, last = widened(design, setting, search.target, search.images, options.seed)
        search.done()
        nearest = max(nearest, last.accuracy)
        stood = last if kept is None else kept
        correction = _corrected(search, found, stood)
        if kept is None:
            continue
        at = at_setting(design, kept.setting)
        time = latency(at).parallel
        worth = search.worth(time, time * found.drawn.power(kept.setting.p_max))
        if chosen is None or worth < chosen[0]:
            chosen = worth, (at, search.named(key), found, kept)
    if chosen is None:
        raise InputError(
            f"target {options.target:g}: not reached at any of {len(search.known)} structures with noise and "
            f"saturation, at most {nearest:.4f} of the {options.aim:.4f} aimed at; {_nearest(search)}; possible: a "
            "lower --target, more --structures, other ranges of --search"
        )
    return chosen[1]


def _nearest(search: _Search) -> str:
    """What stands in the way of the structure that is nearest to the target by its surrogate, in a line."""
    known = [found for found in search.known.values() if found is not None]
    if not known:
        return "no structure can be built in these ranges"
    worth = [search.best(found) for found in known]
    n = min(range(len(known)), key=lambda n: worth[n][0])
    return obstacle(known[n], worth[n][1], search.tolerance.variance(search.options.aim))


def _by_surrogate(search: _Search, known: dict[tuple[float, ...], Surrogate]) -> Chosen:
    """The best structure where its surrogate has the target. InputError where none does."""
    ranked = {key: search.best(found) for key, found in known.items()}
    key = min(ranked, key=lambda one: ranked[one][0])
    worth, setting = ranked[key]
    if worth >= SLOWER:
        nearest = max(known[one].accuracy(best[1]) for one, best in ranked.items())
        raise InputError(
            f"target {search.options.target:g}: not reached by the surrogates of {len(search.known)} structures, at "
            f"most {nearest:.4f} of the {search.options.aim:.4f} aimed at; {_nearest(search)}; possible: --measured 1, "
            "a lower --target, more --structures, other ranges of --search"
        )
    at = search.programmed(known[key].design, setting)
    return at, search.named(key), known[key], measure(at, part_of(search.images, FIRST), search.options.seed)


def _corrected(search: _Search, found: Surrogate, measured: Measured) -> float:
    """Variance that the surrogate has where a measured accuracy stands, over what that accuracy allows, in bounds."""
    share = measured.accuracy + search.options.aim - search.target(measured.images)
    allowed = search.tolerance.variance(min(share, search.options.aim))
    return float(np.clip(found.variance(measured.setting) / max(allowed, 1e-300), 1 / MOST, MOST))


def point_tables(found: Found) -> dict[str, Any]:
    """The chosen point as tables of a design file: every parameter that is not the default."""
    tables: dict[str, Any] = {}
    for section, kind in TABLES.items():
        own, plain = table_from_record(getattr(found.design.parameters, section)), table_from_record(kind())
        changed = {name: value for name, value in own.items() if value != plain[name]}
        if changed:
            tables[section] = changed
    return tables
