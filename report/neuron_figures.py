"""Figures of the cascade: level diagram, settling of one image, energy."""

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator

from resonet.core.types import Array, Ints
from resonet.cosim.cascade.energy_budget import LITERATURE, Energy
from resonet.cosim.cascade.envelopes import EnvelopeRun
from resonet.cosim.cascade.image_run import ImageRun
from resonet.cosim.cascade.level_diagrams import LayerLevels, LevelDiagram, ToneLevel, dbm
from resonet.cosim.cascade.transient import CascadeTransient
from resonet.report.style import AGGRESSOR, CALIBRATED, COUPLED, FORMULA, INK, MUTED, STYLE, figure, finish

__all__ = ["energy_figure", "level_figure", "settling_figure"]

MOST_CURVES = 12
SMOOTH = 5e-9  # s, Hann window over a transient's trace
LOOKS = {"largest": (COUPLED, "o-"), "median": (CALIBRATED, "s-"), "smallest": (FORMULA, "^-")}


def _points(tone: ToneLevel, made: bool) -> tuple[list[str], list[float]]:
    """Names and powers, dBm, of what a tone passes; of a pixel among tones `made` by neurons from its source on."""
    names, powers = ["source", "splitter", "bus", "resonator"], [tone.source, tone.splitter, tone.bus, tone.resonator]
    if tone.feed == "stripline":
        names, powers = ["source", "strip line", "resonator"], [tone.source, tone.bus, tone.resonator]
    if made:
        names = ["oscillator", "amplifier", *names[1:]]
        powers = [tone.neuron.oscillator, tone.neuron.amplifier, *powers[1:]] if tone.neuron else [np.nan, *powers]
    return names, [dbm(power) for power in powers]


def _level_panel(axes: Axes, tones: list[ToneLevel], levels: LayerLevels, p_max: float) -> None:
    """One layer: its three tones, the noise floor and the limits."""
    names: list[str] = []
    neurons = [tone.neuron for tone in tones if tone.neuron]
    for tone in tones:
        names, powers = _points(tone, bool(neurons))
        colour, line = LOOKS[tone.which]
        axes.plot(range(len(names)), powers, line, color=colour, markersize=4, label=f"{tone.which} tone")
        above = tone.which == "largest"
        for x, power in ((x, power) for x, power in enumerate(powers) if np.isfinite(power)):
            axes.annotate(
                f"{power:.1f}",
                (x, power),
                xytext=(0, 6 if above else -6),
                textcoords="offset points",
                ha="center",
                va="bottom" if above else "top",
                fontsize=7,
                color=colour,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.4, "alpha": 0.8},
            )
    if 0 < len(neurons) < len(tones):
        names[1] = "source"
    last = len(names) - 1
    axes.hlines(dbm(p_max), last - 0.35, last + 0.35, color=INK, linewidth=1.2, label="p_max")
    axes.hlines(
        dbm(levels.tone_noise), last - 0.35, last + 0.35, color=MUTED, linestyle=":", label="kTB in the linewidth"
    )
    if neurons:
        axes.hlines(dbm(neurons[0].p1db), 0.65, 1.35, color=AGGRESSOR, linewidth=1.2, label="amplifier P1dB")
    axes.set_xticks(range(len(names)), names)
    axes.set_xlim(-0.5, last + 0.5)
    axes.grid(visible=True, axis="y")


def level_figure(diagram: LevelDiagram) -> Figure:
    """Power of the largest, the median and the smallest tone of every layer, from source to resonator."""
    with rc_context(STYLE):
        count = len(diagram.layers)
        drawn = figure(min(3.6 * count + 0.8, 16.0), 4.2)
        panels = drawn.subplots(1, count, squeeze=False, sharey=True)[0]
        for n, (axes, levels) in enumerate(zip(panels, diagram.layers, strict=True)):
            tones = [tone for tone in diagram.tones if tone.layer == levels.layer]
            _level_panel(axes, tones, levels, diagram.p_max)
            dc = f"chains: {1e6 * levels.full_scale:.3g} uV, noise {1e6 * levels.chain_noise:.3g} uV rms"
            finish(axes, f"tones into {levels.layer}", dc, "power, dBm" if n == 0 else "")
            axes.margins(y=0.1)
        panels[-1].legend(fontsize=7, loc="upper right")
    return drawn


