"""What disturbs a strip-line layer: its weight error by cause, who disturbs whom, and the accuracy that is left."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from resonet.core.types import Array
from resonet.cosim.strip.attribution import Attribution
from resonet.report.style import AGGRESSOR, CALIBRATED, COUPLED, FORMULA, INK, MUTED, SOFTWARE, STYLE, figure, finish

__all__ = ["sneak_figure"]

LEAST = 1e-4  # % shown
SPAN = 70.0  # dB shown below the loudest
Row = tuple[str, float, float, float, float]  # name, own, foreign, linear response, after one gain; shares


def _rows(split: Attribution) -> list[Row]:
    """Bars from top to bottom."""
    nan = float("nan")

    def row(name: str, change: Array, linear: float = nan, error: Array | None = None) -> Row:
        left = nan if error is None else split.rms(split.uneven(error))
        return name, split.rms(change, False), split.rms(change, True), linear, left

    rows = [row("spectral overlap", split.spectral), row("matched lines, bridges", split.delay)]
    for part in split.parts:
        rows.append(row(part.name, part.alone, split.rms(part.linear), part.alone))
    rows += [row("interaction", split.interaction), row("all together", split.total, error=split.total)]
    inner = float(np.sqrt((split.coherent_rms**2).sum() / split.uses.sum()))
    return [*rows, ("equal tones, random phases", nan, inner, nan, nan)]


def _bars(axes: Axes, split: Attribution) -> None:
    rows = _rows(split)
    y = np.arange(len(rows))[::-1]
    own, foreign, linear, left = 100 * np.array([row[1:] for row in rows]).T
    looks = ((0.2, own, COUPLED, "weights of own inputs"), (-0.2, foreign, AGGRESSOR, "inputs of other chains"))
    for shift, values, colour, label in looks:
        axes.barh(y + shift, np.fmax(values, LEAST), 0.38, color=colour, label=label, zorder=2)
    for values, mark, label in ((linear, "d", "linear response"), (left, "|", "after one gain at the readout")):
        visible = np.isfinite(values) & (values > LEAST)
        axes.plot(
            values[visible],
            y[visible] + 0.2,
            mark,
            color=INK,
            markersize=5 if mark == "d" else 9,
            label=label,
            zorder=3,
        )
    axes.set_xscale("log")
    axes.set_xlim(LEAST, 200)
    axes.set_yticks(y, [row[0] for row in rows])
    axes.grid(visible=True, axis="x", zorder=0)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks([1e-4, 1e-3, 1e-2, 0.1, 1, 10, 100], ["≤ 0.0001", "0.001", "0.01", "0.1", "1", "10", "100"])
    axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.35, -0.16), ncols=2, columnspacing=1.0)
    finish(axes, "Weight error by cause, each alone", "RMS, % of the largest weight", "")


def _map(drawn: Figure, axes: Axes, split: Attribution, frequencies: Sequence[float]) -> None:
    levels = np.where(split.levels < -299, np.nan, split.levels)
    top = 10 * np.ceil(np.nanmax(levels, initial=-300.0) / 10)
    image = axes.imshow(levels, origin="lower", cmap="magma", vmin=top - SPAN, vmax=top, aspect="equal")
    ticks = np.arange(0, len(levels), max(1, len(levels) // 6))
    names = [f"{frequencies[int(n)] / 1e9:.3g}" for n in ticks]
    axes.set_xticks(ticks, names)
    axes.set_yticks(ticks, names)
    for side in ("top", "right"):
        axes.spines[side].set_visible(True)
    bar = drawn.colorbar(image, ax=axes, shrink=0.85, extend="min")
    bar.set_label("dB of the largest voltage $K_{SD} P$", color=INK)
    finish(axes, "Loudest crosstalk, tone to resonator", "aggressor, GHz", "victim, GHz")


def _accuracy(axes: Axes, shares: Mapping[str, float], images: int) -> None:
    """Bars by network on the logarithmic scale of what is missing to 100 %."""
    colours = {"software": SOFTWARE, "crossbar": AGGRESSOR, "strip lines": COUPLED, "RF bus": FORMULA}
    names, y = list(shares), np.arange(len(shares))[::-1]
    missed = np.array([max(100 * (1 - share), 0.1) for share in shares.values()])
    for name, at, value in zip(names, y, missed, strict=True):
        colour = CALIBRATED if "calibrated" in name else colours.get(name.split(":")[0].split(",")[0], MUTED)
        axes.plot([0.1, value], [at, at], color=colour, linewidth=6, solid_capstyle="butt", zorder=2)
        axes.text(value * 1.15, at, f"{100 - value:.2f}", va="center", fontsize=8)
    axes.set_xscale("log")
    axes.set_xlim(0.1, 300)
    ticks = [0.1, 1, 10, 100]
    axes.set_xticks(ticks, [f"{100 - t:g}" for t in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_yticks(y, names)
    axes.grid(visible=True, axis="x", zorder=0)
    finish(axes, f"Accuracy, {images:,} images", "% (short bars are good)", "")


def sneak_figure(
    split: Attribution, frequencies: Sequence[float], shares: Mapping[str, float] | None = None, images: int = 0
) -> Figure:
    """Causes, map of aggressors and victims, and accuracy `shares` by network where there are any.

    frequencies [tones] in Hz.
    """
    with rc_context(STYLE):
        drawn = figure(16.5 if shares else 11.0, 4.6)
        panels = drawn.subplots(1, 3 if shares else 2, width_ratios=[1.25, 1.0, 1.0] if shares else [1.25, 1.0])
        _bars(panels[0], split)
        _map(drawn, panels[1], split, frequencies)
        if shares:
            _accuracy(panels[2], shares, images)
    return drawn
