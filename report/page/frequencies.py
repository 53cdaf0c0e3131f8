"""Plots of a layer's frequency plan and of the S-parameters of its chains."""

from typing import Any

import numpy as np

from resonet.core.decibel import level
from resonet.core.types import Array, Complex
from resonet.netlist.planning.frequency_plan import LayerPlan
from resonet.netlist.programming.methods import LayerProgram
from resonet.report.page.blocks import Plot, Table
from resonet.report.page.charts import axis, curve, frequency_axis, ghz, layout, numbers, thinned
from resonet.report.page.facts import Ports

__all__ = ["buses_table", "detuning_plot", "levels_of_ports", "plan_plot", "smith_plot"]

MOST_BUSES = 40
MOST_ROWS = 64


def plan_plot(name: str, entry: LayerPlan, program: LayerProgram) -> Plot:
    """Channels of a bus, and how far the resonances of its chains lie from them."""
    bus, f_res = entry.buses[0], program.f_res[0]
    count = len(bus.frequencies)
    k, f = list(range(count)), bus.frequencies
    low, high = (np.asarray(end) for end in (f_res.min(0), f_res.max(0)))
    off = 100 * (f_res / f - 1)
    marker = {"color": "@blue", "size": 6, "symbol": "diamond"}
    trace: dict[str, Any] = {"type": "scatter", "mode": "markers", "x": k, "y": ghz(f), "marker": marker}
    trace |= {"hovertemplate": "tone %{x}: %{y} GHz<extra></extra>"}
    rows = tuple(
        (
            str(n),
            f"{f[n] / 1e9:.4f}",
            f"{low[n] / 1e9:.4f} ... {high[n] / 1e9:.4f}",
            f"{off[:, n].min():+.2f} ... {off[:, n].max():+.2f}",
        )
        for n in range(min(count, MOST_ROWS))
    )
    layer = entry.layer.name
    heads = ("tone (0 = at the feed)", "channel, GHz", "resonances, GHz", "detuning, %")
    alike = f"; the layer has {len(entry.buses)} buses" if len(entry.buses) > 1 else ""
    return Plot(
        f"{name}-plan",
        f"{layer}, bus {bus.name}: channels",
        f"{count} channels from {f.min() / 1e9:.3g} to {f.max() / 1e9:.3g} GHz on a logarithmic axis, the highest at "
        f"the feed{alike}.",
        {
            "data": [trace],
            "layout": layout(axis("tone (0 = at the feed)"), frequency_axis(float(f.min()), float(f.max()))),
        },
        Table(f"{layer}, bus {bus.name}: channels and resonances", heads, rows, words=()),
    )


def detuning_plot(name: str, entry: LayerPlan, program: LayerProgram, method: str) -> Plot:
    """How far the resonances of a bus lie from their tones: that is what holds the weights."""
    bus, f_res = entry.buses[0], program.f_res[0]
    off = 100 * (f_res / bus.frequencies - 1)
    middle, low, high = np.median(off, axis=0), off.min(0), off.max(0)
    span = {"type": "data", "symmetric": False, "array": numbers(high - middle), "arrayminus": numbers(middle - low)}
    marker = {"color": "@blue", "size": 6, "symbol": "diamond"}
    shown = {
        "x": list(range(len(middle))),
        "y": numbers(middle),
        "marker": marker,
        "error_y": span | {"color": "@orange"},
    }
    hover = "tone %{x}: median %{y} %<extra></extra>"
    layer = entry.layer.name
    return Plot(
        f"{name}-detuning",
        f"{layer}, bus {bus.name}: detuning of its resonances, program {method}",
        f"Median, and bars from the lowest to the highest, of the detuning of the resonators of {len(bus.outputs)} "
        f"chains from their tones: {off.min():+.2f} ... {off.max():+.2f} %.",
        {
            "data": [{"type": "scatter", "mode": "markers", "hovertemplate": hover, **shown}],
            "layout": layout(axis("tone (0 = at the feed)"), axis("resonance / tone - 1, %", zeroline=True)),
        },
    )


def buses_table(entry: LayerPlan) -> Table:
    """Buses of a layer."""
    rows = []
    for bus in entry.buses[:MOST_BUSES]:
        f = bus.frequencies
        step = f"{(f[0] / f[-1]) ** (1 / (len(f) - 1)):.4f}" if len(f) > 1 else "-"
        ends = f"{f.min() / 1e9:.4g} ... {f.max() / 1e9:.4g}"
        rows.append((bus.name, str(len(bus.outputs)), str(len(f)), ends, step, str(bus.below)))
    left = len(entry.buses) - len(rows)
    heads = ("bus", "chains", "tones", "band, GHz", "ratio of neighbours", "resonators below, at DC")
    note = f"{left} more buses are not shown." if left > 0 else ""
    return Table(f"{entry.layer.name}: its buses", heads, tuple(rows), folded=len(rows) > 4, note=note)


