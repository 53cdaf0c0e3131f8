"""Tables of noise, for the commands that show them."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from resonet.cli.show import print_table

if TYPE_CHECKING:
    from resonet.cosim.noise.budget import LayerBudget

__all__ = ["show_budget"]


def _number(value: float, digits: int = 1) -> str:
    return f"{value:.{digits}f}" if math.isfinite(value) else "-"


def show_budget(budgets: "Sequence[LayerBudget]") -> None:
    """Noise of every layer by source, and what it leaves of the signal."""
    names = list(dict.fromkeys(name for budget in budgets for name in budget.sources))
    if not names:
        return
    columns = {"layer": "left"} | dict.fromkeys((*names, "all"), "right")
    rows = [
        (b.layer, *(f"{1e6 * b.sources[n]:.2g}" if n in b.sources else "-" for n in names), f"{1e6 * b.noise:.3g}")
        for b in budgets
    ]
    print_table("noise at the neurons by source, uV rms", columns, rows)
    headings = ("signal\nuV rms", "range\nuV", "SNR\ndB", "ENOB\nbit", "worst\nneuron", "its SNR\ndB", "its ENOB\nbit")
    columns = {"layer": "left", "most of the noise": "left"} | dict.fromkeys(headings, "right")
    cells = []
    for b in budgets:
        worst, signal = b.worst, (f"{1e6 * b.signal:.3g}", f"{1e6 * b.full_scale:.3g}")
        own = (_number(worst.snr), _number(worst.enob))
        cells.append((b.layer, b.dominant, *signal, _number(b.snr), _number(b.enob), str(worst.neuron), *own))
    print_table("what it leaves: range over the batch in steps of √12 of the noise", columns, cells)
