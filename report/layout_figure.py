"""Drawing of a layout: the whole layer, a window at true widths, and the stack of metals; each with a scale bar."""

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from resonet.core.types import Array, Bools
from resonet.netlist.strip.placement import Placement
from resonet.netlist.strip.routes import line_path, tuning_path
from resonet.report.style import INK, MUTED, STYLE, figure

__all__ = ["METALS", "layout_figure"]

METALS = {
    "ground": "#b9c0c7",
    "tuning": "#d9822b",
    "chain": "#4a5a6a",
    "resonator": "#c0392b",
    "line": "#1f77b4",
    "bridge": "#8e5bb5",
}
NAMES = {
    "ground": "ground plane",
    "tuning": "tuning line (DC)",
    "chain": "chain wire",
    "resonator": "resonator",
    "line": "RF line",
    "bridge": "RF line, bridge (centre line in plan)",
}
MICRO = 1e6
MOST_LINES = 2000  # drawn in the window


def _ribbons(start: Array, end: Array, width: float, join: float) -> list[Array]:
    """Rectangles [4, 2] of a width along segments [n, 2], µm; `join` of the width is added at either end."""
    along = end - start
    length = np.linalg.norm(along, axis=1)
    keep = length > 0
    start, end, unit = start[keep], end[keep], along[keep] / length[keep, None]
    side = np.stack([-unit[:, 1], unit[:, 0]], 1) * width / 2
    reach = unit * width * join
    return list(
        MICRO * np.stack([start - reach + side, end + reach + side, end + reach - side, start - reach - side], 1)
    )


def _metal(axes: Axes, segments: tuple[Array, Array], width: float, name: str, order: int, join: float = 0.0) -> None:
    """Segments (starts, ends) [n, 2] in m as strips of metal."""
    drawn = _ribbons(*segments, width, join)
    if drawn:
        alpha = 0.85 if name == "line" else 1.0
        axes.add_collection(PolyCollection(drawn, facecolor=METALS[name], linewidth=0, alpha=alpha, zorder=order))


def _centre_lines(axes: Axes, segments: tuple[Array, Array]) -> None:
    """Bridges as centre lines: at their width they would hide what is below them."""
    drawn = list(MICRO * np.stack(segments, 1))
    if drawn:
        axes.add_collection(LineCollection(drawn, colors=METALS["bridge"], linewidths=0.6, alpha=0.6, zorder=8))


def _squares(axes: Axes, middles: Array, side: float) -> None:
    corner = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * side / 2
    squares = list(MICRO * (middles[:, None] + corner))
    axes.add_collection(
        PolyCollection(squares, facecolor=METALS["resonator"], edgecolor="white", linewidth=0.3, zorder=9)
    )


def _scale_bar(axes: Axes, width: float) -> None:
    """Bar of 1, 2 or 5 times a power of ten below the drawing; `width` in µm."""
    target = width / 4
    base = 10 ** np.floor(np.log10(target))
    length = float(max(m * base for m in (1, 2, 5) if m * base <= target))
    x, y = 0.02, -0.045
    mixed = axes.get_xaxis_transform()
    left = axes.get_xlim()[0] + x * np.ptp(axes.get_xlim())
    axes.plot(
        [left, left + length], [y, y], color=INK, linewidth=2.5, solid_capstyle="butt", transform=mixed, clip_on=False
    )
    text = f"{length:g} µm" if length >= 1 else f"{1000 * length:g} nm"
    axes.text(left + length * 1.0 + 0.02 * np.ptp(axes.get_xlim()), y, text, va="center", fontsize=8, transform=mixed)


def _frame(axes: Axes, x: tuple[float, float], y: tuple[float, float], title: str) -> None:
    """Limits in µm, equal scales, no ticks."""
    axes.set_xlim(*x)
    axes.set_ylim(*y)
    axes.set_aspect("equal")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_color(MUTED)
    axes.set_title(title, loc="left", fontweight="bold", fontsize=9.5)
    axes.set_anchor("N")
    _scale_bar(axes, x[1] - x[0])


