"""Accuracy over the rate of faults, a panel each kind, before and after calibration."""

from collections.abc import Sequence

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from resonet.cosim.robust.fault_study import FaultCurve
from resonet.report.style import AGGRESSOR, CALIBRATED, COUPLED, MUTED, STYLE, figure, finish

__all__ = ["fault_figure"]

COLOURS = {"programmed": AGGRESSOR, "calibrated": COUPLED, "refitted": CALIBRATED}
TITLES = {
    "stuck": "stuck resonators",
    "short": "shorted resonators",
    "open": "open resonators",
    "tone": "dead tones",
    "oscillator": "dead oscillators",
    "line": "broken buses",
}


def fault_figure(curves: Sequence[FaultCurve], software: float) -> Figure:
    """Panels with the mean over the chips, and a band from the least to the most."""
    kinds = list(dict.fromkeys(curve.kind for curve in curves))
    columns = min(3, len(kinds))
    rows = -(-len(kinds) // columns)
    with rc_context(STYLE):
        drawn = figure(4.3 * columns, 3.3 * rows)
        panels = np.atleast_1d(drawn.subplots(rows, columns)).ravel()
        for panel, kind in zip(panels, kinds, strict=False):
            panel.axhline(100 * software, color=MUTED, lw=1, ls="--", label="trained network")
            for curve in (one for one in curves if one.kind == kind):
                colour = COLOURS[curve.level]
                rates = 100 * curve.rates
                panel.semilogx(rates, 100 * curve.mean, color=colour, marker="o", ms=3, label=curve.level)
                panel.fill_between(rates, 100 * curve.low, 100 * curve.high, color=colour, alpha=0.15, lw=0)
            finish(panel, TITLES[str(kind)], "faulty, %", "accuracy, %")
            panel.grid(visible=True)
            panel.set_axisbelow(True)
        for panel in panels[len(kinds) :]:
            panel.set_visible(False)
        panels[0].legend(fontsize=8, loc="lower left")
    return drawn
