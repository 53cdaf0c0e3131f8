"""What to change when chains cannot hold their weights: the least change of each kind that helps, with its cost.

Each kind is tried alone, everything else as the plan has it, and its least change found by bisection:

assign   inputs on the channels where their weights fit best
ends     wider spacing of the first and the last channel
scale    a lower largest weight: less signal
tile     shorter tiles: more buses
band     a higher f_max or a lower f_min
damping  a better material

`cost` makes them comparable: |ln(new/old)| of what the change takes: signal, number of buses, ln(f_max/f_min), α. What
stays within the band and the buses that there are costs nothing.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from resonet.core.types import Array, Ints
from resonet.models.circuit.bus import bus_currents
from resonet.models.resonator.chain import Chains, solve_chains
from resonet.netlist.planning.channel_order import assign_taps
from resonet.netlist.planning.frequency_plan import Bus, FrequencyPlan, LayerPlan, channel_grid, levelled_parts
from resonet.netlist.programming.methods import CONVERGED, bus_weights, layer_unit, solver_chains

__all__ = ["Kind", "Remedy", "bus_profile", "remedies"]

Kind = Literal["assign", "ends", "scale", "tile", "band", "damping"]
STEPS = 7  # halvings
MOST_ENDS = 4
WIDEST, LEAST_DAMPING, LEAST_SCALE = 10.0, 0.05, 0.05  # as part of what there is


@dataclass(frozen=True, slots=True)
class Remedy:
    """One change after which the chains hold their weights."""

    kind: Kind
    setting: str  # parameter, as --set takes it
    value: float  # SI
    cost: float  # |ln(new/old)| of what it takes
    text: str  # what to do and what it takes, for people


@dataclass(frozen=True, slots=True, eq=False)
class _Case:
    """Chains that must hold their weights, in a plan that may be changed."""

    plan: FrequencyPlan
    entry: LayerPlan
    bus: Bus
    rows: Ints  # chains of the bus, the worst first
    fill: float
    ideal: bool

    @property
    def matrix(self) -> Array:
        """Weights of those neurons over all inputs, units of K_SD, [chains, taps of the group]."""
        matrix = self.entry.layer.held[self.bus.group][self.bus.outputs[self.rows]]
        return np.asarray(matrix * layer_unit(self.entry, self.fill))


def bus_profile(
    plan: FrequencyPlan, frequencies: Array, chains: int, below: int = 0, parts: Array | None = None
) -> Array:
    """Power of each tone in each resonator, as part of that in its own, by the bus circuit; [tones, resonators].

    With `parts` [tones] of the power that a tone of p_max has in its own.
    """
    current = bus_currents(frequencies, plan.device.resistance, len(frequencies), chains, plan.circuit, below)
    profile = np.asarray(np.abs(current / np.diagonal(current)[:, None]) ** 2)
    return profile if parts is None else profile * parts[:, None]


def _holds(case: _Case, taps: Ints, below: int) -> bool:
    """Whether all chains hold their weights on a bus with those inputs, with channels as the case's plan wants them."""
    plan, layer, grid = case.plan, case.entry.layer, channel_grid(len(taps), case.plan.options)
    if plan.options.assign and len(taps) > 1:
        everyone = layer.held[case.bus.group][np.ix_(case.bus.outputs, taps)]
        taps = taps[assign_taps(everyone * layer_unit(case.entry, case.fill), grid, plan.device.damping)]
    weights = case.matrix[:, taps]
    parts = levelled_parts(layer, case.bus.group, taps, grid, plan.device, replace(plan.options, fill=case.fill))
    profile = None if case.ideal else bus_profile(plan, grid, len(case.bus.outputs), below, parts)
    signs = np.where(np.arange(len(taps)) % 2, -1.0, 1.0)
    chains = Chains(grid, signs, plan.device.damping, profile, reach=case.bus.reach, parts=parts)
    # The first chain is the one that is furthest off in the plan: it alone settles most trials.
    return all(_worst(part, chains) <= CONVERGED * case.fill for part in (weights[:1], weights[1:]) if len(part))


def _worst(weights: Array, chains: Chains) -> float:
    """Largest residual of some chains, units of K_SD."""
    return float(solve_chains(weights, chains, tolerance=0.1 * CONVERGED)[1].max())


def _bus_holds(case: _Case) -> bool:
    return _holds(case, np.sort(case.bus.taps), case.bus.below)


def _options(case: _Case, **changed: float) -> _Case:
    return replace(case, plan=replace(case.plan, options=replace(case.plan.options, **changed)))  # type: ignore[arg-type]


def _damped(case: _Case, damping: float) -> _Case:
    return replace(case, plan=replace(case.plan, device=replace(case.plan.device, damping=damping)))


def _least(helps: Callable[[float], bool], now: float, most: float) -> float | None:
    """Value nearest to `now` that helps, between it (which does not) and `most`; halved on a logarithmic scale."""
    if not helps(most):
        return None
    for _ in range(STEPS):
        middle = float(np.sqrt(now * most))
        now, most = (now, middle) if helps(middle) else (middle, most)
    return most


def _assign(case: _Case) -> Iterator[Remedy]:
    if not case.plan.options.assign and len(case.bus.taps) > 1 and _bus_holds(_options(case, assign=1)):
        yield Remedy("assign", "plan.assign", 1, 0.0, "put the inputs on the channels where their weights fit best")


