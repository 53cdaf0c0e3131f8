"""What the page shows of a chain, as designed and with a change: plots and figures."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from resonet.core.decibel import level
from resonet.core.numbers import small_percent
from resonet.core.types import Array, Complex
from resonet.models.resonator.linear import rectified_per_watt
from resonet.report.page.blocks import Plot
from resonet.report.page.charts import axis, curve, frequency_axis, ghz, layout, numbers, thinned
from resonet.report.page.units import si
from resonet.view.chain import ChainState
from resonet.view.waveform import Waveform

__all__ = ["chain_plots", "figures", "levels_plots", "rows", "waveform_plots"]

States = Sequence[tuple[str, ChainState]]  # as designed, and with the change where there is one
TONE = "tone (0 = at the feed)"
AROUND, POINTS = 10.0, 241  # half-widths to either side of a resonance, and points of its curve
MARKS = ("circle", "diamond")
COLOURS = ("@blue", "@orange")


def _marks(x: Sequence[Any], y: Sequence[Any], name: str, n: int, hover: str, **more: Any) -> dict[str, Any]:
    marker = {"color": COLOURS[n], "size": 7, "symbol": MARKS[n]}
    shown = {"type": "scatter", "mode": "markers", "x": x, "y": y, "name": name, "marker": marker}
    return shown | {"hovertemplate": f"{hover}<extra></extra>"} | more


def _ring(x: float, y: float) -> dict[str, Any]:
    """A ring around the resonator that was picked."""
    marker = {"color": "rgba(0,0,0,0)", "size": 15, "symbol": "circle", "line": {"color": "@vermilion", "width": 2}}
    (shown,) = numbers([y])
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [x],
        "y": [shown],
        "marker": marker,
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _weights(states: States, picked: int) -> Plot:
    first = states[0][1]
    k = list(range(len(first.trained)))
    pale = {"color": "@soft", "opacity": 0.4}
    bar = {"type": "bar", "x": k, "y": numbers(first.trained), "name": "trained", "marker": pale}
    data = [bar | {"hovertemplate": "tone %{x}: trained %{y}<extra></extra>"}]
    for n, (name, state) in enumerate(states):
        data.append(_marks(k, numbers(state.effective), f"effective, {name}", n, "tone %{x}: effective %{y}"))
    data.append(_ring(picked, float(states[-1][1].effective[picked])))
    return Plot(
        "chain-weights",
        "Trained and effective weights",
        f"Bars of the {len(k)} trained weights of the chain, and marks of what the circuit holds.",
        {"data": data, "layout": layout(axis(TONE), axis("weight", zeroline=True), showlegend=True)},
    )


def _errors(states: States, picked: int) -> Plot:
    largest = max(float(np.abs(state.error).max()) for _, state in states)
    factor, unit = next(
        ((f, name) for f, name in ((1e2, "%"), (1e6, "ppm"), (1e9, "ppb")) if largest * f >= 0.1), (1e12, "10⁻¹²")
    )
    k = list(range(len(states[0][1].trained)))
    data = [
        _marks(k, numbers(factor * state.error), name, n, f"tone %{{x}}: error %{{y}} {unit}")
        for n, (name, state) in enumerate(states)
    ]
    data.append(_ring(picked, factor * float(states[-1][1].error[picked])))
    return Plot(
        "chain-errors",
        "Error of the weights, part of the layer's largest",
        f"Marks of the error of every weight; largest {small_percent(largest)}.",
        {
            "data": data,
            "layout": layout(axis(TONE), axis(f"error / largest weight, {unit}", zeroline=True), showlegend=True),
        },
    )


def _detuning(states: States, picked: int) -> Plot:
    data = []
    for n, (name, state) in enumerate(states):
        off = 100 * (state.resonances / state.bus.frequencies - 1)
        text = [
            f"{f / 1e9:.4f} GHz, resonance {r / 1e9:.4f} GHz"
            for f, r in zip(state.bus.frequencies, state.resonances, strict=True)
        ]
        hover = "tone %{x}: %{text}, %{y} %"
        data.append(_marks(list(range(len(off))), numbers(off), name, n, hover, text=text))
    last = states[-1][1]
    data.append(_ring(picked, 100 * float(last.resonances[picked] / last.bus.frequencies[picked] - 1)))
    return Plot(
        "chain-detuning",
        "Detuning of the resonances from their tones",
        "Marks of the detuning of every resonator, which holds its weight.",
        {"data": data, "layout": layout(axis(TONE), axis("resonance / tone - 1, %", zeroline=True), showlegend=True)},
    )


def _resonator(states: States, picked: int) -> Plot:
    """What the picked resonator makes of a watt at any frequency, with the tones of the bus on it."""
    data, said = [], ""
    for n, (name, state) in enumerate(states):
        device, f_res = state.plan.device, float(state.resonances[picked])
        f = f_res * (1 + device.damping * np.linspace(-AROUND, AROUND, POINTS))
        scale = state.bus.signs[picked] / device.sensitivity
        values = scale * rectified_per_watt(f, f_res, device)
        data.append(curve(ghz(f), numbers(values), name, n, "%{x} GHz: %{y} K_SD P<extra></extra>"))
        tones = state.bus.frequencies[(state.bus.frequencies > f[0]) & (state.bus.frequencies < f[-1])]
        at = numbers(scale * rectified_per_watt(tones, f_res, device))
        data.append(_marks(ghz(tones), at, f"tones, {name}", n, "tone at %{x} GHz: %{y} K_SD P"))
        said = f"resonance at {f_res / 1e9:.4f} GHz, its tone at {state.bus.frequencies[picked] / 1e9:.4f} GHz"
    return Plot(
        "chain-resonator",
        f"Resonator {picked}: rectified voltage over frequency",
        f"The antisymmetric line of a spin diode, {said}.",
        {
            "data": data,
            "layout": layout(
                axis("frequency, GHz"), axis("V / (K_SD P)", zeroline=True, range=[-1.15, 1.15]), showlegend=True
            ),
        },
    )


def chain_plots(states: States, picked: int) -> list[Plot]:
    """Weights, errors, detunings, and the line of one resonator. `picked`: its number, from the feed."""
    return [make(states, picked) for make in (_weights, _errors, _detuning, _resonator)]


def levels_plots(states: States, found: Sequence[tuple[Array, Complex]], bias: float) -> list[Plot]:
    """|S21| and |S11| of the chain between its bias tees, with its channels; `found` as `scattering` gives them."""
    plots = []
    told = f"{1e6 * bias:g} µA of bias" if bias else "no bias"
    low = min(float(f[0]) for f, _ in found)
    high = max(float(f[-1]) for f, _ in found)
    for i, j in ((1, 0), (0, 0)):
        which, data = f"S{i + 1}{j + 1}", []
        for n, ((name, state), (f, s)) in enumerate(zip(states, found, strict=True)):
            db = level(s[:, i, j])
            pick = thinned(f, db, keep=state.bus.frequencies)
            data.append(curve(ghz(f[pick]), numbers(db[pick], 5), name, n, "%{x} GHz: %{y} dB<extra></extra>"))
            tones = np.sort(state.bus.frequencies)
            at = numbers(np.interp(tones, f, db), 5)
            data.append(_marks(ghz(tones), at, f"channels, {name}", n, "channel %{x} GHz: %{y} dB"))
        plots.append(
            Plot(
                f"chain-{which.lower()}",
                f"|{which}| of the chain, {told}",
                f"Level of {which} from {low / 1e9:.3g} to {high / 1e9:.3g} GHz, with a mark at every channel.",
                {
                    "data": data,
                    "layout": layout(frequency_axis(low, high), axis(f"|{which}|, dB"), showlegend=True),
                },
            )
        )
    return plots


def figures(states: States) -> list[list[str]]:
    """What is said of the chain in numbers: name, then a value for each state."""
    rows: list[list[str]] = []
    for name, make in (
        ("RMS weight error", lambda one: small_percent(float(np.sqrt(np.mean(one.error**2))))),
        ("largest weight error", lambda one: small_percent(float(np.abs(one.error).max()))),
        ("loudest crosstalk", _loudest),
        ("channels", lambda one: f"{_ends(one.bus.frequencies)}"),
        ("tone power at full activation", lambda one: si(one.plan.options.p_max, "W")),
        ("largest voltage of a resonator, K_SD P", lambda one: si(_full(one), "V")),
        ("weight 1 at full activation", lambda one: si(_one(one), "V")),
        ("power of a tone source", lambda one: f"{one.source_dbm:.2f} dBm"),
        ("Q of a resonator", lambda one: f"{one.plan.device.quality:.4g}"),
    ):
        rows.append([name, *(make(state) for _, state in states)])
    return rows


def _loudest(state: ChainState) -> str:
    found = state.crosstalk
    return "-" if found is None else f"{found[0]:.2f} dB, tone {found[1]} in resonator {found[2]}"


def _ends(f: Array) -> str:
    return f"{f.min() / 1e9:.4g} ... {f.max() / 1e9:.4g} GHz"


def _full(state: ChainState) -> float:
    return state.plan.device.sensitivity * state.plan.options.p_max


def _one(state: ChainState) -> float:
    return float(state.unit[state.bus.group, state.bus.outputs[state.chosen.chain]]) * state.plan.options.p_max


def rows(state: ChainState, picked: int) -> list[list[str]]:
    """Figures of one resonator of a chain."""
    f, f_res, device = state.bus.frequencies[picked], float(state.resonances[picked]), state.plan.device
    power = 0.5 * device.resistance * float(state.powers[picked, picked])
    own, tone = float(state.volts[picked, picked]), float(state.volts[picked].sum())
    p_max = state.plan.options.p_max
    return [
        ["tone", f"{f / 1e9:.6g} GHz"],
        ["resonance", f"{f_res / 1e9:.6g} GHz"],
        ["detuning", f"{100 * (f_res / f - 1):+.4g} %"],
        ["tone above resonance, half-widths", f"{(f / f_res - 1) / device.damping:+.4g}"],
        ["input of the neuron", str(int(state.bus.taps[picked]))],
        ["trained weight", f"{state.trained[picked]:+.6g}"],
        ["effective weight", f"{state.effective[picked]:+.6g}"],
        ["error, part of largest", small_percent(float(abs(state.error[picked])))],
        ["power of its tone in it", si(power * p_max, "W", 4)],
        ["rectified of its tone, here", si(own * p_max, "V", 4)],
        ["of its tone, in all other resonators", si((tone - own) * p_max, "V", 4)],
        ["of its tone, at the neuron", si(tone * p_max, "V", 4)],
    ]


def waveform_plots(found: Waveform) -> list[Plot]:
    """The output over time, and what a neuron makes of it that averages, with what the closed form expects."""
    told = f"{found.resonators} resonators, {found.engine}, {found.steps:,} steps of {si(found.dt, 's')}"
    hover = "%{x} ns: %{y} mV<extra></extra>"
    output = curve(numbers(1e9 * found.time, 6), numbers(1e3 * found.volts, 5), "output", 0, hover)
    x, means = numbers(1e9 * found.mean_time, 6), numbers(1e6 * found.means, 5)
    ends = [x[0], x[-1]]
    level_, full = 1e6 * found.expected, 1e6 * found.full_scale
    reach = 0.6 * full + 0.4 * abs(level_)
    held = numbers([level_] * 2, 6)
    averaged = [
        curve(x, means, "averaged output", 0, "%{x} ns: %{y} µV<extra></extra>"),
        curve(ends, held, "closed form", 1, "closed form: %{y} µV<extra></extra>"),
    ]
    off = (found.output - found.expected) / found.full_scale
    return [
        Plot(
            "chain-wave",
            f"Voltage at the neuron from silence on: {told}",
            f"Output of the chain over {si(float(found.time[-1]), 's')}, from the moment that all tones begin.",
            {"data": [output], "layout": layout(axis("time, ns"), axis("output, mV", zeroline=True))},
        ),
        Plot(
            "chain-mean",
            f"Averaged over the last {si(found.window, 's')}: rectified voltage, {si(found.output, 'V', 5)}",
            f"Mean of the output over the last {si(found.window, 's')}; at the end {si(found.output, 'V', 5)}, closed "
            f"form {si(found.expected, 'V', 5)}, {off:+.1e} of full scale ({si(found.full_scale, 'V')}) apart.",
            {
                "data": averaged,
                "layout": layout(
                    axis("end of the window, ns"),
                    axis("mean, µV", zeroline=True, range=numbers([level_ - reach, level_ + reach])),
                    showlegend=True,
                ),
            },
        ),
    ]
