"""Figures of single devices: panels of curves (the model) and points (SPICE, measurements)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from resonet.core.types import Array
from resonet.report.style import AGGRESSOR, COUPLED, FORMULA, MUTED, SOFTWARE, STYLE, figure, finish

__all__ = ["Panel", "Series", "device_figure"]

Colour = Literal["first", "second", "third", "fourth", "faint"]
COLOURS = {"first": COUPLED, "second": FORMULA, "third": SOFTWARE, "fourth": AGGRESSOR, "faint": MUTED}


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One curve, or one set of points; x and y in the panel's units."""

    label: str  # "" keeps it out of the legend
    x: Array
    y: Array
    colour: Colour = "first"
    points: bool = False
    dashed: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """One pair of axes."""

    title: str
    x: str
    y: str
    series: tuple[Series, ...]
    log_x: bool = False
    log_y: bool = False
    zero: bool = False  # a line at y = 0
    right: tuple[Series, ...] = ()  # on a second axis
    y_right: str = ""


def _open_flat(axes: Axes) -> None:
    """A constant stays a flat line: no zoom into its last digits."""
    low, high = axes.get_ylim()
    middle = (low + high) / 2
    if high - low < 2e-3 * abs(middle):
        axes.set_ylim(middle - 0.05 * abs(middle), middle + 0.05 * abs(middle))


def _lines(axes: Axes, many: Sequence[Series]) -> None:
    for series in many:
        colour, label = COLOURS[series.colour], series.label or "_nolegend_"
        if series.points:
            axes.plot(
                series.x, series.y, "o", color=colour, markersize=4.5, mfc="white", mew=1.2, label=label, zorder=4
            )
        else:
            style = "--" if series.dashed else "-"
            axes.plot(series.x, series.y, style, color=colour, linewidth=1.4, label=label, zorder=3 - series.dashed)


def _draw(axes: Axes, panel: Panel) -> None:
    if panel.zero:
        axes.axhline(0, color=MUTED, linewidth=0.6, zorder=1)
    _lines(axes, panel.series)
    if panel.log_x:
        axes.set_xscale("log")
    if panel.log_y:
        axes.set_yscale("log")
    axes.grid(visible=True)
    if not (panel.log_x or panel.log_y):
        axes.ticklabel_format(axis="both", useOffset=False)
        _open_flat(axes)
    finish(axes, panel.title, panel.x, panel.y)
    handles, labels = axes.get_legend_handles_labels()
    if panel.right:
        other = axes.twinx()
        _lines(other, panel.right)
        other.ticklabel_format(axis="y", useOffset=False)
        other.spines["right"].set_visible(True)
        other.set_ylabel(panel.y_right)
        _open_flat(other)
        more = other.get_legend_handles_labels()
        handles, labels = handles + more[0], labels + more[1]
        for side in (axes, other):  # room for the legend above both
            low, high = side.get_ylim()
            side.set_ylim(low, high + 0.25 * (high - low))
    if handles:
        axes.legend(
            handles,
            labels,
            loc="upper center" if panel.right else "best",
            ncols=2 if panel.right else 1,
            fontsize=7.5,
            handlelength=1.6,
            labelspacing=0.3,
        )


def device_figure(panels: Sequence[Panel], title: str = "") -> Figure:
    """All panels on one page, two in a row; lines are the model, circles what it is compared with."""
    columns = min(len(panels), 2)
    rows = -(-len(panels) // columns)
    with rc_context(STYLE):
        drawn = figure(4.9 * columns, 3.4 * rows + 0.3)
        if title:
            drawn.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
        for n, panel in enumerate(panels):
            _draw(drawn.add_subplot(rows, columns, n + 1), panel)
    return drawn
