"""Figures of S-parameters: level, phase, Smith chart, group delay, isolation matrix, waterfall, overlay.

Each function takes networks and arrays and gives a figure; `PLOTS` names those that need only one network.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from resonet.core.decibel import level
from resonet.core.types import Array
from resonet.report.network_titles import network_title
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

__all__ = [
    "PLOTS",
    "compare_figure",
    "delay_figure",
    "isolation_figure",
    "level_figure",
    "phase_figure",
    "smith_figure",
    "sweep_figure",
    "waterfall_figure",
]

Pairs = Sequence[tuple[int, int]]  # S_ij as (i, j) from 0
COLOURS = (COUPLED, FORMULA, SOFTWARE, CALIBRATED, SHARED, MUTED)  # the red is the channels'
MOST_CURVES = len(COLOURS)
DOT = 0.1  # of a Smith chart: shorter curves are enlarged
CLOSEST = 1e-3  # half of the part of a Smith chart that is shown at the least; below are rounding and nothing to see
ROUNDING = 1e-9  # dB: what varies by less is flat
MOST_NUMBERS = 8  # ports up to which a matrix has its numbers in it
TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)


def _names(network: "Network") -> list[str]:
    return list(network.port_names or [f"{k + 1}" for k in range(network.nports)])


def _label(network: "Network", i: int, j: int) -> str:
    """S21 of a two-port; with named ports of more, from -> to."""
    if network.nports <= 2:
        return f"S{i + 1}{j + 1}"
    names = _names(network)
    return f"{names[j]} → {names[i]}" if i != j else f"{names[i]}, reflected"


def some_pairs(network: "Network") -> Pairs:
    """Reflection and transmission of the first ports, as many as there are colours."""
    n = network.nports
    if n <= 2:
        return [(i, j) for i in range(n) for j in range(n) if i >= j]
    return [(0, 0), *((k, 0) for k in range(1, min(n, MOST_CURVES)))]


def _axis(axes: Axes, f: Array) -> None:
    """Logarithmic over more than a factor of three, in GHz."""
    ghz = f / 1e9
    if ghz[0] > 0 and ghz[-1] / ghz[0] > 3:
        axes.set_xscale("log")
        ticks = [t for t in TICKS if ghz[0] <= t <= ghz[-1]]
        axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
        axes.set_xticks([], minor=True)
    axes.set_xlim(ghz[0], ghz[-1])
    axes.grid(visible=True)


def _marks(axes: Axes, f: Array, values: Array, channels: Array | None) -> None:
    """A triangle at every channel inside the band, on the curve."""
    if channels is None:
        return
    inside = channels[(channels >= f[0]) & (channels <= f[-1])]
    axes.plot(
        inside / 1e9, np.interp(inside, f, values), "v", color=AGGRESSOR, markersize=4, zorder=5, label="channels"
    )


def _flat(axes: Axes, curves: Sequence[Array]) -> None:
    """Room around curves that differ by rounding alone, which would else fill the panel."""
    found = np.concatenate(curves)
    found = found[np.isfinite(found)]
    if found.size and np.ptp(found) < ROUNDING * max(1.0, float(np.abs(found).max())):
        middle = round(float(np.median(found)), 9)
        axes.set_ylim(middle - 1.0, middle + 1.0)


def _curves(
    network: "Network",
    of: Callable[[int, int], Array],
    pairs: Pairs | None,
    channels: Array | None,
    title: str,
    unit: str,
) -> Figure:
    pairs = pairs or some_pairs(network)
    across, back = [p for p in pairs if p[0] != p[1]], [p for p in pairs if p[0] == p[1]]
    groups = [group for group in (across, back) if group]  # apart: they differ by tens of dB
    with rc_context(STYLE):
        drawn = figure(7.2, 3.4 if len(groups) == 1 else 5.0)
        panels = np.atleast_1d(drawn.subplots(len(groups), 1, sharex=True))
        for axes, group in zip(panels, groups, strict=True):
            for i, j in group:
                colour = COLOURS[list(pairs).index((i, j)) % MOST_CURVES]
                axes.plot(network.f / 1e9, of(i, j), color=colour, linewidth=1.2, label=_label(network, i, j))
            _marks(axes, network.f, of(*group[0]), channels)
            _axis(axes, network.f)
            _flat(axes, [of(i, j) for i, j in group])
            axes.ticklabel_format(axis="y", useOffset=False)
            axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
            finish(axes, title if axes is panels[0] else "", "frequency, GHz" if axes is panels[-1] else "", unit)
    return drawn


def level_figure(network: "Network", channels: Array | None = None, pairs: Pairs | None = None) -> Figure:
    """Level in dB of some entries (default: reflection and transmission of the first ports), channels marked."""
    return _curves(
        network,
        lambda i, j: level(network.s[:, i, j]),
        pairs,
        channels,
        f"{network_title(network)}: level",
        "level |S|, dB",
    )


def phase_figure(network: "Network", channels: Array | None = None, pairs: Pairs | None = None) -> Figure:
    """Unwrapped phase in degrees."""

    def phase(i: int, j: int) -> Array:
        return np.asarray(np.rad2deg(np.unwrap(np.angle(network.s[:, i, j]))))

    return _curves(network, phase, pairs, channels, f"{network_title(network)}: phase", "phase, degrees")


def delay_figure(network: "Network", channels: Array | None = None, pairs: Pairs | None = None) -> Figure:
    """Group delay, -dφ/dω, in ps."""

    def delay(i: int, j: int) -> Array:
        s = network.s[:, i, j]
        with np.errstate(all="ignore"):
            return np.asarray(-(np.gradient(s, network.f) / s).imag / (2 * np.pi) * 1e12)

    pairs = pairs or [(i, j) for i, j in some_pairs(network) if i != j] or [(0, 0)]
    return _curves(network, delay, pairs, channels, f"{network_title(network)}: group delay", "group delay, ps")


def smith_figure(network: "Network", channels: Array | None = None, pairs: Pairs | None = None) -> Figure:
    """Reflection at up to six ports on a Smith chart (scikit-rf's), channels marked."""
    from skrf.plotting import smith

    pairs = pairs or [(k, k) for k in range(min(network.nports, MOST_CURVES))]
    with rc_context(STYLE):
        drawn = figure(5.4, 5.0)
        axes = drawn.add_subplot()
        smith(ax=axes, chart_type="z", draw_labels=False)
        for grid in axes.patches:
            grid.set_edgecolor("#c9d2da")
            grid.set_linewidth(0.6)
        for n, (i, j) in enumerate(pairs):
            s = network.s[:, i, j]
            axes.plot(
                s.real, s.imag, color=COLOURS[n % MOST_CURVES], linewidth=1.4, label=_label(network, i, j), zorder=4
            )
            axes.plot(s.real[0], s.imag[0], "o", color=COLOURS[n % MOST_CURVES], markersize=4, mfc="white", zorder=5)
        if channels is not None:
            i, j = pairs[0]
            at = channels[(channels >= network.f[0]) & (channels <= network.f[-1])]
            s = network.s[:, i, j]
            x, y = np.interp(at, network.f, s.real), np.interp(at, network.f, s.imag)
            axes.plot(x, y, "v", color=AGGRESSOR, markersize=4, label="channels", zorder=6)
        zoom = _zoom(axes, np.array([network.s[:, i, j] for i, j in pairs]))
        for drawn_part in (*axes.patches, *axes.lines):  # what lies beyond an enlarged part takes no room
            drawn_part.set_in_layout(False)
        axes.set_aspect("equal")
        axes.set_axis_off()
        axes.set_clip_on(True)
        axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
        low, high = network.f[0] / 1e9, network.f[-1] / 1e9
        axes.set_title(
            f"{network_title(network)}\n{low:.3g} (○) ... {high:.3g} GHz{zoom}", loc="left", fontweight="bold"
        )
    return drawn


def _zoom(axes: Axes, s: NDArray[np.complex128]) -> str:
    """The whole chart, or what is around a curve that would be a dot on it; what to say of that."""
    middle = complex((s.real.max() + s.real.min()) / 2, (s.imag.max() + s.imag.min()) / 2)
    reach = max(float(np.ptp(s.real)), float(np.ptp(s.imag)))
    half = 1.08 if reach > DOT else max(0.8 * reach, CLOSEST)
    x, y = (0.0, 0.0) if reach > DOT else (middle.real, middle.imag)
    axes.set_xlim(x - half, x + half)
    axes.set_ylim(y - half, y + half)
    return "" if reach > DOT else f"\nenlarged {1.08 / half:,.0f} times around {x:.4g}{y:+.2g}j"


def isolation_figure(network: "Network", channels: Array | None = None, pairs: Pairs | None = None) -> Figure:
    """Largest level between any two ports over the band (or at the channels), dB, as a matrix; no diagonal."""
    del pairs
    at = slice(None)
    if channels is not None and len(channels):
        at = np.unique([int(np.abs(network.f - c).argmin()) for c in channels])  # type: ignore[assignment]
    worst = level(np.abs(network.s[at]).max(0))
    np.fill_diagonal(worst, np.nan)
    names, n = _names(network), network.nports
    finite = worst[np.isfinite(worst)]
    top = float(finite.max()) if finite.size else 0.0
    low = max(float(finite.min()), top - 120.0) if finite.size else -60.0
    if top - low < 1.0:  # alike: one shade, told by the numbers
        low = top - 1.0
    with rc_context(STYLE):
        drawn = figure(5.6, 4.6)
        axes = drawn.add_subplot()
        shown = axes.imshow(
            np.maximum(worst, low), cmap="magma", interpolation="nearest", vmin=low, vmax=max(top, low + 1.0)
        )
        step = max(1, -(-n // 16))
        axes.set_xticks(range(0, n, step), names[::step], rotation=90 if n > 4 else 0, fontsize=8)
        axes.set_yticks(range(0, n, step), names[::step], fontsize=8)
        bar = drawn.colorbar(shown, ax=axes, shrink=0.9)
        bar.set_label("largest |S|, dB", fontsize=8)
        if n <= MOST_NUMBERS:
            _numbers(axes, worst, low)
        where = "at the channels" if channels is not None and len(channels) else "over the band"
        finish(axes, f"{network_title(network)}\nlargest |S| {where}", "from port", "to port")
    return drawn


def _numbers(axes: Axes, levels: Array, low: float) -> None:
    """Levels in their fields, dark on light ones."""
    middle = (low + float(np.nanmax(levels, initial=low))) / 2
    for (i, j), value in np.ndenumerate(levels):
        if np.isfinite(value):
            colour = INK if value > middle else "white"
            axes.text(j, i, f"{value:.1f}", ha="center", va="center", fontsize=8, color=colour)


def waterfall_figure(
    networks: Sequence["Network"],
    values: Array,
    quantity: str,
    pair: tuple[int, int] = (1, 0),
    reference: "Network | None" = None,
) -> Figure:
    """Level of one entry over frequency (x) and a swept value (y); with a reference, the change against it in dB.

    networks: one a value, all on the same frequencies. quantity: the label of y with its unit.
    """
    i, j = pair
    f = networks[0].f
    levels = np.array([level(n.s[:, i, j]) for n in networks])
    if reference is not None:
        levels = levels - level(reference.s[:, i, j])
    span = float(np.abs(levels).max()) or 1.0
    unit, scale = ("mdB", 1e3) if reference is not None and span < 0.1 else ("dB", 1.0)
    with rc_context(STYLE):
        drawn = figure(7.2, 4.0)
        axes = drawn.add_subplot()
        shades = (
            {"cmap": "RdBu_r", "vmin": -span * scale, "vmax": span * scale}
            if reference is not None
            else {"cmap": "magma"}
        )
        shown = axes.pcolormesh(f / 1e9, values, levels * scale, shading="nearest", rasterized=True, **shades)
        _axis(axes, f)
        axes.grid(visible=False)
        bar = drawn.colorbar(shown, ax=axes)
        bar.set_label(f"{'change of |S|' if reference is not None else 'level |S|'}, {unit}", fontsize=8)
        finish(axes, f"{network_title(networks[0])}: {_label(networks[0], i, j)}", "frequency, GHz", quantity)
    return drawn


def sweep_figure(networks: Sequence["Network"], values: Array, quantity: str, pair: tuple[int, int] = (1, 0)) -> Figure:
    """The same as curves, from the first value (light) to the last (dark), beside a colour scale."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    i, j = pair
    shades = ScalarMappable(Normalize(float(np.min(values)), float(np.max(values))), "viridis_r")
    with rc_context(STYLE):
        drawn = figure(7.2, 3.6)
        axes = drawn.add_subplot()
        for network, value in zip(networks, values, strict=True):
            axes.plot(network.f / 1e9, level(network.s[:, i, j]), color=shades.to_rgba(value), linewidth=0.9)
        _axis(axes, networks[0].f)
        drawn.colorbar(shades, ax=axes).set_label(quantity, fontsize=8)
        finish(axes, f"{network_title(networks[0])}: {_label(networks[0], i, j)}", "frequency, GHz", "level |S|, dB")
    return drawn


def compare_figure(simulated: "Network", measured: "Network", pairs: Pairs | None = None) -> Figure:
    """Simulated (lines) over measured (dots): level above, |ΔS| below; both on the same frequencies."""
    pairs = (pairs or some_pairs(simulated))[:4]
    with rc_context(STYLE):
        drawn = figure(7.2, 5.4)
        top, bottom = drawn.subplots(2, 1, sharex=True, height_ratios=(2, 1))
        for n, (i, j) in enumerate(pairs):
            ours, theirs, label = simulated.s[:, i, j], measured.s[:, i, j], _label(simulated, i, j)
            some = np.unique(np.linspace(0, len(theirs) - 1, min(len(theirs), 60)).astype(int))
            top.plot(
                measured.f[some] / 1e9, level(theirs[some]), "o", color=COLOURS[n], markersize=3.5, mfc="white", mew=1.0
            )
            top.plot(simulated.f / 1e9, level(ours), color=COLOURS[n], linewidth=1.2, label=label)
            bottom.plot(simulated.f / 1e9, np.maximum(np.abs(ours - theirs), 1e-12), color=COLOURS[n], linewidth=0.9)
        top.plot([], [], "o", color=MUTED, markersize=3.5, mfc="white", label="measured")
        top.plot([], [], color=MUTED, label="simulated")
        bottom.set_yscale("log")
        _axis(top, simulated.f)
        _axis(bottom, simulated.f)
        top.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
        finish(top, f"{network_title(simulated)}\nand {network_title(measured)}", "", "level |S|, dB")
        finish(bottom, "", "frequency, GHz", "|ΔS|")
        bottom.axhline(0, color=INK, linewidth=0)
    return drawn


PLOTS: dict[str, Callable[["Network", Array | None], Figure]] = {
    "db": level_figure,
    "phase": phase_figure,
    "smith": smith_figure,
    "delay": delay_figure,
    "isolation": isolation_figure,
}
