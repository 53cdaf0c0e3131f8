"""What the chips of a Monte Carlo are like: histogram, distribution and how far it has settled, level by level."""

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from resonet.core.types import Array
from resonet.cosim.montecarlo.findings import Findings
from resonet.cosim.montecarlo.limits import QUANTITIES, Limit
from resonet.cosim.montecarlo.statistics import distribution, settling
from resonet.report.style import AGGRESSOR, CALIBRATED, COUPLED, FORMULA, MUTED, STYLE, figure, finish

__all__ = ["chips_figure"]

COLOURS = {"programmed": COUPLED, "gain": FORMULA, "calibrated": CALIBRATED, "": MUTED}
BINS = 30


def _shown(name: str, values: Array) -> tuple[Array, str]:
    """Values as they are drawn, and what stands at their axis."""
    known = QUANTITIES[name]
    if not known.unit:
        return 100 * values, f"{known.text}, %"
    return values, f"{known.text}, {known.unit}"


def _limit(panel: Axes, limit: Limit | None, along: str = "x") -> None:
    if limit is not None:
        at = float(_shown(limit.quantity, np.array([limit.bound]))[0][0])
        (panel.axvline if along == "x" else panel.axhline)(at, color=AGGRESSOR, lw=1, ls="--", label=limit.text)


def _histogram(panel: Axes, of_levels: dict[str, Array]) -> None:
    every = np.concatenate(list(of_levels.values()))
    low, high = float(every.min()), float(every.max())
    room = max(high - low, 1e-9 * abs(high), 1e-300)
    edges = np.linspace(low - 0.01 * room, high + 0.01 * room, BINS + 1).tolist()
    for level, values in of_levels.items():
        panel.hist(values, edges, color=COLOURS[level], alpha=0.6, label=level or None)


def _curves(panel: Axes, of_levels: dict[str, Array], confidence: float) -> None:
    for level, values in of_levels.items():
        found = distribution(values, confidence)
        panel.step(found.values, 100 * found.share, where="post", color=COLOURS[level], label=level or None)
        panel.fill_between(
            found.values, 100 * found.low, 100 * found.high, step="post", color=COLOURS[level], alpha=0.15, lw=0
        )
    panel.set_ylim(0, 100)


def _settling(panel: Axes, of_levels: dict[str, Array]) -> None:
    for level, values in of_levels.items():
        found = settling(values)
        panel.plot(found.chips, found.mean, color=COLOURS[level], label=level or None)
        panel.fill_between(
            found.chips, found.mean - found.error, found.mean + found.error, color=COLOURS[level], alpha=0.2, lw=0
        )


def chips_figure(found: Findings, names: list[str], confidence: float) -> Figure:
    """A row of panels for each of these quantities: histogram, distribution with its band, running mean."""
    with rc_context(STYLE):
        drawn = figure(13.5, 3.3 * len(names))
        for row, name in zip(drawn.subplots(len(names), 3, squeeze=False), names, strict=True):
            limit = next((one for one in found.limits if one.quantity == name), None)
            own: dict[str, Array] = {}
            for (of, level), values in found.values.items():
                finite = values[np.isfinite(values)]
                if of == name and len(finite):
                    own[level], label = _shown(name, finite)
            _histogram(row[0], own)
            _limit(row[0], limit)
            finish(row[0], f"{QUANTITIES[name].text}: {len(found.numbers):,} chips", label, "chips")
            _curves(row[1], own, confidence)
            _limit(row[1], limit)
            finish(row[1], f"distribution, {100 * confidence:g} % band", label, "chips at or below, %")
            if min(map(len, own.values())) > 1:
                _settling(row[2], own)
            _limit(row[2], limit, "y")
            finish(row[2], "running mean and its standard error", "chips", label)
            for panel in row:
                panel.grid(visible=True)
                panel.set_axisbelow(True)
                if panel.get_legend_handles_labels()[0]:
                    panel.legend(fontsize=8)
    return drawn