def _blocks(axes: Axes, placement: Placement) -> None:
    """Outline of every block of chains."""
    usage, g = placement.usage, placement.geometry
    order = np.argsort(usage.block, kind="stable")
    begins = np.searchsorted(usage.block[order], np.arange(usage.blocks))
    x, y = (placement.xyz[order, n] for n in (0, 1))
    low = [np.minimum.reduceat(v, begins) for v in (x, y)]
    high = [np.maximum.reduceat(v, begins) for v in (x, y)]
    for x0, x1, y0, y1 in zip(low[0], high[0], low[1], high[1], strict=True):
        corner = MICRO * (x0 - g.pitch_x / 2), MICRO * (y0 - g.pitch_y / 2)
        size = MICRO * (x1 - x0 + g.pitch_x), MICRO * (y1 - y0 + g.pitch_y)
        axes.add_patch(Rectangle(corner, *size, facecolor="#eef1f4", edgecolor=MUTED, linewidth=0.3, zorder=1))


def _overview(axes: Axes, placement: Placement, window: tuple[float, float, float, float] | None) -> None:
    """The whole layer in plan view, with its longest line, one tuning line, and where the window is."""
    g, lines = placement.geometry, placement.lines
    _blocks(axes, placement)
    longest = int(lines.lengths.argmax())
    path = MICRO * line_path(placement, longest)
    axes.plot(path[:, 0], path[:, 1], color=METALS["line"], linewidth=0.7, zorder=4)
    axes.plot(*path[0, :2], "o", color=METALS["line"], markersize=4, zorder=6)
    axes.plot(*path[-1, :2], "s", color=METALS["line"], markersize=4, zorder=6)
    tune = MICRO * tuning_path(placement, placement.usage.weights // 2)
    axes.plot(tune[:, 0], tune[:, 1], color=METALS["tuning"], linewidth=1.4, zorder=3)
    if window is not None:
        x0, x1, y0, y1 = window
        axes.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, edgecolor="#c0392b", linewidth=1.1, zorder=7))
    low, high = MICRO * placement.xyz[:, :2].min(0), MICRO * placement.xyz[:, :2].max(0)
    pad = 0.03 * float((high - low).max()) + MICRO * max(g.pitch_x, g.pitch_y)
    bounds = [(float(low[n] - pad), float(high[n] + pad)) for n in (0, 1)]
    narrow = float(np.diff(bounds[0])[0]) < 0.4 * float(np.diff(bounds[1])[0])
    if narrow:  # a column of chains would be a hair: give it room to both sides
        middle, half = sum(bounds[0]) / 2, 0.2 * float(np.diff(bounds[1])[0])
        bounds[0] = (middle - half, middle + half)
    usage = placement.usage
    title = f"{usage.layer}, {placement.arrangement.name}: {len(usage.tap):,} resonators"
    _frame(axes, bounds[0], bounds[1], title)
    note = f"longest line {MICRO * lines.lengths[longest]:,.0f} µm: ● source, ■ termination"
    note += "; one tuning line" if len(tune) > 1 else ""
    note += "; □ window" if window is not None else ""
    axes.text(0.02, -0.1, note, transform=axes.transAxes, fontsize=7.5, va="top")


def _in_window(points: Array, window: tuple[float, float, float, float]) -> Bools:
    x0, x1, y0, y1 = (w / MICRO for w in window)
    return np.asarray((points[:, 0] >= x0) & (points[:, 0] <= x1) & (points[:, 1] >= y0) & (points[:, 1] <= y1))


