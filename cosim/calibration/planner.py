"""Channel planning: what tile size, damping and channel order do to weights, range and power, before anything is built.

Every point is a plan of one layer: the largest weight that its chains can hold, the errors of its weights in the bus
circuit (linear engine) by formula, by coupled solve and after calibration, the power that a tone source must have, and
the second-order products on its channels. Of a large layer points are made from some of its buses, evenly spread; what
is advised is held against all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from resonet.core.errors import InputError
from resonet.core.watching import Done, nothing
from resonet.cosim.calibration.newton import CalibrationOptions, calibrate_layer
from resonet.cosim.weights.bus_answers import bus_powers
from resonet.cosim.weights.engines import layer_response, linear
from resonet.netlist.design.parameters import Parameters
from resonet.netlist.network.cnn import Cnn, Synapses
from resonet.netlist.planning.frequency_plan import FrequencyPlan, LayerPlan, PlanOptions, plan, source_power
from resonet.netlist.planning.powers import check_source_power, check_tone_power
from resonet.netlist.planning.second_order import Products, clear_band
from resonet.netlist.programming.methods import COMPILED, LayerProgram, bus_weights, largest_fill, own_scale, programs
from resonet.netlist.programming.remedy import Remedy, remedies

__all__ = ["Advice", "PlanPoint", "advise", "random_weights", "trade_off"]

MOST_FILL = 0.98
SAMPLE = 50_000  # resonators of a layer that a point is made from, at most
GAIN = 1.02  # ratio of largest fills from which on a change of the channels is worth its while
LAYOUTS: tuple[dict[str, int], ...] = ({"assign": 1}, {"ends": 2}, {"assign": 1, "ends": 2})  # tried


@dataclass(frozen=True, slots=True)
class PlanPoint:
    """One layer under one plan; errors as part of the layer's largest weight."""

    layer: str
    tile: int
    channels: int  # most tones on one bus
    damping: float
    buses: int
    fill: (
        float  # largest weight that all chains can hold, as part of a resonator's range, up to 0.98; 0: not even 0.098
    )
    rms_formula: float
    rms_coupled: float
    rms_calibrated: float
    source_dbm: float  # largest available power of a tone source at p_max
    resonators: int  # of the layer
    sample: int  # resonators that fill and errors are of


@dataclass(frozen=True, slots=True)
class Advice:
    """What to compile with."""

    settings: tuple[str, ...]  # as --set takes them, those that differ from what is
    tile: int
    held: bool  # whether every layer then holds its weights at the plan's fill
    fill: float  # largest weight, as part of a resonator's range, that all layers can hold with these settings
    fill_before: float  # the same as the plan stands
    products: Products  # on the fullest bus, as the plan stands
    products_after: Products
    remedies: tuple[Remedy, ...]  # where `held` is false: for the layer that is furthest off


def random_weights(cnn: Cnn, seed: int = 0) -> Cnn:
    """The network with uniform random weights, the hardest that a layer may ask for."""
    rng = np.random.default_rng(seed)
    layers = tuple(
        replace(entry, weight=rng.uniform(-1, 1, entry.weight.shape), raised=None, grid=None)
        if isinstance(entry, Synapses)
        else entry
        for entry in cnn.layers
    )
    return replace(cnn, layers=layers)


def _only(cnn: Cnn, layer: str) -> Cnn:
    """The network cut down to one weighted layer."""
    kept = tuple(entry for entry in cnn.synapses if entry.name == layer)
    if not kept:
        possible = ", ".join(entry.name for entry in cnn.synapses)
        raise InputError(f"layer {layer[:60]!r}: no such weighted layer; possible: {possible}")
    return replace(cnn, layers=kept)


def _planned(cnn: Cnn, layer: str, parameters: Parameters, options: PlanOptions, damping: float) -> FrequencyPlan:
    return plan(_only(cnn, layer), replace(parameters.device, damping=damping), parameters.bus, options)


