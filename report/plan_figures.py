"""Figure of a channel plan: weight error, range and source power against channels per bus, for several dampings."""

from collections.abc import Sequence

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

from resonet.cosim.calibration.planner import PlanPoint
from resonet.report.style import AGGRESSOR, COUPLED, FORMULA, INK, MUTED, SOFTWARE, STYLE, figure, finish

__all__ = ["plan_figure"]

COLOURS = (COUPLED, FORMULA, AGGRESSOR, SOFTWARE)
LEAST = 1e-6  # errors below are drawn here
MOST_LAYERS = 4  # columns on one page
MARKS = {
    "rms_formula": (":", "s", "by formula"),
    "rms_coupled": ("--", "o", "coupled"),
    "rms_calibrated": ("-", "^", "calibrated (≤ 1e-4 %)"),
}


def _columns(points: Sequence[PlanPoint]) -> list[str]:
    """Layers to show: all, or those with the most buses, in the order of the network."""
    layers = list(dict.fromkeys(point.layer for point in points))
    heavy = sorted(layers, key=lambda name: -max(p.buses for p in points if p.layer == name))[:MOST_LAYERS]
    return [name for name in layers if name in heavy]


def _axis(axes: Axes, channels: Sequence[int]) -> None:
    """Channels per bus, the sizes that there are as ticks; ticks too close to each other left out."""
    axes.set_xscale("log")
    kept: list[int] = []
    for n in sorted(set(channels), reverse=True):
        if not kept or kept[-1] / n > 1.2:
            kept.append(n)
    axes.xaxis.set_major_locator(FixedLocator(kept))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels([str(n) for n in kept])
    axes.set_xlim(min(channels) / 1.12, max(channels) * 1.12)
    axes.grid(visible=True)


def _of(points: Sequence[PlanPoint], name: str, damping: float) -> list[PlanPoint]:
    return sorted((p for p in points if (p.layer, p.damping) == (name, damping)), key=lambda p: p.channels)


def _errors(axes: Axes, points: Sequence[PlanPoint], layer_name: str, colours: dict[float, str]) -> None:
    for damping, colour in colours.items():
        row = _of(points, layer_name, damping)
        x = [p.channels for p in row]
        for name, (line, mark, _) in MARKS.items():
            y = np.maximum([getattr(p, name) for p in row], LEAST)
            axes.plot(x, 100 * y, line, marker=mark, color=colour, markersize=3.6, linewidth=1.2)
    axes.set_yscale("log")
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylim(100 * LEAST / 2, 100)


def _range(axes: Axes, points: Sequence[PlanPoint], name: str, colours: dict[float, str], fill: float) -> None:
    axes.axhline(100 * fill, color=MUTED, linewidth=0.8, linestyle="--")
    for damping, colour in colours.items():
        row = _of(points, name, damping)
        axes.plot([p.channels for p in row], [100 * p.fill for p in row], "-o", color=colour, markersize=3.6, lw=1.2)
    axes.set_ylim(0, 104)


def _power(axes: Axes, points: Sequence[PlanPoint], name: str, colours: dict[float, str]) -> None:
    """Source power does not depend on the damping; the number of buses stands at each point."""
    row = _of(points, name, next(iter(colours)))
    axes.plot([p.channels for p in row], [p.source_dbm for p in row], "-o", color=INK, markersize=3.6, linewidth=1.2)
    for p in row:
        axes.annotate(
            f"{p.buses}", (p.channels, p.source_dbm), (0, 5), textcoords="offset points", ha="center", fontsize=7.5
        )


def plan_figure(points: Sequence[PlanPoint], fill: float, title: str = "") -> Figure:
    """One column a layer: errors of the weights, largest weight that fits, source power and buses.

    `fill` is the plan's own, drawn as a line. At most four layers, those with the most buses.
    """
    layers = _columns(points)
    colours = dict(zip(sorted({p.damping for p in points}), COLOURS * len(points), strict=False))
    width = max(2.9 * len(layers) + 0.4, 6.4)
    with rc_context(STYLE):
        drawn = figure(width, 7.8)
        if title:
            drawn.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
        axes = drawn.subplots(3, len(layers), sharey="row", squeeze=False)
        for n, name in enumerate(layers):
            channels = [p.channels for p in points if p.layer == name]
            for panel in axes[:, n]:
                _axis(panel, channels)
            _errors(axes[0, n], points, name, colours)
            _range(axes[1, n], points, name, colours, fill)
            _power(axes[2, n], points, name, colours)
            first = n == 0
            finish(axes[0, n], name, "", "RMS weight error, %" if first else "")
            finish(axes[1, n], "", "", "largest weight that fits,\n% of a resonator's range" if first else "")
            finish(axes[2, n], "", "channels per bus", "source power, dBm\n(number: buses)" if first else "")
        powers = [p.source_dbm for p in points]
        room = 0.15 * max(max(powers) - min(powers), 1.0)
        axes[2, 0].set_ylim(min(powers) - 0.5 * room, max(powers) + room)
        handles = [Line2D([], [], color=colour, linewidth=2.2, label=f"α = {a:g}") for a, colour in colours.items()]
        handles += [
            Line2D([], [], color=INK, ls=ls, marker=m, ms=3.6, lw=1.2, label=text) for ls, m, text in MARKS.values()
        ]
        handles.append(Line2D([], [], color=MUTED, ls="--", lw=0.8, label="plan.fill"))
        drawn.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 4 if len(layers) < 3 else 7))
    return drawn