def _marks(f: Array, values: Array, channels: Array) -> dict[str, Any]:
    inside = np.sort(channels[(channels >= f[0]) & (channels <= f[-1])])
    marker = {"color": "@vermilion", "symbol": "triangle-down", "size": 8}
    shown = {"x": ghz(inside), "y": numbers(np.interp(inside, f, values), 5), "marker": marker}
    hover = "channel %{x} GHz: %{y} dB<extra></extra>"
    return {"type": "scatter", "mode": "markers", "name": "channels", "hovertemplate": hover, **shown}


def levels_of_ports(name: str, ports: Ports) -> list[Plot]:
    """|S21| and |S11| of a chain with its channels marked, one below the other: they differ by tens of dB."""
    plots = []
    under = f"program {ports.program}, {ports.engine}, "
    under += f"{1e6 * ports.bias:g} µA of bias" if ports.bias else "no bias"
    for i, j in ((1, 0), (0, 0)):
        if i >= ports.s.shape[1]:
            continue
        db, which = level(ports.s[:, i, j]), f"S{i + 1}{j + 1}"
        pick = thinned(ports.f, db, keep=ports.channels)
        hover = "%{x} GHz: %{y} dB<extra></extra>"
        data = [
            curve(ghz(ports.f[pick]), numbers(db[pick], 6), f"|{which}|", 0, hover),
            _marks(ports.f, db, ports.channels),
        ]
        at = np.sort(ports.channels)[::-1][:MOST_ROWS]
        rows = tuple((f"{f / 1e9:.4f}", f"{v:.3f}") for f, v in zip(at, np.interp(at, ports.f, db), strict=True))
        band = f"from {ports.f[0] / 1e9:.3g} to {ports.f[-1] / 1e9:.3g} GHz"
        plots.append(
            Plot(
                f"{name}-{which.lower()}",
                f"{ports.layer}: |{which}| of a chain, {under}",
                f"Level of {which} {band}, between {db.min():.2f} and {db.max():.2f} dB, with a triangle at each of "
                f"the {len(ports.channels)} channels.",
                {
                    "data": data,
                    "layout": layout(
                        frequency_axis(float(ports.f[0]), float(ports.f[-1])), axis(f"|{which}|, dB"), showlegend=True
                    ),
                },
                Table(f"{ports.layer}: |{which}| at the channels", ("channel, GHz", f"|{which}|, dB"), rows, words=()),
            )
        )
    return plots


def _impedance(s: Complex) -> Complex:
    """Over the reference; not a number at an open end."""
    return np.asarray((1 + s) / np.where(np.abs(1 - s) > 1e-9, 1 - s, np.nan))


def smith_plot(name: str, ports: Ports) -> Plot:
    """Input impedance of a chain in the Smith chart, channels marked."""
    s11 = ports.s[:, 0, 0]
    pick = thinned(ports.f, s11.real, s11.imag, keep=ports.channels)
    at = np.sort(ports.channels[(ports.channels >= ports.f[0]) & (ports.channels <= ports.f[-1])])
    z_at = _impedance(np.interp(at, ports.f, s11))

    def trace(f: Array, z: Complex, **more: Any) -> dict[str, Any]:
        text = [f"{one / 1e9:.4g} GHz" for one in f]
        shown = {"real": numbers(z.real, 5), "imag": numbers(z.imag, 5), "text": text}
        return {"type": "scattersmith", "hovertemplate": "%{text}: %{real} + j %{imag}<extra></extra>", **shown, **more}

    marker = {"color": "@vermilion", "symbol": "triangle-down", "size": 8}
    data = [
        trace(ports.f[pick], _impedance(s11[pick]), mode="lines", name="S11", line={"color": "@blue", "width": 2}),
        trace(at, z_at, mode="markers", name="channels", marker=marker),
    ]
    rows = tuple(
        (f"{f / 1e9:.4f}", f"{z.real:.4g} {'+' if z.imag >= 0 else '−'} j {abs(z.imag):.4g}")
        for f, z in zip(at[::-1][:MOST_ROWS], z_at[::-1], strict=False)
    )
    ends = [f"{ports.f[n] / 1e9:.3g} GHz: {abs(s11[n]):.3f}" for n in (0, len(s11) - 1)]
    return Plot(
        f"{name}-smith",
        f"{ports.layer}: S11 of a chain in the Smith chart, to {ports.z0:g} Ω, program {ports.program}",
        f"Smith chart of S11 with the channels marked; its magnitude at {ends[0]}, at {ends[1]}.",
        {"data": data, "layout": {"smith": {}, "showlegend": True}},
        Table(f"{ports.layer}: impedance at the channels / {ports.z0:g} Ω", ("channel, GHz", "z"), rows, words=()),
        square=True,
    )