def _smoothed(time: Array, traces: Array) -> Array:
    """Traces [times, n] under a Hann window of `SMOOTH`."""
    size = max(3, round(SMOOTH / float(np.median(np.diff(time)))))
    window = np.hanning(size + 2)[1:-1]
    padded = np.pad(traces, ((size // 2, size - 1 - size // 2), (0, 0)), mode="edge")
    return np.stack([np.convolve(column, window / window.sum(), "valid") for column in padded.T], axis=1)


def _shown(end: Array) -> Ints:
    """Which neurons are drawn: evenly over what they end at."""
    order = np.argsort(end)
    return np.asarray(order[np.unique(np.linspace(0, len(end) - 1, min(len(end), MOST_CURVES)).round().astype(int))])


def _settling_panel(
    axes: Axes,
    run: EnvelopeRun,
    number: int,
    transient: CascadeTransient | None,
    unit: tuple[float, str],
    settled: float,
) -> None:
    """Weighted sums of one layer in time, `unit` the scale and the name of the axis."""
    scale, name = unit
    sums = run.stages[number].sums
    chosen = _shown(sums[-1])
    axes.plot(run.time / scale, sums[:, chosen], color=COUPLED, linewidth=1.0)
    axes.plot([], [], color=COUPLED, label="envelope")
    if transient:
        smooth = _smoothed(transient.time, transient.sums[number][:, chosen])
        axes.plot(transient.time / scale, smooth, "--", color=FORMULA, linewidth=0.9)
        axes.plot([], [], "--", color=FORMULA, label="transient, low-passed")
    axes.axvline(settled / scale, color=AGGRESSOR, linewidth=0.9, label=f"all within 1 %: {settled / scale:.3g} {name}")
    axes.legend(fontsize=7, loc="lower right", bbox_to_anchor=(1.0, 0.98), ncols=3, borderaxespad=0.2)
    axes.grid(visible=True)


def settling_figure(run: ImageRun) -> Figure:
    """Weighted sums of every layer in time; a dozen neurons of each at most. The run must hold an envelope."""
    assert run.envelope is not None
    unit = (1e-6, "us") if run.latency > 5e-6 else (1e-9, "ns")
    with rc_context(STYLE):
        count = len(run.settling)
        drawn = figure(7.2, min(2.3 * count + 0.4, 16.0))
        panels = drawn.subplots(count, 1, squeeze=False)[:, 0]
        for number, (axes, stage) in enumerate(zip(panels, run.settling, strict=True)):
            _settling_panel(axes, run.envelope, number, run.transient, unit, stage.sums)
            neurons = run.envelope.stages[number].sums.shape[1]
            shown = "" if neurons <= MOST_CURVES else f" ({MOST_CURVES} of {neurons:,})"
            finish(axes, f"{stage.layer}{shown}", f"time, {unit[1]}" if number + 1 == count else "", "weighted sum")
            axes.set_xlim(0, min(run.stop, max(2.5 * stage.sums, 10 * run.step)) / unit[0])
    return drawn


def _bars(axes: Axes, table: dict[str, tuple[float, str]]) -> None:
    """Horizontal bars of {name: (J, colour)} on a log axis, the first on top; zero has no bar."""
    joules = EngFormatter("J", places=1)
    finite = {name: bar for name, bar in table.items() if np.isfinite(bar[0]) and bar[0] > 0}
    names, values = list(finite), [value for value, _ in finite.values()]
    axes.barh(range(len(names)), values, color=[colour for _, colour in finite.values()], height=0.6)
    for row, value in enumerate(values):
        shown = joules(value)
        axes.annotate(shown, (value, row), xytext=(4, 0), textcoords="offset points", va="center", fontsize=8)
    axes.set_yticks(range(len(names)), names)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(numticks=6))
    axes.xaxis.set_major_formatter(EngFormatter("J"))
    axes.set_axisbelow(True)
    axes.set_xlim(0.3 * min(values), 30 * max(values))
    axes.invert_yaxis()
    axes.grid(visible=True, axis="x")


def energy_figure(energy: Energy) -> Figure:
    """Energy of one image by where it goes, and per operation next to the literature's."""
    stages = energy.stages
    parts = {
        "RF in resonators": (sum(s.resonators for s in stages), COUPLED),
        "RF of all sources": (sum(s.sources for s in stages), COUPLED),
        "drive currents": (sum(s.drive for s in stages), CALIBRATED),
        "read currents": (sum(s.read for s in stages), CALIBRATED),
        "amplifiers": (sum(s.amplifiers for s in stages), FORMULA),
        "maxima": (sum(s.maxima for s in stages), FORMULA),
    }
    if tuning := sum(s.tuning for s in stages):
        parts["tuning currents"] = (tuning, FORMULA)
    operations = {
        "synapse: its resonator": (energy.per_synapse, COUPLED),
        "synapse: RF sources": (energy.per_synapse_with_sources, COUPLED),
        "synapse: literature": (LITERATURE["synapse"], MUTED),
        "neuron: its oscillator": (energy.per_oscillator, CALIBRATED),
        "neuron: all supplies": (energy.per_neuron, CALIBRATED),
        "neuron: literature": (LITERATURE["neuron"], MUTED),
    }
    with rc_context(STYLE):
        drawn = figure(10.0, 3.2)
        left, right = drawn.subplots(1, 2)
        _bars(left, parts)
        finish(left, f"one image, {EngFormatter('s', places=1)(energy.time)}", "energy", "")
        _bars(right, operations)
        finish(right, "per operation", "energy", "")
    return drawn
