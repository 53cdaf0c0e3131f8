"""The figures: each draws into axes that it is given, so that the single figures and the overview share one code."""

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from resonet.core.decibel import level
from resonet.core.types import Array, Ints
from resonet.cosim.weights.held import RfWeights
from resonet.netlist.programming.methods import Method
from resonet.report.error_axis import LEAST, error_axis, floored, told
from resonet.report.network_titles import network_title
from resonet.report.style import (
    AGGRESSOR,
    COLOURS,
    COUPLED,
    INK,
    MARKS,
    SOFTWARE,
    STYLE,
    figure,
    finish,
)

if TYPE_CHECKING:
    from skrf import Network

__all__ = ["Tones", "accuracy_figure", "crosstalk_figure", "overview_figure", "sparam_figure", "weight_figure"]

MOST_POINTS = 4000  # markers in one scatter
MOST_PANELS = 6  # layers side by side; a deeper network shows its first ones
Tones = Mapping[str, Mapping[str, Array]]  # layer -> bus -> frequencies of its tones, Hz
Effective = Mapping[Method, Mapping[str, RfWeights]]  # method -> layer -> weights


def _thinned(size: int) -> Ints:
    """At most MOST_POINTS of `size` indices, evenly spread: enough to see a cloud."""
    return np.unique(np.linspace(0, size - 1, min(size, MOST_POINTS)).astype(np.int64))


def draw_weights(axes: Axes, name: str, effective: Effective, legend: bool = True) -> None:
    """Size of the error of a layer's weights over the trained weight, both in units of the largest trained weight."""
    smallest, largest = np.inf, LEAST
    for method, results in effective.items():
        result = results[name]
        full = np.abs(result.trained).max() or 1.0
        trained, in_circuit = result.pairs
        pick = _thinned(trained.size)
        errors = floored(100 * (in_circuit - trained)[pick] / full)
        smallest, largest = min(smallest, float(np.percentile(errors, 1))), max(largest, float(errors.max()))
        axes.scatter(
            trained[pick] / full,
            errors,
            s=5,
            marker=MARKS[method],
            linewidths=0,
            alpha=0.5,
            color=COLOURS[method],
            label=f"{method}, RMS {told(100 * result.rms_error)} %",
            zorder=2 + list(COLOURS).index(method),
            rasterized=True,
        )
    error_axis(axes, smallest, largest, room=0.3 if legend else 0.0)
    axes.grid(visible=True)
    finish(axes, f"{name}: error of the weights", "trained weight / largest", "|error| / largest weight, %")
    if legend:
        axes.legend(loc="upper left", markerscale=2.5, fontsize=8, handletextpad=0.2)


