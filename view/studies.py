"""Studies that are under way in a design folder, from their journals: how far, how fast, and what came out so far."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array
from resonet.cosim.sweep.axes import axis_values
from resonet.cosim.sweep.journal import JournalTail
from resonet.cosim.sweep.sweep import Sweep, sweep_from_table
from resonet.report.page.blocks import Plot
from resonet.report.page.charts import axis, bars, curve, label, layout, numbers

__all__ = ["FollowedStudy", "quantities", "study_plots"]

MOST_QUANTITIES, DEEPEST = 80, 4
BINS, MOST_SHOWN, MOST_GROUPS = 24, 2000, 7
FIRST = ("accuracy", "noisy", "rms", "rms_error", "worst")  # what is shown where nobody chose
POINTS = {"sweep": "points", "montecarlo": "chips"}
PACE = 30.0  # s over which the pace of a study is taken


@dataclass(slots=True)
class FollowedStudy:
    """A study as it goes on."""

    path: Path
    tail: JournalTail = field(init=False)
    problem: str = ""
    ended: bool = False  # its journal is gone: the study is done, or somebody cleaned up
    seen: list[tuple[float, int]] = field(default_factory=list)  # time and points done, of the last seconds
    version: int = 0

    def __post_init__(self) -> None:
        self.tail = JournalTail(self.path)

    @property
    def name(self) -> str:
        """Of its file."""
        return self.path.stem

    @property
    def kind(self) -> str:
        """sweep, montecarlo, ..."""
        return self.name.partition("_")[0]

    @property
    def count(self) -> int:
        """Points of it all; 0 as long as nobody knows."""
        points = (self.tail.head or {}).get("points")
        return points if isinstance(points, int) and 0 < points < 10**9 else 0

    def _mark(self) -> tuple[str, bool, int, int, int]:
        return self.problem, self.ended, len(self.tail.outcomes), len(self.tail.begun), self.tail.broken

    def follow(self, now: float | None = None) -> bool:
        """Take up what came; whether anything did."""
        before = self._mark()
        now = time.monotonic() if now is None else now
        try:
            self.tail.read()
            self.problem, self.ended = "", False
        except FileNotFoundError:
            self.ended = True
        except (InputError, OSError) as error:
            self.problem = str(error)
        if not self.seen or self.seen[-1][1] != len(self.tail.outcomes):
            self.seen.append((now, len(self.tail.outcomes)))
            while len(self.seen) > 2 and now - self.seen[0][0] > PACE:
                self.seen.pop(0)
        changed = before != self._mark()
        self.version += changed
        return changed

    @property
    def left(self) -> float | None:
        """Seconds that the rest takes at the pace of the last points; None where nobody knows."""
        (t0, n0), (t1, n1) = (self.seen or [(0.0, 0)])[0], (self.seen or [(0.0, 0)])[-1]
        if n1 <= n0 or t1 <= t0 or not self.count:
            return None
        return (self.count - n1) * (t1 - t0) / (n1 - n0)

    def summary(self) -> dict[str, Any]:
        """For the page."""
        done, failed = len(self.tail.outcomes), len(self.tail.outcomes.failed())
        return {
            "name": self.name,
            "kind": self.kind,
            "points": POINTS.get(self.kind, "points"),
            "count": self.count,
            "done": done,
            "failed": failed,
            "running": len(self.tail.begun),
            "broken": self.tail.broken,
            "left": None if self.left is None else round(self.left, 1),
            "state": "ended" if self.ended else "complete" if self.count and done >= self.count else "under way",
            "problem": self.problem,
            "version": self.version,
        }


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(value, bool):
        return
    if isinstance(value, int | float):
        yield path
    elif isinstance(value, Mapping) and len(path) < DEEPEST:
        for name, entry in value.items():
            if name != "witness":
                yield from _leaves(entry, (*path, str(name)))


def quantities(study: FollowedStudy) -> list[tuple[str, ...]]:
    """Names of the numbers that its points give; what is asked first stands first."""
    outcomes = study.tail.outcomes
    first = next((values for n in list(outcomes)[:50] if (values := outcomes[n].values)), None)
    found = list(_leaves(first or {}))[:MOST_QUANTITIES]
    return sorted(found, key=lambda path: FIRST.index(path[0]) if path[0] in FIRST else len(FIRST))


def _axes(study: FollowedStudy, points: Array) -> dict[str, Array]:
    """Values of a sweep's axes at its points; of others nothing."""
    try:
        sweep: Sweep = sweep_from_table(study.tail.head or {})
        found = axis_values(sweep.axes, sweep.together, points.astype(np.int64))
        return found if all(values.dtype.kind in "iuf" for values in found.values()) else {}
    except (KeyError, TypeError, ValueError, IndexError):
        return {}


