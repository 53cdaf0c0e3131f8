"""What a sweep found: curves over its first axis, or a map over two."""

from dataclasses import fields
from typing import TYPE_CHECKING, Literal

import numpy as np
from matplotlib import colormaps, rc_context
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from resonet.core.types import Array
from resonet.netlist.design.parameters import TABLES
from resonet.report.error_axis import LEAST, error_axis, floored
from resonet.report.style import COLOURS, DASHES, MARKS, MUTED, SOFTWARE, STYLE, figure, finish

if TYPE_CHECKING:
    from xarray import Dataset

__all__ = ["sweep_figure"]

WIDE = 1000.0  # from where on a logarithmic axis has a number a decade
PREFIX = {-18: "a", -15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T"}


def _grows(values: Array) -> bool:
    """Whether an axis is better logarithmic: its steps grow with it."""
    steps = np.diff(np.unique(values))
    return bool(len(steps) > 1 and values.min() > 0 and steps.max() > 3 * steps.min())


def _curve(axes: Axes, x: Array, y: Array, colour: object, label: str, mark: str = "o-") -> None:
    """Mean over all points at one place, and the band from the least to the largest."""
    places = np.unique(x)
    groups = [y[(x == place) & np.isfinite(y)] for place in places]
    kept = [(place, group) for place, group in zip(places, groups, strict=True) if len(group)]
    if not kept:
        return
    at = np.array([place for place, _ in kept])
    mean = np.array([group.mean() for _, group in kept])
    axes.plot(at, mean, mark, color=colour, markersize=4, label=label)
    low, high = (np.array([getattr(group, end)() for _, group in kept]) for end in ("min", "max"))
    if np.any(high > low):
        axes.fill_between(at, low, high, color=colour, alpha=0.15, linewidth=0)


def _scaled(x: Array, name: str) -> tuple[Array, str]:
    """Values and axis label, large and small numbers with a prefix."""
    section, _, field = name.rpartition(".")
    specs = {spec.name: spec for spec in fields(TABLES[section])} if section else {}
    unit = specs[field].metadata["unit"] if specs else ""
    if not unit or x.max() <= 0:
        return x, name + (", half-widths" if name == "spread" else "")
    power = int(3 * np.floor(np.log10(x.max()) / 3 + 1e-12))
    return (x / 10.0**power, f"{name}, {PREFIX[power]}{unit}") if power in PREFIX else (x, f"{name}, {unit}")


def _curves(panel: Axes, quantity: Array, programs: list[str], x: Array, second: Array | None, name: str) -> None:
    """One curve a program; or, with a second axis, one a value of it, of one program."""
    if second is None:
        for n, program in enumerate(programs):
            mark = MARKS.get(program, "o") + DASHES.get(program, "-")
            _curve(panel, x, quantity[:, n], COLOURS.get(program, MUTED), program, mark)
        return
    values = np.unique(second)
    shades = colormaps["viridis"](np.linspace(0, 0.85, len(values)))
    for value, shade in zip(values, shades, strict=True):
        here = second == value
        _curve(panel, x[here], quantity[here, -1], shade, f"{name} {value:g}")


def _map(drawn: Figure, panel: Axes, x: Array, y: Array, value: Array, label: str) -> None:
    """Map over two axes; where several points share a place, their mean."""
    across, up = np.unique(x), np.unique(y)
    cells = np.array([[_mean(value[(x == a) & (y == b)]) for a in across] for b in up])
    low, high = float(np.nanmin(cells)), float(np.nanmax(cells))
    norm = LogNorm(low, high) if low > 0 and high > 10 * low else Normalize(low, high)
    mesh = panel.pcolormesh(across, up, cells, shading="nearest", cmap="viridis", norm=norm)
    bar = drawn.colorbar(mesh, ax=panel, format=FuncFormatter(lambda value, _: f"{value:g}"))
    bar.set_label(label)
    bar.outline.set_visible(False)


def _logarithmic(panel: Axes, which: Literal["x", "y"]) -> None:
    """A logarithmic axis with plain numbers."""
    axis = panel.xaxis if which == "x" else panel.yaxis
    (panel.set_xscale if which == "x" else panel.set_yscale)("log")
    low, high = axis.get_data_interval()
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < WIDE * low else (1.0,)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _mean(values: Array) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else float("nan")


def sweep_figure(data: "Dataset", names: list[str], together: bool = False) -> Figure:
    """Errors and accuracies of a sweep whose axes have those names ("seed" is averaged over).

    RMS error of the worst layer, as the table has it, and accuracy if there is any. One axis: a curve for each program.
    Two: curves of one program, for each of at most six values of the second axis; beyond that a map. Further axes: mean
    and band.
    """
    varied = [name for name in names if name != "seed"] or names
    columns = {name: np.asarray(data[name.replace(".", "_")].values, float) for name in varied}
    x, x_label = _scaled(columns[varied[0]], varied[0])
    second = columns[varied[1]] if len(varied) > 1 and not together else None
    scaled, y_label = _scaled(second, varied[1]) if second is not None else (None, "")
    programs = [str(program) for program in data["program"].values]
    errors = floored(100 * data["rms_error"].values.max(2))  # of the worst layer, as the table has it
    if second is not None:  # one program: the best that leaves an error to speak of
        shown = max([n for n in range(len(programs)) if np.nanmax(errors[:, n]) > LEAST], default=0)
        data, programs, errors = data.isel(program=[shown]), [programs[shown]], errors[:, [shown]]
    panels = [("weight error of the worst layer", "RMS error / largest weight, %", errors)]
    if "accuracy" in data:
        panels.append(("accuracy", "accuracy, %", 100 * data["accuracy"].values))
    if "noisy" in data:
        panels.append(("accuracy with noise", "accuracy, %", 100 * data["noisy"].values))
    with rc_context(STYLE):
        drawn = figure(5.4 * len(panels), 3.6)
        for panel, (title, label, quantity) in zip(
            drawn.subplots(1, len(panels), squeeze=False)[0], panels, strict=True
        ):
            told = title if second is None else f"{title}, {programs[-1]}"
            if scaled is not None and len(np.unique(scaled)) > 6:
                _map(drawn, panel, x, scaled, quantity[:, -1], label)
                finish(panel, told, x_label, y_label)
                if _grows(scaled):
                    _logarithmic(panel, "y")
            else:
                _curves(panel, quantity, programs, x, scaled, y_label)
                finish(panel, told, x_label, label)
                panel.grid(visible=True)
                if quantity is errors:
                    error_axis(panel, float(np.nanmin(errors)), float(np.nanmax(errors)))
                if "software" in data and title.startswith("accuracy"):
                    panel.axhline(
                        100 * float(np.nanmean(data["software"].values)),
                        color=SOFTWARE,
                        lw=1,
                        ls=(0, (1, 2)),
                        label="software",
                    )
                panel.legend(fontsize=8)
            if _grows(x):
                _logarithmic(panel, "x")
    return drawn