def _plan_window(placement: Placement, cells: int) -> tuple[float, float, float, float]:
    """Window of so many cells in the middle of the first block, µm: x0, x1, y0, y1."""
    g, first = placement.geometry, placement.usage.block == 0
    block = placement.xyz[first]
    wide = round(float(np.ptp(block[:, 0])) / g.pitch_x) + 1
    if placement.usage.grid == (1, 1):
        block, wide = placement.xyz, round(float(np.ptp(placement.xyz[:, 0])) / g.pitch_x) + 1
    high = round(float(np.ptp(block[:, 1])) / g.pitch_y) + 1
    sides = []
    for axis, count, pitch in ((0, wide, g.pitch_x), (1, high, g.pitch_y)):
        shown = min(cells, count)
        low = float(block[:, axis].min()) + (count - shown) // 2 * pitch
        sides += [MICRO * (low - pitch * 0.7), MICRO * (low + (shown - 0.3) * pitch)]
    return sides[0], sides[1], sides[2], sides[3]


def _on_level(placement: Placement, lines: NDArray[np.int32], height: float) -> tuple[Array, Array]:
    """Level segments of lines at a height over ground, from above: starts and ends [segments, 2] in m."""
    paths = [line_path(placement, int(line)) for line in lines]
    start, end = (np.concatenate([path[part] for path in paths]) for part in (slice(None, -1), slice(1, None)))
    level = np.isclose([start[:, 2], end[:, 2]], height, rtol=0, atol=1e-11).all(0)
    return start[level, :2], end[level, :2]


def _clipped(segments: tuple[Array, Array], window: tuple[float, float, float, float]) -> tuple[Array, Array]:
    """Those whose bounding box meets the window."""
    start, end = segments
    x0, x1, y0, y1 = (w / MICRO for w in window)
    low, high = np.minimum(start, end), np.maximum(start, end)
    meets = (low[:, 0] <= x1) & (high[:, 0] >= x0) & (low[:, 1] <= y1) & (high[:, 1] >= y0)
    return start[meets], end[meets]


def _plan(axes: Axes, placement: Placement, window: tuple[float, float, float, float]) -> None:
    """Every metal inside a window at its true width, from above; bridges as centre lines."""
    g, usage, z = placement.geometry, placement.usage, placement.geometry.heights
    xy = placement.xyz[_in_window(placement.xyz, window), :2]
    half = np.array([[0, g.pitch_y / 2]])
    step = np.array([[g.pitch_x * (0.5 if usage.grid != (1, 1) else 0.4), 0]])
    _metal(axes, (xy - step, xy + step), g.tuning_width, "tuning", 2)
    _metal(axes, (xy - half, xy + half), g.chain_width, "chain", 3)
    _squares(axes, xy, g.resonator)
    margin = MICRO * 40 * max(g.pitch_x, g.pitch_y)
    around = (window[0] - margin, window[1] + margin, window[2] - margin, window[3] + margin)
    lines = np.unique(usage.line[_in_window(placement.xyz, around)])[:MOST_LINES]
    _metal(axes, _clipped(_on_level(placement, lines, z["line"]), window), g.line_width, "line", 5, 0.35)
    _centre_lines(axes, _clipped(_on_level(placement, lines, z["bridge"]), window))
    _frame(axes, window[:2], window[2:], "window, metals at true width")


def _beside(path: Array, y: float, reach: float, right: float) -> tuple[Array, Array]:
    """Segments within `reach` of the plane at y, left of `right`, from the side: starts, ends [segments, 2] (x, z)."""
    here = np.abs(path[:, 1] - y) <= reach
    near = here[:-1] & here[1:] & (np.minimum(path[:-1, 0], path[1:, 0]) < right)
    return path[:-1][near][:, [0, 2]], path[1:][near][:, [0, 2]]


