"""Where the devices of a chip stand, for spreads that change over it.

Chains on buses have no layout of their own. They get a regular one: the chains of a bus stand side by side (x, one
every geometry.pitch_x), their resonators along y (one every geometry.pitch_y, the first at the feed), which is a block;
blocks stand in rows, geometry.block_gap apart, layer by layer and bus by bus from left to right, and a row ends where
it is as wide as a square of all blocks would be. A layer under strip lines is a block laid out by its placement.

Tones enter at the foot of their block, neurons are at the foot of their (first) chain.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from resonet.core.types import Array
from resonet.models.line.strip_geometry import Geometry
from resonet.netlist.planning.frequency_plan import LayerPlan

__all__ = ["LayerPositions", "chip_positions"]

Places = tuple[Array, Array]  # x and y, that broadcast against each other


@dataclass(frozen=True, slots=True, eq=False)
class LayerPositions:
    """Of one layer: X and Y from the middle of the chip, with mean(X² + Y²) = 1 over all resonators."""

    resonators: tuple[Places, ...]  # bus by bus: [chains, 1] and [1, resonators]; under strip lines one [resonators]
    tones: Places  # [groups, taps]
    neurons: Places  # [groups, outputs]


def _blocks(entry: LayerPlan, laid: Array | None, g: Geometry) -> list[Places]:
    """X and y of the resonators of each block of a layer, from its own corner, m."""
    if laid is not None:
        return [(laid[:, 0] - laid[:, 0].min(), laid[:, 1] - laid[:, 1].min())]
    sizes = [bus.size for bus in entry.buses]
    return [
        (g.pitch_x * np.arange(chains, dtype=float)[:, None], g.pitch_y * np.arange(size, dtype=float)[None])
        for chains, size in sizes
    ]


def _rows(sizes: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Corners of blocks of these widths and heights, in rows."""
    width = max(math.sqrt(sum(w * h for w, h in sizes)), max(w for w, _ in sizes))
    x = y = high = 0.0
    corners = []
    for w, h in sizes:
        if x and x + w > width * (1 + 1e-12):
            x, y, high = 0.0, y + high, 0.0
        corners.append((x, y))
        x, high = x + w, max(high, h)
    return corners


def chip_positions(
    layers: Sequence[LayerPlan], laid: Mapping[str, Array], geometry: Geometry
) -> dict[str, LayerPositions]:
    """Positions of all devices by layer; `laid` has xyz [resonators, 3] m of the layers under strip lines."""
    gap, pitches = geometry.block_gap, (geometry.pitch_x, geometry.pitch_y)
    blocks = {entry.layer.name: _blocks(entry, laid.get(entry.layer.name), geometry) for entry in layers}
    flat = [block for own in blocks.values() for block in own]
    sizes = [tuple(float(np.max(c)) + p + gap for c, p in zip(block, pitches, strict=True)) for block in flat]
    placed = [(x + dx, y + dy) for (x, y), (dx, dy) in zip(flat, _rows(sizes), strict=True)]  # type: ignore[arg-type]
    counts = [np.broadcast(x, y).size for x, y in placed]
    total = sum(counts)
    middle = [sum(float(p[n].mean()) * c for p, c in zip(placed, counts, strict=True)) / total for n in (0, 1)]
    placed = [(x - middle[0], y - middle[1]) for x, y in placed]
    square = sum(float((x**2).mean() + (y**2).mean()) * c for (x, y), c in zip(placed, counts, strict=True)) / total
    unit = math.sqrt(square) or 1.0
    scaled = iter([(x / unit, y / unit) for x, y in placed])
    found = {}
    for entry in layers:
        own = tuple(next(scaled) for _ in blocks[entry.layer.name])
        on_buses = entry.layer.name not in laid
        found[entry.layer.name] = LayerPositions(own, *(_feet(entry, own) if on_buses else _middle(entry, own)))
    return found


def _feet(entry: LayerPlan, places: Sequence[Places]) -> tuple[Places, Places]:
    """Of tones and neurons of a layer on buses; of several blocks with one of them the first counts."""
    layer = entry.layer
    tones = [np.zeros((layer.groups, layer.taps)) for _ in "xy"]
    neurons = [np.zeros((layer.groups, layer.outputs)) for _ in "xy"]
    for bus, (x, y) in zip(reversed(entry.buses), reversed(places), strict=True):
        tones[0][bus.group, bus.taps], tones[1][bus.group, bus.taps] = x[0, 0], y[0, 0]
        neurons[0][bus.group, bus.outputs], neurons[1][bus.group, bus.outputs] = x[:, 0], y[0, 0]
    return (tones[0], tones[1]), (neurons[0], neurons[1])


def _middle(entry: LayerPlan, places: Sequence[Places]) -> tuple[Places, Places]:
    """Of a layer under strip lines: where the middle of its resonators is."""
    (x, y), layer = places[0], entry.layer
    tones, neurons = np.ones((layer.groups, layer.taps)), np.ones((layer.groups, layer.outputs))
    return (tones * x.mean(), tones * y.mean()), (neurons * x.mean(), neurons * y.mean())
