"""Weight errors on a logarithmic axis: below a floor they are rounding, and drawn and written as that."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullLocator

from resonet.core.types import Array

__all__ = ["LEAST", "error_axis", "floored", "told"]

LEAST = 1e-6  # %: what is below is rounding of the solver
MOST_TICKS = 6


def floored(percent: Array) -> Array:
    """Sizes of errors in per cent as they are drawn: at least `LEAST`, and nan where they are nan."""
    return np.asarray(np.maximum(np.abs(percent), LEAST))


def told(percent: float, digits: str = ".2g") -> str:
    """An error in per cent, without the unit."""
    return f"< {LEAST:.0e}".replace("e-0", "e-") if abs(percent) < LEAST else f"{percent:{digits}}"


def _tick(value: float, _: object) -> str:
    text = f"{value:g}".replace("e-0", "e-")
    return f"≤ {text}" if value <= 1.001 * LEAST else text


def error_axis(axes: Axes, low: float, high: float, room: float = 0.0) -> None:
    """Logarithmic y axis from `low` to `high`, per cent, with numbers over any decades; `room` above, parts of that."""
    first = int(np.floor(np.log10(max(low, LEAST)) + 1e-9))
    last = int(np.ceil(np.log10(max(high, 2 * LEAST)) - 1e-9))
    axes.set_yscale("log")
    axes.set_ylim(0.6 * 10.0**first, 1.3 * 10.0 ** (last + room * (last - first)))
    step = -(-(last - first) // MOST_TICKS) or 1
    axes.set_yticks([10.0**n for n in range(first, last + 1, step)])
    if last - first < 3:
        axes.set_yticks([m * 10.0**n for n in range(first, last) for m in (1, 2, 5)] + [10.0**last])
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(_tick))
