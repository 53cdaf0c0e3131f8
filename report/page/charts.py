"""What all plots share: colours by name, axes, numbers short enough to be embedded, labels out of untrusted names.

Colours are those of Okabe and Ito, which stay apart for every kind of colour blindness; the page's script puts the
shade of the light or the dark theme in the place of a name. Curves differ in dash or mark as well. Heat maps are in
cividis, which grows evenly for all eyes.
"""

import html
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from resonet.core.text import visible
from resonet.core.types import Array, Ints

__all__ = [
    "COLOURS",
    "DASHES",
    "MARKS",
    "axis",
    "bars",
    "curve",
    "frequency_axis",
    "ghz",
    "label",
    "layout",
    "log_axis",
    "numbers",
    "thinned",
]

COLOURS = ("@blue", "@orange", "@green", "@purple", "@vermilion", "@sky", "@ink")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "solid")
MARKS = ("circle", "square", "diamond", "triangle-up", "x", "cross", "star")
HEAT = "Cividis"
MOST_POINTS = 1200  # of a curve


def label(text: str) -> str:
    """A name as plotly shows it: plotly reads some HTML in its texts, and a name is none."""
    return html.escape(visible(text), quote=False)


def numbers(values: Iterable[float] | Array, digits: int = 4) -> list[float | None]:
    """Values with so many significant digits; what is not finite is left out."""
    return [float(f"{value:.{digits}g}") if math.isfinite(value) else None for value in map(float, values)]


def ghz(values: Array) -> list[float | None]:
    """Hz in GHz."""
    return numbers(np.asarray(values) / 1e9, 6)


def thinned(f: Array, *curves: Array, keep: Array | None = None) -> Ints:
    """Indices of at most some MOST_POINTS points: evenly spread, with the extremes of every stretch of each curve.

    `keep`: frequencies near which nothing is left out.
    """
    if len(f) <= MOST_POINTS:
        return np.arange(len(f))
    parts = np.array_split(np.arange(len(f)), MOST_POINTS // (1 + 2 * len(curves)))
    chosen = [part[0] for part in parts] + [len(f) - 1]
    for curve_ in curves:
        chosen += [part[int(end(curve_[part]))] for part in parts for end in (np.argmin, np.argmax)]
    if keep is not None:
        chosen += [int(np.abs(f - one).argmin()) for one in keep]
    return np.unique(chosen)


def axis(title: str, **more: Any) -> dict[str, Any]:
    """An axis with its title, which makes room for its labels."""
    return {"title": {"text": title}, "automargin": True, "zeroline": False, **more}


def frequency_axis(low: float, high: float) -> dict[str, Any]:
    """A logarithmic axis of GHz over a band in Hz, with the ticks that people expect."""
    ticks = [one * 10.0**n for n in range(-3, 5) for one in (1, 2, 5)]
    shown = [tick for tick in ticks if low / 1.01e9 <= tick <= high * 1.01 / 1e9]
    known = {"tickmode": "array", "tickvals": shown, "ticktext": [f"{tick:g}" for tick in shown]}
    ends = {"range": [round(math.log10(low / 1e9) - 0.03, 4), round(math.log10(high / 1e9) + 0.03, 4)]}
    return axis("frequency, GHz", type="log", **(known if len(shown) > 1 else {}), **ends)


def log_axis(title: str, values: Iterable[float | None]) -> dict[str, Any]:
    """A logarithmic axis of positive values, with whole powers of ten at some five places."""
    known = [math.log10(value) for value in values if value is not None and value > 0]
    span = max(known) - min(known) if known else 0.0
    return axis(title, type="log", exponentformat="power", dtick=max(1, round(span / 5)))


def layout(x: Mapping[str, Any], y: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Layout of a plot; what depends on the theme is the page's script's."""
    return {"xaxis": dict(x), "yaxis": dict(y), "showlegend": False, **more}


def curve(x: Sequence[Any], y: Sequence[Any], name: str, n: int, hover: str, **more: Any) -> dict[str, Any]:
    """The n-th curve of a plot."""
    line = {"color": COLOURS[n % len(COLOURS)], "dash": DASHES[n % len(DASHES)], "width": 2}
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": y,
        "name": name,
        "line": line,
        "hovertemplate": hover,
    } | more


def bars(x: Sequence[Any], y: Sequence[Any], name: str, n: int, hover: str, **more: Any) -> dict[str, Any]:
    """The n-th series of bars; they differ in pattern as well."""
    marker = {"color": COLOURS[n % len(COLOURS)], "pattern": {"shape": ("", "/", "x", ".")[n % 4], "solidity": 0.25}}
    return {"type": "bar", "x": x, "y": y, "name": name, "marker": marker, "hovertemplate": hover, **more}