def _ends(case: _Case) -> Iterator[Remedy]:
    options = case.plan.options
    if len(case.bus.taps) < 4:
        return
    # Too wide is bad again, as the others get too close, so all are tried.
    wider = range(options.ends + 1, MOST_ENDS + 1)
    spacing = next((ends for ends in wider if _bus_holds(_options(case, ends=ends))), 0)
    if spacing:
        closer = (len(case.bus.taps) - 3 + 2 * spacing) / (len(case.bus.taps) - 3 + 2 * options.ends) - 1
        text = f"first and last channel {spacing} spacings off: the others stand {100 * closer:.1f} % closer"
        yield Remedy("ends", "plan.ends", spacing, 0.0, text)


def _scale(case: _Case) -> Iterator[Remedy]:
    least = max(LEAST_SCALE * case.fill, 0.01)
    if least >= case.fill:
        return
    largest = _least(lambda fill: _bus_holds(replace(case, fill=fill)), case.fill, least)
    if largest:
        loss = 20 * np.log10(case.fill / largest)
        text = f"largest weight at {largest:.3f} of a resonator's range, not {case.fill:.3f}: {loss:.2f} dB less signal"
        yield Remedy("scale", "plan.fill", largest, float(np.log(case.fill / largest)), text)


def _tile_holds(case: _Case, tile: int) -> bool:
    """Whether those neurons hold all of their weights in tiles of at most so many resonators."""
    taps = case.entry.layer.taps
    parts = np.array_split(np.arange(taps), -(-taps // tile))
    below = np.cumsum([0] + [len(part) for part in parts])
    return all(_holds(case, part, int(n)) for part, n in zip(parts, below[:-1], strict=True))


def _tile(case: _Case) -> Iterator[Remedy]:
    """Tiles: the largest below the present one, by bisection over the sizes that give different numbers of tiles."""
    taps, now = case.entry.layer.taps, min(case.plan.options.tile, case.entry.layer.taps)
    sizes = sorted({-(-taps // count) for count in range(-(-taps // now) + 1, taps + 1)})
    if not sizes or not _tile_holds(case, sizes[0]):
        return
    low, high = 0, len(sizes)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _tile_holds(case, sizes[middle]) else (low, middle)
    tiles, before = -(-taps // sizes[low]), -(-taps // now)
    more = (tiles - before) * (len(case.entry.buses) // before)
    text = f"tiles of at most {sizes[low]} resonators, not {now}: {more} more buses (now {len(case.entry.buses)})"
    yield Remedy("tile", "plan.tile", sizes[low], float(np.log(tiles / before)), text)


def _band(case: _Case) -> Iterator[Remedy]:
    options = case.plan.options
    for end, limit in (("f_max", min(WIDEST * options.f_max, 1e12)), ("f_min", max(options.f_min / WIDEST, 1e6))):
        now = getattr(options, end)
        edge = _least(lambda f, end=end: _bus_holds(_options(case, **{end: f})), now, limit)  # type: ignore[misc]
        if edge:
            old, added = np.log(options.f_max / options.f_min), abs(np.log(edge / now))
            text = f"{end} at {edge / 1e9:.3g} GHz, not {now / 1e9:.3g} GHz: {added / np.log(2):.2f} octaves more"
            yield Remedy("band", f"plan.{end}", edge, float(np.log1p(added / old)), text)


def _damping(case: _Case) -> Iterator[Remedy]:
    now = case.plan.device.damping
    damping = _least(lambda a: _bus_holds(_damped(case, a)), now, max(LEAST_DAMPING * now, 1e-5))
    if damping:
        text = f"damping {damping:.2g}, not {now:.2g}"
        yield Remedy("damping", "device.damping", damping, float(np.log(now / damping)), text)


KINDS = (_assign, _ends, _scale, _tile, _band, _damping)


def remedies(
    plan: FrequencyPlan,
    entry: LayerPlan,
    bus: Bus,
    chains: Ints | None,
    fill: float,
    ideal: bool = True,
) -> tuple[Remedy, ...]:
    """What makes some chains of a bus (positions; None: all) hold their weights at `fill`, the cheapest first.

    `fill` is the layer's largest weight as part of a resonator's range. Ideal: each tone has its power in every
    resonator; else the bus circuit of the plan, in closed form. Nothing where the chains hold their weights already,
    and no entry for a kind that does not help within its limits.
    """
    rows = np.arange(len(bus.outputs)) if chains is None else np.atleast_1d(np.asarray(chains, np.int64))
    if not len(rows):
        return ()
    profile = None if ideal else bus_profile(plan, bus.frequencies, len(bus.outputs), bus.below, bus.parts)
    target = bus_weights(entry, bus)[rows] * layer_unit(entry, fill)
    _, worst = solve_chains(target, solver_chains(bus, plan.device, profile), tolerance=0.1 * CONVERGED * fill)
    if worst.max() <= CONVERGED * fill:
        return ()
    case = _Case(plan, entry, bus, rows[np.argsort(-worst)], fill, ideal)
    return tuple(sorted((least for kind in KINDS for least in kind(case)), key=lambda remedy: remedy.cost))
