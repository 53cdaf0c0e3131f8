"""The check of an engine on many programs: of several layers, points of a sweep, or ways to quantise them."""

import math
from collections.abc import Iterable, Sequence

from resonet.core.types import Array
from resonet.cosim.weights.engines import Engine
from resonet.cosim.weights.spot_check import SAMPLE, bus_cost, layer_cost
from resonet.cosim.weights.witness import Witness
from resonet.netlist.planning.frequency_plan import FrequencyPlan, LayerPlan

__all__ = ["Case", "check_cases", "joined", "spread_over"]

Case = tuple[FrequencyPlan, LayerPlan, Sequence[Array]]  # a program of a layer: f_res by bus, Hz


def joined(found: Iterable[Witness | None]) -> Witness | None:
    """Checks as one; None where there was none."""
    checks = [one for one in found if one]
    return sum(checks[1:], checks[0]) if checks else None


def spread_over(count: int, most: int) -> list[int]:
    """At most so many numbers below `count`, the first and the last among them, the others evenly between."""
    if most >= count:
        return list(range(count))
    return sorted({round(n * (count - 1) / (most - 1)) for n in range(most)}) if most > 1 else [count - 1]


def check_cases(engine: Engine, cases: Sequence[Case]) -> Witness | None:
    """Check what an engine says of some programs, within its budget; None for an engine without a check.

    The time is shared out by size. Where not even one bus of each fits into a sample's, some are taken, from the first
    to the last. Raises EngineError where the check fails.
    """
    if engine.check is None or not cases:
        return None
    least = sum(max(map(bus_cost, entry.buses)) for _, entry, _ in cases)
    most = max(1, math.floor(len(cases) * SAMPLE * engine.budget / least))
    chosen = [cases[number] for number in spread_over(len(cases), most)]
    total = sum(layer_cost(entry) for _, entry, _ in chosen)
    checks = [
        engine.with_budget(engine.budget * layer_cost(entry) / total).witnessed(plan, entry, f_res)
        for plan, entry, f_res in chosen
    ]
    left = sum(len(entry.buses) for _, entry, _ in cases) - sum(len(entry.buses) for _, entry, _ in chosen)
    return joined([*checks, Witness(of=left)])
