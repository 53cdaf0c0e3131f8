"""What the chips of a Monte Carlo are like: histogram, distribution and how far it has settled, level by level."""

from collections.abc import Mapping

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from resonet.core.types import Array
from resonet.cosim.montecarlo.findings import Findings
from resonet.cosim.montecarlo.limits import QUANTITIES, Limit
from resonet.cosim.montecarlo.statistics import distribution, settling
from resonet.report.style import AGGRESSOR, CALIBRATED, COUPLED, FORMULA, INK, MUTED, STYLE, figure, finish

__all__ = ["chips_figure", "fan_figure"]

COLOURS = {"programmed": COUPLED, "gain": FORMULA, "calibrated": CALIBRATED, "": MUTED}
BINS = 30
DRAWN = 40  # chips of a fan that are drawn one by one


def _shown(name: str, values: Array) -> tuple[Array, str]:
    """Values as they are drawn, and what stands at their axis."""
    known = QUANTITIES[name]
    if not known.unit:
        return 100 * values, f"{known.text}, %"
    return values, f"{known.text}, {known.unit}"


def _limit(panel: Axes, limit: Limit | None, along: str, ends: tuple[float, float]) -> None:
    """Line of a limit, where it is near what is drawn between those ends; else a word of it."""
    if limit is None:
        return
    at = float(_shown(limit.quantity, np.array([limit.bound]))[0][0])
    room = max(ends[1] - ends[0], 1e-3 * abs(ends[1]))
    if ends[0] - room <= at <= ends[1] + room:
        (panel.axvline if along == "x" else panel.axhline)(at, color=AGGRESSOR, lw=1, ls="--", label=limit.text)
    else:
        panel.plot([], [], color=AGGRESSOR, lw=1, ls="--", label=f"{limit.text}, beyond")


def _room(values: Array) -> float:
    """Width of what is drawn, also where all values are one."""
    return max(float(values.max() - values.min()), 1e-3 * float(np.abs(values).max()), 1e-300)


def _histogram(panel: Axes, values: Array, colour: str) -> None:
    low, high, room = float(values.min()), float(values.max()), _room(values)
    panel.hist(values, np.linspace(low - 0.01 * room, high + 0.01 * room, BINS + 1).tolist(), color=colour, alpha=0.7)


def _curve(panel: Axes, values: Array, colour: str, confidence: float) -> None:
    found = distribution(values, confidence)
    room, off = 0.02 * _room(values), float(found.high[0] - found.share[0])
    x = np.concatenate([[found.values[0] - room], found.values, [found.values[-1] + room]])
    share, low, high = (
        100 * np.concatenate([[first], of, [of[-1]]])
        for first, of in ((0.0, found.share), (0.0, found.low), (min(off, 1.0), found.high))
    )
    panel.step(x, share, where="post", color=colour)
    panel.fill_between(x, low, high, step="post", color=colour, alpha=0.2, lw=0)
    panel.set_ylim(0, 100)


def _settling(panel: Axes, values: Array, colour: str) -> None:
    found = settling(values)
    panel.plot(found.chips, found.mean, color=colour)
    panel.fill_between(found.chips, found.mean - found.error, found.mean + found.error, color=colour, alpha=0.2, lw=0)


def chips_figure(found: Findings, name: str, confidence: float) -> Figure:
    """A row of panels for each level of a quantity: histogram, distribution with its band, running mean."""
    own = {level: values[np.isfinite(values)] for (of, level), values in found.values.items() if of == name}
    own = {level: values for level, values in own.items() if len(values)}
    limit = next((one for one in found.limits if one.quantity == name), None)
    with rc_context(STYLE):
        drawn = figure(12.5, 0.3 + 2.7 * len(own))
        for row, (level, given) in zip(drawn.subplots(len(own), 3, squeeze=False), own.items(), strict=True):
            values, label = _shown(name, given)
            colour, ends = COLOURS[level], (float(values.min()), float(values.max()))
            _histogram(row[0], values, colour)
            finish(row[0], f"{level or name}: {len(values):,} chips", label, "chips")
            _curve(row[1], values, colour, confidence)
            finish(row[1], f"distribution, {100 * confidence:g} % band", label, "chips at or below, %")
            if len(values) > 1:
                _settling(row[2], values, colour)
            finish(row[2], "running mean and its standard error", "chips", label)
            for panel, along in zip(row, "xxy", strict=True):
                _limit(panel, limit, along, ends)
                panel.grid(visible=True)
                panel.set_axisbelow(True)
                if limit is not None:
                    panel.legend(fontsize=8)
    return drawn


def fan_figure(f: Array, fans: Mapping[str, Array], percentiles: Mapping[str, Array], title: str) -> Figure:
    """|S21| of a chain over chips, a panel for each level.

    f [frequencies] Hz; fans [chips, frequencies] dB; percentiles [5, frequencies] dB: least, 5 %, median, 95 %, most.
    """
    with rc_context(STYLE):
        drawn = figure(6.0 * len(fans), 3.4)
        panels = drawn.subplots(1, len(fans), squeeze=False, sharey=True)[0]
        for panel, (level, own) in zip(panels, fans.items(), strict=True):
            colour, x, ends = COLOURS[level], f / 1e9, percentiles[level]
            panel.plot(x, own[:DRAWN].T, color=colour, lw=0.4, alpha=0.25)
            panel.fill_between(x, ends[1], ends[3], color=colour, alpha=0.3, lw=0, label="5 ... 95 %")
            panel.plot(x, ends[2], color=INK, lw=0.9, label="median")
            panel.plot(x, ends[0], color=MUTED, lw=0.5, ls="--", label="min, max")
            panel.plot(x, ends[4], color=MUTED, lw=0.5, ls="--")
            panel.set_xscale("log")
            panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            panel.xaxis.set_minor_formatter(NullFormatter())
            panel.set_xticks([tick for tick in (0.5, 1, 2, 5, 10, 20, 50) if x[0] <= tick <= x[-1]])
            panel.grid(visible=True)
            panel.legend(fontsize=8)
            finish(panel, f"{title}, {level}: {len(own)} chips", "frequency, GHz", "|S21|, dB")
    return drawn