def _over(study: FollowedStudy, points: Array, values: Array, told: str) -> tuple[dict[str, Any], str]:
    """The quantity over the first axis, a curve for each value of the second; over the points where there is none."""
    axes = _axes(study, points)
    names = list(axes)
    if not names:
        trace = curve(points.tolist(), numbers(values), told, 0, "%{x}: %{y}<extra></extra>", mode="markers")
        what = POINTS.get(study.kind, "point").rstrip("s")
        return {"data": [trace], "layout": layout(axis(what), axis(told))}, f"over the {what}s"
    x, groups = axes[names[0]], np.zeros(len(points))
    if len(names) > 1:
        groups = axes[names[1]]
    data = []
    for n, group in enumerate(np.unique(groups)[:MOST_GROUPS]):
        own = np.flatnonzero(groups == group)
        own = own[np.argsort(x[own], kind="stable")]
        name = f"{label(names[1])} = {group:g}" if len(names) > 1 else told
        hover = "%{x}: %{y}<extra></extra>"
        data.append(curve(numbers(x[own], 6), numbers(values[own]), name, n, hover, mode="lines+markers"))
    spread = layout(axis(label(names[0])), axis(told), showlegend=len(names) > 1)
    return {"data": data, "layout": spread}, f"over {names[0]}"


def study_plots(study: FollowedStudy, quantity: tuple[str, ...]) -> list[Plot]:
    """A quantity over the points of a study as far as they are done, and its histogram."""
    outcomes = study.tail.outcomes
    points = np.array(sorted(outcomes))
    values = np.array(outcomes.numbers(*quantity))
    points, values = points[np.isfinite(values)], values[np.isfinite(values)]
    text = " · ".join(quantity)
    shown = slice(None) if len(points) <= MOST_SHOWN else np.linspace(0, len(points) - 1, MOST_SHOWN).astype(int)
    over, said = _over(study, points[shown], values[shown], label(text))
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    counts, edges = np.histogram(values, BINS, (low, high if high > low else low + 1e-3 * (abs(low) or 1.0)))
    hover = f"%{{x}}: %{{y}} {POINTS.get(study.kind, 'points')}<extra></extra>"
    trace = bars(numbers((edges[1:] + edges[:-1]) / 2, 5), counts.tolist(), label(text), 0, hover)
    whole = {"dtick": 1} if counts.max() <= 6 else {}
    middle = f"median {np.median(values):.5g}, {low:.5g} ... {high:.5g}" if len(values) else "none yet"
    return [
        Plot("live-points", f"{study.kind}: {text} {said}", f"{len(values):,} values, {middle}.", over),
        Plot(
            "live-histogram",
            f"{text}: {len(values):,} {POINTS.get(study.kind, 'points')}, {middle}",
            f"Histogram of {len(values):,} values: {middle}.",
            {
                "data": [trace],
                "layout": layout(axis(label(text)), axis(POINTS.get(study.kind, "points"), **whole), bargap=0.04),
            },
        ),
    ]
