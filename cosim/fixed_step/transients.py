"""A deck with a fixed step by either engine: ngspice, or compiled trapezoids on the same time points."""

from typing import Literal

import numpy as np

from resonet.core.errors import EngineError, InputError
from resonet.cosim.fixed_step.readings import Readings
from resonet.cosim.ngspice.kept_step import hann_mean, of_deck, run_kept_step
from resonet.netlist.spice.deck import Deck

__all__ = ["TRANSIENT_ENGINES", "TransientEngine", "read_transient"]

TransientEngine = Literal["ngspice", "fixed_step"]
TRANSIENT_ENGINES: tuple[TransientEngine, ...] = ("ngspice", "fixed_step")


def read_transient(
    deck: Deck,
    step: float,
    steps: int,
    window: float,
    engine: TransientEngine = "ngspice",
    timeout: float = 600.0,
    silent: bool = False,
) -> Readings:
    """Transient of a deck that asks for so many fixed steps (s), means over its last `window` s.

    `timeout` in s is ngspice's. Raises InputError, and EngineError where the engine's own checks fail, or all vectors
    are zero, unless `silent`: nothing drives the deck.
    """
    if engine not in TRANSIENT_ENGINES:
        raise InputError(f"engine {str(engine)[:40]!r}; possible: {', '.join(TRANSIENT_ENGINES)}")
    if engine == "ngspice":
        plot = run_kept_step(deck, step, steps, timeout, silent)
        names = of_deck(plot)
        data = np.asarray(plot.columns(names).real)
        return Readings(tuple(names), plot.axis, data, hann_mean(plot.axis, data, window), len(plot.axis))
    from resonet.cosim.fixed_step.engine import fixed_step

    found = fixed_step(deck, window)
    if not silent and not found.data.any():
        raise EngineError(f"fixed_step on {deck.name}: every vector is zero, such as {found.variables[0][:60]}")
    return found
