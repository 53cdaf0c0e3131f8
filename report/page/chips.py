"""Plots of many chips, of crossbars, and of the accuracies side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from resonet.core.numbers import percent, small_percent
from resonet.cosim.montecarlo.limits import QUANTITIES, Limit
from resonet.report.page.blocks import Plot, Table
from resonet.report.page.charts import axis, bars, layout, log_axis, numbers
from resonet.report.page.verdict import Judged, value_text

__all__ = ["accuracy_plot", "chips_plot", "chips_table", "crossbar_plot", "networks_table"]

BINS = 24
COLUMNS = {
    "least": "min",
    "low": "5 %",
    "median": "median",
    "mean": "mean",
    "spread": "std",
    "high": "95 %",
    "most": "max",
}


def accuracy_plot(judged: Sequence[Judged]) -> Plot | None:
    """Accuracies that are known, side by side; None without any."""
    rows = [one for one in judged if one.name.startswith("Accuracy, ") and one.value is not None]
    if not rows:
        return None
    names = [one.name.removeprefix("Accuracy, ") for one in rows]
    text = [one.found for one in rows]
    shown = numbers([100 * one.value for one in rows if one.value is not None], 5)
    trace = bars(
        shown,
        names,
        "",
        0,
        "%{y}: %{x} %<extra></extra>",
        orientation="h",
        text=text,
        textposition="outside",
        cliponaxis=False,
    )
    return Plot(
        "accuracy",
        "Accuracy, from the trained network to the circuit with everything on",
        "Bars: " + ", ".join(f"{name} {value}" for name, value in zip(names, text, strict=True)) + ".",
        {
            "data": [trace],
            "layout": layout(
                axis("accuracy, %", range=[0, 135], tickvals=[0, 20, 40, 60, 80, 100]), axis("", autorange="reversed")
            ),
        },
    )


def _number(name: str, value: float | None) -> str:
    return value_text(QUANTITIES[name], value)


def chips_table(answer: Mapping[str, Any]) -> Table:
    """Min, typ, max of everything that was measured of the chips."""
    rows = [
        (row["quantity"], row["level"] or "-", *(_number(row["quantity"], row[key]) for key in COLUMNS))
        for row in answer["quantities"]
    ]
    caption = f"{len(answer['chips']):,} chips with the spread of their fabrication"
    return Table(caption, ("quantity", "level", *COLUMNS.values()), tuple(rows), words=(0, 1))


def chips_plot(answer: Mapping[str, Any], name: str, limit: Limit | None) -> Plot:
    """Histogram of a quantity over the chips, level by level."""
    unit = QUANTITIES[name].unit
    factor, told = (100.0, "%") if not unit else (1.0, unit)
    if unit == "s":
        factor, told = 1e6, "µs"
    elif unit == "J":
        factor, told = 1e6, "µJ"
    levels = {level: factor * np.asarray(own, float) for level, own in answer["values"][name].items()}
    together = np.concatenate(list(levels.values()))
    together = together[np.isfinite(together)]
    low, high = (float(together.min()), float(together.max())) if len(together) else (0.0, 1.0)
    edges = np.linspace(low, high if high > low else low + 1e-3 * (abs(low) or 1.0), BINS + 1)
    data = []
    for n, (level, values) in enumerate(levels.items()):
        counts, _ = np.histogram(values[np.isfinite(values)], edges)
        hover = f"%{{x:.4g}} {told}: %{{y}} chips"
        data.append(bars(numbers((edges[1:] + edges[:-1]) / 2, 5), counts.tolist(), level, n, hover, opacity=0.85))
    more: dict[str, Any] = {"barmode": "overlay", "bargap": 0.02, "showlegend": True}
    if limit is not None:
        at = round(factor * limit.bound, 6)
        line = {"color": "@vermilion", "width": 2, "dash": "dash"}
        tall = max(max(trace["y"]) for trace in data)
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": [at, at],
                "y": [0, tall],
                "name": f"limit {at:g} {told}",
                "line": line,
            }
        )
    medians = ", ".join(f"{level} {np.median(values):.4g} {told}" for level, values in levels.items())
    return Plot(
        f"chips-{name}",
        f"{QUANTITIES[name].text} of {len(answer['chips']):,} chips",
        f"Histogram over {len(answer['chips']):,} chips, one set of bars a level; medians: {medians}.",
        {"data": data, "layout": layout(axis(f"{QUANTITIES[name].text}, {told}"), _counts(data), **more)},
    )


def _counts(data: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """An axis of chips, which are whole."""
    most = max((int(count) for trace in data for count in trace["y"]), default=1)
    return axis("chips", rangemode="tozero", **({"dtick": 1} if most <= 6 else {}))


def crossbar_plot(name: str, row: Mapping[str, Any]) -> Plot:
    """Weight errors of a layer in a resistive crossbar and in RF chains, by how they are programmed."""
    layer = str(row["layer"])
    kinds = {
        f"{'RF chains' if '_rf_' in key else 'crossbar'}, {key.removeprefix('rms_error_').removeprefix('rf_')}": value
        for key, value in row.items()
        if key.startswith("rms_error_") and value is not None
    }
    cells = tuple((kind, small_percent(value)) for kind, value in kinds.items())
    shown = numbers([100 * value if value > 0 else float("nan") for value in kinds.values()])
    trace = bars(shown, list(kinds), "", 0, "%{y}: %{x} %<extra></extra>", orientation="h")
    return Plot(
        f"{name}-crossbars",
        f"{layer}: RMS weight error in resistive crossbars and in RF chains",
        "Bars: " + ", ".join(f"{kind} {value}" for kind, value in cells) + ".",
        {
            "data": [trace],
            "layout": layout(
                log_axis("RMS error, % of largest", shown),
                axis("", autorange="reversed"),
            ),
        },
        Table(f"{layer}: the same weights in both", ("hardware, program", "RMS error"), cells),
    )


def networks_table(answer: Mapping[str, Any]) -> Table:
    """Networks of crossbars and of chains: error and accuracy."""
    rows = tuple(
        (row["network"], small_percent(row["rms_error"]), percent(row["accuracy"]), percent(row["accuracy_noise"]))
        for row in answer["networks"]
    )
    heads = ("network", "RMS error", "accuracy", "with noise")
    return Table("The same weights in resistive crossbars and in RF chains", heads, rows)
