"""The crossbar next to the RF chains: error of the weights and accuracy over what spoils a crossbar."""

from collections.abc import Mapping, Sequence
from textwrap import fill

import numpy as np
from matplotlib import rc_context
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.ticker import FuncFormatter, NullLocator

from resonet.cosim.crossbar.studies import CURVES, Axis, CrossbarPoint, Curve, pooled_error
from resonet.report.style import AGGRESSOR, CALIBRATED, COUPLED, FORMULA, INK, MUTED, SOFTWARE, STYLE, figure, finish

__all__ = ["crossbar_figure"]

LEAST_SHOWN = 1e-4  # RMS error; below it the reprogramming has long ended
CLOSE = 0.08  # of the axis: ticks that have no room for their numbers
LEAST_MISSED = 1e-4  # of the images; a logarithmic scale has no zero
AXES: dict[Axis, str] = {
    "size": "largest array, lines",
    "ratio": "OFF/ON ratio",
    "wire": "wire resistance per cell, Ohm",
    "noise": "read noise of a cell, %",
}
LINES: dict[Curve, tuple[str, str, str]] = {
    ("direct", "grounded"): ("crossbar, direct", AGGRESSOR, "o-"),
    ("direct", "floating"): ("crossbar, direct, unselected lines floating", AGGRESSOR, "x:"),
    ("compensated", "grounded"): ("crossbar, cells reprogrammed for its wires", SOFTWARE, "s-"),
}
CHAINS = {
    "formula": ("RF chains, formula", FORMULA),
    "coupled": ("RF chains, coupled program", COUPLED),
    "calibrated": ("RF chains, calibrated", CALIBRATED),
}


def _scale(axes: Axes, axis: Axis, values: Sequence[float], nominal: float) -> None:
    axes.set_xscale("log")
    shown = [100 * v if axis == "noise" else v for v in values]
    kept = [v for n, v in enumerate(shown) if not n or np.log(v / shown[n - 1]) > CLOSE * np.log(shown[-1] / shown[0])]
    axes.set_xticks(shown, [f"{v:g}" if v in kept else "" for v in shown])
    axes.xaxis.set_minor_locator(NullLocator())
    if nominal:
        x = 100 * nominal if axis == "noise" else nominal
        axes.axvline(x, color=MUTED, linewidth=1.2, linestyle="-.", zorder=1, label="value in the other panels")
    axes.grid(visible=True)


def _curves(axes: Axes, points: Sequence[CrossbarPoint], axis: Axis, error: bool) -> None:
    for curve in CURVES:
        label, colour, style = LINES[curve]
        chosen = [p for p in points if p.axis == axis and p.curve == curve]
        x = [100 * p.value if axis == "noise" else p.value for p in chosen]
        if error:
            y = [100 * max(pooled_error([w.error for w in p.weights.values()]), LEAST_SHOWN) for p in chosen]
        else:
            y = [100 * max(1 - (p.accuracy or 0.0), LEAST_MISSED) for p in chosen]
        axes.plot(x, y, style, color=colour, label=label, linewidth=1.4, markersize=4, zorder=3)


def _error_tick(y: float, _: object) -> str:
    return f"{'≤ ' if y <= 100.1 * LEAST_SHOWN else ''}{y:g}"


def _errors(axes: Axes, points: Sequence[CrossbarPoint], axis: Axis, chains: Mapping[str, float]) -> None:
    axes.set_yscale("log")  # and the limits before what is drawn: of equal numbers there are none
    axes.set_ylim(80 * LEAST_SHOWN, 30)
    _curves(axes, points, axis, error=True)
    for program, level in chains.items():
        axes.axhline(100 * max(level, LEAST_SHOWN), color=CHAINS[program][1], linestyle="--", label=CHAINS[program][0])
    axes.yaxis.set_major_formatter(FuncFormatter(_error_tick))


