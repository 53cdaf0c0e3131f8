"""Plots of what a layer holds: error against weight, errors by program, crosstalk and its causes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from resonet.core.decibel import level
from resonet.core.numbers import percent, small_percent
from resonet.core.types import Array
from resonet.cosim.weights.held import RfWeights
from resonet.netlist.planning.frequency_plan import LayerPlan
from resonet.netlist.programming.methods import Method
from resonet.report.page.blocks import Plot, Table
from resonet.report.page.charts import HEAT, axis, bars, curve, label, layout, log_axis, numbers

__all__ = ["causes_plot", "crosstalk_plot", "error_plot", "errors_plot"]

FEW = 1500  # weights that are shown one by one; of more the density
BINS = 61
MOST_CELLS = 96  # of a heat map along a side
FLOOR = -80.0  # dB
QUANTILES = np.concatenate([np.linspace(0, 98, 50), [99, 99.5, 99.9, 100]])


def _unit(largest: float) -> tuple[float, str]:
    """Factor and name of the unit in which errors up to `largest`, a part of the largest weight, are read easily."""
    for factor, name in ((1e2, "%"), (1e6, "ppm"), (1e9, "ppb")):
        if largest * factor >= 0.1:
            return factor, name
    return 1e12, "10⁻¹²"


def error_plot(name: str, weights: RfWeights) -> Plot:
    """Error of every weight against its trained value."""
    trained, held = weights.pairs
    full = float(np.abs(trained).max()) or 1.0
    x, error = trained / full, (held - trained) / full
    factor, unit = _unit(float(np.abs(error).max()))
    y, largest = factor * error, float(np.abs(error).max())
    hover = f"weight %{{x}}<br>error %{{y}} {unit}"
    trace: dict[str, Any]
    if len(x) <= FEW:
        marker = {"color": "@blue", "size": 5, "opacity": 0.6}
        trace = {"type": "scatter", "mode": "markers", "x": numbers(x), "y": numbers(y), "marker": marker}
        trace["hovertemplate"] = hover + "<extra></extra>"
        what = f"{len(x):,} weights, one mark each"
    else:
        top = float(np.abs(y).max()) or 1.0
        counts, rows, columns = np.histogram2d(y, x, BINS, [[-top, top], [-1, 1]])
        z = [numbers(np.where(row > 0, np.log10(np.maximum(row, 1)), np.nan), 3) for row in counts]
        middles = [numbers((edges[1:] + edges[:-1]) / 2) for edges in (columns, rows)]
        ticks = list(range(int(np.log10(max(counts.max(), 1))) + 1))
        bar = {"title": {"text": "weights in a cell"}, "tickvals": ticks, "ticktext": [f"{10**n:,}" for n in ticks]}
        trace = {"type": "heatmap", "x": middles[0], "y": middles[1], "z": z, "colorscale": HEAT, "colorbar": bar}
        trace |= {"hovertemplate": hover + "<br>10^%{z:.1f} weights<extra></extra>", "hoverongaps": False}
        what = f"density of {len(x):,} weights in {BINS} x {BINS} bins"
    rms = small_percent(weights.rms_error)
    return Plot(
        f"{name}-error",
        f"{weights.layer}: error against trained weight, program {weights.method}, RMS {rms}",
        f"Error of the weights that the circuit holds against the trained weight, both as part of the largest: {what}. "
        f"RMS {rms}, largest {small_percent(largest)}.",
        {
            "data": [trace],
            "layout": layout(
                axis("trained weight / largest", range=[-1.05, 1.05]), axis(f"error / largest weight, {unit}")
            ),
        },
    )


def errors_plot(name: str, layer: str, weights: Mapping[Method, RfWeights]) -> Plot:
    """Share of the weights whose error is below a size, by program."""
    data, rows = [], []
    for n, (method, held) in enumerate(weights.items()):
        found = np.percentile(np.abs(held.error if held.wired is None else held.error[held.wired]), QUANTILES)
        shown = np.where(found > 0, 100 * found, np.nan)
        hover = "%{y} % of the weights are off by less than %{x} %"
        data.append(curve(numbers(shown), numbers(QUANTILES), str(method), n, hover))
        at = (np.percentile(np.abs(held.error), share) for share in (50, 95, 100))
        rows.append((str(method), small_percent(held.rms_error), *(small_percent(float(value)) for value in at)))
    heads = ("program", "RMS", "median", "95 % below", "largest")
    return Plot(
        f"{name}-errors",
        f"{layer}: how many weights are off by less, by program",
        "Cumulative distribution of the weight error, one curve a program; the table has its figures.",
        {
            "data": data,
            "layout": layout(
                log_axis("error, % of largest weight", [one for trace in data for one in trace["x"]]),
                axis("weights below, %", range=[0, 102]),
                showlegend=True,
            ),
        },
        Table(f"{layer}: weight errors, part of the largest weight", heads, tuple(rows)),
    )


def _worst_of_blocks(matrix: Array) -> tuple[Array, int]:
    """The matrix in blocks of so many by so many, each with its largest entry."""
    step = -(-max(matrix.shape) // MOST_CELLS)
    if step == 1:
        return matrix, 1
    padded = np.pad(matrix, [(0, -side % step) for side in matrix.shape], constant_values=-np.inf)
    rows, columns = (side // step for side in padded.shape)
    return np.asarray(padded.reshape(rows, step, columns, step).max((1, 3))), step


def _ticks(count: int, step: int, frequencies: Array | None, origin: float = 0) -> dict[str, Any]:
    every = max(1, -(-count // 6))
    at = list(range(0, count, every))
    text = [str(k * step) if frequencies is None else f"{k * step} · {frequencies[k * step] / 1e9:.3g} GHz" for k in at]
    return {"tickmode": "array", "tickvals": at, "ticktext": text}


def crosstalk_plot(name: str, weights: RfWeights, entry: LayerPlan) -> Plot:
    """Who disturbs whom on the bus of the worst aggressor."""
    worst = weights.worst
    key = worst.bus if worst else next(iter(weights.crosstalk))
    db, step = _worst_of_blocks(np.maximum(level(weights.crosstalk[key], 1e-12), FLOOR))
    bus = next(
        (one for one in entry.buses if one.name == key and len(one.frequencies) == weights.crosstalk[key].shape[0]),
        None,
    )
    f = None if bus is None else bus.frequencies
    trace = {"type": "heatmap", "z": [numbers(row, 3) for row in db], "colorscale": HEAT, "zmin": -60, "zmax": 0}
    trace |= {"colorbar": {"title": {"text": "|V| / (P K_SD), dB"}}}
    trace["hovertemplate"] = "tone %{x} in resonator %{y}: %{z} dB<extra></extra>"
    data = [trace]
    where = f"{weights.MAP.format(key)}"
    said, where_worst = "", ""
    if worst is not None:
        ring = {"color": "rgba(0,0,0,0)", "size": 14, "line": {"color": "@vermilion", "width": 3}, "symbol": "square"}
        at = {"x": [worst.aggressor // step], "y": [worst.victim // step], "marker": ring}
        data.append({"type": "scatter", "mode": "markers", "hoverinfo": "skip", **at})
        said = f", worst {worst.level:.1f} dB"
        where_worst = f", tone {worst.aggressor} in resonator {worst.victim}"
    x, y = weights.AXES
    grouped = f" Cells are blocks of {step} x {step}, with the largest of each." if step > 1 else ""
    return Plot(
        f"{name}-crosstalk",
        f"{weights.layer}, {where}: crosstalk of every tone in every resonator{said}",
        f"Heat map of the voltage that each tone rectifies in each resonator of {where}, in dB against the largest "
        f"for the same power{said}{where_worst}; the diagonal is the wanted answer.{grouped}",
        {
            "data": data,
            "layout": layout(
                axis(x, constrain="domain", tickangle=45, showgrid=False, **_ticks(db.shape[1], step, f)),
                axis(
                    y,
                    autorange="reversed",
                    scaleanchor="x",
                    constrain="domain",
                    showgrid=False,
                    **_ticks(db.shape[0], step, f),
                ),
            ),
        },
        square=True,
    )


def causes_plot(name: str, layer: str, program: str, causes: Sequence[Mapping[str, Any]]) -> Plot:
    """What the weight error of a layer is made of."""
    rows = [(str(row["cause"]), float(row["alone"])) for row in causes]
    cells = tuple((cause, small_percent(value)) for cause, value in rows)
    shown = numbers([100 * value if value > 0 else float("nan") for _, value in rows])
    trace = bars(shown, [label(cause) for cause, _ in rows], "", 0, "%{y}: %{x} %<extra></extra>", orientation="h")
    largest = max(rows[:-1], key=lambda row: row[1], default=("nothing", 0.0))
    return Plot(
        f"{name}-causes",
        f"{layer}: what its weight error is made of, program {program}",
        f"Bars of the RMS weight error that each cause makes alone; largest: {largest[0]}, {percent(largest[1])}.",
        {
            "data": [trace],
            "layout": layout(
                log_axis("RMS alone, % of largest", shown),
                axis("", autorange="reversed"),
            ),
        },
        Table(f"{layer}: causes of the weight error, each alone", ("cause", "RMS"), cells),
    )
