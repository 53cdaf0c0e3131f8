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
STAR = "*"  # the tile and damping that are recommended
LEAST = 1e-6  # errors below are drawn here
MOST_COLUMNS = 4  # of a row of layers; more layers take more rows
MARKS = {
    "rms_formula": (":", "s", "by formula"),
    "rms_coupled": ("--", "o", "coupled"),
    "rms_calibrated": ("-", "^", "calibrated (≤ 1e-4 %)"),
}


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


def _star(panels: Sequence[Axes], points: Sequence[PlanPoint], name: str, chosen: tuple[int, float]) -> None:
    """Mark the row of a layer that is recommended, by tile and damping, in all its panels."""
    for point in points:
        if (point.layer, point.tile, point.damping) == (name, *chosen):
            heights = 100 * max(point.rms_calibrated, LEAST), 100 * point.fill, point.source_dbm
            for axes, y in zip(panels, heights, strict=True):
                axes.axvline(point.channels, color=MUTED, linewidth=3.5, alpha=0.25, zorder=0)
                axes.plot(point.channels, y, STAR, color="white", markeredgecolor=INK, markersize=11, zorder=5)


def _power(axes: Axes, points: Sequence[PlanPoint], name: str, colours: dict[float, str]) -> None:
    """Source power does not depend on the damping; the number of buses stands at each point."""
    row = _of(points, name, next(iter(colours)))
    axes.plot([p.channels for p in row], [p.source_dbm for p in row], "-o", color=INK, markersize=3.6, linewidth=1.2)
    for p in row:
        axes.annotate(
            f"{p.buses}", (p.channels, p.source_dbm), (0, 7), textcoords="offset points", ha="center", fontsize=7.5
        )


def _column(
    panels: Sequence[Axes], points: Sequence[PlanPoint], name: str, style: dict[float, str], fill: float
) -> None:
    """The three panels of a layer."""
    for panel in panels:
        _axis(panel, [p.channels for p in points if p.layer == name])
    _errors(panels[0], points, name, style)
    _range(panels[1], points, name, style, fill)
    _power(panels[2], points, name, style)


def plan_figure(
    points: Sequence[PlanPoint], fill: float, title: str = "", chosen: tuple[int, float] | None = None
) -> Figure:
    """One column a layer: errors of the weights, largest weight that fits, source power and buses.

    `fill` is the plan's own, drawn as a line; `chosen` the tile and the damping that are recommended, marked by a star.
    All layers, four beside each other.
    """
    layers = list(dict.fromkeys(point.layer for point in points))
    colours = dict(zip(sorted({p.damping for p in points}), COLOURS * len(points), strict=False))
    columns, blocks = min(len(layers), MOST_COLUMNS), -(-len(layers) // MOST_COLUMNS)
    powers = [p.source_dbm for p in points]
    room = 0.15 * max(max(powers) - min(powers), 1.0)
    with rc_context(STYLE):
        drawn = figure(max(2.9 * columns + 0.4, 6.4), 7.4 * blocks + 0.4)
        if title:
            drawn.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
        axes = drawn.subplots(3 * blocks, columns, sharey=False, squeeze=False)
        for n, name in enumerate(layers):
            block, column = divmod(n, columns)
            panels = [axes[3 * block + row, column] for row in range(3)]
            _column(panels, points, name, colours, fill)
            if chosen is not None:
                _star(panels, points, name, chosen)
            first = column == 0
            finish(panels[0], name, "", "RMS weight error, %" if first else "")
            finish(panels[1], "", "", "largest weight that fits,\n% of a resonator's range" if first else "")
            finish(panels[2], "", "channels per bus", "source power, dBm\n(number: buses)" if first else "")
            panels[2].set_ylim(min(powers) - 0.5 * room, max(powers) + room)
            for panel in panels:
                panel.tick_params(labelleft=first)
        for spare in axes[-3:, (len(layers) - 1) % columns + 1 :].ravel():
            spare.axis("off")
        handles = [Line2D([], [], color=colour, linewidth=2.2, label=f"α = {a:g}") for a, colour in colours.items()]
        handles += [
            Line2D([], [], color=INK, ls=ls, marker=m, ms=3.6, lw=1.2, label=text) for ls, m, text in MARKS.values()
        ]
        handles.append(Line2D([], [], color=MUTED, ls="--", lw=0.8, label="plan.fill"))
        if chosen is not None:
            handles.append(Line2D([], [], color=INK, marker=STAR, ms=10, ls="", mfc="white", label="recommended"))
        drawn.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 4 if columns < 3 else 8))
    return drawn