def _accuracy(axes: Axes, points: Sequence[CrossbarPoint], axis: Axis, chains: Mapping[str, float]) -> None:
    """Accuracy on the logarithmic scale of what is missing to 100 %, best on top."""
    missed = [1 - share for share in chains.values()] + [1 - (p.accuracy or 0.0) for p in points]
    axes.set_yscale("log")
    axes.set_ylim(110, 70 * max(min(missed), LEAST_MISSED))
    _curves(axes, points, axis, error=False)
    for program, share in chains.items():
        label, colour = CHAINS.get(program, ("trained network, software", INK))
        style = "--" if program in CHAINS else "-"
        axes.axhline(100 * max(1 - share, LEAST_MISSED), color=colour, linestyle=style, linewidth=1.2, label=label)
    ticks = [t for t in (0.1, 0.3, 1, 3, 10, 30, 100) if t > 80 * max(min(missed), LEAST_MISSED)]
    axes.set_yticks(ticks, [f"{100 - t:g}" for t in ticks])
    axes.yaxis.set_minor_locator(NullLocator())


def _legend(drawn: Figure, free: SubplotSpec | None) -> None:
    """One legend for all panels: in the place that is free, or below."""
    handles: dict[str, Artist] = {}
    for axes in drawn.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    if free is None:
        drawn.legend(list(handles.values()), list(handles), fontsize=8.5, loc="outside lower center", ncols=3)
        return
    place = drawn.add_subplot(free)
    place.axis("off")
    place.legend(list(handles.values()), list(handles), fontsize=8.5, loc="center", labelspacing=0.9)


def _both(axes: Axes, compared: Mapping[str, tuple[float, float]], told: str) -> None:
    """Accuracy without and with the same noise of crossbars and RF chains, a pair of bars each, the first on top."""
    at = np.arange(len(compared))[::-1]
    for y, (name, pair) in zip(at, compared.items(), strict=True):
        colour = AGGRESSOR if name.startswith("crossbar") else COUPLED
        for up, share, noisy in zip((0.2, -0.2), pair, (False, True), strict=True):
            face, hatch = ("white", "///") if noisy else (colour, None)
            axes.barh(y + up, 100 * share, 0.36, color=face, edgecolor=colour, hatch=hatch)
            place = (100 * share, y + up)
            axes.annotate(f"{100 * share:.2f} %", place, (4, 0), textcoords="offset points", va="center", fontsize=8)
    axes.set_yticks(at, [fill(name, 34) for name in compared], fontsize=8)
    axes.set_xlim(0, 112)
    axes.set_xticks(range(0, 101, 20))
    axes.grid(visible=True, axis="x")
    axes.set_axisbelow(True)
    finish(axes, "The same noise on both sides (hatched), and none", f"accuracy, %; noise: {told}", "")


def crossbar_figure(
    points: Sequence[CrossbarPoint],
    nominal: Mapping[Axis, float],
    chain_errors: Mapping[str, float],
    chain_accuracy: Mapping[str, float],
    images: int,
    compared: Mapping[str, tuple[float, float]] | None = None,
    told: str = "",
) -> Figure:
    """Top: RMS error of all weights; bottom, where there were images: accuracy.

    `nominal` marks what the other panels keep; `chain_errors` (shares) and `chain_accuracy` by program of the RF
    chains, and "software" for the trained network. Read noise leaves the weights as they are, so its panel has no top.
    `compared`: accuracy without and with all noise at the operating point that `told` says, by network.
    """
    rows = 2 if images else 1
    with rc_context(STYLE):
        shown: list[Axis] = [axis for axis in AXES if any(p.axis == axis for p in points)]
        tall = 0.6 + 0.5 * len(compared) if compared else 0.0
        drawn = figure(3.4 * len(shown), 3.1 * rows + (0 if images else 0.7) + tall)
        heights = [3.1] * rows + ([tall] if compared else [])
        grid = drawn.add_gridspec(len(heights), len(shown), height_ratios=heights)
        for n, axis in enumerate(shown):
            values = sorted({p.value for p in points if p.axis == axis})
            panels = [] if axis == "noise" else [(0, _errors, "Error of the weights", "RMS error / largest weight, %")]
            panels += [(1, _accuracy, f"Accuracy, {images:,} images", "accuracy, %")] if images else []
            for row, draw, title, unit in panels:
                axes = drawn.add_subplot(grid[row, n])
                draw(axes, points, axis, chain_accuracy if row else chain_errors)
                _scale(axes, axis, values, nominal[axis])
                if axis == "noise":
                    title, unit = "read noise of cells alone", ""
                finish(axes, title if n == 0 or axis == "noise" else "", AXES[axis], unit if n == 0 else "")
        if compared:
            _both(drawn.add_subplot(grid[rows, :]), compared, told)
        _legend(drawn, grid[0, len(shown) - 1] if "noise" in shown else None)
    return drawn
