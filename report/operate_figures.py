"""Figure of operating points: energy against latency at several accuracies; noise of the chosen one."""

from collections.abc import Mapping

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from resonet.cosim.operate.records import Found
from resonet.report.style import AGGRESSOR, COUPLED, FORMULA, INK, MUTED, SHARED, SOFTWARE, STYLE, figure, finish

__all__ = ["operate_figure"]

COLOURS = (COUPLED, FORMULA, SHARED, AGGRESSOR, SOFTWARE)
MOST_SOURCES = 6


def _front(axes: Axes, found: Found, target: float) -> None:
    """Points of the front, by accuracy, and the chosen one."""
    points = found.front
    accuracy = np.array([point.accuracy for point in points])
    levels = np.unique(accuracy.round(3))
    shown = levels[np.unique(np.linspace(0, len(levels) - 1, len(COLOURS)).round().astype(int))]
    for level, colour in zip(shown, COLOURS, strict=False):
        own = [point for point in points if abs(point.accuracy - level) < 1e-3]
        x, y = [1e6 * point.latency for point in own], [1e6 * point.energy for point in own]
        axes.plot(x, y, "o", color=colour, markersize=3.4, label=f"{100 * level:.1f} %")
    axes.plot(
        1e6 * found.latency.parallel,
        1e6 * found.energy,
        "*",
        color=INK,
        markersize=11,
        label=f"chosen, measured {100 * found.confirmed.accuracy:.2f} %",
    )
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")
        axis.set_minor_locator(LogLocator(subs=(2, 5)))
        axis.set_minor_formatter("{x:g}")
        axis.set_tick_params(which="minor", labelsize=7)
    axes.grid(visible=True)
    told = "accuracy" if len(shown) == len(levels) else f"accuracy, {len(shown)} of {len(levels)}"
    axes.legend(fontsize=7.5, title=told, title_fontsize=7.5, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    finish(axes, f"front (target {100 * target:g} %)", "latency of an image, µs", "energy of an image, µJ")


def _noise(axes: Axes, noise: Mapping[tuple[str, str], float]) -> None:
    """Shares of the variance at the outputs, by source, stacked over layers."""
    total = sum(noise.values()) or 1.0
    layers = list(dict.fromkeys(layer for layer, _ in noise))
    by_source = {s: sum(v for (_, source), v in noise.items() if source == s) for _, s in noise}
    sources = sorted(by_source, key=lambda s: -by_source[s])[:MOST_SOURCES]
    left = np.zeros(len(sources))
    for n, layer in enumerate(layers):
        shares = np.array([100 * noise.get((layer, source), 0.0) / total for source in sources])
        colour = COLOURS[n % len(COLOURS)] if len(layers) <= len(COLOURS) else MUTED
        axes.barh(sources, shares, left=left, color=colour, label=layer, edgecolor="white", linewidth=0.5)
        left = left + shares
    axes.invert_yaxis()
    if len(layers) <= len(COLOURS):
        axes.legend(fontsize=7.5)
    finish(axes, "what limits the chosen point", "share of the variance at the outputs, %", "")


def operate_figure(found: Found, target: float) -> Figure:
    """Front of latency, energy and accuracy, and the noise of the chosen point."""
    with rc_context(STYLE):
        drawn = figure(10.6, 3.8)
        left, right = drawn.subplots(1, 2)
        _front(left, found, target)
        _noise(right, found.surrogate.noise(found.setting))
    return drawn