def _sampled(entry: LayerPlan, most: int) -> LayerPlan:
    """A layer with so many of its buses, evenly spread from the first tile to the last, as have `most` resonators."""
    count = max(2, most * len(entry.buses) // entry.resonators)
    if entry.resonators <= most or count >= len(entry.buses):
        return entry
    by_tile = sorted(entry.buses, key=lambda bus: bus.tile)
    taken = np.linspace(0, len(by_tile) - 1, count).round().astype(int)
    return replace(entry, buses=tuple(by_tile[n] for n in taken))


def _largest_fill(planned: FrequencyPlan, entry: LayerPlan, fill: float = MOST_FILL) -> float:
    """Largest fill with the bus circuit's currents."""
    powers = bus_powers(planned, entry)
    alike = {id(power): 0.5 * planned.device.resistance * power for power in powers}
    return largest_fill(entry, planned.device, fill, [alike[id(power)] for power in powers])


def _rms(planned: FrequencyPlan, entry: LayerPlan, programmed: LayerProgram) -> float:
    """RMS weight error of a program in the bus circuit."""
    responses = layer_response(planned, entry, programmed.f_res, linear)
    unit = programmed.weight_scale / planned.device.sensitivity
    errors = [
        ((r.values / unit - bus_weights(entry, bus)) / own_scale(entry, bus)).ravel()
        for bus, r in zip(entry.buses, responses, strict=True)
    ]
    largest = float(np.abs(entry.layer.matrix).max()) or 1.0
    return float(np.sqrt(np.mean(np.concatenate(errors) ** 2))) / largest


def _point(planned: FrequencyPlan, tile: int, sample: int) -> PlanPoint:
    whole, entry = planned.layers[0], _sampled(planned.layers[0], sample)
    made = programs(replace(planned, layers=(entry,)))
    formula, coupled = (made[method].layers[0] for method in COMPILED)
    done = calibrate_layer(planned, entry, coupled, linear, CalibrationOptions())
    more = (whole.resonators / entry.resonators) ** 0.5  # of an error per weight of the whole layer
    return PlanPoint(
        entry.layer.name,
        tile,
        whole.channels,
        planned.device.damping,
        len(whole.buses),
        _largest_fill(planned, entry),
        _rms(planned, entry, formula),
        more * done.rms_before,
        more * done.rms_after,
        source_power(whole, planned),
        whole.resonators,
        entry.resonators,
    )


def trade_off(
    cnn: Cnn,
    given: Parameters,
    layers: Sequence[str],
    tiles: Sequence[int],
    dampings: Sequence[float],
    done: Done = nothing,
    sample: int = SAMPLE,
) -> tuple[PlanPoint, ...]:
    """Points of every layer over tile sizes and dampings, all else as given; `done` is called after each.

    Fill and errors are of at most `sample` resonators of a layer. A tile size that cuts a layer as a smaller one does
    already is left out. Raises InputError.
    """
    check_tone_power(given.device, given.plan.p_max)
    points = []
    for layer in layers:
        for damping in dampings:
            counts: set[int] = set()
            for tile in sorted(tiles):
                planned = _planned(cnn, layer, given, replace(given.plan, tile=tile), damping)
                if planned.layers[0].channels not in counts:
                    counts.add(planned.layers[0].channels)
                    points.append(_point(planned, tile, sample))
                done()
    return tuple(points)


def _fills(cnn: Cnn, layers: Sequence[str], parameters: Parameters, options: PlanOptions, sample: int) -> float:
    """Largest fill that all layers can hold, or so many resonators of each."""
    planned = (_planned(cnn, layer, parameters, options, parameters.device.damping) for layer in layers)
    return min(_largest_fill(each, _sampled(each.layers[0], sample)) for each in planned)


def _worst_layer(cnn: Cnn, layers: Sequence[str], parameters: Parameters, options: PlanOptions) -> tuple[Remedy, ...]:
    """Remedies for the first bus, of the layer with the least range, that cannot hold its weights."""
    planned = [_planned(cnn, layer, parameters, options, parameters.device.damping) for layer in layers]
    weakest = min(planned, key=lambda p: _largest_fill(p, p.layers[0]))
    entry = weakest.layers[0]
    offered = (remedies(weakest, entry, bus, None, options.fill, ideal=False) for bus in entry.buses)
    return next((r for r in offered if r), ())


def _layouts(
    cnn: Cnn, layers: Sequence[str], parameters: Parameters, tile: int, sample: int
) -> tuple[float, float, PlanOptions]:
    """Largest fill with tiles of that size, as the channels stand and as they best stand; and the options for that.

    The channels stay as they are where another layout gains less than 2 %.
    """
    plain = best = replace(parameters.plan, tile=tile)
    before = fill = _fills(cnn, layers, parameters, plain, sample)
    for changes in LAYOUTS if before < MOST_FILL else ():
        tried = replace(plain, **{name: max(value, getattr(plain, name)) for name, value in changes.items()})
        reached = _fills(cnn, layers, parameters, tried, sample)
        if reached > GAIN * fill:
            best, fill = tried, reached
    return before, fill, best


def _tiles(points: Sequence[PlanPoint], damping: float, most_dbm: float) -> list[int]:
    """Tile sizes whose sources stay within the power, the largest first; all of them if none does."""
    here = [p for p in points if p.damping == damping]
    worst = {tile: max(p.source_dbm for p in here if p.tile <= tile) for tile in sorted({p.tile for p in here})}
    return sorted((tile for tile, power in worst.items() if power <= most_dbm), reverse=True) or sorted(worst)[:1]


def _settings(old: PlanOptions, new: PlanOptions) -> tuple[str, ...]:
    """What differs, as --set takes it."""
    names = ("tile", "assign", "ends", "f_max", "fill")
    changed = [(name, getattr(new, name)) for name in names if getattr(new, name) != getattr(old, name)]
    return tuple(f"plan.{n}={v / 1e9:.6g}GHz" if n == "f_max" else f"plan.{n}={v:g}" for n, v in changed)


def advise(
    cnn: Cnn, given: Parameters, points: Sequence[PlanPoint], most_dbm: float = np.inf, sample: int = SAMPLE
) -> Advice:
    """Tile, layout of the channels, f_max and fill to compile with, at the damping given.

    Chosen by `sample` resonators of each layer at most; the fill that is advised, and whether it holds, are of all.

    The largest tile among `points`, with sources of at most `most_dbm`, whose chains all hold their weights at the
    plan's fill; where there is none, the one with the largest fill. Assigned inputs or wider ends where they raise the
    largest fill by 2 % or more. The f_max within 3 % at which second-order products disturb least.
    """
    layers = list(dict.fromkeys(point.layer for point in points))
    tiles = _tiles(points, given.device.damping, most_dbm)
    goal = 0.99 * given.plan.fill
    layouts = []
    for tile in tiles:
        layouts.append(_layouts(cnn, layers, given, tile, sample))
        if layouts[-1][1] >= goal:
            break
    before, _, options = layouts[-1] if layouts[-1][1] >= goal else max(layouts, key=lambda layout: layout[1])
    planned = [_planned(cnn, layer, given, options, given.device.damping) for layer in layers]
    full = max(planned, key=lambda p: p.layers[0].channels)
    bus = full.layers[0].buses[0]
    cleared, now, after = clear_band(full, len(bus.taps), len(bus.outputs))
    every = max(entry.resonators for entry in (p.layers[0] for p in planned))
    moved = _fills(cnn, layers, given, cleared, every)
    if moved < goal <= layouts[-1][1]:
        cleared, after, moved = options, now, layouts[-1][1]
        if every > sample:
            moved = _fills(cnn, layers, given, cleared, every)
    if every > sample:
        before = _fills(cnn, layers, given, replace(given.plan, tile=options.tile), every)
    for frequency_plan in planned:
        check_source_power(frequency_plan, given.neuron.p1db)
    holds = moved >= goal
    final = cleared if holds else replace(cleared, fill=round(max(0.99 * moved, 0.01), 3))
    left = () if holds else _worst_layer(cnn, layers, given, replace(cleared, fill=given.plan.fill))
    return Advice(_settings(given.plan, final), options.tile, holds, moved, before, now, after, left)