def _gigahertz(axes: Axes, frequencies: Array, labels: tuple[str, str]) -> tuple[str, str]:
    """Ticks of a map of tones: number and GHz."""
    size = len(frequencies)
    at = list(range(0, size, max(1, -(-size // 6))))
    names = [f"{frequencies[n] / 1e9:.3g}" for n in at]
    axes.set_xticks(at, [f"{n}\n{name}" for n, name in zip(at, names, strict=True)])
    axes.set_yticks(at, [f"{name}  {n}" for n, name in zip(at, names, strict=True)])
    return f"{labels[0]}; below: GHz", f"{labels[1]}; left: GHz"


def draw_crosstalk(
    axes: Axes, result: RfWeights, colorbar: bool = True, frequencies: Mapping[str, Array] | None = None
) -> None:
    """Crosstalk matrix of the bus that holds the layer's worst aggressor, in dB; frequencies [tones] in Hz by bus."""
    worst = result.worst
    bus = worst.bus if worst else next(iter(result.crosstalk))
    matrix = result.crosstalk[bus]
    drawn = axes.imshow(level(matrix, 1e-6), cmap="magma", vmin=-60, vmax=0, interpolation="nearest")
    title = f"{result.layer}, {result.MAP.format(bus)}: crosstalk"
    if worst:
        axes.scatter([worst.aggressor], [worst.victim], s=26, facecolors="none", edgecolors="#35d0ff", linewidths=1.2)
        title += f"\nworst {worst.level:.1f} dB"
    labels, own = result.AXES, (frequencies or {}).get(bus)
    if own is not None and matrix.shape == (len(own), len(own)):
        labels = _gigahertz(axes, own, labels)
    finish(axes, title, *labels)
    if colorbar and axes.figure is not None:
        bar = axes.figure.colorbar(drawn, ax=axes, shrink=0.85)
        bar.set_label("|V| / (P K_SD), dB", fontsize=8)


def draw_s21(axes: Axes, network: "Network", channels: Array, title: str) -> None:
    """|S21| of a chain in dB with its channels marked."""
    f = network.f / 1e9
    s21 = level(network.s[:, 1, 0], 1e-20)
    axes.plot(f, s21, color=COUPLED, linewidth=1.3)
    marks = np.interp(channels / 1e9, f, s21)
    axes.plot(channels / 1e9, marks, "v", color=AGGRESSOR, markersize=4, label="channels")
    span = max(1.0, float(np.ptp(s21)))
    axes.set_ylim(s21.min() - 0.3 * span, s21.max() + 0.3 * span)
    axes.set_xscale("log")
    ticks = [t for t in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if f[0] <= t <= f[-1]]
    axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axes.set_xticks([], minor=True)
    axes.grid(visible=True)
    axes.legend(loc="upper right", fontsize=8)
    finish(axes, title, "frequency, GHz", "|S21|, dB")


def draw_bias_effect(axes: Axes, unbiased: "Network", biased: "Network", resonances: Array, bias: float) -> None:
    """What a DC bias changes in |S21|: the resonances appear, every other one upside down (head to tail)."""
    f = biased.f / 1e9
    change = 20e3 * np.log10(np.abs(biased.s[:, 1, 0]) / np.abs(unbiased.s[:, 1, 0]))
    axes.plot(f, change, color=COUPLED, linewidth=1.0)
    for resonance in resonances / 1e9:
        axes.axvline(resonance, color=AGGRESSOR, linewidth=0.4, alpha=0.6, zorder=1)
    axes.set_xscale("log")
    ticks = [t for t in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if f[0] <= t <= f[-1]]
    axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axes.set_xticks([], minor=True)
    axes.grid(visible=True, axis="y")
    finish(axes, f"Change of |S21| under {bias * 1e6:g} µA of bias", "frequency, GHz", "change of |S21|, mdB")


def _points(value: float) -> str:
    return f"{value:.2f}" if abs(value) >= 0.005 else "0"


def draw_accuracy(axes: Axes, shares: Mapping[str, float], images: int) -> None:
    """Accuracy that the circuit loses against the software, percentage points, a bar each; accuracy beside it."""
    reference = next((share for name, share in shares.items() if name == "software"), 1.0)
    names = [name for name in shares if name != "software"] or list(shares)
    lost = np.array([100 * (reference - shares[name]) for name in names])
    at = np.arange(len(names))[::-1]
    for y, name, value in zip(at, names, lost, strict=True):
        method = next((one for one in COLOURS if one in name), None)
        noisy = "noise" in name
        colour = COLOURS[method] if method else SOFTWARE
        axes.barh(y, value, 0.62, color="white" if noisy else colour, edgecolor=colour, hatch="///" if noisy else None)
        text = f"{_points(value)}  ({100 * shares[name]:.2f} %)"
        axes.annotate(text, (max(value, 0.0), y), (4, 0), textcoords="offset points", va="center", fontsize=8)
    axes.set_yticks(at, [fill(name, 20) for name in names], fontsize=8)
    most, least = max(float(lost.max()), 0.1), min(float(lost.min()), 0.0)
    axes.set_xlim(1.15 * least, 1.6 * most)
    axes.set_xticks([tick for tick in axes.get_xticks() if least <= tick <= 100 and tick <= 1.6 * most])
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.grid(visible=True, axis="x")
    axes.set_axisbelow(True)
    finish(axes, f"Accuracy lost, {images:,} images", _loss_label(shares, reference), "")


def _loss_label(shares: Mapping[str, float], reference: float) -> str:
    to = f"the software's {100 * reference:.2f} %" if "software" in shares else "100 %"
    return f"below {to}, percentage points (accuracy)"


def _grid(panels: int, width: float, height: float) -> tuple[Figure, Sequence[Axes]]:
    columns = min(panels, 3)
    rows = -(-panels // columns)
    drawn = figure(width * columns, height * rows)
    axes = [drawn.add_subplot(rows, columns, n + 1) for n in range(panels)]
    return drawn, axes


def weight_figure(effective: Effective) -> Figure:
    """Errors of the effective weights over the trained ones, one panel a layer."""
    layers = list(next(iter(effective.values())))[:MOST_PANELS]
    with rc_context(STYLE):
        drawn, axes = _grid(len(layers), 4.2, 4.0)
        for panel, name in zip(axes, layers, strict=True):
            draw_weights(panel, name, effective)
    return drawn


def crosstalk_figure(results: Mapping[str, RfWeights], tones: Tones | None = None) -> Figure:
    """Crosstalk matrices in dB (victim resonator x aggressor tone), one panel a layer; with GHz by `tones`."""
    chosen = list(results.values())[:MOST_PANELS]
    with rc_context(STYLE):
        drawn, axes = _grid(len(chosen), 4.4, 3.9)
        for panel, result in zip(axes, chosen, strict=True):
            draw_crosstalk(panel, result, frequencies=(tones or {}).get(result.layer))
    return drawn


def sparam_figure(
    network: "Network", channels: Array, resonances: Array, unbiased: "Network | None" = None, bias: float = 0.0
) -> Figure:
    """|S21| of a chain with its channels; with a bias also what the bias changes."""
    with rc_context(STYLE):
        drawn = figure(7.2, 6.0 if unbiased else 3.4)
        draw_s21(
            drawn.add_subplot(2 if unbiased else 1, 1, 1),
            network,
            channels,
            f"|S21|: {network_title(network)}",
        )
        if unbiased:
            draw_bias_effect(drawn.add_subplot(2, 1, 2), unbiased, network, resonances, bias)
    return drawn


def accuracy_figure(shares: Mapping[str, float], images: int) -> Figure:
    """Bars of the accuracy that is lost."""
    with rc_context(STYLE):
        drawn = figure(5.6, max(2.2, 0.9 + 0.36 * len(shares)))
        draw_accuracy(drawn.add_subplot(), shares, images)
    return drawn


def overview_figure(
    effective: Effective,
    shares: Mapping[str, float],
    images: int,
    networks: tuple["Network", "Network"],
    channels: Array,
    resonances: Array,
    bias: float,
    tones: Tones | None = None,
) -> Figure:
    """One page: weights and crosstalk of up to three layers, the chain's S-parameters, the accuracy.

    `networks` are the unbiased and the biased chain.
    """
    layers = list(next(iter(effective.values())))[:3]
    with rc_context(STYLE):
        drawn = figure(13.5, 11.5)
        for n, name in enumerate(layers):
            draw_weights(drawn.add_subplot(3, 3, n + 1), name, effective)
            draw_crosstalk(
                drawn.add_subplot(3, 3, n + 4), list(effective.values())[-1][name], True, (tones or {}).get(name)
            )
        draw_s21(drawn.add_subplot(3, 3, 7), networks[0], channels, f"{layers[0]}: |S21| of chain 0, no bias")
        draw_bias_effect(drawn.add_subplot(3, 3, 8), *networks, resonances, bias)
        draw_accuracy(drawn.add_subplot(3, 3, 9), shares, images)
    return drawn
