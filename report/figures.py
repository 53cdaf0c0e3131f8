"""The figures: each draws into axes that it is given, so that the single figures and the overview share one code."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from resonet.core.decibel import level
from resonet.core.types import Array, Ints
from resonet.cosim.weights.held import RfWeights
from resonet.netlist.programming.methods import Method
from resonet.report.style import (
    AGGRESSOR,
    CALIBRATED,
    COUPLED,
    FORMULA,
    INK,
    MUTED,
    SHARED,
    SOFTWARE,
    STYLE,
    figure,
    finish,
)

if TYPE_CHECKING:
    from skrf import Network

__all__ = ["accuracy_figure", "crosstalk_figure", "overview_figure", "sparam_figure", "weight_figure"]

MOST_POINTS = 4000  # markers in one scatter
MOST_PANELS = 6  # layers side by side; a deeper network shows its first ones
COLOURS = {"formula": FORMULA, "coupled": COUPLED, "shared": SHARED, "calibrated": CALIBRATED}
Effective = Mapping[Method, Mapping[str, RfWeights]]  # method -> layer -> weights


def _thinned(size: int) -> Ints:
    """At most MOST_POINTS of `size` indices, evenly spread: enough to see a cloud."""
    return np.unique(np.linspace(0, size - 1, min(size, MOST_POINTS)).astype(np.int64))


def draw_weights(axes: Axes, name: str, effective: Effective, legend: bool = True) -> None:
    """Trained against effective weights of a layer, both in units of the largest trained weight."""
    axes.axline((0, 0), slope=1, color=INK, linewidth=0.8, zorder=1)
    for method, results in effective.items():
        result = results[name]
        full = np.abs(result.trained).max() or 1.0
        trained, in_circuit = result.pairs
        pick = _thinned(trained.size)
        label = f"{method}, RMS error {100 * result.rms_error:.2g} %"
        axes.scatter(
            trained[pick] / full,
            in_circuit[pick] / full,
            s=3,
            linewidths=0,
            alpha=0.5,
            color=COLOURS[method],
            label=label,
            zorder=2 + list(COLOURS).index(method),
            rasterized=True,
        )
    axes.grid(visible=True)
    finish(axes, f"{name}: weights in the circuit", "trained weight / largest", "effective weight / largest")
    if legend:
        axes.legend(loc="upper left", markerscale=3, fontsize=8, handletextpad=0.2)


def draw_crosstalk(axes: Axes, result: RfWeights, colorbar: bool = True) -> None:
    """Crosstalk matrix of the bus that holds the layer's worst aggressor, in dB."""
    worst = result.worst
    bus = worst.bus if worst else next(iter(result.crosstalk))
    drawn = axes.imshow(level(result.crosstalk[bus], 1e-6), cmap="magma", vmin=-60, vmax=0, interpolation="nearest")
    title = f"{result.layer}, {result.MAP.format(bus)}: crosstalk"
    if worst:
        axes.scatter([worst.aggressor], [worst.victim], s=26, facecolors="none", edgecolors="#35d0ff", linewidths=1.2)
        title += f", worst {worst.level:.1f} dB"
    finish(axes, title, *result.AXES)
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
    finish(axes, f"Change of |S21| under {bias * 1e6:g} µA of bias", "frequency, GHz", "mdB")


def draw_accuracy(axes: Axes, shares: Mapping[str, float], images: int) -> None:
    """Accuracy as bars: software, then the circuit by program, then what is read with noise."""
    colours = {"software": SOFTWARE} | {f"circuit, {method}": colour for method, colour in COLOURS.items()}
    noisy = [name for name in shares if "noise" in name]
    names = [name.replace(", ", ",\n") for name in shares]
    bars = axes.bar(names, [100 * s for s in shares.values()], color=[colours.get(n, MUTED) for n in shares])
    for name, bar in zip(shares, bars, strict=True):
        if name in noisy:
            bar.set(hatch="///", edgecolor="white")
    axes.bar_label(bars, fmt="%.2f %%", padding=2, fontsize=8 if len(names) < 5 else 6.5)
    axes.tick_params(axis="x", labelsize=8 if len(names) < 5 else 6.5)
    axes.set_ylim(0, 112)
    axes.grid(visible=True, axis="y")
    axes.set_axisbelow(True)
    finish(axes, f"Accuracy on {images:,} images", "", "%")


def _grid(panels: int, width: float, height: float) -> tuple[Figure, Sequence[Axes]]:
    columns = min(panels, 3)
    rows = -(-panels // columns)
    drawn = figure(width * columns, height * rows)
    axes = [drawn.add_subplot(rows, columns, n + 1) for n in range(panels)]
    return drawn, axes


def weight_figure(effective: Effective) -> Figure:
    """Trained vs effective weights, one panel a layer."""
    layers = list(next(iter(effective.values())))[:MOST_PANELS]
    with rc_context(STYLE):
        drawn, axes = _grid(len(layers), 4.2, 4.0)
        for panel, name in zip(axes, layers, strict=True):
            draw_weights(panel, name, effective)
    return drawn


def crosstalk_figure(results: Mapping[str, RfWeights]) -> Figure:
    """Crosstalk matrices in dB (victim resonator x aggressor tone), one panel a layer."""
    chosen = list(results.values())[:MOST_PANELS]
    with rc_context(STYLE):
        drawn, axes = _grid(len(chosen), 4.4, 3.9)
        for panel, result in zip(axes, chosen, strict=True):
            draw_crosstalk(panel, result)
    return drawn


def sparam_figure(
    network: "Network", channels: Array, resonances: Array, unbiased: "Network | None" = None, bias: float = 0.0
) -> Figure:
    """|S21| of a chain with its channels; with a bias also what the bias changes."""
    with rc_context(STYLE):
        drawn = figure(7.2, 6.0 if unbiased else 3.4)
        draw_s21(drawn.add_subplot(2 if unbiased else 1, 1, 1), network, channels, f"|S21| of {network.name}")
        if unbiased:
            draw_bias_effect(drawn.add_subplot(2, 1, 2), unbiased, network, resonances, bias)
    return drawn


def accuracy_figure(shares: Mapping[str, float], images: int) -> Figure:
    """Accuracy bars."""
    with rc_context(STYLE):
        drawn = figure(4.6, 3.4)
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
) -> Figure:
    """One page: weights and crosstalk of up to three layers, the chain's S-parameters, the accuracy.

    `networks` are the unbiased and the biased chain.
    """
    layers = list(next(iter(effective.values())))[:3]
    with rc_context(STYLE):
        drawn = figure(13.5, 11.5)
        for n, name in enumerate(layers):
            draw_weights(drawn.add_subplot(3, 3, n + 1), name, effective)
            draw_crosstalk(drawn.add_subplot(3, 3, n + 4), list(effective.values())[-1][name])
        draw_s21(drawn.add_subplot(3, 3, 7), networks[0], channels, f"{layers[0]}: |S21| of chain 0, no bias")
        draw_bias_effect(drawn.add_subplot(3, 3, 8), *networks, resonances, bias)
        draw_accuracy(drawn.add_subplot(3, 3, 9), shares, images)
    return drawn
