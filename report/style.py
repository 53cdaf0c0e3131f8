"""The look of every figure, and how figures are saved."""

from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.image import imsave
from matplotlib.text import Text

from resonet.core.files import new_file
from resonet.core.text import visible
from resonet.core.validity import warn

__all__ = [
    "AGGRESSOR",
    "CALIBRATED",
    "COLOURS",
    "COUPLED",
    "DASHES",
    "FORMULA",
    "INK",
    "MARKS",
    "MUTED",
    "SHARED",
    "SOFTWARE",
    "figure",
    "finish",
    "save",
]

# Okabe and Ito's, the red and the purple darker: any two stay apart for deuteranopes too (test_colours.py).
INK, MUTED = "#1b2733", "#a0aab4"
SOFTWARE, FORMULA, COUPLED, CALIBRATED, AGGRESSOR = "#33414e", "#E69F00", "#0072B2", "#009E73", "#B8410A"
SHARED = "#a0559a"
COLOURS = {"formula": FORMULA, "coupled": COUPLED, "shared": SHARED, "calibrated": CALIBRATED}  # of the programs
MARKS = {"formula": "o", "coupled": "s", "shared": "D", "calibrated": "^"}
DPI = 150.0
DASHES = {"formula": ":", "coupled": "--", "shared": "-.", "calibrated": "-"}
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


def _drawable(text: str, font: FontProperties) -> str:
    """Text of what the font has; the rest, such as control characters out of a name, as escapes."""
    if text.isascii() and text.isprintable():
        return text
    face = get_font(findfont(font))
    text = visible(text, "\n")
    known = {c: c == "\n" or c.isascii() or bool(face.get_char_index(ord(c))) for c in text}
    return "".join(c if known[c] else c.encode("unicode_escape").decode() for c in text)


def save(drawn: Figure, folder: Path, name: str) -> list[Path]:
    """Write a figure as PNG and SVG; returns the paths of those that could be written.

    A folder that cannot be written costs the figure, not the numbers: that is a warning of validity, `not-written`.
    """
    for item in drawn.findobj(Text):
        assert isinstance(item, Text)
        item.set_text(_drawable(item.get_text(), item.get_fontproperties()))
    paths = []
    layout, dpi = drawn.get_layout_engine(), drawn.dpi
    with rc_context(STYLE):
        # Figure.savefig would lay out and draw once more for each file; the SVG is laid out as the PNG is.
        drawn.dpi = DPI
        pixels: Any = FigureCanvasAgg(drawn)  # methods of a canvas have no types
        pixels.draw()
        drawn.set_layout_engine("none")
        curves: Any = FigureCanvasSVG(drawn)
        for kind in ("png", "svg"):
            path = folder / f"{name}.{kind}"
            try:
                with new_file(path) as temporary:
                    if kind == "png":
                        imsave(temporary, pixels.buffer_rgba(), format=kind, dpi=DPI, metadata={"Software": "resonet"})
                    else:
                        curves.print_svg(temporary, metadata={"Date": None, "Creator": "resonet"})
            except OSError as error:
                warn("not-written", f"{path}: not written ({error.strerror or error})", 1, 0, "files")
            else:
                paths.append(path)
        drawn.set_layout_engine(layout)
        drawn.dpi = dpi
    return paths
