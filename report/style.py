"""The look of every figure, and how figures are saved."""

from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from resonet.core.files import new_file

__all__ = [
    "AGGRESSOR",
    "CALIBRATED",
    "COUPLED",
    "FORMULA",
    "INK",
    "MUTED",
    "SHARED",
    "SOFTWARE",
    "figure",
    "finish",
    "save",
]

INK, MUTED = "#1b2733", "#7a8794"
SOFTWARE, FORMULA, COUPLED, CALIBRATED, AGGRESSOR = "#4a5a6a", "#d9822b", "#1f77b4", "#2a9d5c", "#c0392b"
SHARED = "#7b5ea7"
STYLE: dict[Any, Any] = {
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
    "grid.color": "#e3e8ec",
    "legend.frameon": False,
    "svg.hashsalt": "resonet",  # the same figure is the same file
    "figure.dpi": 110.0,
    "savefig.dpi": 150.0,
}


def figure(width: float, height: float) -> Figure:
    """Empty figure of that size in inches."""
    with rc_context(STYLE):
        return Figure(figsize=(width, height), layout="constrained")


def finish(axes: Axes, title: str, x: str, y: str) -> None:
    """Title left, axis labels, light grid."""
    axes.set_title(title, loc="left", fontweight="bold")
    axes.set_xlabel(x)
    axes.set_ylabel(y)


def save(drawn: Figure, folder: Path, name: str) -> list[Path]:
    """Write a figure as PNG and SVG; returns the paths."""
    paths = []
    for kind, metadata in (("png", {"Software": "resonet"}), ("svg", {"Date": None, "Creator": "resonet"})):
        path = folder / f"{name}.{kind}"
        with rc_context(STYLE), new_file(path) as temporary:
            drawn.savefig(temporary, format=kind, metadata=metadata)
        paths.append(path)
    return paths
