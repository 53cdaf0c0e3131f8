"""Plots of a cascade: powers of tones stage by stage, and noise by source."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from resonet.report.page.blocks import Plot, Table
from resonet.report.page.charts import MARKS, axis, bars, curve, layout, log_axis, numbers
from resonet.report.page.units import si

__all__ = ["budget_plot", "levels_plot"]

STAGES = {"source": "source", "splitter": "splitter", "bus": "bus", "resonator": "resonator"}
ON_LINES = {"source": "source", "bus": "strip line", "resonator": "resonator", "weakest": "weakest resonator"}
BEFORE = {"oscillator": "oscillator", "amplifier": "amplifier"}


def _dbm(watts: float) -> float:
    return 10 * math.log10(watts) + 30 if watts > 0 else float("nan")


def levels_plot(name: str, layer: str, told: str, levels: Mapping[str, Any]) -> Plot | None:
    """Power of the largest, the median and the smallest tone into a layer, stage by stage; None without any."""
    tones = [tone for tone in levels["tones"] if tone["layer"] == layer]
    if not tones:
        return None
    stages = STAGES if tones[0]["feed"] == "bus" else ON_LINES
    before = BEFORE if tones[0].get("neuron") else {}
    names = [*before.values(), *stages.values()]
    data, rows = [], []
    for n, tone in enumerate(tones):
        watts = [*(tone["neuron"][key] for key in before), *(tone[key] for key in stages)]
        shown = [_dbm(value) for value in watts]
        title = f"{tone['which']} tone, {tone['frequency'] / 1e9:.3g} GHz"
        marker = {"color": "@ink", "symbol": MARKS[n], "size": 7}
        line = curve(names, numbers(shown), title, n, "%{x}: %{y} dBm", mode="lines+markers", marker=marker)
        data.append(line)
        rows.append((title, *(f"{value:.1f}" for value in shown)))
    floor = next(row["tone_noise"] for row in levels["layers"] if row["layer"] == layer)
    for n, (text, watts) in enumerate(
        ((f"p_max {si(levels['p_max'], 'W')}", levels["p_max"]), ("k T B in a linewidth", floor))
    ):
        value = [round(_dbm(watts), 2)] * len(names)
        line = {"color": "@vermilion", "width": 1.5, "dash": ("dot", "dashdot")[n]}
        data.append({"type": "scatter", "mode": "lines", "x": names, "y": value, "name": text, "line": line})
    heads = ("tone", *(f"{one}, dBm" for one in names))
    return Plot(
        f"{name}-levels",
        f"{layer}: level diagram of its tones, {levels['images']} images at {levels['temperature']:g} K, {told}",
        f"Power in dBm of {len(tones)} tones into {layer}, from {names[0]} to {names[-1]}, with p_max and the noise "
        "floor of a linewidth as level lines; the table has the figures.",
        {"data": data, "layout": layout(axis(""), axis("power, dBm"), showlegend=True)},
        Table(f"{layer}: powers of tones", heads, tuple(rows)),
    )


def budget_plot(name: str, layer: str, told: str, budgets: Sequence[Mapping[str, Any]]) -> Plot | None:
    """Noise at the neurons of a layer by source; None where there is none."""
    budget = next((one for one in budgets if one["layer"] == layer), None)
    if budget is None or not budget["sources"]:
        return None
    sources = sorted(budget["sources"].items(), key=lambda item: -item[1])
    shown = [1e6 * value for _, value in sources]
    trace = bars([one for one, _ in sources], numbers(shown, 3), "", 0, "%{x}: %{y} µV rms<extra></extra>")
    known = {"SNR": budget["snr"], "ENOB": budget["enob"]}
    ratios = ", ".join(
        f"{key} {value:.1f}{' dB' if key == 'SNR' else ' bit'}" for key, value in known.items() if value is not None
    )
    rows = [(one, f"{1e6 * value:.3g}") for one, value in sources]
    rows += [("all", f"{1e6 * budget['noise']:.3g}"), ("signal", f"{1e6 * budget['signal']:.3g}")]
    rows += [("swing, largest less smallest", f"{1e6 * budget['swing']:.3g}")]
    return Plot(
        f"{name}-noise",
        f"{layer}: noise at its neurons by source, {ratios}, {told}",
        f"Bars of the noise of each source in a bandwidth of {si(budget['bandwidth'], 'Hz')}; the largest is "
        f"{sources[0][0]} with {shown[0]:.3g} µV rms, all of them {1e6 * budget['noise']:.3g} µV; {ratios}.",
        {"data": [trace], "layout": layout(axis(""), log_axis("noise, µV rms", shown))},
        Table(f"{layer}: noise budget, in {si(budget['bandwidth'], 'Hz')}", ("what", "µV rms"), tuple(rows)),
    )