def _elevation(axes: Axes, placement: Placement, cells: int) -> None:
    """Stacked chains from the side: one row of positions of the first block, lines as centre lines but at the stubs."""
    g, usage = placement.geometry, placement.usage
    row, across = np.divmod(usage.position, usage.grid[1])
    shown = np.flatnonzero((usage.block == 0) & (row == usage.grid[0] // 2) & (across < cells) & (usage.tap < cells))
    xz = placement.xyz[shown][:, [0, 2]]
    up, step = np.array([[0, g.pitch_z / 2]]), np.array([[g.pitch_x * 0.45, 0]])
    low, reach = xz - [0, g.tuning_depth], np.array([[g.line_width / 2, 0]])
    _metal(axes, (low - step, low + step), g.tuning_thickness, "tuning", 2)
    _metal(axes, (xz - up, xz + up), g.chain_width, "chain", 3)
    stub = xz + np.array([0, g.line_height])
    _metal(axes, (stub - reach, stub + reach), g.line_thickness, "line", 6)
    _squares(axes, xz, g.resonator)
    y = float(placement.xyz[shown[0], 1])
    room = g.pitch_y / 2 + 1e-12, float(xz[:, 0].max()) + g.pitch_x / 2
    pieces = [_beside(line_path(placement, int(n)), y, *room) for n in np.unique(usage.line[shown])]
    drawn = [MICRO * np.stack(piece, 1) for piece in pieces]
    axes.add_collection(LineCollection(list(np.concatenate(drawn)), colors=METALS["line"], linewidths=1.2, zorder=5))
    x, top = MICRO * xz[:, 0], float(MICRO * (xz[:, 1].max() + g.pitch_z * 0.6))
    pad = max(MICRO * g.pitch_x * 0.7, 0.35 * top - float(np.ptp(x)) / 2)
    axes.axhspan(-0.2, 0, color=METALS["ground"], zorder=1)
    _frame(axes, (x.min() - pad, x.max() + pad), (-0.2, top), "side view: one row of chains, lowest levels")


def _stack(axes: Axes, placement: Placement) -> None:
    """Cross-section through one cell, across a chain, at true heights."""
    g, z = placement.geometry, placement.geometry.heights
    wide = g.pitch_x * 0.7
    bars = (
        ("tuning", 2 * wide, g.tuning_thickness, z["tuning"]),
        ("chain", g.chain_width, g.chain_thickness, z["chain"]),
        ("resonator", g.resonator, g.chain_thickness, z["chain"]),
        ("line", g.line_width, g.line_thickness, z["line"]),
        ("bridge", g.line_width, g.line_thickness, z["bridge"]),
    )
    for name, width, thickness, height in bars:
        corner = -MICRO * width / 2, MICRO * (height - thickness / 2)
        shape = Rectangle(corner, MICRO * width, MICRO * thickness, color=METALS[name], linewidth=0, zorder=4)
        axes.add_patch(shape)
        label = f"{NAMES[name].split(' (')[0]}, {1e9 * height:.0f} nm"
        if name != "resonator":
            axes.annotate(
                label,
                (MICRO * min(width / 2, wide / 2), MICRO * height),
                (MICRO * wide * 1.08, MICRO * height),
                fontsize=8,
                va="center",
                arrowprops={"arrowstyle": "-", "color": MUTED, "linewidth": 0.6},
                annotation_clip=False,
            )
    axes.axhspan(-0.15, 0, color=METALS["ground"], zorder=1)
    axes.text(MICRO * wide * 1.08, -0.075, NAMES["ground"], fontsize=8, va="center")
    top = MICRO * (max(z.values()) + g.line_thickness)
    _frame(axes, (-MICRO * wide, MICRO * wide), (-0.15, top), "stack, cut across a chain")


def layout_figure(placement: Placement, cells: int = 8) -> Figure:
    """Whole layer, window of `cells` by `cells`, stack of metals, with a legend of the metals."""
    with rc_context(STYLE):
        drawn = figure(13.5, 5.6)
        grid = drawn.add_gridspec(1, 3, width_ratios=(1, 1, 0.62))
        left, middle, right = (drawn.add_subplot(grid[0, n]) for n in range(3))
        window = None if placement.arrangement.taps_up else _plan_window(placement, cells)
        _overview(left, placement, window)
        if window is None:
            _elevation(middle, placement, cells)
        else:
            _plan(middle, placement, window)
        _stack(right, placement)
        handles = [Rectangle((0, 0), 1, 1, color=METALS[name]) for name in METALS]
        drawn.legend(handles, list(NAMES.values()), loc="outside lower center", ncols=len(METALS), fontsize=8.5)
    return drawn
