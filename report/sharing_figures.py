"""Weight error and accuracy of a parallel layer against the fabrication spread."""

from collections.abc import Sequence

from matplotlib import rc_context
from matplotlib.figure import Figure

from resonet.report.style import COUPLED, FORMULA, MUTED, STYLE, figure, finish

__all__ = ["sharing_figure"]

Curve = Sequence[float]


def sharing_figure(
    title: str,
    spreads: Curve,
    errors: tuple[Curve, Curve, Curve],
    accuracies: tuple[Curve, Curve] | None,
) -> Figure:
    """RMS weight errors (before, shared, one current each) and accuracies (shared, one each), shares, by spread."""
    with rc_context(STYLE):
        drawn = figure(9.5 if accuracies else 4.9, 3.4)
        panels = drawn.subplots(1, 2 if accuracies else 1, squeeze=False)[0]
        looks = (
            (MUTED, "^:", "not calibrated for the spread"),
            (FORMULA, "o-", "shared currents"),
            (COUPLED, "s-", "one current each"),
        )
        for curve, (colour, line, label) in zip(errors, looks, strict=True):
            panels[0].plot(
                spreads, [100 * e for e in curve], line, color=colour, markersize=4, clip_on=False, label=label
            )
        x = "spread of f_res, half-widths"
        finish(panels[0], f"{title}: weight error", x, "RMS error / largest weight, %")
        if accuracies:
            for curve, (colour, line, label) in zip(accuracies, looks[1:], strict=True):
                panels[1].plot(
                    spreads, [100 * a for a in curve], line, color=colour, markersize=4, clip_on=False, label=label
                )
            panels[1].set_ylim(top=103)
            finish(panels[1], "accuracy", x, "accuracy, %")
        for panel in panels:
            panel.grid(visible=True)
            panel.set_ylim(bottom=0)
            panel.legend(fontsize=8)
    return drawn
