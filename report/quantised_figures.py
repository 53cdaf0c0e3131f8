"""Weight error and accuracy against the bits of the tuning DACs."""

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from resonet.cosim.calibration.bits import BitsSweep, Kind
from resonet.report.style import COUPLED, FORMULA, MUTED, SOFTWARE, STYLE, figure, finish

__all__ = ["bits_figure"]

MARKS: dict[Kind, str] = {"dac": "o-", "states": "D", "network": "s", "channel": "^"}
TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 50, 100)  # %


def _draw(axes: Axes, sweep: BitsSweep, nearest: str, after: str) -> None:
    """Nearest and descended values of the points, in per cent; points of other kinds than DACs with marks alone."""
    for name, colour, label in ((nearest, FORMULA, "nearest level"), (after, COUPLED, "coordinate descent")):
        for kind, mark in MARKS.items():
            chosen = [point for point in sweep.points if point.kind == kind]
            if chosen:
                axes.plot(
                    [point.bits for point in chosen],
                    [100 * getattr(point, name) for point in chosen],
                    mark,
                    color=colour,
                    markersize=4 if kind == "dac" else 7,
                    markerfacecolor=colour if kind == "dac" else "none",
                    label=label if kind == "dac" else f"{label}, {chosen[0].label}",
                )
    axes.grid(visible=True)
    bits = [point.bits for point in sweep.points]
    axes.set_xticks(range(int(min(bits)), 1 + max(2, round(max(bits)))))


def bits_figure(sweep: BitsSweep, title: str) -> Figure:
    """RMS weight error against bits, and accuracy beside it where it was measured."""
    with rc_context(STYLE):
        drawn = figure(9.5 if sweep.software is not None else 4.9, 3.6)
        panels = drawn.subplots(1, 2 if sweep.software is not None else 1, squeeze=False)[0]
        _draw(panels[0], sweep, "rms_nearest", "rms")
        panels[0].set_yscale("log")
        low, high = panels[0].get_ylim()
        ticks = [t for t in TICKS if low <= t <= high]
        panels[0].set_yticks(ticks, [f"{t:g}" for t in ticks])
        panels[0].set_yticks([], minor=True)
        finish(panels[0], f"{title}: weight error", "bits of the tuning DACs", "RMS error / largest weight, %")
        panels[0].legend(fontsize=8)
        if sweep.software is not None and sweep.accuracy_start is not None:
            _draw(panels[1], sweep, "accuracy_nearest", "accuracy")
            panels[1].axhline(100 * sweep.software, color=SOFTWARE, linewidth=1.0, label="software")
            line = f"calibrated, not quantised ({100 * sweep.accuracy_start:.2f} %)"
            panels[1].axhline(100 * sweep.accuracy_start, color=MUTED, linewidth=1.4, linestyle=":", label=line)
            panels[1].set_ylim(0, 103)
            finish(panels[1], f"accuracy, {sweep.images:,} images", "bits of the tuning DACs", "accuracy, %")
            panels[1].legend(loc="lower right", fontsize=8)
    return drawn
