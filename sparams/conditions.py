"""What a block does under other conditions: DC bias, tuning current, temperature; one network a value.

    bias          every resonator carries the current of its chain: the resonance appears, Z = r0 + k I (1 + chi)
    tuning        the field of the tuning line shifts every resonance by the same amount, f0 + slope * I
    temperature   r0, f0, q, k follow value (1 + coefficient (T - T0)), as in `models.resonator_full`

Slope of the tuning: a strip of width w has H = I/(2w) below it (`models.lines.strip_field`), and a resonance moves by
at most γ μ0 / 2π = 35.2 kHz per A/m (free-electron γ, field along the easy axis of a saturated layer; Kittel, Phys.
Rev. 73, 155). RF power changes S only beyond the linear regime of fidelity 1: not here (docs/theory/models.md).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from resonet.core.errors import InputError
from resonet.core.parameters import check, parameter
from resonet.core.types import Array
from resonet.models.line.lines import MU0, strip_field
from resonet.sparams.block import Block, Drive, Resonators, flat
from resonet.sparams.extract import Engine, extract

if TYPE_CHECKING:
    from skrf import Network

__all__ = ["Drift", "biased", "sweep", "tuned", "tuning_slope", "warmed"]

GYROMAGNETIC = 28.02495e9 * MU0  # Hz per A/m
MOST = 2000  # values of one sweep


@dataclass(frozen=True, slots=True)
class Drift:
    """Relative changes per kelvin of the resonators' parameters."""

    tcr: float = parameter(0.0, "1/K", -0.1, 0.1, "of r0")
    tcf: float = parameter(0.0, "1/K", -0.1, 0.1, "of f0")
    tcq: float = parameter(0.0, "1/K", -0.1, 0.1, "of q")
    tck: float = parameter(0.0, "1/K", -0.1, 0.1, "of k")
    nominal: float = parameter(300.0, "K", 1.0, 1000.0, "temperature at which the block's values hold")

    def __post_init__(self) -> None:
        check(self, "drift")


def _changed(block: Block, change: Callable[[Resonators], Resonators]) -> Block:
    whole = flat(block)
    elements = tuple(change(e) if isinstance(e, Resonators) else e for e in whole.elements)
    return replace(whole, elements=elements)


def biased(block: Block, factor: float) -> Block:
    """A biased block with all of its DC currents times `factor`."""
    whole = _changed(block, lambda e: replace(e, bias=e.bias * factor))
    elements = tuple(replace(e, current=e.current * factor) if isinstance(e, Drive) else e for e in whole.elements)
    return replace(whole, elements=elements)


def tuning_slope(width: float, height: float = 0.0) -> float:
    """Largest shift of a resonance per ampere in a strip of that width (m), a height (m) above the layer, Hz/A."""
    return float(GYROMAGNETIC * strip_field(1.0, width, height))


def tuned(block: Block, current: float, slope: float) -> Block:
    """The block with `current` (A) in the tuning line of all its resonators; slope in Hz/A."""

    def change(e: Resonators) -> Resonators:
        f0 = e.f0 + slope * current
        if np.any(f0 <= 0):
            raise InputError(f"tuning current {current:g} A: shifts a resonance by {slope * current:g} Hz, below 0 Hz")
        return replace(e, f0=f0)

    return _changed(block, change)


def warmed(block: Block, kelvin: float, drift: Drift) -> Block:
    """The block at a temperature (K)."""
    if not 1.0 <= kelvin <= 1000.0:
        raise InputError(f"temperature {kelvin:g} K; possible: 1 ... 1000 K")
    step = kelvin - drift.nominal
    factor = {"r0": drift.tcr, "f0": drift.tcf, "q": drift.tcq, "k": drift.tck}
    scale = {name: 1 + coefficient * step for name, coefficient in factor.items()}
    for name in ("r0", "f0", "q"):
        if scale[name] <= 0:
            raise InputError(
                f"temperature {kelvin:g} K: {name} would be {scale[name]:g} of its value; possible: above 0"
            )
    return _changed(block, lambda e: replace(e, **{name: getattr(e, name) * x for name, x in scale.items()}))


def sweep(block_at: Callable[[float], Block], values: Array, f: Array, engine: Engine = "linear") -> list["Network"]:
    """One network a value: `sweep(lambda i: tuned(block, i, slope), currents, f)`."""
    values = np.asarray(values, float)
    if not 1 <= len(values) <= MOST:
        raise InputError(f"{len(values)} values of a sweep; possible: 1 ... {MOST}")
    return [extract(block_at(float(value)), f, engine) for value in values]
